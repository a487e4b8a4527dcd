package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.HostTensor;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class WeightsTest extends CliTest {
  private static final Path DEMO = Path.of("../demo");

  @Test
  void inspectPrintsATable() {
    assertThat(run("weights", "inspect", DEMO.resolve("masked"))).isZero();
    assertThat(out().lines()).first().isEqualTo("../demo/masked: aMUSEd");
    assertThat(out().lines()).anyMatch(line -> line.matches(" +transformer +transformer of aMUSEd +254 +F16 +3\\.9 M .*"))
        .last().isEqualTo("nothing is missing");
    assertThat(err()).isEmpty();
  }

  @Test
  void inspectListsTensorsOnRequest() {
    assertThat(run("weights", "inspect", DEMO.resolve("masked/vqvae"), "--tensors")).isZero();
    assertThat(out().lines()).anyMatch(line -> line.matches(" +quantize.embedding.weight +F16 +\\[1024, \\d+]"));
  }

  @Test
  void inspectPrintsJson() {
    assertThat(run("weights", "inspect", DEMO.resolve("masked"), "--json")).isZero();
    JsonNode json = new JsonMapper().readTree(out());
    assertThat(json.get("model").stringValue()).isEqualTo("aMUSEd");
    assertThat(json.get("whole").booleanValue()).isTrue();
    assertThat(json.get("parts").size()).isEqualTo(3);
    assertThat(json.get("parts").get(0).get("tensors").size()).isEqualTo(254);
    assertThat(json.get("memory").get("f32").longValue()).isEqualTo(4 * json.get("parameters").longValue());
  }

  @Test
  void inspectSaysWhatIsNotThere() throws IOException {
    Path gpt = Files.createDirectory(dir.resolve("gpt"));
    Files.copy(DEMO.resolve("autoregressive/t2i_demo_64.pt"), gpt.resolve("t2i_demo_64.pt"));
    Files.copy(DEMO.resolve("autoregressive/config.json"), gpt.resolve("config.json"));
    assertThat(run("weights", "inspect", gpt)).isZero();
    assertThat(out()).contains("no image tokenizer").contains("no text encoder").endsWith("it is not whole\n");
  }

  @Test
  void verifyPassesOrFailsByItsStatus() {
    assertThat(run("weights", "verify", DEMO.resolve("autoregressive"))).isZero();
    assertThat(out()).contains("62 tensors asked for, 0 missing, 0 wrong, 0 left over");
    SafetensorsWriter.write(dir.resolve("c2i_B.safetensors"), Map.of(), List.of(HostTensor.of("tok_embeddings.weight", new float[4], 2, 2)));
    assertThat(run("weights", "verify", dir)).isEqualTo(1);
    assertThat(out()).contains("no published GPT size");
    assertThat(run("weights", "verify", DEMO.resolve("diffusion"), "--quiet")).isZero();
    assertThat(out()).isEmpty();
  }

  @Test
  void convertsFilesThatAreThenVerified() throws IOException {
    Path model = Files.createDirectory(dir.resolve("model"));
    Path demo = DEMO.resolve("autoregressive");
    assertThat(run("weights", "convert", demo.resolve("t2i_demo_64.pt"), model.resolve("t2i_demo_64.safetensors"))).isZero();
    assertThat(err()).contains("62 tensors");
    assertThat(run("weights", "convert", demo.resolve("vq_ds4_t2i.pt"), model.resolve("vq_ds4_t2i.safetensors"), "--dtype", "f32", "--quiet")).isZero();
    assertThat(err()).isEmpty();
    assertThat(run("weights", "verify", model)).isEqualTo(1);
    assertThat(out()).contains("files: 2 of 2 have the digests").contains("no text encoder");
    assertThat(run("weights", "convert", demo.resolve("vq_ds4_t2i.pt"), model.resolve("x.safetensors"), "--dtype", "i8")).isEqualTo(2);
    assertThat(err()).contains("--dtype must be f32, f16 or bf16");
  }

  @Test
  void quantizeReportsWhatIsLost() {
    assertThat(run("weights", "quantize", DEMO.resolve("autoregressive/t5"), dir.resolve("t5.safetensors"))).isZero();
    assertThat(out().lines()).hasSize(7).last().asString().matches(" +all 21 +0\\.\\d\\d %");
    assertThat(run("weights", "quantize", DEMO.resolve("autoregressive/t5"), dir.resolve("t5.safetensors"), "--tensors")).isZero();
    assertThat(out().lines()).hasSize(23);
    assertThat(run("weights", "quantize", DEMO.resolve("lpips/lpips_alex.safetensors"), dir.resolve("x.safetensors"))).isEqualTo(1);
    assertThat(err()).hasLineCount(1);
  }

  @Test
  void pullRefusesWhatIsNoRepository() {
    assertThat(run("weights", "pull", "no such thing")).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: \"no such thing\" is not the name of a repository, such as amused/amused-256\n");
    assertThat(run("weights", "pull", "a/b", "--revision", "../x")).isEqualTo(2);
    assertThat(run("weights", "pull")).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"inspect", "verify"})
  void refusesWhatIsNoCheckpoint(String command) throws IOException {
    assertThat(run("weights", command, dir.resolve("none"))).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: " + dir.resolve("none") + " does not exist\n");
    Files.writeString(dir.resolve("x.pt"), "import os");
    assertThat(run("weights", command, dir.resolve("x.pt"))).isEqualTo(1);
    assertThat(err()).contains("x.pt: it is not a file of torch.save").hasLineCount(1);
    assertThat(run("weights", command)).isEqualTo(2);
  }
}
