package azulejo.runtime.random;

/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura, ACM TOMACS 8, 1998) seeded by the {@code init_genrand} of its authors' 2002 version:
 * the source of words of PyTorch's CPU generator.
 */
final class Mt19937 {
  private static final int N = 624;
  private static final int M = 397;

  private final int[] state = new int[N];
  private int next = N;

  Mt19937(int seed) {
    state[0] = seed;
    for (int i = 1; i < N; i++) {
      int previous = state[i - 1];
      state[i] = 1812433253 * (previous ^ previous >>> 30) + i;
    }
  }

  int word() {
    if (next == N) {
      regenerate();
    }
    return temper(state[next++]);
  }

  /** Passes over words without making them: only the state moves. */
  void skip(long words) {
    while (words > N - next) {
      words -= N - next;
      regenerate();
    }
    next += (int) words;
  }

  private void regenerate() {
    for (int i = 0; i < N - M; i++) {
      state[i] = state[i + M] ^ twist(state[i], state[i + 1]);
    }
    for (int i = N - M; i < N - 1; i++) {
      state[i] = state[i + M - N] ^ twist(state[i], state[i + 1]);
    }
    state[N - 1] = state[M - 1] ^ twist(state[N - 1], state[0]);
    next = 0;
  }

  private static int twist(int high, int low) {
    return ((high & 0x80000000) | (low & 0x7FFFFFFF)) >>> 1 ^ -(low & 1) & 0x9908B0DF;
  }

  private static int temper(int y) {
    y ^= y >>> 11;
    y ^= y << 7 & 0x9D2C5680;
    y ^= y << 15 & 0xEFC60000;
    return y ^ y >>> 18;
  }
}
