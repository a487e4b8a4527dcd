package azulejo.tests.fuzz;

import azulejo.runtime.checkpoint.pickle.TorchFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * After the byte that chooses, the input is a whole file of torch.save, or the pickle of one: it is put into an archive with the right checksum, at which
 * nearly every mutant of a whole file ends. Every element of every tensor is read.
 */
public final class PickleTarget {
  private static final int STORAGE_BYTES = 64;

  private PickleTarget() {}

  public static void fuzzerTestOneInput(byte[] input) {
    byte[] bytes = Scratch.rest(input);
    try (Scratch scratch = new Scratch()) {
      Path file = scratch.write("model.pt", Scratch.choice(input, 2) == 0 ? bytes : archive(bytes));
      scratch.readOrRefuse(() -> {
        try (TorchFile opened = TorchFile.open(file)) {
          TorchFile state = opened.stateDict();
          state.names().forEach(name -> SafetensorsTarget.readAll(state.tensor(name)));
        }
      });
    }
  }

  private static byte[] archive(byte[] pickle) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      store(zip, "x/data.pkl", pickle);
      store(zip, "x/byteorder", "little".getBytes(StandardCharsets.US_ASCII));
      for (int key = 0; key < 3; key++) {
        store(zip, "x/data/" + key, new byte[STORAGE_BYTES]);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void store(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(bytes);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
  }
}
