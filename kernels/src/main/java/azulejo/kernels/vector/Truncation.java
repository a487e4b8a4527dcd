package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.D;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.F2D;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;

/**
 * Keeps the likeliest codes of a row. Nothing is sorted: as floats are ordered like their bits, the smallest value to keep is found bit by bit,
 * each with one pass that counts or sums what is not below it. Rows are padded to a whole vector with values that are never kept.
 */
final class Truncation {
  private Truncation() {}

  /** Logits below the k-th largest become -infinity; k is 1 to n, logits are finite and the padding is -infinity. */
  static void keepTopK(long logits, int n, int k) {
    // ascending like the floats: the other bits of a negative one are flipped
    int key = count(logits, n, 0) >= k ? 0 : Integer.MIN_VALUE;
    for (int bit = 30; bit >= 0; bit--) {
      int next = key | 1 << bit;
      if (count(logits, n, fromKey(next)) >= k) {
        key = next;
      }
    }
    replaceBelow(logits, n, fromKey(key), Float.NEGATIVE_INFINITY);
  }

  private static float fromKey(int key) {
    return Float.intBitsToFloat(key < 0 ? key ^ Integer.MAX_VALUE : key);
  }

  /**
   * Codes sorted by descending weight, equal ones by ascending code: one becomes 0 if the share of {@code total} that those before it have, rounded
   * to f32, is more than {@code limit}, which is 0 or more. Weights are not negative and the padding is 0; {@code lanes} is room for a vector.
   */
  static void keepTopP(long weights, int n, double total, float limit, long lanes) {
    if (!exceeds(sum(weights, n, lanes), total, limit)) {
      return;
    }
    // the largest weight that together with all above it exceeds the limit
    int least = 0;
    for (int bit = 30; bit >= 0; bit--) {
      int next = least | 1 << bit;
      if (exceeds(sumFrom(weights, n, Float.intBitsToFloat(next), lanes), total, limit)) {
        least = next;
      }
    }
    float last = Float.intBitsToFloat(least);
    replaceBelow(weights, n, last, 0);
    keepFirst(weights, n, last, sumFrom(weights, n, Float.intBitsToFloat(least + 1), lanes), total, limit);
  }

  private static boolean exceeds(double sum, double total, float limit) {
    return (float) (sum / total) > limit;
  }

  /** Of the codes of weight {@code last}, those stay that find no more than the limit before them. */
  private static void keepFirst(long weights, int n, float last, double before, double total, float limit) {
    for (int i = 0; i < n; i++) {
      if (Lanes.get(weights + 4L * i) == last) {
        if (exceeds(before, total, limit)) {
          Lanes.set(weights + 4L * i, 0);
        }
        before += last;
      }
    }
  }

  private static int count(long x, int n, float from) {
    int count = 0;
    for (int i = 0; i < n; i += COUNT) {
      count += Lanes.load(x + 4L * i).compare(GE, from).trueCount();
    }
    return count;
  }

  /** The sum of values that are not negative. */
  static double sum(long x, int n, long lanes) {
    return sumFrom(x, n, 0, lanes);
  }

  private static double sumFrom(long x, int n, float from, long lanes) {
    sumLanes(x, n, from, lanes);
    return Elementary.sumDoubles(lanes);
  }

  /** Sums the values that are not below {@code from}, lane by lane. */
  private static void sumLanes(long x, int n, float from, long lanes) {
    DoubleVector even = DoubleVector.zero(D);
    DoubleVector odd = DoubleVector.zero(D);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = Lanes.load(x + 4L * i);
      v = FloatVector.zero(F).blend(v, v.compare(GE, from));
      even = even.add((DoubleVector) v.convert(F2D, 0));
      odd = odd.add((DoubleVector) v.convert(F2D, 1));
    }
    even.add(odd).intoMemorySegment(MEMORY, lanes, ORDER);
  }

  /** Weights of logits of -infinity become 0. */
  static void dropHidden(long weights, long logits, int n) {
    for (int i = 0; i < n; i += COUNT) {
      FloatVector w = Lanes.load(weights + 4L * i);
      w.blend(0f, Lanes.load(logits + 4L * i).compare(EQ, Float.NEGATIVE_INFINITY)).intoMemorySegment(MEMORY, weights + 4L * i, ORDER);
    }
  }

  private static void replaceBelow(long x, int n, float from, float value) {
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = Lanes.load(x + 4L * i);
      v.blend(value, v.compare(LT, from)).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }
}
