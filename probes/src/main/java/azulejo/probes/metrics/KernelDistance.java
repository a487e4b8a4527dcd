package azulejo.probes.metrics;

import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * KID: the squared maximum mean discrepancy of two collections under the kernel {@code (x . y / D + 1)^3}, estimated without bias, so that it may be negative
 * and does not depend on the number of images as FID does.
 *
 * <p>Binkowski et al., "Demystifying MMD GANs" (ICLR 2018); kernel, subsets and their size as in torch-fidelity and torchmetrics. Where either
 * collection has more than {@link #SUBSET} images the value is the mean over {@link #SUBSETS} pairs of random subsets, chosen by a fixed seed; smaller
 * ones are taken whole, at once.
 */
public final class KernelDistance {
  /** Images in a subset, at most. */
  public static final int SUBSET = 1000;
  public static final int SUBSETS = 100;

  private KernelDistance() {}

  /** At least two vectors each, all of one length. */
  public static double of(List<float[]> x, List<float[]> y) {
    if (x.size() <= SUBSET && y.size() <= SUBSET) {
      return discrepancy(x, y);
    }
    Random random = new Random(0);
    double sum = 0;
    for (int i = 0; i < SUBSETS; i++) {
      sum += discrepancy(subset(x, random), subset(y, random));
    }
    return sum / SUBSETS;
  }

  private static List<float[]> subset(List<float[]> all, Random random) {
    if (all.size() <= SUBSET) {
      return all;
    }
    int[] order = IntStream.range(0, all.size()).toArray();
    return IntStream.range(0, SUBSET).mapToObj(i -> {
      int other = i + random.nextInt(order.length - i);
      int chosen = order[other];
      order[other] = order[i];
      order[i] = chosen;
      return all.get(chosen);
    }).toList();
  }

  private static double discrepancy(List<float[]> x, List<float[]> y) {
    double across = sum(x, i -> IntStream.range(0, y.size()).mapToDouble(j -> kernel(x.get(i), y.get(j))));
    return within(x) + within(y) - 2 * across / ((double) x.size() * y.size());
  }

  /** The mean over all pairs of different vectors. */
  private static double within(List<float[]> x) {
    double sum = sum(x, i -> IntStream.range(0, i).mapToDouble(j -> kernel(x.get(i), x.get(j))));
    return 2 * sum / ((double) x.size() * (x.size() - 1));
  }

  /** Of rows that are summed on all processors, and then added up in their order: the same number each time. */
  private static double sum(List<float[]> x, IntFunction<DoubleStream> row) {
    double sum = 0;
    for (double part : IntStream.range(0, x.size()).parallel().mapToDouble(i -> row.apply(i).sum()).toArray()) {
      sum += part;
    }
    return sum;
  }

  private static double kernel(float[] a, float[] b) {
    double k = Vectors.dot(a, b) / a.length + 1;
    return k * k * k;
  }
}
