package azulejo.kernels;

/**
 * What a draw makes of the logits before it picks a token: guidance, then the codebook, then temperature, then top-k, then top-p, then the pick.
 *
 * <p>The order and the ties are those of LlamaGen's {@code autoregressive/models/generate.py}: the guided logits are divided by the
 * temperature, or by {@link #LOWEST_TEMPERATURE} if that is more; top-k keeps every code whose logit is not below the k-th largest; top-p sorts what is
 * left by descending logit (equal ones by ascending code) and drops a code if the probabilities before it sum to more than p, the first never.
 *
 * @param guidance scale of classifier-free guidance, used with a pair of logits only
 * @param temperature above 0
 * @param topK how many of the most likely codes are kept; 0, or the codebook's size or more, keeps all
 * @param topP at least 0; 1 or more keeps all, 0 the most likely code alone
 * @param pick how the token is taken from what is left
 * @param codebook F32 [V], 0 for a code that may be drawn and -infinity for one that may not; one at least may. Null for the whole codebook
 */
public record Draw(float guidance, float temperature, int topK, float topP, Pick pick, Tensor codebook) {
  public static final float LOWEST_TEMPERATURE = 1e-5f;

  /** How a token is taken from its distribution. */
  public enum Pick {
    /** At random. */
    RANDOM,
    /** The most likely code, the lowest on a tie. In a diffusion that is the prediction of the clean grid; the transition stays random. */
    ARGMAX,
    /** As {@link #ARGMAX}, and a diffusion's transition goes to its most likely class too. */
    ARGMAX_TRANSITION
  }

  public Draw {
    if (!(temperature > 0) || topK < 0 || !(topP >= 0)) {
      throw new IllegalArgumentException("temperature " + temperature + ", top-k " + topK + ", top-p " + topP);
    }
  }

  /** A random token of the whole codebook. */
  public Draw(float guidance, float temperature, int topK, float topP) {
    this(guidance, temperature, topK, topP, Pick.RANDOM, null);
  }

  /** From the whole softmax of the guided logits. */
  public static Draw guided(float guidance) {
    return new Draw(guidance, 1, 0, 1);
  }

  public Draw pick(Pick pick) {
    return new Draw(guidance, temperature, topK, topP, pick, codebook);
  }

  /** The most likely code instead of a random one. */
  public Draw argmax() {
    return pick(Pick.ARGMAX);
  }

  public Draw codebook(Tensor codebook) {
    return new Draw(guidance, temperature, topK, topP, pick, codebook);
  }

  /** Whether chance has no part in the token. */
  public boolean greedy() {
    return pick != Pick.RANDOM;
  }
}
