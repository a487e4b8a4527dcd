package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class ChecksTest {
  /** A fused projection [B, T, 2C]. */
  private final Tensor fused = tensor(DType.F32, 2, 3, 8);

  @Test
  void theMessageSaysWhatShouldBeAndWhatIs() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Checks.upsample(tensor(DType.F32, 1, 2, 3, 4), tensor(DType.F32, 1, 4, 3, 4)))
        .withMessage("upsample: out should be F32 [1, 4, 6, 4], is F32 [1, 4, 3, 4]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Checks.openCells(tensor(DType.F32, 1, 2), tensor(DType.I32, 1, 2), tensor(DType.I32, 1)))
        .withMessage("openCells: grid should be I32 [*, *], is F32 [1, 2]");
  }

  @Test
  void rowsMustBeEvenlySpaced() {
    Tensor x = fused.slice(1, 0, 2);
    assertThatIllegalArgumentException().isThrownBy(() -> Checks.activate(x, x)).withMessageContaining("not evenly spaced");
    Checks.attention(x, x, x, 2, AttentionMask.NONE, null, null, tensor(DType.F32, 2, 2, 8));
  }

  @Test
  void anOutputMayBeTheInputButNotReachIntoIt() {
    Checks.activate(fused, fused);
    Tensor left = fused.slice(2, 0, 4);
    Checks.activate(left, left);
    assertOverlap(() -> Checks.activate(left, fused.slice(2, 1, 4)));
    assertOverlap(() -> Checks.activate(fused.slice(0, 0, 1).reshape(3, 8).slice(0, 0, 2), fused.slice(0, 0, 1).reshape(3, 8).slice(0, 1, 2)));
    assertOverlap(() -> Checks.copy(fused, fused));
  }

  @Test
  void partsOfOneBufferThatShareNoElementAreApart() {
    assertThatCode(() -> Checks.activate(fused.slice(2, 0, 4), fused.slice(2, 4, 4))).doesNotThrowAnyException();
    assertThatCode(() -> Checks.activate(fused.slice(0, 0, 1), fused.slice(0, 1, 1))).doesNotThrowAnyException();
    assertThatCode(() -> Checks.activate(fused.slice(0, 0, 0), fused.slice(0, 1, 0))).doesNotThrowAnyException();
  }

  @Test
  void aResidualMayBeTheOutput() {
    Matrix weight = new Matrix() {
      @Override
      public int outputs() {
        return 8;
      }

      @Override
      public int inputs() {
        return 5;
      }
    };
    Tensor x = tensor(DType.F32, 2, 3, 5);
    Checks.linear(x, weight, null, fused, fused);
    Tensor wide = tensor(DType.F32, 2, 3, 9);
    assertOverlap(() -> Checks.linear(x, weight, null, wide.slice(2, 0, 8), wide.slice(2, 1, 8)));
  }

  @Test
  void convolutionWantsTheSizeThatPyTorchGives() {
    Filter filter = new Filter() {
      @Override
      public int outputs() {
        return 2;
      }

      @Override
      public int inputs() {
        return 4;
      }

      @Override
      public int height() {
        return 3;
      }

      @Override
      public int width() {
        return 3;
      }
    };
    Tensor x = tensor(DType.F32, 1, 7, 8, 4);
    Checks.conv2d(x, filter, null, 2, new Padding(0, 0, 1, 1), null, tensor(DType.F32, 1, 3, 4, 2));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Checks.conv2d(x, filter, null, 2, Padding.same(1), null, tensor(DType.F32, 1, 3, 4, 2)))
        .withMessage("conv2d: out should be F32 [1, 4, 4, 2], is F32 [1, 3, 4, 2]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Checks.conv2d(tensor(DType.F32, 1, 2, 8, 4), filter, null, 1, Padding.NONE, null, x))
        .withMessageStartingWith("conv2d: the filter is larger than x");
  }

  private static void assertOverlap(ThrowingCallable call) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining("overlaps");
  }

  private static Tensor tensor(DType dtype, long... dims) {
    Shape shape = Shape.of(dims);
    long bytes = shape.elements() * dtype.bytes();
    Buffer buffer = new Buffer() {
      @Override
      public long byteSize() {
        return bytes;
      }
    };
    return Tensor.dense(buffer, dtype, shape);
  }
}
