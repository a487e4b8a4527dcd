package azulejo.runtime.checkpoint.pickle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The format of torch.save since PyTorch 1.6: an archive with {@code NAME/data.pkl}, a storage per {@code NAME/data/KEY}, and {@code NAME/byteorder}.
 *
 * <p>Source: torch/serialization.py {@code _save}, {@code _load}.
 */
final class ZipContainer implements Container {
  private static final String PICKLE = "/data.pkl";

  private final Zip zip;
  private final String prefix;
  private final Object root;

  ZipContainer(Zip zip) {
    this.zip = zip;
    this.prefix = prefix(zip);
    checkByteOrder();
    Zip.Entry pickle = zip.entry(prefix + PICKLE);
    if (pickle.bytes().byteSize() > Unpickler.MAX_BYTES) {
      throw new Refusal("it has a data.pkl of " + pickle.bytes().byteSize() + " bytes, more than " + Unpickler.MAX_BYTES);
    }
    pickle.verify();
    Cursor in = new Cursor(pickle.bytes(), "its data.pkl");
    Unpickler unpickler = new Unpickler(in, "its data.pkl");
    root = unpickler.load();
    if (in.remaining() > 0) {
      throw new Refusal("it has " + in.remaining() + " bytes after the end of its data.pkl");
    }
    unpickler.storages().values().forEach(this::storageEntry);
  }

  @Override
  public Object root() {
    return root;
  }

  @Override
  public MemorySegment bytes(StorageRef storage) {
    Zip.Entry entry = storageEntry(storage);
    entry.verify();
    return entry.bytes();
  }

  private Zip.Entry storageEntry(StorageRef storage) {
    Zip.Entry entry = zip.entry(prefix + "/data/" + storage.key());
    if (entry == null) {
      throw new Refusal("it lacks the data of its storage " + Refusal.quote(storage.key()));
    }
    if (entry.bytes().byteSize() != storage.bytes()) {
      throw new Refusal("it has " + entry.bytes().byteSize() + " bytes in its storage " + Refusal.quote(storage.key())
          + ", which " + storage.elements() + " elements of " + storage.dtype() + " do not fill exactly");
    }
    return entry;
  }

  private void checkByteOrder() {
    Zip.Entry entry = zip.entry(prefix + "/byteorder");
    if (entry != null) {
      String order = new String(entry.bytes().asSlice(0, Math.min(16, entry.bytes().byteSize())).toArray(ValueLayout.JAVA_BYTE),
          StandardCharsets.ISO_8859_1);
      if (!order.equals("little")) {
        throw new Refusal("it has the byte order " + Refusal.quote(order) + ", and only little-endian files are read");
      }
    }
  }

  /** The folder that all entries are in. */
  private static String prefix(Zip zip) {
    List<String> pickles = zip.names().stream().filter(name -> name.endsWith(PICKLE)).toList();
    if (pickles.size() != 1) {
      throw new Refusal(pickles.isEmpty() ? "it is a zip archive without a data.pkl, not a file of torch.save" : "it has more than one data.pkl");
    }
    String prefix = pickles.getFirst().substring(0, pickles.getFirst().length() - PICKLE.length());
    for (String name : zip.names()) {
      if (!name.startsWith(prefix + "/")) {
        throw new Refusal("it has a zip entry " + Refusal.quote(name) + " outside of its folder " + Refusal.quote(prefix));
      }
    }
    if (zip.entry(prefix + "/constants.pkl") != null) {
      throw new Refusal("it is a TorchScript program, not a checkpoint: save the state dict of the module instead");
    }
    return prefix;
  }
}
