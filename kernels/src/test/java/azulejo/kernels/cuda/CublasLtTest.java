package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.DType;
import azulejo.kernels.DeviceException;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The calls of cuBLASLt, against a stand-in that takes matrices column by column as cuBLAS does and refuses attributes and layouts that the library has not. */
class CublasLtTest extends EmulatedDeviceTest {
  private static final int M = 3;
  private static final int N = 5;
  private static final int K = 7;
  private static final int STRIDE_X = 9;
  private static final int STRIDE_WEIGHT = 8;
  private static final int STRIDE_OUT = 6;

  private CublasLt cublas;

  @BeforeEach
  void open() {
    cublas = new CublasLt(device.library(), device.driver(), 0);
  }

  @AfterEach
  void close() {
    if (cublas != null) {
      cublas.close();
    }
  }

  @ParameterizedTest
  @EnumSource(value = DType.class, names = {"F32", "F16", "BF16"})
  void multipliesRowsByRows(DType dtype) {
    Driver driver = device.driver();
    Random random = new Random(1);
    float[] x = values(random, M * STRIDE_X, dtype);
    float[] weight = values(random, N * STRIDE_WEIGHT, dtype);
    long xs = upload(driver, x, dtype);
    long weights = upload(driver, weight, dtype);
    long out = driver.allocate(M * STRIDE_OUT * Float.BYTES, "out", "");
    CublasLt.Shape shape = new CublasLt.Shape(M, N, K, STRIDE_X, STRIDE_WEIGHT, STRIDE_OUT, dtype);
    cublas.prepare(shape);
    cublas.multiply(shape, xs, weights, out);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(M * STRIDE_OUT * Float.BYTES, 4);
      driver.download(out, result);
      for (int m = 0; m < M; m++) {
        for (int n = 0; n < N; n++) {
          double sum = 0;
          for (int k = 0; k < K; k++) {
            sum += x[m * STRIDE_X + k] * weight[n * STRIDE_WEIGHT + k];
          }
          // seven roundings of sums below 7
          assertThat((double) result.getAtIndex(ValueLayout.JAVA_FLOAT, m * STRIDE_OUT + n)).isCloseTo(sum, org.assertj.core.data.Offset.offset(7 * 7 * 0x1p-24));
        }
      }
    }
  }

  /** Numbers that the type holds exactly. */
  private static float[] values(Random random, int count, DType dtype) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      float x = 2 * random.nextFloat() - 1;
      values[i] = dtype == DType.F16 ? Float.float16ToFloat(Float.floatToFloat16(x)) : dtype == DType.BF16 ? WeightFormat.bf16ToFloat(WeightFormat.floatToBf16(x)) : x;
    }
    return values;
  }

  private static long upload(Driver driver, float[] values, DType dtype) {
    long address = driver.allocate((long) values.length * dtype.bytes(), "values", "");
    if (dtype == DType.F32) {
      driver.upload(MemorySegment.ofArray(values), address);
    } else {
      short[] bits = new short[values.length];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = dtype == DType.F16 ? Float.floatToFloat16(values[i]) : WeightFormat.floatToBf16(values[i]);
      }
      driver.upload(MemorySegment.ofArray(bits), address);
    }
    return address;
  }

  @Test
  void aRefusalNamesTheCall() {
    device.configure(8L << 30, 1, "cublasLtMatmul", 0);
    CublasLt.Shape shape = new CublasLt.Shape(M, N, K, K, K, N, DType.F32);
    cublas.prepare(shape);
    assertThatThrownBy(() -> cublas.multiply(shape, 0, 0, 0)).isInstanceOf(DeviceException.class)
        .hasMessage("cublasLtMatmul failed with cublasStatus 999");
  }
}
