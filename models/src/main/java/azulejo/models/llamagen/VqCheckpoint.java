package azulejo.models.llamagen;

import azulejo.kernels.Shape;
import azulejo.models.vq.VqModel;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Checkpoint;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * LlamaGen's image tokenizers, VQ-16 and VQ-8, as {@link VqModel}s: FoundationVision/LlamaGen {@code tokenizer/tokenizer_image/vq_model.py}. Everything is
 * read from the tensors' shapes, but that norms have 32 groups and codes unit length, as in all of the published ones.
 */
public final class VqCheckpoint {
  private static final VqModel.Names NAMES = new VqModel.Names("conv_blocks", "conv_blocks", "res", "attn", "downsample.conv", "upsample.conv",
      List.of("mid.0", "mid.2"), "mid.1", "norm_out", "nin_shortcut", "norm", "q", "k", "v", "proj_out");
  private static final int GROUPS = 32;

  private final Checkpoint checkpoint;

  private VqCheckpoint(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** @throws CheckpointException when the file is no such tokenizer */
  public static VqModel.Config config(Checkpoint checkpoint) {
    return new VqCheckpoint(checkpoint).config();
  }

  private VqModel.Config config() {
    List<Integer> encoder = channels("encoder");
    List<Integer> decoder = channels("decoder").reversed();
    int levels = encoder.size();
    if (levels == 0 || decoder.size() != levels) {
      throw new CheckpointException(checkpoint.path() + " is no LlamaGen tokenizer: its encoder has " + levels + " levels, its decoder " + decoder.size());
    }
    for (int channels : IntStream.concat(encoder.stream().mapToInt(c -> c), decoder.stream().mapToInt(c -> c)).toArray()) {
      if (channels % GROUPS != 0) {
        throw new CheckpointException(checkpoint.path() + " has a level of " + channels + " channels, which do not split into " + GROUPS + " groups");
      }
    }
    Shape codebook = shape("quantize.embedding.weight", 2);
    int blocks = count(i -> "encoder.conv_blocks.0.res." + i + ".conv1.weight");
    List<Boolean> down = IntStream.range(0, levels).mapToObj(i -> checkpoint.has("encoder.conv_blocks." + i + ".attn.0.q.weight")).toList();
    List<Boolean> up = IntStream.range(0, levels).mapToObj(i -> checkpoint.has("decoder.conv_blocks." + i + ".attn.0.q.weight")).toList();
    return new VqModel.Config(NAMES, shape("encoder.conv_in.weight", 4).size(1), shape("decoder.conv_out.weight", 4).size(0), encoder, decoder, down, up, blocks,
        shape("post_quant_conv.weight", 4).size(0), codebook.size(1), codebook.size(0), GROUPS, true, true);
  }

  /** Of each level, in the order of the file. */
  private List<Integer> channels(String half) {
    int levels = count(i -> half + ".conv_blocks." + i + ".res.0.conv1.weight");
    return IntStream.range(0, levels).mapToObj(i -> shape(half + ".conv_blocks." + i + ".res.0.conv1.weight", 4).size(0)).toList();
  }

  private int count(IntFunction<String> name) {
    return (int) IntStream.iterate(0, i -> checkpoint.has(name.apply(i)), i -> i + 1).count();
  }

  private Shape shape(String name, int rank) {
    Shape shape = checkpoint.tensor(name).shape();
    if (shape.rank() != rank || shape.elements() == 0) {
      throw new CheckpointException(checkpoint.path() + ": tensor \"" + name + "\" has the shape " + shape + ", which does not fit a LlamaGen tokenizer");
    }
    return shape;
  }
}
