package azulejo.runtime.checkpoint;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedSet;

/** A memory-mapped file of named tensors. Every method that takes a name throws {@link CheckpointException} where the file has no such tensor. */
public interface TensorFile extends AutoCloseable {
  /** The file's path, as it was given. */
  Path file();

  /** The names of the tensors, in the file's order. */
  SequencedSet<String> names();

  DType dtype(String name);

  Shape shape(String name);

  /** The tensor, valid until {@link #close}. */
  HostTensor tensor(String name);

  /** Unmaps the file; using a tensor of it afterwards is a programming error that throws. */
  @Override
  void close();

  /**
   * Maps a file read-only.
   *
   * @param format what the file should be, for the message
   * @throws CheckpointException when it cannot be read, or is a folder or a Git LFS pointer
   */
  static MemorySegment map(Path file, String format, Arena arena) {
    if (Files.isDirectory(file)) {
      throw new CheckpointException(file + " is a folder, not a " + format);
    }
    MemorySegment bytes;
    try (FileChannel channel = FileChannel.open(file)) {
      bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    }
    byte[] pointer = "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);
    if (bytes.byteSize() >= pointer.length && bytes.asSlice(0, pointer.length).mismatch(MemorySegment.ofArray(pointer)) < 0) {
      throw new CheckpointException(file + " is a Git LFS pointer, not the weights themselves: run `git lfs pull` in its folder");
    }
    return bytes;
  }
}
