package azulejo.runtime.checkpoint;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.AtomicFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes safetensors files, one tensor in memory at a time, complete or not at all ({@link AtomicFile}).
 * The data begins at a multiple of 64 bytes, so that a tensor of a usual size begins at a cache line.
 */
public final class SafetensorsWriter {
  private static final int ALIGNMENT = 64;
  private static final long CHUNK = 1 << 24;

  private SafetensorsWriter() {}

  /** What the header says of a tensor before its data exist. */
  public record Entry(String name, DType dtype, Shape shape) {
    public long bytes() {
      return Math.multiplyExact(shape.elements(), dtype.bytes());
    }
  }

  /** Writes the tensors in the order given. */
  public static void write(Path file, Map<String, String> metadata, List<HostTensor> tensors) {
    Iterator<HostTensor> next = tensors.iterator();
    write(file, metadata, tensors.stream().map(t -> new Entry(t.name(), t.dtype(), t.shape())).toList(), _ -> next.next().data());
  }

  /**
   * Writes a file whose tensors are made while it is written.
   *
   * @param data asked once for each entry, in order, for exactly {@link Entry#bytes} little-endian bytes; the segment may be used again for the next one
   * @throws azulejo.runtime.OutputException when the file cannot be written
   */
  public static void write(Path file, Map<String, String> metadata, List<Entry> entries, Function<Entry, MemorySegment> data) {
    byte[] header = header(metadata, entries);
    AtomicFile.write(file, channel -> {
      writeAll(channel, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, header.length));
      writeAll(channel, ByteBuffer.wrap(header));
      for (Entry entry : entries) {
        MemorySegment bytes = data.apply(entry);
        if (bytes.byteSize() != entry.bytes()) {
          throw new IllegalArgumentException(entry + " needs " + entry.bytes() + " bytes, not " + bytes.byteSize());
        }
        for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
          MemorySegment chunk = bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at));
          writeAll(channel, chunk.isNative() ? chunk.asByteBuffer() : ByteBuffer.wrap(chunk.toArray(ValueLayout.JAVA_BYTE)));
        }
      }
    });
  }

  /** The size in bytes that the file will have. */
  public static long size(Map<String, String> metadata, List<Entry> entries) {
    return 8 + header(metadata, entries).length + entries.stream().mapToLong(Entry::bytes).sum();
  }

  private static byte[] header(Map<String, String> metadata, List<Entry> entries) {
    JsonMapper mapper = new JsonMapper();
    ObjectNode header = mapper.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode texts = header.putObject("__metadata__");
      metadata.forEach(texts::put);
    }
    long begin = 0;
    for (Entry entry : entries) {
      if (header.has(entry.name) || entry.name.equals("__metadata__")) {
        throw new IllegalArgumentException("two tensors named \"" + entry.name + "\"");
      }
      long end = Math.addExact(begin, entry.bytes());
      ObjectNode node = header.putObject(entry.name).put("dtype", entry.dtype.name());
      ArrayNode shape = node.putArray("shape");
      for (long dim : entry.shape.toArray()) {
        shape.add(dim);
      }
      node.putArray("data_offsets").add(begin).add(end);
      begin = end;
    }
    String json = mapper.writeValueAsString(header);
    int length = json.getBytes(StandardCharsets.UTF_8).length;
    return (json + " ".repeat(Math.floorMod(-(8 + length), ALIGNMENT))).getBytes(StandardCharsets.UTF_8);
  }

  private static void writeAll(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
