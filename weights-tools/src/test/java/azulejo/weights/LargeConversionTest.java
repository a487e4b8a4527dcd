package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.runtime.checkpoint.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LargeConversionTest {
  private static final int ELEMENTS = 1 << 26;

  @TempDir
  Path dir;

  /** A file of 256 MiB in a heap of 24: neither it nor a tensor of it is ever in the heap. */
  @Test
  void theHeapNeedNotHoldTheFile() throws Exception {
    Path in = legacy(dir.resolve("large.pt"));
    Path out = dir.resolve("large.safetensors");
    Process process = new ProcessBuilder(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx24m", "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Converter.class.getName(), in.toString(), out.toString())).inheritIO().start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).isZero();
    try (Safetensors file = Safetensors.open(out)) {
      assertThat(file.tensor("w").shape().elements()).isEqualTo(ELEMENTS);
      assertThat(file.tensor("w").floatAt(0)).isEqualTo(1);
      assertThat(file.tensor("w").floatAt(ELEMENTS - 1)).isZero();
    }
  }

  static final class Converter {
    public static void main(String[] files) {
      Conversion.convert(Path.of(files[0]), Path.of(files[1]), Optional.empty(), Optional.empty(), Conversion.Progress.NONE);
    }
  }

  /** {@code {"w": tensor}} as torch.save wrote it before PyTorch 1.6, the tensor's data 1 and then nothing, which takes no room on the disk. */
  private static Path legacy(Path file) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(new byte[] {(byte) 0x80, 2, (byte) 0x8a, 10, 0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9, 0x20, 0x6a, (byte) 0xa8, 0x50, 0x19, '.'});
    bytes.writeBytes(new byte[] {(byte) 0x80, 2, 'M', (byte) 0xe9, 3, '.'});
    pickle(bytes, "}", text("little_endian"), "\u0088s");
    pickle(bytes, "}", text("w"), "ctorch._utils\n_rebuild_tensor_v2\n((", text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), number(), "tQK\0",
        number(), "\u0085K\1\u0085\u0089ccollections\nOrderedDict\n)RtRs");
    pickle(bytes, "]", text("0"), "a");
    ByteBuffer data = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).putLong(ELEMENTS).putFloat(1);
    bytes.writeBytes(data.array());
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.write(bytes.toByteArray());
      sparse.setLength(bytes.size() + 4L * (ELEMENTS - 1));
    }
    return file;
  }

  private static void pickle(ByteArrayOutputStream to, String... parts) {
    to.writeBytes(("\u0080\2" + String.join("", parts) + ".").getBytes(StandardCharsets.ISO_8859_1));
  }

  private static String text(String value) {
    return "X" + (char) value.length() + "\0\0\0" + value;
  }

  private static String number() {
    return "J" + new String(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(ELEMENTS).array(), StandardCharsets.ISO_8859_1);
  }
}
