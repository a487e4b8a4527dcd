package azulejo.models.perceptual;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Conv;
import azulejo.runtime.checkpoint.Weights;
import java.util.ArrayList;
import java.util.List;

/**
 * The convolutions of a torchvision classifier, up to the last one that LPIPS looks at.
 *
 * <p>Follows torchvision's {@code models/alexnet.py}, {@code vgg.py} (VGG16) and {@code squeezenet.py} (1.1), cut as in the {@code
 * pretrained_networks.py} of LPIPS. Tensor names are torchvision's: {@code features.<index>.weight}.
 */
final class Trunk {
  private sealed interface Layer {
    /** Output channels. */
    int channels();
  }

  private record Convolution(Conv conv, int stride, int padding) implements Layer {
    @Override
    public int channels() {
      return conv.filter().outputs();
    }
  }

  /** @param ceil whether windows that reach past the lower and the right border count */
  private record MaxPool(int size, int stride, boolean ceil, int channels) implements Layer {}

  /** A squeezed input, convolved by 1x1 and 3x3, both side by side. */
  private record Fire(Conv squeeze, Conv expand1, Conv expand3) implements Layer {
    @Override
    public int channels() {
      return expand1.filter().outputs() + expand3.filter().outputs();
    }
  }

  private final Backend b;
  private final List<Layer> layers = new ArrayList<>();
  /** After how many layers LPIPS looks. */
  private final List<Integer> taps = new ArrayList<>();

  /** @param w with the tensors below {@code features} */
  Trunk(Lpips.Net net, Weights w) {
    b = w.backend();
    switch (net) {
      case ALEX -> alex(w);
      case VGG -> vgg(w);
      case SQUEEZE -> squeeze(w);
    }
  }

  private void alex(Weights w) {
    convolution(w, 0, 64, 3, 11, 4, 2);
    tap();
    pool(3, 2, false);
    convolution(w, 3, 192, 64, 5, 1, 2);
    tap();
    pool(3, 2, false);
    convolution(w, 6, 384, 192, 3, 1, 1);
    tap();
    convolution(w, 8, 256, 384, 3, 1, 1);
    tap();
    convolution(w, 10, 256, 256, 3, 1, 1);
    tap();
  }

  private void vgg(Weights w) {
    int[][] blocks = {{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}};
    int index = 0;
    int inputs = 3;
    for (int[] block : blocks) {
      if (index > 0) {
        pool(2, 2, false);
        index++;
      }
      for (int outputs : block) {
        convolution(w, index, outputs, inputs, 3, 1, 1);
        inputs = outputs;
        index += 2;
      }
      tap();
    }
  }

  private void squeeze(Weights w) {
    convolution(w, 0, 64, 3, 3, 2, 0);
    tap();
    pool(3, 2, true);
    fire(w, 3, 16, 64);
    fire(w, 4, 16, 64);
    tap();
    pool(3, 2, true);
    fire(w, 6, 32, 128);
    fire(w, 7, 32, 128);
    tap();
    pool(3, 2, true);
    fire(w, 9, 48, 192);
    tap();
    fire(w, 10, 48, 192);
    tap();
    fire(w, 11, 64, 256);
    tap();
    fire(w, 12, 64, 256);
    tap();
  }

  private void convolution(Weights w, int index, int outputs, int inputs, int size, int stride, int padding) {
    layers.add(new Convolution(Conv.load(w, Integer.toString(index), outputs, inputs, size), stride, padding));
  }

  private void pool(int size, int stride, boolean ceil) {
    layers.add(new MaxPool(size, stride, ceil, layers.getLast().channels()));
  }

  private void fire(Weights w, int index, int squeezed, int expanded) {
    Weights fire = w.at(index);
    layers.add(new Fire(Conv.load(fire, "squeeze", squeezed, layers.getLast().channels(), 1), Conv.load(fire, "expand1x1", expanded, squeezed, 1),
        Conv.load(fire, "expand3x3", expanded, squeezed, 3)));
  }

  private void tap() {
    taps.add(layers.size());
  }

  /** The channels of each output. */
  List<Integer> channels() {
    return taps.stream().map(tap -> layers.get(tap - 1).channels()).toList();
  }

  /** What LPIPS looks at: x [B, H, W, 3], outputs [B, h, w, C] that belong to the caller's scope. */
  List<Tensor> forward(Tensor x) {
    List<Tensor> outputs = new ArrayList<>();
    for (int i = 0; i < layers.size(); i++) {
      x = switch (layers.get(i)) {
        case Convolution(Conv conv, int stride, int padding) -> convolve(conv, x, stride, padding);
        case MaxPool pool -> pool(pool, x);
        case Fire(Conv squeeze, Conv expand1, Conv expand3) -> {
          Tensor squeezed = convolve(squeeze, x, 1, 0);
          Tensor out = b.alloc(DType.F32, x.dim(0), x.dim(1), x.dim(2), layers.get(i).channels());
          int first = expand1.filter().outputs();
          expand1.relu(b, squeezed, 1, Padding.NONE, out.slice(3, 0, first));
          expand3.relu(b, squeezed, 1, Padding.same(1), out.slice(3, first, expand3.filter().outputs()));
          yield out;
        }
      };
      if (taps.contains(i + 1)) {
        outputs.add(x);
      }
    }
    return outputs;
  }

  private Tensor convolve(Conv conv, Tensor x, int stride, int padding) {
    int size = conv.filter().height();
    Tensor out = b.alloc(DType.F32, x.dim(0), (x.dim(1) + 2L * padding - size) / stride + 1, (x.dim(2) + 2L * padding - size) / stride + 1,
        conv.filter().outputs());
    conv.relu(b, x, stride, Padding.same(padding), out);
    return out;
  }

  private Tensor pool(MaxPool pool, Tensor x) {
    int below = pool.ceil ? beyond(x.size(1), pool) : 0;
    int right = pool.ceil ? beyond(x.size(2), pool) : 0;
    Tensor out = b.alloc(DType.F32, x.dim(0), (x.dim(1) + below - pool.size) / pool.stride + 1, (x.dim(2) + right - pool.size) / pool.stride + 1, x.dim(3));
    b.pool2d(Pooling.MAX, x, pool.size, pool.size, pool.stride, new Padding(0, 0, below, right), out);
    return out;
  }

  /** How far the last window reaches past the border in PyTorch's ceil mode. */
  private static int beyond(int side, MaxPool pool) {
    return Math.ceilDiv(side - pool.size, pool.stride) * pool.stride + pool.size - side;
  }
}
