package azulejo.runtime.ledger;

/**
 * An estimate of one of the entropies of equation 3 of Deconstructing Generative Diversity (arXiv 2512.01831), from one image; its mean over images
 * estimates the entropy.
 *
 * @param quantity "H(P|X)", "H(Z|P,X)" or "H(Z|X)"
 * @param estimator what was summed
 * @param kind what the mean over images is to the entropy
 * @param nats of the whole image
 */
public record Estimate(String quantity, String estimator, Kind kind, double nats) {
  /** What the expectation of an estimate is to the entropy. */
  public enum Kind {
    /** Equal, with no variance. */
    EXACT,
    /** Equal. */
    UNBIASED,
    LOWER_BOUND,
    UPPER_BOUND
  }

  public double bits() {
    return nats / Math.log(2);
  }
}
