package azulejo.runtime.text;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Walks over the fields of a protocol-buffers message. All methods throw IllegalArgumentException where the bytes are not such a message.
 *
 * <p>Source: protobuf.dev, "Encoding".
 */
final class ProtoReader {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  private final ByteBuffer in;
  private int field;
  private int wireType;
  private long number;
  private ByteBuffer content;

  ProtoReader(ByteBuffer in) {
    this.in = in.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Moves to the next field; false after the last. */
  boolean next() {
    if (!in.hasRemaining()) {
      return false;
    }
    long tag = varint();
    field = (int) (tag >>> 3);
    wireType = (int) (tag & 7);
    try {
      switch (wireType) {
        case VARINT -> number = varint();
        case FIXED64 -> number = in.getLong();
        case FIXED32 -> number = in.getInt();
        case BYTES -> content = take(varint());
        default -> throw new IllegalArgumentException("field " + field + " has the wire type " + wireType);
      }
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("it ends inside field " + field, e);
    }
    return true;
  }

  int field() {
    return field;
  }

  long number() {
    expect(VARINT);
    return number;
  }

  float float32() {
    expect(FIXED32);
    return Float.intBitsToFloat((int) number);
  }

  byte[] bytes() {
    expect(BYTES);
    byte[] bytes = new byte[content.remaining()];
    content.duplicate().get(bytes);
    return bytes;
  }

  String text() {
    expect(BYTES);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(content.duplicate()).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("field " + field + " is not valid UTF-8", e);
    }
  }

  ProtoReader message() {
    expect(BYTES);
    return new ProtoReader(content);
  }

  private void expect(int type) {
    if (wireType != type) {
      throw new IllegalArgumentException("field " + field + " has the wire type " + wireType + ", not " + type);
    }
  }

  private ByteBuffer take(long length) {
    if (length < 0 || length > in.remaining()) {
      throw new IllegalArgumentException("field " + field + " announces " + Long.toUnsignedString(length) + " bytes of " + in.remaining());
    }
    ByteBuffer taken = in.slice(in.position(), (int) length);
    in.position(in.position() + (int) length);
    return taken;
  }

  private long varint() {
    long value = 0;
    for (int shift = 0; shift < 70 && in.hasRemaining(); shift += 7) {
      byte b = in.get();
      value |= (b & 0x7FL) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw new IllegalArgumentException("a number does not end");
  }
}
