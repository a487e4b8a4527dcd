package azulejo.runtime.ledger;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Ledger.Drawn;
import azulejo.kernels.Ledger.Moved;
import azulejo.kernels.Tensor;
import azulejo.runtime.ledger.EntropyLedger.Kind;
import azulejo.runtime.ledger.EntropyLedger.Step;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The ledger of a walk while it goes on: the sampling ops write into tensors of the walk's scope, a page a step, and nothing comes to the host until
 * {@link #read}.
 */
public final class LedgerTape {
  /**
   * A step's tensors.
   *
   * @param open I32 [B, P] the cells drawn, -1 for none
   * @param drawn F32 [B, P, {@link Drawn}]
   * @param moved F32 [B, L, {@link Moved}], in a diffusion
   * @param path F32 [B], the path's surprisal in a masked walk
   * @param grid I32 [B, L], after the step
   * @param random whether chance had a part in the tokens
   */
  public record Page(Tensor open, Tensor drawn, Tensor moved, Tensor path, Tensor grid, boolean random) {
    private Page random(boolean other) {
      return new Page(open, drawn, moved, path, grid, other);
    }
  }

  private final Backend b;
  private final Kind kind;
  private final int steps;
  private final Tensor before;
  private final Tensor usage;
  private final List<Page> pages = new ArrayList<>();

  /**
   * @param grid I32 [B, L] as the walk begins
   * @param codes V
   */
  public LedgerTape(Backend b, Kind kind, int steps, Tensor grid, int codes) {
    this.b = b;
    this.kind = kind;
    this.steps = steps;
    this.before = b.alloc(DType.I32, grid.shape().toArray());
    b.copy(grid, before);
    this.usage = b.tensor(HostTensor.of("usage", new int[codes], codes));
  }

  /** I32 [V]: how often each code was drawn so far, in all images together, draws that the walk threw away too; in a diffusion nothing is counted. */
  public Tensor usage() {
    return usage;
  }

  /**
   * The page of {@code step}, which draws {@code positions} cells of an image; to be called step by step and outside the step's own scope. When a walk is run
   * again, its steps write over the pages that they wrote before.
   */
  public Page page(int step, int positions, boolean random) {
    if (step < pages.size()) {
      pages.set(step, pages.get(step).random(random));
      return pages.get(step);
    }
    long batch = before.dim(0);
    Page page = new Page(b.alloc(DType.I32, batch, positions), b.alloc(DType.F32, batch, positions, Drawn.COLUMNS),
        kind == Kind.DENOISING ? b.alloc(DType.F32, batch, before.dim(1), Moved.COLUMNS) : null,
        kind == Kind.MASKED ? b.alloc(DType.F32, batch) : null, b.alloc(DType.I32, before.shape().toArray()), random);
    if (page.path != null) {
      b.upload(HostTensor.of("no surprisal", new float[(int) batch], batch), page.path);
    }
    pages.add(page);
    return page;
  }

  /** Begins again. */
  public void restart(Tensor grid) {
    b.copy(grid, before);
    b.upload(HostTensor.of("usage", new int[usage.size(0)], usage.dim(0)), usage);
  }

  /** The ledger of each image of the batch. */
  public List<EntropyLedger> read() {
    int batch = before.size(0);
    int cells = before.size(1);
    List<List<Step>> columns = IntStream.range(0, batch).mapToObj(_ -> (List<Step>) new ArrayList<Step>()).toList();
    int[][] settledAt = new int[batch][cells];
    float[][] settledEntropy = new float[batch][cells];
    for (int[] row : settledAt) {
      Arrays.fill(row, -1);
    }
    List<Host> hosts = pages.stream().map(this::host).toList();
    int[] grid = b.download(before).toInts();
    for (int s = 0; s < hosts.size(); s++) {
      int[] next = hosts.get(s).grid;
      for (int i = 0; i < next.length; i++) {
        if (next[i] != grid[i]) {
          settledAt[i / cells][i % cells] = s;
        }
      }
      grid = next;
    }
    for (int s = 0; s < hosts.size(); s++) {
      for (int image = 0; image < batch; image++) {
        columns.get(image).add(hosts.get(s).step(s, image, settledAt[image], settledEntropy[image]));
      }
    }
    return IntStream.range(0, batch).mapToObj(i -> new EntropyLedger(kind, columns.get(i), settledAt[i], settledEntropy[i])).toList();
  }

  private Host host(Page page) {
    return new Host(b.download(page.open).toInts(), b.download(page.drawn).toFloats(), page.moved == null ? null : b.download(page.moved).toFloats(),
        page.path == null ? null : b.download(page.path).toFloats(), b.download(page.grid).toInts(), page.open.size(1), before.size(1), page.random);
  }

  /** A page on the host. */
  private final class Host {
    private final int[] open;
    private final float[] drawn;
    private final float[] moved;
    private final float[] path;
    private final int[] grid;
    private final int positions;
    private final int cells;
    private final boolean random;

    Host(int[] open, float[] drawn, float[] moved, float[] path, int[] grid, int positions, int cells, boolean random) {
      this.open = open;
      this.drawn = drawn;
      this.moved = moved;
      this.path = path;
      this.grid = grid;
      this.positions = positions;
      this.cells = cells;
      this.random = random;
    }

    /** Also notes the entropy of the cells that settled in this step. */
    Step step(int number, int image, int[] settledAt, float[] settledEntropy) {
      double[] sums = new double[Drawn.COLUMNS];
      double settledSurprisal = 0;
      int count = 0;
      int settled = 0;
      for (int p = 0; p < positions; p++) {
        int cell = open[image * positions + p];
        if (cell == -1) {
          continue;
        }
        count++;
        for (int c = 0; c < sums.length; c++) {
          sums[c] += value(image, p, c);
        }
        if (settledAt[cell] == number) {
          settled++;
          settledSurprisal += value(image, p, Drawn.SURPRISAL.ordinal());
          if (kind != Kind.DENOISING) {
            settledEntropy[cell] = random ? value(image, p, Drawn.TRUNCATED.ordinal()) : 0;
          }
        }
      }
      double[] moves = new double[Moved.COLUMNS];
      for (int cell = 0; cell < cells && moved != null; cell++) {
        for (int c = 0; c < moves.length; c++) {
          moves[c] += moved[(image * cells + cell) * Moved.COLUMNS + c];
        }
        if (settledAt[cell] == number) {
          settledEntropy[cell] = moved[(image * cells + cell) * Moved.COLUMNS + Moved.CLASS.ordinal()];
        }
      }
      boolean last = number == steps - 1;
      double entropy = moves[Moved.CLASS.ordinal()];
      double surprisal = moves[Moved.CLASS_SURPRISAL.ordinal()];
      return new Step(number, count, settled, random, sums[Drawn.GUIDED.ordinal()], sums[Drawn.SUBSET.ordinal()], sums[Drawn.TEMPERED.ordinal()],
          sums[Drawn.TRUNCATED.ordinal()], count == 0 ? 1 : sums[Drawn.KEPT.ordinal()] / count, sums[Drawn.SURPRISAL.ordinal()], settledSurprisal,
          path != null ? path[image] : last ? 0 : surprisal, last ? 0 : entropy, kind == Kind.MASKED && !last ? logChoices(count, settled) : 0,
          moves[Moved.STAY.ordinal()], last ? new EntropyLedger.Moved(entropy, surprisal) : EntropyLedger.Moved.NONE);
    }

    private float value(int image, int position, int column) {
      return drawn[(image * positions + position) * Drawn.COLUMNS + column];
    }
  }

  /** log of the number of ways to choose k of n. */
  private static double logChoices(int n, int k) {
    double sum = 0;
    for (int i = 1; i <= k; i++) {
      sum += Math.log(n - k + i) - Math.log(i);
    }
    return sum;
  }
}
