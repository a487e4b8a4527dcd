package azulejo.runtime.checkpoint.pickle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class TorchFileTest {
  private static final JsonNode GOOD = new ObjectMapper().readTree(path("good.json").toFile());

  @TempDir
  Path dir;

  static Path path(String name) {
    try {
      return Path.of(TorchFileTest.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Stream<String> goodFiles() {
    return GOOD.get("files").propertyNames().stream();
  }

  /** Names, shapes, types and bytes are those of good.json, which PyTorch made: it wrote each object in both formats and in several protocols. */
  @ParameterizedTest
  @MethodSource("goodFiles")
  void readsWhatPyTorchReads(String name) throws Exception {
    JsonNode expected = GOOD.get("objects").get(GOOD.get("files").get(name).stringValue());
    try (TorchFile file = TorchFile.open(path("good/" + name))) {
      assertThat(file.names()).hasSize(expected.size());
      for (JsonNode tensor : expected) {
        String path = tensor.get("path").stringValue();
        HostTensor found = file.tensor(path);
        assertThat(found.name()).isEqualTo(path);
        assertThat(found.dtype()).isEqualTo(file.dtype(path)).hasToString(tensor.get("dtype").stringValue());
        assertThat(found.shape()).isEqualTo(file.shape(path));
        assertThat(found.shape().toString().replace(" ", "")).isEqualTo(tensor.get("shape").toString().replace(" ", ""));
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(found.data().toArray(ValueLayout.JAVA_BYTE));
        assertThat(HexFormat.of().formatHex(digest)).as(path).isEqualTo(tensor.get("sha256").stringValue());
      }
    }
  }

  static Stream<String[]> hostileFiles() throws IOException {
    return Files.readAllLines(path("hostile.tsv")).stream().filter(line -> !line.startsWith("#")).map(line -> line.split("\t", -1));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("hostileFiles")
  void refusesAHostileFileWithASentenceThatNamesTheReason(String name, String why, String says) {
    Path path = path("hostile/" + name);
    assertThatThrownBy(() -> {
      try (TorchFile file = TorchFile.open(path)) {
        file.names().forEach(file::tensor);
      }
    }).isInstanceOf(CheckpointException.class).hasMessageStartingWith(path + ": ").hasMessageContaining(says).hasMessageNotContaining("\n");
  }

  @Test
  void everyHostileFileIsListed() throws IOException {
    try (Stream<Path> files = Files.list(path("hostile"))) {
      assertThat(hostileFiles().map(row -> row[0])).containsExactlyInAnyOrderElementsOf(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  @Test
  void aNameInAMessageCannotWriteToTheTerminal() {
    Path file = zip(Map.of("data.pkl", new PickleWriter().text("\u001b[31mevil").text("x\r\ny").op(0x93).end()));
    assertThatThrownBy(() -> TorchFile.open(file)).isInstanceOf(CheckpointException.class).hasMessageContaining("names \"?[31mevil.x??y\"");
  }

  @Test
  void saysWhatElseAFileIs() throws IOException {
    assertThatThrownBy(() -> TorchFile.open(dir)).isInstanceOf(CheckpointException.class).hasMessage(dir + " is a folder, not a file of torch.save");
    Path missing = dir.resolve("no.pt");
    assertThatThrownBy(() -> TorchFile.open(missing)).isInstanceOf(CheckpointException.class).hasMessage("cannot read " + missing + ": no such file or folder");
    Path pointer = Files.writeString(dir.resolve("lfs.bin"), "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    assertThatThrownBy(() -> TorchFile.open(pointer)).isInstanceOf(CheckpointException.class).hasMessageContaining("git lfs pull");
  }

  @ParameterizedTest
  @CsvSource({"t213_zip_tied.bin", "t113_legacy_tied.bin"})
  void tensorsThatShareAStorageShareItsBytes(String name) {
    try (TorchFile file = TorchFile.open(path("good/" + name))) {
      long shared = file.tensor("shared.weight").data().address();
      assertThat(file.tensor("encoder.embed_tokens.weight").data().address()).isEqualTo(shared);
      assertThat(file.tensor("lm_head.weight").data().address()).isEqualTo(shared);
      assertThat(file.tensor("part.weight").data().address()).isBetween(shared, shared + file.tensor("shared.weight").data().byteSize());
      assertThat(file.tensor("shared.weight").data().isReadOnly()).as("a slice of the mapping").isTrue();
    }
  }

  @Test
  void onlyAViewThatIsNotDenseIsCopied() {
    try (TorchFile file = TorchFile.open(path("good/t213_zip_views.pt"))) {
      long base = file.tensor("base").data().address();
      assertThat(file.tensor("row_slice").data().address()).isEqualTo(base + 10 * 4); // offset 10 in the pickle, 4 bytes each
      assertThat(file.tensor("transposed").data().isReadOnly()).isFalse();
      assertThat(file.tensor("transposed")).as("copied once").isSameAs(file.tensor("transposed"));
    }
  }

  @ParameterizedTest
  @CsvSource({"wrap_model.pt", "wrap_module.pt", "wrap_state_dict.pt", "wrap_ema.pt", "wrap_bare_fsdp.pth", "wrap_model_and_ema.pt", "ddp_prefix.pt",
      "lightning_ckpt.ckpt", "nested.pt"})
  void findsTheStateDictInItsWrapper(String name) {
    try (TorchFile file = TorchFile.open(path("good/t113_zip_" + name))) {
      assertThat(file.stateDict().names()).containsExactly("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias");
      assertThat(file.stateDict().tensor("layers.0.weight").shape()).isEqualTo(Shape.of(4, 3));
    }
  }

  @Test
  void aWrapperCanBeChosen() {
    try (TorchFile file = TorchFile.open(path("good/t113_zip_wrap_model_and_ema.pt"))) {
      TorchFile ema = file.stateDict("ema");
      assertThat(ema.names()).containsExactly("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias");
      assertThat(ema.tensor("layers.0.bias").data().address()).isEqualTo(file.tensor("ema.layers.0.bias").data().address());
      assertThat(file.stateDict("discriminator").names()).containsExactly("w");
      assertThatThrownBy(() -> file.stateDict("module")).isInstanceOf(CheckpointException.class)
          .hasMessage(file.file() + " has no tensors below \"module\"; it has [model, ema, discriminator]");
    }
  }

  /** A model may have a part called model: its names are the file's as long as the file does not nest them. */
  @Test
  void aFlatNameIsNoWrapper() {
    PickleWriter pickle = new PickleWriter().op('}');
    for (String name : new String[] {"model.w", "model.b"}) {
      pickle.text(name).tensorCall("FloatStorage", "0", 2, 0, new long[] {2}, new long[] {1}).op('R', 's');
    }
    try (TorchFile file = TorchFile.open(zip(entries(pickle.end(), new byte[8])))) {
      assertThat(file.stateDict().names()).containsExactly("model.w", "model.b");
    }
  }

  @Test
  void namesAMissingTensor() {
    Path path = path("good/craft_legacy.pt");
    try (TorchFile file = TorchFile.open(path)) {
      assertThatThrownBy(() -> file.tensor("v")).isInstanceOf(CheckpointException.class).hasMessage(path + " has no tensor \"v\"");
    }
  }

  @Test
  void readsTheOrderedDictOfPython2() {
    PickleWriter list = new PickleWriter().global("collections", "OrderedDict").op('(', ']', ']').op('(', 'U', 1, 'w');
    list.tensorCall("FloatStorage", "0", 2, 0, new long[] {2}, new long[] {1}).op('R', 'e', 'a', 't', 'R');
    try (TorchFile file = TorchFile.open(zip(entries(list.end(), new byte[8])))) {
      assertThat(file.names()).containsExactly("w");
    }
  }

  @Test
  void twoTensorsOfOneNameAreRefused() {
    PickleWriter pickle = new PickleWriter().op('}').text("a.b").tensorCall("FloatStorage", "0", 2, 0, new long[] {2}, new long[] {1}).op('R', 's');
    pickle.text("a").op('}').text("b").tensorCall("FloatStorage", "0", 2, 0, new long[] {2}, new long[] {1}).op('R', 's', 's');
    Path file = zip(entries(pickle.end(), new byte[8]));
    assertThatThrownBy(() -> TorchFile.open(file)).isInstanceOf(CheckpointException.class).hasMessage(file + ": it has two tensors called \"a.b\"");
  }

  /** torch.serialization.set_crc32_options(False) leaves the checksums 0. */
  @Test
  void readsAFileWithoutChecksums() throws IOException {
    byte[] bytes = Files.readAllBytes(path("good/craft_cuda_location.pt"));
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int cleared = 0;
    for (int i = 0; i + 20 < bytes.length; i++) {
      if (buffer.getInt(i) == 0x02014b50) {
        buffer.putInt(i + 16, 0);
        cleared++;
      }
    }
    assertThat(cleared).isGreaterThanOrEqualTo(2);
    try (TorchFile file = TorchFile.open(Files.write(dir.resolve("no_crc.pt"), bytes))) {
      assertThat(file.tensor("w").shape()).isEqualTo(Shape.of(2, 3));
    }
  }

  /** A storage of 5 GiB, most of it a hole in the file: sizes and offsets then stand in zip64 fields. */
  @Test
  void hasNoLimitOf4GiBInAZip() throws IOException {
    long elements = 5L << 30;
    byte[] pickle = new PickleWriter().op('}').text("w").tensorCall("ByteStorage", "0", elements, 0, new long[] {elements}, new long[] {1}).op('R', 's').end();
    Path path = dir.resolve("big.pt");
    try (FileChannel out = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
      long data = writeAt(out, 0, localHeader("a/data/0", elements));
      writeAt(out, data + elements - 1, ByteBuffer.wrap(new byte[] {77}));
      long second = data + elements;
      long end = writeAt(out, second, localHeader("a/data.pkl", pickle.length));
      long directory = writeAt(out, end, ByteBuffer.wrap(pickle));
      long at = writeAt(out, directory, directoryHeader("a/data/0", elements, 0));
      long zip64 = writeAt(out, at, directoryHeader("a/data.pkl", pickle.length, second));
      writeAt(out, zip64, directoryEnd(2, zip64 - directory, directory, zip64));
    }
    try (TorchFile file = TorchFile.open(path)) {
      assertThat(file.tensor("w").longAt(elements - 1)).isEqualTo(77);
      assertThat(file.tensor("w").longAt(elements - 2)).isZero();
    }
  }

  @Test
  void hasNoLimitOf2GiBInALegacyFile() throws IOException {
    long elements = 3L << 30;
    Path path = dir.resolve("big.pt");
    try (FileChannel out = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
      long at = writeAt(out, 0, ByteBuffer.wrap(PickleWriter.legacyHeader()));
      at = writeAt(out, at, ByteBuffer.wrap(
          new PickleWriter().op('}').text("w").tensorCall("ByteStorage", "0", elements, 1, new long[] {elements - 1}, new long[] {1}).op('R', 's').end()));
      at = writeAt(out, at, ByteBuffer.wrap(new PickleWriter().op(']').text("0").op('a').end()));
      at = writeAt(out, at, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, elements));
      writeAt(out, at + elements - 1, ByteBuffer.wrap(new byte[] {77}));
    }
    try (TorchFile file = TorchFile.open(path)) {
      assertThat(file.dtype("w")).isEqualTo(DType.U8);
      assertThat(file.tensor("w").longAt(elements - 2)).isEqualTo(77);
    }
  }

  private Path zip(Map<String, byte[]> entries) {
    return PickleWriter.zip(dir.resolve("made.pt"), entries);
  }

  private static Map<String, byte[]> entries(byte[] pickle, byte[] storage) {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("data.pkl", pickle);
    entries.put("data/0", storage);
    return entries;
  }

  private static long writeAt(FileChannel out, long at, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      at += out.write(bytes, at);
    }
    return at;
  }

  private static ByteBuffer littleEndian(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Without a checksum; sizes in a zip64 field. */
  private static ByteBuffer localHeader(String name, long size) {
    return littleEndian(30 + name.length() + 20).putInt(Zip.LOCAL_HEADER).putShort((short) 45).putLong(0).putInt(0).putInt(-1).putInt(-1)
        .putShort((short) name.length()).putShort((short) 20).put(name.getBytes()).putShort((short) 1).putShort((short) 16).putLong(size).putLong(size).flip();
  }

  private static ByteBuffer directoryHeader(String name, long size, long offset) {
    return littleEndian(46 + name.length() + 28).putInt(0x02014b50).putInt(45).putLong(0).putInt(0).putInt(-1).putInt(-1)
        .putShort((short) name.length()).putShort((short) 28).putShort((short) 0).putShort((short) 0).putShort((short) 0).putInt(0).putInt(-1)
        .put(name.getBytes()).putShort((short) 1).putShort((short) 24).putLong(size).putLong(size).putLong(offset).flip();
  }

  private static ByteBuffer directoryEnd(long count, long size, long offset, long zip64) {
    return littleEndian(56 + 20 + 22).putInt(0x06064b50).putLong(44).putInt(45).putLong(0).putLong(count).putLong(count).putLong(size).putLong(offset)
        .putInt(0x07064b50).putInt(0).putLong(zip64).putInt(1)
        .putInt(0x06054b50).putInt(0).putInt(-1).putInt(-1).putInt(-1).putShort((short) 0).flip();
  }
}
