package azulejo.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir
  Path dir;

  @Test
  void writesAFileThatOthersMayReadAsTheyMayAnyNewFile() throws IOException {
    Path ordinary = Files.createFile(dir.resolve("ordinary"));
    Path file = dir.resolve("file");
    AtomicFile.write(file, new byte[] {1, 2, 3});
    assertThat(file).hasBinaryContent(new byte[] {1, 2, 3});
    assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(ordinary));
  }

  @Test
  void aBodyThatFailsLeavesTheOldFile() throws IOException {
    Path file = Files.writeString(dir.resolve("file"), "old");
    assertThatThrownBy(() -> AtomicFile.write(file, channel -> {
      channel.write(ByteBuffer.allocate(10));
      throw new IllegalStateException("half way");
    })).hasMessage("half way");
    assertThat(file).hasContent("old");
    assertThat(dir.toFile().list()).containsExactly("file");
  }

  @Test
  void aLinkStaysALink() throws IOException {
    Path file = Files.writeString(dir.resolve("file"), "old");
    Path link = Files.createSymbolicLink(dir.resolve("link"), file.getFileName());
    AtomicFile.write(link, "new".getBytes());
    assertThat(link).isSymbolicLink();
    assertThat(file).hasContent("new");
  }

  @Test
  void aDeviceIsWrittenStraightAndItsErrorIsReported() {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.exists(full), "needs /dev/full");
    assertThatThrownBy(() -> AtomicFile.write(full, new byte[1])).isInstanceOf(OutputException.class)
        .hasMessage("cannot write /dev/full: No space left on device");
    AtomicFile.write(Path.of("/dev/null"), new byte[1]);
  }

  @Test
  void aCheckThatSucceedsLeavesNoTrace() throws IOException {
    Path old = Files.writeString(dir.resolve("old"), "old");
    AtomicFile.check(dir.resolve("new"));
    AtomicFile.check(old);
    AtomicFile.checkFolder(dir.resolve("yet/to/be/created"));
    assertThat(dir.toFile().list()).containsExactly("old");
    assertThat(old).hasContent("old");
  }

  @Test
  void aCheckSaysWhyNothingCanBeWritten() throws IOException {
    Path file = Files.createFile(dir.resolve("file"));
    assertRefused(dir, "it is a folder");
    assertRefused(dir.resolve("no/x"), dir.resolve("no") + " does not exist, create that folder first");
    assertRefused(file.resolve("x"), file + " is not a folder");
    assertThatThrownBy(() -> AtomicFile.checkFolder(file.resolve("x/y"))).isInstanceOf(OutputException.class)
        .hasMessage("cannot write " + file.resolve("x/y") + ": " + file + " is not a folder");
  }

  /** A file system that nobody can write, not even root. */
  @Test
  void aCheckFindsAReadOnlyFolder() {
    Path folder = Path.of("/proc/self/task");
    Assumptions.assumeTrue(Files.isDirectory(folder), "needs /proc");
    assertThatThrownBy(() -> AtomicFile.check(folder.resolve("x"))).isInstanceOf(OutputException.class).hasMessageStartingWith("cannot write " + folder + "/x: ");
  }

  @Test
  void aReadOnlyFileIsNotReplaced() throws IOException {
    Path file = Files.createFile(dir.resolve("file"), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("r--r--r--")));
    Assumptions.assumeFalse(Files.isWritable(file), "root may write any file");
    assertRefused(file, "it is read-only");
  }

  @Test
  void createsAFolderOnlyWhereThatIsPossible() throws IOException {
    AtomicFile.createFolder(dir.resolve("a/b"));
    assertThatCode(() -> AtomicFile.createFolder(dir.resolve("a/b"))).doesNotThrowAnyException();
    assertThat(dir.resolve("a/b")).isDirectory();
    Path file = Files.createFile(dir.resolve("file"));
    assertThatThrownBy(() -> AtomicFile.createFolder(file)).isInstanceOf(OutputException.class)
        .hasMessage("cannot create the folder " + file + ": it exists already");
  }

  private static void assertRefused(Path target, String reason) {
    assertThatThrownBy(() -> AtomicFile.check(target)).isInstanceOf(OutputException.class).hasMessage("cannot write " + target + ": " + reason);
  }
}
