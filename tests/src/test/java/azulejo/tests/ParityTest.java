package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import azulejo.cli.parity.Parity;
import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Safetensors;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The golden folders agree on every backend, and the checker notices when they do not. */
class ParityTest {
  private static final Path GOLDENS = Path.of("src/test/resources/goldens");
  /** A line that says a check failed. */
  private static final String FAILED = "  FAILED ";

  private final List<String> lines = new ArrayList<>();

  @TempDir
  Path dir;

  /** Where threads of a device are emulated one after the other: minutes for what takes seconds elsewhere. */
  private static final String EMULATED = "cuda-emulated";

  /**
   * On every backend that runs here, and on those that the system property {@code azulejo.test.cuda} demands, folders with the numbers of their checks and of
   * tensors without one: that no check is lost. The emulated device is spared amused-tiny (half a minute; amused512-tiny has the same layers and two more) and
   * the long runs of vqdiffusion-tiny (two minutes), see {@link #anEmulatedDeviceDiffuses}, so that it adds about a minute to this test.
   */
  private static Stream<Arguments> folders() {
    return backends().flatMap(backend -> Stream.of(
        Arguments.of("amused-tiny", 413, 0, backend), Arguments.of("amused512-tiny", 160, 0, backend), Arguments.of("clip-tiny", 25, 0, backend),
        Arguments.of("llamagen-tiny", 151, 0, backend), Arguments.of("t5-tiny", 11, 0, backend),
        Arguments.of("vqdiffusion-tiny", 135, 0, backend), Arguments.of("vqdiffusion-tiny-legacybin", 323, 0, backend),
        Arguments.of("quantizers", 124, 2, backend))
        .filter(arguments -> !backend.equals(EMULATED) || !List.of("amused-tiny", "vqdiffusion-tiny").contains(arguments.get()[0])));
  }

  private static Stream<String> backends() {
    Stream<String> here = Backends.survey().stream().filter(Backends.Status::available).map(Backends.Status::name);
    Stream<String> demanded = Stream.of(System.getProperty("azulejo.test.cuda", Backends.DEFAULT).split(","));
    return Stream.concat(here, demanded).distinct();
  }

  @ParameterizedTest
  @MethodSource("folders")
  void modelsAgree(String folder, int checks, int unchecked, String backend) {
    Parity.Report report = run(GOLDENS.resolve(folder), backend);
    assertThat(failures()).isEmpty();
    assertThat(report.succeeded()).isTrue();
    assertThat(report.passed()).isEqualTo(checks);
    assertThat(report.unchecked()).hasSize(unchecked);
  }

  /** Everything of VQ-Diffusion but its runs of 100 and 25 steps. */
  @Test
  void anEmulatedDeviceDiffuses() throws IOException {
    assumeThat(backends()).contains(EMULATED);
    copy(GOLDENS.resolve("vqdiffusion-tiny"));
    for (String run : List.of("full100", "nocfg", "trunc")) {
      Files.delete(dir.resolve("goldens/pipeline_" + run + ".safetensors"));
    }
    Parity.Report report = run(dir, EMULATED);
    assertThat(failures()).isEmpty();
    assertThat(report.passed()).isEqualTo(129);
  }

  /** Values of the denoisers within what rounding may move them, and all others as ever. On an emulated device with tensor cores, which round activations too. */
  @ParameterizedTest
  @CsvSource({"amused512-tiny, BF16, vector", "llamagen-tiny, INT8, vector", "vqdiffusion-tiny, F16, reference",
      "amused512-tiny, BF16, cuda-emulated"})
  void narrowWeightsStayWithinTheirRounding(String folder, WeightFormat format, String backend) {
    assumeThat(backends()).contains(backend);
    Parity.Report report = run(GOLDENS.resolve(folder), format, backend);
    assertThat(failures()).isEmpty();
    assertThat(report.passed()).isGreaterThan(90);
    assertThat(lines).anyMatch(line -> line.matches("  note .* not judged: \\d+ of \\d+ are the recorded ones"));
    assertThat(report.unchecked()).as("each with its reason").allMatch(line -> line.endsWith(")"));
  }

  /** The logits' largest is 3.5, so that bf16 may move one by 32 * 0.0017 * 3.5 = 0.19. What the text encoder gives does not depend on the format. */
  @ParameterizedTest
  @CsvSource({"transformer.safetensors, square.logits, 7, 0.5", "text_encoder.safetensors, penultimate, 100, 2e-4"})
  void noticesAChangedValueUnderNarrowWeights(String file, String tensor, int element, double by) throws IOException {
    copy(GOLDENS.resolve("amused512-tiny"));
    keepOnly(dir.resolve("goldens").resolve(file));
    change(dir.resolve("goldens").resolve(file), tensor, element, by);
    assertThat(run(dir, WeightFormat.BF16, Backends.DEFAULT).succeeded()).isFalse();
    assertThat(failures()).singleElement().asString().contains(tensor + " ");
  }

  @Test
  void refusesNarrowWeightsWhereNothingTakesThem() {
    assertThatThrownBy(() -> run(GOLDENS.resolve("clip-tiny"), WeightFormat.BF16, Backends.DEFAULT)).isInstanceOf(OptionException.class)
        .hasMessageEndingWith("clip-tiny has no model whose weights can be kept as bf16: leave the format out");
  }

  @ParameterizedTest
  @CsvSource({"tokenizer, 4", "torch-rng, 260", "pickles, 264"})
  void tokenizerAndRandomNumbersAgree(String folder, int checks) {
    Parity.Report report = run(GOLDENS.resolve(folder));
    assertThat(failures()).isEmpty();
    assertThat(report.passed()).isEqualTo(checks);
    assertThat(report.unchecked()).isEmpty();
  }

  /** On the default backend alone: the reference needs half a minute of processor time for Inception. */
  @Test
  void metricsAgree() {
    Parity.Report report = run(GOLDENS.resolve("metrics"), Backends.DEFAULT);
    assertThat(failures()).isEmpty();
    assertThat(report.passed()).isEqualTo(149);
    assertThat(report.unchecked()).hasSize(2).allMatch(line -> line.endsWith(")"));
  }

  @Test
  void noticesAChangedDistance() throws IOException {
    copy(GOLDENS.resolve("metrics"));
    Files.delete(dir.resolve("inception_fid.safetensors"));
    change(dir.resolve("lpips.safetensors"), "vgg.pair1.per_layer", 2, 2e-5);
    Parity.Report report = run(dir, Backends.DEFAULT);
    assertThat(report.succeeded()).isFalse();
    assertThat(failures()).singleElement().asString().contains("vgg.pair1.per_layer ");
  }

  @Test
  void theDemoGivesTheOfficialPictures() {
    Parity.Report report = run(Path.of("../demo/goldens"), Backends.DEFAULT);
    assertThat(failures()).isEmpty();
    assertThat(report.passed()).isEqualTo(39);
  }

  @ParameterizedTest
  @CsvSource({
      "golden_vq.safetensors, decode.after_mid_attn, 40, 2e-4, decode.after_mid_attn",
      "golden_vq.safetensors, encode.indices, 3, 1, encode.indices",
      "golden_sample.safetensors, case7.logits.probs, 1, 2e-4, case7.logits.probs",
      "golden_c2i.safetensors, full.layer0_attn_out, 300, 1e-4, full.layer0_attn_out",
      "golden_c2i.safetensors, gen.cfg4_topk.ids, 20, 1, c2i.gen.cfg4_topk.ids",
      "golden_t2i.safetensors, prefill.logits_all_rows_last8, 5000, 1e-4, prefill.logits_all_rows_last8"})
  void noticesAChangedValueOfLlamaGen(String file, String tensor, int element, double by, String check) throws IOException {
    copy(GOLDENS.resolve("llamagen-tiny"));
    change(dir.resolve(file), tensor, element, by);
    Parity.Report report = run(dir);
    assertThat(report.succeeded()).isFalse();
    assertThat(failures()).singleElement().asString().contains(check + " ");
  }

  @Test
  void listsWhatThisVersionCannotCheck() {
    Parity.Report report = run(GOLDENS.resolve("quantizers"));
    assertThat(report.unchecked()).contains("golden.safetensors bsq_18_l2.codebook_entropy_soft (a training loss)")
        .allMatch(line -> line.endsWith("(a training loss)"));
    assertThat(lines).anyMatch(line -> line.contains("bsq_18_l2.codebook_entropy_soft"));
    assertThat(lines).last().asString().contains(report.unchecked().size() + " tensors not checked");
  }

  // ---- sabotage -----------------------------------------------------------------------------------------------------------

  /** The value at an element of a golden tensor is moved by what its tolerance does not allow. */
  @ParameterizedTest
  @CsvSource({
      "amused512-tiny, goldens/text_encoder.safetensors, penultimate, 100, 2e-4, penultimate",
      "amused512-tiny, goldens/text_encoder.safetensors, pool_position, 0, 1, pool_position",
      "amused512-tiny, goldens/transformer.safetensors, square.logits, 7, 2e-4, square.logits",
      "amused512-tiny, goldens/transformer.safetensors, square.act.down_block.downsample, 1, 4e-5, square.act.down_block.downsample",
      "amused512-tiny, goldens/vqvae.safetensors, sq.image_u8, 5, 2, sq.image_u8",
      "amused512-tiny, goldens/vqvae.safetensors, enc.indices, 0, 1, enc.indices",
      "amused512-tiny, goldens/pipeline_pair.safetensors, tokens, 9, 1, pair.tokens",
      "amused512-tiny, goldens/pipeline_single.safetensors, step.2.exponential, 0, 1e-6, single.step.2.exponential",
      "vqdiffusion-tiny, goldens/transformer.safetensors, t42.log_p_x_0, 7, 2e-4, t42.log_p_x_0",
      "vqdiffusion-tiny, goldens/scheduler.safetensors, log_cumprod_ct, 3, 1e-5, log_cumprod_ct",
      "vqdiffusion-tiny, goldens/scheduler.safetensors, gumbel.value, 2, 2e-4, gumbel.value",
      "vqdiffusion-tiny, goldens/pipeline_trunc.safetensors, latents_per_step, 20, 1, trunc.latents_per_step",
      "vqdiffusion-tiny, goldens/pipeline_cfg10.safetensors, step.3.uniform, 8, 1e-6, cfg10.step.3.uniform",
      "quantizers, golden.safetensors, fsq_8555.indices, 11, 1, fsq_8555.indices",
      "quantizers, golden.safetensors, bsq_18_l2.group_indices, 5, 1, bsq_18_l2.group_indices",
      "clip-tiny, goldens/model.safetensors, text_features_unnormalised, 4, 3e-5, text_features_unnormalised",
      "clip-tiny, goldens/model.safetensors, vision.pooler_output, 3, 3e-4, vision.pooler_output",
      "clip-tiny, goldens/preprocess.safetensors, 2.resized, 100, 1, 2.resized",
      "t5-tiny, golden.safetensors, a.last_hidden_state, 1500, 5e-5, a.last_hidden_state",
      "t5-tiny, golden.safetensors, bucket.bidirectional, 400, 1, bucket.bidirectional",
      "torch-rng, rng.safetensors, seed42.randn.17, 16, 1e-7, seed42.randn.17"})
  void noticesAChangedValue(String folder, String file, String tensor, int element, double by, String check) throws IOException {
    copy(GOLDENS.resolve(folder));
    keepOnly(dir.resolve(file));
    change(dir.resolve(file), tensor, element, by);
    Parity.Report report = run(dir);
    assertThat(report.succeeded()).isFalse();
    assertThat(failures()).singleElement().asString().contains(check + " ");
  }

  @Test
  void noticesAChangedId() throws IOException {
    copy(GOLDENS.resolve("tokenizer"));
    Path cases = dir.resolve("cases.json");
    // "cat" is the last id of case 3 in both variants
    Files.writeString(cases, Files.readString(cases).replaceFirst("2368,", "2369,"));
    assertThat(run(dir).succeeded()).isFalse();
    assertThat(failures()).anyMatch(line -> line.contains("hf_slow_no_ftfy"));
  }

  @Test
  void noticesAChangedWeight() throws IOException {
    copy(GOLDENS.resolve("clip-tiny"));
    change(dir.resolve("model.safetensors"), "text_model.encoder.layers.1.mlp.fc2.bias", 0, 0.05);
    assertThat(run(dir).succeeded()).isFalse();
    assertThat(failures()).anyMatch(line -> line.contains("text_embeds"));
  }

  @Test
  void listsATensorThatNobodyUses() throws IOException {
    copy(GOLDENS.resolve("torch-rng"));
    try (Safetensors golden = Safetensors.open(GOLDENS.resolve("torch-rng/rng.safetensors"))) {
      List<HostTensor> tensors = new ArrayList<>(golden.tensors().values());
      tensors.add(HostTensor.of("seed0.unheard_of.1", new float[] {1}, 1));
      SafetensorsWriter.write(dir.resolve("rng.safetensors"), golden.metadata(), tensors);
    }
    Parity.Report report = run(dir);
    assertThat(report.unchecked()).containsExactly("rng.safetensors seed0.unheard_of.1");
    assertThat(report.passed()).isEqualTo(260);
  }

  @Test
  void refusesAFolderOfAnotherKind() throws IOException {
    assertThatThrownBy(() -> run(dir)).isInstanceOf(CheckpointException.class).hasMessageContaining("no goldens that this version knows");
    Files.writeString(dir.resolve("model_index.json"), "{\"_class_name\": \"StableDiffusionPipeline\"}");
    assertThatThrownBy(() -> run(dir)).isInstanceOf(CheckpointException.class).hasMessageContaining(dir.toString());
    assertThatThrownBy(() -> run(dir.resolve("none"))).isInstanceOf(CheckpointException.class).hasMessageContaining("not a folder");
    // A checkpoint's own weights are no recordings.
    assertThatThrownBy(() -> run(Path.of("../demo/clip"))).isInstanceOf(CheckpointException.class).hasMessageContaining("no goldens that this");
  }

  @Test
  void aCheckpointWithoutRecordingsIsNoSuccess() throws IOException {
    copy(GOLDENS.resolve("amused-tiny"));
    keepOnly(dir.resolve("goldens/none"));
    Parity.Report report = run(dir);
    assertThat(report.passed() + report.failed()).isZero();
    assertThat(report.succeeded()).isFalse();
    assertThat(lines).last().asString().startsWith("no check ran");
  }

  @Test
  void aBrokenPartFailsAndTheOthersAreStillChecked() throws IOException {
    copy(GOLDENS.resolve("amused512-tiny"));
    Files.writeString(dir.resolve("goldens/pipeline_runs.json"), "[{\"tag\": \"single\", \"seed\": 30, \"prompt\": [\"x\"], \"strength\": 0.5}]");
    Parity.Report report = run(dir);
    assertThat(failures()).singleElement().asString().contains("strength");
    assertThat(report.passed()).isGreaterThan(50);
    assertThat(report.unchecked()).contains("pipeline_pair.safetensors tokens");
  }

  // ---- helpers ------------------------------------------------------------------------------------------------------------

  private Parity.Report run(Path folder) {
    return run(folder, "reference");
  }

  private Parity.Report run(Path folder, String backend) {
    return run(folder, WeightFormat.F32, backend);
  }

  private Parity.Report run(Path folder, WeightFormat format, String backend) {
    lines.clear();
    try (Backend b = Backends.open(backend)) {
      return Parity.run(folder, b, format, lines::add);
    }
  }

  private List<String> failures() {
    return lines.stream().filter(line -> line.startsWith(FAILED)).toList();
  }

  private void copy(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path target = dir.resolve(folder.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.copy(file, target);
      }
    }
  }

  /** Deletes the recordings beside {@code file} where they have a folder of their own: what is not needed need not be run. */
  private static void keepOnly(Path file) throws IOException {
    if (!file.getParent().endsWith("goldens")) {
      return;
    }
    try (Stream<Path> files = Files.list(file.getParent())) {
      for (Path other : files.filter(f -> f.toString().endsWith(".safetensors") && !f.equals(file)).toList()) {
        Files.delete(other);
      }
    }
  }

  /** Adds to an element of an f32, i64 or u8 tensor. */
  private static void change(Path file, String name, int element, double by) throws IOException {
    Path changed = file.resolveSibling("changed");
    try (Safetensors original = Safetensors.open(file)) {
      List<HostTensor> tensors = new ArrayList<>();
      for (HostTensor tensor : original.tensors().values()) {
        tensors.add(tensor.name().equals(name) ? changed(tensor, element, by) : tensor);
      }
      SafetensorsWriter.write(changed, original.metadata(), tensors);
    }
    Files.move(changed, file, StandardCopyOption.REPLACE_EXISTING);
  }

  private static HostTensor changed(HostTensor tensor, int element, double by) {
    long[] shape = tensor.shape().toArray();
    if (tensor.dtype() == DType.F32) {
      float[] values = tensor.toFloats();
      values[element] += (float) by;
      return HostTensor.of(tensor.name(), values, shape);
    }
    int[] values = tensor.toInts();
    values[element] += values[element] > 200 ? -(int) by : (int) by;
    return HostTensor.of(tensor.name(), values, shape);
  }
}
