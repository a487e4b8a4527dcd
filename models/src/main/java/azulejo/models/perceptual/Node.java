package azulejo.models.perceptual;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;
import java.util.List;

/** What classifiers are put together from: maps images [B, H, W, I] to images [B, h, w, channels]. */
sealed interface Node {
  int channels();

  /** The height that images of a height have behind this. */
  int height(int height);

  int width(int width);

  /** out as {@link #apply} allocates it, perhaps a slice of the channels of a wider one. */
  void forward(Backend b, Tensor x, Tensor out);

  /** {@link #forward} into a new tensor of the innermost scope. */
  default Tensor apply(Backend b, Tensor x) {
    Tensor out = b.alloc(DType.F32, x.dim(0), height(x.size(1)), width(x.size(2)), channels());
    forward(b, x, out);
    return out;
  }

  /**
   * A convolution and a ReLU.
   *
   * @param bias [O]
   * @param down padding above and below
   * @param across padding on the left and the right
   */
  record Unit(Filter filter, Tensor bias, int stride, int down, int across) implements Node {
    @Override
    public int channels() {
      return filter.outputs();
    }

    @Override
    public int height(int height) {
      return (height + 2 * down - filter.height()) / stride + 1;
    }

    @Override
    public int width(int width) {
      return (width + 2 * across - filter.width()) / stride + 1;
    }

    @Override
    public void forward(Backend b, Tensor x, Tensor out) {
      b.conv2d(x, filter, bias, stride, new Padding(down, across, down, across), Activation.RELU, null, out);
    }
  }

  /**
   * Square windows.
   *
   * @param padding on each side, which takes no part
   * @param ceil whether a window that reaches past the lower or the right border counts, PyTorch's {@code ceil_mode}
   */
  record Pool(Pooling pooling, int size, int stride, int padding, boolean ceil, int channels) implements Node {
    static Pool max(int size, int stride, boolean ceil, int channels) {
      return new Pool(Pooling.MAX, size, stride, 0, ceil, channels);
    }

    @Override
    public int height(int side) {
      return (side + 2 * padding + beyond(side) - size) / stride + 1;
    }

    @Override
    public int width(int side) {
      return height(side);
    }

    /** How far the last window reaches past the padding. */
    private int beyond(int side) {
      int room = side + 2 * padding - size;
      return ceil ? Math.ceilDiv(room, stride) * stride - room : 0;
    }

    @Override
    public void forward(Backend b, Tensor x, Tensor out) {
      b.pool2d(pooling, x, size, size, stride, new Padding(padding, padding, padding + beyond(x.size(1)), padding + beyond(x.size(2))), out);
    }
  }

  /** One after the other. */
  record Chain(List<Node> nodes) implements Node {
    static Chain of(Node... nodes) {
      return new Chain(List.of(nodes));
    }

    @Override
    public int channels() {
      return nodes.getLast().channels();
    }

    @Override
    public int height(int height) {
      for (Node node : nodes) {
        height = node.height(height);
      }
      return height;
    }

    @Override
    public int width(int width) {
      for (Node node : nodes) {
        width = node.width(width);
      }
      return width;
    }

    @Override
    public void forward(Backend b, Tensor x, Tensor out) {
      try (Backend.Scope _ = b.scope()) {
        for (Node node : nodes.subList(0, nodes.size() - 1)) {
          x = node.apply(b, x);
        }
        nodes.getLast().forward(b, x, out);
      }
    }
  }

  /** Side by side, their channels one after the other. */
  record Concat(List<Node> nodes) implements Node {
    static Concat of(Node... nodes) {
      return new Concat(List.of(nodes));
    }

    @Override
    public int channels() {
      return nodes.stream().mapToInt(Node::channels).sum();
    }

    @Override
    public int height(int height) {
      return nodes.getFirst().height(height);
    }

    @Override
    public int width(int width) {
      return nodes.getFirst().width(width);
    }

    @Override
    public void forward(Backend b, Tensor x, Tensor out) {
      int from = 0;
      for (Node node : nodes) {
        node.forward(b, x, out.slice(3, from, node.channels()));
        from += node.channels();
      }
    }
  }
}
