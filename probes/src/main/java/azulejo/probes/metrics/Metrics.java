package azulejo.probes.metrics;

import azulejo.kernels.Backend;
import azulejo.models.Image;
import azulejo.models.perceptual.Lpips;
import azulejo.probes.Results.Role;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;
import java.util.stream.Collectors;

/**
 * The metrics by name. A network is loaded when the first metric that needs it is opened, and shared by all of them.
 *
 * <p>For use by one thread at a time, which is the backend's; metrics beside a running generator need a backend of their own.
 */
public final class Metrics implements AutoCloseable {
  /**
   * What can be asked for.
   *
   * @param text what it is, in a line
   */
  public record Entry(String name, String text) {}

  private static final String PAIRS = ", mean over all pairs of a set";

  private record Known(String name, String text, Function<Metrics, Metric> open) {}

  private static final List<Known> CATALOGUE = List.of(
      lpips(Lpips.Net.ALEX, "AlexNet"),
      lpips(Lpips.Net.VGG, "VGG16"),
      lpips(Lpips.Net.SQUEEZE, "SqueezeNet"),
      ssim("ssim:skimage-gaussian", Ssim.gaussian(Ssim.Range.ALL), "SSIM of the paper's Gaussian window, levels 0 to 255 (skimage, torchmetrics)"),
      ssim("ssim:skimage-uniform7", Ssim.uniform(), "SSIM with skimage's default window"),
      ssim("ssim:torchmetrics-auto", Ssim.gaussian(Ssim.Range.SEEN), "SSIM with torchmetrics' default range, that of the levels seen in a pair"),
      pixels("cosine:raw", "Pixel cosine distance", "1 - cosine of two images' levels", Pixels::raw, Pixels::cosineDistance),
      pixels("cosine:centred", "Pixel cosine distance, centred", "1 - cosine of two images' levels less their mean", Pixels::centred, Pixels::cosineDistance),
      pixels("mse:255", "Mean squared error", "mean squared difference of levels 0 to 255", Pixels::raw, Pixels::meanSquaredError));

  private static Known lpips(Lpips.Net net, String trunk) {
    String name = "lpips:" + net.id() + "-0.1";
    return new Known(name, "LPIPS 0.1 with the trunk of " + trunk + PAIRS, metrics -> metrics.openLpips(net, name, trunk));
  }

  private static Known ssim(String name, Ssim ssim, String text) {
    return new Known(name, text + PAIRS, _ -> Pairwise.of(Profile.of(name, "SSIM", Role.DIVERSITY, true), View.each(ssim::moments), ssim::similarity));
  }

  private static Known pixels(String name, String label, String text, Function<Image, Pixels> look, ToDoubleBiFunction<Pixels, Pixels> pair) {
    return new Known(name, text + PAIRS, _ -> Pairwise.of(Profile.of(name, label, Role.DIVERSITY, false), View.each(look), pair));
  }

  private final Backend b;
  private final Networks networks;
  private final Map<String, Metric> open = new LinkedHashMap<>();
  private final Map<Lpips.Net, Lpips> lpips = new EnumMap<>(Lpips.Net.class);

  /** @param b must stay open until this is closed */
  public Metrics(Networks networks, Backend b) {
    this.networks = networks;
    this.b = b;
  }

  /** All metrics of this version. */
  public static List<Entry> entries() {
    return CATALOGUE.stream().map(known -> new Entry(known.name, known.text)).toList();
  }

  /**
   * The metric of that name, the same object each time.
   *
   * @throws OptionException when there is none, or its network is not among those given
   * @throws azulejo.runtime.CheckpointException when its weights are broken
   */
  public Metric open(String name) {
    Metric metric = open.get(name);
    if (metric == null) {
      Known known = CATALOGUE.stream().filter(k -> k.name.equals(name)).findFirst().orElseThrow(() -> new OptionException("there is no metric '" + name
          + "': it is one of " + CATALOGUE.stream().map(Known::name).collect(Collectors.joining(", "))));
      metric = known.open.apply(this);
      open.put(name, metric);
    }
    return metric;
  }

  private Metric openLpips(Lpips.Net net, String name, String label) {
    Lpips network = lpips.computeIfAbsent(net, _ -> Lpips.open(net, require(networks.lpips(), name, "LPIPS"), b));
    Profile profile = new Profile(name, "LPIPS (" + label + ")", Role.DIVERSITY, false, network.fingerprint());
    return Pairwise.of(profile, network::features, network::distance);
  }

  private static Path require(Optional<Path> weights, String metric, String network) {
    return weights.orElseThrow(() -> new OptionException(metric + " needs the weights of " + network + ": say where they are"));
  }

  @Override
  public void close() {
    lpips.values().forEach(Lpips::close);
  }
}
