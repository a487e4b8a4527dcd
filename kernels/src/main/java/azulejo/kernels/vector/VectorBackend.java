package azulejo.kernels.vector;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Checks;
import azulejo.kernels.Draw;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Noise;
import azulejo.kernels.Norm;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.cpu.CpuBackend;
import java.lang.foreign.MemorySegment;

/**
 * The ops with the JDK's Vector API on a team of threads. Needs the module {@code jdk.incubator.vector}; who may run without it opens this
 * backend through {@link azulejo.kernels.Backends}.
 */
public final class VectorBackend extends CpuBackend {
  private final Workers workers;

  /** On all the processors that this JVM may use. */
  public VectorBackend() {
    this(Runtime.getRuntime().availableProcessors());
  }

  public VectorBackend(int threads) {
    workers = new Workers(threads);
  }

  @Override
  public String name() {
    return "vector";
  }

  /** Such as "Vector API, 512-bit (16 lanes), 2 threads, C2". */
  @Override
  public String description() {
    return "Vector API, %d-bit (%d lanes), %d thread%s, %s".formatted(8 * Lanes.BYTES, Lanes.COUNT, workers.threads(), workers.threads() == 1 ? "" : "s",
        Jit.name());
  }

  /** @throws IllegalArgumentException for {@link WeightFormat#F16}, which the Vector API cannot widen: bf16 is as small and widens by a shift */
  @Override
  public Matrix matrix(HostTensor weight, WeightFormat format) {
    Checks.matrix(weight);
    return Panels.pack(workers, this::allocate, weight, format);
  }

  @Override
  public Filter filter(HostTensor weight) {
    Checks.filter(weight);
    return Conv2d.pack(workers, this::allocate, weight);
  }

  @Override
  public void gather(Tensor table, Tensor index, Tensor out) {
    Checks.gather(table, index, out);
    Pointwise.gather(workers, table, index, out);
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    Checks.add(a, b, out);
    Pointwise.add(workers, a, b, out);
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    Checks.activate(x, out);
    Pointwise.activate(workers, x, activation, out);
  }

  @Override
  public void gate(Tensor x, Activation activation, Tensor out) {
    Checks.gate(x, out);
    Pointwise.gate(workers, x, activation, out);
  }

  @Override
  public void modulate(Tensor x, Tensor scaleShift, Tensor out) {
    Checks.modulate(x, scaleShift, out);
    Pointwise.modulate(workers, x, scaleShift, out);
  }

  @Override
  public void linear(Tensor x, Matrix weight, Tensor bias, Activation activation, Tensor residual, Tensor out) {
    Checks.linear(x, weight, bias, residual, out);
    if (!(weight instanceof Panels panels)) {
      throw new IllegalArgumentException("linear: the weight belongs to another backend");
    }
    Rows rows = Rows.of(x);
    Gemm.linear(workers, rows.address(), rows.stride() / Float.BYTES, rows.count(), panels, epilogue(bias, activation, residual, out));
  }

  @Override
  public void attention(Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor length, Tensor out) {
    Checks.attention(q, k, v, heads, mask, bias, length, out);
    Attention.attention(workers, this, q, filled(k, 1, length), filled(v, 1, length), heads, scale, mask, filled(bias, 3, length), out);
  }

  @Override
  public void rotary(Tensor x, Tensor table, int heads, Tensor out) {
    Checks.rotary(x, table, heads, out);
    Rotary.rotary(workers, x, table, heads, out);
  }

  @Override
  public void norm(Norm norm, Tensor x, Tensor weight, Tensor bias, float eps, Tensor scaleShift, Tensor out) {
    Checks.norm(x, weight, bias, scaleShift, out);
    Norms.norm(workers, norm, x, weight, bias, eps, scaleShift, out);
  }

  @Override
  public void groupNorm(Tensor x, int groups, Tensor weight, Tensor bias, float eps, Activation activation, Tensor out) {
    Checks.groupNorm(x, groups, weight, bias, out);
    Norms.groupNorm(workers, this, x, groups, weight, bias, eps, activation, out);
  }

  @Override
  public void globalResponseNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out) {
    Checks.globalResponseNorm(x, gamma, beta, out);
    Norms.globalResponseNorm(workers, this, x, gamma, beta, out);
  }

  @Override
  public void conv2d(Tensor x, Filter filter, Tensor bias, int stride, Padding padding, Activation activation, Tensor residual, Tensor out) {
    Checks.conv2d(x, filter, bias, stride, padding, residual, out);
    if (!(filter instanceof Conv2d.Packed packed)) {
      throw new IllegalArgumentException("conv2d: the filter belongs to another backend");
    }
    Rows pixels = Rows.of(x);
    Conv2d.Windows windows = new Conv2d.Windows(pixels.address(), pixels.stride() / Float.BYTES, x.size(0), x.size(1), x.size(2), x.size(3),
        filter.height(), filter.width(), stride, padding);
    Conv2d.conv2d(workers, windows, packed, epilogue(bias, activation, residual, out));
  }

  @Override
  public void depthwiseConv2d(Tensor x, Tensor weight, Tensor bias, Tensor out) {
    Checks.depthwiseConv2d(x, weight, bias, out);
    DepthwiseConv.depthwiseConv2d(workers, this, x, weight, bias, out);
  }

  @Override
  public void pool2d(Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    Checks.pool2d(x, height, width, stride, padding, out);
    Pool.pool2d(workers, pooling, x, height, width, stride, padding, out);
  }

  @Override
  public void upsample(Tensor x, Tensor out) {
    Checks.upsample(x, out);
    Pointwise.upsample(workers, x, out);
  }

  @Override
  public void depthToSpace(Tensor x, Tensor out) {
    Checks.depthToSpace(x, out);
    Pointwise.depthToSpace(workers, x, out);
  }

  @Override
  public void openCells(Tensor grid, int maskId, Tensor open, Tensor count) {
    Checks.openCells(grid, open, count);
    Sampling.openCells(grid, maskId, open, count);
  }

  @Override
  public void draw(Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability, Tensor ledger, Tensor usage,
      Tensor fault) {
    Checks.draw(logits, draw, open, noise, step, tokens, probability, ledger, usage, fault);
    Sampling.draw(workers, this, logits, draw, open, noise, step, tokens, probability, ledger, usage, fault);
  }

  @Override
  public void reveal(Tensor grid, Tensor open, Tensor tokens) {
    Checks.reveal(grid, open, tokens);
    Sampling.reveal(grid, open, tokens);
  }

  @Override
  public void remask(Tensor grid, Tensor open, Tensor count, Tensor probability, int maskLength, float temperature, int maskId, Noise noise,
      Tensor step, Tensor confidence, Tensor surprisal) {
    Checks.remask(grid, open, count, probability, noise, step, confidence, surprisal);
    Sampling.remask(grid, open, count, probability, maskLength, temperature, maskId, noise, step, confidence, surprisal);
  }

  @Override
  public void startDistribution(Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault) {
    Checks.startDistribution(logits, draw, step, logStart, ledger, fault);
    Diffusion.startDistribution(workers, logits, draw, step, logStart, ledger, fault);
  }

  @Override
  public void diffuse(Tensor logStart, Transition transition, boolean argmax, Tensor grid, Noise noise, Noise path, Tensor step, Tensor posterior,
      Tensor ledger) {
    Checks.diffuse(logStart, transition, grid, noise, path, step, posterior, ledger);
    Diffusion.diffuse(workers, logStart, transition, argmax, grid, noise, path, step, posterior, ledger);
  }

  private static Gemm.Epilogue epilogue(Tensor bias, Activation activation, Tensor residual, Tensor out) {
    Rows add = residual == null ? new Rows(0, 0, 0, 0) : Rows.of(residual);
    Rows to = Rows.of(out);
    return new Gemm.Epilogue(bias == null ? 0 : Rows.of(bias).address(), activation, add.address(), add.stride() / Float.BYTES, to.address(),
        to.stride() / Float.BYTES);
  }

  private MemorySegment allocate(long bytes, long alignment) {
    return allocWeight(bytes);
  }

  @Override
  public void close() {
    super.close();
    workers.close();
  }
}
