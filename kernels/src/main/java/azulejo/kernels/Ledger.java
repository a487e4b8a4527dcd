package azulejo.kernels;

/**
 * What the sampling ops write down about their distributions, a row of numbers for each position: entropies and surprisals in nats, to
 * 1e-6 and a relative 1e-5. A position that is not drawn, or whose logits are at fault, gets zeros.
 */
public final class Ledger {
  private Ledger() {}

  /** A row of {@link Backend#draw} and {@link Backend#startDistribution}. */
  public enum Drawn {
    /** Entropy of the softmax of the guided logits. */
    GUIDED,
    /** Entropy within the codebook. */
    SUBSET,
    /** Entropy after the temperature. */
    TEMPERED,
    /** Entropy after top-k and top-p, or a diffusion's truncation: of the distribution that the token is taken from at random, or as its argmax. */
    TRUNCATED,
    /** Probability of the codebook's codes before the others were taken away. */
    KEPT,
    /** Surprisal of the token, 0 where chance had no part in it. A start distribution is not drawn from: 0. */
    SURPRISAL;

    public static final int COLUMNS = values().length;
  }

  /** A row of {@link Backend#diffuse}; all 0 for a transition to the most likely class. */
  public enum Moved {
    /** Entropy of the class. */
    CLASS,
    /** Surprisal of the class. */
    CLASS_SURPRISAL,
    /** Entropy of whether the cell keeps its class; 0 in the last step, which is a draw of each code. */
    STAY,
    /** Surprisal of that. */
    STAY_SURPRISAL;

    public static final int COLUMNS = values().length;
  }
}
