package azulejo.models.perceptual;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;
import azulejo.models.Image;
import azulejo.models.perceptual.Node.Chain;
import azulejo.models.perceptual.Node.Concat;
import azulejo.models.perceptual.Node.Pool;
import azulejo.models.perceptual.Node.Unit;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Weights;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Inception network of FID, whose features are comparable with published ones only if everything is as in TensorFlow's graph of 2015.
 *
 * <p>Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016); Heusel et al., "GANs Trained by a Two Time-Scale Update Rule
 * Converge to a Local Nash Equilibrium" (NIPS 2017). Follows {@code pytorch_fid/inception.py} of mseitzer/pytorch-fid and torchvision's
 * {@code models/inception.py}: images are resized bilinearly without antialiasing, means leave the padding out, the last block pools by maximum.
 * Batch norms, whose epsilon is 1e-3, are folded into the convolutions before them.
 */
public final class InceptionV3 implements AutoCloseable {
  /** Numbers in an image's features. */
  public static final int FEATURES = 2048;

  private static final int SIDE = 299;
  private static final double EPS = 1e-3;
  /** Images that go through together, in 120 MB: at 299 pixels more gain nothing. */
  private static final int BATCH = 4;
  private static final String MARK = "Mixed_7c.branch_pool.conv.weight";

  private final Backend b;
  private final CheckpointSet files;
  private final Map<String, Node> layers = new LinkedHashMap<>();

  private InceptionV3(Backend b, CheckpointSet files) {
    this.b = b;
    this.files = files;
    Weights w = files.with(MARK, "FID needs pt_inception-2015-12-05-6726825d.pth of pytorch-fid, or the same tensors as safetensors").on(b);
    add("Conv2d_1a_3x3", unit(w.at("Conv2d_1a_3x3"), 32, 3, 3, 3, 2, 0, 0));
    add("Conv2d_2a_3x3", square(w.at("Conv2d_2a_3x3"), 32, 32, 3, 0));
    add("Conv2d_2b_3x3", square(w.at("Conv2d_2b_3x3"), 64, 32, 3, 1));
    add("block64", Pool.max(3, 2, false, 64));
    add("Conv2d_3b_1x1", square(w.at("Conv2d_3b_1x1"), 80, 64, 1, 0));
    add("Conv2d_4a_3x3", square(w.at("Conv2d_4a_3x3"), 192, 80, 3, 0));
    add("block192", Pool.max(3, 2, false, 192));
    add("Mixed_5b", blockA(w.at("Mixed_5b"), 192, 32));
    add("Mixed_5c", blockA(w.at("Mixed_5c"), 256, 64));
    add("Mixed_5d", blockA(w.at("Mixed_5d"), 288, 64));
    add("Mixed_6a", blockB(w.at("Mixed_6a"), 288));
    add("Mixed_6b", blockC(w.at("Mixed_6b"), 128));
    add("Mixed_6c", blockC(w.at("Mixed_6c"), 160));
    add("Mixed_6d", blockC(w.at("Mixed_6d"), 160));
    add("Mixed_6e", blockC(w.at("Mixed_6e"), 192));
    add("Mixed_7a", blockD(w.at("Mixed_7a")));
    add("Mixed_7b", blockE(w.at("Mixed_7b"), 1280, Pooling.MEAN));
    add("Mixed_7c", blockE(w.at("Mixed_7c"), 2048, Pooling.MAX));
  }

  private void add(String name, Node node) {
    layers.put(name, node);
  }

  /**
   * @param path the file, or a folder that has it, under any name
   * @throws azulejo.runtime.CheckpointException when it is not there, or broken
   */
  public static InceptionV3 open(Path path, Backend b) {
    return CheckpointSet.open(path, files -> new InceptionV3(b, files));
  }

  /** {@link #open(Path, Backend)} of a file, which will be closed with this. */
  public static InceptionV3 open(Checkpoint file, Backend b) {
    return CheckpointSet.open(List.of(file), file.path().toString(), files -> new InceptionV3(b, files));
  }

  // ---- blocks, named by the letters of torchvision ------------------------------------------------------------------------

  private static Node blockA(Weights w, int inputs, int pooled) {
    return Concat.of(
        square(w.at("branch1x1"), 64, inputs, 1, 0),
        Chain.of(square(w.at("branch5x5_1"), 48, inputs, 1, 0), square(w.at("branch5x5_2"), 64, 48, 5, 2)),
        Chain.of(square(w.at("branch3x3dbl_1"), 64, inputs, 1, 0), square(w.at("branch3x3dbl_2"), 96, 64, 3, 1), square(w.at("branch3x3dbl_3"), 96, 96, 3, 1)),
        pooled(w, Pooling.MEAN, pooled, inputs));
  }

  private static Node blockB(Weights w, int inputs) {
    return Concat.of(
        halving(w.at("branch3x3"), 384, inputs),
        Chain.of(square(w.at("branch3x3dbl_1"), 64, inputs, 1, 0), square(w.at("branch3x3dbl_2"), 96, 64, 3, 1), halving(w.at("branch3x3dbl_3"), 96, 96)),
        Pool.max(3, 2, false, inputs));
  }

  private static Node blockC(Weights w, int inner) {
    return Concat.of(
        square(w.at("branch1x1"), 192, 768, 1, 0),
        Chain.of(square(w.at("branch7x7_1"), inner, 768, 1, 0), row(w.at("branch7x7_2"), inner, inner, 7), column(w.at("branch7x7_3"), 192, inner, 7)),
        Chain.of(square(w.at("branch7x7dbl_1"), inner, 768, 1, 0), column(w.at("branch7x7dbl_2"), inner, inner, 7),
            row(w.at("branch7x7dbl_3"), inner, inner, 7), column(w.at("branch7x7dbl_4"), inner, inner, 7), row(w.at("branch7x7dbl_5"), 192, inner, 7)),
        pooled(w, Pooling.MEAN, 192, 768));
  }

  private static Node blockD(Weights w) {
    return Concat.of(
        Chain.of(square(w.at("branch3x3_1"), 192, 768, 1, 0), halving(w.at("branch3x3_2"), 320, 192)),
        Chain.of(square(w.at("branch7x7x3_1"), 192, 768, 1, 0), row(w.at("branch7x7x3_2"), 192, 192, 7), column(w.at("branch7x7x3_3"), 192, 192, 7),
            halving(w.at("branch7x7x3_4"), 192, 192)),
        Pool.max(3, 2, false, 768));
  }

  private static Node blockE(Weights w, int inputs, Pooling pooling) {
    return Concat.of(
        square(w.at("branch1x1"), 320, inputs, 1, 0),
        Chain.of(square(w.at("branch3x3_1"), 384, inputs, 1, 0),
            Concat.of(row(w.at("branch3x3_2a"), 384, 384, 3), column(w.at("branch3x3_2b"), 384, 384, 3))),
        Chain.of(square(w.at("branch3x3dbl_1"), 448, inputs, 1, 0), square(w.at("branch3x3dbl_2"), 384, 448, 3, 1),
            Concat.of(row(w.at("branch3x3dbl_3a"), 384, 384, 3), column(w.at("branch3x3dbl_3b"), 384, 384, 3))),
        pooled(w, pooling, 192, inputs));
  }

  private static Node pooled(Weights w, Pooling pooling, int outputs, int inputs) {
    return Chain.of(new Pool(pooling, 3, 1, 1, false, inputs), square(w.at("branch_pool"), outputs, inputs, 1, 0));
  }

  private static Node square(Weights w, int outputs, int inputs, int size, int padding) {
    return unit(w, outputs, inputs, size, size, 1, padding, padding);
  }

  private static Node halving(Weights w, int outputs, int inputs) {
    return unit(w, outputs, inputs, 3, 3, 2, 0, 0);
  }

  private static Node row(Weights w, int outputs, int inputs, int length) {
    return unit(w, outputs, inputs, 1, length, 1, 0, length / 2);
  }

  private static Node column(Weights w, int outputs, int inputs, int length) {
    return unit(w, outputs, inputs, length, 1, 1, length / 2, 0);
  }

  /** A convolution without bias and its batch norm: {@code (conv(x) - mean) * weight / sqrt(variance + eps) + bias}, as one convolution with bias. */
  private static Node unit(Weights w, int outputs, int inputs, int height, int width, int stride, int down, int across) {
    float[] taps = w.host("conv.weight", outputs, inputs, height, width).toFloats();
    Weights norm = w.at("bn");
    HostTensor weight = norm.host("weight", outputs);
    HostTensor bias = norm.host("bias", outputs);
    HostTensor mean = norm.host("running_mean", outputs);
    HostTensor variance = norm.host("running_var", outputs);
    float[] offsets = new float[outputs];
    int each = inputs * height * width;
    for (int o = 0; o < outputs; o++) {
      double scale = weight.doubleAt(o) / Math.sqrt(variance.doubleAt(o) + EPS);
      offsets[o] = (float) (bias.doubleAt(o) - mean.doubleAt(o) * scale);
      for (int i = o * each; i < (o + 1) * each; i++) {
        taps[i] = (float) (taps[i] * scale);
      }
    }
    Backend b = w.backend();
    return new Unit(b.filter(HostTensor.of("conv.weight", taps, outputs, inputs, height, width)), b.weight(HostTensor.of("bias", offsets, outputs)),
        stride, down, across);
  }

  // ---- features -----------------------------------------------------------------------------------------------------------

  /** Of the tensors in use, see {@link azulejo.runtime.checkpoint.Fingerprint}. */
  public String fingerprint() {
    return files.fingerprint();
  }

  /** {@link #FEATURES} numbers for each image, of any size. */
  public List<float[]> features(List<Image> images) {
    List<float[]> features = new ArrayList<>();
    for (int from = 0; from < images.size(); from += BATCH) {
      try (Backend.Scope _ = b.scope()) {
        float[] rows = b.download(forward(pixels(images.subList(from, Math.min(from + BATCH, images.size()))), Tap.NONE)).toFloats();
        for (int row = 0; row < rows.length; row += FEATURES) {
          features.add(Arrays.copyOfRange(rows, row, row + FEATURES));
        }
      }
    }
    return features;
  }

  /** [B, 299, 299, 3] in -1 to 1. */
  public static HostTensor pixels(List<Image> images) {
    int count = SIDE * SIDE * 3;
    float[] values = new float[images.size() * count];
    for (int i = 0; i < images.size(); i++) {
      Image image = images.get(i);
      float[] levels = new float[image.rgb().length];
      for (int j = 0; j < levels.length; j++) {
        levels[j] = (image.rgb()[j] & 0xFF) / 255f;
      }
      float[] resized = Resize.bilinear(levels, image.height(), image.width(), 3, SIDE, SIDE);
      for (int j = 0; j < count; j++) {
        values[i * count + j] = 2 * resized[j] - 1;
      }
    }
    return HostTensor.of("pixels", values, images.size(), SIDE, SIDE, 3);
  }

  /**
   * Features [B, 2048] in the caller's scope. The tap sees each layer's output under its name, and the two that pytorch-fid also offers as
   * {@code block64} and {@code block192}.
   */
  public Tensor forward(HostTensor pixels, Tap tap) {
    long batch = pixels.shape().dim(0);
    Tensor features = b.alloc(DType.F32, batch, FEATURES);
    try (Backend.Scope _ = b.scope()) {
      Tensor x = b.tensor(pixels);
      for (Map.Entry<String, Node> layer : layers.entrySet()) {
        x = layer.getValue().apply(b, x);
        tap.accept(layer.getKey(), x);
      }
      b.pool2d(Pooling.MEAN, x, x.size(1), x.size(2), 1, Padding.NONE, features.reshape(batch, 1, 1, FEATURES));
    }
    return features;
  }

  /** Unmaps the weights. */
  @Override
  public void close() {
    files.close();
  }
}
