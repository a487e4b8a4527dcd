package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.Image;
import azulejo.models.llamagen.LlamaGen;
import azulejo.runtime.CheckpointException;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/** Whole runs of LlamaGen from the prompts and the seed alone. The noise is PyTorch's, so every token must be the recorded one. */
final class LlamaGenRunParity {
  private static final double TEXT = 1e-4;
  private static final double PIXELS = 1e-4;
  private static final Set<String> ARGUMENTS = Set.of("prompt", "seed", "cfg_scale", "temperature", "top_k", "top_p", "min_gap");

  private LlamaGenRunParity() {}

  static void check(Goldens.Golden golden, String title, JsonNode arguments, LlamaGen model, Backend backend, Checks checks) {
    checks.attempt(title, () -> {
      Recorder seen = new Recorder(backend);
      List<GeneratedImage> images = model.generate(request(arguments), GenerationListener.NONE, seen);
      checks.equal(title + ".t5_ids", golden.tensor("t5_ids"), seen.last("t5_ids").toInts());
      checks.equal(title + ".condition_mask", golden.tensor("condition_mask"), seen.last("condition_mask").toInts());
      checks.close(title + ".condition", golden.tensor("condition"), seen.last("condition"), TEXT);
      if (!checks.drawn(title + ".tokens", golden.tensor("tokens"), images.stream().flatMapToInt(image -> Arrays.stream(image.tokens())).toArray())) {
        golden.excuse("", Checks.OTHERWISE);
        return;
      }
      HostTensor pixels = golden.tensor("pixels");
      checks.close(title + ".pixels", pixels, Recorder.channelsFirst(seen.all("pixels_raw").getFirst(), pixels.shape()), PIXELS);
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      images.stream().map(GeneratedImage::image).map(Image::rgb).forEach(bytes::writeBytes);
      checks.image(title + ".image_u8", golden.tensor("image_u8"), bytes.toByteArray());
    });
  }

  /** @throws CheckpointException when there is an argument that is not known here */
  private static GenerationRequest request(JsonNode arguments) {
    for (String name : arguments.propertyNames()) {
      if (!ARGUMENTS.contains(name)) {
        throw new CheckpointException("the run has the argument \"" + name + "\", which this version does not know");
      }
    }
    JsonNode prompts = arguments.path("prompt");
    return GenerationRequest.builder()
        .prompts(IntStream.range(0, prompts.size()).mapToObj(i -> prompts.get(i).asString()).toList())
        .seed(arguments.path("seed").asLong())
        .rng(GenerationRequest.Rng.TORCH)
        .guidance(arguments.path("cfg_scale").asDouble())
        .temperature(List.of(arguments.path("temperature").asDouble()))
        .topK(arguments.path("top_k").asInt())
        .topP(arguments.path("top_p").asDouble())
        .build();
  }
}
