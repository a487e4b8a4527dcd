package azulejo.probes.metrics;

import azulejo.kernels.Backend;
import azulejo.models.Image;
import azulejo.models.clip.Clip;
import azulejo.models.perceptual.InceptionV3;
import azulejo.models.perceptual.Lpips;
import azulejo.probes.Results.Role;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * The metrics by name. A network is loaded when the first metric that needs it is opened, and shared by all of them.
 *
 * <p>For use by one thread at a time, which is the backend's; metrics beside a running generator need a backend of their own.
 */
public final class Metrics implements AutoCloseable {
  /** What a metric needs beside the images. */
  public enum Need {
    CLIP("a CLIP model: say where with --clip DIR, such as demo/clip"),
    LPIPS("the weights of LPIPS: say where with --lpips PATH, such as demo/lpips"),
    INCEPTION("the weights of FID's Inception: say where with --inception PATH"),
    REFERENCE("a reference collection: name a folder with --reference DIR"),
    CAPTIONS("the images' captions: name a table with --captions FILE"),
    TOKENS("the images' tokens, which only a run knows: image files do not hold them");

    private final String cure;

    Need(String cure) {
      this.cure = cure;
    }

    /** What is said of a metric when this is missing. */
    public String missing(String metric) {
      return metric + " needs " + cure;
    }
  }

  /**
   * What can be asked for.
   *
   * @param text what it is, in a line
   */
  public record Entry(String name, String text, Set<Need> needs) {}

  /** What the README of bioinf-jku/TTUR, where FID comes from, asks for at least. */
  private static final int FRECHET_IMAGES = 10_000;
  private static final String PAIRS = ", mean over all pairs of a set";

  private record Known(String name, String text, Set<Need> needs, Function<Metrics, Metric> open) {}

  private static final List<Known> CATALOGUE = List.of(
      lpips(Lpips.Net.ALEX, "AlexNet"),
      lpips(Lpips.Net.VGG, "VGG16"),
      lpips(Lpips.Net.SQUEEZE, "SqueezeNet"),
      ssim("ssim:skimage-gaussian", Ssim.gaussian(Ssim.Range.ALL), "SSIM of the paper's Gaussian window, levels 0 to 255 (skimage, torchmetrics)"),
      ssim("ssim:skimage-uniform7", Ssim.uniform(), "SSIM with skimage's default window"),
      ssim("ssim:torchmetrics-auto", Ssim.gaussian(Ssim.Range.SEEN), "SSIM with torchmetrics' default range, that of the levels seen in a pair"),
      pixels("cosine:raw", "Pixel cosine distance", "1 - cosine of two images' levels", Pixels::raw, Pixels::cosineDistance),
      pixels("cosine:centred", "Pixel cosine distance, centred", "1 - cosine of two images' levels less their mean", Pixels::centred, Pixels::cosineDistance),
      pixels("mse:255", "Mean squared error", "mean squared difference of levels 0 to 255", Pixels::raw, Pixels::meanSquaredError),
      set("vendi:clip", "Vendi score (CLIP)", "effective number of different images, by cosines of CLIP features", Set.of(Need.CLIP), 2,
          m -> m.clip().weights, m -> set -> Vendi.score(m.clip().see(set))),
      set("vendi:inception", "Vendi score (Inception)", "effective number of different images, by cosines of Inception features",
          Set.of(Need.INCEPTION), 2, m -> m.inception().weights, m -> set -> Vendi.score(m.inception().see(set))),
      set("cond-vendi:clip", "Conditional Vendi score (CLIP)", "what images of several captions differ in beyond their captions, exp H(X|T)",
          Set.of(Need.CLIP, Need.CAPTIONS), 2, m -> m.clip().weights, m -> set -> Vendi.conditional(m.clip().see(set), m.captions(set))),
      set("info-vendi:clip", "Information Vendi score (CLIP)", "what images of several captions differ in by their captions, exp I(X;T)",
          Set.of(Need.CLIP, Need.CAPTIONS), 2, m -> m.clip().weights, m -> set -> Vendi.information(m.clip().see(set), m.captions(set))),
      new Known("hamming:tokens", "part of the grid whose tokens differ" + PAIRS, Set.of(Need.TOKENS), _ -> new Pairwise<>(
          Profile.of("hamming:tokens", "Token Hamming distance", Role.DIVERSITY, false), Metrics::tokens, Metrics::hamming)),
      codes("codes:used", "Codes in use", "different codes among a set's tokens", CodeUsage::used),
      codes("codes:perplexity", "Code perplexity", "exp of the entropy of a set's tokens", CodeUsage::perplexity),
      codes("codes:entropy", "Code entropy (bits)", "entropy of a set's tokens in bits, with its Miller-Madow correction", u -> u.millerMadow() / Math.log(2)),
      new Known("clip-score:torchmetrics", "100 cos of image and caption, mean, at least 0", Set.of(Need.CLIP, Need.CAPTIONS), m -> new ClipScore(
          new Profile("clip-score:torchmetrics", "CLIP score", Role.QUALITY, false, m.clip().weights), m.clip().view, m.clip)),
      new Known("clip-iqa:quality", "probability of \"Good photo.\" against \"Bad photo.\", mean", Set.of(Need.CLIP), m -> ClipIqa.quality(
          new Profile("clip-iqa:quality", "CLIP-IQA", Role.QUALITY, false, m.clip().weights), m.clip().view, m.clip)),
      new Known("clip-iqa:caption", "probability of \"a good photo of CAPTION\" against \"a bad photo of CAPTION\", mean",
          Set.of(Need.CLIP, Need.CAPTIONS), m -> ClipIqa.captioned(
              new Profile("clip-iqa:caption", "CLIP-IQA with captions", Role.QUALITY, false, m.clip().weights), m.clip().view, m.clip)),
      frechet("fid:pytorch-fid", "FID (Inception)", "Frechet distance to the reference, Inception features as in pytorch-fid",
          Need.INCEPTION, Metrics::inception),
      frechet("fid:clip", "FID (CLIP)", "Frechet distance to the reference, unit CLIP features", Need.CLIP, Metrics::clip),
      kernel("kid:inception", "KID (Inception)", "kernel distance to the reference, Inception features, unbiased at any number of images",
          Need.INCEPTION, Metrics::inception),
      kernel("kid:clip", "KID (CLIP)", "kernel distance to the reference, unit CLIP features, unbiased at any number of images",
          Need.CLIP, Metrics::clip));

  private static Known lpips(Lpips.Net net, String trunk) {
    String name = "lpips:" + net.id() + "-0.1";
    return new Known(name, "LPIPS 0.1 with the trunk of " + trunk + PAIRS, Set.of(Need.LPIPS), m -> m.openLpips(net, name, trunk));
  }

  private static Known ssim(String name, Ssim ssim, String text) {
    Profile profile = Profile.of(name, "SSIM", Role.DIVERSITY, true);
    return new Known(name, text + PAIRS, Set.of(), _ -> Pairwise.of(profile, View.each(ssim::moments), ssim::similarity));
  }

  private static Known pixels(String name, String label, String text, Function<Image, Pixels> look, ToDoubleBiFunction<Pixels, Pixels> pair) {
    return new Known(name, text + PAIRS, Set.of(), _ -> Pairwise.of(Profile.of(name, label, Role.DIVERSITY, false), View.each(look), pair));
  }

  private static Known set(String name, String label, String text, Set<Need> needs, int least, Function<Metrics, String> weights,
      Function<Metrics, ToDoubleFunction<List<Specimen>>> value) {
    return new Known(name, text, needs, m -> new SetValue(new Profile(name, label, Role.DIVERSITY, false, weights.apply(m)), least, value.apply(m)));
  }

  private static Known codes(String name, String label, String text, ToDoubleFunction<CodeUsage> value) {
    return set(name, label, text, Set.of(Need.TOKENS), 1, _ -> "", _ -> set -> {
      List<int[]> grids = set.stream().map(Specimen::tokens).toList();
      int codes = 1 + grids.stream().flatMapToInt(Arrays::stream).max().orElse(0);
      return value.applyAsDouble(CodeUsage.of(codes, grids));
    });
  }

  private static Known frechet(String name, String label, String text, Need network, Function<Metrics, Features> features) {
    return distance(name, label, text, network, features, FRECHET_IMAGES, (x, y) -> Gaussian.of(x).distance(Gaussian.of(y)));
  }

  private static Known kernel(String name, String label, String text, Need network, Function<Metrics, Features> features) {
    return distance(name, label, text, network, features, 2, KernelDistance::of);
  }

  private static Known distance(String name, String label, String text, Need network, Function<Metrics, Features> features, int sound,
      ToDoubleBiFunction<List<float[]>, List<float[]>> measure) {
    return new Known(name, text, Set.of(network, Need.REFERENCE), m -> new FeatureDistance(
        new Profile(name, label, Role.QUALITY, true, features.apply(m).weights),
        features.apply(m).id(), features.apply(m).view, sound, measure));
  }

  /** A network's vectors. */
  private record Features(String network, String weights, View<float[]> view) {
    String id() {
      return network + "@" + weights;
    }

    List<float[]> see(List<Specimen> set) {
      return Specimen.see(view, set);
    }
  }

  private final Backend b;
  private final Networks networks;
  private final Map<String, Metric> open = new LinkedHashMap<>();
  private final Map<Lpips.Net, Lpips> lpips = new EnumMap<>(Lpips.Net.class);
  private Clip clip;
  private Features clipFeatures;
  private InceptionV3 inception;
  private Features inceptionFeatures;

  /** @param b must stay open until this is closed */
  public Metrics(Networks networks, Backend b) {
    this.networks = networks;
    this.b = b;
  }

  private static Known known(String name) {
    return CATALOGUE.stream().filter(known -> known.name.equals(name)).findFirst().orElseThrow(() -> new OptionException("there is no metric '" + name
        + "': it is one of " + CATALOGUE.stream().map(Known::name).collect(Collectors.joining(", "))));
  }

  /** @throws OptionException when there is no metric of that name */
  public static Entry entry(String name) {
    Known known = known(name);
    return new Entry(known.name, known.text, known.needs);
  }

  /** All metrics of this version. */
  public static List<Entry> entries() {
    return CATALOGUE.stream().map(known -> entry(known.name)).toList();
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
      Known known = known(name);
      Map<Need, Optional<Path>> places = Map.of(Need.CLIP, networks.clip(), Need.LPIPS, networks.lpips(), Need.INCEPTION, networks.inception());
      for (Need need : known.needs) {
        if (places.containsKey(need) && places.get(need).isEmpty()) {
          throw new OptionException(need.missing(name));
        }
      }
      metric = known.open.apply(this);
      open.put(name, metric);
    }
    return metric;
  }

  private Metric openLpips(Lpips.Net net, String name, String trunk) {
    Lpips network = lpips.computeIfAbsent(net, _ -> Lpips.open(net, networks.lpips().orElseThrow(), b));
    Profile profile = new Profile(name, "LPIPS (" + trunk + ")", Role.DIVERSITY, false, network.fingerprint());
    return Pairwise.of(profile, network::features, network::distance);
  }

  private Features clip() {
    if (clip == null) {
      clip = Clip.open(networks.clip().orElseThrow(), b);
      clipFeatures = new Features("clip", clip.fingerprint(), clip::embedImages);
    }
    return clipFeatures;
  }

  private Features inception() {
    if (inception == null) {
      inception = InceptionV3.open(networks.inception().orElseThrow(), b);
      inceptionFeatures = new Features("inception", inception.fingerprint(), inception::features);
    }
    return inceptionFeatures;
  }

  private List<float[]> captions(List<Specimen> set) {
    return clip.embedTexts(set.stream().map(Specimen::caption).toList());
  }

  private static List<int[]> tokens(List<Specimen> set) {
    int cells = set.getFirst().tokens().length;
    for (Specimen specimen : set) {
      if (specimen.tokens().length != cells) {
        throw new OptionException(set.getFirst().name() + " has " + cells + " tokens, but " + specimen.name() + " has " + specimen.tokens().length
            + ": only grids of one size can be compared");
      }
    }
    return set.stream().map(Specimen::tokens).toList();
  }

  private static double hamming(int[] x, int[] y) {
    int different = 0;
    for (int i = 0; i < x.length; i++) {
      different += x[i] == y[i] ? 0 : 1;
    }
    return (double) different / x.length;
  }

  @Override
  public void close() {
    lpips.values().forEach(Lpips::close);
    if (clip != null) {
      clip.close();
    }
    if (inception != null) {
      inception.close();
    }
  }
}
