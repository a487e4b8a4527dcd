package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VerificationTest {
  /** {@code printf hello | sha256sum} and {@code printf hello | git hash-object --stdin}. */
  private static final String HELLO_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
  private static final String HELLO_GIT = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0";

  @TempDir
  Path dir;
  Path model;

  @BeforeEach
  void synthesise() {
    model = TinyModels.amused(dir.resolve("model"));
  }

  @Test
  void passesAWholeModel() throws IOException {
    Path weights = model.resolve("transformer/diffusion_pytorch_model.safetensors");
    Files.writeString(model.resolve("SHA256SUMS"), Digests.sha256(weights, _ -> { }) + "  transformer/diffusion_pytorch_model.safetensors\n");
    AtomicLong read = new AtomicLong();
    Verification verification = Verification.of(model, (bytes, total) -> {
      read.set(bytes);
      assertThat(bytes).isLessThanOrEqualTo(total);
    });
    assertThat(verification.passed()).isTrue();
    assertThat(verification.digests()).isEqualTo(1);
    assertThat(read.get()).isEqualTo(Files.size(weights));
  }

  @Test
  void namesFilesThatChangedOrVanished() throws IOException {
    Files.writeString(model.resolve("readme"), "hello");
    Files.writeString(model.resolve("licence"), "hello!");
    Files.writeString(model.resolve("SHA256SUMS"), HELLO_SHA256 + "  readme\n" + HELLO_SHA256.toUpperCase(Locale.ROOT) + " *licence\n" + HELLO_SHA256 + "  gone\n");
    Verification verification = Verification.of(model, (_, _) -> { });
    assertThat(verification.faults()).hasSize(2);
    assertThat(verification.faults().getFirst()).contains("licence", "is not the file");
    assertThat(verification.faults().getLast()).contains("gone", "is missing");
    assertThat(verification.inspection().whole()).isTrue();
    assertThat(verification.passed()).isFalse();
  }

  /** The cache of a hub: a file links to a blob that is named by its digest. */
  @Test
  void holdsLinkedFilesAgainstTheNamesOfTheirBlobs() throws IOException {
    Path blobs = Files.createDirectory(dir.resolve("blobs"));
    Files.writeString(blobs.resolve(HELLO_GIT), "hello");
    Files.writeString(blobs.resolve(HELLO_SHA256), "hello");
    Files.createSymbolicLink(model.resolve("small"), blobs.resolve(HELLO_GIT));
    Files.createSymbolicLink(model.resolve("large"), blobs.resolve(HELLO_SHA256));
    assertThat(Verification.of(model, (_, _) -> { }).digests()).isEqualTo(2);
    assertThat(Verification.of(model, (_, _) -> { }).passed()).isTrue();
    Files.writeString(blobs.resolve(HELLO_GIT), "hellO");
    assertThat(Verification.of(model, (_, _) -> { }).faults()).singleElement().asString().contains("small");
  }

  @Test
  void aModelThatLacksATensorFails() {
    TinyModels.change(model.resolve("vqvae/diffusion_pytorch_model.safetensors"), tensors -> tensors.subList(1, tensors.size()));
    assertThat(Verification.of(model, (_, _) -> { }).passed()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"hello", HELLO_SHA256 + "  ../../secret", HELLO_SHA256 + "  /etc/passwd", HELLO_SHA256 + "  a/../../b", "12  file", HELLO_SHA256})
  void refusesAManifestThatIsNoneOrLeadsOutside(String line) throws IOException {
    Files.writeString(model.resolve("SHA256SUMS"), line + "\n");
    assertThatThrownBy(() -> Verification.of(model, (_, _) -> { })).isInstanceOf(CheckpointException.class).hasMessageContaining("SHA256SUMS").hasMessageContaining("line 1");
  }
}
