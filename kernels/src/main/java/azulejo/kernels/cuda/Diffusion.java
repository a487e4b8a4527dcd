package azulejo.kernels.cuda;

import azulejo.kernels.Draw;
import azulejo.kernels.Noise;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;

/** Launches of {@code diffusion.cu}: a block for each cell. */
final class Diffusion {
  private static final int THREADS = 256;

  /** log(1e-30), which stands for log(0). */
  private static final float LOG_ZERO = (float) StrictMath.log(1e-30f);

  private Diffusion() {}

  static void startDistribution(Launch launch, DeviceMemory memory, Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault) {
    int codes = logStart.columns();
    long rows = logStart.rows();
    try (var _ = memory.scope()) {
      Sampling.Row row = Sampling.Row.of(launch, memory, "start", rows, codes, draw.topP() <= 1 ? Sampling.BINS_BYTES : 0, THREADS);
      launch.of("diffusion", row.kernel()).rows(logits).address(draw.codebook()).address(step).rows(logStart).rows(ledger).address(fault).number(row.scratch());
      launch.number(rows).number(codes).flag(logits.dim(0) == 2).number(draw.guidance()).number(draw.topP()).flag(draw.greedy());
      launch.run(rows, 1, 1, row.threads(), row.sharedMemory());
    }
  }

  static void diffuse(Launch launch, DeviceMemory memory, Tensor logStart, Transition transition, boolean argmax, Tensor grid, Noise noise, Noise path,
      Tensor step, Tensor posterior, Tensor ledger) {
    int codes = logStart.columns();
    int classes = transition.last() ? codes : codes + 1;
    long rows = logStart.rows();
    boolean pathFirst = path != null && !transition.last() && !argmax;
    try (var _ = memory.scope()) {
      Sampling.Row row = Sampling.Row.of(launch, memory, "diffuse", rows, classes, 0, THREADS);
      launch.of("diffusion", row.kernel()).rows(logStart).rows(grid);
      Sampling.noise(launch, noise);
      Sampling.noise(launch, path).address(step).rows(posterior).rows(ledger).number(row.scratch());
      launch.number(codes).number(classes).number(grid.columns()).flag(transition.last()).flag(argmax).flag(pathFirst);
      if (transition.last()) {
        for (int i = 0; i < 9; i++) {
          launch.number(0f);
        }
      } else {
        Transition.Logs before = transition.cumulativeBefore();
        reach(launch, transition.step());
        reach(launch, transition.cumulative());
        launch.number(before.a()).number(before.b()).number(before.c());
      }
      launch.run(rows, 1, 1, row.threads(), row.sharedMemory());
    }
  }

  /** The log probability of coming from a code to another code, to itself, and to the mask, rounded as the reference backend rounds it. */
  private static void reach(Launch launch, Transition.Logs logs) {
    launch.number(logAddExp(LOG_ZERO + logs.a(), logs.b())).number(logAddExp(logs.a(), logs.b())).number(logs.c());
  }

  private static float logAddExp(float a, float b) {
    float difference = (float) StrictMath.exp(-Math.abs(a - b));
    return Math.max(a, b) + (float) StrictMath.log1p(difference);
  }
}
