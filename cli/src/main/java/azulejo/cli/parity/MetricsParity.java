package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.Image;
import azulejo.models.perceptual.Lpips;
import azulejo.probes.metrics.Pixels;
import azulejo.probes.metrics.Ssim;
import azulejo.runtime.checkpoint.Checkpoint;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import tools.jackson.databind.JsonNode;

/** Metrics of images, with the networks behind them, whose weights are made by recipes. */
final class MetricsParity {
  private static final String LPIPS = "lpips.safetensors";
  private static final String HEADS = "lpips_lin_v0.1.safetensors";
  private static final String LPIPS_RECIPE = "lpips_weight_recipe.json";
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
        checks.equal(prefix + "distance of an image to itself", new long[1], new long[] {Double.doubleToLongBits(lpips.distance(seen.getFirst(), seen.getFirst()))});
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
      double distance = Pixels.cosineDistance(Pixels.raw(a), Pixels.raw(b));
      value(checks, wanted, prefix, "cosine_distance_scipy", distance, DOUBLE);
      value(checks, wanted, prefix, "cosine_similarity_torch", 1 - distance, DOUBLE);
      value(checks, wanted, prefix, "psnr", Pixels.psnr(Pixels.raw(a), Pixels.raw(b)), DOUBLE);
      value(checks, wanted, prefix, "mse_255", Pixels.meanSquaredError(Pixels.raw(a), Pixels.raw(b)), DOUBLE);
    }
  }

  /** [rows, W, 3] of a map [3][H * W]. */
  private static double[] rows(List<double[]> map, int width, int... rows) {
    return IntStream.range(0, rows.length * width * 3).mapToDouble(i -> map.get(i % 3)[rows[i / 3 / width] * width + i / 3 % width]).toArray();
  }
}
