package azulejo.models;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.models.amused.Amused;
import azulejo.models.amused.Amused.MicroConditioning;
import azulejo.models.amused.UVit2D;
import azulejo.models.vqdiffusion.Transformer2D;
import azulejo.models.vqdiffusion.VqDiffusion;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Audit;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import azulejo.runtime.checkpoint.Weights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a format does to the denoisers of diffusers' pipelines, on the golden models. LlamaGen's is held in its own test. */
class NarrowWeightsTest {
  private static final Path GOLDENS = Path.of("../tests/src/test/resources/goldens");
  private static final String WEIGHTS = "transformer/diffusion_pytorch_model.safetensors";

  @TempDir
  Path dir;

  private final Backend b = new ReferenceBackend();

  @AfterEach
  void close() {
    b.close();
  }

  private static Stream<Arguments> narrow() {
    return Stream.of("amused-tiny", "vqdiffusion-tiny").flatMap(model ->
        Arrays.stream(WeightFormat.values()).filter(format -> format != WeightFormat.F32).map(format -> Arguments.of(model, format)));
  }

  /** The same logits, bit by bit, as those of a checkpoint whose linear layers were rounded beforehand: nothing else is touched. */
  @ParameterizedTest
  @MethodSource("narrow")
  void roundsTheLinearLayersAndNothingElse(String model, WeightFormat format) throws IOException {
    Path rounded = rounded(model, format);
    assertThat(logits(GOLDENS.resolve(model), format)).isEqualTo(logits(rounded, WeightFormat.F32));
  }

  /**
   * Rounding adds noise to each layer's output, as large a part of it as of the weights, for the errors of a row's weights are as independent as the weights
   * themselves. Through about ten layers in a row it grows as the root of their number; twice that, for the largest of thousands of logits.
   */
  @ParameterizedTest
  @MethodSource("narrow")
  void logitsMoveByTheRoundingOfTheWeights(String model, WeightFormat format) throws IOException {
    float[] exact = logits(GOLDENS.resolve(model), WeightFormat.F32);
    float[] narrow = logits(GOLDENS.resolve(model), format);
    double largest = 0;
    double error = 0;
    for (int i = 0; i < exact.length; i++) {
      largest = Math.max(largest, Math.abs(exact[i]));
      error = Math.max(error, Math.abs(exact[i] - narrow[i]));
    }
    assertThat(error / largest).isPositive().isLessThan(2 * Math.sqrt(10) * noise(model, format));
  }

  /**
   * Root mean square, over a transformer's matrices, of what rounding changes as a part of each. It is 2^-9 in bf16, 2^-12 in f16 (but a
   * hundredth for the two matrices of one golden model whose weights are so small that they are subnormal there) and a 150th in int8.
   */
  private double noise(String model, WeightFormat format) {
    double sum = 0;
    try (Checkpoint checkpoint = Checkpoint.open(GOLDENS.resolve(model).resolve(WEIGHTS))) {
      Set<String> matrices = matrices(model, checkpoint);
      for (String name : matrices) {
        float[] exact = checkpoint.tensor(name).toFloats();
        float[] kept = format.rounded(checkpoint.tensor(name)).toFloats();
        double errors = 0;
        double squares = 0;
        for (int i = 0; i < exact.length; i++) {
          errors += (exact[i] - kept[i]) * (double) (exact[i] - kept[i]);
          squares += exact[i] * (double) exact[i];
        }
        sum += errors / squares;
      }
      return Math.sqrt(sum / matrices.size());
    }
  }

  /** Of the first step of a guided walk. */
  private float[] logits(Path folder, WeightFormat format) {
    List<float[]> logits = new ArrayList<>();
    Tap tap = (name, value) -> {
      if (name.equals("step.0.model_logits")) {
        logits.add(b.download(value).toFloats());
      }
    };
    GenerationRequest request = GenerationRequest.builder().prompts(List.of("a red star")).steps(1).guidance(2).seed(5).build();
    try (ImageGenerator model = Models.open(folder, b, format)) {
      switch (model) {
        case Amused amused -> amused.generate(request, MicroConditioning.DEFAULT, GenerationListener.NONE, tap);
        case VqDiffusion diffusion -> diffusion.generate(request, GenerationListener.NONE, tap);
        default -> throw new AssertionError(model);
      }
    }
    return logits.getFirst();
  }

  /** A copy of a golden model whose transformer's matrices are rounded. */
  private Path rounded(String model, WeightFormat format) throws IOException {
    Path source = GOLDENS.resolve(model);
    Path copy = dir.resolve(model);
    try (Stream<Path> paths = Files.walk(source)) {
      for (Path path : paths.filter(file -> !file.startsWith(source.resolve("goldens")) && Files.isRegularFile(file)).toList()) {
        Path target = copy.resolve(source.relativize(path).toString());
        Files.createDirectories(target.getParent());
        Files.copy(path, target);
      }
    }
    try (Checkpoint checkpoint = Checkpoint.open(source.resolve(WEIGHTS))) {
      Set<String> matrices = matrices(model, checkpoint);
      assertThat(matrices).isNotEmpty().noneMatch(name -> name.matches(".*(norm[123]\\.linear|cond_embeds_mapper|depthwise|sample\\.conv|emb|embeddings)\\..*"));
      List<HostTensor> tensors = checkpoint.names().stream().map(checkpoint::tensor).map(t -> matrices.contains(t.name()) ? format.rounded(t) : t).toList();
      Files.delete(copy.resolve(WEIGHTS));
      SafetensorsWriter.write(copy.resolve(WEIGHTS), Map.of(), tensors);
    }
    return copy;
  }

  /** The names of what the model multiplies with and keeps in the format asked for. */
  private Set<String> matrices(String model, Checkpoint checkpoint) {
    JsonConfig config = JsonConfig.read(GOLDENS.resolve(model).resolve("transformer/config.json"));
    Audit audit = new Audit(checkpoint);
    Weights weights = audit.weights(b);
    if (model.startsWith("amused")) {
      new UVit2D(UVit2D.Config.of(config), weights);
    } else {
      new Transformer2D(Transformer2D.Config.of(config), weights);
    }
    return audit.asked().stream().filter(asked -> asked.use() == Audit.Use.MATRIX).map(Audit.Asked::name).collect(Collectors.toSet());
  }
}
