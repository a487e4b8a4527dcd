package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Activation;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Padding;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The convolution against its definition in double, and what must not change a bit of it. With 16, 32, 64... inputs 3 x 3 is Winograd's. */
@Tag("lanes")
class Conv2dTest {
  private static final Arena ARENA = Arena.ofShared();
  private static final Workers TWO = new Workers(2);

  @AfterAll
  static void close() {
    TWO.close();
    ARENA.close();
  }

  /** Pixels lie a few floats apart, and poison between them, so that a stray read or write shows. */
  private static final class Case {
    final int batch;
    final int height;
    final int width;
    final int inputs;
    final int outputs;
    final int kh;
    final int kw;
    final int stride;
    final Padding padding;
    final int xStride;
    final int outStride;
    final float[] weight;
    final MemorySegment x;
    final MemorySegment bias;
    final MemorySegment residual;
    final Conv2d.Packed filter;
    final int outHeight;
    final int outWidth;

    Case(int batch, int height, int width, int inputs, int outputs, int kh, int kw, int stride, Padding padding, int gap) {
      this.batch = batch;
      this.height = height;
      this.width = width;
      this.inputs = inputs;
      this.outputs = outputs;
      this.kh = kh;
      this.kw = kw;
      this.stride = stride;
      this.padding = padding;
      xStride = inputs + gap;
      outStride = outputs + gap;
      outHeight = (height + padding.top() + padding.bottom() - kh) / stride + 1;
      outWidth = (width + padding.left() + padding.right() - kw) / stride + 1;
      Random random = new Random(inputs * 31L + outputs);
      weight = floats(random, outputs * inputs * kh * kw);
      float[] pixels = floats(random, batch * height * width * xStride);
      for (int i = 0; i < pixels.length; i++) {
        if (i % xStride >= inputs) {
          pixels[i] = Float.NaN;
        }
      }
      x = memory(pixels);
      bias = memory(floats(random, outputs));
      residual = memory(floats(random, batch * outHeight * outWidth * outStride));
      filter = Conv2d.pack(TWO, ARENA, HostTensor.of("w", weight, outputs, inputs, kh, kw));
    }

    MemorySegment run(Workers workers) {
      return run(workers, 0, batch, memory(new float[batch * outHeight * outWidth * outStride]), residual);
    }

    MemorySegment run(Workers workers, int image, int images, MemorySegment out, MemorySegment residual) {
      long in = 4L * image * height * width * xStride;
      long to = 4L * image * outHeight * outWidth * outStride;
      var windows = new Conv2d.Windows(x.address() + in, xStride, images, height, width, inputs, kh, kw, stride, padding);
      assertThat(windows.outHeight()).isEqualTo(outHeight);
      assertThat(windows.outWidth()).isEqualTo(outWidth);
      Conv2d.conv2d(workers, windows, filter,
          new Gemm.Epilogue(bias.address(), Activation.NONE, residual.address() + to, outStride, out.address() + to, outStride));
      return out;
    }

    void check() {
      MemorySegment out = run(TWO);
      int taps = inputs * kh * kw;
      double tolerance = 0x1p-23 * (taps + 8); // as for a product of that length
      for (int p = 0; p < batch * outHeight * outWidth; p++) {
        for (int o = 0; o < outStride; o++) {
          double expected = o < outputs ? expected(p, o) : 0;
          float actual = at(out, p * outStride + o);
          if (!(Math.abs(actual - expected) <= tolerance)) {
            assertThat((double) actual).as("pixel %d, output %d", p, o).isCloseTo(expected, within(tolerance));
          }
        }
      }
    }

    private double expected(int pixel, int o) {
      int left = pixel % outWidth * stride - padding.left();
      int top = pixel / outWidth % outHeight * stride - padding.top();
      int image = pixel / outWidth / outHeight;
      double sum = (double) at(bias, o) + at(residual, pixel * outStride + o);
      for (int y = Math.max(0, -top); y < kh && top + y < height; y++) {
        for (int z = Math.max(0, -left); z < kw && left + z < width; z++) {
          for (int i = 0; i < inputs; i++) {
            sum += (double) at(x, ((image * height + top + y) * width + left + z) * xStride + i)
                * weight[((o * inputs + i) * kh + y) * kw + z];
          }
        }
      }
      return sum;
    }
  }

  private static float[] floats(Random random, int count) {
    float[] f = new float[count];
    for (int i = 0; i < count; i++) {
      f[i] = random.nextFloat() * 2 - 1;
    }
    return f;
  }

  private static MemorySegment memory(float[] values) {
    return ARENA.allocateFrom(ValueLayout.JAVA_FLOAT, values);
  }

  private static float at(MemorySegment s, int i) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 128", "128, 3", "5, 7", "13, 96", "65, 64", "129, 33", "200, 130", "16, 17", "64, 65", "96, 64", "528, 48", "528, 513"})
  void threeByThreeAgreesWithItsDefinition(int inputs, int outputs) {
    for (int gap : new int[] {0, 3}) {
      new Case(1, 16, 16, inputs, outputs, 3, 3, 1, Padding.same(1), gap).check();
      new Case(2, 7, 5, inputs, outputs, 3, 3, 1, Padding.same(1), gap).check();
      new Case(1, 1, 1, inputs, outputs, 3, 3, 1, Padding.same(1), gap).check();
    }
  }

  @ParameterizedTest
  @CsvSource({"3, 16", "17, 5", "70, 70", "32, 40"})
  void otherShapesStridesAndPaddingsAgreeToo(int inputs, int outputs) {
    for (int gap : new int[] {0, 5}) {
      new Case(2, 8, 6, inputs, outputs, 3, 3, 2, new Padding(0, 0, 1, 1), gap).check();
      new Case(1, 9, 13, inputs, outputs, 1, 1, 1, Padding.NONE, gap).check();
      new Case(1, 9, 13, inputs, outputs, 1, 1, 2, Padding.NONE, gap).check();
      new Case(1, 6, 7, inputs, outputs, 1, 1, 1, Padding.same(1), gap).check();
      new Case(1, 8, 8, inputs, outputs, 4, 4, 2, Padding.same(1), gap).check();
      new Case(1, 8, 8, inputs, outputs, 4, 4, 4, Padding.NONE, gap).check();
      new Case(1, 5, 9, inputs, outputs, 5, 3, 1, new Padding(2, 1, 2, 1), gap).check();
      new Case(1, 6, 9, inputs, outputs, 3, 4, 3, new Padding(1, 2, 0, 3), gap).check();
      new Case(1, 3, 3, inputs, outputs, 7, 7, 1, Padding.same(3), gap).check();
      new Case(1, 2, 2, inputs, outputs, 3, 3, 1, Padding.same(4), gap).check();
    }
  }

  @Test
  void mayWriteOverItsResidual() {
    for (int inputs : new int[] {70, 64}) {
      Case c = new Case(2, 9, 10, inputs, 70, 3, 3, 1, Padding.same(1), 0);
      MemorySegment apart = c.run(TWO);
      MemorySegment over = ARENA.allocate(c.residual.byteSize(), 4).copyFrom(c.residual);
      c.run(TWO, 0, c.batch, over, over);
      assertThat(over.mismatch(apart)).isEqualTo(-1);
    }
  }

  @Test
  void anImageDoesNotDependOnTheImagesBesideIt() {
    for (int inputs : new int[] {70, 64}) {
      Case c = new Case(5, 9, 11, inputs, 130, 3, 3, 1, Padding.same(1), 2);
      MemorySegment whole = c.run(TWO);
      MemorySegment apart = memory(new float[(int) (whole.byteSize() / 4)]);
      for (int b = 0; b < c.batch; b++) {
        c.run(TWO, b, 1, apart, c.residual);
      }
      assertThat(apart.mismatch(whole)).isEqualTo(-1);
    }
  }

  @Test
  void theNumberOfThreadsChangesNothing() {
    for (int inputs : new int[] {70, 64}) {
      Case c = new Case(1, 30, 31, inputs, 200, 3, 3, 1, Padding.same(1), 0);
      MemorySegment two = c.run(TWO);
      for (int threads : new int[] {1, 3, 5}) {
        try (Workers workers = new Workers(threads)) {
          assertThat(c.run(workers).mismatch(two)).as("%d threads", threads).isEqualTo(-1);
        }
      }
    }
  }

  @Test
  void hotCodeGivesTheBitsOfColdCode() {
    for (int inputs : new int[] {70, 64}) {
      Case c = new Case(1, 12, 13, inputs, 70, 3, 3, 1, Padding.same(1), 0);
      MemorySegment cold = c.run(TWO);
      for (int i = 0; i < 300; i++) {
        c.run(TWO);
      }
      assertThat(c.run(TWO).mismatch(cold)).isEqualTo(-1);
    }
  }

  @Test
  void refusesWhatIsNoFilter() {
    assertThatThrownBy(() -> Conv2d.pack(TWO, ARENA, HostTensor.of("w", new float[8], 2, 2, 2)))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("[O, I, KH, KW]");
  }
}
