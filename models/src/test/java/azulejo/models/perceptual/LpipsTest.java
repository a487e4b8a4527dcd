package azulejo.models.perceptual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.HostTensor;
import azulejo.models.Image;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Safetensors;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How LPIPS finds its weights and treats its images; the official distances are held by {@code azulejo parity}. */
class LpipsTest {
  private static final Path DEMO = Path.of("../demo/lpips");

  @TempDir
  Path dir;

  private final Backend backend = Backends.open(Backends.DEFAULT);

  @AfterEach
  void close() {
    backend.close();
  }

  private static Image noise(int width, int height, int seed) {
    byte[] rgb = new byte[3 * width * height];
    new Random(seed).nextBytes(rgb);
    return new Image(width, height, rgb);
  }

  private void write(String file, Predicate<String> names, HostTensor... more) throws IOException {
    try (Safetensors demo = Safetensors.open(DEMO.resolve("lpips_alex.safetensors"))) {
      List<HostTensor> tensors = new ArrayList<>(demo.tensors().values().stream().filter(t -> names.test(t.name())).toList());
      tensors.addAll(List.of(more));
      SafetensorsWriter.write(dir.resolve(file), Map.of(), tensors);
    }
  }

  /** torchvision's file of the whole classifier, LPIPS' own file, and files of the other trunks beside them, as a download folder has them. */
  @Test
  void findsItsTwoFilesAmongOthers() throws IOException {
    write("alexnet-owt-7be5be79.safetensors", name -> name.startsWith("features."), HostTensor.of("classifier.1.bias", new float[4], 4));
    write("alex.safetensors", name -> name.startsWith("lin"));
    SafetensorsWriter.write(dir.resolve("a-vgg.safetensors"), Map.of(), List.of(
        HostTensor.of("lin0.model.1.weight", new float[64], 1, 64, 1, 1), HostTensor.of("lin1.model.1.weight", new float[128], 1, 128, 1, 1),
        HostTensor.of("lin2.model.1.weight", new float[256], 1, 256, 1, 1), HostTensor.of("lin3.model.1.weight", new float[512], 1, 512, 1, 1),
        HostTensor.of("lin4.model.1.weight", new float[512], 1, 512, 1, 1)));
    Files.writeString(dir.resolve("README.md"), "weights");
    List<Image> images = List.of(noise(40, 33, 1), noise(40, 33, 2));
    try (Lpips split = Lpips.open(Lpips.Net.ALEX, dir, backend); Lpips whole = Lpips.open(Lpips.Net.ALEX, DEMO, backend)) {
      assertThat(split.fingerprint()).isEqualTo(whole.fingerprint());
      List<Lpips.Features> features = split.features(images);
      List<Lpips.Features> same = whole.features(images);
      assertThat(split.distance(features.get(0), features.get(1))).isEqualTo(whole.distance(same.get(0), same.get(1))).isPositive();
    }
    assertThatThrownBy(() -> Lpips.open(Lpips.Net.VGG, dir, backend)).isInstanceOf(CheckpointException.class).hasMessageContaining("vgg16-397923af.pth");
    Files.delete(dir.resolve("alex.safetensors"));
    assertThatThrownBy(() -> Lpips.open(Lpips.Net.ALEX, dir, backend)).isInstanceOf(CheckpointException.class)
        .hasMessage(dir + " has no such weights: LPIPS with alex needs alexnet-owt-7be5be79.pth and alex.pth, or the same tensors as safetensors");
  }

  @Test
  void otherWeightsHaveAnotherFingerprint() throws IOException {
    write("changed.safetensors", name -> !name.equals("lin4.model.1.weight"), HostTensor.of("lin4.model.1.weight", new float[256], 1, 256, 1, 1));
    try (Lpips changed = Lpips.open(Lpips.Net.ALEX, dir, backend); Lpips demo = Lpips.open(Lpips.Net.ALEX, DEMO, backend)) {
      assertThat(changed.fingerprint()).matches("[0-9a-f]{8}").isNotEqualTo(demo.fingerprint());
    }
  }

  @Test
  void anImagesFeaturesDoNotDependOnThoseBesideIt() {
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      images.add(noise(64, i < 3 ? 64 : 48, i));
    }
    try (Lpips lpips = Lpips.open(Lpips.Net.ALEX, DEMO, backend)) {
      List<Lpips.Features> together = lpips.features(images);
      for (int i = 0; i < images.size(); i++) {
        Lpips.Features alone = lpips.features(List.of(images.get(i))).getFirst();
        for (int layer = 0; layer < 5; layer++) {
          assertThat(together.get(i).layers().get(layer).values()).isEqualTo(alone.layers().get(layer).values());
        }
      }
    }
  }

  @Test
  void distancesAreSymmetricAndOfEqualSizes() {
    try (Lpips lpips = Lpips.open(Lpips.Net.ALEX, DEMO, backend)) {
      List<Lpips.Features> features = lpips.features(List.of(noise(64, 64, 1), noise(64, 64, 2), noise(64, 48, 3)));
      Lpips.Features x = features.get(0);
      Lpips.Features y = features.get(1);
      assertThat(lpips.distance(x, y)).isEqualTo(lpips.distance(y, x)).isPositive();
      assertThat(lpips.distance(x, x)).isZero();
      assertThatThrownBy(() -> lpips.distance(x, features.get(2))).isInstanceOf(IllegalArgumentException.class);
      assertThat(lpips.distanceMap(x, y)).hasSize(64 * 64);
    }
  }

  /** The smallest image that each trunk's layers leave a pixel of, by their strides and windows. */
  @Test
  void refusesAnImageThatTheTrunkWouldLeaveNothingOf() {
    try (Lpips lpips = Lpips.open(Lpips.Net.ALEX, DEMO, backend)) {
      assertThat(lpips.features(List.of(noise(31, 40, 1))).getFirst().layers().getLast().values()).hasSize(256);
      assertThatThrownBy(() -> lpips.features(List.of(noise(30, 40, 1)))).isInstanceOf(OptionException.class)
          .hasMessage("an image of 30x40 pixels is too small for LPIPS with alex, which needs 31 on the shorter side");
    }
  }
}
