package azulejo.kernels;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * One execution of a case: gives an op its arguments, the same random values in every run, laid out in one of several ways among poison, and
 * hands back what the op wrote. Reading poison gives NaN or an index out of range; writing over it, or changing an input, is an error.
 */
final class OpRun {
  enum Layout {
    DENSE(false, false),
    /** Rows have gaps between them and start at odd addresses. */
    STRIDED(true, false),
    /** Where the op allows it, the output is the input. */
    IN_PLACE(false, true),
    STRIDED_IN_PLACE(true, true);

    final boolean strided;
    final boolean inPlace;

    Layout(boolean strided, boolean inPlace) {
      this.strided = strided;
      this.inPlace = inPlace;
    }
  }

  /** Room before and after each tensor or row for the overrun of a vector of 512 bits; 3 is odd enough to misalign every row. */
  private static final int BEFORE = 3;
  private static final int AFTER = 18;
  private static final int DENSE_BEFORE = 16;

  /** Not the NaN that arithmetic makes, so that a stray write of one shows. */
  private static final float POISON_FLOAT = Float.intBitsToFloat(0x7FC0DEAD);
  private static final int POISON_INT = 0x6BADF00D;

  private record Placed(Tensor view, Tensor around, HostTensor before) {
    boolean isOutput() {
      return before == null;
    }
  }

  final Backend backend;
  final Random random = new Random(20251);
  private final Layout layout;
  private final List<Placed> placed = new ArrayList<>();
  private boolean inPlace;

  private OpRun(Backend backend, Layout layout) {
    this.backend = backend;
    this.layout = layout;
  }

  /** What {@code op} wrote with its arguments in {@code layout}, or null if the layout makes no difference to it. */
  static List<HostTensor> outputs(Backend backend, Layout layout, OpCases.Op op) {
    try (Backend.Scope _ = backend.scope()) {
      poisonScratch(backend);
      OpRun run = new OpRun(backend, layout);
      op.run(run);
      List<HostTensor> outputs = run.collect();
      return layout.inPlace && !run.inPlace ? null : outputs;
    }
  }

  /** What a kernel allocates for itself holds NaN at first. */
  private static void poisonScratch(Backend backend) {
    try (Backend.Scope _ = backend.scope()) {
      poison(backend, backend.alloc(DType.F32, 1 << 17));
    }
  }

  // ---- arguments ----------------------------------------------------------------------------------------------------------

  /** Uniform in [-scale, scale), of all the digits that a float has. */
  float[] uniform(long count, float scale) {
    float[] values = new float[Math.toIntExact(count)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) ((2 * random.nextDouble() - 1) * scale);
    }
    return values;
  }

  /** Uniform in [-1, 1). */
  Tensor floats(long... dims) {
    return floats(uniform(Shape.of(dims).elements(), 1), dims);
  }

  Tensor floats(float[] values, long... dims) {
    return input(HostTensor.of("input", values, dims));
  }

  Tensor ints(int[] values, long... dims) {
    return input(HostTensor.of("input", values, dims));
  }

  Tensor longs(long[] values, long... dims) {
    return input(HostTensor.of("input", values, dims));
  }

  /** A random weight of a float type. */
  HostTensor host(DType dtype, long... dims) {
    Shape shape = Shape.of(dims);
    float[] values = uniform(shape.elements(), 1);
    if (dtype == DType.F32) {
      return HostTensor.of("weight", values, dims);
    }
    short[] bits = new short[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = dtype == DType.F16 ? Float.floatToFloat16(values[i]) : (short) (Float.floatToRawIntBits(values[i]) >>> 16);
    }
    return new HostTensor("weight", dtype, shape, MemorySegment.ofArray(bits));
  }

  Tensor output(DType dtype, long... dims) {
    Placed p = place(null, dtype, dims);
    placed.add(p);
    return p.view;
  }

  /** The tensor itself where the layout is in place, else a new output of its shape. */
  Tensor outputOver(Tensor input) {
    if (!layout.inPlace) {
      return output(DType.F32, input.shape().toArray());
    }
    inPlace = true;
    return inOut(input);
  }

  /** An argument of {@link #floats} or {@link #ints} that the op changes. */
  Tensor inOut(Tensor input) {
    placed.replaceAll(p -> p.view == input ? new Placed(p.view, p.around, null) : p);
    return input;
  }

  private Tensor input(HostTensor host) {
    Placed p = place(host, host.dtype(), host.shape().toArray());
    backend.upload(host, p.view);
    placed.add(p);
    return p.view;
  }

  private Placed place(HostTensor host, DType dtype, long... dims) {
    Tensor around;
    Tensor view;
    if (layout.strided) {
      long[] wide = dims.clone();
      wide[wide.length - 1] += BEFORE + AFTER;
      around = backend.alloc(dtype, wide);
      view = around.slice(-1, BEFORE, dims[dims.length - 1]);
    } else {
      long elements = Shape.of(dims).elements();
      around = backend.alloc(dtype, DENSE_BEFORE + elements + AFTER);
      view = around.slice(0, DENSE_BEFORE, elements).reshape(dims);
    }
    poison(backend, around);
    return new Placed(view, around, host);
  }

  // ---- results ------------------------------------------------------------------------------------------------------------

  private List<HostTensor> collect() {
    List<HostTensor> outputs = new ArrayList<>();
    for (Placed p : placed) {
      HostTensor now = backend.download(p.view);
      if (p.isOutput()) {
        outputs.add(now);
      } else if (now.data().mismatch(p.before.data()) != -1) {
        throw new AssertionError("an input changed: " + p.view);
      }
      poison(backend, p.view);
      if (backend.download(p.around).data().mismatch(poisonLike(p.around).data()) != -1) {
        throw new AssertionError("written outside " + p.view);
      }
    }
    return outputs;
  }

  private static void poison(Backend backend, Tensor t) {
    backend.upload(poisonLike(t), t);
  }

  private static HostTensor poisonLike(Tensor t) {
    int n = Math.toIntExact(t.shape().elements());
    long[] dims = t.shape().toArray();
    return switch (t.dtype()) {
      case F32 -> HostTensor.of("poison", filled(n), dims);
      case I64 -> {
        long[] values = new long[n];
        Arrays.fill(values, POISON_INT);
        yield HostTensor.of("poison", values, dims);
      }
      default -> {
        int[] values = new int[n];
        Arrays.fill(values, POISON_INT);
        yield HostTensor.of("poison", values, dims);
      }
    };
  }

  private static float[] filled(int n) {
    float[] values = new float[n];
    Arrays.fill(values, POISON_FLOAT);
    return values;
  }
}
