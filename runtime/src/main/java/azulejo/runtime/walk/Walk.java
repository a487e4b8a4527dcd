package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.GenerationException;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.LedgerTape;
import azulejo.runtime.sampling.Intervention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The way from an open token grid to a settled one: what its steps have in common. Which positions a step settles is the walk's choice (the path); which
 * token each gets is drawn from the denoiser's logits (the execution).
 *
 * <p>The state lives in tensors of the scope in which the walk was made, in which its steps are to be called; the host reads nothing back until {@link #run}
 * looks at the fault flag after the last step. Where the host has no part in a step either, which is so without a tap and with Philox's noise, a step that
 * comes again is recorded and replayed: all those of a raster walk, and those of any walk that is run again.
 */
public abstract class Walk {
  /** Hears of each step; an exception of its own ends the walk. */
  @FunctionalInterface
  public interface Observer {
    /**
     * @param step from 0
     * @param grid I32 [B, L] as it stands
     */
    void stepDone(int step, Tensor grid);
  }

  static final LedgerTape.Page NO_PAGE = new LedgerTape.Page(null, null, null, null, null, true);

  final Backend b;
  /** I32 [B, L]. */
  final Tensor grid;
  /** I32 [1], for the sampling ops: 0, or the first step with a logit that was not finite, counted from 1. */
  final Tensor fault;
  private final Predictor model;
  private final EntropyLedger.Kind kind;
  private final int steps;
  private final Draw draw;
  private final HostTensor start;
  private final Tensor numbers;
  private final List<Intervention.Edit> edits = new ArrayList<>();
  /** By what is fixed in them; empty for what came once. */
  private final Map<Object, Optional<Backend.Recording>> recordings = new HashMap<>();
  private LedgerTape tape;

  /**
   * @param draw of each step, before any intervention
   * @param start I32 or I64 [B, L], the grid that the walk begins with
   */
  Walk(Backend b, Predictor model, EntropyLedger.Kind kind, int steps, Draw draw, HostTensor start) {
    this.b = b;
    this.model = model;
    this.kind = kind;
    this.steps = steps;
    this.draw = draw;
    this.start = start;
    this.grid = b.alloc(DType.I32, start.shape().toArray());
    b.upload(start, grid);
    this.fault = b.tensor(HostTensor.of("fault", new int[1], 1));
    int[] counted = new int[steps];
    Arrays.setAll(counted, i -> i);
    this.numbers = b.tensor(HostTensor.of("steps", counted, steps));
  }

  /** I32 [B, L]: codes, and the walk's own mark where a cell is still open. */
  public final Tensor grid() {
    return grid;
  }

  public final int steps() {
    return steps;
  }

  /** Edits the draws of all steps to come, after the interventions before it; what it needs lives in the scope that is open. */
  public final void intervene(Intervention intervention) {
    edits.add(intervention.on(b, model.codes()));
  }

  /** Writes a ledger of all steps to come, in the scope that is open; to be called before the first one. */
  public final LedgerTape keepLedger() {
    tape = new LedgerTape(b, kind, steps, grid, model.codes());
    return tape;
  }

  /** The draw of step {@code i} as the interventions leave it. */
  final Draw draw(int i) {
    Draw edited = draw;
    for (Intervention.Edit edit : edits) {
      edited = edit.apply(edited, i, steps);
    }
    return edited;
  }

  /** Where the ops of {@code step}, which draws {@code positions} cells of an image, write their ledger, or {@link #NO_PAGE}; to be called outside the step's own scope. */
  final LedgerTape.Page page(int step, int positions, Draw draw) {
    return tape == null ? NO_PAGE : tape.page(step, positions, !draw.greedy());
  }

  /** Where a draw counts its tokens: null without a ledger. */
  final Tensor usage() {
    return tape == null ? null : tape.usage();
  }

  /** Ends a step's page. */
  final void turn(LedgerTape.Page page, Tensor open) {
    if (page != NO_PAGE) {
      b.copy(open, page.open());
      b.copy(grid, page.grid());
    }
  }

  /**
   * All steps.
   *
   * @throws GenerationException when a logit was not finite
   */
  public final void run(WalkNoise noise, Tap tap, Observer observer) {
    for (int i = 0; i < steps; i++) {
      step(i, noise, tap.at("step").at(i));
      observer.stepDone(i, grid);
    }
    requireFinite();
  }

  /** Step {@code i} alone. */
  public abstract void step(int i, WalkNoise noise, Tap tap);

  /**
   * Puts the walk back to its start, to be run again on the same tensors with the interventions, the ledger and the noise's objects as they are: what differs is
   * what the model's conditioning and the noise's keys hold.
   */
  public void restart() {
    b.upload(start, grid);
    b.upload(HostTensor.of("fault", new int[1], 1), fault);
    if (tape != null) {
      tape.restart(grid);
    }
  }

  final boolean keepsLedger() {
    return tape != null;
  }

  /** Whether the host has no part in a step. */
  final boolean recordable(WalkNoise noise, Tap tap) {
    return model.recordable() && !tap.listens() && noise.counted();
  }

  /** Does {@code ops}, which are the same whenever {@code settings} are: the first time as they are, the second time they are recorded, and then replayed. */
  final void replay(Object settings, Runnable ops) {
    Optional<Backend.Recording> recording = recordings.get(settings);
    if (recording == null) {
      recordings.put(settings, Optional.empty());
      ops.run();
      return;
    }
    if (recording.isEmpty()) {
      recording = Optional.of(b.record(ops));
      recordings.put(settings, recording);
    }
    recording.get().replay();
  }

  /** How many recordings were made. */
  final long recordings() {
    return recordings.values().stream().filter(Optional::isPresent).count();
  }

  /** I32 [1] that holds {@code i}, for the sampling ops. */
  final Tensor number(int i) {
    return numbers.slice(0, i, 1);
  }

  /** I32 [batch, cells] of one value. */
  static HostTensor filled(int value, int batch, int cells) {
    int[] grid = new int[batch * cells];
    Arrays.fill(grid, value);
    return HostTensor.of("grid", grid, batch, cells);
  }

  private void requireFinite() {
    int step = b.download(fault).toInts()[0];
    if (step != 0) {
      throw new GenerationException("step " + step + " of " + steps + " gave logits that are NaN or infinite: the checkpoint's weights are "
          + "probably damaged, so compare its files with their source" + (draw.guidance() > 1 ? ", or lower the guidance of " + draw.guidance() : ""));
    }
  }
}
