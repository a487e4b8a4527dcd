package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.models.ImageGenerator;
import azulejo.models.Models;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import azulejo.weights.FakeHub.Fault;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class PullTest {
  private static final Pull.Patience LITTLE = new Pull.Patience(Duration.ofMillis(800), 3, Duration.ofMillis(1));
  private static final String WEIGHTS = "model.safetensors";

  @TempDir
  Path dir;

  private final FakeHub hub = new FakeHub();
  private final byte[] weights = new byte[200_000];

  PullTest() {
    new Random(1).nextBytes(weights);
    hub.small("config.json", "{}\n".getBytes());
    hub.large(WEIGHTS, weights);
  }

  @AfterEach
  void close() {
    hub.close();
  }

  private Pull.Summary pull() {
    return pull("main", List.of(), Optional.empty());
  }

  private Pull.Summary pull(String revision, List<String> include, Optional<String> token) {
    return Pull.pull(new HubSettings(hub.endpoint(), token, dir), new Pull.Request(FakeHub.REPOSITORY, revision, include, ""), (_, done, total) ->
        assertThat(done).isLessThanOrEqualTo(total), LITTLE);
  }

  private Path blob(String path) {
    return dir.resolve("models--someone--model/blobs").resolve(hub.digest(path));
  }

  private List<String> cached() throws IOException {
    try (Stream<Path> files = Files.walk(dir)) {
      return files.filter(f -> !Files.isDirectory(f, LinkOption.NOFOLLOW_LINKS)).map(f -> dir.relativize(f).toString()).sorted().toList();
    }
  }

  /** The layout is huggingface_hub's: blobs by digest, relative links in the snapshot of the commit, the commit in the ref. */
  @Test
  void fillsTheCacheOfHuggingfaceHub() throws IOException {
    Pull.Summary summary = pull();
    Path model = dir.resolve("models--someone--model");
    assertThat(summary.snapshot()).isEqualTo(model.resolve("snapshots").resolve(FakeHub.COMMIT));
    assertThat(summary.files()).containsExactly("config.json", WEIGHTS);
    assertThat(summary.fetched()).isEqualTo(summary.bytes()).isEqualTo(200_003);
    assertThat(cached()).containsExactlyInAnyOrder("models--someone--model/blobs/" + hub.digest(WEIGHTS), "models--someone--model/blobs/" + hub.digest("config.json"),
        "models--someone--model/refs/main", "models--someone--model/snapshots/" + FakeHub.COMMIT + "/config.json",
        "models--someone--model/snapshots/" + FakeHub.COMMIT + "/" + WEIGHTS);
    assertThat(model.resolve("refs/main")).hasContent(FakeHub.COMMIT);
    Path link = summary.snapshot().resolve(WEIGHTS);
    assertThat(Files.readSymbolicLink(link)).isEqualTo(Path.of("../../blobs").resolve(hub.digest(WEIGHTS)));
    assertThat(Files.readAllBytes(link)).isEqualTo(weights);
  }

  /** {@code printf '{}\n' | git hash-object --stdin} */
  @Test
  void namesSmallFilesAsGitDoes() {
    assertThat(hub.digest("config.json")).isEqualTo("0967ef424bce6791893e9a57bb952f80fd536e93");
  }

  @Test
  void fetchesNothingTwice() {
    pull();
    long before = hub.requests.stream().filter(r -> r.startsWith("GET store/")).count();
    assertThat(pull().fetched()).isZero();
    assertThat(hub.requests.stream().filter(r -> r.startsWith("GET store/")).count()).isEqualTo(before);
  }

  @Test
  void aModelOpensFromItsSnapshot() throws IOException {
    Path demo = Path.of("../demo/masked");
    try (Stream<Path> files = Files.walk(demo); FakeHub other = new FakeHub()) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        if (file.toString().endsWith(".safetensors")) {
          other.large(demo.relativize(file).toString(), Files.readAllBytes(file));
        } else {
          other.small(demo.relativize(file).toString(), Files.readAllBytes(file));
        }
      }
      other.small("README.md", new byte[] {'#'});
      other.small("transformer/diffusion_pytorch_model.bin", new byte[] {'P'});
      Pull.Summary summary = Pull.pull(new HubSettings(other.endpoint(), Optional.empty(), dir), new Pull.Request(FakeHub.REPOSITORY, "main", List.of(), ""),
          (_, _, _) -> { }, LITTLE);
      assertThat(summary.files()).doesNotContain("README.md", "transformer/diffusion_pytorch_model.bin").contains("tokenizer/merges.txt");
      Verification verification = Verification.of(summary.snapshot(), (_, _) -> { });
      assertThat(verification.passed()).isTrue();
      assertThat(verification.digests()).isEqualTo(summary.files().size());
      try (Backend backend = Backends.open("reference"); ImageGenerator generator = Models.open(summary.snapshot(), backend)) {
        assertThat(generator.family()).isEqualTo("aMUSEd");
      }
    }
  }

  /** Each attempt brings half of what is left, until nothing is: 200 000 bytes are there after 18 halvings, of which none is fetched twice. */
  @ParameterizedTest
  @EnumSource(value = Fault.class, names = {"BREAKS_OFF", "ENDS_EARLY"})
  void goesOnWhereAConnectionBroke(Fault fault) throws IOException {
    hub.fault(WEIGHTS, fault);
    Pull.Summary summary = pull();
    assertThat(Files.readAllBytes(summary.snapshot().resolve(WEIGHTS))).isEqualTo(weights);
    assertThat(summary.fetched()).isEqualTo(200_003);
    assertThat(hub.requests).anyMatch(r -> r.equals("GET store/" + WEIGHTS + " bytes=100000-"));
    assertThat(hub.downloads(WEIGHTS)).isBetween(15L, 20L);
  }

  /** Such a server gives the whole file again, which is then taken from its beginning. */
  @ParameterizedTest
  @EnumSource(value = Fault.class, names = {"NO_RANGES", "OTHER_RANGE"})
  void beginsAgainWhereAServerCannotResume(Fault fault) throws IOException {
    hub.fault(WEIGHTS, fault);
    assertThat(Files.readAllBytes(pull().snapshot().resolve(WEIGHTS))).isEqualTo(weights);
  }

  @Test
  void goesOnWhereAnEarlierRunStopped() throws IOException {
    Files.createDirectories(blob(WEIGHTS).getParent());
    Files.write(blob(WEIGHTS).resolveSibling(hub.digest(WEIGHTS) + ".incomplete"), Arrays.copyOf(weights, 150_000));
    Pull.Summary summary = pull();
    assertThat(summary.fetched()).isEqualTo(50_003);
    assertThat(hub.requests).contains("GET store/" + WEIGHTS + " bytes=150000-");
    assertThat(Files.readAllBytes(summary.snapshot().resolve(WEIGHTS))).isEqualTo(weights);
  }

  @Test
  void stoppedHalfwayItKeepsWhatCame() throws IOException {
    hub.fault(WEIGHTS, Fault.BREAKS_OFF);
    assertThatThrownBy(() -> Pull.pull(new HubSettings(hub.endpoint(), Optional.empty(), dir), new Pull.Request(FakeHub.REPOSITORY, "main", List.of(), ""),
        (file, done, _) -> {
          if (file.equals(WEIGHTS) && done > 100_000) {
            throw new IllegalStateException("stop");
          }
        }, LITTLE)).hasMessage("stop");
    assertThat(cached()).noneMatch(file -> file.contains("refs") || file.endsWith(WEIGHTS)).anyMatch(file -> file.endsWith(".incomplete"));
    hub.fault(WEIGHTS, Fault.NONE);
    assertThat(pull().fetched()).isLessThanOrEqualTo(100_003);
  }

  @ParameterizedTest
  @CsvSource({"OTHER_BYTES, with the digest", "MORE_BYTES, more than the 200000 bytes", "NO_DIGEST, without a digest", "ENDLESS_REDIRECT, more than 10 times",
      "TO_FILE, address that is none"})
  void keepsNothingOfWhatIsNotTheFile(Fault fault, String sentence) throws IOException {
    hub.fault(WEIGHTS, fault);
    assertThatThrownBy(this::pull).isInstanceOf(CheckpointException.class).hasMessageContaining(sentence);
    assertThat(cached()).noneMatch(file -> file.contains(hub.digest(WEIGHTS)) || file.endsWith(WEIGHTS) || file.contains("refs"));
    hub.fault(WEIGHTS, Fault.NONE);
    assertThat(Files.readAllBytes(pull().snapshot().resolve(WEIGHTS))).isEqualTo(weights);
  }

  /** A part of another file that was left under the same name: its beginning is kept, and the digest then tells. */
  @Test
  void throwsAwayABeginningThatIsWrong() throws IOException {
    Files.createDirectories(blob(WEIGHTS).getParent());
    Files.write(blob(WEIGHTS).resolveSibling(hub.digest(WEIGHTS) + ".incomplete"), new byte[1000]);
    assertThatThrownBy(this::pull).hasMessageContaining("with the digest");
    assertThat(pull().fetched()).isEqualTo(200_000);
  }

  @Test
  void givesUpOnAServerThatSaysNothingMore() {
    hub.fault(WEIGHTS, Fault.STALLS);
    long start = System.nanoTime();
    assertThatThrownBy(() -> Pull.pull(new HubSettings(hub.endpoint(), Optional.empty(), dir), new Pull.Request(FakeHub.REPOSITORY, "main", List.of(WEIGHTS), ""),
        (_, _, _) -> { }, new Pull.Patience(Duration.ofMillis(200), 1, Duration.ofMillis(1)))).isInstanceOf(CheckpointException.class);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
  }

  @Test
  void asksAgainAfterAServersError() {
    hub.fault("config.json", Fault.ERROR_ONCE);
    assertThat(pull().files()).hasSize(2);
  }

  @Test
  void theTokenGoesToTheHubAlone() {
    hub.gated = true;
    assertThatThrownBy(this::pull).isInstanceOf(CheckpointException.class).hasMessageContaining("set HF_TOKEN").hasMessageNotContaining("hf_secret");
    hub.hubTokens.clear();
    pull("main", List.of(), Optional.of("hf_secret"));
    assertThat(hub.hubTokens).isNotEmpty().allMatch(token -> token.equals("Bearer hf_secret"));
    assertThat(hub.storeTokens).isNotEmpty().allMatch(token -> token.equals("null"));
    assertThat(new HubSettings(hub.endpoint(), Optional.of("hf_secret"), dir).toString()).doesNotContain("secret");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../outside", "/etc/passwd", "a/../../b", "a//b", "C:\\\\x", "./a", "a/"})
  void refusesNamesThatLeadOutside(String name) throws IOException {
    hub.extraName = name;
    assertThatThrownBy(this::pull).isInstanceOf(CheckpointException.class).hasMessageContaining("no plain path");
    assertThat(cached()).isEmpty();
  }

  @Test
  void saysWhatDoesNotExist() {
    HubSettings settings = new HubSettings(hub.endpoint(), Optional.empty(), dir);
    assertThatThrownBy(() -> Pull.pull(settings, new Pull.Request("someone/else", "main", List.of(), ""), (_, _, _) -> { }, LITTLE))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("someone/else at revision main does not exist");
    assertThatThrownBy(() -> pull("main", List.of("*.pt"), Optional.empty())).isInstanceOf(OptionException.class).hasMessageContaining("no file that matches");
    for (String wrong : List.of("../x", "a/b/c", "a b", "", "-x/..", "a--b")) {
      assertThatThrownBy(() -> Pull.pull(settings, new Pull.Request(wrong, "main", List.of(), ""), (_, _, _) -> { }, LITTLE)).as(wrong).isInstanceOf(OptionException.class);
    }
    assertThatThrownBy(() -> pull("../main", List.of(), Optional.empty())).isInstanceOf(OptionException.class);
  }

  @Test
  void saysThatAHubCannotBeReached() {
    hub.close();
    assertThatThrownBy(this::pull).isInstanceOf(CheckpointException.class).hasMessageContaining("cannot be reached");
    HubSettings nowhere = new HubSettings(URI.create("http://hub.invalid"), Optional.empty(), dir);
    assertThatThrownBy(() -> Pull.pull(nowhere, new Pull.Request("a/b", "main", List.of(), ""), (_, _, _) -> { }, LITTLE)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("hub.invalid");
  }

  @Test
  void twoPullsDoNotWriteOneFile() throws IOException {
    Files.createDirectories(blob(WEIGHTS).getParent());
    Path part = blob(WEIGHTS).resolveSibling(hub.digest(WEIGHTS) + ".incomplete");
    try (FileChannel channel = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE); FileLock _ = channel.lock()) {
      assertThatThrownBy(this::pull).isInstanceOf(OutputException.class).hasMessageContaining("another process");
    }
    assertThat(pull().files()).hasSize(2);
  }

  @Test
  void choosesOneFormOfEachFoldersWeights() {
    assertThat(needed("", "model_index.json", "README.md", ".gitattributes", "transformer/config.json", "transformer/diffusion_pytorch_model.bin",
        "transformer/diffusion_pytorch_model.safetensors", "transformer/diffusion_pytorch_model.fp16.safetensors", "text_encoder/pytorch_model.bin",
        "text_encoder/flax_model.msgpack", "onnx/model.onnx", "onnx/config.json", "assets/a.png"))
        .containsExactly("model_index.json", "text_encoder/pytorch_model.bin", "transformer/config.json", "transformer/diffusion_pytorch_model.safetensors");
    assertThat(needed("fp16", "t/diffusion_pytorch_model.safetensors", "t/diffusion_pytorch_model.fp16.safetensors", "e/model.safetensors"))
        .containsExactly("e/model.safetensors", "t/diffusion_pytorch_model.fp16.safetensors");
    assertThat(needed("", "config.json", "spiece.model", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json", "tf_model.h5"))
        .containsExactly("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json", "spiece.model", "tokenizer.json");
    assertThat(needed("", "vq_ds16_t2i.pt")).containsExactly("vq_ds16_t2i.pt");
    assertThatThrownBy(() -> needed("", "vq_ds16_t2i.pt", "t2i_XL_stage1_256.pt")).isInstanceOf(OptionException.class).hasMessageContaining("--include");
    assertThat(NeededFiles.matching("r", List.of("a.pt", "b.pt", "x/c.pt"), List.of("a.*", "x/**"))).containsExactly("a.pt", "x/c.pt");
  }

  private static List<String> needed(String variant, String... files) {
    return NeededFiles.of("r", new ArrayList<>(List.of(files)), variant);
  }

  /** The variables of huggingface_hub, the more particular ones first. */
  @Test
  void readsTheEnvironment() {
    assertThat(HubSettings.of(Map.of()).endpoint()).isEqualTo(URI.create("https://huggingface.co"));
    assertThat(HubSettings.of(Map.of()).cache()).isEqualTo(Path.of(System.getProperty("user.home"), ".cache/huggingface/hub"));
    assertThat(HubSettings.of(Map.of("HF_HOME", "/h")).cache()).isEqualTo(Path.of("/h/hub"));
    assertThat(HubSettings.of(Map.of("HF_HOME", "/h", "HF_HUB_CACHE", "/c")).cache()).isEqualTo(Path.of("/c"));
    assertThat(HubSettings.of(Map.of("XDG_CACHE_HOME", "/x")).cache()).isEqualTo(Path.of("/x/huggingface/hub"));
    assertThat(HubSettings.of(Map.of("HF_ENDPOINT", "http://mirror:8080/hf/", "HF_TOKEN", " hf_x\n")).endpoint()).isEqualTo(URI.create("http://mirror:8080/hf"));
    assertThat(HubSettings.of(Map.of("HF_TOKEN", " hf_x\n")).token()).contains("hf_x");
    for (String wrong : List.of("mirror", "ftp://mirror", "http://", "http:// x", "file:///etc")) {
      assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", wrong))).as(wrong).isInstanceOf(OptionException.class).hasMessageContaining("HF_ENDPOINT");
    }
    assertThatThrownBy(() -> HubSettings.of(Map.of("HF_TOKEN", "hf x"))).isInstanceOf(OptionException.class).hasMessageNotContaining("hf x");
  }
}
