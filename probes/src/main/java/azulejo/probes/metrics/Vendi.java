package azulejo.probes.metrics;

import java.util.List;
import org.ejml.data.DMatrixRMaj;

/**
 * How many different images a set holds, in effect: the exponential of the entropy of the eigenvalues of K / n, K the images' cosine similarities. 1 for
 * equal images, n for n that have nothing in common.
 *
 * <p>Friedman and Dieng, "The Vendi Score" (TMLR 2023), order 1. With prompts, Jalali et al., "An Information-Theoretic Approach to Diversity Evaluation of
 * Prompt-based Generative Models" (2024, arXiv 2411.02817): the entropy splits into that of the images given their prompts, H(X|T) = H(X,T) - H(T) with the
 * product of the two similarities for H(X,T), and what the prompts explain, I(X;T) = H(X) - H(X|T).
 */
public final class Vendi {
  private Vendi() {}

  /** exp H(X) of vectors of one length. */
  public static double score(List<float[]> images) {
    return Math.exp(entropy(images));
  }

  /** exp H(X|T), what a model adds to its prompts: from 1 up. */
  public static double conditional(List<float[]> images, List<float[]> texts) {
    return Math.exp(conditionalEntropy(images, texts));
  }

  /** exp I(X;T), what prompts bring. */
  public static double information(List<float[]> images, List<float[]> texts) {
    return Math.exp(entropy(images) - conditionalEntropy(images, texts));
  }

  private static double conditionalEntropy(List<float[]> images, List<float[]> texts) {
    DMatrixRMaj joint = similarities(images);
    DMatrixRMaj prompts = similarities(texts);
    for (int i = 0; i < joint.getNumElements(); i++) {
      joint.data[i] *= prompts.data[i];
    }
    return Spectra.entropy(density(joint)) - Spectra.entropy(density(prompts));
  }

  /** By the matrix [D, D] of the same eigenvalues where that is the smaller one. */
  private static double entropy(List<float[]> images) {
    int d = images.getFirst().length;
    if (images.size() <= d) {
      return Spectra.entropy(density(similarities(images)));
    }
    DMatrixRMaj dual = new DMatrixRMaj(d, d);
    for (float[] image : images) {
      double square = Vectors.dot(image, image);
      for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
          dual.data[i * d + j] += square == 0 ? 0 : image[i] * (image[j] / square) / images.size();
        }
      }
    }
    return Spectra.entropy(dual);
  }

  private static DMatrixRMaj similarities(List<float[]> vectors) {
    int n = vectors.size();
    DMatrixRMaj k = new DMatrixRMaj(n, n);
    for (int i = 0; i < n; i++) {
      k.set(i, i, 1);
      for (int j = 0; j < i; j++) {
        double similarity = Vectors.cosine(vectors.get(i), vectors.get(j));
        k.set(i, j, similarity);
        k.set(j, i, similarity);
      }
    }
    return k;
  }

  private static DMatrixRMaj density(DMatrixRMaj similarities) {
    for (int i = 0; i < similarities.getNumElements(); i++) {
      similarities.data[i] /= similarities.numRows;
    }
    return similarities;
  }
}
