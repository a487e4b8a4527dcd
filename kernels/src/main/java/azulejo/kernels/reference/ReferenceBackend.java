package azulejo.kernels.reference;

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

/**
 * The ops as their definitions say, in scalar Java: the oracle that other backends are tested against. Each result is computed in double
 * from its F32 inputs and rounded once; only where an official implementation's roundings decide the outcome ({@link Sampling}, {@link Diffusion}) are they kept.
 * StrictMath makes the results the same on every machine.
 */
public final class ReferenceBackend extends CpuBackend {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String description() {
    return "plain Java on one core, sums in double: slow, for checking the others";
  }

  @Override
  public Matrix matrix(HostTensor weight, WeightFormat format) {
    Checks.matrix(weight);
    return new Linear.Weight(Rows.of(weight(format.rounded(weight))));
  }

  @Override
  public Filter filter(HostTensor weight) {
    Checks.filter(weight);
    return new Images.Kernel(weight(weight));
  }

  @Override
  public void gather(Tensor table, Tensor index, Tensor out) {
    Checks.gather(table, index, out);
    Pointwise.gather(Rows.of(table), Rows.of(index), Rows.of(out));
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    Checks.add(a, b, out);
    Pointwise.add(Rows.of(a), Rows.of(b), Rows.of(out));
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    Checks.activate(x, out);
    Pointwise.activate(Rows.of(x), activation, Rows.of(out));
  }

  @Override
  public void gate(Tensor x, Activation activation, Tensor out) {
    Checks.gate(x, out);
    Pointwise.gate(Rows.of(x), activation, Rows.of(out));
  }

  @Override
  public void modulate(Tensor x, Tensor scaleShift, Tensor out) {
    Checks.modulate(x, scaleShift, out);
    Pointwise.modulate(Rows.of(x), Rows.of(scaleShift), Rows.of(out));
  }

  @Override
  public void linear(Tensor x, Matrix weight, Tensor bias, Activation activation, Tensor residual, Tensor out) {
    Checks.linear(x, weight, bias, residual, out);
    Linear.linear(Rows.of(x), Linear.Weight.of(weight), Rows.of(bias), activation, Rows.of(residual), Rows.of(out));
  }

  @Override
  public void attention(Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor length, Tensor out) {
    Checks.attention(q, k, v, heads, mask, bias, length, out);
    Tensor keys = filled(k, 1, length);
    Tensor values = filled(v, 1, length);
    Tensor biases = filled(bias, 3, length);
    for (int b = 0; b < q.size(0); b++) {
      for (int h = 0; h < heads; h++) {
        Attention.attention(head(q, b, h, heads), head(keys, b, h, heads), head(values, b, h, heads), scale, mask, bias(biases, b, h),
            head(out, b, h, heads));
      }
    }
  }

  /** [T, D] of x [B, T, heads * D]. */
  private static Rows head(Tensor x, int b, int head, int heads) {
    int size = x.size(2) / heads;
    return Rows.of(x.slice(0, b, 1).slice(2, (long) head * size, size));
  }

  /** [T, S] of a bias [B or 1, heads or 1, T, S]. */
  private static Rows bias(Tensor bias, int b, int head) {
    return bias == null ? null : Rows.of(bias.slice(0, Math.min(b, bias.dim(0) - 1), 1).slice(1, Math.min(head, bias.dim(1) - 1), 1));
  }

  @Override
  public void rotary(Tensor x, Tensor table, int heads, Tensor out) {
    Checks.rotary(x, table, heads, out);
    for (int b = 0; b < x.size(0); b++) {
      for (int h = 0; h < heads; h++) {
        Attention.rotary(head(x, b, h, heads), Rows.of(table), head(out, b, h, heads));
      }
    }
  }

  @Override
  public void norm(Norm norm, Tensor x, Tensor weight, Tensor bias, float eps, Tensor scaleShift, Tensor out) {
    Checks.norm(x, weight, bias, scaleShift, out);
    Norms.norm(norm, Rows.of(x), Rows.of(weight), Rows.of(bias), eps, Rows.of(scaleShift), Rows.of(out));
  }

  @Override
  public void groupNorm(Tensor x, int groups, Tensor weight, Tensor bias, float eps, Activation activation, Tensor out) {
    Checks.groupNorm(x, groups, weight, bias, out);
    Norms.groupNorm(Rows.of(x), x.size(0), groups, Rows.of(weight), Rows.of(bias), eps, activation, Rows.of(out));
  }

  @Override
  public void globalResponseNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out) {
    Checks.globalResponseNorm(x, gamma, beta, out);
    Norms.globalResponseNorm(Rows.of(x), x.size(0), Rows.of(gamma), Rows.of(beta), Rows.of(out));
  }

  @Override
  public void conv2d(Tensor x, Filter filter, Tensor bias, int stride, Padding padding, Activation activation, Tensor residual, Tensor out) {
    Checks.conv2d(x, filter, bias, stride, padding, residual, out);
    Images.conv2d(x, Images.Kernel.of(filter), Rows.of(bias), stride, padding, activation, Rows.of(residual), out);
  }

  @Override
  public void depthwiseConv2d(Tensor x, Tensor weight, Tensor bias, Tensor out) {
    Checks.depthwiseConv2d(x, weight, bias, out);
    Images.depthwiseConv2d(x, weight, Rows.of(bias), out);
  }

  @Override
  public void pool2d(Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    Checks.pool2d(x, height, width, stride, padding, out);
    Images.pool2d(pooling, x, height, width, stride, padding, out);
  }

  @Override
  public void upsample(Tensor x, Tensor out) {
    Checks.upsample(x, out);
    Images.upsample(x, out);
  }

  @Override
  public void depthToSpace(Tensor x, Tensor out) {
    Checks.depthToSpace(x, out);
    Images.depthToSpace(x, out);
  }

  @Override
  public void openCells(Tensor grid, int maskId, Tensor open, Tensor count) {
    Checks.openCells(grid, open, count);
    Sampling.openCells(Rows.of(grid), maskId, Rows.of(open), Rows.of(count));
  }

  @Override
  public void draw(Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability, Tensor ledger, Tensor usage,
      Tensor fault) {
    Checks.draw(logits, draw, open, noise, step, tokens, probability, ledger, usage, fault);
    Sampling.draw(Rows.of(logits), draw, Rows.of(open), Sampling.Variates.of(noise), Rows.of(step), Rows.of(tokens), Rows.of(probability),
        Rows.of(ledger), Rows.of(usage), Rows.of(fault));
  }

  @Override
  public void reveal(Tensor grid, Tensor open, Tensor tokens) {
    Checks.reveal(grid, open, tokens);
    Sampling.reveal(Rows.of(grid), Rows.of(open), Rows.of(tokens));
  }

  @Override
  public void remask(Tensor grid, Tensor open, Tensor count, Tensor probability, int maskLength, float temperature, int maskId, Noise noise,
      Tensor step, Tensor confidence, Tensor surprisal) {
    Checks.remask(grid, open, count, probability, noise, step, confidence, surprisal);
    Sampling.remask(Rows.of(grid), Rows.of(open), Rows.of(count), Rows.of(probability), maskLength, temperature, maskId,
        Sampling.Variates.of(noise), Rows.of(step), Rows.of(confidence), Rows.of(surprisal));
  }

  @Override
  public void startDistribution(Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault) {
    Checks.startDistribution(logits, draw, step, logStart, ledger, fault);
    Diffusion.startDistribution(Rows.of(logits), draw, Rows.of(step), Rows.of(logStart), Rows.of(ledger), Rows.of(fault));
  }

  @Override
  public void diffuse(Tensor logStart, Transition transition, boolean argmax, Tensor grid, Noise noise, Noise path, Tensor step, Tensor posterior,
      Tensor ledger) {
    Checks.diffuse(logStart, transition, grid, noise, path, step, posterior, ledger);
    Diffusion.diffuse(Rows.of(logStart), transition, argmax, Rows.of(grid), Sampling.Variates.of(noise),
        path == null ? null : Sampling.Variates.of(path), Rows.of(step), Rows.of(posterior), Rows.of(ledger));
  }
}
