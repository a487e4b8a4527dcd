package azulejo.probes.run;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.ImageGenerator;
import azulejo.models.Png;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.Model;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import azulejo.runtime.sampling.Usage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/** Models on backends; each model, and the metrics, have one of their own, for a backend is one stream of work and keeps weights as long as it lives. */
public final class ModelWorkshop implements Workshop {
  /** Opens what computes. */
  public interface Opener {
    /** @param threads 0 for the user's choice */
    Backend backend(int threads);

    /** See {@link azulejo.models.Models#open}. */
    ImageGenerator open(Path folder, Backend backend, WeightFormat format);
  }

  /** Beside a generator that takes all cores. */
  private static final int METER_THREADS = 1;

  private final Opener opener;
  private final RunListener listener;

  public ModelWorkshop(Opener opener, RunListener listener) {
    this.opener = opener;
    this.listener = listener;
  }

  @Override
  public Maker maker(RunFolder run, Model model) {
    Backend backend = opener.backend(0);
    try {
      ImageGenerator generator = opener.open(model.folder(), backend, model.weights());
      return new ModelMaker(generator, backend, run.experiment().seed(), () -> usage(run, model, generator));
    } catch (RuntimeException | Error e) {
      backend.close();
      throw e;
    }
  }

  /** From the configured file, or counted once in a run. */
  private Usage usage(RunFolder run, Model model, ImageGenerator generator) {
    if (model.usage().isPresent()) {
      return Usage.read(model.usage().get());
    }
    Path file = run.usageFile(model.name());
    if (!Files.exists(file)) {
      Path reference = run.experiment().measures().reference().orElseThrow();
      AtomicFile.createFolder(file.getParent());
      AtomicFile.write(file, JsonMapper.shared().writeValueAsString(count(model, generator, reference).toMap()).getBytes(StandardCharsets.UTF_8));
    }
    return Usage.read(file);
  }

  private Usage count(Model model, ImageGenerator generator, Path reference) {
    List<Path> files = pictures(reference);
    List<int[]> grids = new ArrayList<>();
    for (Path file : files) {
      if (listener.cancelled()) {
        throw new Cancelled();
      }
      listener.doing("counting the codes of " + model.name() + ": image " + (grids.size() + 1) + " of " + files.size());
      try {
        grids.add(generator.encode(Png.decode(file.toString(), Executor.read(file))));
      } catch (OptionException e) {
        throw new OptionException(file + ": " + e.getMessage(), e);
      }
    }
    return Usage.count(grids, generator.codes(), files.size() + " pictures of " + reference.getFileName());
  }

  /** The PNG and JPEG files of a folder, by name. */
  static List<Path> pictures(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> pictures = files.filter(file -> file.getFileName().toString().toLowerCase(Locale.ROOT).matches(".*\\.(png|jpe?g)")).sorted().toList();
      if (pictures.isEmpty()) {
        throw new OptionException("the folder of reference images " + folder + " has no PNG or JPEG pictures");
      }
      return pictures;
    } catch (IOException e) {
      throw new OptionException("cannot read the folder of reference images " + folder + ": " + AzulejoException.reason(e), e);
    }
  }

  @Override
  public Meter meter(Experiment experiment) {
    return MetricMeter.open(experiment.measures(), opener.backend(METER_THREADS), listener);
  }
}
