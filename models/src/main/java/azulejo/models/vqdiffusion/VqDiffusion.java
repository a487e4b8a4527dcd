package azulejo.models.vqdiffusion;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
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
import azulejo.runtime.walk.DiffusionSchedule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * VQ-Diffusion, from a prompt to a picture: CLIP text encoder, denoising walk with a transformer, VQ decoder.
 *
 * <p>Gu et al., "Vector Quantized Diffusion Model for Text-to-Image Synthesis" (CVPR 2022), with the guidance of Tang et al., "Improved
 * Vector Quantized Diffusion Models" (arXiv 2205.16007), section 3.1. Follows diffusers'
 * {@code pipelines/deprecated/vq_diffusion/pipeline_vq_diffusion.py} (VQDiffusionPipeline) and reads its folders:
 * microsoft/vq-diffusion-ithq.
 */
public final class VqDiffusion implements ImageGenerator {
  private static final String LEARNED = "learned_classifier_free_sampling_embeddings";

  private final PipelineFolder folder;
  private final Backend b;
  private final WeightFormat format;
  private final ClipTokenizer tokenizer;
  private final ClipTextEncoder textEncoder;
  private final Transformer2D transformer;
  private final VqModel vqvae;
  private final DiffusionSchedule schedule;
  private final Optional<Tensor> unconditional;

  private VqDiffusion(PipelineFolder folder, Backend b, WeightFormat format) {
    this.folder = folder;
    this.b = b;
    this.format = format;
    ClipTextEncoder.Config textConfig = ClipTextEncoder.Config.of(folder.config("text_encoder"));
    Transformer2D.Config transformerConfig = Transformer2D.Config.of(folder.config("transformer"));
    VqModel.Config vqConfig = VqModel.Config.of(folder.config("vqvae"));
    JsonConfig scheduler = folder.config("scheduler", "scheduler_config.json");
    folder.requireEqual("hidden_size of text_encoder", textConfig.hiddenSize(), "cross_attention_dim of transformer",
        transformerConfig.crossAttentionDim());
    folder.requireEqual("num_vec_classes of scheduler", scheduler.integer("num_vec_classes"), "num_vector_embeds of transformer",
        transformerConfig.numVectorEmbeds());
    folder.requireEqual("num_vq_embeddings of vqvae", vqConfig.numVqEmbeddings(), "num_vector_embeds of transformer less the mask",
        transformerConfig.codes());
    schedule = schedule(scheduler, transformerConfig);
    tokenizer = folder.clipTokenizer(textConfig.vocabSize());
    textEncoder = new ClipTextEncoder(textConfig, folder.weights("text_encoder"));
    transformer = new Transformer2D(transformerConfig, folder.weights("transformer", format));
    vqvae = new VqModel(vqConfig, folder.weights("vqvae"));
    unconditional = unconditional();
  }

  /**
   * Opens a pipeline folder. The generator must be closed before the backend.
   *
   * @param format of the transformer's linear layers, but for those of its adaptive norms
   * @throws CheckpointException when a component is missing or broken, or the components do not fit together
   */
  public static VqDiffusion open(Path folder, Backend b, WeightFormat format) {
    return PipelineFolder.open(folder, b, opened -> new VqDiffusion(opened, b, format));
  }

  private static DiffusionSchedule schedule(JsonConfig json, Transformer2D.Config transformer) {
    DiffusionSchedule schedule = DiffusionSchedule.of(json, transformer.codes());
    if (schedule.timesteps() > transformer.numEmbedsAdaNorm()) {
      throw json.fault("num_train_timesteps", "is " + schedule.timesteps() + ", but num_embeds_ada_norm of transformer is "
          + transformer.numEmbedsAdaNorm()
          + ": the components come from different models");
    }
    return schedule;
  }

  /** The embeddings [S, C] that stand for no prompt, unless the model was trained with the empty prompt instead. */
  private Optional<Tensor> unconditional() {
    JsonConfig json = folder.config(LEARNED);
    if (!json.flag("learnable")) {
      return Optional.empty();
    }
    folder.requireEqual("hidden_size of " + LEARNED, json.integer("hidden_size"), "hidden_size of text_encoder",
        textEncoder.config().hiddenSize());
    folder.requireEqual("length of " + LEARNED, json.integer("length"), "the number of tokens that the text encoder reads", textLength());
    return Optional.of(folder.weights(LEARNED).tensor("embeddings", textLength(), textEncoder.config().hiddenSize()));
  }

  @Override
  public String family() {
    return "VQ-Diffusion";
  }

  @Override
  public String description() {
    int size = transformer.config().sampleSize();
    return String.format("VQ-Diffusion, %s, %dx%d grid of %d codes, %d timesteps", Options.parameters(folder.parameters(), format), size, size,
        schedule.codes(), schedule.timesteps());
  }

  public ClipTokenizer tokenizer() {
    return tokenizer;
  }

  public ClipTextEncoder textEncoder() {
    return textEncoder;
  }

  public Transformer2D transformer() {
    return transformer;
  }

  public VqModel vqvae() {
    return vqvae;
  }

  public DiffusionSchedule schedule() {
    return schedule;
  }

  /** Tokens that the text encoder reads. */
  public int textLength() {
    return Math.min(tokenizer.maxLength(), textEncoder.config().maxPositionEmbeddings());
  }

  /** ids [R][S]; the conditioning [R, S, C], each token's vector of unit length, belongs to the caller's scope. */
  public Tensor encode(int[][] ids) {
    int width = textEncoder.config().hiddenSize();
    Tensor states = b.alloc(DType.F32, ids.length, ids[0].length, width);
    try (Backend.Scope _ = b.scope()) {
      float[] weight = new float[width];
      Arrays.fill(weight, (float) (1 / Math.sqrt(width)));
      b.norm(Norm.RMS, textEncoder.encode(ids, Tap.NONE).lastHidden(), b.tensor(HostTensor.of("unit", weight, width)), null, 0, null,
          states);
    }
    return states;
  }

  Optional<Tensor> learnedUnconditional() {
    return unconditional;
  }

  @Override
  public int codes() {
    return schedule.codes();
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
    return vqvae.codes(image, -1, 1);
  }

  @Override
  public Map<String, Object> resolve(GenerationRequest request) {
    return settings(request).toMap(family());
  }

  @Override
  public List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener) {
    return generate(request, listener, Tap.NONE);
  }

  /**
   * {@link #generate(GenerationRequest, GenerationListener)} watched by a tap, which sees, batch by batch, {@code encoder_hidden_states},
   * what {@link azulejo.runtime.walk.DenoisingWalk} tells of each {@code step.<i>}, and for each image {@code pixels_raw}.
   */
  public List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener, Tap tap) {
    return new VqDiffusionGeneration(this, b, settings(request), listener, tap, VqDiffusionGeneration.batchBytes(b)).run();
  }

  /** Pixels of the range -1 to 1 as the official pipeline makes bytes of them: {@link Image#levels} of {@code x / 2 + 1 / 2}. */
  public static byte[] levels(HostTensor pixels) {
    float[] values = pixels.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] = values[i] / 2 + 0.5f;
    }
    return Image.levels(HostTensor.of(pixels.name(), values, pixels.shape().toArray()));
  }

  VqDiffusionSettings settings(GenerationRequest request) {
    Options.fit(request, codes());
    return VqDiffusionSettings.of(request, family(), format, schedule.timesteps(), transformer.config().sampleSize(), vqvae.config().factor());
  }

  /** Unmaps the checkpoint. */
  @Override
  public void close() {
    folder.close();
  }
}
