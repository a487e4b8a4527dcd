package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import azulejo.kernels.Ceiling;
import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Measures {@link Ceiling}: the best of many short runs, as whatever disturbs a run makes it slower. */
public final class Roofline {
  private static final long NANOSECONDS = 150_000_000;
  private static final int STEPS = 100_000;
  private static final int CHAINS = 12;
  private static final long BUFFER = 256L << 20;
  private static final int CHUNK = 1 << 20;

  private Roofline() {}

  public static Ceiling measure(int threads) {
    try (Workers workers = new Workers(threads); Arena arena = Arena.ofShared()) {
      int tasks = 4 * threads;
      // The results go somewhere, or the JIT would drop the work.
      float[] sink = new float[16 * threads];
      double flops = rate(2.0 * CHAINS * Lanes.COUNT * STEPS * tasks,
          () -> workers.run(tasks, (task, worker) -> sink[16 * worker] += multiply(STEPS)));
      long buffer = arena.allocate(BUFFER, Lanes.ALIGNMENT).address();
      double bytes = rate(BUFFER,
          () -> workers.run((int) (BUFFER / CHUNK), (task, worker) -> sink[16 * worker] += read(buffer + (long) task * CHUNK)));
      return new Ceiling(flops, bytes);
    }
  }

  /** Work a second in the fastest run; the first runs warm up. */
  private static double rate(double work, Runnable run) {
    long least = Long.MAX_VALUE;
    long begin = System.nanoTime();
    for (long start = begin; start - begin < NANOSECONDS || least == Long.MAX_VALUE; ) {
      run.run();
      long end = System.nanoTime();
      least = Math.min(least, end - start);
      start = end;
    }
    return work / least * 1e9;
  }

  /** More independent sums than the processor can have in flight. */
  private static float multiply(int steps) {
    FloatVector a = broadcast(F, 0.999f);
    FloatVector b = broadcast(F, 0.001f);
    FloatVector c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a, c6 = a, c7 = a, c8 = a, c9 = a, c10 = a, c11 = a;
    for (int i = 0; i < steps; i++) {
      c0 = c0.fma(a, b);
      c1 = c1.fma(a, b);
      c2 = c2.fma(a, b);
      c3 = c3.fma(a, b);
      c4 = c4.fma(a, b);
      c5 = c5.fma(a, b);
      c6 = c6.fma(a, b);
      c7 = c7.fma(a, b);
      c8 = c8.fma(a, b);
      c9 = c9.fma(a, b);
      c10 = c10.fma(a, b);
      c11 = c11.fma(a, b);
    }
    return c0.add(c1).add(c2).add(c3).add(c4).add(c5).add(c6).add(c7).add(c8).add(c9).add(c10).add(c11).reduceLanes(VectorOperators.ADD);
  }

  private static float read(long from) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector a = zero, b = zero, c = zero, d = zero;
    for (int i = 0; i < CHUNK; i += 4 * BYTES) {
      a = a.add(fromMemorySegment(F, MEMORY, from + i, ORDER));
      b = b.add(fromMemorySegment(F, MEMORY, from + i + BYTES, ORDER));
      c = c.add(fromMemorySegment(F, MEMORY, from + i + 2 * BYTES, ORDER));
      d = d.add(fromMemorySegment(F, MEMORY, from + i + 3 * BYTES, ORDER));
    }
    return a.add(b).add(c).add(d).reduceLanes(VectorOperators.ADD);
  }
}
