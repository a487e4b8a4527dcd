package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.ImageGenerator;
import azulejo.models.Models;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Quantised;
import azulejo.runtime.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuantizationTest {
  private static final Path DEMO = Path.of("../demo/autoregressive");

  @TempDir
  Path dir;

  /** Eight layers of wqkv, wo, w1, w2, w3, the output and the two layers of the caption's projection: 5 * 8 + 3. */
  @Test
  void quantisesTheLinearLayersAndNothingElse() {
    Path out = dir.resolve("gpt.safetensors");
    Quantization.Summary summary = Quantization.quantize(DEMO.resolve("t2i_demo_64.pt"), out, Conversion.Progress.NONE);
    assertThat(summary.losses()).hasSize(43);
    try (Safetensors file = Safetensors.open(out)) {
      for (String name : file.names()) {
        boolean linear = name.matches("layers\\.\\d+\\.(attention\\.(wqkv|wo)|feed_forward\\.w[123])\\.weight|output\\.weight|cls_embedding\\.cap_proj\\.fc[12]\\.weight");
        assertThat(file.dtype(name) == DType.I8).as(name).isEqualTo(linear);
        assertThat(file.names().contains(name + Quantised.SCALE)).as(name).isEqualTo(linear);
      }
    }
    assertThat(Inspection.of(DEMO.resolve("t2i_demo_64.pt")).parameters()).isEqualTo(Inspection.of(out).parameters());
  }

  /** An error is at most half a step of its row, and that of uniform noise in a step is 1 / sqrt(12) of it: for a normal row of 128 a step is about a 45th of its deviation. */
  @Test
  void reportsTheErrorThatTheFileHas() {
    Path in = DEMO.resolve("t2i_demo_64.pt");
    Path out = dir.resolve("gpt.safetensors");
    Quantization.Summary summary = Quantization.quantize(in, out, Conversion.Progress.NONE);
    assertThat(summary.relative()).isBetween(0.004, 0.01);
    Quantization.Loss loss = summary.losses().getFirst();
    Path plain = dir.resolve("plain.safetensors");
    Conversion.convert(in, plain, Optional.empty(), Optional.empty(), Conversion.Progress.NONE);
    try (Safetensors file = Safetensors.open(out); Safetensors original = Safetensors.open(plain)) {
      float[] exact = original.tensor(loss.name()).toFloats();
      HostTensor scales = file.tensor(loss.name() + Quantised.SCALE);
      float[] kept = Quantised.widened(file.tensor(loss.name()), scales).toFloats();
      double error = 0;
      double square = 0;
      for (int i = 0; i < exact.length; i++) {
        error += (kept[i] - exact[i]) * (double) (kept[i] - exact[i]);
        square += exact[i] * (double) exact[i];
        assertThat(Math.abs(kept[i] - exact[i])).isLessThanOrEqualTo(scales.floatAt(i / loss.shape().size(1)) * 0.5001f);
      }
      assertThat(loss.relative()).isCloseTo(Math.sqrt(error / square), within(1e-6));
    }
  }

  /** With int8 weights the engine makes the bytes of the file again, so it draws the tokens that it draws with the original and int8 weights. */
  @Test
  void generatesWhatTheEnginesOwnQuantisationGenerates() throws IOException {
    try (Stream<Path> files = Files.walk(DEMO)) {
      for (Path file : files.filter(f -> Files.isRegularFile(f) && !f.toString().endsWith("t2i_demo_64.pt")).toList()) {
        Path copy = dir.resolve(DEMO.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
    Quantization.quantize(DEMO.resolve("t2i_demo_64.pt"), dir.resolve("t2i_demo_64.safetensors"), Conversion.Progress.NONE);
    Path config = dir.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("t2i_demo_64.pt", "t2i_demo_64.safetensors"));
    assertThat(Verification.of(dir, (_, _) -> { }).passed()).isTrue();
    assertThat(tokens(dir)).isEqualTo(tokens(DEMO));
  }

  private static List<Integer> tokens(Path model) {
    List<Integer> tokens = new ArrayList<>();
    try (Backend backend = Backends.open(Backends.DEFAULT); ImageGenerator generator = Models.open(model, backend, WeightFormat.INT8)) {
      for (int token : generator.generate(GenerationRequest.of("a blue ring", 3), GenerationListener.NONE).getFirst().tokens()) {
        tokens.add(token);
      }
    }
    return tokens;
  }

  @Test
  void refusesWhatItCannotQuantise() {
    Path out = dir.resolve("out.safetensors");
    assertThatThrownBy(() -> Quantization.quantize(Path.of("../demo/lpips/lpips_alex.safetensors"), out, Conversion.Progress.NONE))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("linear layers are not known");
    assertThatThrownBy(() -> Quantization.quantize(DEMO.resolve("t5"), dir.resolve("t5"), Conversion.Progress.NONE)).isInstanceOf(OptionException.class);
    assertThatThrownBy(() -> Quantization.quantize(Path.of("../demo/masked"), out, Conversion.Progress.NONE)).isInstanceOf(CheckpointException.class);
    Path model = TinyModels.amused(dir.resolve("model"));
    Path weights = model.resolve("transformer/diffusion_pytorch_model.safetensors");
    Quantization.quantize(weights, out, Conversion.Progress.NONE);
    TinyModels.change(weights, tensors -> tensors.stream().map(t -> t.name().equals("encoder_proj.weight")
        ? HostTensor.of(t.name(), fill(t, Float.NaN), t.shape().toArray()) : t).toList());
    assertThatThrownBy(() -> Quantization.quantize(weights, out, Conversion.Progress.NONE)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("encoder_proj.weight").hasMessageContaining("row 0");
    TinyModels.change(weights, tensors -> tensors.subList(1, tensors.size()));
    assertThatThrownBy(() -> Quantization.quantize(weights, out, Conversion.Progress.NONE)).isInstanceOf(CheckpointException.class).hasMessageContaining("no tensor");
  }

  private static float[] fill(HostTensor like, float value) {
    float[] values = new float[(int) like.shape().elements()];
    Arrays.fill(values, value);
    return values;
  }
}
