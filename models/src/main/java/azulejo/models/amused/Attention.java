package azulejo.models.amused;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;

/** Multi-head attention of the grid to itself or to the text; diffusers' {@code models/attention_processor.py} (AttnProcessor). */
record Attention(Linear toQ, Linear toK, Linear toV, Linear toOut, int heads) {
  /** Keys and values [N, S, C] of what is attended to. */
  record Memory(Tensor keys, Tensor values) {}

  static Attention load(Weights w, int width, int heads, boolean bias) {
    return new Attention(Linear.load(w, "to_q", width, width, bias), Linear.load(w, "to_k", width, width, bias),
        Linear.load(w, "to_v", width, width, bias), Linear.load(w, "to_out.0", width, width, bias), heads);
  }

  /** states [N, S, C]; the result belongs to the caller's scope. */
  Memory memory(Backend b, Tensor states) {
    Memory memory = new Memory(b.alloc(DType.F32, states.shape().toArray()), b.alloc(DType.F32, states.shape().toArray()));
    toK.apply(b, states, memory.keys);
    toV.apply(b, states, memory.values);
    return memory;
  }

  /** {@code stream += attention(x, memory)}: x, stream [N, T, C]. */
  void addTo(Backend b, Tensor x, Memory memory, Tensor stream, Tap tap, String name) {
    try (Backend.Scope _ = b.scope()) {
      Tensor queries = b.alloc(DType.F32, x.shape().toArray());
      Tensor mixed = b.alloc(DType.F32, x.shape().toArray());
      toQ.apply(b, x, queries);
      float scale = (float) (1 / Math.sqrt(x.size(2) / heads));
      b.attention(queries, memory.keys, memory.values, heads, scale, AttentionMask.NONE, mixed);
      toOut.addTo(b, mixed, stream, tap, name);
    }
  }
}
