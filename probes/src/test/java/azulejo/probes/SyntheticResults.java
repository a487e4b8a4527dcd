package azulejo.probes;

import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Curve;
import azulejo.probes.Results.Factors;
import azulejo.probes.Results.Kind;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Missing;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Paradigm;
import azulejo.probes.Results.Point;
import azulejo.probes.Results.Prompt;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Role;
import azulejo.probes.Results.Sample;
import azulejo.probes.Results.Standing;
import azulejo.probes.Results.Total;
import azulejo.probes.Results.Usage;
import azulejo.probes.Results.Value;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/** A run that never was: made-up numbers of the size and with the structure that the paper describes, for the statistics and the report. */
public final class SyntheticResults {
  private static final List<String> TEXTS = List.of("a large red star", "a large pink heart on a white background", "a striped green ring",
      "a dotted purple circle",
      "a yellow moon on a navy background", "a small blue square in the upper left", "an orange triangle",
          "a brown cross on a beige background", "a medium-sized teal ring",
      "a green star on black", "a large blue circle on a gray background", "a red heart", "a striped orange square", "a pink moon",
          "a purple triangle in the lower right", "a dotted yellow star");
  private static final Factors SUBSET = new Factors(true, false, false);
  private static final int CODES = 1024;

  private final SplittableRandom random = new SplittableRandom(42);
  private final int prompts;

  private SyntheticResults(int prompts) {
    this.prompts = prompts;
  }

  /** Three models under all conditions, without images. */
  public static Results paper() {
    return new SyntheticResults(16).results(List.of());
  }

  /** The same with images in {@code folder}. */
  public static Results paper(Path folder) {
    SyntheticResults synthetic = new SyntheticResults(16);
    return synthetic.results(synthetic.samples(folder));
  }

  public static List<Model> models() {
    return List.of(
        new Model("demo/masked", "amused", Paradigm.MASKED, "aMUSEd, 8.0 M parameters, 16x16 grid of 1024 codes, 12 steps, guidance 3"),
        new Model("demo/autoregressive", "llamagen", Paradigm.AUTOREGRESSIVE,
            "LlamaGen, 5.1 M parameters, 16x16 grid of 1024 codes, guidance 3"),
        new Model("demo/diffusion", "vqdiffusion", Paradigm.DIFFUSION,
            "VQ-Diffusion, 7.4 M parameters, 16x16 grid of 1024 codes, 25 steps, guidance 2, truncation 0.95"));
  }

  public static List<Condition> conditions() {
    List<Condition> all = new ArrayList<>();
    all.add(new Condition("baseline", "Baseline", Kind.BASELINE, Factors.NONE, Map.of()));
    for (int c = 1; c < 8; c++) {
      Factors f = new Factors((c & 1) != 0, (c & 2) != 0, (c & 4) != 0);
      List<String> names = new ArrayList<>();
      Map<String, String> settings = new LinkedHashMap<>();
      if (f.subset()) {
        names.add("subset");
        settings.putAll(Map.of("rule", "least", "ratio", "0.25"));
      }
      if (f.argmax()) {
        names.add("argmax");
        settings.put("window", "all");
      }
      if (f.paraphrase()) {
        names.add("paraphrase");
        settings.put("length", "mixed");
      }
      String label = String.join(" + ", names);
      all.add(new Condition(String.join("-", names), label.substring(0, 1).toUpperCase() + label.substring(1), Kind.FACTORIAL, f,
          settings));
    }
    for (String ratio : List.of("0.05", "0.1", "0.5", "0.75")) {
      all.add(new Condition("subset-" + ratio, "Subset " + ratio, Kind.SUBSET_RATIO, SUBSET, Map.of("ratio", ratio, "rule", "least")));
    }
    for (String rule : List.of("most", "random")) {
      all.add(new Condition("drop-" + rule, "Drop " + rule + (rule.equals("most") ? " frequent" : ""), Kind.SUBSET_RULE, SUBSET,
          Map.of("ratio", "0.25", "rule", rule)));
    }
    for (String window : List.of("early", "middle", "late")) {
      all.add(new Condition("argmax-" + window, "Argmax " + window, Kind.ARGMAX_TIMING, new Factors(false, true, false),
          Map.of("window", window)));
    }
    for (String length : List.of("short", "medium", "long")) {
      all.add(new Condition("paraphrase-" + length, "Paraphrase " + length, Kind.PARAPHRASE_LENGTH, new Factors(false, false, true),
          Map.of("length", length)));
    }
    for (String ratio : List.of("0.6", "0.8", "0.9")) {
      all.add(new Condition("enhanced-" + ratio, "Enhanced " + ratio, Kind.ENHANCEMENT, new Factors(true, false, true),
          Map.of("ratio", ratio, "rule", "most", "length", "mixed")));
    }
    all.add(new Condition("frozen-path", "Frozen path", Kind.FROZEN_PATH, Factors.NONE, Map.of("seed", "7")));
    all.add(new Condition("frozen-draw", "Frozen draw", Kind.FROZEN_DRAW, Factors.NONE, Map.of("seed", "7")));
    return all;
  }

  public static List<Metric> metrics() {
    return List.of(
        new Metric("lpips:alex-0.1", "LPIPS (AlexNet)", Role.DIVERSITY, false),
        new Metric("cosine:pixels-raw", "Pixel cosine distance", Role.DIVERSITY, false),
        new Metric("ssim:gaussian-11", "SSIM", Role.DIVERSITY, true),
        new Metric("clip-score:demo-p8", "CLIP Score", Role.QUALITY, false),
        new Metric("clip-iqa:demo-p8", "CLIP-IQA", Role.QUALITY, false),
        new Metric("fid:clip-demo-p8", "FID (CLIP features)", Role.QUALITY, true));
  }

  private Results results(List<Sample> samples) {
    List<Value> values = new ArrayList<>();
    List<Curve> curves = new ArrayList<>();
    List<Total> totals = new ArrayList<>();
    List<Usage> usage = new ArrayList<>();
    for (Model m : models()) {
      double[] easy = random.doubles(prompts, -0.06, 0.06).toArray();
      for (Condition c : conditions()) {
        double lpips = diversity(m, c);
        for (int p = 0; p < prompts; p++) {
          boolean zero = lpips == 0;
          double d = zero ? 0 : Math.max(0.01, lpips * (1 + easy[p]) + 0.012 * random.nextGaussian());
          values.add(value(m, c, p, "lpips:alex-0.1", d));
          values.add(value(m, c, p, "cosine:pixels-raw", zero ? 0 : 0.3 * d + 0.008 * random.nextDouble()));
          values.add(value(m, c, p, "ssim:gaussian-11", zero ? 1 : 1 - 1.2 * d));
          values.add(value(m, c, p, "clip-score:demo-p8", 28 + 10 * easy[p] - harm(c) * 4 + 0.3 * random.nextGaussian()));
          values.add(value(m, c, p, "clip-iqa:demo-p8", 0.82 - harm(c) * 0.25 + 0.02 * random.nextGaussian()));
        }
        values.add(new Value(m.name(), c.name(), Optional.empty(), "fid:clip-demo-p8", 42 + 30 * harm(c) + random.nextDouble()));
        ledger(m, c, curves, totals);
        usage.add(new Usage(m.name(), c.name(), counts(c)));
      }
    }
    Map<String, String> environment = new LinkedHashMap<>();
    environment.put("azulejo", "0.1.0");
    environment.put("backend", "Vector API, 512-bit (16 lanes), 2 threads, C2");
    environment.put("sha256 demo/masked", "9f2c51f0b2a14c6d0f3d2a7f5c7a1f5d9b6f0c0ea9c1d2e3f4a5b6c7d8e9f001");
    return new Results("Synthetic run of the paper preset", models(), conditions(),
        IntStream.range(0, prompts).mapToObj(p -> new Prompt("p" + p, TEXTS.get(p % TEXTS.size()))).toList(), metrics(), values, curves,
            totals, usage, samples,
        List.of(), "{\n  \"preset\" : \"paper\",\n  \"seeds\" : [ 0, 1, 2, 3 ],\n  \"subset\" : 0.25\n}", environment,
        List.of("The numbers of this run are made up: no model was run."));
  }

  private double diversity(Model m, Condition c) {
    boolean full = c.kind() != Kind.SUBSET_RULE && c.kind() != Kind.SUBSET_RATIO && c.kind() != Kind.ENHANCEMENT;
    boolean argmax = c.factors().argmax() && c.kind() == Kind.FACTORIAL;
    double ratio = Double.parseDouble(c.settings().getOrDefault("ratio", "1"));
    boolean most = "most".equals(c.settings().get("rule"));
    boolean para = c.factors().paraphrase();
    double loss = c.kind() == Kind.SUBSET_RULE ? (most ? -0.3 : -0.1) : full && !c.factors().subset() ? 0 : most ? -0.4 * (1 - ratio)
        : Math.pow(1 - ratio, 3);
    double frozen = c.kind() == Kind.FROZEN_PATH ? 0.7 : c.kind() == Kind.FROZEN_DRAW ? 0.5 : 1;
    double timing = switch (c.settings().getOrDefault("window", "")) {
      case "early" -> 0.82;
      case "middle" -> 0.94;
      case "late" -> 0.985;
      default -> 1;
    };
    return switch (m.paradigm()) {
      case MASKED -> (0.44 + (argmax ? para ? -0.02 : -0.10 : 0) + (para ? 0.05 : 0)) * (1 - 0.4 * loss) * frozen * timing;
      case AUTOREGRESSIVE -> argmax && !para ? 0 : c.kind() == Kind.FROZEN_DRAW ? 0
          : (0.33 + (argmax ? -0.18 : 0) + (para ? 0.05 : 0)) * (1 - 0.06 * loss)
          * (c.kind() == Kind.FROZEN_PATH ? 1 : 2 - timing > 1.1 ? 0.6 : timing);
      case DIFFUSION -> (0.41 + (argmax ? -0.004 : 0) + (para ? 0.002 : 0)) * (1 - 0.28 * loss) * (c.kind() == Kind.FROZEN_PATH ? 0.4
          : c.kind() == Kind.FROZEN_DRAW ? 0.9 : 1);
    };
  }

  private static double harm(Condition c) {
    double ratio = Double.parseDouble(c.settings().getOrDefault("ratio", "1"));
    return Math.pow(1 - ratio, 4) + (c.factors().argmax() ? 0.1 : 0);
  }

  private void ledger(Model m, Condition c, List<Curve> curves, List<Total> totals) {
    int steps = switch (m.paradigm()) {
      case MASKED -> 12;
      case DIFFUSION -> 25;
      case AUTOREGRESSIVE -> 256;
    };
    double scale = c.factors().argmax() && c.kind() == Kind.FACTORIAL ? 0 : c.factors().subset() ? 0.75 : 1;
    List<Point> entropy = new ArrayList<>();
    List<Point> surprisal = new ArrayList<>();
    for (int s = 0; s < steps; s++) {
      double at = steps == 1 ? 0 : (double) s / (steps - 1);
      double mean = switch (m.paradigm()) {
        case MASKED -> 4.2 * Math.exp(-2 * at);
        case DIFFUSION -> 5.1 * (1 - at) * (1 - 0.3 * at);
        case AUTOREGRESSIVE -> 2.2 + 0.4 * Math.sin(at * 50) * (1 - at);
      };
      entropy.add(new Point(at, mean * (0.8 + 0.2 * scale), 0.3, 64));
      surprisal.add(new Point(at, mean * scale, 0.5, 64));
    }
    curves.add(new Curve(m.name(), c.name(), "entropy after guidance", Curve.NATS, entropy));
    curves.add(new Curve(m.name(), c.name(), "surprisal of the draw", Curve.NATS, surprisal));
    double path = m.paradigm() == Paradigm.AUTOREGRESSIVE ? 0 : m.paradigm() == Paradigm.MASKED ? 610 : 940;
    double execution = (m.paradigm() == Paradigm.AUTOREGRESSIVE ? 560 : m.paradigm() == Paradigm.MASKED ? 420 : 120) * scale;
    for (int p = 0; p < prompts; p++) {
      switch (m.paradigm()) {
        case AUTOREGRESSIVE -> totals.add(
            new Total(m.name(), c.name(), "p" + p, Quantity.PATH, 0, 256, "the order is fixed", Standing.EXACT));
        case MASKED -> {
          totals.add(new Total(m.name(), c.name(), "p" + p, Quantity.PATH, 1150, 256, "every choice of cells alike", Standing.UPPER_BOUND));
          totals.add(new Total(m.name(), c.name(), "p" + p, Quantity.PATH, path + 12 * random.nextGaussian(), 256,
              "surprisal of the kept cells", Standing.LOWER_BOUND));
        }
        case DIFFUSION -> totals.add(new Total(m.name(), c.name(), "p" + p, Quantity.PATH, path + 12 * random.nextGaussian(), 256,
            "entropy of each transition", Standing.UNBIASED));
      }
      totals.add(new Total(m.name(), c.name(), "p" + p, Quantity.EXECUTION, execution + 9 * scale * random.nextGaussian(), 256,
          "surprisal of the kept draws",
          m.paradigm() == Paradigm.MASKED ? Standing.UPPER_BOUND : Standing.UNBIASED));
    }
  }

  private long[] counts(Condition c) {
    double ratio = Double.parseDouble(c.settings().getOrDefault("ratio", "1"));
    long[] counts = new long[CODES];
    for (int k = 0; k < CODES; k++) {
      counts[k] = k < ratio * CODES ? (long) (4000 * Math.pow(k + 1, -0.9) * (0.7 + 0.6 * random.nextDouble())) : 0;
    }
    return counts;
  }

  private Value value(Model m, Condition c, int prompt, String metric, double value) {
    return new Value(m.name(), c.name(), Optional.of("p" + prompt), metric, value);
  }

  private List<Sample> samples(Path folder) {
    List<Sample> samples = new ArrayList<>();
    for (Model m : models()) {
      for (Condition c : conditions().stream()
          .filter(c -> c.factors().count() <= 1 && c.kind() != Kind.SUBSET_RATIO || c.name().equals("enhanced-0.8")).toList()) {
        for (int p = 0; p < 3; p++) {
          for (int i = 0; i < 4; i++) {
            Path file = folder.resolve(m.name().replace('/', '-') + "-" + c.name() + "-" + p + "-" + i + ".png");
            write(file, Color.getHSBColor(p / 3f + (diversity(m, c) == 0 ? 0 : i * 0.03f), 0.7f, 0.9f), i);
            samples.add(new Sample(m.name(), c.name(), "p" + p, i, file));
          }
        }
      }
    }
    return samples;
  }

  private static void write(Path file, Color colour, int i) {
    BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    var graphics = image.createGraphics();
    graphics.setColor(colour);
    graphics.fillOval(8 + 3 * i, 10, 40, 40);
    graphics.dispose();
    try {
      Files.createDirectories(file.getParent());
      ImageIO.write(image, "png", file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
