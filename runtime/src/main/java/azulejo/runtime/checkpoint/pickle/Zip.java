package azulejo.runtime.checkpoint.pickle;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * The zip archives of torch.save: entries are stored, never deflated, so that each is a slice of the memory-mapped file. Reads only the central directory
 * and refuses whatever PyTorch does not write: compression, encryption, repeated names, bytes before the first or after the last record.
 *
 * <p>Source: PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3.
 */
final class Zip {
  static final int LOCAL_HEADER = 0x04034b50;
  private static final int DIRECTORY_HEADER = 0x02014b50;
  private static final int ZIP64_DIRECTORY_END = 0x06064b50;
  private static final int ZIP64_LOCATOR = 0x07064b50;
  private static final int DIRECTORY_END = 0x06054b50;
  private static final int DIRECTORY_END_BYTES = 22;
  private static final int ZIP64_LOCATOR_BYTES = 20;
  private static final int ZIP64_EXTRA = 1;
  private static final int ENCRYPTED = 1;
  private static final long MAX_ENTRIES = Unpickler.MAX_TENSORS + 1000;
  private static final int MAX_NAME_BYTES = 512;
  private static final long CRC_STEP = 1 << 30;

  private final MemorySegment file;
  private final SequencedMap<String, Entry> entries = new LinkedHashMap<>();

  /** @throws Refusal when the archive is not one that torch.save writes */
  Zip(MemorySegment file) {
    this.file = file;
    readDirectory();
  }

  Set<String> names() {
    return entries.keySet();
  }

  /** Null where the archive has no such entry. */
  Entry entry(String name) {
    return entries.get(name);
  }

  /** A stored file and the checksum that the directory gives; 0 where the writer was told not to compute it (torch's set_crc32_options). */
  record Entry(String name, MemorySegment bytes, int crc32) {
    /** @throws Refusal when the bytes are not those that were written */
    void verify() {
      if (crc32 == 0) {
        return;
      }
      CRC32 actual = new CRC32();
      for (long at = 0; at < bytes.byteSize(); at += CRC_STEP) {
        ByteBuffer part = bytes.asSlice(at, Math.min(CRC_STEP, bytes.byteSize() - at)).asByteBuffer();
        actual.update(part);
      }
      if ((int) actual.getValue() != crc32) {
        throw new Refusal("it is damaged: the checksum of " + Refusal.quote(name) + " does not match; fetch it again");
      }
    }
  }

  private void readDirectory() {
    long end = file.byteSize() - DIRECTORY_END_BYTES;
    if (end < 0 || at(end).i32() != DIRECTORY_END) {
      throw new Refusal("it is truncated: it does not end with a zip directory; fetch it again");
    }
    Cursor tail = at(end + 4);
    tail.skip(6);
    long count = tail.u16();
    long size = tail.u32();
    long offset = tail.u32();
    if (end >= ZIP64_LOCATOR_BYTES && at(end - ZIP64_LOCATOR_BYTES).i32() == ZIP64_LOCATOR) {
      Cursor locator = at(end - ZIP64_LOCATOR_BYTES + 4);
      locator.skip(4);
      end = locator.i64();
      Cursor zip64 = at(end);
      if (zip64.i32() != ZIP64_DIRECTORY_END) {
        throw new Refusal("it has a broken zip64 directory");
      }
      zip64.skip(28);
      count = zip64.i64();
      size = zip64.i64();
      offset = zip64.i64();
    }
    if (count < 0 || count > MAX_ENTRIES) {
      throw new Refusal("it announces " + Long.toUnsignedString(count) + " zip entries, more than " + MAX_ENTRIES);
    }
    if (offset < 0 || size != end - offset) {
      throw new Refusal("it has a zip directory that is not where it should be: it is damaged, fetch it again");
    }
    Cursor directory = new Cursor(at(offset).slice(size), "its zip directory");
    for (long i = 0; i < count; i++) {
      Entry entry = readEntry(directory, offset);
      if (entries.putIfAbsent(entry.name, entry) != null) {
        throw new Refusal("it has two zip entries called " + Refusal.quote(entry.name));
      }
    }
    if (directory.remaining() > 0) {
      throw new Refusal("it has bytes after the last entry of its zip directory");
    }
  }

  private Entry readEntry(Cursor directory, long directoryOffset) {
    if (directory.i32() != DIRECTORY_HEADER) {
      throw new Refusal("it has a broken zip directory");
    }
    directory.skip(4);
    int flags = directory.u16();
    int method = directory.u16();
    directory.skip(4);
    int crc32 = directory.i32();
    long compressed = directory.u32();
    long size = directory.u32();
    int nameBytes = directory.u16();
    int extraBytes = directory.u16();
    int commentBytes = directory.u16();
    directory.skip(8);
    long offset = directory.u32();
    if (nameBytes > MAX_NAME_BYTES) {
      throw new Refusal("it has a zip entry with a name of " + nameBytes + " bytes, more than " + MAX_NAME_BYTES);
    }
    String name = directory.text(nameBytes);
    Cursor extra = new Cursor(directory.slice(extraBytes), "its zip directory");
    directory.skip(commentBytes);
    if (size == 0xFFFF_FFFFL || compressed == 0xFFFF_FFFFL || offset == 0xFFFF_FFFFL) {
      Cursor zip64 = zip64Extra(extra);
      size = size == 0xFFFF_FFFFL ? zip64.i64() : size;
      compressed = compressed == 0xFFFF_FFFFL ? zip64.i64() : compressed;
      offset = offset == 0xFFFF_FFFFL ? zip64.i64() : offset;
    }
    if (method != 0 || (flags & ENCRYPTED) != 0) {
      throw new Refusal("it has a compressed or encrypted zip entry " + Refusal.quote(name) + ", which torch.save never writes");
    }
    if (compressed != size) {
      throw new Refusal("it gives its zip entry " + Refusal.quote(name) + " two sizes");
    }
    return new Entry(name, contents(name, offset, size, directoryOffset), crc32);
  }

  private static Cursor zip64Extra(Cursor extra) {
    while (true) {
      int id = extra.u16();
      int bytes = extra.u16();
      Cursor field = new Cursor(extra.slice(bytes), "a zip64 field");
      if (id == ZIP64_EXTRA) {
        return field;
      }
    }
  }

  private MemorySegment contents(String name, long offset, long size, long directoryOffset) {
    if (offset < 0 || offset > directoryOffset) {
      throw new Refusal("it says that " + Refusal.quote(name) + " begins at byte " + Long.toUnsignedString(offset) + ", outside of its data");
    }
    Cursor local = new Cursor(file.asSlice(offset, directoryOffset - offset), "a zip entry");
    if (local.i32() != LOCAL_HEADER) {
      throw new Refusal("it has no zip header where " + Refusal.quote(name) + " should begin");
    }
    local.skip(22);
    int nameBytes = local.u16();
    int extraBytes = local.u16();
    if (!local.text(nameBytes).equals(name)) {
      throw new Refusal("it gives its zip entry " + Refusal.quote(name) + " another name beside its data");
    }
    local.skip(extraBytes);
    return local.slice(size);
  }

  private Cursor at(long offset) {
    if (offset < 0 || offset > file.byteSize()) {
      throw new Refusal("it has a zip directory that is not where it should be: it is damaged, fetch it again");
    }
    return new Cursor(file.asSlice(offset), "its zip directory");
  }
}
