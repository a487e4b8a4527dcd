package azulejo.runtime.checkpoint.pickle;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Interprets the opcodes of a pickle (protocols 2 to 5) that tensors need, and no others. It builds plain values and calls nothing that the file names:
 * Python's None is null, an integer a Long or BigInteger, a dict a Map, a list a List, a tuple an Object[], a tensor a {@link TensorRef}.
 *
 * <p>Memory is bounded by {@link #MAX_OPCODES}: no opcode makes more than one small value, apart from texts, which are in the stream.
 *
 * <p>Source: CPython's Lib/pickletools.py describes the opcodes; torch/serialization.py {@code persistent_load} the storages.
 */
final class Unpickler {
  /** Room for 100 000 tensors, each of which takes some 20. */
  static final int MAX_OPCODES = 1 << 21;

  /** Longest pickle in bytes, as its texts are copied out of it. */
  static final long MAX_BYTES = 64L << 20;

  static final int MAX_TENSORS = 100_000;

  private static final int MAX_RANK = 16;
  private static final int MAX_INTEGER_BYTES = 128;

  private static final Global.Inert SET = new Global.Inert("set");
  private static final Global.Inert NAMESPACE = new Global.Inert("argparse.Namespace");
  private static final Global.Inert DEVICE = new Global.Inert("torch.device");

  private final Cursor in;
  private final String what;
  private final List<Object> stack = new ArrayList<>();
  private final List<Integer> marks = new ArrayList<>();
  private final Map<Integer, Object> memo = new HashMap<>();
  private final SequencedMap<String, StorageRef> storages = new LinkedHashMap<>();
  private int opcodes;
  private int tensors;

  /** @param what names the pickle in a message */
  Unpickler(Cursor in, String what) {
    this.in = in;
    this.what = what;
  }

  /** The storages that the pickle named, by key. */
  SequencedMap<String, StorageRef> storages() {
    return storages;
  }

  /** The value that the pickle describes; leaves the cursor behind its end. */
  Object load() {
    while (true) {
      spend(1);
      long at = in.position();
      int opcode = in.u8();
      if (opcode == '.') {
        Object value = pop();
        if (!stack.isEmpty() || !marks.isEmpty()) {
          throw new Refusal(what + " ends with values left over");
        }
        return value;
      }
      execute(opcode, at);
    }
  }

  private void spend(int work) {
    opcodes += work;
    if (opcodes > MAX_OPCODES) {
      throw new Refusal(what + " has more than " + MAX_OPCODES + " opcodes");
    }
  }

  private void execute(int opcode, long at) {
    switch (opcode) {
      case 0x80 -> protocol(in.u8());
      case 0x95 -> in.skip(8); // FRAME: a hint for buffering
      case '(' -> marks.add(stack.size());

      case 'N' -> push(null);
      case 0x88 -> push(true);
      case 0x89 -> push(false);
      case 'J' -> push((long) in.i32());
      case 'K' -> push((long) in.u8());
      case 'M' -> push((long) in.u16());
      case 0x8a -> push(integer(in.u8()));
      case 0x8b -> push(integer(in.i32()));
      case 'G' -> push(in.f64BigEndian());

      case 'X' -> push(in.text(length(in.u32())));
      case 0x8c, 'U' -> push(in.text(in.u8()));
      case 0x8d -> push(in.text(length(in.i64())));
      case 'T' -> push(in.text(length(in.i32()))); // a str of Python 2
      case 'B' -> push(in.bytes(length(in.u32())));
      case 'C' -> push(in.bytes(in.u8()));
      case 0x8e, 0x96 -> push(in.bytes(length(in.i64())));

      case ']' -> push(new ArrayList<>());
      case 'a' -> append(popAfter(1));
      case 'e' -> append(popMark());
      case '}' -> push(new LinkedHashMap<>());
      case 's' -> setItems(popAfter(2));
      case 'u' -> setItems(popMark());
      case 0x8f -> push(SET);
      case 0x90 -> addItems(popMark());
      case ')' -> push(new Object[0]);
      case 0x85 -> push(popAfter(1));
      case 0x86 -> push(popAfter(2));
      case 0x87 -> push(popAfter(3));
      case 't' -> push(popMark());

      case 'q' -> put(in.u8());
      case 'r' -> put(in.i32());
      case 0x94 -> put(memo.size());
      case 'h' -> get(in.u8());
      case 'j' -> get(in.i32());

      case 'c' -> push(global(in.line(), in.line()));
      case 0x93 -> {
        Object[] names = popAfter(2);
        if (!(names[0] instanceof String module && names[1] instanceof String name)) {
          throw new Refusal(what + " names a global by something else than texts");
        }
        push(global(module, name));
      }
      case 'R', 0x81 -> {
        Object[] call = popAfter(2);
        if (!(call[0] instanceof Global.Call function && call[1] instanceof Object[] arguments)) {
          throw new Refusal(what + " calls " + kind(call[0]) + " with " + kind(call[1]) + ", which no tensor needs");
        }
        push(call(function, arguments));
      }
      case 'b' -> build(pop());
      case 'Q' -> push(storage(pop()));
      default -> throw new Refusal(
          what + " uses the pickle opcode 0x%02x at byte %d, which no tensor needs".formatted(opcode, at));
    }
  }

  private void protocol(int version) {
    if (version < 2 || version > 5) {
      throw new Refusal(what + " has the pickle protocol " + version + ", not 2 to 5");
    }
  }

  private long length(long bytes) {
    if (bytes <= in.remaining() && bytes > MAX_BYTES - in.position()) {
      throw new Refusal(what + " is longer than " + MAX_BYTES + " bytes");
    }
    return bytes;
  }

  private Object integer(int bytes) {
    if (bytes < 0 || bytes > MAX_INTEGER_BYTES) {
      throw new Refusal(what + " holds an integer of " + bytes + " bytes, more than " + MAX_INTEGER_BYTES);
    }
    return in.integer(bytes);
  }

  private void push(Object value) {
    stack.add(value);
  }

  private Object pop() {
    peek();
    return stack.removeLast();
  }

  private Object peek() {
    if (stack.size() == floor()) {
      throw new Refusal(what + " takes a value from an empty stack before byte " + in.position());
    }
    return stack.getLast();
  }

  /** Where the values above the last mark begin; what lies below is out of reach until the mark is taken. */
  private int floor() {
    return marks.isEmpty() ? 0 : marks.getLast();
  }

  /** The top {@code n} values, which must lie above the last mark. */
  private Object[] popAfter(int n) {
    int from = stack.size() - n;
    if (from < floor()) {
      throw new Refusal(what + " takes a value from an empty stack before byte " + in.position());
    }
    return popFrom(from);
  }

  private Object[] popMark() {
    if (marks.isEmpty()) {
      throw new Refusal(what + " looks for a mark that it has not set before byte " + in.position());
    }
    return popFrom(marks.removeLast());
  }

  private Object[] popFrom(int from) {
    List<Object> top = stack.subList(from, stack.size());
    Object[] values = top.toArray();
    top.clear();
    return values;
  }

  private void put(int index) {
    memo.put(index, peek());
  }

  private void get(int index) {
    if (!memo.containsKey(index)) {
      throw new Refusal(what + " recalls the value " + Integer.toUnsignedString(index) + ", which it has not stored");
    }
    push(memo.get(index));
  }

  @SuppressWarnings("unchecked") // lists and dicts on the stack are made above
  private void append(Object[] items) {
    if (!(peek() instanceof List<?> list)) {
      throw new Refusal(what + " appends to " + kind(peek()));
    }
    ((List<Object>) list).addAll(Arrays.asList(items));
  }

  @SuppressWarnings("unchecked")
  private void setItems(Object[] items) {
    if (!(peek() instanceof Map<?, ?> map)) {
      throw new Refusal(what + " sets items of " + kind(peek()));
    }
    if (items.length % 2 != 0) {
      throw new Refusal(what + " sets an item without a value before byte " + in.position());
    }
    for (int i = 0; i < items.length; i += 2) {
      ((Map<Object, Object>) map).put(key(items[i]), items[i + 1]);
    }
  }

  private Object key(Object key) {
    return switch (key) {
      case null -> null;
      case String _, Boolean _, Long _, BigInteger _, Double _ -> key;
      default -> throw new Refusal(what + " has " + kind(key) + " as the key of a dictionary");
    };
  }

  private void addItems(Object[] items) {
    if (peek() != SET) {
      throw new Refusal(what + " adds " + items.length + " items to " + kind(peek()) + " as if it were a set");
    }
  }

  private Global global(String module, String name) {
    Global global = Global.of(module, name);
    if (global == null) {
      throw new Refusal(what + " names " + Refusal.quote(module + "." + name)
          + ", which no tensor needs; nothing of it was run, save the plain state dict instead");
    }
    return global;
  }

  private Object call(Global.Call function, Object[] arguments) {
    return switch (function) {
      case ORDERED_DICT -> orderedDict(arguments);
      case SET -> SET;
      case NAMESPACE -> NAMESPACE;
      case DEVICE -> DEVICE;
      case SIZE -> argument(function, arguments, 0, Object[].class);
      case REBUILD_PARAMETER -> argument(function, arguments, 0, TensorRef.class);
      case REBUILD_TENSOR, REBUILD_TENSOR_V2 -> {
        if (++tensors > MAX_TENSORS) {
          throw new Refusal(what + " has more than " + MAX_TENSORS + " tensors");
        }
        yield new TensorRef(
            argument(function, arguments, 0, StorageRef.class),
            argument(function, arguments, 1, Long.class),
            longs(argument(function, arguments, 2, Object[].class)),
            longs(argument(function, arguments, 3, Object[].class)));
      }
    };
  }

  private <T> T argument(Global.Call function, Object[] arguments, int i, Class<T> type) {
    if (i >= arguments.length || !type.isInstance(arguments[i])) {
      throw new Refusal(what + " gives " + function.name().toLowerCase(Locale.ROOT) + " "
          + (i < arguments.length ? kind(arguments[i]) : "nothing") + " as argument " + i);
    }
    return type.cast(arguments[i]);
  }

  private long[] longs(Object[] values) {
    if (values.length > MAX_RANK) {
      throw new Refusal(what + " has a tensor of " + values.length + " dimensions, more than " + MAX_RANK);
    }
    long[] longs = new long[values.length];
    for (int i = 0; i < longs.length; i++) {
      if (!(values[i] instanceof Long size)) {
        throw new Refusal(what + " has a tensor with " + kind(values[i]) + " as a size or stride");
      }
      longs[i] = size;
    }
    return longs;
  }

  /** {@code OrderedDict()}, or {@code OrderedDict([[key, value], ...])} as Python 2 wrote it. */
  private Map<Object, Object> orderedDict(Object[] arguments) {
    Map<Object, Object> dict = new LinkedHashMap<>();
    if (arguments.length > 0) {
      List<?> items = argument(Global.Call.ORDERED_DICT, arguments, 0, List.class);
      spend(items.size());
      for (Object item : items) {
        if (!(item instanceof List<?> pair && pair.size() == 2)) {
          throw new Refusal(what + " makes a dictionary of items that are not pairs");
        }
        dict.put(key(pair.get(0)), pair.get(1));
      }
    }
    return dict;
  }

  /** Attributes set on an object: the {@code _metadata} of a state dict, the fields of a Namespace. Nothing here reads them. */
  private void build(Object state) {
    Object target = peek();
    if (!((target instanceof Map || target == NAMESPACE) && state instanceof Map)) {
      throw new Refusal(what + " sets the state of " + kind(target) + " to " + kind(state) + ", which no tensor needs");
    }
  }

  private StorageRef storage(Object id) {
    if (!(id instanceof Object[] tuple && tuple.length >= 5 && "storage".equals(tuple[0]) && tuple[1] instanceof Global.Storage type
        && tuple[2] instanceof String key && tuple[3] instanceof String && tuple[4] instanceof Long elements
        && (tuple.length == 5 || tuple.length == 6 && tuple[5] == null))) {
      throw new Refusal(what + " has a persistent id that does not describe a storage");
    }
    if (elements < 0 || elements > Long.MAX_VALUE / type.dtype().bytes()) {
      throw new Refusal(what + " describes storage " + Refusal.quote(key) + " as " + elements + " elements");
    }
    StorageRef storage = new StorageRef(key, type.dtype(), elements);
    StorageRef first = storages.putIfAbsent(key, storage);
    if (first != null && !first.equals(storage)) {
      throw new Refusal(what + " describes storage " + Refusal.quote(key) + " in two ways");
    }
    return first == null ? storage : first;
  }

  private static String kind(Object value) {
    return switch (value) {
      case null -> "None";
      case Boolean _ -> "a boolean";
      case Long _ -> "an integer";
      case BigInteger _ -> "an integer of more than 64 bits";
      case Double _ -> "a number";
      case String _ -> "a text";
      case byte[] _ -> "bytes";
      case Object[] _ -> "a tuple";
      case List<?> _ -> "a list";
      case Map<?, ?> _ -> "a dictionary";
      case TensorRef _ -> "a tensor";
      case StorageRef _ -> "a storage";
      case Global.Inert inert -> inert.name();
      case Global.Storage type -> "a storage type of " + type.dtype();
      default -> value.toString();
    };
  }
}
