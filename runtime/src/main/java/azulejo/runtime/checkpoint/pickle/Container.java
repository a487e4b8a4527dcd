package azulejo.runtime.checkpoint.pickle;

import azulejo.kernels.DType;
import java.lang.foreign.MemorySegment;

/** What torch.save wrote: one pickled value, and the bytes of the storages that it names. */
interface Container {
  /** The value, as {@link Unpickler} builds it. */
  Object root();

  /** A storage's bytes where they lie in the file; checks what the file says about their integrity. */
  MemorySegment bytes(StorageRef storage);

  static Container of(MemorySegment file) {
    if (file.byteSize() >= 4 && new Cursor(file, "it").i32() == Zip.LOCAL_HEADER) {
      return new ZipContainer(new Zip(file));
    }
    if (file.byteSize() > 0 && new Cursor(file, "it").u8() == 0x80) {
      return new LegacyContainer(file);
    }
    throw new Refusal(file.byteSize() == 0 ? "it is empty: fetch it again" : "it is not a file of torch.save: it begins neither as a zip archive nor as a pickle");
  }
}
