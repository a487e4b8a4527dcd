package azulejo.kernels;

/** The two sources of randomness of a generation; each has its own seed, so that one can be frozen while the other varies. */
public enum Stream {
  /** Which token a position gets: the execution, Z given P and X. */
  DRAW,
  /** Which positions are settled at a step: the path, P given X. */
  PATH
}
