package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SynthTest {
  @TempDir
  Path dir;

  /** The expected names and shapes are those of checkpoints that the official classes saved. */
  @ParameterizedTest
  @ValueSource(strings = {"amused-tiny", "amused512-tiny", "vqdiffusion-tiny"})
  void hasTheTensorsOfTheOfficialClasses(String model) throws Exception {
    List<String> components = new ArrayList<>(List.of("text_encoder", "transformer", "vqvae"));
    if (model.equals("vqdiffusion-tiny")) {
      components.addFirst("learned_classifier_free_sampling_embeddings");
      Synth.writeVqDiffusion(dir, DType.F32, Synth.Progress.NONE, file -> configs(model, "vqdiffusion-ithq", file));
    } else {
      synthesise(model, dir, DType.F32);
    }
    List<String> found = new ArrayList<>();
    for (String component : components) {
      try (Checkpoint checkpoint = Checkpoint.open(dir.resolve(component))) {
        checkpoint.names().forEach(name -> found.add(component + "\t" + name + "\t" + checkpoint.tensor(name).shape()));
      }
    }
    assertThat(found).containsExactlyElementsOf(Files.readAllLines(resource(model + "/tensors.tsv")).stream().skip(1).toList());
  }

  /** The counts are those of the model cards (603M and 608M), of the official transformer as measured (603.5 M) and of CLIP ViT-L/14's text half with its projection. */
  @ParameterizedTest
  @CsvSource({"amused-256, 603537664", "amused-512, 608257792"})
  void thePublishedKindsHaveTheirPublishedSize(String kind, long transformer) throws Exception {
    assertThat(Parameters.count(UVit2DParameters.of(config(kind, "transformer")))).isEqualTo(transformer);
    assertThat(Parameters.count(ClipTextParameters.of(config("amused", "text_encoder")))).isEqualTo(123_650_304);
    assertThat(Parameters.count(VqModelParameters.of(config("amused", "vqvae")).stream().filter(p -> p.name().startsWith("decoder.")).toList()) / 1e6)
        .isCloseTo(87, within(1.0));
    assertThat(Synth.kinds()).contains(kind);
  }

  /** 1359 M as measured of the official transformer; CLIP ViT-B/32's text half without its projection. */
  @Test
  void vqDiffusionHasItsPublishedSize() throws Exception {
    assertThat(Parameters.count(Transformer2DParameters.of(config("vqdiffusion-ithq", "transformer"))) / 1e6).isCloseTo(1359, within(1.0));
    assertThat(Parameters.count(ClipTextParameters.of(config("vqdiffusion-ithq", "text_encoder")))).isEqualTo(63_165_952);
    assertThat(Synth.kinds()).contains("vqdiffusion-ithq");
  }

  /** The expected names are those of checkpoints that the official classes saved, with # for every number. */
  @Test
  void llamaGensTensorsHaveTheOfficialNames() throws Exception {
    List<String> found = new ArrayList<>();
    addNames("c2i", LlamaGenParameters.ofClasses(2, 768, 10), found);
    addNames("t2i", LlamaGenParameters.ofCaptions(2, 768, 120, 32), found);
    addNames("vq", LlamaGenParameters.vq(), found);
    addNames("t5", T5Parameters.of(config("llamagen-XL", "t5")), found);
    assertThat(found).containsExactlyInAnyOrderElementsOf(Files.readAllLines(resource("llamagen.tsv")).stream().skip(1).toList());
  }

  private static void addNames(String part, List<Parameter> parameters, List<String> to) {
    parameters.stream().map(p -> part + "\t" + p.name().replaceAll("\\b[0-9]+\\b", "#")).distinct().forEach(to::add);
  }

  /** By the official table of sizes, with as many digits as it has; 71.9M as measured of the official tokenizer. */
  @Test
  void llamaGensModelsHaveTheirPublishedSize() {
    assertThat(Parameters.count(LlamaGenParameters.ofClasses(12, 768, 1000)) / 1e6).isCloseTo(111, within(1.0));
    assertThat(Parameters.count(LlamaGenParameters.ofClasses(24, 1024, 1000)) / 1e6).isCloseTo(343, within(1.0));
    assertThat(Parameters.count(LlamaGenParameters.ofClasses(36, 1280, 1000)) / 1e6).isCloseTo(775, within(1.0));
    assertThat(Parameters.count(LlamaGenParameters.ofClasses(48, 1536, 1000)) / 1e9).isCloseTo(1.4, within(0.05));
    assertThat(Parameters.count(LlamaGenParameters.ofClasses(24, 3200, 1000)) / 1e9).isCloseTo(3.1, within(0.05));
    assertThat(Parameters.count(LlamaGenParameters.ofCaptions(36, 1280, 120, 2048)) / 1e6).isCloseTo(775, within(5.0));
    assertThat(Parameters.count(LlamaGenParameters.vq()) / 1e6).isCloseTo(71.9, within(0.1));
    assertThat(Synth.kinds()).contains("llamagen-B", "llamagen-B-384", "llamagen-L", "llamagen-XL-classes", "llamagen-XXL", "llamagen-3B", "llamagen-XL");
  }

  @Test
  void theMaskIsTheLastRowOfTheEmbedding() throws Exception {
    assertThat(JsonConfig.read(resource("amused/scheduler/scheduler_config.json")).integer("mask_token_id"))
        .isEqualTo(config("amused-256", "transformer").integer("vocab_size") - 1);
  }

  /** Digests of the files that openai/CLIP's vocabulary gives in the Hugging Face layout. */
  @Test
  void theTokenizerIsClips() throws Exception {
    ClipVocabulary clip = ClipVocabulary.ofSize(49408);
    assertThat(sha256(clip.vocabJson())).isEqualTo("03323b244247349c4f4629eccafceaa81a22a7fcedee70b40ab934866cf773b9");
    assertThat(sha256(clip.mergesTxt())).isEqualTo("9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a");
    assertThat(clip.tokens()).hasSize(49408).endsWith("<|startoftext|>", "<|endoftext|>");
  }

  @Test
  void aSmallVocabularyHasTheFirstMerges() {
    List<String> tokens = ClipVocabulary.ofSize(1000).tokens();
    assertThat(tokens).hasSize(1000);
    assertThat(tokens.subList(512, 515)).containsExactly("in", "th", "an");
  }

  @Test
  void weightsAreFiniteScaledAndTheSameEveryTime() throws Exception {
    synthesise("amused-tiny", dir.resolve("a"), DType.F32);
    synthesise("amused-tiny", dir.resolve("b"), DType.F32);
    try (Stream<Path> files = Files.walk(dir.resolve("a"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertThat(dir.resolve("b").resolve(dir.resolve("a").relativize(file))).hasSameBinaryContentAs(file);
      }
    }
    try (Checkpoint text = Checkpoint.open(dir.resolve("a/text_encoder"))) {
      for (String name : text.names()) {
        for (float value : text.tensor(name).toFloats()) {
          assertThat(value).isFinite().isBetween(-4f, 4f);
        }
      }
      // 64 inputs: deviation 1/8; over n independent elements the measured one strays by about deviation / sqrt(2 n)
      HostTensor weight = text.tensor("text_model.encoder.layers.0.mlp.fc2.weight");
      double n = weight.shape().elements();
      assertThat(deviation(weight)).isCloseTo(1 / 8.0, within(5 / 8.0 / Math.sqrt(2 * n)));
      assertThat(weight.toFloats()).isNotEqualTo(text.tensor("text_model.encoder.layers.1.mlp.fc2.weight").toFloats());
    }
  }

  @Test
  void f16IsThePublishedVariant() throws Exception {
    Synth.Summary full = synthesise("amused-tiny", dir.resolve("full"), DType.F32);
    Synth.Summary half = synthesise("amused-tiny", dir.resolve("half"), DType.F16);
    assertThat(half).isEqualTo(new Synth.Summary(full.parameters(), full.bytes() / 2));
    assertThat(dir.resolve("half/text_encoder/model.fp16.safetensors")).exists();
    try (Checkpoint expected = Checkpoint.open(dir.resolve("full/vqvae")); Checkpoint found = Checkpoint.open(dir.resolve("half/vqvae"))) {
      HostTensor f32 = expected.tensor("quantize.embedding.weight");
      HostTensor f16 = found.tensor("quantize.embedding.weight");
      assertThat(f16.dtype()).isEqualTo(DType.F16);
      for (int i = 0; i < f32.shape().elements(); i++) {
        assertThat(f16.floatAt(i)).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(f32.floatAt(i))));
      }
    }
  }

  @Test
  void tellsItsProgressToTheLastByte() throws Exception {
    List<long[]> heard = new ArrayList<>();
    Synth.Summary summary = Synth.write(dir, DType.F32, (_, bytes, total) -> heard.add(new long[] {bytes, total}), file -> configs("amused-tiny", file));
    assertThat(heard.getFirst()).containsExactly(0, summary.bytes());
    assertThat(heard.getLast()).containsExactly(summary.bytes(), summary.bytes());
    assertThat(heard.stream().map(h -> h[0]).toList()).isSorted();
  }

  @Test
  void refusesAFolderInUse() throws IOException {
    Path mine = Files.writeString(dir.resolve("mine.txt"), "x");
    assertThatThrownBy(() -> Synth.write("amused-256", dir, DType.F32, Synth.Progress.NONE)).isInstanceOf(OutputException.class)
        .hasMessage(dir + " is not empty: name a new or an empty folder");
    assertThat(mine).hasContent("x");
    assertThatThrownBy(() -> Synth.write("amused-256", mine, DType.F32, Synth.Progress.NONE)).isInstanceOf(OutputException.class)
        .hasMessage("cannot write " + mine + ": not a folder");
  }

  @Test
  void refusesWhatItCannotMake() {
    assertThatThrownBy(() -> Synth.write("amused-1024", dir, DType.F32, Synth.Progress.NONE)).isInstanceOf(OptionException.class)
        .hasMessage("there is no checkpoint kind \"amused-1024\": choose one of amused-256, amused-512, llamagen-B, llamagen-B-384, llamagen-L, llamagen-XL-classes, "
            + "llamagen-XXL, llamagen-3B, llamagen-XL, vqdiffusion-ithq");
    assertThatThrownBy(() -> Synth.write("amused-256", dir, DType.BF16, Synth.Progress.NONE)).isInstanceOf(OptionException.class)
        .hasMessage("weights can be synthesised as f32 or f16, not as bf16");
    assertThatThrownBy(() -> Synth.checkRoom(dir, 3_500_000_000L, 1_200_000_000)).isInstanceOf(OutputException.class)
        .hasMessage(dir + " is on a disk with 1.2 GB free, but the weights take 3.5 GB: name a folder on another disk");
    assertThat(dir).isEmptyDirectory();
  }

  @Test
  void aFailureLeavesTheFolderAsItWas() {
    Path fresh = dir.resolve("fresh");
    for (Path target : List.of(dir, fresh)) {
      assertThatThrownBy(() -> Synth.write(target, DType.F32, (component, _, _) -> {
        if (component.equals("vqvae")) {
          throw new IllegalStateException("stop");
        }
      }, file -> configs("amused-tiny", file))).hasMessage("stop");
      assertThat(dir).isEmptyDirectory();
    }
  }

  private static Synth.Summary synthesise(String model, Path dir, DType dtype) {
    return Synth.write(dir, dtype, Synth.Progress.NONE, file -> configs(model, file));
  }

  /** The small model's own configuration of its three components, the published files for the rest. */
  private static byte[] configs(String model, String file) {
    return configs(model, "amused", file);
  }

  private static byte[] configs(String model, String published, String file) {
    try (InputStream own = SynthTest.class.getResourceAsStream(model + "/" + file);
        InputStream in = own != null ? own : SynthTest.class.getResourceAsStream(published + "/" + file)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static JsonConfig config(String folder, String component) throws Exception {
    return JsonConfig.read(resource(folder + "/" + component + "/config.json"));
  }

  private static Path resource(String name) throws Exception {
    return Path.of(Synth.class.getResource(name).toURI());
  }

  private static double deviation(HostTensor tensor) {
    double sum = 0;
    for (float value : tensor.toFloats()) {
      sum += value * value;
    }
    return Math.sqrt(sum / tensor.shape().elements());
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }
}
