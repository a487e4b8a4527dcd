package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.models.vq.Quantizer;
import azulejo.probes.metrics.CodeUsage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import tools.jackson.databind.JsonNode;

/** Quantisers of each kind: {@code golden.safetensors} with the constructors' arguments in {@code golden_config.json}. */
final class QuantizerParity {
  static final String CONFIG = "golden_config.json";
  private static final double CODES = 1e-6;
  private static final double USAGE = 1e-9;
  /** The official formulas add 1e-8 or so to a frequency within the logarithm, and round to f32. */
  private static final double USAGE_WITH_EPSILON = 1e-4;
  /** Through a layer at either end. */
  private static final double PROJECTED = 1e-5;

  private final Goldens.Golden golden;
  private final Backend backend;
  private final Checks checks;

  private QuantizerParity(Goldens.Golden golden, Backend backend, Checks checks) {
    this.golden = golden;
    this.backend = backend;
    this.checks = checks;
  }

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    Goldens.Golden golden = goldens.file("golden.safetensors").orElseThrow();
    JsonNode config = Goldens.json(dir.resolve(CONFIG));
    for (String name : config.propertyNames()) {
      JsonNode arguments = config.get(name);
      QuantizerParity parity = new QuantizerParity(golden.at(name), backend, checks);
      checks.section(name);
      checks.attempt(name, () -> {
        String type = arguments.path("cls").asString();
        if (type.endsWith(".FSQ")) {
          parity.plain(name, fsq(arguments), arguments);
        } else if (type.endsWith("_pytorch.LFQ")) {
          parity.plain(name, lfq(arguments), arguments);
        } else if (type.contains("BinarySphericalQuantizer")) {
          parity.bsq(name, arguments);
        } else {
          parity.factorised(name, arguments);
        }
      });
    }
    checks.section("vq");
    QuantizerParity vq = new QuantizerParity(golden, backend, checks);
    checks.attempt("vq", vq::nearest);
    if (golden.has("usage.counts")) {
      checks.section("usage");
      checks.attempt("usage", vq::usage);
    }
    goldens.excuse("golden.safetensors", "bsq_18_l2.codebook_entropy_soft", "a training loss");
    goldens.excuse("golden.safetensors", "bsq_8_nol2.codebook_entropy_soft", "a training loss");
  }

  private static Quantizer fsq(JsonNode arguments) {
    JsonNode levels = arguments.get("levels");
    Quantizer.Fsq.Bound bound = arguments.path("preserve_symmetry").asBoolean(false) ? Quantizer.Fsq.Bound.SYMMETRIC
        : arguments.path("bound_hard_clamp").asBoolean(false) ? Quantizer.Fsq.Bound.CLAMP : Quantizer.Fsq.Bound.TANH;
    return new Quantizer.Fsq(IntStream.range(0, levels.size()).mapToObj(i -> levels.get(i).asInt()).toList(), bound);
  }

  private static Quantizer lfq(JsonNode arguments) {
    return new Quantizer.Lfq(arguments.get("mask").size(), (float) arguments.path("codebook_scale").asDouble(1),
        arguments.path("spherical").asBoolean(false), false);
  }

  // ---- finite scalar and lookup-free -------------------------------------------------------------------------------------

  private void plain(String name, Quantizer quantizer, JsonNode arguments) {
    checks.equal(name + ".codebook_size", new long[] {arguments.get("codebook_size").asLong()}, new long[] {quantizer.codebookSize()});
    HostTensor z = golden.tensor("z");
    long[] indices = quantizer.indices(in(z).toFloats());
    checks.equal(name + ".indices", golden.tensor("indices"), indices);
    double tolerance = golden.has("param.project_out.weight") ? PROJECTED : CODES;
    checks.closeIf(golden, name + ".", "out", wanted -> out(quantizer.codes(indices), quantizer, wanted), tolerance);
    checks.closeIf(golden, name + ".", "indices_to_codes", wanted -> out(quantizer.codes(indices), quantizer, wanted), tolerance);
    if (golden.has("img_z")) {
      long[] image = quantizer.indices(in(Recorder.channelsLast(golden.tensor("img_z"))).toFloats());
      checks.equal(name + ".img_indices", golden.tensor("img_indices"), image);
      for (String tensor : List.of("img_out", "img_indices_to_codes")) {
        checks.closeIf(golden, name + ".", tensor, wanted -> {
          Shape shape = wanted.shape();
          return Recorder.channelsFirst(out(quantizer.codes(image), quantizer, shape.dim(0), shape.dim(2), shape.dim(3), shape.dim(1)),
              shape);
        }, tolerance);
      }
    }
    implied(name, quantizer);
  }

  private void implied(String name, Quantizer quantizer) {
    if (golden.has("given_ids")) {
      float[] codes = quantizer.codes(longs(golden.tensor("given_ids")));
      checks.closeIf(golden, name + ".", "given_codes", wanted -> HostTensor.of("codes", codes, wanted.shape().toArray()), CODES);
    }
    long size = quantizer.codebookSize();
    checks.closeIf(golden, name + ".", "implicit_codebook", wanted ->
        HostTensor.of("codes", quantizer.codes(LongStream.range(0, size).toArray()), wanted.shape().toArray()), CODES);
    checks.closeIf(golden, name + ".", "implicit_codebook_first16_last16", wanted ->
        HostTensor.of("codes", quantizer.codes(LongStream.concat(LongStream.range(0, 16), LongStream.range(size - 16, size)).toArray()),
            wanted.shape().toArray()), CODES);
  }

  /** Open-MAGVIT2 numbers the first and the last bits of its codes apart. */
  private void factorised(String name, JsonNode arguments) {
    HostTensor z = golden.tensor("z");
    float[] rows = Recorder.channelsLast(z).toFloats();
    int width = z.shape().size(1);
    int first = arguments.get("factorized_bits").get(0).asInt();
    int second = arguments.get("factorized_bits").get(1).asInt();
    Quantizer whole = new Quantizer.Lfq(width, 1, false, true);
    checks.equal(name + ".indices_pre" + first, golden.tensor("indices_pre" + first),
        new Quantizer.Lfq(first, 1, false, true).indices(columns(rows, width, 0, first)));
    checks.equal(name + ".indices_post" + second, golden.tensor("indices_post" + second),
        new Quantizer.Lfq(second, 1, false, true).indices(columns(rows, width, first, second)));
    checks.closeIf(golden, name + ".", "out", wanted -> image(whole.codes(whole.indices(rows)), wanted), CODES);
  }

  // ---- binary spherical ---------------------------------------------------------------------------------------------------

  private void bsq(String name, JsonNode arguments) {
    int width = arguments.get("embed_dim").asInt();
    int group = arguments.get("group_size").asInt();
    Quantizer.Bsq quantizer = new Quantizer.Bsq(width, arguments.get("l2_norm").asBoolean());
    float[] z = golden.tensor("z").toFloats();
    long[] indices = quantizer.indices(z);
    checks.equal(name + ".indices", golden.tensor("indices"), indices);
    checks.equal(name + ".group_indices", golden.tensor("group_indices"), quantizer.groupIndices(z, group));
    checks.equal(name + ".indices of h", golden.tensor("indices"), quantizer.indices(golden.tensor("h").toFloats()));
    for (String tensor : List.of("zq", "get_codebook_entry", "get_group_codebook_entry")) {
      checks.closeIf(golden, name + ".", tensor, wanted -> HostTensor.of(tensor, quantizer.codes(indices), wanted.shape().toArray()),
          CODES);
    }
  }

  // ---- stored codes -------------------------------------------------------------------------------------------------------

  private void nearest() {
    HostTensor codebook = golden.tensor("vq.codebook");
    HostTensor x = golden.tensor("vq.x");
    float[] rows = Recorder.channelsLast(x).toFloats();
    int width = codebook.shape().size(1);
    for (String name : List.of("vq", "vq_llamagen_l20", "vq_llamagen_l21", "vq_lucidrains_cosine0", "vq_lucidrains_cosine1")) {
      if (golden.has(name + ".indices")) {
        boolean unit = name.endsWith("l21") || name.endsWith("cosine1");
        nearest(golden.at(name), name, new Quantizer.Vq(codebook.toFloats(), width, unit), rows);
      }
    }
    if (golden.has("vq_tie.indices")) {
      Quantizer.Vq tied = new Quantizer.Vq(golden.tensor("vq_tie.codebook").toFloats(), golden.tensor("vq_tie.codebook").shape().size(1),
          false);
      checks.equal("vq_tie.indices", golden.tensor("vq_tie.indices"),
          tied.indices(Recorder.channelsLast(golden.tensor("vq_tie.x")).toFloats()));
    }
  }

  /** Of codes as they were drawn, and as the nearest ones of vectors. */
  private void usage() {
    HostTensor counts = golden.tensor("usage.counts");
    CodeUsage usage = CodeUsage.of(counts.shape().size(0), List.of(golden.tensor("usage.ids").toInts()));
    checks.equal("usage.counts", counts, usage.counts());
    value("usage.used_fraction_f64", usage.coverage(), USAGE);
    value("usage.entropy_nats_f64", usage.entropy(), USAGE);
    value("usage.entropy_bits_f64", usage.entropy() / Math.log(2), USAGE);
    value("usage.perplexity_f64", usage.perplexity(), USAGE);
    value("usage.bsq_get_entropy_of_counts_f32", usage.entropy(), USAGE_WITH_EPSILON);
    value("usage.perplexity_taming_formula_f32", usage.perplexity(), USAGE_WITH_EPSILON);
    CodeUsage nearest = CodeUsage.of(golden.tensor("vq.codebook").shape().size(0), List.of(golden.tensor("vq.indices").toInts()));
    value("vq.perplexity", nearest.perplexity(), USAGE_WITH_EPSILON);
  }

  private void value(String tensor, double value, double tolerance) {
    checks.closeIf(golden, "", tensor, wanted -> new HostTensor(tensor, DType.F64, wanted.shape(), MemorySegment.ofArray(new double[] {value})), tolerance);
  }

  private void nearest(Goldens.Golden golden, String name, Quantizer.Vq quantizer, float[] rows) {
    long[] indices = quantizer.indices(rows);
    checks.equal(name + ".indices", golden.tensor("indices"), indices);
    float[] codes = quantizer.codes(indices);
    for (String tensor : List.of("zq", "codebook_entry", "codes", "quantized")) {
      checks.closeIf(golden, name + ".", tensor, wanted -> image(codes, wanted), CODES);
    }
  }

  // ---- shapes -------------------------------------------------------------------------------------------------------------

  /** Rows as the golden has them: [B, D, H, W] for an image. */
  private static HostTensor image(float[] rows, HostTensor wanted) {
    Shape shape = wanted.shape();
    return shape.rank() < 4 ? HostTensor.of("codes", rows, shape.toArray())
        : Recorder.channelsFirst(HostTensor.of("codes", rows, shape.dim(0), shape.dim(2), shape.dim(3), shape.dim(1)), shape);
  }

  private HostTensor in(HostTensor z) {
    return golden.has("param.project_in.weight") ? project("project_in", z) : z;
  }

  private HostTensor out(float[] codes, Quantizer quantizer, HostTensor wanted) {
    return out(codes, quantizer, wanted.shape().toArray());
  }

  /** Projected to rows of the last size of {@code shape} if the quantiser has layers. */
  private HostTensor out(float[] codes, Quantizer quantizer, long... shape) {
    if (!golden.has("param.project_out.weight")) {
      return HostTensor.of("codes", codes, shape);
    }
    long[] inner = shape.clone();
    inner[inner.length - 1] = quantizer.width();
    return project("project_out", HostTensor.of("codes", codes, inner));
  }

  private HostTensor project(String layer, HostTensor x) {
    HostTensor weight = golden.tensor("param." + layer + ".weight");
    Linear linear = new Linear(backend.matrix(weight), backend.weight(golden.tensor("param." + layer + ".bias")));
    long[] shape = x.shape().toArray();
    shape[shape.length - 1] = weight.shape().dim(0);
    try (Backend.Scope _ = backend.scope()) {
      Tensor out = backend.alloc(DType.F32, shape);
      linear.apply(backend, backend.tensor(x), out);
      return backend.download(out);
    }
  }

  private static float[] columns(float[] rows, int width, int from, int count) {
    float[] out = new float[rows.length / width * count];
    for (int i = 0; i < out.length; i++) {
      out[i] = rows[i / count * width + from + i % count];
    }
    return out;
  }

  private static long[] longs(HostTensor tensor) {
    long[] out = new long[Math.toIntExact(tensor.shape().elements())];
    Arrays.setAll(out, tensor::longAt);
    return out;
  }
}
