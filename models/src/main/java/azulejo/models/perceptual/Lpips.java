package azulejo.models.perceptual;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.Image;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Weights;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * LPIPS 0.1, a distance of two images as people see it: how far a classifier's activations are apart, channel by channel with trained weights.
 *
 * <p>Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018). Follows {@code lpips/lpips.py} of
 * richzhang/PerceptualSimilarity: version 0.1, linear layers in use, images scaled to [-1, 1].
 *
 * <p>An image is run through the trunk once, {@link #features}; a distance is arithmetic on two such results, in double. Equal images have
 * the distance 0 exactly, and the order of the two does not matter.
 */
public final class Lpips implements AutoCloseable {
  /** The trunk. */
  public enum Net {
    ALEX("features.6.weight", "alexnet-owt-7be5be79.pth and alex.pth", 31),
    /** VGG16 */
    VGG("features.28.weight", "vgg16-397923af.pth and vgg.pth", 16),
    /** SqueezeNet 1.1 */
    SQUEEZE("features.3.squeeze.weight", "squeezenet1_1-b8a52dc0.pth and squeeze.pth", 17);

    private final String mark;
    private final String published;
    private final int smallest;

    Net(String mark, String published, int smallest) {
      this.mark = mark;
      this.published = published;
      this.smallest = smallest;
    }

    /** As LPIPS calls it: "alex", "vgg", "squeeze". */
    public String id() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** A tensor that this trunk has and the others have not. */
    public String mark() {
      return mark;
    }

    /** Pixels that the shorter side of an image must have. */
    public int smallest() {
      return smallest;
    }
  }

  /**
   * One image's unit activations.
   *
   * @param layers the trunk's outputs
   */
  public record Features(int height, int width, List<Layer> layers) {}

  /** @param values [h * w * C], scaled to length 1 at each pixel */
  public record Layer(int height, int width, float[] values) {}

  private static final double EPS = 1e-10;
  private static final float[] SHIFT = {-.030f, -.088f, -.188f};
  private static final float[] SCALE = {.458f, .448f, .450f};
  /** Images of so many pixels together go through the trunk at once. */
  private static final int BATCH_PIXELS = 1 << 17;

  private final Net net;
  private final Backend b;
  private final Trunk trunk;
  private final List<float[]> linear = new ArrayList<>();
  private final CheckpointSet files;

  private Lpips(Net net, Backend b, CheckpointSet files) {
    this.net = net;
    this.b = b;
    this.files = files;
    String wanted = "LPIPS with " + net.id() + " needs " + net.published + ", or the same tensors as safetensors";
    trunk = new Trunk(net, files.with(net.mark, wanted).on(b).at("features"));
    List<Integer> channels = trunk.channels();
    Weights heads = files.with(c -> isHead(c, channels), wanted).on(b);
    for (int i = 0; i < channels.size(); i++) {
      linear.add(heads.at("lin" + i).host("model.1.weight", 1, channels.get(i), 1, 1).toFloats());
    }
  }

  /** Whether a file has the linear layers of a trunk with such outputs: they are told apart by number and width. */
  private static boolean isHead(Checkpoint file, List<Integer> channels) {
    for (int i = 0; i < channels.size(); i++) {
      String name = head(i);
      if (!file.has(name) || file.shape(name).elements() != channels.get(i)) {
        return false;
      }
    }
    return !file.has(head(channels.size()));
  }

  private static String head(int i) {
    return "lin" + i + ".model.1.weight";
  }

  /**
   * @param path a file that has both the trunk ({@code features.<i>...}) and the linear layers ({@code lin<i>.model.1.weight}), or a folder with them in
   *     one file or two; a folder may hold other networks too
   * @throws azulejo.runtime.CheckpointException when they are not there, or broken
   */
  public static Lpips open(Net net, Path path, Backend b) {
    return CheckpointSet.open(path, files -> new Lpips(net, b, files));
  }

  /** {@link #open(Net, Path, Backend)} of a file, which will be closed with this. */
  public static Lpips open(Net net, Checkpoint file, Backend b) {
    return CheckpointSet.open(List.of(file), file.path().toString(), files -> new Lpips(net, b, files));
  }

  public Net net() {
    return net;
  }

  /** Of the tensors in use, see {@link azulejo.runtime.checkpoint.Fingerprint}. */
  public String fingerprint() {
    return files.fingerprint();
  }

  /**
   * The features of each image; images may differ in size.
   *
   * @throws OptionException when one is too small for the trunk
   */
  public List<Features> features(List<Image> images) {
    List<Features> features = new ArrayList<>();
    for (List<Image> batch : Batches.ofEqualSize(images, BATCH_PIXELS)) {
      Image first = batch.getFirst();
      if (Math.min(first.height(), first.width()) < net.smallest) {
        throw new OptionException("an image of " + first.width() + "x" + first.height() + " pixels is too small for LPIPS with " + net.id() + ", which needs "
            + net.smallest + " on the shorter side");
      }
      try (Backend.Scope _ = b.scope()) {
        List<HostTensor> outputs = activations(scaled(batch)).stream().map(b::download).toList();
        for (int i = 0; i < batch.size(); i++) {
          int image = i;
          features.add(new Features(first.height(), first.width(), outputs.stream().map(output -> unit(output, image)).toList()));
        }
      }
    }
    return features;
  }

  /** The trunk's outputs [B, h, w, C] for scaled images [B, H, W, 3], in the caller's scope. */
  public List<Tensor> activations(HostTensor scaled) {
    return trunk.forward(b.tensor(scaled));
  }

  /** [B, H, W, 3] as the trunk takes them: LPIPS' range of -1 to 1, less the shift, over the scale. */
  public static HostTensor scaled(List<Image> batch) {
    Image first = batch.getFirst();
    float[] x = new float[batch.size() * first.rgb().length];
    int to = 0;
    for (Image image : batch) {
      for (byte level : image.rgb()) {
        float value = (level & 0xFF) / 127.5f - 1;
        x[to] = (value - SHIFT[to % 3]) / SCALE[to % 3];
        to++;
      }
    }
    return HostTensor.of("pixels", x, batch.size(), first.height(), first.width(), 3);
  }

  /** Of one image of an output [B, h, w, C]. */
  private static Layer unit(HostTensor output, int image) {
    int channels = output.shape().size(3);
    int count = output.shape().size(1) * output.shape().size(2) * channels;
    float[] out = new float[count];
    long from = (long) image * count;
    for (int i = 0; i < count; i++) {
      out[i] = output.floatAt(from + i);
    }
    for (int pixel = 0; pixel < count; pixel += channels) {
      double squares = 0;
      for (int i = pixel; i < pixel + channels; i++) {
        squares += (double) out[i] * out[i];
      }
      double length = Math.sqrt(squares) + EPS;
      for (int i = pixel; i < pixel + channels; i++) {
        out[i] = (float) (out[i] / length);
      }
    }
    return new Layer(output.shape().size(1), output.shape().size(2), out);
  }

  /**
   * The distance of two images.
   *
   * @throws IllegalArgumentException when their sizes differ
   */
  public double distance(Features x, Features y) {
    double sum = 0;
    for (double layer : layerDistances(x, y)) {
      sum += layer;
    }
    return sum;
  }

  /** Each layer's share of the distance: the mean over its pixels of the weighted squared difference. */
  public double[] layerDistances(Features x, Features y) {
    double[] distances = new double[linear.size()];
    for (int layer = 0; layer < distances.length; layer++) {
      float[] map = map(x, y, layer);
      double sum = 0;
      for (float pixel : map) {
        sum += pixel;
      }
      distances[layer] = sum / map.length;
    }
    return distances;
  }

  /** Where two images differ, [H * W]: the layers' differences, each enlarged bilinearly to the images' size, added up. */
  public float[] distanceMap(Features x, Features y) {
    float[] sum = new float[x.height * x.width];
    for (int layer = 0; layer < linear.size(); layer++) {
      float[] enlarged = Resize.bilinear(map(x, y, layer), x.layers.get(layer).height(), x.layers.get(layer).width(), 1, x.height, x.width);
      for (int i = 0; i < sum.length; i++) {
        sum[i] += enlarged[i];
      }
    }
    return sum;
  }

  /** A layer's weighted squared difference at each of its pixels. */
  private float[] map(Features x, Features y, int layer) {
    if (x.height != y.height || x.width != y.width) {
      throw new IllegalArgumentException("images of " + x.width + "x" + x.height + " and " + y.width + "x" + y.height + " pixels have no LPIPS distance");
    }
    float[] weight = linear.get(layer);
    float[] a = x.layers.get(layer).values;
    float[] b = y.layers.get(layer).values;
    float[] map = new float[a.length / weight.length];
    for (int pixel = 0, i = 0; pixel < map.length; pixel++) {
      double sum = 0;
      for (float w : weight) {
        double difference = a[i] - b[i];
        sum += w * difference * difference;
        i++;
      }
      map[pixel] = (float) sum;
    }
    return map;
  }

  /** Unmaps the weights. */
  @Override
  public void close() {
    files.close();
  }
}
