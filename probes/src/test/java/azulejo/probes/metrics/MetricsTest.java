package azulejo.probes.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.models.Image;
import azulejo.probes.Results.Role;
import azulejo.probes.metrics.Metrics.Need;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The metrics as a run asks for them, with the demo's networks on the demo's pictures. */
class MetricsTest {
  private static final Path DEMO = Path.of("../demo");
  private static Backend backend;
  private static Metrics metrics;

  @BeforeAll
  static void open() {
    backend = Backends.open(Backends.DEFAULT);
    metrics = new Metrics(new Networks(Optional.of(DEMO.resolve("clip")), Optional.of(DEMO.resolve("lpips")), Optional.empty()), backend);
  }

  @AfterAll
  static void close() {
    metrics.close();
    backend.close();
  }

  private static List<Specimen> demo(int from, int count) {
    Map<String, String> captions = ImageFolder.captions(DEMO.resolve("images/captions.tsv"));
    return ImageFolder.of(DEMO.resolve("images")).files().subList(from, from + count).stream().map(file -> ImageFolder.read(file, captions)).toList();
  }

  private static SetMetric set(String name) {
    return (SetMetric) metrics.open(name);
  }

  private static ImageMetric image(String name) {
    return (ImageMetric) metrics.open(name);
  }

  private static CollectionMetric collection(String name) {
    return (CollectionMetric) metrics.open(name);
  }

  // ---- names --------------------------------------------------------------------------------------------------------------

  @Test
  void everyMetricKeepsItsName() {
    for (Metrics.Entry entry : Metrics.entries()) {
      if (!entry.needs().contains(Need.INCEPTION) && !entry.name().matches("lpips:(vgg|squeeze).*")) {
        Profile profile = metrics.open(entry.name()).profile();
        assertThat(profile.name()).isEqualTo(entry.name());
        boolean network = entry.needs().contains(Need.CLIP) || entry.needs().contains(Need.LPIPS);
        assertThat(profile.id()).matches(network ? "\\Q" + entry.name() + "\\E@[0-9a-f]{8}" : "\\Q" + entry.name() + "\\E");
        assertThat(metrics.open(entry.name())).isSameAs(metrics.open(entry.name()));
      }
    }
  }

  @Test
  void saysWhatIsMissing() {
    assertThatThrownBy(() -> metrics.open("fid:torchmetrics")).isInstanceOf(OptionException.class).hasMessageContaining("no metric 'fid:torchmetrics'")
        .hasMessageContaining("fid:pytorch-fid");
    assertThatThrownBy(() -> metrics.open("fid:pytorch-fid")).isInstanceOf(OptionException.class).hasMessageContaining("--inception");
    assertThatThrownBy(() -> image("clip-score:torchmetrics").of(List.of(Specimen.of("x.png", Images.noise(64, 64, 1)))))
        .isInstanceOf(OptionException.class).hasMessageContaining("x.png has no caption");
    assertThatThrownBy(() -> set("hamming:tokens").of(demo(0, 2))).isInstanceOf(OptionException.class).hasMessageContaining("0000.png has no tokens");
  }

  @Test
  void unlikeProfilesAreNotCompared() {
    Profile profile = metrics.open("lpips:alex-0.1").profile();
    profile.requireComparable(profile.id());
    assertThatThrownBy(() -> profile.requireComparable("lpips:alex-0.1@00000000")).isInstanceOf(OptionException.class).hasMessageContaining("@00000000");
    assertThat(profile.role()).isEqualTo(Role.DIVERSITY);
  }

  // ---- sets ---------------------------------------------------------------------------------------------------------------

  @Test
  void aSetOfOneImageOverAndOverHasNoDiversity() {
    List<Specimen> same = Collections.nCopies(4, demo(0, 1).getFirst());
    assertThat(set("lpips:alex-0.1").of(same)).isZero();
    assertThat(set("cosine:raw").of(same)).isZero();
    assertThat(set("mse:255").of(same)).isZero();
    assertThat(set("ssim:skimage-gaussian").of(same)).isEqualTo(1);
    assertThat(set("vendi:clip").of(same)).isCloseTo(1, within(1e-5));
  }

  /** 1/3 of (d01 + d02 + d12), each once. */
  @Test
  void aSetsValueIsTheMeanOverUniquePairs() {
    List<Specimen> three = demo(0, 3);
    for (String name : List.of("lpips:alex-0.1", "ssim:skimage-gaussian", "cosine:centred")) {
      SetMetric metric = set(name);
      double pairs = metric.of(three.subList(0, 2)) + metric.of(List.of(three.get(0), three.get(2))) + metric.of(three.subList(1, 3));
      assertThat(metric.of(three)).isCloseTo(pairs / 3, within(1e-12));
      assertThat(metric.of(three.reversed())).isCloseTo(metric.of(three), within(1e-12));
    }
  }

  @Test
  void eachImageIsLookedAtOnce() {
    int[] looks = new int[1];
    View<Image> view = images -> {
      looks[0] += images.size();
      return images;
    };
    List<Specimen> set = demo(0, 5);
    Profile profile = Profile.of("first", "", Role.DIVERSITY, false);
    Pairwise.of(profile, view, (_, _) -> 0).of(set.subList(0, 3));
    Pairwise.of(profile, view, (_, _) -> 0).of(set);
    assertThat(looks[0]).isEqualTo(5);
  }

  @Test
  void pairsNeedTwoImagesOfOneSize() {
    assertThatThrownBy(() -> set("cosine:raw").of(demo(0, 1))).isInstanceOf(OptionException.class).hasMessageContaining("at least 2");
    List<Specimen> unlike = List.of(Specimen.of("a.png", Images.flat(8, 9, 1)), Specimen.of("b.png", Images.flat(9, 8, 1)));
    assertThatThrownBy(() -> set("cosine:raw").of(unlike)).isInstanceOf(OptionException.class)
        .hasMessage("a.png is 8x9 pixels, but b.png is 9x8: only images of one size can be compared");
    assertThatThrownBy(() -> set("lpips:alex-0.1").of(List.of(Specimen.of("a.png", Images.flat(30, 64, 1)), Specimen.of("b.png", Images.flat(30, 64, 1)))))
        .isInstanceOf(OptionException.class).hasMessageContaining("too small");
  }

  @Test
  void tokensAreComparedAsSampled() {
    List<Specimen> set = new ArrayList<>();
    for (int[] tokens : new int[][] {{1, 2, 3, 4}, {1, 2, 3, 5}, {1, 2, 0, 4}}) {
      set.add(new Specimen("grid", Images.flat(2, 2, 0), Optional.empty(), Optional.of(tokens)));
    }
    assertThat(set("hamming:tokens").of(set)).isCloseTo((0.25 + 0.25 + 0.5) / 3, within(1e-12));
    assertThat(set("codes:used").of(set)).isEqualTo(6);
    set.add(new Specimen("larger", Images.flat(2, 2, 0), Optional.empty(), Optional.of(new int[5])));
    assertThatThrownBy(() -> set("hamming:tokens").of(set)).isInstanceOf(OptionException.class).hasMessageContaining("larger has 5");
  }

  // ---- images -------------------------------------------------------------------------------------------------------------

  /** The demo's CLIP model was trained on this world: a picture fits its own caption better than the next picture's. */
  @Test
  void clipScoreKnowsWhichCaptionBelongs() {
    List<Specimen> right = demo(0, 24);
    List<Specimen> wrong = IntStream.range(0, 24)
        .mapToObj(i -> new Specimen("", right.get(i).image(), Optional.of(right.get((i + 1) % 24).caption()), Optional.empty())).toList();
    double[] own = image("clip-score:torchmetrics").of(right);
    double[] others = image("clip-score:torchmetrics").of(wrong);
    assertThat(IntStream.range(0, 24).filter(i -> own[i] > others[i]).count()).isGreaterThanOrEqualTo(22);
    assertThat(own[3]).isCloseTo(image("clip-score:torchmetrics").of(demo(3, 1))[0], within(1e-3));
  }

  @Test
  void aNegativeClipScoreCountsAsNothing() {
    assertThat(image("clip-score:torchmetrics").mean(new double[] {-30, 10})).isZero();
    assertThat(image("clip-score:torchmetrics").mean(new double[] {-10, 30})).isEqualTo(10);
  }

  /** "a good photo of ..." and "a bad photo of ..." are what the demo's CLIP model learnt of clean and of noisy pictures. */
  @Test
  void clipIqaPrefersCleanPictures() {
    List<Specimen> clean = demo(0, 16);
    Random random = new Random(1);
    List<Specimen> noisy = clean.stream().map(s -> {
      byte[] rgb = s.image().rgb().clone();
      for (int i = 0; i < rgb.length; i++) {
        rgb[i] = (byte) Math.clamp((rgb[i] & 0xFF) + Math.round(60 * random.nextGaussian()), 0, 255);
      }
      return new Specimen("noisy", new Image(64, 64, rgb), Optional.of(s.caption()), Optional.empty());
    }).toList();
    ImageMetric metric = image("clip-iqa:caption");
    assertThat(metric.mean(metric.of(clean))).isGreaterThan(metric.mean(metric.of(noisy)) + 0.3);
    assertThat(Arrays.stream(metric.of(noisy))).allMatch(p -> p >= 0 && p <= 1);
  }

  // ---- collections --------------------------------------------------------------------------------------------------------

  @Test
  void distancesOfCollectionsGrowWithTheirDifference() {
    List<Specimen> reference = demo(0, 60);
    List<Specimen> alike = demo(60, 60);
    List<Specimen> blotted = alike.stream().map(s -> Specimen.of("", new Image(64, 64, blot(s.image().rgb())))).toList();
    for (String name : List.of("fid:clip", "kid:clip")) {
      CollectionMetric metric = collection(name);
      List<float[]> features = metric.features(reference);
      assertThat(metric.distance(features, features)).isCloseTo(0, within(name.startsWith("fid") ? 1e-6 : 0.02));
      assertThat(metric.distance(metric.features(blotted), features)).isGreaterThan(2 * metric.distance(metric.features(alike), features));
      assertThatThrownBy(() -> metric.distance(features.subList(0, 1), features)).isInstanceOf(OptionException.class).hasMessageContaining("at least 2");
    }
    assertThat(collection("fid:clip").featureId()).isEqualTo(collection("kid:clip").featureId());
    assertThat(collection("fid:clip").caution(60, 60)).hasValueSatisfying(note -> assertThat(note).contains("60 images"));
    assertThat(collection("kid:clip").caution(60, 60)).isEmpty();
  }

  private static byte[] blot(byte[] rgb) {
    byte[] out = rgb.clone();
    Arrays.fill(out, 0, out.length / 2, (byte) 0);
    return out;
  }

  @Test
  void conditionalVendiTellsPromptsFromChance() {
    List<Specimen> set = demo(0, 8);
    double all = set("vendi:clip").of(set);
    double rest = set("cond-vendi:clip").of(set);
    double explained = set("info-vendi:clip").of(set);
    assertThat(rest * explained).isCloseTo(all, within(1e-6));
    assertThat(explained).isGreaterThan(1);
    List<Specimen> one = set.stream().map(s -> new Specimen("", s.image(), Optional.of("a star"), Optional.empty())).toList();
    assertThat(set("cond-vendi:clip").of(one)).isCloseTo(all, within(1e-3));
  }
}
