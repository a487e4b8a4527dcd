package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Tensor;
import azulejo.models.llamagen.Captions;
import azulejo.models.llamagen.Gpt;
import azulejo.models.llamagen.LlamaGen;
import azulejo.models.llamagen.VqCheckpoint;
import azulejo.models.vq.VqModel;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.NextToken;
import azulejo.runtime.walk.RasterWalk;
import azulejo.runtime.walk.WalkNoise;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * LlamaGen's parts: a folder with {@code c2i_*}, {@code t2i_*} and {@code vq_*} checkpoints, their sizes in {@code config.json}, recordings {@code golden_*.safetensors}
 * and the arguments of the recorded runs in {@code golden_report.json}. Runs are drawn from their seeds.
 */
final class LlamaGenParity {
  private static final double LOGITS = 5e-5;
  private static final double PROBABILITY = 1e-4;
  private static final double ACTIVATIONS = 5e-5;
  private static final double PIXELS = 1e-4;
  private static final double ROTARY = 1e-6;

  private final Path dir;
  private final Goldens goldens;
  private final Backend backend;
  private final Checks checks;
  private final JsonNode report;

  private LlamaGenParity(Path dir, Backend backend, Goldens goldens, Checks checks) {
    this.dir = dir;
    this.goldens = goldens;
    this.backend = backend;
    this.checks = checks;
    this.report = Goldens.json(dir.resolve("golden_report.json"));
  }

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    new LlamaGenParity(dir, backend, goldens, checks).everything();
  }

  private void everything() {
    checks.section("captions");
    checks.attempt("captions", this::captions);
    try (Checkpoint vqFile = open("vq"); Checkpoint c2iFile = open("c2i"); Checkpoint t2iFile = open("t2i")) {
      VqModel vq = new VqModel(VqCheckpoint.config(vqFile), vqFile.on(backend));
      checks.section("VQ model");
      checks.attempt("VQ model", () -> vq(goldens.file("golden_vq.safetensors").orElseThrow(), vq));
      checks.section("sampling");
      checks.attempt("sampling", () -> sampling(goldens.file("golden_sample.safetensors").orElseThrow()));
      JsonConfig config = JsonConfig.read(dir.resolve("config.json"));
      checks.section("class-conditional GPT");
      checks.attempt("c2i", () -> classes(gpt(c2iFile, config.section("c2i")), vq));
      checks.section("text-conditional GPT");
      checks.attempt("t2i", () -> captions(gpt(t2iFile, config.section("t2i")), vq));
    }
  }

  private Gpt gpt(Checkpoint checkpoint, JsonConfig arguments) {
    Gpt.Config config = Gpt.Config.of(checkpoint, Optional.of(arguments));
    checks.rounding(Rounding.of(checkpoint, w -> new Gpt(config, w), backend, checks.format()));
    return new Gpt(config, checkpoint.on(backend, checks.format()));
  }

  /** The checkpoint whose name begins so: the pickle, after a comparison with the safetensors file where both are there. */
  private Checkpoint open(String kind) {
    Path safetensors = file(kind, ".safetensors");
    Path pickle = file(kind, ".pt");
    if (pickle == null) {
      return Checkpoint.open(safetensors);
    }
    Checkpoint checkpoint = Checkpoint.open(pickle);
    if (safetensors != null) {
      try (Checkpoint same = Checkpoint.open(safetensors)) {
        long differing = same.names().stream().filter(name -> !equal(same.tensor(name), checkpoint.tensor(name))).count();
        checks.report(pickle.getFileName() + " holds " + safetensors.getFileName(), differing == 0 && same.names().equals(checkpoint.names()),
            differing + " of " + same.names().size() + " tensors differ, tolerance 0");
      }
    }
    return checkpoint;
  }

  private Path file(String kind, String suffix) {
    return LlamaGen.files(dir).stream().filter(f -> f.getFileName().toString().startsWith(kind + "_") && f.toString().endsWith(suffix)).findFirst().orElse(null);
  }

  private static boolean equal(HostTensor a, HostTensor b) {
    return a.shape().equals(b.shape()) && Arrays.equals(a.toFloats(), b.toFloats());
  }

  private void captions() {
    Path file = dir.resolve("golden_clean_caption.json");
    if (Files.exists(file)) {
      JsonNode rows = Goldens.json(file).path("rows");
      long wrong = IntStream.range(0, rows.size())
          .filter(i -> !Captions.clean(rows.get(i).path("in").asString()).equals(rows.get(i).path("out").asString())).count();
      checks.report("clean-up", wrong == 0 && rows.size() > 0, wrong + " of " + rows.size() + " captions differ, tolerance 0");
    }
  }

  // ---- VQ -----------------------------------------------------------------------------------------------------------------

  private void vq(Goldens.Golden golden, VqModel vq) {
    Goldens.Golden decode = golden.at("decode");
    HostTensor entry = decode.tensor("codebook_entry");
    HostTensor ids = HostTensor.of("ids", decode.tensor("ids").toInts(), entry.shape().dim(0), entry.shape().dim(2), entry.shape().dim(3));
    Recorder seen = new Recorder(backend);
    HostTensor pixels = pixels(vq, ids, seen);
    vqTensor(decode, "decode.", "codebook_entry", seen.last("codebook_entry"));
    vqTensor(decode, "decode.", "post_quant_conv", seen.last("post_quant_conv"));
    vqTensor(decode, "decode.", "after_conv_in", seen.last("decoder.conv_in"));
    vqTensor(decode, "decode.", "after_mid_attn", seen.last("decoder.mid.1"));
    vqTensor(decode, "decode.", "after_mid", seen.last("decoder.mid_block"));
    vqTensor(decode, "decode.", "after_block0_upsample", seen.last("decoder.conv_blocks.0"));
    vqTensor(decode, "decode.", "pixels", pixels);
    checks.image("decode.uint8_save_image", decode.tensor("uint8_save_image"), LlamaGen.levels(pixels));

    Goldens.Golden encode = golden.at("encode");
    HostTensor latents;
    int[] codes;
    try (Backend.Scope _ = backend.scope()) {
      Tensor z = vq.encode(backend.tensor(Recorder.channelsLast(encode.tensor("x"))), seen);
      latents = backend.download(z);
      codes = vq.quantise(z);
    }
    vqTensor(encode, "encode.", "after_last_downsample", seen.last("encoder.conv_blocks." + (vq.config().encoderChannels().size() - 2)));
    vqTensor(encode, "encode.", "after_mid", seen.last("encoder.mid_block"));
    vqTensor(encode, "encode.", "encoder_out", seen.last("encoder.conv_out"));
    vqTensor(encode, "encode.", "h", latents);
    checks.equal("encode.indices", encode.tensor("indices"), codes);
    pixels(vq, HostTensor.of("indices", codes, latents.shape().dim(0), latents.shape().dim(1), latents.shape().dim(2)), seen);
    vqTensor(encode, "encode.", "quant", straightThrough(latents, seen.last("codebook_entry")));
  }

  private void vqTensor(Goldens.Golden golden, String prefix, String name, HostTensor value) {
    HostTensor wanted = golden.tensor(name);
    checks.close(prefix + name, wanted, Recorder.channelsFirst(value, wanted.shape()), PIXELS);
  }

  /** {@code z + (e - z)} with z of unit length, [..., width]. */
  private static HostTensor straightThrough(HostTensor latents, HostTensor codes) {
    int width = latents.shape().size(-1);
    float[] z = latents.toFloats();
    for (int from = 0; from < z.length; from += width) {
      double squares = 0;
      for (int i = from; i < from + width; i++) {
        squares += z[i] * z[i];
      }
      for (int i = from; i < from + width; i++) {
        float unit = (float) (z[i] / Math.sqrt(squares));
        z[i] = unit + (codes.floatAt(i) - unit);
      }
    }
    return HostTensor.of("quant", z, latents.shape().toArray());
  }

  private HostTensor pixels(VqModel vq, HostTensor codes, Tap tap) {
    try (Backend.Scope _ = backend.scope()) {
      return backend.download(vq.decode(backend.tensor(codes), tap));
    }
  }

  // ---- sampling -----------------------------------------------------------------------------------------------------------

  private void sampling(Goldens.Golden golden) {
    JsonNode cases = report.path("sample_cases");
    for (int i = 0; i < cases.size(); i++) {
      JsonNode c = cases.get(i);
      String input = c.path("input").asString();
      String name = "case" + c.path("case").asInt() + "." + input;
      Goldens.Golden expected = golden.at(name);
      HostTensor logits = lastPosition(golden.tensor(input));
      Draw draw = draw(c, 1);
      int rows = logits.shape().size(1);
      int codes = logits.shape().size(3);
      HostTensor noise = HostTensor.of("noise", expected.tensor("exp_noise").toFloats(), rows, 1, codes);
      checks.equal(name + ".idx", expected.tensor("idx"), tokens(logits, draw, noise));
      Draw greedy = new Draw(1, draw.temperature(), draw.topK(), draw.topP()).argmax();
      checks.equal(name + ".greedy_idx", expected.tensor("greedy_idx"), tokens(logits, greedy, noise));
      checks.close(name + ".probs", expected.tensor("probs"), distribution(logits, draw), PROBABILITY);
    }
  }

  /** [1, B, 1, V] of [B, T, V]. */
  private static HostTensor lastPosition(HostTensor logits) {
    int batch = logits.shape().size(0);
    int length = logits.shape().size(1);
    int codes = logits.shape().size(2);
    float[] last = new float[batch * codes];
    for (int i = 0; i < last.length; i++) {
      last[i] = logits.floatAt((long) (i / codes * length + length - 1) * codes + i % codes);
    }
    return HostTensor.of("logits", last, 1, batch, 1, codes);
  }

  private static Draw draw(JsonNode arguments, float guidance) {
    Draw draw = new Draw(guidance, Math.max((float) arguments.path("temperature").asDouble(1), Draw.LOWEST_TEMPERATURE),
        arguments.path("top_k").asInt(0), (float) arguments.path("top_p").asDouble(1));
    return arguments.path("sample_logits").asBoolean(true) ? draw : draw.argmax();
  }

  private int[] tokens(HostTensor logits, Draw draw, HostTensor noise) {
    try (Backend.Scope _ = backend.scope()) {
      return backend.download(drawn(logits, draw, noise)[0]).toInts();
    }
  }

  /** Tokens and their probabilities [B, 1]. */
  private Tensor[] drawn(HostTensor logits, Draw draw, HostTensor noise) {
    int batch = logits.shape().size(1);
    Tensor tokens = backend.alloc(DType.I32, batch, 1);
    Tensor probability = backend.alloc(DType.F32, batch, 1);
    Tensor zero = backend.tensor(HostTensor.of("step", new int[1], 1));
    Tensor fault = backend.tensor(HostTensor.of("fault", new int[1], 1));
    backend.draw(backend.tensor(logits), draw, backend.tensor(HostTensor.of("open", new int[batch], batch, 1)), new Noise.Given(backend.tensor(noise)), zero,
        tokens, probability, fault);
    return new Tensor[] {tokens, probability};
  }

  /**
   * [B, V] the whole distribution that the sampling kernel draws from, of logits [G, B, 1, V]: a row for each code, whose noise lets that code win
   * wherever its probability is not zero.
   */
  private HostTensor distribution(HostTensor logits, Draw draw) {
    int branches = logits.shape().size(0);
    int batch = logits.shape().size(1);
    int codes = logits.shape().size(3);
    float[] repeated = new float[branches * batch * codes * codes];
    float[] noise = new float[batch * codes * codes];
    for (int i = 0; i < repeated.length; i++) {
      repeated[i] = logits.floatAt((long) i / codes / codes * codes + i % codes);
    }
    for (int i = 0; i < noise.length; i++) {
      noise[i] = i / codes % codes == i % codes ? 1e-30f : 1;
    }
    Draw random = new Draw(draw.guidance(), draw.temperature(), draw.topK(), draw.topP());
    float[] out = new float[batch * codes];
    try (Backend.Scope _ = backend.scope()) {
      Tensor[] drawn = drawn(HostTensor.of("logits", repeated, branches, (long) batch * codes, 1, codes), random,
          HostTensor.of("noise", noise, (long) batch * codes, 1, codes));
      int[] tokens = backend.download(drawn[0]).toInts();
      float[] probabilities = backend.download(drawn[1]).toFloats();
      for (int i = 0; i < out.length; i++) {
        out[i] = tokens[i] == i % codes ? probabilities[i] : 0;
      }
    }
    return HostTensor.of("probs", out, batch, codes);
  }

  // ---- class-conditional --------------------------------------------------------------------------------------------------

  private void classes(Gpt gpt, VqModel vq) {
    Goldens.Golden golden = goldens.file("golden_c2i.safetensors").orElseThrow();
    int none = ((Gpt.Condition.Label) gpt.config().condition()).classes();
    HostTensor table = golden.tensor("freqs_cis");
    checks.close("freqs_cis", table, HostTensor.of("freqs_cis", gpt.rotaryTable(side(table.shape().size(0) - 1)), table.shape().toArray()), ROTARY);
    try (Backend.Scope _ = backend.scope()) {
      checks.close("null_label_embedding", golden.tensor("null_label_embedding"), backend.download(gpt.embedLabels(new int[] {none})), 0);
    }
    checks.attempt("full", () -> {
      Goldens.Golden full = golden.at("full");
      try (Backend.Scope _ = backend.scope()) {
        Recorder seen = new Recorder(backend);
        checks.denoised("full.logits", full.tensor("logits"), teacherForced(gpt, gpt.embedLabels(full.tensor("labels").toInts()), full.tensor("idx"), seen), LOGITS);
        activations(full, "layer0_attn_out", seen, "layers.0.attention");
        activations(full, "layer0_out", seen, "layers.0");
        activations(full, "layer1_out", seen, "layers.1");
      }
    });
    int[] labels = golden.tensor("gen.labels").toInts();
    for (String run : runs(golden)) {
      checks.attempt(run, () -> run(golden.at("gen").at(run), "c2i.gen." + run + ".", gpt, vq, guided -> {
        int[] all = IntStream.concat(IntStream.generate(() -> none).limit(guided ? labels.length : 0), Arrays.stream(labels)).toArray();
        return gpt.embedLabels(all);
      }, null, labels.length));
    }
  }

  private static TreeSet<String> runs(Goldens.Golden golden) {
    TreeSet<String> runs = new TreeSet<>();
    for (String name : golden.at("gen").names()) {
      if (name.endsWith(".ids")) {
        runs.add(name.substring(0, name.length() - ".ids".length()));
      }
    }
    return runs;
  }

  private static int side(long cells) {
    return (int) Math.round(Math.sqrt(cells));
  }

  /** [B, L + 1, V] from the last condition position on, step by step with the official tokens instead of drawn ones. */
  private HostTensor teacherForced(Gpt gpt, Tensor condition, HostTensor tokens, Tap tap) {
    int batch = tokens.shape().size(0);
    int cells = tokens.shape().size(1);
    int codes = gpt.config().codes();
    float[] all = new float[batch * (cells + 1) * codes];
    NextToken decoder = gpt.decoder(condition, null, batch, side(cells), tap);
    Tensor grid = backend.alloc(DType.I32, batch, cells);
    backend.upload(tokens, grid);
    for (int step = 0; step <= cells; step++) {
      Tensor logits = backend.alloc(DType.F32, 1, batch, 1, codes);
      if (step == 0) {
        decoder.first(logits);
      } else {
        decoder.next(grid.slice(1, step - 1, 1), logits);
      }
      float[] values = backend.download(logits).toFloats();
      for (int image = 0; image < batch; image++) {
        System.arraycopy(values, image * codes, all, (image * (cells + 1) + step) * codes, codes);
      }
    }
    return HostTensor.of("logits", all, batch, cells + 1, codes);
  }

  /** What was seen position by position, of the first image, [1, positions, C]. */
  private void activations(Goldens.Golden golden, String name, Recorder seen, String tapped) {
    HostTensor wanted = golden.tensor(name);
    int width = wanted.shape().size(-1);
    float[] values = new float[Math.toIntExact(wanted.shape().elements())];
    for (int position = 0; position < values.length / width; position++) {
      System.arraycopy(seen.all(tapped).get(position).toFloats(), 0, values, position * width, width);
    }
    checks.denoised("full." + name, wanted, HostTensor.of(name, values, wanted.shape().toArray()), ACTIVATIONS);
  }

  // ---- text-conditional ---------------------------------------------------------------------------------------------------

  private void captions(Gpt gpt, VqModel vq) {
    Goldens.Golden golden = goldens.file("golden_t2i.safetensors").orElseThrow();
    HostTensor left = golden.tensor("leftpad.c_indices");
    boolean[][] leftMask = mask(golden.tensor("leftpad.emb_masks"));
    int[] lengths = T5Parity.lengths(golden.tensor("leftpad.emb_masks"));
    HostTensor right = rightPadded(left, lengths);
    checks.close("rightpad.c_indices_row0", golden.tensor("rightpad.c_indices_row0"), rows(right, 1), 0);
    try (Backend.Scope _ = backend.scope()) {
      checks.close("leftpad.c_indices", left, backend.download(LlamaGen.leftPadded(backend, backend.tensor(right), lengths)), 0);
      checks.denoised("cond_projected_row0", golden.tensor("cond_projected_row0"), backend.download(gpt.embedCaptions(backend.tensor(rows(left, 1)))), ACTIVATIONS);
      Tensor none = gpt.noCaption().reshape(1, gpt.noCaption().dim(0), gpt.noCaption().dim(1));
      checks.denoised("uncond_projected", golden.tensor("uncond_projected"), backend.download(gpt.embedCaptions(none)), ACTIVATIONS);
    }
    seen(golden.tensor("prefill.mask_rows01"), leftMask);
    checks.attempt("full_nomask", () -> {
      try (Backend.Scope _ = backend.scope()) {
        Tensor condition = gpt.embedCaptions(backend.tensor(rows(left, 1)));
        checks.denoised("full_nomask.logits_from_last_cond", golden.tensor("full_nomask.logits_from_last_cond"),
            teacherForced(gpt, condition, golden.tensor("full_nomask.idx"), Tap.NONE), LOGITS);
      }
    });
    checks.attempt("prefill", () -> prefill(golden, gpt, left, leftMask));
    for (String run : runs(golden)) {
      int batch = golden.tensor("gen." + run + ".ids").shape().size(0);
      boolean rightPadded = run.startsWith("rightpad");
      boolean[][] unmasked = run.startsWith("nomask") ? null : Arrays.copyOf(rightPadded ? rightMask(leftMask) : leftMask, batch);
      HostTensor captions = rows(rightPadded ? right : left, batch);
      checks.attempt(run, () -> run(golden.at("gen").at(run), "t2i.gen." + run + ".", gpt, vq, guided -> condition(gpt, captions, guided), unmasked, batch));
    }
  }

  private Tensor condition(Gpt gpt, HostTensor captions, boolean guided) {
    Tensor conditional = backend.tensor(captions);
    return gpt.embedCaptions(guided ? LlamaGen.pair(backend, gpt.noCaption(), conditional) : conditional);
  }

  private void prefill(Goldens.Golden golden, Gpt gpt, HostTensor captions, boolean[][] mask) {
    HostTensor wanted = golden.tensor("prefill.logits_all_rows_last8");
    int positions = wanted.shape().size(1);
    Recorder seen = new Recorder(backend);
    try (Backend.Scope _ = backend.scope()) {
      int batch = captions.shape().size(0);
      NextToken decoder = gpt.decoder(condition(gpt, captions, true), mask, batch, 1, seen);
      decoder.first(backend.alloc(DType.F32, 2, batch, 1, gpt.config().codes()));
      Tensor states = backend.tensor(seen.last("h"));
      Tensor last = backend.alloc(DType.F32, states.dim(0), positions, states.dim(2));
      backend.copy(states.slice(1, states.dim(1) - positions, positions), last);
      Tensor logits = backend.alloc(DType.F32, wanted.shape().toArray());
      gpt.predict(last, logits);
      checks.denoised("prefill.logits_all_rows_last8", wanted, conditionalFirst(backend.download(logits)), LOGITS);
    }
  }

  private void seen(HostTensor golden, boolean[][] mask) {
    int length = golden.shape().size(1);
    long[] values = IntStream.range(0, Math.toIntExact(golden.shape().elements()))
        .mapToLong(i -> Gpt.sees(mask[i / length / length], i / length % length, i % length) ? 1 : 0).toArray();
    checks.equal("prefill.mask_rows01", golden, values);
  }

  private static boolean[][] mask(HostTensor mask) {
    int[][] rows = TextEncoderParity.rows(mask);
    boolean[][] out = new boolean[rows.length][rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      for (int t = 0; t < rows[i].length; t++) {
        out[i][t] = rows[i][t] != 0;
      }
    }
    return out;
  }

  private static boolean[][] rightMask(boolean[][] left) {
    boolean[][] out = new boolean[left.length][left[0].length];
    for (int i = 0; i < left.length; i++) {
      for (int t = 0; t < left[i].length; t++) {
        out[i][t] = left[i][left[i].length - 1 - t];
      }
    }
    return out;
  }

  /** The states as the text encoder gave them, but for padding, which is zero. */
  private static HostTensor rightPadded(HostTensor left, int[] lengths) {
    int tokens = left.shape().size(1);
    int width = left.shape().size(2);
    float[] out = new float[lengths.length * tokens * width];
    for (int row = 0; row < lengths.length; row++) {
      for (int i = 0; i < lengths[row] * width; i++) {
        out[row * tokens * width + i] = left.floatAt((long) (row * tokens + tokens - lengths[row]) * width + i);
      }
    }
    return HostTensor.of("right", out, lengths.length, tokens, width);
  }

  private static HostTensor rows(HostTensor value, int count) {
    long[] shape = value.shape().toArray();
    shape[0] = count;
    return T5Parity.firstRows(value, shape);
  }

  // ---- runs ---------------------------------------------------------------------------------------------------------------

  /**
   * A whole run from its seed.
   *
   * @param condition for whether there is guidance, the condition's positions, in the scope that is open
   */
  private void run(Goldens.Golden golden, String name, Gpt gpt, VqModel vq, IntFunctionOfBoolean condition, boolean[][] unmasked, int batch) {
    JsonNode arguments = report.path(name);
    float guidance = (float) arguments.path("cfg_scale").asDouble();
    Draw draw = draw(arguments, guidance);
    int cells = arguments.path("max_new_tokens").asInt();
    int codes = gpt.config().codes();
    long seed = arguments.path("seed").asLong();
    Recorder seen = new Recorder(backend);
    int[] tokens;
    try (Backend.Scope _ = backend.scope()) {
      NextToken decoder = gpt.decoder(condition.apply(guidance > 1), unmasked, batch, side(cells), Tap.NONE);
      RasterWalk walk = new RasterWalk(backend, decoder, draw, arguments.path("cfg_interval").asInt(RasterWalk.ALWAYS), batch, cells);
      walk.run(WalkNoise.torchRaster(backend, new TorchGenerator(seed), batch, cells, codes), seen, (_, _) -> {});
      tokens = backend.download(walk.grid()).toInts();
    }
    boolean agreed = checks.drawn(name + "ids", golden.tensor("ids"), tokens);
    int steps = agreed ? cells : agreeing(golden.tensor("ids").toInts(), tokens, cells);
    if (golden.has("exp_noise")) {
      HostTensor wanted = golden.tensor("exp_noise");
      float[] noise = new float[Math.toIntExact(wanted.shape().elements())];
      new TorchGenerator(seed).exponential(noise);
      checks.identical(name + "exp_noise", wanted, noise);
    }
    IntFunction<HostTensor> logits = step -> seen.last("step." + step + ".model_logits");
    if (golden.has("logits_raw")) {
      raw(first(golden.tensor("logits_raw"), steps), name, logits);
    }
    HostTensor combined = first(golden.tensor("logits_combined"), steps);
    checks.denoised(name + "logits_combined", combined, stacked(combined, step -> combined(logits.apply(step), guidance)), LOGITS * Math.max(1, guidance));
    if (checks.narrow()) {
      golden.excuse("probs", "they follow from the logits, which are checked");
    } else {
      probabilities(golden.tensor("probs"), name, logits, draw, tokens, cells, seen);
    }
    if (!agreed) {
      golden.excuse("pixels_row0", Checks.OTHERWISE);
    } else if (golden.has("pixels_row0")) {
      HostTensor wanted = golden.tensor("pixels_row0");
      HostTensor first = HostTensor.of("codes", Arrays.copyOf(tokens, cells), 1, side(cells), side(cells));
      checks.close(name + "pixels_row0", wanted, Recorder.channelsFirst(pixels(vq, first, Tap.NONE), wanted.shape()), PIXELS);
    }
  }

  /** The first steps, whose logits follow from the recorded tokens: those up to the first that was drawn otherwise. */
  private static int agreeing(int[] recorded, int[] tokens, int cells) {
    return 1 + IntStream.range(0, tokens.length).filter(i -> recorded[i] != tokens[i]).map(i -> i % cells).min().orElse(cells - 1);
  }

  private static HostTensor first(HostTensor value, int steps) {
    return value.shape().size(0) <= steps ? value : rows(value, steps);
  }

  @FunctionalInterface
  private interface IntFunctionOfBoolean {
    Tensor apply(boolean guided);
  }

  /** [steps, ...] of a value for each step. */
  private static HostTensor stacked(HostTensor like, IntFunction<HostTensor> steps) {
    float[] all = new float[Math.toIntExact(like.shape().elements())];
    int each = all.length / like.shape().size(0);
    for (int step = 0; step < like.shape().size(0); step++) {
      System.arraycopy(steps.apply(step).toFloats(), 0, all, step * each, each);
    }
    return HostTensor.of(like.name(), all, like.shape().toArray());
  }

  /** The official order of the branches, conditional then unconditional; of a step without guidance the latter is not computed here, and the golden's is taken. */
  private void raw(HostTensor golden, String name, IntFunction<HostTensor> logits) {
    float[] wanted = golden.toFloats();
    int each = wanted.length / golden.shape().size(0);
    checks.denoised(name + "logits_raw", golden, stacked(golden, step -> {
      HostTensor value = logits.apply(step);
      if (value.shape().size(0) == 1) {
        float[] both = Arrays.copyOfRange(wanted, step * each, (step + 1) * each);
        System.arraycopy(value.toFloats(), 0, both, 0, each / 2);
        return HostTensor.of("conditional", both, each);
      }
      return conditionalFirst(value);
    }), LOGITS);
  }

  /** The halves of a value exchanged. */
  private static HostTensor conditionalFirst(HostTensor value) {
    float[] values = value.toFloats();
    float[] out = new float[values.length];
    int half = values.length / 2;
    System.arraycopy(values, half, out, 0, half);
    System.arraycopy(values, 0, out, half, half);
    return HostTensor.of(value.name(), out, value.shape().toArray());
  }

  /** [B, V] */
  private static HostTensor combined(HostTensor logits, float guidance) {
    float[] values = logits.toFloats();
    int half = values.length / 2;
    if (logits.shape().size(0) == 1) {
      return logits;
    }
    float[] out = new float[half];
    for (int i = 0; i < half; i++) {
      out[i] = Math.fma(guidance, values[half + i] - values[i], values[i]);
    }
    return HostTensor.of("combined", out, half);
  }

  /** The distributions, and what the walk says of the probability of each token that it drew. */
  private void probabilities(HostTensor probs, String name, IntFunction<HostTensor> logits, Draw draw, int[] tokens, int cells, Recorder seen) {
    checks.close(name + "probs", probs, stacked(probs, step -> distribution(logits.apply(step), draw)), PROBABILITY);
    int batch = probs.shape().size(1);
    int codes = probs.shape().size(2);
    float[] wanted = new float[cells * batch];
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = probs.floatAt((long) i * codes + tokens[i % batch * cells + i / batch]);
    }
    HostTensor golden = HostTensor.of("probability", wanted, cells, batch);
    checks.close(name + "probs of the tokens drawn", golden, stacked(golden, step -> seen.last("step." + step + ".probability")), PROBABILITY);
  }
}
