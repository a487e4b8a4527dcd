package azulejo.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import azulejo.kernels.DType;
import azulejo.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Map;

/**
 * NVIDIA's library of matrix products, through the JDK's foreign functions: {@code out = x weight^T}, x [M, K] and weight [N, K] of one type, out F32 [M, N],
 * sums in f32. Its matrices lie column by column, so it is asked for {@code out^T = weight x^T}, which is the same memory.
 *
 * <p>Constants are those of {@code cublasLt.h}, {@code cublas_api.h} and {@code library_types.h}.
 */
final class CublasLt implements AutoCloseable {
  private static final int COMPUTE_32F = 68;
  private static final int R_32F = 0;
  private static final int R_16F = 2;
  private static final int R_16BF = 14;
  private static final int DESC_TRANSA = 3;
  private static final int TRANSPOSED = 1;
  private static final int PREF_MAX_WORKSPACE_BYTES = 1;
  /** A heuristic's result begins with the algorithm of 64 bytes and the workspace that it needs. */
  private static final int RESULT_BYTES = 96;
  private static final int ALGORITHM_BYTES = 64;
  /** As NVIDIA recommends for Hopper. */
  static final long WORKSPACE = 32L << 20;

  private final MethodHandle create;
  private final MethodHandle destroy;
  private final MethodHandle descCreate;
  private final MethodHandle descDestroy;
  private final MethodHandle descSetAttribute;
  private final MethodHandle layoutCreate;
  private final MethodHandle layoutDestroy;
  private final MethodHandle preferenceCreate;
  private final MethodHandle preferenceDestroy;
  private final MethodHandle preferenceSetAttribute;
  private final MethodHandle getHeuristic;
  private final MethodHandle matmul;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
  private final MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
  private final MemorySegment zero = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0);
  private final Map<Shape, Plan> plans = new HashMap<>();
  private final Driver driver;
  private final long workspace;
  private final long handle;

  /**
   * A product's sizes.
   *
   * @param strideX elements between rows of x
   * @param strideWeight elements between rows of the weight
   * @param strideOut elements between rows of out
   * @param dtype of x and the weight: F32, F16 or BF16
   */
  record Shape(long m, long n, long k, long strideX, long strideWeight, long strideOut, DType dtype) {}

  /** What the library wants to know of a shape, and how it will compute it. */
  private record Plan(long desc, long weight, long x, long out, MemorySegment algorithm) {}

  /** @param workspace device memory of {@link #WORKSPACE} bytes */
  CublasLt(NativeLibrary library, Driver driver, long workspace) {
    this.driver = driver;
    this.workspace = workspace;
    create = library.function("cublasLtCreate", JAVA_LONG);
    destroy = library.function("cublasLtDestroy", JAVA_LONG);
    descCreate = library.function("cublasLtMatmulDescCreate", JAVA_LONG, JAVA_INT, JAVA_INT);
    descDestroy = library.function("cublasLtMatmulDescDestroy", JAVA_LONG);
    descSetAttribute = library.function("cublasLtMatmulDescSetAttribute", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    layoutCreate = library.function("cublasLtMatrixLayoutCreate", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    layoutDestroy = library.function("cublasLtMatrixLayoutDestroy", JAVA_LONG);
    preferenceCreate = library.function("cublasLtMatmulPreferenceCreate", JAVA_LONG);
    preferenceDestroy = library.function("cublasLtMatmulPreferenceDestroy", JAVA_LONG);
    preferenceSetAttribute = library.function("cublasLtMatmulPreferenceSetAttribute", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    getHeuristic = library.function("cublasLtMatmulAlgoGetHeuristic", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG,
        JAVA_LONG);
    matmul = library.function("cublasLtMatmul", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
        JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    check("cublasLtCreate", () -> (int) create.invokeExact(out.address()));
    handle = out.get(ValueLayout.JAVA_LONG, 0);
  }

  /** Asks for the way to compute a shape, which must not happen while the driver captures. */
  void prepare(Shape shape) {
    plans.computeIfAbsent(shape, this::plan);
  }

  /** Multiplies on the driver's stream, a shape that was {@link #prepare}d; addresses are those of the first elements. */
  void multiply(Shape shape, long x, long weight, long result) {
    Plan plan = plans.get(shape);
    driver.submit(() -> check("cublasLtMatmul", () -> (int) matmul.invokeExact(handle, plan.desc, one.address(), weight, plan.weight, x, plan.x, zero.address(), result, plan.out,
        result, plan.out, plan.algorithm.address(), workspace, WORKSPACE, driver.stream())));
  }

  private Plan plan(Shape s) {
    int type = switch (s.dtype) {
      case F32 -> R_32F;
      case F16 -> R_16F;
      case BF16 -> R_16BF;
      default -> throw new IllegalArgumentException("a product of " + s.dtype);
    };
    check("cublasLtMatmulDescCreate", () -> (int) descCreate.invokeExact(out.address(), COMPUTE_32F, R_32F));
    long desc = out.get(ValueLayout.JAVA_LONG, 0);
    MemorySegment algorithm = arena.allocate(ALGORITHM_BYTES, Long.BYTES);
    try (Arena local = Arena.ofConfined()) {
      MemorySegment transposed = local.allocateFrom(ValueLayout.JAVA_INT, TRANSPOSED);
      check("cublasLtMatmulDescSetAttribute", () -> (int) descSetAttribute.invokeExact(desc, DESC_TRANSA, transposed.address(), 4L));
      Plan plan = new Plan(desc, layout(type, s.k, s.n, s.strideWeight), layout(type, s.k, s.m, s.strideX), layout(R_32F, s.n, s.m, s.strideOut), algorithm);
      check("cublasLtMatmulPreferenceCreate", () -> (int) preferenceCreate.invokeExact(out.address()));
      long preference = out.get(ValueLayout.JAVA_LONG, 0);
      MemorySegment most = local.allocateFrom(ValueLayout.JAVA_LONG, WORKSPACE);
      check("cublasLtMatmulPreferenceSetAttribute", () -> (int) preferenceSetAttribute.invokeExact(preference, PREF_MAX_WORKSPACE_BYTES, most.address(), 8L));
      MemorySegment found = local.allocate(RESULT_BYTES, Long.BYTES);
      MemorySegment count = local.allocate(ValueLayout.JAVA_INT);
      check("cublasLtMatmulAlgoGetHeuristic", () -> (int) getHeuristic.invokeExact(handle, desc, plan.weight, plan.x, plan.out, plan.out, preference, 1, found.address(),
          count.address()));
      if (count.get(ValueLayout.JAVA_INT, 0) == 0) {
        throw new DeviceException("cublasLtMatmulAlgoGetHeuristic knows no way to compute " + s);
      }
      algorithm.copyFrom(found.asSlice(0, ALGORITHM_BYTES));
      NativeLibrary.call(() -> (int) preferenceDestroy.invokeExact(preference));
      return plan;
    }
  }

  private long layout(int type, long rows, long columns, long stride) {
    check("cublasLtMatrixLayoutCreate", () -> (int) layoutCreate.invokeExact(out.address(), type, rows, columns, stride));
    return out.get(ValueLayout.JAVA_LONG, 0);
  }

  @Override
  public void close() {
    for (Plan plan : plans.values()) {
      NativeLibrary.call(() -> (int) descDestroy.invokeExact(plan.desc));
      for (long layout : new long[] {plan.weight, plan.x, plan.out}) {
        NativeLibrary.call(() -> (int) layoutDestroy.invokeExact(layout));
      }
    }
    NativeLibrary.call(() -> (int) destroy.invokeExact(handle));
    arena.close();
  }

  private static void check(String call, NativeLibrary.Call function) {
    int result = NativeLibrary.call(function);
    if (result != 0) {
      throw new DeviceException(call + " failed with cublasStatus " + result);
    }
  }
}
