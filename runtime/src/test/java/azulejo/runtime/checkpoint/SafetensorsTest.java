package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

class SafetensorsTest {
  @TempDir
  Path dir;

  static Stream<String> goodFiles() {
    return Json.object(Fixtures.path("good.json")).propertyNames().stream().filter(name -> name.startsWith("good/"));
  }

  /** Names, shapes, types and bytes are those of good.json, which numpy and the official library made. */
  @ParameterizedTest
  @MethodSource("goodFiles")
  void readsWhatTheOfficialLibraryReads(String name) throws Exception {
    JsonNode expected = Json.object(Fixtures.path("good.json")).get(name);
    try (Safetensors file = Safetensors.open(Fixtures.path(name))) {
      assertThat(file.tensors()).hasSize(expected.size());
      for (JsonNode tensor : expected) {
        assertTensor(file.tensor(tensor.get("path").stringValue()), tensor);
      }
    }
  }

  static void assertTensor(HostTensor found, JsonNode expected) throws Exception {
    assertThat(found.dtype().name()).isEqualTo(expected.get("dtype").stringValue());
    assertThat(found.shape().toString().replace(" ", "")).isEqualTo(expected.get("shape").toString().replace(" ", ""));
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(found.data().toArray(ValueLayout.JAVA_BYTE));
    assertThat(HexFormat.of().formatHex(digest)).as(found.name()).isEqualTo(expected.get("sha256").stringValue());
  }

  @Test
  void givesTensorsInTheOrderOfTheirBytesWhateverTheHeadersOrder() {
    try (Safetensors file = Safetensors.open(Fixtures.path("good/entries_out_of_order.safetensors"))) {
      assertThat(file.tensors().keySet()).containsExactly("a", "z");
    }
  }

  @Test
  void sharesTheMappingOfAnUnalignedHeader() {
    Path path = Fixtures.write(dir.resolve("odd.safetensors"),
        "{\"__metadata__\":{\"note\":\"grüße\"},\"x\":{\"dtype\":\"U8\",\"shape\":[1,3],\"data_offsets\":[0,3]},"
            + "\"y\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[3,5]}} ", 5);
    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.metadata()).containsExactly(Map.entry("note", "grüße"));
      assertThat(file.tensor("x").toInts()).containsExactly(0, 1, 2);
      assertThat(file.tensor("y").shape()).isEqualTo(Shape.of());
      assertThat(file.tensor("y").longAt(0)).isEqualTo(0x0403);
      assertThat(file.tensor("x").data().isReadOnly()).isTrue();
      assertThat(file.tensor("y").data().address() - file.tensor("x").data().address()).isEqualTo(3);
    }
  }

  static Stream<String[]> hostileFiles() throws IOException {
    return Files.readAllLines(Fixtures.path("hostile.tsv")).stream().filter(line -> !line.startsWith("#")).map(line -> line.split("\t", -1));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("hostileFiles")
  void refusesABrokenRuleWithASentenceThatNamesIt(String name, String why, String says) {
    Path path = Fixtures.path("hostile/" + name);
    if (says.isEmpty()) {
      try (Safetensors file = Safetensors.open(path)) {
        assertThat(file.tensors()).containsOnlyKeys("a");
      }
    } else {
      assertThatThrownBy(() -> Safetensors.open(path)).isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(path.toString()).hasMessageContaining(says).hasMessageNotContaining("\n").hasMessageNotContaining("`");
    }
  }

  @Test
  void everyHostileFileIsListed() throws IOException {
    try (Stream<Path> files = Files.list(Fixtures.path("hostile"))) {
      assertThat(hostileFiles().map(row -> row[0]))
          .containsExactlyInAnyOrderElementsOf(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  /** The file is sparse: it takes no room on a disk of a usual file system. */
  @Test
  void readsBeyondTwoGibibytes() throws IOException {
    long bytes = (3L << 30) + 5;
    Path path = Fixtures.write(dir.resolve("large.safetensors"),
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}}"
            .formatted(bytes, bytes, bytes, bytes + 1), 0);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {42, 43}), channel.size() + bytes - 1);
    }
    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.tensor("a").longAt(bytes - 1)).isEqualTo(42);
      assertThat(file.tensor("b").longAt(0)).isEqualTo(43);
    }
  }

  @Test
  void saysWhatElseAFileIs() throws IOException {
    assertThatThrownBy(() -> Safetensors.open(dir)).isInstanceOf(CheckpointException.class).hasMessage(dir + " is a folder, not a safetensors file");
    Path missing = dir.resolve("no.safetensors");
    assertThatThrownBy(() -> Safetensors.open(missing)).isInstanceOf(CheckpointException.class)
        .hasMessage("cannot read " + missing + ": no such file or folder");
    Path pointer = Files.writeString(dir.resolve("lfs.safetensors"), "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    assertThatThrownBy(() -> Safetensors.open(pointer)).isInstanceOf(CheckpointException.class).hasMessageContaining("git lfs pull");
  }

  @Test
  void namesAMissingTensor() {
    Path path = Fixtures.one(dir.resolve("one.safetensors"), "a");
    try (Safetensors file = Safetensors.open(path)) {
      assertThatThrownBy(() -> file.tensor("b")).isInstanceOf(CheckpointException.class).hasMessage(path + " has no tensor \"b\"");
    }
  }

  /**
   * Flipped bits, overwritten, inserted and deleted bytes, cuts; in half of the cases the header's length is put right again, so that the change
   * reaches the JSON. Whatever comes out is a file that reads to its last byte or a CheckpointException.
   */
  @Test
  void survivesMutation() throws IOException {
    Random random = new Random(20251201);
    List<byte[]> seeds = new ArrayList<>();
    try (Stream<Path> files = Files.list(Fixtures.path("good"))) {
      for (Path file : files.sorted().toList()) {
        seeds.add(Files.readAllBytes(file));
      }
    }
    Path path = dir.resolve("mutant.safetensors");
    int refused = 0;
    int cases = 6000;
    for (int i = 0; i < cases; i++) {
      byte[] seed = seeds.get(i % seeds.size());
      byte[] mutant = mutate(seed, random);
      if (i % 2 == 0 && mutant.length > 8) {
        long header = ByteBuffer.wrap(seed).order(ByteOrder.LITTLE_ENDIAN).getLong();
        ByteBuffer.wrap(mutant).order(ByteOrder.LITTLE_ENDIAN).putLong(header + mutant.length - seed.length);
      }
      Files.write(path, mutant);
      try (Safetensors file = Safetensors.open(path)) {
        for (HostTensor tensor : file.tensors().values()) {
          for (long at = 0; at < tensor.shape().elements(); at++) {
            tensor.doubleAt(at);
          }
        }
      } catch (CheckpointException e) {
        refused++;
      }
    }
    // both outcomes must be common for the test to mean anything
    assertThat(refused).isBetween(cases / 4, cases - cases / 20);
  }

  private static byte[] mutate(byte[] original, Random random) {
    byte[] bytes = original.clone();
    int at = random.nextInt(bytes.length);
    int end = Math.min(bytes.length, at + 1 + random.nextInt(8));
    return switch (random.nextInt(7)) {
      case 0, 1 -> {
        bytes[at] ^= (byte) (1 << random.nextInt(8));
        yield bytes;
      }
      case 2, 3 -> {
        bytes[at] = (byte) "0123456789[]{}\",:-+.eE\\ \u0000\u00ff".charAt(random.nextInt(26));
        yield bytes;
      }
      case 4 -> Arrays.copyOf(bytes, at);
      case 5 -> join(bytes, end, at);
      default -> join(bytes, at, end);
    };
  }

  /** The bytes before {@code end}, then those from {@code begin}: repeats or leaves out what lies between. */
  private static byte[] join(byte[] bytes, int end, int begin) {
    byte[] joined = Arrays.copyOf(bytes, end + bytes.length - begin);
    System.arraycopy(bytes, begin, joined, end, bytes.length - begin);
    return joined;
  }
}
