package azulejo.models.amused;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.Image;
import azulejo.models.ImageGenerator;
import azulejo.models.Options;
import azulejo.models.PipelineFolder;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.models.vq.VqModel;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.text.ClipTokenizer;
import azulejo.runtime.walk.MaskSchedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * aMUSEd, from a prompt to a picture: CLIP text encoder, masked walk with the U-ViT, VQ decoder.
 *
 * <p>Patil et al., "aMUSEd: An Open MUSE Reproduction" (arXiv 2401.01808), after Chang et al., "Muse" (ICML 2023). Follows diffusers'
 * {@code pipelines/amused/pipeline_amused.py} (AmusedPipeline) and reads its folders: amused/amused-256, amused/amused-512.
 */
public final class Amused implements ImageGenerator {
  /**
   * What the transformer is told about the picture besides its size, as in SDXL: where a training picture had been cropped, and how
   * well it scored in a contest of beauty.
   */
  public record MicroConditioning(float cropTop, float cropLeft, float aestheticScore) {
    public static final MicroConditioning DEFAULT = new MicroConditioning(0, 0, 6);
  }

  private final PipelineFolder folder;
  private final Backend b;
  private final WeightFormat format;
  private final ClipTokenizer tokenizer;
  private final ClipTextEncoder textEncoder;
  private final UVit2D transformer;
  private final VqModel vqvae;
  private final MaskSchedule.Curve curve;
  private final int maskId;

  private Amused(PipelineFolder folder, Backend b, WeightFormat format) {
    this.folder = folder;
    this.b = b;
    this.format = format;
    JsonConfig scheduler = folder.config("scheduler", "scheduler_config.json");
    maskId = scheduler.integer("mask_token_id");
    curve = switch (scheduler.text("masking_schedule", "cosine")) {
      case "cosine" -> MaskSchedule.Curve.COSINE;
      case "linear" -> MaskSchedule.Curve.LINEAR;
      default -> throw scheduler.fault("masking_schedule", "is \"" + scheduler.text("masking_schedule") + "\", but only cosine and linear are known");
    };
    ClipTextEncoder.Config textConfig = ClipTextEncoder.Config.of(folder.config("text_encoder"));
    UVit2D.Config transformerConfig = UVit2D.Config.of(folder.config("transformer"));
    VqModel.Config vqConfig = VqModel.Config.of(folder.config("vqvae"));
    requireFit(textConfig, transformerConfig, vqConfig, scheduler);
    tokenizer = folder.clipTokenizer(textConfig.vocabSize());
    textEncoder = new ClipTextEncoder(textConfig, folder.weights("text_encoder"));
    transformer = new UVit2D(transformerConfig, folder.weights("transformer", format));
    vqvae = new VqModel(vqConfig, folder.weights("vqvae"));
  }

  /**
   * Opens a pipeline folder. The generator must be closed before the backend.
   *
   * @param format of the transformer's linear layers, but for those of its adaptive norms
   * @throws CheckpointException when a component is missing or broken, or the components do not fit together
   */
  public static Amused open(Path folder, Backend b, WeightFormat format) {
    return PipelineFolder.open(folder, b, opened -> new Amused(opened, b, format));
  }

  private void requireFit(ClipTextEncoder.Config text, UVit2D.Config denoiser, VqModel.Config vq, JsonConfig scheduler) {
    folder.requireEqual("hidden_size of text_encoder", text.hiddenSize(), "encoder_hidden_size of transformer", denoiser.encoderHiddenSize());
    folder.requireEqual("projection_dim of text_encoder", text.projectionDim(), "cond_embed_dim of transformer", denoiser.condEmbedDim());
    folder.requireEqual("num_vq_embeddings of vqvae", vq.numVqEmbeddings(), "codebook_size of transformer", denoiser.codebookSize());
    if (maskId < denoiser.codebookSize() || maskId >= denoiser.vocabSize()) {
      throw scheduler.fault("mask_token_id", "is " + maskId + ", but the transformer embeds " + denoiser.vocabSize() + " tokens of which the first "
          + denoiser.codebookSize() + " are codes");
    }
  }

  @Override
  public String family() {
    return "aMUSEd";
  }

  @Override
  public String description() {
    int size = transformer.config().sampleSize();
    return String.format("aMUSEd, %s, %dx%d grid of %d codes", Options.parameters(folder.parameters(), format), size, size,
        transformer.config().codebookSize());
  }

  public ClipTokenizer tokenizer() {
    return tokenizer;
  }

  public ClipTextEncoder textEncoder() {
    return textEncoder;
  }

  public UVit2D transformer() {
    return transformer;
  }

  public VqModel vqvae() {
    return vqvae;
  }

  public int maskId() {
    return maskId;
  }

  public MaskSchedule.Curve curve() {
    return curve;
  }

  @Override
  public int codes() {
    return transformer.config().codebookSize();
  }

  @Override
  public int side() {
    return transformer.config().sampleSize() * factor();
  }

  @Override
  public int factor() {
    return vqvae.config().factor();
  }

  @Override
  public int[] encode(Image image) {
    return vqvae.codes(image, 0, 1);
  }

  @Override
  public Map<String, Object> resolve(GenerationRequest request) {
    return settings(request).toMap(family());
  }

  @Override
  public List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener) {
    return generate(request, MicroConditioning.DEFAULT, listener, Tap.NONE);
  }

  /**
   * {@link #generate(GenerationRequest, GenerationListener)} with other micro-conditioning, watched by a tap. The tap sees, batch by batch,
   * {@code encoder_hidden_states}, {@code pooled_text_emb}, {@code micro_conds} (one row, as all are equal), what {@link azulejo.runtime.walk.MaskedWalk}
   * tells of each {@code step.<i>}, and for each image {@code pixels_raw}.
   */
  public List<GeneratedImage> generate(GenerationRequest request, MicroConditioning micro, GenerationListener listener, Tap tap) {
    return new AmusedGeneration(this, b, settings(request), micro, listener, tap, AmusedGeneration.batchBytes(b)).run();
  }

  AmusedSettings settings(GenerationRequest request) {
    Options.fit(request, codes());
    int factor = vqvae.config().factor();
    int unit = transformer.config().resampled() ? 2 * factor : factor;
    return AmusedSettings.of(request, curve, format, transformer.config().sampleSize(), factor, unit);
  }

  /** Unmaps the checkpoint. */
  @Override
  public void close() {
    folder.close();
  }
}
