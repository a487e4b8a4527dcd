package azulejo.runtime.checkpoint.pickle;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mutants of good and hostile files, the same ones in every run: each is read to its last byte or refused, and nothing else comes out. */
class FuzzTest {
  private static final int FILES = 6_000;
  private static final int PICKLES = 120_000;

  @TempDir
  Path dir;

  @Test
  void aMutantFileIsReadOrRefused() throws IOException {
    List<byte[]> seeds = files("good", "hostile");
    Random random = new Random(7);
    Path file = dir.resolve("mutant.pt");
    int read = 0;
    for (int i = 0; i < FILES; i++) {
      Files.write(file, mutant(seeds.get(random.nextInt(seeds.size())), random));
      try (TorchFile opened = TorchFile.open(file)) {
        opened.stateDict().names().forEach(name -> opened.stateDict().tensor(name));
        read++;
      } catch (CheckpointException e) {
        assertThat(e).hasMessageStartingWith(file.toString()).hasMessageNotContaining("\n");
      }
    }
    assertThat(read).as("some mutations hit what is not read, such as a timestamp").isBetween(FILES / 100, FILES / 2);
  }

  /** The pickles alone: in a zip most mutants would end at the checksum. */
  @Test
  void aMutantPickleIsReadOrRefused() throws IOException {
    List<byte[]> seeds = files("good").stream().filter(bytes -> bytes[0] == 'P').map(FuzzTest::pickle).toList();
    Random random = new Random(8);
    int read = 0;
    for (int i = 0; i < PICKLES; i++) {
      byte[] mutant = mutant(seeds.get(random.nextInt(seeds.size())), random);
      try (Arena arena = Arena.ofConfined()) {
        Object root = new Unpickler(new Cursor(MemorySegment.ofArray(mutant), "it"), "it").load();
        for (TensorRef tensor : Flattener.flatten(root).values()) {
          if (tensor.storage().bytes() < 1 << 16) {
            tensor.read(arena.allocate(tensor.storage().bytes()), arena);
          }
        }
        read++;
      } catch (Refusal e) {
        assertThat(e.getMessage()).isNotEmpty();
      }
    }
    assertThat(read).isBetween(PICKLES / 50, PICKLES / 2);
  }

  private static List<byte[]> files(String... folders) throws IOException {
    try (Stream<Path> files = Stream.of(folders).map(TorchFileTest::path).flatMap(FuzzTest::list).sorted()) {
      return files.map(FuzzTest::read).filter(bytes -> bytes.length > 0 && bytes.length < 6000).toList();
    }
  }

  private static Stream<Path> list(Path folder) {
    try {
      return Files.list(folder).filter(Files::isRegularFile);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] pickle(byte[] file) {
    Zip zip = new Zip(MemorySegment.ofArray(file));
    String name = zip.names().stream().filter(n -> n.endsWith("data.pkl")).findFirst().orElseThrow();
    return zip.entry(name).bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  /** One to three flipped bits, overwritten, inserted, deleted or repeated bytes, or a cut. */
  private static byte[] mutant(byte[] seed, Random random) {
    byte[] bytes = seed.clone();
    for (int n = 1 + random.nextInt(3); n > 0 && bytes.length > 0; n--) {
      int at = random.nextInt(bytes.length);
      int length = Math.min(1 + random.nextInt(8), bytes.length - at);
      switch (random.nextInt(6)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> Arrays.fill(bytes, at, at + length, (byte) (random.nextBoolean() ? 0xFF : 0));
        case 3 -> bytes = splice(bytes, at, at + length, new byte[0]);
        case 4 -> bytes = splice(bytes, at, at, Arrays.copyOfRange(bytes, at, at + length));
        default -> bytes = random.nextInt(8) == 0 ? Arrays.copyOf(bytes, at) : splice(bytes, at, at, new byte[] {(byte) random.nextInt(256)});
      }
    }
    return bytes;
  }

  private static byte[] splice(byte[] bytes, int from, int to, byte[] middle) {
    byte[] result = new byte[bytes.length - (to - from) + middle.length];
    System.arraycopy(bytes, 0, result, 0, from);
    System.arraycopy(middle, 0, result, from, middle.length);
    System.arraycopy(bytes, to, result, from + middle.length, bytes.length - to);
    return result;
  }
}
