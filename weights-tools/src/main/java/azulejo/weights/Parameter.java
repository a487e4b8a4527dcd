package azulejo.weights;

import azulejo.kernels.Shape;

/** A tensor of a random checkpoint: its elements are drawn around {@code mean} with this standard deviation. */
record Parameter(String name, Shape shape, float mean, float deviation) {}
