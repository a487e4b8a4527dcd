package azulejo.kernels.reference;

import azulejo.kernels.Activation;
import azulejo.kernels.Filter;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;

/** Ops on images [B, H, W, C]. */
final class Images {
  private Images() {}

  /** A convolution's weight as the checkpoint has it, [O, I, KH, KW]. */
  record Kernel(Rows rows, int outputs, int inputs, int height, int width) implements Filter {
    Kernel(Tensor weight) {
      int taps = Math.toIntExact(weight.dim(1) * weight.dim(2) * weight.dim(3));
      this(Rows.of(weight.reshape(weight.dim(0), taps)), weight.size(0), weight.size(1), weight.size(2), weight.size(3));
    }

    static Kernel of(Filter filter) {
      if (filter instanceof Kernel kernel) {
        return kernel;
      }
      throw new IllegalArgumentException("the filter belongs to another backend");
    }

    float get(int o, int i, int ky, int kx) {
      return rows.get(o, (i * height + ky) * width + kx);
    }
  }

  /** The rows of an image tensor, found by batch and place. */
  private record Pixels(Rows rows, int batch, int height, int width) {
    static Pixels of(Tensor t) {
      return new Pixels(Rows.of(t), t.size(0), t.size(1), t.size(2));
    }

    int at(int b, int y, int x) {
      return (b * height + y) * width + x;
    }

    boolean contains(int y, int x) {
      return y >= 0 && y < height && x >= 0 && x < width;
    }

    int channels() {
      return rows.columns();
    }
  }

  static void conv2d(Tensor x, Kernel kernel, Rows bias, int stride, Padding padding, Activation activation, Rows residual,
      Tensor out) {
    Pixels from = Pixels.of(x);
    Pixels to = Pixels.of(out);
    for (int b = 0; b < to.batch; b++) {
      for (int py = 0; py < to.height; py++) {
        for (int px = 0; px < to.width; px++) {
          int pixel = to.at(b, py, px);
          for (int o = 0; o < kernel.outputs(); o++) {
            double sum = bias == null ? 0 : bias.get(0, o);
            for (int ky = 0; ky < kernel.height(); ky++) {
              for (int kx = 0; kx < kernel.width(); kx++) {
                int sy = py * stride + ky - padding.top();
                int sx = px * stride + kx - padding.left();
                for (int i = 0; i < kernel.inputs() && from.contains(sy, sx); i++) {
                  sum += (double) from.rows.get(from.at(b, sy, sx), i) * kernel.get(o, i, ky, kx);
                }
              }
            }
            double value = Pointwise.activation(activation, sum);
            to.rows.set(pixel, o, residual == null ? value : value + residual.get(pixel, o));
          }
        }
      }
    }
  }

  static void depthwiseConv2d(Tensor x, Tensor weight, Rows bias, Tensor out) {
    Pixels from = Pixels.of(x);
    Pixels to = Pixels.of(out);
    Kernel kernel = new Kernel(weight);
    for (int b = 0; b < to.batch; b++) {
      for (int py = 0; py < to.height; py++) {
        for (int px = 0; px < to.width; px++) {
          for (int c = 0; c < to.channels(); c++) {
            double sum = bias == null ? 0 : bias.get(0, c);
            for (int ky = 0; ky < kernel.height(); ky++) {
              for (int kx = 0; kx < kernel.width(); kx++) {
                int sy = py + ky - kernel.height() / 2;
                int sx = px + kx - kernel.width() / 2;
                if (from.contains(sy, sx)) {
                  sum += (double) from.rows.get(from.at(b, sy, sx), c) * kernel.get(c, 0, ky, kx);
                }
              }
            }
            to.rows.set(to.at(b, py, px), c, sum);
          }
        }
      }
    }
  }

  static void pool2d(Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    Pixels from = Pixels.of(x);
    Pixels to = Pixels.of(out);
    for (int b = 0; b < to.batch; b++) {
      for (int py = 0; py < to.height; py++) {
        for (int px = 0; px < to.width; px++) {
          int top = py * stride - padding.top();
          int left = px * stride - padding.left();
          for (int c = 0; c < to.channels(); c++) {
            double largest = Double.NEGATIVE_INFINITY;
            double sum = 0;
            int pixels = 0;
            for (int sy = Math.max(0, top); sy < Math.min(from.height, top + height); sy++) {
              for (int sx = Math.max(0, left); sx < Math.min(from.width, left + width); sx++) {
                float value = from.rows.get(from.at(b, sy, sx), c);
                largest = Math.max(largest, value);
                sum += value;
                pixels++;
              }
            }
            to.rows.set(to.at(b, py, px), c, pooling == Pooling.MAX ? largest : sum / pixels);
          }
        }
      }
    }
  }

  static void upsample(Tensor x, Tensor out) {
    Pixels from = Pixels.of(x);
    Pixels to = Pixels.of(out);
    for (int b = 0; b < to.batch; b++) {
      for (int py = 0; py < to.height; py++) {
        for (int px = 0; px < to.width; px++) {
          for (int c = 0; c < to.channels(); c++) {
            to.rows.set(to.at(b, py, px), c, from.rows.get(from.at(b, py / 2, px / 2), c));
          }
        }
      }
    }
  }

  static void depthToSpace(Tensor x, Tensor out) {
    Pixels from = Pixels.of(x);
    Pixels to = Pixels.of(out);
    for (int b = 0; b < to.batch; b++) {
      for (int py = 0; py < to.height; py++) {
        for (int px = 0; px < to.width; px++) {
          int cell = (py % 2 * 2 + px % 2) * to.channels();
          for (int c = 0; c < to.channels(); c++) {
            to.rows.set(to.at(b, py, px), c, from.rows.get(from.at(b, py / 2, px / 2), cell + c));
          }
        }
      }
    }
  }
}
