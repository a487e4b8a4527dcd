package azulejo.cli.bench;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.ImageGenerator;
import azulejo.runtime.Cancelled;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What a device does with whole models and with the ops that they spend their time in. Each part runs on a backend opened for it, so that its weights go with it and a
 * device's fault ends it alone.
 */
public final class Bench {
  /** The parts that are ops, in their order. */
  public static final List<String> OPS = List.of("matmul", "attention", "decode", "draw");

  private final Settings settings;
  private final Listener listener;

  /** Opens a model's folder. */
  @FunctionalInterface
  public interface Opener {
    ImageGenerator open(Path folder, Backend backend, WeightFormat format);
  }

  /**
   * @param backend opens the backend
   * @param threads that it computes with, where it computes on the host
   * @param quick tiny sizes: to see that all of it runs, not how fast
   * @param models where checkpoints lie, or come to lie
   * @param peer what else was measured on the device, or null
   * @param interrupted asked now and then
   */
  public record Settings(Supplier<Backend> backend, int threads, boolean quick, Path models, Opener opener, Peer peer, BooleanSupplier interrupted) {
    boolean stopped() {
      return interrupted.getAsBoolean();
    }

    void requireGoingOn() {
      if (stopped()) {
        throw new Cancelled();
      }
    }
  }

  /**
   * Another engine's times on the same device.
   *
   * @param what "PyTorch 2.9"
   * @param seconds by a figure's part and name, with a space between
   */
  public record Peer(String what, Map<String, Double> seconds) {}

  /** Hears of what is going on. */
  public interface Listener {
    /** Something that lasts. */
    void doing(String what);

    /** Something to know. */
    void note(String sentence);

    void measured(Figure figure);

    /** A part is done. {@code choices} are {@link Backend#choices}. */
    void finished(String part, List<String> choices);

    /** A part could not go on. */
    void failed(String part, RuntimeException reason);
  }

  public Bench(Settings settings, Listener listener) {
    this.settings = settings;
    this.listener = listener;
  }

  /** The parts that are models, by their kind of {@link azulejo.weights.Synth}, in their order. */
  public static List<String> models() {
    return ModelRuns.kinds();
  }

  /** All there is, in the order in which it runs. */
  public static List<String> parts() {
    return Stream.concat(OPS.stream(), models().stream()).toList();
  }

  /** The figures, by part and name, that another engine on the device can measure too. */
  public static List<String> shared() {
    return Stream.concat(Products.names().stream().map(name -> "matmul " + name), Attentions.names().stream().map(name -> "attention " + name)).toList();
  }

  /** Runs these parts, of {@link #parts}. A part that fails does not keep the others from running. */
  public void run(List<String> parts) {
    for (String part : parts) {
      settings.requireGoingOn();
      try (Backend b = settings.backend.get()) {
        run(part, new Session(this, part, b));
        listener.finished(part, b.choices());
      } catch (Cancelled e) {
        throw e;
      } catch (RuntimeException e) {
        listener.failed(part, e);
      }
    }
  }

  private void run(String part, Session session) {
    switch (part) {
      case "matmul" -> Products.ofManyRows(session);
      case "attention" -> Attentions.run(session);
      case "decode" -> Products.ofFewRows(session);
      case "draw" -> Draws.run(session);
      default -> ModelRuns.run(part, session, this);
    }
  }

  Settings settings() {
    return settings;
  }

  void doing(String what) {
    listener.doing(what);
  }

  void note(String sentence) {
    listener.note(sentence);
  }

  void add(Figure figure) {
    Double peer = settings.peer == null ? null : settings.peer.seconds.get(figure.part() + " " + figure.name());
    listener.measured(peer == null ? figure : figure.and(figure.value() * figure.seconds() / peer, figure.unit() + " " + settings.peer.what));
  }
}
