package azulejo.models;

import java.util.List;
import java.util.Map;

/** A loaded text-to-image model on a backend. */
public interface ImageGenerator extends AutoCloseable {
  /** Which model family: "aMUSEd", ... */
  String family();

  /** One line for a person: family, parameters, grid, codes. */
  String description();

  /** V, the codes of its codebook. */
  int codes();

  /** Width and height in pixels of the square that it makes by default. */
  int side();

  /** Pixels that a code covers in each direction. */
  int factor();

  /**
   * The tokens of a picture by the model's own VQ encoder, row by row.
   *
   * @throws azulejo.runtime.OptionException when its sides are not multiples of {@link #factor}
   * @throws azulejo.runtime.CheckpointException when the checkpoint has no encoder
   */
  int[] encode(Image image);

  /** The settings a request resolves to, every default filled in, in reading order: what goes into a picture's text chunks and into {@code --json}. */
  Map<String, Object> resolve(GenerationRequest request);

  /**
   * Generates {@code imagesPerPrompt} images for each prompt, prompt by prompt.
   *
   * @throws azulejo.runtime.OptionException when the request has an option that this model does not have, or a value out of its range
   * @throws azulejo.runtime.GenerationException when the logits are not finite
   * @throws azulejo.runtime.Cancelled when the listener said so
   */
  List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener);

  @Override
  void close();
}
