package azulejo.kernels;

/**
 * The transition matrices of a mask-and-replace diffusion around step t, as logarithms: a code is kept with probability a, replaced by each of
 * the V codes with b, and masked with c. (Gu et al., "Vector Quantized Diffusion Model for Text-to-Image Synthesis", CVPR 2022, equation 7.)
 *
 * @param step log a, b, c of the step from t-1 to t
 * @param cumulative of the steps from 0 to t
 * @param cumulativeBefore of the steps from 0 to t-1
 * @param last whether t is 0, the step whose result is the clean grid
 */
public record Transition(Logs step, Logs cumulative, Logs cumulativeBefore, boolean last) {
  public record Logs(float a, float b, float c) {}
}
