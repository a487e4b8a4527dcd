package azulejo.runtime.checkpoint;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.CheckpointException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;
import tools.jackson.databind.JsonNode;

/**
 * A safetensors file, memory-mapped: its tensors are slices of the mapping, so that opening costs the header alone and size has no limit.
 * Layout: an unsigned little-endian 64-bit length, a JSON header of that length, the tensors' bytes.
 *
 * <p>The reader refuses what the format forbids, and a little more than the official one: a repeated name, and text that is not valid Unicode.
 *
 * <p>Source: the format's description at https://github.com/huggingface/safetensors.
 */
public final class Safetensors implements TensorFile {
  /** The format's own limit on the header, in bytes. */
  static final long MAX_HEADER_BYTES = 100_000_000;

  private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final Arena arena;
  private final Map<String, String> metadata;
  private final SequencedMap<String, HostTensor> tensors;

  private Safetensors(Path file, Arena arena, Map<String, String> metadata, SequencedMap<String, HostTensor> tensors) {
    this.file = file;
    this.arena = arena;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /** @throws CheckpointException when the file cannot be read or breaks a rule of the format; names the file, the tensor and the rule */
  public static Safetensors open(Path file) {
    Arena arena = Arena.ofShared();
    try {
      return read(file, arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public Path file() {
    return file;
  }

  /** The header's {@code __metadata__}; empty when it has none. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** The tensors by name, in the order of their bytes in the file, and last those that are second names of others. Valid until {@link #close}. */
  public SequencedMap<String, HostTensor> tensors() {
    return tensors;
  }

  @Override
  public SequencedSet<String> names() {
    return tensors.sequencedKeySet();
  }

  @Override
  public DType dtype(String name) {
    return tensor(name).dtype();
  }

  @Override
  public Shape shape(String name) {
    return tensor(name).shape();
  }

  @Override
  public HostTensor tensor(String name) {
    HostTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new CheckpointException(file + " has no tensor \"" + name + "\"");
    }
    return tensor;
  }

  @Override
  public void close() {
    arena.close();
  }

  private static Safetensors read(Path file, Arena arena) {
    MemorySegment bytes = TensorFile.map(file, "safetensors file", arena);
    if (bytes.byteSize() < 8) {
      throw new CheckpointException(file + " is too short for a safetensors file (" + bytes.byteSize() + " bytes): fetch it again");
    }
    long headerBytes = bytes.get(LENGTH, 0);
    if (headerBytes < 0 || headerBytes > MAX_HEADER_BYTES) {
      throw new CheckpointException(file + " is not a safetensors file: it announces a header of " + Long.toUnsignedString(headerBytes)
          + " bytes, the format allows " + MAX_HEADER_BYTES);
    }
    if (headerBytes > bytes.byteSize() - 8) {
      throw new CheckpointException(file + " is truncated: its header has " + headerBytes + " bytes and the whole file "
          + bytes.byteSize() + "; fetch it again");
    }
    if (headerBytes == 0 || bytes.get(ValueLayout.JAVA_BYTE, 8) != '{') {
      throw new CheckpointException(file + " is not a safetensors file: its header does not begin with '{'");
    }
    JsonNode header = Json.object(file + ": the header", bytes.asSlice(8, headerBytes).toArray(ValueLayout.JAVA_BYTE));

    Map<String, String> metadata = Map.of();
    List<Entry> entries = new ArrayList<>();
    for (Map.Entry<String, JsonNode> field : header.properties()) {
      if (field.getKey().equals("__metadata__")) {
        metadata = metadata(file, field.getValue());
      } else {
        entries.add(Entry.parse(file, field.getKey(), field.getValue()));
      }
    }
    return new Safetensors(file, arena, metadata, withSecondNames(slices(file, entries, bytes.asSlice(8 + headerBytes)), metadata));
  }

  /**
   * The format cannot say that two tensors are one, so their writers keep it once and note the other name in the metadata: {@code second name: first name},
   * as safetensors' own {@code save_model} does.
   */
  private static SequencedMap<String, HostTensor> withSecondNames(SequencedMap<String, HostTensor> tensors, Map<String, String> metadata) {
    SequencedMap<String, HostTensor> all = new LinkedHashMap<>(tensors);
    metadata.forEach((second, first) -> {
      HostTensor tensor = tensors.get(first);
      if (tensor != null) {
        all.putIfAbsent(second, new HostTensor(second, tensor.dtype(), tensor.shape(), tensor.data()));
      }
    });
    return Collections.unmodifiableSequencedMap(all);
  }

  private static Map<String, String> metadata(Path file, JsonNode node) {
    if (!node.isObject()) {
      throw new CheckpointException(file + ": __metadata__ must be an object of texts, not " + Json.kind(node));
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    node.properties().forEach(field -> {
      if (!field.getValue().isString()) {
        throw new CheckpointException(file + ": __metadata__ must hold texts only, but \"" + field.getKey() + "\" is " + Json.kind(field.getValue()));
      }
      metadata.put(field.getKey(), field.getValue().stringValue());
    });
    return Collections.unmodifiableMap(metadata);
  }

  /** Cuts the data into the tensors, which must cover it from its first byte to its last, each byte once. */
  private static SequencedMap<String, HostTensor> slices(Path file, List<Entry> entries, MemorySegment data) {
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    long covered = 0;
    for (Entry entry : entries) {
      if (entry.end > data.byteSize()) {
        throw entry.fault(file, "ends at byte " + entry.end + " of the data, but the file holds " + data.byteSize() + ": it is truncated, fetch it again");
      }
      if (entry.begin != covered) {
        throw entry.fault(file, entry.begin < covered
            ? "overlaps the tensor before it: it begins at byte " + entry.begin + " of the data and that one ends at " + covered
            : "leaves a hole before it: it begins at byte " + entry.begin + " of the data and nothing covers the bytes from " + covered);
      }
      covered = entry.end;
      tensors.put(entry.name, new HostTensor(entry.name, entry.dtype, entry.shape, data.asSlice(entry.begin, entry.end - entry.begin)));
    }
    if (covered != data.byteSize()) {
      throw new CheckpointException(file + " has " + (data.byteSize() - covered) + " bytes after its last tensor: it is damaged, fetch it again");
    }
    return tensors;
  }

  /** A tensor's entry in the header: {@code data[begin, end)} holds its elements. */
  private record Entry(String name, DType dtype, Shape shape, long begin, long end) {

    static Entry parse(Path file, String name, JsonNode node) {
      if (!StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
        throw new CheckpointException(file + ": a tensor's name is not valid Unicode");
      }
      if (!node.isObject()) {
        throw fault(file, name, "must be described by an object, not by " + Json.kind(node));
      }
      DType dtype = dtype(file, name, field(file, name, node, "dtype"));
      long[] dims = sizes(file, name, "shape", field(file, name, node, "shape"));
      long[] offsets = sizes(file, name, "data_offsets", field(file, name, node, "data_offsets"));
      if (offsets.length != 2) {
        throw fault(file, name, "must have two data_offsets, not " + offsets.length);
      }
      if (offsets[0] > offsets[1]) {
        throw fault(file, name, "ends before it begins: data_offsets " + Arrays.toString(offsets));
      }
      Shape shape;
      long bytes;
      try {
        shape = Shape.of(dims);
        bytes = Math.multiplyExact(shape.elements(), dtype.bytes());
      } catch (ArithmeticException e) {
        throw fault(file, name, "is too large: the size of " + dtype + " " + Arrays.toString(dims) + " does not fit 63 bits");
      }
      if (bytes != offsets[1] - offsets[0]) {
        throw fault(file, name, "has " + (offsets[1] - offsets[0]) + " bytes of data, but " + dtype + " " + shape + " takes " + bytes);
      }
      return new Entry(name, dtype, shape, offsets[0], offsets[1]);
    }

    CheckpointException fault(Path file, String what) {
      return fault(file, name, what);
    }

    private static CheckpointException fault(Path file, String name, String what) {
      return new CheckpointException(file + ": tensor \"" + name + "\" " + what);
    }

    private static JsonNode field(Path file, String name, JsonNode node, String field) {
      JsonNode value = node.get(field);
      if (value == null) {
        throw fault(file, name, "has no " + field);
      }
      return value;
    }

    private static DType dtype(Path file, String name, JsonNode node) {
      for (DType dtype : DType.values()) {
        if (node.isString() && node.stringValue().equals(dtype.name())) {
          return dtype;
        }
      }
      throw fault(file, name, "has the element type " + Json.kind(node) + "; this version reads " + Arrays.toString(DType.values()));
    }

    /** A list of integers from 0 to 2^63 - 1. */
    private static long[] sizes(Path file, String name, String field, JsonNode node) {
      if (!node.isArray()) {
        throw fault(file, name, "must have a list as " + field + ", not " + Json.kind(node));
      }
      long[] sizes = new long[node.size()];
      for (int i = 0; i < sizes.length; i++) {
        JsonNode size = node.get(i);
        if (!size.isIntegralNumber() || !size.canConvertToLong() || size.longValue() < 0) {
          throw fault(file, name, "has " + Json.kind(size) + " in its " + field + ", which is not a size from 0 to 2^63 - 1");
        }
        sizes[i] = size.longValue();
      }
      return sizes;
    }
  }
}
