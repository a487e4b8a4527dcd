package azulejo.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import azulejo.kernels.Backend;
import azulejo.kernels.Buffer;
import azulejo.kernels.DType;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CpuMemoryTest {
  private final CpuMemory memory = new CpuMemory();

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void everyAllocationIsAlignedAndApartFromTheOthers() {
    Random random = new Random(1);
    long end = 0;
    try (Backend.Scope _ = memory.scope()) {
      for (int i = 0; i < 200; i++) {
        long bytes = random.nextInt(5000);
        MemorySegment s = segment(bytes);
        assertThat(s.address() % CpuMemory.ALIGNMENT).isZero();
        assertThat(s.byteSize()).isEqualTo(bytes);
        assertThat(s.address()).isGreaterThanOrEqualTo(end);
        end = s.address() + bytes;
      }
    }
  }

  @Test
  void aStepThatRepeatsTakesNoFurtherMemory() {
    long afterFirst = 0;
    for (int step = 0; step < 5; step++) {
      try (Backend.Scope _ = memory.scope()) {
        segment(3 << 20);
        for (int layer = 0; layer < 4; layer++) {
          try (Backend.Scope _ = memory.scope()) {
            segment(100_000);
            segment((layer + 1) << 20);
          }
        }
      }
      afterFirst = step == 0 ? memory.reserved() : afterFirst;
    }
    assertThat(memory.reserved()).isEqualTo(afterFirst);
  }

  @Test
  void whatLiesOutsideAScopeKeepsItsContents() {
    MemorySegment kept = segment(64);
    kept.fill((byte) 7);
    for (int i = 0; i < 3; i++) {
      try (Backend.Scope _ = memory.scope()) {
        segment(2 << 20).fill((byte) 9);
        segment(64).fill((byte) 9);
      }
    }
    assertThat(kept.toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
  }

  @Test
  void scopesCloseInnermostFirstAndOnce() {
    Backend.Scope outer = memory.scope();
    Backend.Scope inner = memory.scope();
    assertThatIllegalStateException().isThrownBy(outer::close).withMessage("a scope inside this one is still open");
    inner.close();
    assertThatIllegalStateException().isThrownBy(inner::close).withMessage("the scope is closed already");
    outer.close();
  }

  @Test
  void aTensorDiesWithItsScope() {
    Backend.Scope scope = memory.scope();
    Tensor t = tensor(memory.alloc(16), 4);
    scope.close();
    assertThatIllegalStateException().isThrownBy(() -> CpuBuffer.data(t)).withMessage("the tensor's scope is closed");
  }

  @Test
  void useAfterCloseThrows() {
    Tensor t = tensor(memory.alloc(16), 4);
    MemorySegment data = CpuBuffer.data(t);
    Backend.Scope scope = memory.scope();
    memory.close();
    assertThatIllegalStateException().isThrownBy(() -> CpuBuffer.data(t)).withMessage("the backend is closed");
    assertThatIllegalStateException().isThrownBy(() -> data.get(ValueLayout.JAVA_INT, 0));
    assertThatIllegalStateException().isThrownBy(() -> memory.alloc(1)).withMessage("the backend is closed");
    assertThatIllegalStateException().isThrownBy(memory::scope).withMessage("the backend is closed");
    scope.close();
    memory.close();
  }

  @Test
  void dataOfAViewEndsWithItsLastElement() {
    Tensor t = Tensor.dense(memory.alloc(4 * 6 * 4), DType.F32, Shape.of(4, 6)).slice(0, 1, 2).slice(1, 2, 3);
    assertThat(CpuBuffer.data(t).byteSize()).isEqualTo((6 + 3) * 4);
  }

  @Test
  void anotherBackendsTensorIsRefused() {
    Buffer elsewhere = () -> 16;
    assertThatIllegalArgumentException().isThrownBy(() -> CpuBuffer.data(tensor(elsewhere, 4))).withMessageContaining("another backend");
  }

  private MemorySegment segment(long bytes) {
    return CpuBuffer.data(Tensor.dense(memory.alloc(bytes), DType.U8, Shape.of(bytes)));
  }

  private static Tensor tensor(Buffer buffer, long elements) {
    return Tensor.dense(buffer, DType.F32, Shape.of(elements));
  }
}
