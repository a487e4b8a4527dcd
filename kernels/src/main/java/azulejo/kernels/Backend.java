package azulejo.kernels;

import java.util.List;
import java.util.Optional;

/**
 * What a device can do: memory and the ops that the models and walks are written in. One backend object is one stream of work: ops
 * take effect in call order, and one thread calls it at a time (what runs in parallel inside is the backend's affair).
 *
 * <p>Contracts that hold for every op:
 * <ul>
 *   <li>Activations are F32, indices I32; {@code out} has the shape stated and is fully written. It may not overlap an input unless the op says so.
 *   <li>Inputs need a contiguous innermost dimension; "rows" are all outer dimensions flattened and must be evenly spaced ({@link Tensor#rowStride}).
 *   <li>A bias, weight or residual given as {@code null} is left out.
 *   <li>Results do not depend on the number of threads, nor on whether the JIT has compiled the kernel yet.
 *   <li>A shape that does not fit throws {@link IllegalArgumentException}: a bug in a model, not a user's error.
 * </ul>
 *
 * <p>No op returns a value to the host but {@link #download}: a walk keeps its grid, counters and noise keys in tensors and runs to its
 * end without waiting for the device. For the same reason a step whose tensors stay where they are can be recorded once and replayed ({@link #record}):
 * what differs from step to step then lies in tensors that the step itself moves on ({@link #increment}, {@link #place}, attention's length).
 */
public interface Backend extends AutoCloseable {

  /** As the command line calls it: "reference", "vector", ... */
  String name();

  /** The hardware and settings in use, one line for a person. */
  String description();

  /** Kernels and copies that were started on a device so far, those of replays too; 0 on the CPU. */
  default long launches() {
    return 0;
  }

  /**
   * Memory of a device that a backend has taken, and what it could take.
   *
   * @param weights bytes
   * @param working bytes, at most so far
   * @param free bytes of the device that nobody has taken
   */
  record Memory(long weights, long working, long free) {}

  /** The device's memory; empty on the CPU, which takes the host's. */
  default Optional<Memory> deviceMemory() {
    return Optional.empty();
  }

  /**
   * A backend like this one that takes no memory of the device and computes nothing: what is downloaded is 0. A generation with it shows in its
   * {@link #deviceMemory} what the real one would take. Empty on the CPU.
   */
  default Optional<Backend> rehearsal() {
    return Optional.empty();
  }

  /** What it chose by measuring, a line for a person each: of which sizes, what the candidates took, which one it took. Empty where it measures nothing. */
  default List<String> choices() {
    return List.of();
  }

  // ---- memory -------------------------------------------------------------------------------------------------------------

  /** Opens a scope: what {@link #alloc} returns until the scope is closed is released by closing it. Scopes nest as a stack. */
  Scope scope();

  /** Ends the life of the tensors allocated since it was opened. */
  interface Scope extends AutoCloseable {
    @Override
    void close();
  }

  /** A dense tensor in the innermost open scope (or, with none open, for the backend's life), its contents undefined. */
  Tensor alloc(DType dtype, long... dims);

  /** A weight or table for the backend's life: float types arrive as F32, integers keep theirs. On the CPU an F32 tensor is not copied. */
  Tensor weight(HostTensor host);

  /** A linear layer's weight [N, K] of any float type, for the backend's life, kept in {@code format}. */
  Matrix matrix(HostTensor weight, WeightFormat format);

  /** A linear layer's weight at full precision. */
  default Matrix matrix(HostTensor weight) {
    return matrix(weight, WeightFormat.F32);
  }

  /** A convolution's weight [O, I, KH, KW] of any float type, for the backend's life. */
  Filter filter(HostTensor weight);

  /** Copies {@code host} (same shape; float types widen to F32, integers convert to {@code out}'s type) into {@code out}. */
  void upload(HostTensor host, Tensor out);

  /** A host copy of {@code x}, dense. Waits for the ops before it. */
  HostTensor download(Tensor x);

  /** {@code out = x}, any strides, same shape and type. */
  void copy(Tensor x, Tensor out);

  /** {@link #alloc} and {@link #upload} in one; an F64 host tensor becomes F32. */
  default Tensor tensor(HostTensor host) {
    Tensor t = alloc(host.dtype().isFloat() ? DType.F32 : host.dtype(), host.shape().toArray());
    upload(host, t);
    return t;
  }

  // ---- recordings ---------------------------------------------------------------------------------------------------------

  /**
   * The ops that {@code ops} calls, to be done as often as they are replayed; none is done now. A device runs through {@code ops} here and once, the
   * CPU at every replay, so {@code ops} may do nothing but call ops and must call the same ones each time: every number and every tensor is fixed, what the
   * tensors hold is not. It may open scopes and allocate; what it allocates belongs to the recording, holds nothing from one replay to the next, and
   * may share its memory with that of other recordings. It may not upload, download, make weights, record or replay: {@link IllegalStateException}, here or
   * at the first replay.
   *
   * <p>The recording is of use until it is closed, or the innermost scope that is open now, with which it goes too.
   */
  Recording record(Runnable ops);

  /** What {@link #record} recorded. */
  interface Recording extends AutoCloseable {
    /** Does the ops, in call order with all others. Throws {@link IllegalStateException} when the recording's time is over. */
    void replay();

    /** Kernels that a replay starts on a device; 0 on the CPU, where it is a plain call. */
    int launches();

    /** Once or more often. */
    @Override
    void close();
  }

  // ---- pointwise ----------------------------------------------------------------------------------------------------------

  /** {@code out[i] = table[index[i]]}: table [R, C], index I32 [...], out [..., C]. An index of -1 gives a row of zeros. */
  void gather(Tensor table, Tensor index, Tensor out);

  /**
   * Puts rows where {@code position} says: {@code out[b, position[0] + t] = x[b, t]}; what else is in {@code out} stays. x F32 [B, T, C], out [B, S, C], any
   * strides between batches and rows, position I32 [1], from 0 to S - T.
   */
  void place(Tensor x, Tensor position, Tensor out);

  /** Adds 1 to each element of {@code counter}, I32 [...], in and out. */
  void increment(Tensor counter);

  /** {@code out = a + b}: a and out of one shape, b of the same or lacking outer dimensions, over which it repeats. {@code out} may be a. */
  void add(Tensor a, Tensor b, Tensor out);

  /** {@code out = activation(x)}; {@code out} may be x. */
  void activate(Tensor x, Activation activation, Tensor out);

  /** Gated unit: x [..., 2F] holds (value, gate); {@code out = value * activation(gate)}, [..., F]. */
  void gate(Tensor x, Activation activation, Tensor out);

  /** {@code out = x * (1 + scale) + shift}: x [B, T, C], scaleShift [B, 2C] holds (scale, shift). {@code out} may be x. */
  void modulate(Tensor x, Tensor scaleShift, Tensor out);

  // ---- linear layers and attention ----------------------------------------------------------------------------------------

  /**
   * {@code out = activation(x * weight^T + bias) + residual}: x [..., K], weight [N, K], bias [N], residual and out [..., N].
   * {@code out} may be the residual.
   */
  void linear(Tensor x, Matrix weight, Tensor bias, Activation activation, Tensor residual, Tensor out);

  /**
   * Multi-head attention with a running softmax: {@code softmax(q k^T * scale + bias) v} for each head.
   * q, out [B, T, heads * D]; k, v [B, S, heads * D], any strides between batches and rows.
   * bias F32 [B or 1, heads or 1, T, S], of which a size of 1 repeats; -infinity hides a key, and every query must see at least one.
   *
   * @param length I32 [1], from 1 to S, or null: how much of a cache is filled. Keys, values and biases from there on are not read. With
   *     {@link AttentionMask#NONE} only
   */
  void attention(Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor length, Tensor out);

  /** {@link #attention} to all keys. */
  default void attention(Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor out) {
    attention(q, k, v, heads, scale, mask, bias, null, out);
  }

  /** {@link #attention} to all keys without a bias. */
  default void attention(Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor out) {
    attention(q, k, v, heads, scale, mask, null, null, out);
  }

  /**
   * Rotary position embedding on interleaved pairs: with (cos, sin) = table[t, i], pair i of each head, (x[2i], x[2i + 1]), becomes
   * {@code (x[2i] cos - x[2i + 1] sin, x[2i + 1] cos + x[2i] sin)}. x, out [B, T, heads * D] of any strides between batches and rows,
   * table [T, D / 2, 2], dense. {@code out} may be x.
   */
  void rotary(Tensor x, Tensor table, int heads, Tensor out);

  // ---- norms --------------------------------------------------------------------------------------------------------------

  /**
   * {@code out = norm(x) * weight + bias}, then, with scaleShift [B, 2C] = (scale, shift) given and x [B, T, C],
   * {@code out * (1 + scale) + shift}. x, out [..., C], weight and bias [C]. {@code out} may be x.
   */
  void norm(Norm norm, Tensor x, Tensor weight, Tensor bias, float eps, Tensor scaleShift, Tensor out);

  /** Group norm over H, W and the C / groups channels of a group, then the activation: x, out [B, H, W, C], weight and bias [C]. {@code out} may be x. */
  void groupNorm(Tensor x, int groups, Tensor weight, Tensor bias, float eps, Activation activation, Tensor out);

  /**
   * ConvNeXt-V2's global response norm: with {@code g = L2 norm of x over T} per batch and channel and
   * {@code n = g / (mean of g over C + 1e-6)}, {@code out = gamma * (x * n) + beta + x}. x, out [B, T, C], gamma and beta [C]. {@code out} may be x.
   */
  void globalResponseNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out);

  // ---- images -------------------------------------------------------------------------------------------------------------

  /**
   * Cross-correlation as in PyTorch: x [B, H, W, I], filter [O, I, KH, KW], bias [O],
   * {@code out = activation(conv + bias) + residual}, [B, H', W', O] with H' = (H + top + bottom - KH) / stride + 1. {@code out} may be the residual.
   */
  void conv2d(Tensor x, Filter filter, Tensor bias, int stride, Padding padding, Activation activation, Tensor residual, Tensor out);

  /** {@link #conv2d} without an activation. */
  default void conv2d(Tensor x, Filter filter, Tensor bias, int stride, Padding padding, Tensor residual, Tensor out) {
    conv2d(x, filter, bias, stride, padding, Activation.NONE, residual, out);
  }

  /** Depthwise convolution, stride 1: x, out [B, H, W, C] with padding that keeps H and W, weight F32 [C, 1, KH, KW], bias [C]. */
  void depthwiseConv2d(Tensor x, Tensor weight, Tensor bias, Tensor out);

  /**
   * One value of each window of height x width pixels: x [B, H, W, C], out [B, H', W', C] with H' = (H + top + bottom - height) / stride + 1.
   * Padding takes no part: a mean is that of the pixels that a window holds (PyTorch's {@code count_include_pad=False}), and every window must hold one.
   * PyTorch's {@code ceil_mode} is more padding at the bottom and the right.
   */
  void pool2d(Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out);

  /** Nearest-neighbour upsampling by 2: x [B, H, W, C], out [B, 2H, 2W, C]. */
  void upsample(Tensor x, Tensor out);

  /** x [B, H, W, 4C], out [B, 2H, 2W, C]: channels (dy * 2 + dx) * C + c of a cell go to its sub-cell (dy, dx). */
  void depthToSpace(Tensor x, Tensor out);

  // ---- sampling -----------------------------------------------------------------------------------------------------------

  /**
   * The masked cells of each image in ascending order: grid I32 [B, L], open I32 [B, P], count I32 [B].
   * Entries of {@code open} past the count are -1; if an image has more than P masked cells, the first P are listed and count is P.
   */
  void openCells(Tensor grid, int maskId, Tensor open, Tensor count);

  /**
   * Draws a token for each open cell from the distribution that {@code draw} makes of the guided logits, as the winner of an exponential race,
   * argmax of p / q with q ~ Exp(1), which is {@code torch.multinomial(p, 1)}; the lowest code wins a tie. The guided logits are rounded to f32
   * as {@code fma(guidance, c - u, u)}, their quotients l by the temperature too; the scores {@code exp(l - max l) / q} and the sums that top-p compares may
   * have any precision from f32 up, so that backends may differ where two are closer than an f32 can tell.
   *
   * @param logits [G, B, P, V]; with G = 2 (unconditional, conditional) the guided logits are u + guidance * (c - u), with G = 1 they are taken as they are
   * @param open I32 [B, P] positions, -1 for none (such rows are skipped and get token -1, probability 0)
   * @param step I32 [1], counts the walk's steps from 0
   * @param tokens out: I32 [B, P]
   * @param probability out: F32 [B, P], the distribution's value at the token drawn
   * @param ledger out, or null: F32 [B, P, {@link Ledger.Drawn}]
   * @param usage in and out, or null: I32 [V], to which each token drawn adds 1
   * @param fault I32 [1], in and out: where it is 0 and a logit is NaN or infinite after guidance and temperature, it becomes step + 1 (the tokens of that row are then undefined but within range)
   */
  void draw(Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability, Tensor ledger, Tensor usage,
      Tensor fault);

  /** {@link #draw} without a ledger. */
  default void draw(Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability, Tensor fault) {
    draw(logits, draw, open, noise, step, tokens, probability, null, null, fault);
  }

  /** Writes the drawn tokens into the grid: {@code grid[b, open[b, p]] = tokens[b, p]}; rows with open -1 write nothing. */
  void reveal(Tensor grid, Tensor open, Tensor tokens);

  /**
   * Masks the least confident cells again (aMUSEd's and MaskGIT's path choice). Each cell's confidence is
   * {@code log(max(p, 1e-20)) + temperature * g} with p the probability of its token if it was open at this step and FLT_MAX otherwise,
   * {@code g = -log(max(-log(max(u, 1e-20)), 1e-20))}, u ~ U[0, 1). With {@code n = max(1, min(count[b] - 1, maskLength))}, the cells whose
   * confidence is strictly below the n-th smallest (counted from 0) become {@code maskId}.
   *
   * @param grid I32 [B, L], in and out; L at least 2
   * @param open I32 [B, P] and count I32 [B] as {@link #openCells} gave them
   * @param probability F32 [B, P] as {@link #draw} gave them
   * @param step I32 [1]
   * @param confidence out: F32 [B, L]
   * @param surprisal out, or null: F32 [B], of the choice of cells that stay settled, given the probabilities, in nats ({@link PathSurprisal}); 0 at temperature 0
   */
  void remask(Tensor grid, Tensor open, Tensor count, Tensor probability, int maskLength, float temperature, int maskId, Noise noise,
      Tensor step, Tensor confidence, Tensor surprisal);

  /**
   * A diffusion model's belief about the clean grid, as VQ-Diffusion's pipeline shapes it. With {@code ls} the log-softmax over the V codes, computed in
   * double and rounded to f32: {@code p = ls(c)} for G = 1, else {@code p = fma(guidance, ls(c) - ls(u), ls(u))} in f32 minus its own log-sum-exp, in double,
   * rounded to f32. With a codebook, p of other codes becomes -infinity and the rest loses its log-sum-exp in the same way. Then codes are sorted by descending
   * p (equal ones by ascending code) and one is kept if the probabilities before it, each rounded to f32, sum to less than {@code draw.topP()}, the truncation
   * rate (the sum in double, each partial sum rounded to f32; the first is always kept, and above 1 all are), the others become -infinity. A greedy draw then
   * gives the likeliest code (the lowest on a tie) 0 and all others -infinity. Last, values below -70 become -70, but of codes outside the codebook, which
   * stay -infinity.
   *
   * @param logits [G, B, L, V], (unconditional, conditional) for G = 2
   * @param draw of temperature 1 and without top-k
   * @param step I32 [1]
   * @param logStart out: F32 [B, L, V]
   * @param ledger out, or null: F32 [B, L, {@link Ledger.Drawn}]
   * @param fault I32 [1], in and out: where it is 0 and a value of p is NaN or infinite before the codebook is applied, it becomes step + 1 (that row is then undefined)
   */
  void startDistribution(Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault);

  /**
   * One step back along a mask-and-replace diffusion: draws each cell of x_(t-1) from q(x_(t-1) | x_t, x_0 ~ logStart). Classes are the V codes and, at index V,
   * the mask; in the last step ({@code transition.last()}) log p is logStart itself and there is no mask class. A code whose logStart is -infinity is
   * outside the codebook, and log p is -infinity for it too, so that no noise can bring it in.
   *
   * <p>Without {@code path}, or in the last step, one draw decides: {@code argmax(log p + g)}, {@code g = -log(-log(u + 1e-30) + 1e-30)}, u from {@code noise},
   * the lowest class on a tie. With it the path decides first: the cell keeps its class if its uniform variate is less than p of that class (of the sum over
   * all); if not, the draw is among the other classes.
   *
   * @param logStart F32 [B, L, V] as {@link #startDistribution} gives it
   * @param argmax take the most likely class instead, the lowest on a tie
   * @param grid I32 [B, L], classes, in and out
   * @param noise u: {@link Noise.Counter}, code v of position l, v counting the classes; or {@link Noise.Given} values [B, L, V + 1] ([B, L, V] in the last step)
   * @param path or null: {@link Noise.Counter}, code 0 of position l; or {@link Noise.Given} values [B, L]
   * @param step I32 [1]
   * @param posterior out, or null: F32 [B, L, V + 1] ([B, L, V] in the last step), log p
   * @param ledger out, or null: F32 [B, L, {@link Ledger.Moved}]
   */
  void diffuse(Tensor logStart, Transition transition, boolean argmax, Tensor grid, Noise noise, Noise path, Tensor step, Tensor posterior,
      Tensor ledger);

  @Override
  void close();
}
