package azulejo.runtime.checkpoint.pickle;

import azulejo.kernels.DType;
import java.util.HashMap;
import java.util.Map;

/**
 * What a pickle may name. A file's globals are looked up in one fixed table and nowhere else: none is ever imported, and the few that stand for a call are
 * carried out by {@link Unpickler} itself.
 */
sealed interface Global {
  /** The element type of a storage, {@code torch.FloatStorage} and its kin. */
  record Storage(DType dtype) implements Global {}

  /** A value that a checkpoint keeps beside its tensors and that nothing here reads: {@code torch.float16}. */
  record Inert(String name) implements Global {}

  /** A constructor or function that {@link Unpickler} carries out. */
  enum Call implements Global {
    ORDERED_DICT, SET, NAMESPACE, SIZE, DEVICE, REBUILD_TENSOR, REBUILD_TENSOR_V2, REBUILD_PARAMETER
  }

  /** {@link Table#ALLOWED} under the module and the name; null where it is not allowed. */
  static Global of(String module, String name) {
    return Table.ALLOWED.get(module + ' ' + name);
  }

  /** The allow-list. */
  final class Table {
    private static final Map<String, Global> ALLOWED = table();

    private Table() {}

    private static Map<String, Global> table() {
      Map<String, Global> table = new HashMap<>();
      table.put("collections OrderedDict", Call.ORDERED_DICT);
      table.put("builtins set", Call.SET);
      table.put("__builtin__ set", Call.SET);
      table.put("argparse Namespace", Call.NAMESPACE);
      table.put("torch Size", Call.SIZE);
      table.put("torch device", Call.DEVICE);
      table.put("torch._utils _rebuild_tensor", Call.REBUILD_TENSOR);
      table.put("torch._utils _rebuild_tensor_v2", Call.REBUILD_TENSOR_V2);
      table.put("torch._utils _rebuild_parameter", Call.REBUILD_PARAMETER);
      storage(table, "Double", DType.F64, "float64");
      storage(table, "Float", DType.F32, "float32");
      storage(table, "Half", DType.F16, "float16");
      storage(table, "BFloat16", DType.BF16, "bfloat16");
      storage(table, "Long", DType.I64, "int64");
      storage(table, "Int", DType.I32, "int32");
      storage(table, "Short", DType.I16, "int16");
      storage(table, "Char", DType.I8, "int8");
      storage(table, "Byte", DType.U8, "uint8");
      storage(table, "Bool", DType.BOOL, "bool");
      table.put("torch.storage UntypedStorage", new Storage(DType.U8));
      table.put("torch UntypedStorage", new Storage(DType.U8));
      return Map.copyOf(table);
    }

    private static void storage(Map<String, Global> table, String prefix, DType dtype, String torchDtype) {
      table.put("torch " + prefix + "Storage", new Storage(dtype));
      table.put("torch " + torchDtype, new Inert("torch." + torchDtype));
    }
  }
}
