package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.models.Image;
import azulejo.models.clip.Clip;
import azulejo.models.perceptual.InceptionV3;
import azulejo.models.perceptual.Lpips;
import azulejo.probes.metrics.ClipIqa;
import azulejo.probes.metrics.Gaussian;
import azulejo.probes.metrics.ImageMetric;
import azulejo.probes.metrics.Metrics;
import azulejo.probes.metrics.Networks;
import azulejo.probes.metrics.Pixels;
import azulejo.probes.metrics.Specimen;
import azulejo.probes.metrics.Ssim;
import azulejo.runtime.checkpoint.Checkpoint;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** Metrics of images, with the networks behind them, whose weights are made by recipes. */
final class MetricsParity {
  private static final String LPIPS = "lpips.safetensors";
  private static final String HEADS = "lpips_lin_v0.1.safetensors";
  private static final String LPIPS_RECIPE = "lpips_weight_recipe.json";
  private static final String INCEPTION_RECIPE = "inception_weight_recipe.json";
  /** Pixels between -1 and 1, at places that f32 knows to 64 * 2^-24 of a pixel. */
  private static final double RESIZED = 5e-6;
  /** Of Inception's activations, relative to the largest of a tensor: f32 sums through up to 48 layers. */
  private static final double FEATURES = 1e-4;
  private static final String CLIP = "clip_metrics.safetensors";
  private static final double LEVELS = 1e-5;
  private static final double EMBEDS = 1e-5;
  /** Of 100 times a cosine of f32 vectors. */
  private static final double SCORES = 1e-3;
  private static final double PROBABILITIES = 1e-4;
  /** Of means and covariances in f64. */
  private static final double MOMENTS = 1e-9;
  /** Of a Frechet distance, relative. */
  private static final double FRECHET = 1e-6;
  /** The same where the official root is that of a singular matrix, whose three ways differ by 6e-9. */
  private static final double SINGULAR = 1e-5;
  /** Of a distance, and of each layer's share in it. */
  private static final double DISTANCE = 1e-5;
  /** Of activations' mean and standard deviation, about 1: f32 sums of up to 4608 products, through 13 layers. */
  private static final double ACTIVATIONS = 1e-5;
  /** Of the largest value of the map, whose pixels are not averaged. */
  private static final double MAP = 1e-5;
  /** Against what was computed in f32. */
  private static final double SINGLE = 1e-5;
  /** Against what was computed in f64. */
  private static final double DOUBLE = 1e-9;
  /** Against f64 of pixels that had been rounded to f32. */
  private static final double ROUNDED = 2e-9;

  private final Path dir;
  private final Goldens goldens;
  private final Backend backend;
  private final Checks checks;

  private MetricsParity(Path dir, Goldens goldens, Backend backend, Checks checks) {
    this.dir = dir;
    this.goldens = goldens;
    this.backend = backend;
    this.checks = checks;
  }

  static boolean recognises(Goldens goldens) {
    return goldens.names().contains("ssim_and_pixel.safetensors") || goldens.names().contains("inception_fid.safetensors");
  }

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    MetricsParity parity = new MetricsParity(dir, goldens, backend, checks);
    goldens.file("inception_fid.safetensors").ifPresent(golden -> {
      checks.section("Inception");
      checks.attempt("inception", () -> parity.inception(golden));
    });
    checks.section("FID");
    goldens.file("fid.safetensors").ifPresent(golden -> {
      for (String set : List.of("regular", "wide", "singular")) {
        checks.attempt(set, () -> parity.frechet(golden.at(set), set));
      }
    });
    parity.clip();
    goldens.file(LPIPS).ifPresent(golden -> {
      for (Lpips.Net net : Lpips.Net.values()) {
        checks.section("LPIPS " + net.id());
        checks.attempt(net.id(), () -> parity.lpips(golden, net));
      }
      checks.section("SSIM and pixels");
      goldens.file("ssim_and_pixel.safetensors").ifPresent(pixels -> parity.pairs(pixels, golden));
    });
  }

  private static void value(Checks checks, Goldens.Golden golden, String prefix, String tensor, double value, double tolerance) {
    checks.closeIf(golden, prefix, tensor, wanted -> doubles(wanted, value), tolerance);
  }

  /** A host tensor of f64. */
  private static HostTensor doubles(HostTensor like, double... values) {
    return new HostTensor(like.name(), DType.F64, like.shape(), MemorySegment.ofArray(values));
  }

  /** A golden [3, H, W] of bytes. */
  static Image image(HostTensor chw) {
    int height = chw.shape().size(1);
    int width = chw.shape().size(2);
    byte[] rgb = new byte[3 * height * width];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) chw.longAt((long) i % 3 * height * width + i / 3);
    }
    return new Image(width, height, rgb);
  }

  /** Of a golden [B, 3, H, W] of bytes. */
  private static List<Image> images(HostTensor bchw) {
    Shape shape = bchw.shape();
    long bytes = shape.elements() / shape.dim(0);
    return IntStream.range(0, shape.size(0)).mapToObj(i -> image(new HostTensor(bchw.name(), bchw.dtype(), Shape.of(3, shape.dim(2), shape.dim(3)),
        bchw.data().asSlice(i * bytes, bytes)))).toList();
  }

  private void frechet(Goldens.Golden golden, String set) {
    List<List<float[]>> features = List.of(rows(golden.tensor("features1")), rows(golden.tensor("features2")));
    List<Gaussian> gaussians = features.stream().map(Gaussian::of).toList();
    for (int i = 0; i < 2; i++) {
      Gaussian gaussian = gaussians.get(i);
      checks.closeIf(golden, set + ".", "mu" + (i + 1), wanted -> doubles(wanted, gaussian.mean()), MOMENTS);
      checks.closeIf(golden, set + ".", "sigma" + (i + 1), wanted -> doubles(wanted, gaussian.covariance().data), MOMENTS);
    }
    double distance = gaussians.getFirst().distance(gaussians.getLast());
    double tolerance = (set.equals("singular") ? SINGULAR : FRECHET) * distance;
    checks.closeIf(golden, set + ".", "fid", wanted -> doubles(wanted, distance, distance, distance), tolerance);
    checks.close(set + ".fid the other way round", doubles(golden.tensor("fid"), distance, distance, distance),
        doubles(golden.tensor("fid"), IntStream.range(0, 3).mapToDouble(_ -> gaussians.getLast().distance(gaussians.getFirst())).toArray()), tolerance);
  }

  private static List<float[]> rows(HostTensor matrix) {
    float[] values = matrix.toFloats();
    int width = matrix.shape().size(1);
    return IntStream.range(0, matrix.shape().size(0)).mapToObj(i -> Arrays.copyOfRange(values, i * width, (i + 1) * width)).toList();
  }

  /** CLIP score and CLIP-IQA, of the pictures that LPIPS compares, with the model in a folder beside this one. */
  private void clip() {
    Path model = dir.toAbsolutePath().normalize().resolveSibling("clip-tiny");
    if (!Files.exists(model.resolve("config.json"))) {
      goldens.excuse(CLIP, "", "needs clip-tiny beside the folder");
      return;
    }
    goldens.file(CLIP).ifPresent(golden -> checks.attempt("CLIP metrics", () -> {
      checks.section("CLIP metrics");
      JsonNode texts = Goldens.json(dir.resolve("clip_metrics.json"));
      Goldens.Golden pairs = goldens.file(LPIPS).orElseThrow();
      List<Image> images = Stream.of("pair0.a_u8", "pair0.b_u8", "pair1.a_u8", "pair1.b_u8").map(name -> image(pairs.tensor(name))).toList();
      try (Clip clip = Clip.open(model, backend)) {
        clip(golden, texts, images, clip);
      }
      Networks networks = new Networks(Optional.of(model), Optional.empty(), Optional.empty());
      try (Metrics metrics = new Metrics(networks, backend)) {
        scores(golden, strings(texts.path("captions")), images, metrics);
      }
    }));
    goldens.excuse(CLIP, "iqa.torchmetrics_official", "torchmetrics scales levels to 0..1 twice with this kind of model: its pictures are nearly black");
  }

  private void clip(Goldens.Golden golden, JsonNode texts, List<Image> images, Clip clip) {
    HostTensor pixels = golden.tensor("pixel_values");
    checks.close("pixel_values", pixels, Recorder.channelsFirst(clip.processor().process(images), pixels.shape()), LEVELS);
    TextEncoderParity.tokenize("input_ids", texts.path("captions"), golden.tensor("input_ids"), clip.tokenizer(), checks);
    List<float[]> embeds = clip.embedImages(images);
    checks.closeIf(golden, "", "image_embeds", wanted -> matrix(embeds, wanted), EMBEDS);
    checks.closeIf(golden, "", "text_embeds", wanted -> matrix(clip.embedTexts(strings(texts.path("captions"))), wanted), EMBEDS);
    List<String> prompts = texts.path("iqa.prompts").properties().stream().flatMap(e -> strings(e.getValue()).stream()).toList();
    int length = golden.tensor("iqa.input_ids").shape().size(1);
    checks.equal("iqa.input_ids", golden.tensor("iqa.input_ids"),
        prompts.stream().flatMapToInt(prompt -> Arrays.stream(clip.tokenizer().encode(prompt, length).ids())).toArray());
    List<float[]> anchors = clip.embedTexts(prompts);
    checks.closeIf(golden, "", "iqa.anchors", wanted -> matrix(anchors, wanted), EMBEDS);
    int kinds = prompts.size() / 2;
    checks.closeIf(golden, "", "iqa.probs", wanted -> doubles(wanted, IntStream.range(0, images.size() * kinds).mapToDouble(i ->
        ClipIqa.preference(embeds.get(i / kinds), anchors.get(i % kinds * 2), anchors.get(i % kinds * 2 + 1))).toArray()), PROBABILITIES);
  }

  /** Through the metrics as a run asks for them. */
  private void scores(Goldens.Golden golden, List<String> captions, List<Image> images, Metrics metrics) {
    List<Specimen> specimens = IntStream.range(0, images.size())
        .mapToObj(i -> new Specimen("image " + i, images.get(i), Optional.of(captions.get(i)), Optional.empty())).toList();
    ImageMetric score = (ImageMetric) metrics.open("clip-score:torchmetrics");
    double[] values = score.of(specimens);
    for (String tensor : List.of("clip_score_per_pair", "clip_score_per_pair_unclamped", "clip_score_torchmetrics_official")) {
      checks.closeIf(golden, "", tensor, wanted -> doubles(wanted, values), SCORES);
    }
    checks.closeIf(golden, "", "clip_score_torchmetrics_mean_pair0", wanted -> doubles(wanted, score.mean(score.of(specimens.subList(0, 2)))), SCORES);
    ImageMetric quality = (ImageMetric) metrics.open("clip-iqa:quality");
    HostTensor probabilities = golden.tensor("iqa.probs");
    int kinds = probabilities.shape().size(1);
    HostTensor first = HostTensor.of("quality", IntStream.range(0, images.size()).collect(() -> new float[images.size()],
        (all, i) -> all[i] = probabilities.floatAt((long) i * kinds), (_, _) -> {}), images.size());
    checks.close("clip-iqa:quality", first, doubles(first, quality.of(specimens)), PROBABILITIES);
  }

  private static List<String> strings(JsonNode list) {
    return IntStream.range(0, list.size()).mapToObj(i -> list.get(i).asString()).toList();
  }

  private static HostTensor matrix(List<float[]> rows, HostTensor wanted) {
    return doubles(wanted, rows.stream().flatMapToDouble(row -> IntStream.range(0, row.length).mapToDouble(i -> row[i])).toArray());
  }

  private void lpips(Goldens.Golden golden, Lpips.Net net) {
    JsonNode recipe = Goldens.json(dir.resolve(LPIPS_RECIPE)).path(net.id());
    Map<String, HostTensor> heads = new LinkedHashMap<>();
    Goldens.Golden all = goldens.file(HEADS).orElseThrow().at(net.id());
    all.names().forEach(name -> heads.put(name, all.tensor(name)));
    try (Lpips lpips = Lpips.open(net, Checkpoint.of(new WeightRecipe(dir.resolve(LPIPS_RECIPE), recipe, heads)), backend)) {
      for (int pair = 0; golden.has("pair" + pair + ".a_u8"); pair++) {
        List<Image> images = List.of(image(golden.tensor("pair" + pair + ".a_u8")), image(golden.tensor("pair" + pair + ".b_u8")));
        String prefix = net.id() + ".pair" + pair + ".";
        Goldens.Golden wanted = golden.at(net.id() + ".pair" + pair);
        activations(wanted, prefix, lpips, images.getFirst());
        List<Lpips.Features> seen = lpips.features(images);
        checks.closeIf(wanted, prefix, "per_layer", w -> doubles(w, lpips.layerDistances(seen.getFirst(), seen.getLast())), DISTANCE);
        value(checks, wanted, prefix, "distance", lpips.distance(seen.getFirst(), seen.getLast()), DISTANCE);
        value(checks, wanted, prefix, "distance_float64", lpips.distance(seen.getLast(), seen.getFirst()), DISTANCE);
        float[] map = lpips.distanceMap(seen.getFirst(), seen.getLast());
        double mean = IntStream.range(0, map.length).mapToDouble(i -> map[i]).average().orElseThrow();
        double max = IntStream.range(0, map.length).mapToDouble(i -> map[i]).max().orElseThrow();
        checks.closeIf(wanted, prefix, "spatial_mean_max", w -> doubles(w, mean, max), MAP);
        long[] itself = {Double.doubleToLongBits(lpips.distance(seen.getFirst(), seen.getFirst()))};
        checks.equal(prefix + "distance of an image to itself", new long[1], itself);
      }
    }
  }

  private void activations(Goldens.Golden golden, String prefix, Lpips lpips, Image image) {
    try (Backend.Scope _ = backend.scope()) {
      List<Tensor> outputs = lpips.activations(Lpips.scaled(List.of(image)));
      checks.equal(prefix + "feature_sizes", golden.tensor("feature_sizes"),
          outputs.stream().flatMapToLong(t -> LongStream.of(t.dim(3), t.dim(1), t.dim(2))).toArray());
      double[] meanStd = outputs.stream().map(backend::download).flatMapToDouble(x -> DoubleStream.of(meanStd(x))).toArray();
      checks.closeIf(golden, prefix, "feature_mean_std", w -> doubles(w, meanStd), ACTIVATIONS);
    }
  }

  /** Mean and unbiased standard deviation. */
  private static double[] meanStd(HostTensor x) {
    float[] values = x.toFloats();
    double mean = IntStream.range(0, values.length).mapToDouble(i -> values[i]).sum() / values.length;
    double squares = IntStream.range(0, values.length).mapToDouble(i -> (values[i] - mean) * (values[i] - mean)).sum();
    return new double[] {mean, Math.sqrt(squares / (values.length - 1))};
  }

  private void inception(Goldens.Golden golden) {
    Path recipe = dir.resolve(INCEPTION_RECIPE);
    List<Image> images = images(golden.tensor("images_u8"));
    HostTensor pixels = InceptionV3.pixels(images);
    checks.closeIf(golden, "", "resized_row_150", wanted -> channelsFirstRow(pixels, 150, wanted), RESIZED);
    Recorder seen = new Recorder(backend);
    HostTensor features;
    try (InceptionV3 network = InceptionV3.open(Checkpoint.of(new WeightRecipe(recipe, Goldens.json(recipe), Map.of())), backend);
        Backend.Scope _ = backend.scope()) {
      features = backend.download(network.forward(pixels, seen));
    }
    Goldens.Golden stages = golden.at("stage");
    for (String name : stages.names().stream().filter(n -> n.endsWith(".shape")).toList()) {
      String layer = name.substring(0, name.lastIndexOf('.'));
      HostTensor value = seen.last(layer);
      Shape shape = value.shape();
      checks.equal(name, stages.tensor(name), new long[] {shape.dim(0), shape.dim(3), shape.dim(1), shape.dim(2)});
      float[] values = value.toFloats();
      double[] moments = meanStd(value);
      double max = IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElseThrow();
      relative(stages, layer + ".mean_std_max", wanted -> doubles(wanted, moments[0], moments[1], max));
      relative(stages, layer + ".probe", wanted -> probe(value, wanted));
    }
    for (List<String> block : List.of(List.of("block64", "block64"), List.of("block192", "block192"), List.of("block768", "Mixed_6e"),
        List.of("block2048", "Mixed_7c"))) {
      relative(golden, block.getFirst() + ".spatial_mean", wanted -> spatialMean(seen.last(block.getLast()), wanted));
    }
    relative(golden, "pool3_2048", _ -> features);
    goldens.excuse("inception_fid.safetensors", "pool3_2048_float64_maxdiff", "the official code's own rounding error, for the tolerance");
  }

  /** Within {@link #FEATURES} of the largest number in the golden tensor. */
  private void relative(Goldens.Golden golden, String tensor, UnaryOperator<HostTensor> value) {
    double largest = 0;
    HostTensor wanted = golden.tensor(tensor);
    for (long i = 0; i < wanted.shape().elements(); i++) {
      largest = Math.max(largest, Math.abs(wanted.doubleAt(i)));
    }
    checks.closeIf(golden, "", tensor, value, FEATURES * largest);
  }

  /** Row {@code row} of pixels [B, H, W, C] as [B, C, W]. */
  private static HostTensor channelsFirstRow(HostTensor pixels, int row, HostTensor wanted) {
    Shape shape = pixels.shape();
    float[] out = new float[Math.toIntExact(wanted.shape().elements())];
    int width = shape.size(2);
    for (int i = 0; i < out.length; i++) {
      int image = i / (3 * width);
      int channel = i / width % 3;
      out[i] = pixels.floatAt(((image * shape.dim(1) + row) * width + i % width) * 3 + channel);
    }
    return HostTensor.of("row", out, wanted.shape().toArray());
  }

  /** {@code out[:, :4, H / 2, :8]} of an output [B, H, W, C]. */
  private static HostTensor probe(HostTensor value, HostTensor wanted) {
    Shape shape = value.shape();
    int channels = wanted.shape().size(1);
    int columns = wanted.shape().size(2);
    float[] out = new float[Math.toIntExact(wanted.shape().elements())];
    for (int i = 0; i < out.length; i++) {
      long pixel = (i / (channels * columns) * shape.dim(1) + shape.dim(1) / 2) * shape.dim(2) + i % columns;
      out[i] = value.floatAt(pixel * shape.dim(3) + i / columns % channels);
    }
    return HostTensor.of("probe", out, wanted.shape().toArray());
  }

  /** [B, C] of an output [B, H, W, C]. */
  private static HostTensor spatialMean(HostTensor value, HostTensor wanted) {
    Shape shape = value.shape();
    long pixels = shape.dim(1) * shape.dim(2);
    float[] out = new float[Math.toIntExact(wanted.shape().elements())];
    for (int i = 0; i < out.length; i++) {
      double sum = 0;
      for (long pixel = 0; pixel < pixels; pixel++) {
        sum += value.floatAt((i / shape.dim(3) * pixels + pixel) * shape.dim(3) + i % shape.dim(3));
      }
      out[i] = (float) (sum / pixels);
    }
    return HostTensor.of("mean", out, wanted.shape().toArray());
  }

  private void pairs(Goldens.Golden golden, Goldens.Golden images) {
    for (int pair = 0; images.has("pair" + pair + ".a_u8"); pair++) {
      Image a = image(images.tensor("pair" + pair + ".a_u8"));
      Image b = image(images.tensor("pair" + pair + ".b_u8"));
      String prefix = "pair" + pair + ".";
      Goldens.Golden wanted = golden.at("pair" + pair);
      Ssim gaussian = Ssim.gaussian(Ssim.Range.ALL);
      double similarity = gaussian.similarity(gaussian.moments(a), gaussian.moments(b));
      value(checks, wanted, prefix, "skimage_u8", similarity, DOUBLE);
      value(checks, wanted, prefix, "skimage_f64", similarity, ROUNDED);
      value(checks, wanted, prefix, "torchmetrics_f64_range1", similarity, ROUNDED);
      value(checks, wanted, prefix, "skimage_f32", similarity, SINGLE);
      value(checks, wanted, prefix, "torchmetrics_range1", similarity, SINGLE);
      Ssim seen = Ssim.gaussian(Ssim.Range.SEEN);
      value(checks, wanted, prefix, "torchmetrics_default_range_none", seen.similarity(seen.moments(a), seen.moments(b)), SINGLE);
      Ssim uniform = Ssim.uniform();
      value(checks, wanted, prefix, "skimage_default_uniform7", uniform.similarity(uniform.moments(a), uniform.moments(b)), DOUBLE);
      List<double[]> map = gaussian.map(gaussian.moments(a), gaussian.moments(b));
      checks.closeIf(wanted, prefix, "skimage_u8_map_rows_0_6", w -> doubles(w, rows(map, a.width(), 0, 6)), DOUBLE);
      value(checks, wanted, prefix, "skimage_gray_u8", gaussian.similarity(gaussian.moments(red(a)), gaussian.moments(red(b))), DOUBLE);
      double distance = Pixels.cosineDistance(Pixels.raw(a), Pixels.raw(b));
      value(checks, wanted, prefix, "cosine_distance_scipy", distance, DOUBLE);
      value(checks, wanted, prefix, "cosine_similarity_torch", 1 - distance, DOUBLE);
      value(checks, wanted, prefix, "psnr", Pixels.psnr(Pixels.raw(a), Pixels.raw(b)), DOUBLE);
      value(checks, wanted, prefix, "mse_255", Pixels.meanSquaredError(Pixels.raw(a), Pixels.raw(b)), DOUBLE);
    }
  }

  /** The recording's grey picture, its red levels. */
  private static Image red(Image image) {
    byte[] grey = new byte[image.rgb().length];
    for (int i = 0; i < grey.length; i++) {
      grey[i] = image.rgb()[i - i % 3];
    }
    return new Image(image.width(), image.height(), grey);
  }

  /** [rows, W, 3] of a map [3][H * W]. */
  private static double[] rows(List<double[]> map, int width, int... rows) {
    return IntStream.range(0, rows.length * width * 3).mapToDouble(i -> map.get(i % 3)[rows[i / 3 / width] * width + i / 3 % width]).toArray();
  }
}
