package azulejo.runtime.sampling;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.JsonConfig;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * How often each code of a codebook was used.
 *
 * @param counts [V]
 * @param source what was counted, for a person
 */
public record Usage(long[] counts, String source) {
  public Usage {
    counts = counts.clone();
    if (counts.length == 0 || LongStream.of(counts).anyMatch(count -> count < 0)) {
      throw new IllegalArgumentException("counts " + Arrays.toString(counts));
    }
  }

  /** Counts the codes of token grids. */
  public static Usage count(Iterable<int[]> grids, int codes, String source) {
    long[] counts = new long[codes];
    for (int[] grid : grids) {
      for (int code : grid) {
        counts[code]++;
      }
    }
    return new Usage(counts, source);
  }

  /** Reads what {@link #toMap} gives, from a JSON file. */
  public static Usage read(Path file) {
    try {
      JsonConfig json = JsonConfig.read(file);
      return new Usage(json.integers("counts").stream().mapToLong(i -> i).toArray(), file.toString());
    } catch (IllegalArgumentException e) {
      throw new OptionException(file + " is no usage file, which has a count of at least 0 for each code: make one with azulejo usage", e);
    } catch (AzulejoException e) {
      throw new OptionException(e.getMessage(), e);
    }
  }

  /**
   * The counts, of a codebook of {@code codes}.
   *
   * @throws OptionException when it is another one's
   */
  long[] requireCodes(int codes) {
    if (counts.length != codes) {
      throw new OptionException("the usage in " + source + " is of " + counts.length + " codes, but this model has " + codes + ": make one with azulejo usage");
    }
    return counts;
  }

  public long total() {
    return LongStream.of(counts).sum();
  }

  /** Codes that were used at all. */
  public int used() {
    return (int) LongStream.of(counts).filter(count -> count > 0).count();
  }

  /** Used codes as a fraction of all. */
  public double coverage() {
    return (double) used() / counts.length;
  }

  /** Of the frequencies, in nats: the plug-in estimate, which is too low for few tokens. */
  public double entropy() {
    double total = total();
    return LongStream.of(counts).filter(count -> count > 0).mapToDouble(count -> -count / total * Math.log(count / total)).sum();
  }

  /** {@link #entropy} with the correction of Miller and Madow, (used codes - 1) / (2 tokens); in nats. */
  public double entropyMillerMadow() {
    return total() == 0 ? 0 : entropy() + (used() - 1) / (2.0 * total());
  }

  /** e to the entropy: as many equally frequent codes have it. */
  public double perplexity() {
    return Math.exp(entropy());
  }

  /** What a usage file holds, in reading order. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("source", source);
    map.put("codes", counts.length);
    map.put("tokens", total());
    map.put("used", used());
    map.put("coverage", coverage());
    map.put("entropy_nats", entropy());
    map.put("entropy_miller_madow_nats", entropyMillerMadow());
    map.put("perplexity", perplexity());
    map.put("counts", counts);
    double total = Math.max(1, total());
    map.put("fractions", IntStream.range(0, counts.length).mapToDouble(code -> counts[code] / total).toArray());
    return map;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Usage usage && Arrays.equals(counts, usage.counts) && source.equals(usage.source);
  }

  @Override
  public int hashCode() {
    return Objects.hash(Arrays.hashCode(counts), source);
  }
}
