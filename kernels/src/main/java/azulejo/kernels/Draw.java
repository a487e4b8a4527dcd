package azulejo.kernels;

/**
 * What a draw makes of the logits before it picks a token: guidance, then temperature, then top-k, then top-p, then the pick.
 *
 * <p>The order and the ties are those of LlamaGen's {@code autoregressive/models/generate.py}: the guided logits are divided by the
 * temperature, or by {@link #LOWEST_TEMPERATURE} if that is more; top-k keeps every code whose logit is not below the k-th largest; top-p sorts what is
 * left by descending logit (equal ones by ascending code) and drops a code if the probabilities before it sum to more than p, the first never.
 *
 * @param guidance scale of classifier-free guidance, used with a pair of logits only
 * @param temperature above 0
 * @param topK how many of the most likely codes are kept; 0, or the codebook's size or more, keeps all
 * @param topP in [0, 1]; 1 keeps all, 0 the most likely code alone
 * @param greedy take the most likely code (the lowest on a tie) instead of drawing
 */
public record Draw(float guidance, float temperature, int topK, float topP, boolean greedy) {
  public static final float LOWEST_TEMPERATURE = 1e-5f;

  public Draw {
    if (!(temperature > 0) || topK < 0 || !(topP >= 0 && topP <= 1)) {
      throw new IllegalArgumentException("temperature " + temperature + ", top-k " + topK + ", top-p " + topP);
    }
  }

  /** From the whole softmax of the guided logits. */
  public static Draw guided(float guidance) {
    return new Draw(guidance, 1, 0, 1, false);
  }
}
