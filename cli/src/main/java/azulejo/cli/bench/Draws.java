package azulejo.cli.bench;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Ledger;
import azulejo.kernels.Noise;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** The fused draw of guided logits, in millions of rows a second: plain, with each flag of an intervention or the ledger, with all of them, and so again truncated. */
final class Draws {
  private static final int[] CODES = {512, 8192, 16384};
  /** aMUSEd's grid; of one image on the host, of eight on a device. */
  private static final int CELLS = 256;
  private static final String PLAIN = "plain";
  private static final String TRUNCATED = "temperature+top-k+top-p";
  private static final List<Case> CASES = List.of(new Case(PLAIN, ""), new Case("codebook", PLAIN), new Case("argmax", PLAIN), new Case("ledger", PLAIN),
      new Case("usage", PLAIN), new Case("codebook+ledger+usage", PLAIN), new Case(TRUNCATED, PLAIN), new Case(TRUNCATED + "+codebook+ledger+usage", TRUNCATED));

  /** What is on, and what it is compared with. */
  private record Case(String flags, String base) {}

  private Draws() {}

  static void run(Session session) {
    for (int codes : session.quick() ? new int[] {CODES[0]} : CODES) {
      run(session, session.quick() ? 1 : session.onHost() ? 1 : 8, session.quick() ? 4 : CELLS, codes);
    }
  }

  private static void run(Session session, int images, int cells, int codes) {
    Backend b = session.backend();
    float[] allowed = new float[codes];
    for (int v = 1; v < codes; v += 2) {
      allowed[v] = Float.NEGATIVE_INFINITY;
    }
    try (Backend.Scope _ = b.scope()) {
      Tensor logits = b.tensor(Operands.uniform(2, images, cells, codes));
      Tensor codebook = b.tensor(HostTensor.of("codebook", allowed, codes));
      Tensor open = b.tensor(Operands.counting(images, cells));
      Noise noise = new Noise.Counter(b.tensor(HostTensor.of("keys", new long[2 * images], images, 2)), Stream.DRAW);
      Tensor step = b.tensor(HostTensor.of("step", new int[1], 1));
      Tensor fault = b.tensor(HostTensor.of("fault", new int[1], 1));
      Tensor usage = b.tensor(HostTensor.of("usage", new int[codes], codes));
      Tensor tokens = b.alloc(DType.I32, images, cells);
      Tensor probability = b.alloc(DType.F32, images, cells);
      Tensor ledger = b.alloc(DType.F32, images, cells, Ledger.Drawn.COLUMNS);
      int rows = images * cells;
      Map<String, Double> taken = new HashMap<>();
      for (Case c : CASES) {
        List<String> flags = List.of(c.flags.split("\\+"));
        Draw draw = new Draw(3, flags.contains("temperature") ? 0.9f : 1, flags.contains("top-k") ? codes / 8 : 0, flags.contains("top-p") ? 0.9f : 1,
            flags.contains("argmax") ? Draw.Pick.ARGMAX : Draw.Pick.RANDOM, flags.contains("codebook") ? codebook : null);
        String figure = rows + " rows of " + codes + " " + c.flags;
        OptionalDouble seconds = session.seconds(figure, 2.0 * rows * codes, () -> b.draw(logits, draw, open, noise, step, tokens, probability,
            flags.contains("ledger") ? ledger : null, flags.contains("usage") ? usage : null, fault));
        if (seconds.isEmpty()) {
          continue;
        }
        double s = seconds.getAsDouble();
        taken.put(c.flags, s);
        List<Figure.Beside> beside = new ArrayList<>(List.of(new Figure.Beside(8.0 * rows * codes / s * 1e-9, "GB/s of logits")));
        if (taken.containsKey(c.base)) {
          beside.add(new Figure.Beside(s / taken.get(c.base), "times the time of " + c.base));
        }
        session.add(figure, s, rows / s * 1e-6, "M rows/s", beside);
      }
    }
  }
}
