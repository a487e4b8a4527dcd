package azulejo.runtime.checkpoint.pickle;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The format of torch.save before PyTorch 1.6: five pickles (a magic number, the protocol version, the system's properties, the value, the list of storage
 * keys), then per key a count of elements and the elements themselves.
 *
 * <p>Source: torch/serialization.py {@code _legacy_save}, {@code _legacy_load}.
 */
final class LegacyContainer implements Container {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL = 1001;

  private final Map<String, MemorySegment> data = new HashMap<>();
  private final Object root;

  LegacyContainer(MemorySegment file) {
    Cursor in = new Cursor(file, "it");
    if (!MAGIC.equals(load(in, "its magic number"))) {
      throw new Refusal("it is a pickle, but not one of torch.save: it does not begin with PyTorch's magic number");
    }
    Object protocol = load(in, "its protocol version");
    if (!Long.valueOf(PROTOCOL).equals(protocol)) {
      throw new Refusal("it is not of version " + PROTOCOL + " of PyTorch's legacy format");
    }
    if (!(load(in, "its system information") instanceof Map<?, ?> system && Boolean.TRUE.equals(system.get("little_endian")))) {
      throw new Refusal("it was not written on a little-endian machine, and only such files are read");
    }
    Cursor body = in.rest("its pickle");
    Unpickler unpickler = new Unpickler(body, "its pickle");
    root = unpickler.load();
    in.skip(body.position());
    if (!(load(in, "its list of storages") instanceof List<?> keys)) {
      throw new Refusal("it has no list of storages");
    }
    for (Object key : keys) {
      StorageRef storage = key instanceof String ? unpickler.storages().get(key) : null;
      if (storage == null) {
        throw new Refusal("it lists a storage that its pickle does not name");
      }
      long elements = in.i64();
      if (elements != storage.elements()) {
        throw new Refusal("it has " + elements + " elements in storage " + Refusal.quote(storage.key()) + " where its pickle says " + storage.elements());
      }
      if (data.put(storage.key(), in.slice(storage.bytes())) != null) {
        throw new Refusal("it lists storage " + Refusal.quote(storage.key()) + " twice");
      }
    }
    for (String key : unpickler.storages().keySet()) {
      if (!data.containsKey(key)) {
        throw new Refusal("it lacks the data of its storage " + Refusal.quote(key));
      }
    }
    if (in.remaining() > 0) {
      throw new Refusal("it has " + in.remaining() + " bytes after its last storage");
    }
  }

  @Override
  public Object root() {
    return root;
  }

  @Override
  public MemorySegment bytes(StorageRef storage) {
    return data.get(storage.key());
  }

  private static Object load(Cursor in, String what) {
    Cursor rest = in.rest(what);
    Object value = new Unpickler(rest, what).load();
    in.skip(rest.position());
    return value;
  }
}
