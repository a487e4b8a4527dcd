package azulejo.models.vq;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo's trained tokenizer; its numbers are held against the official ones in module tests. */
class VqModelTest {
  private static final Path FOLDER = Path.of("../demo/masked/vqvae");

  private final Backend b = new ReferenceBackend();
  private final Checkpoint checkpoint = Checkpoint.open(FOLDER);
  private final VqModel model = new VqModel(VqModel.Config.of(JsonConfig.read(FOLDER.resolve("config.json"))), checkpoint.on(b));

  @AfterEach
  void close() {
    checkpoint.close();
    b.close();
  }

  @Test
  void aCodeIsItsOwnNearest() {
    HostTensor codebook = checkpoint.tensor("quantize.embedding.weight");
    assertThat(model.quantise(b.tensor(codebook))).isEqualTo(IntStream.range(0, 1024).toArray());
  }

  /** A picture that the model was not trained on survives: it keeps 31 dB, and any layer that is wrong costs more than the margin of 6. */
  @Test
  void aPictureSurvivesItsTokens() throws IOException {
    float[] pixels = read("../demo/images/0003.png");
    Tensor latents = model.encode(b.tensor(HostTensor.of("pixels", pixels, 1, 64, 64, 3)), Tap.NONE);
    assertThat(latents.shape().toArray()).containsExactly(1, 16, 16, 8);
    Tensor codes = b.tensor(HostTensor.of("codes", model.quantise(latents), 1, 16, 16));
    float[] decoded = b.download(model.decode(codes, Tap.NONE)).toFloats();
    double squares = IntStream.range(0, pixels.length).mapToDouble(i -> Math.pow(pixels[i] - decoded[i], 2)).average().orElseThrow();
    assertThat(-10 * Math.log10(squares)).as("PSNR in dB").isGreaterThan(25);
  }

  /** The published VQ-Diffusion checkpoint is older than the names of today: {@code query}, {@code key}, {@code value}, {@code proj_attn}. */
  @Test
  void olderAttentionNamesMeanTheSame(@TempDir Path dir) {
    List<HostTensor> renamed = checkpoint.names().stream().map(checkpoint::tensor).map(t -> new HostTensor(t.name()
        .replace(".to_q.", ".query.").replace(".to_k.", ".key.").replace(".to_v.", ".value.").replace(".to_out.0.", ".proj_attn."),
        t.dtype(), t.shape(), t.data())).toList();
    assertThat(renamed).extracting(HostTensor::name).contains("decoder.mid_block.attentions.0.query.weight");
    Path file = dir.resolve("diffusion_pytorch_model.safetensors");
    SafetensorsWriter.write(file, Map.of(), renamed);
    Tensor codes = b.tensor(HostTensor.of("codes", new int[] {3, 1, 4, 1}, 1, 2, 2));
    float[] expected = b.download(model.decode(codes, Tap.NONE)).toFloats();
    try (Checkpoint older = Checkpoint.open(file)) {
      assertThat(b.download(new VqModel(model.config(), older.on(b)).decode(codes, Tap.NONE)).toFloats()).isEqualTo(expected);
    }
  }

  private static float[] read(String file) throws IOException {
    BufferedImage image = ImageIO.read(Path.of(file).toFile());
    float[] out = new float[3 * image.getWidth() * image.getHeight()];
    for (int i = 0; i < out.length; i++) {
      int rgb = image.getRGB(i / 3 % image.getWidth(), i / 3 / image.getWidth());
      out[i] = (rgb >> 16 - 8 * (i % 3) & 0xFF) / 255f;
    }
    return out;
  }
}
