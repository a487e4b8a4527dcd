package azulejo.runtime.checkpoint.pickle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Reads little-endian values one after another; every read past the end is a {@link Refusal}. */
final class Cursor {
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment bytes;
  private final String what;
  private long position;

  /** @param what names the bytes in a message */
  Cursor(MemorySegment bytes, String what) {
    this.bytes = bytes;
    this.what = what;
  }

  long position() {
    return position;
  }

  long remaining() {
    return bytes.byteSize() - position;
  }

  int u8() {
    return bytes.get(ValueLayout.JAVA_BYTE, advance(1)) & 0xFF;
  }

  int u16() {
    return bytes.get(U16, advance(2)) & 0xFFFF;
  }

  int i32() {
    return bytes.get(I32, advance(4));
  }

  long u32() {
    return i32() & 0xFFFF_FFFFL;
  }

  long i64() {
    return bytes.get(I64, advance(8));
  }

  /** The one big-endian value of the pickle format. */
  double f64BigEndian() {
    return Double.longBitsToDouble(Long.reverseBytes(i64()));
  }

  /** A two's complement integer of {@code n} bytes, as a Long where it fits. */
  Object integer(int n) {
    byte[] littleEndian = bytes(n);
    byte[] bigEndian = new byte[n];
    for (int i = 0; i < n; i++) {
      bigEndian[i] = littleEndian[n - 1 - i];
    }
    BigInteger value = n == 0 ? BigInteger.ZERO : new BigInteger(bigEndian);
    return value.bitLength() < 64 ? (Object) value.longValue() : value;
  }

  byte[] bytes(long n) {
    return slice(n).toArray(ValueLayout.JAVA_BYTE);
  }

  String text(long n) {
    return utf8(bytes(n));
  }

  /** The text up to the next line feed, which is skipped. */
  String line() {
    long start = position;
    while (u8() != '\n') {
      if (position - start > 1000) {
        throw new Refusal(what + " has a name of more than 1000 bytes at byte " + start);
      }
    }
    return utf8(bytes.asSlice(start, position - 1 - start).toArray(ValueLayout.JAVA_BYTE));
  }

  /** The next {@code n} bytes, not copied. */
  MemorySegment slice(long n) {
    return bytes.asSlice(advance(n), n);
  }

  /** The rest, as a cursor of its own; this one stays where it is. */
  Cursor rest(String what) {
    return new Cursor(bytes.asSlice(position), what);
  }

  void skip(long n) {
    advance(n);
  }

  private String utf8(byte[] encoded) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(encoded)).toString();
    } catch (CharacterCodingException e) {
      throw new Refusal(what + " holds a text that is not valid UTF-8 before byte " + position);
    }
  }

  private long advance(long n) {
    if (n < 0 || n > remaining()) {
      throw new Refusal(what + " ends early: " + Long.toUnsignedString(n) + " bytes are announced at byte " + position + " and " + remaining() + " are left");
    }
    long start = position;
    position += n;
    return start;
  }
}
