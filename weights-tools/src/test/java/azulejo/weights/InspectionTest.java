package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Audit.Verdict;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InspectionTest {
  private static final Path DEMO = Path.of("../demo");
  private static final Path GOLDENS = Path.of("../tests/src/test/resources/goldens");

  @TempDir
  Path dir;

  /** The demo's models can generate, so nothing of them may be missing; the parameters are those that {@code generate} prints of them. */
  @ParameterizedTest
  @CsvSource({"masked, aMUSEd, 3, 8.0", "diffusion, VQ-Diffusion, 4, 6.6", "autoregressive, LlamaGen, 3, 5.9"})
  void findsTheDemosModelsWhole(String folder, String model, int parts, double millions) {
    Inspection inspection = Inspection.of(DEMO.resolve(folder));
    assertThat(inspection.model()).isEqualTo(model);
    assertThat(inspection.runs()).isTrue();
    assertThat(inspection.whole()).isTrue();
    assertThat(inspection.components()).hasSize(parts).allSatisfy(part -> {
      assertThat(part.checked()).isTrue();
      assertThat(part.extra()).isEmpty();
      assertThat(part.asked()).hasSameSizeAs(part.tensors());
    });
    assertThat(Math.round(inspection.parameters() / 1e5) / 10.0).isEqualTo(millions);
  }

  /** Only half of T5 is read here, old CLIPs number their positions, published LlamaGen tokenizers count how often each code was used in training, which nobody reads. */
  @ParameterizedTest
  @CsvSource({"clip-tiny, CLIP, text_model.embeddings.position_ids", "amused-tiny/text_encoder, CLIP text encoder, ''", "t5-tiny, T5 encoder, decoder", "amused-tiny/vqvae, VQ autoencoder, ''",
      "llamagen-tiny/vq_ds16_c2i.safetensors, image tokenizer of LlamaGen, quantize.codebook_used", "llamagen-tiny/t2i_tiny.pt, GPT of LlamaGen, ''"})
  void recognisesAPart(String path, String what, String extra) {
    Inspection inspection = Inspection.of(GOLDENS.resolve(path));
    Inspection.Component part = inspection.components().getFirst();
    assertThat(part.what()).isEqualTo(what);
    assertThat(inspection.runs()).isFalse();
    if (extra.isEmpty()) {
      assertThat(part.extra()).isEmpty();
    } else {
      assertThat(part.extra()).anyMatch(name -> name.startsWith(extra));
    }
  }

  /** t2i_tiny has a size that was not published, so its heads cannot be known without the config.json beside it. */
  @Test
  void saysWhatItCannotCheck() throws IOException {
    Files.copy(GOLDENS.resolve("llamagen-tiny/t2i_tiny.pt"), dir.resolve("t2i_tiny.pt"));
    Inspection inspection = Inspection.of(dir.resolve("t2i_tiny.pt"));
    assertThat(inspection.components().getFirst().checked()).isFalse();
    assertThat(inspection.faults()).singleElement().asString().contains("no published GPT size");
    assertThat(inspection.whole()).isFalse();
  }

  @Test
  void saysWhatIsMissingWrongAndLeftOver() throws IOException {
    Path model = TinyModels.amused(dir.resolve("model"));
    assertThat(Inspection.of(model).whole()).isTrue();
    TinyModels.change(model.resolve("transformer/diffusion_pytorch_model.safetensors"), tensors -> {
      List<HostTensor> changed = new ArrayList<>(tensors);
      changed.removeIf(t -> t.name().equals("encoder_proj.weight") || t.name().equals("mlm_layer.layer_norm.weight"));
      changed.add(HostTensor.of("mlm_layer.layer_norm.weight", new float[7], 7));
      changed.add(HostTensor.of("ema.decay", new float[1], 1));
      return changed;
    });
    Files.delete(model.resolve("tokenizer/merges.txt"));
    Inspection inspection = Inspection.of(model);
    Inspection.Component transformer = inspection.components().getFirst();
    assertThat(transformer.name()).isEqualTo("transformer");
    assertThat(transformer.lacking(Verdict.MISSING)).singleElement().satisfies(a -> assertThat(a.name()).isEqualTo("encoder_proj.weight"));
    assertThat(transformer.lacking(Verdict.WRONG)).singleElement().satisfies(a -> assertThat(a.problem()).contains("mlm_layer.layer_norm.weight", "[7]"));
    assertThat(transformer.extra()).containsExactly("ema.decay");
    assertThat(inspection.faults()).singleElement().asString().contains("merges.txt");
    assertThat(inspection.whole()).isFalse();
  }

  @Test
  void namesWholePartsThatAreMissing() throws IOException {
    Path model = TinyModels.amused(dir.resolve("model"));
    Files.delete(model.resolve("vqvae/diffusion_pytorch_model.safetensors"));
    Files.delete(model.resolve("text_encoder/config.json"));
    Inspection inspection = Inspection.of(model);
    assertThat(inspection.components()).extracting(Inspection.Component::name).containsExactly("transformer");
    assertThat(inspection.faults()).hasSize(2).anyMatch(f -> f.contains("text_encoder/config.json")).anyMatch(f -> f.contains("vqvae holds no weights"));
  }

  @Test
  void opensLpipsAsItsOwnCodeDoes() throws IOException {
    assertThat(Inspection.of(DEMO.resolve("lpips")).model()).isEqualTo("LPIPS");
    assertThat(Inspection.of(DEMO.resolve("lpips")).faults()).isEmpty();
    assertThat(Inspection.of(DEMO.resolve("lpips/lpips_alex.safetensors")).components().getFirst().checked()).isTrue();
    Path file = Files.copy(DEMO.resolve("lpips/lpips_alex.safetensors"), dir.resolve("lpips_alex.safetensors"));
    TinyModels.change(file, tensors -> tensors.stream().filter(t -> !t.name().equals("lin4.model.1.weight")).toList());
    assertThat(Inspection.of(dir).faults()).singleElement().asString().contains("LPIPS with alex needs");
  }

  @Test
  void namesWhatThisVersionDoesNotRun() throws IOException {
    SafetensorsWriter.write(dir.resolve("model.safetensors"), Map.of(), List.of(HostTensor.of("gen_vision_model.quantize.embedding.weight", new float[4], 2, 2)));
    Files.writeString(dir.resolve("config.json"), "{\"model_type\": \"multi_modality\"}");
    Inspection inspection = Inspection.of(dir);
    assertThat(inspection.model()).startsWith("Janus-Pro").contains("does not run");
    assertThat(inspection.components().getFirst().checked()).isFalse();
  }

  /** By hand: a linear layer of 2 x 3 and three other numbers. */
  @Test
  void countsMemoryAsTheEngineKeepsIt() {
    SafetensorsWriter.write(dir.resolve("x.safetensors"), Map.of(),
        List.of(HostTensor.of("a", new float[6], 2, 3), HostTensor.of("b", new float[3], 3), HostTensor.of("ids", new int[5], 5)));
    Inspection inspection = Inspection.of(dir.resolve("x.safetensors"));
    assertThat(inspection.parameters()).isEqualTo(9);
    assertThat(inspection.memory(4, 0)).isEqualTo(36);
    assertThat(inspection.memory(2, 0)).isEqualTo(6 * 2 + 3 * 4);
    assertThat(inspection.memory(1, 4)).isEqualTo(6 + 2 * 4 + 3 * 4);
    assertThat(inspection.components().getFirst().bytes()).isEqualTo(36 + 5 * DType.I32.bytes());
  }

  @Test
  void refusesWhatHoldsNoWeights() throws IOException {
    Path none = dir.resolve("none");
    assertThatThrownBy(() -> Inspection.of(none)).isInstanceOf(CheckpointException.class).hasMessage(none + " does not exist");
    assertThatThrownBy(() -> Inspection.of(dir)).isInstanceOf(CheckpointException.class).hasMessageContaining("holds no weights");
    Path text = Files.writeString(dir.resolve("notes.safetensors"), "hello, this is no tensor");
    assertThatThrownBy(() -> Inspection.of(text)).isInstanceOf(CheckpointException.class).hasMessageContaining("notes.safetensors");
  }
}
