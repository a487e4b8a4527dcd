package azulejo.models.layers;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;
import java.util.stream.Stream;

/** Multi-head attention of a grid [N, T, C] to itself or to a text; diffusers' {@code models/attention_processor.py} (AttnProcessor). */
public record Attention(Linear toQ, Linear toK, Linear toV, Linear toOut, int heads) {
  /** Keys and values [N, S, C] of what is attended to. */
  public record Memory(Tensor keys, Tensor values) {
    public Stream<Tensor> tensors() {
      return Stream.of(keys, values);
    }
  }

  /**
   * @param memoryWidth channels of what is attended to
   * @param bias whether queries, keys and values have one
   */
  public static Attention load(Weights w, int width, int memoryWidth, int heads, boolean bias, boolean outBias) {
    return new Attention(Linear.load(w, "to_q", width, width, bias), Linear.load(w, "to_k", width, memoryWidth, bias),
        Linear.load(w, "to_v", width, memoryWidth, bias), Linear.load(w, "to_out.0", width, width, outBias), heads);
  }

  /** states [N, S, memoryWidth]; the result belongs to the caller's scope. */
  public Memory memory(Backend b, Tensor states) {
    long[] shape = {states.dim(0), states.dim(1), toK.weight().outputs()};
    Memory memory = new Memory(b.alloc(DType.F32, shape), b.alloc(DType.F32, shape));
    toK.apply(b, states, memory.keys);
    toV.apply(b, states, memory.values);
    return memory;
  }

  /** {@code stream += attention(x, memory)}: x, stream [N, T, C]. */
  public void addTo(Backend b, Tensor x, Memory memory, Tensor stream, Tap tap, String name) {
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
