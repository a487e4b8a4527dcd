package azulejo.runtime.checkpoint.pickle;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/** Names every tensor of a nested value by its dotted path: the keys of dicts and the positions in lists and tuples, {@code model.layers.0.weight}. */
final class Flattener {
  private static final int MAX_DEPTH = 64;
  private static final int MAX_VISITS = Unpickler.MAX_OPCODES;
  private static final int MAX_NAME = 512;

  private final SequencedMap<String, TensorRef> tensors = new LinkedHashMap<>();
  private int visits;

  private Flattener() {}

  /** @throws Refusal when the value is nested too deeply, or two tensors have the same path, or a tensor is malformed */
  static SequencedMap<String, TensorRef> flatten(Object root) {
    Flattener flattener = new Flattener();
    flattener.visit(new Path(null, "", 0), root);
    return flattener.tensors;
  }

  /** A position in the value; its text is made only for tensors. */
  private record Path(Path parent, Object key, int depth) {
    Path child(Object key) {
      return new Path(this, key, depth + 1);
    }

    String text() {
      String own = shortEnough(String.valueOf(key));
      return depth <= 1 ? own : shortEnough(parent.text() + "." + own);
    }
  }

  private static String shortEnough(String name) {
    if (name.length() > MAX_NAME) {
      throw new Refusal("it has a tensor name of more than " + MAX_NAME + " characters");
    }
    return name;
  }

  private void visit(Path path, Object value) {
    if (path.depth > MAX_DEPTH) {
      throw new Refusal("it is nested deeper than " + MAX_DEPTH + " levels");
    }
    if (++visits > MAX_VISITS) {
      throw new Refusal("it unfolds to more than " + MAX_VISITS + " values");
    }
    switch (value) {
      case TensorRef tensor -> put(path.text(), tensor);
      case Map<?, ?> map -> map.forEach((key, item) -> visit(path.child(key), item));
      case List<?> list -> visitAll(path, list);
      case Object[] tuple -> visitAll(path, Arrays.asList(tuple));
      case null, default -> { }
    }
  }

  private void visitAll(Path path, List<?> items) {
    for (int i = 0; i < items.size(); i++) {
      visit(path.child(i), items.get(i));
    }
  }

  private void put(String name, TensorRef tensor) {
    tensor.check(name);
    if (tensors.putIfAbsent(name, tensor) != null) {
      throw new Refusal("it has two tensors called " + Refusal.quote(name));
    }
    if (tensors.size() > Unpickler.MAX_TENSORS) {
      throw new Refusal("it has more than " + Unpickler.MAX_TENSORS + " tensors");
    }
  }
}
