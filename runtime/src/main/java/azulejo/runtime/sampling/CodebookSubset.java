package azulejo.runtime.sampling;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Leaves only a part of the codebook to be drawn from: the probe of codebook entropy. Logits of the other codes become -infinity; in a diffusion they vanish
 * from the noise of the transition too.
 *
 * <p>Deconstructing Generative Diversity (arXiv 2512.01831), sections 3.4.1 and 4.4.
 */
public record CodebookSubset(Rule rule) implements Intervention {
  private static final Pattern RULE = Pattern.compile("(?<kind>keep-top|drop-top|drop-random):(?<fraction>[0-9]*\\.?[0-9]+)(@(?<seed>-?[0-9]{1,18}))?"
      + "|mask:(?<mask>.+)");

  /** Which codes stay. Fractions are of the V codes, rounded to whole ones. */
  public sealed interface Rule {
    /** Bit v tells whether code v stays. */
    boolean[] allowed(int codes);

    /** As the command line has it, with where the frequencies come from. */
    String text();
  }

  /** The most frequent fraction stays. */
  public record KeepTop(Usage usage, double fraction) implements Rule {
    public KeepTop {
      requireFraction(fraction);
    }

    @Override
    public boolean[] allowed(int codes) {
      return ranked(usage, codes, 0, count(fraction, codes));
    }

    @Override
    public String text() {
      return "keep-top:" + fraction + " by " + usage.source();
    }
  }

  /** The most frequent fraction goes. */
  public record DropTop(Usage usage, double fraction) implements Rule {
    public DropTop {
      requireFraction(fraction);
    }

    @Override
    public boolean[] allowed(int codes) {
      return ranked(usage, codes, count(fraction, codes), codes);
    }

    @Override
    public String text() {
      return "drop-top:" + fraction + " by " + usage.source();
    }
  }

  /** A random fraction goes; the same seed drops the same codes. */
  public record DropRandom(double fraction, long seed) implements Rule {
    public DropRandom {
      requireFraction(fraction);
    }

    /** A shuffle by Fisher and Yates, of which the first codes go. */
    @Override
    public boolean[] allowed(int codes) {
      int[] order = IntStream.range(0, codes).toArray();
      SplittableRandom random = new SplittableRandom(seed);
      boolean[] allowed = new boolean[codes];
      Arrays.fill(allowed, true);
      for (int i = 0; i < count(fraction, codes); i++) {
        int j = random.nextInt(i, codes);
        allowed[order[j]] = false;
        order[j] = order[i];
      }
      return allowed;
    }

    @Override
    public String text() {
      return "drop-random:" + fraction + "@" + seed;
    }
  }

  /**
   * The codes of a list stay.
   *
   * @param source where it comes from, for messages
   */
  public record Mask(List<Integer> codes, String source) implements Rule {
    public Mask {
      codes = List.copyOf(codes);
    }

    /** Of a file with a code a line; what follows a # is a comment. */
    public static Mask read(Path file) {
      try {
        List<Integer> codes = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
          String code = line.replaceFirst("#.*", "").strip();
          if (!code.isEmpty()) {
            codes.add(Integer.valueOf(code));
          }
        }
        return new Mask(codes, file.toString());
      } catch (NumberFormatException | CharacterCodingException e) {
        throw new OptionException("the mask " + file + " must have a code a line, a number from 0", e);
      } catch (IOException e) {
        throw new OptionException("cannot read the mask " + file + ": " + AzulejoException.reason(e), e);
      }
    }

    @Override
    public boolean[] allowed(int count) {
      boolean[] allowed = new boolean[count];
      for (int code : codes) {
        if (code < 0 || code >= count) {
          throw new OptionException("the mask " + source + " names code " + code + ", but this model has codes from 0 to " + (count - 1));
        }
        allowed[code] = true;
      }
      return allowed;
    }

    @Override
    public String text() {
      return "mask:" + source;
    }
  }

  /**
   * Of "keep-top:F", "drop-top:F", "drop-random:F" or "drop-random:F@SEED", or "mask:FILE".
   *
   * @param usage asked for the frequencies if they are needed
   */
  public static CodebookSubset of(String text, Supplier<Usage> usage) {
    Matcher rule = RULE.matcher(text);
    if (!rule.matches() || rule.group("seed") != null && !rule.group("kind").equals("drop-random")) {
      throw new OptionException("a codebook subset is keep-top:FRACTION, drop-top:FRACTION, drop-random:FRACTION@SEED or mask:FILE, not '" + text + "'");
    }
    if (rule.group("mask") != null) {
      return new CodebookSubset(Mask.read(Path.of(rule.group("mask"))));
    }
    double fraction = Double.parseDouble(rule.group("fraction"));
    requireFraction(fraction);
    return switch (rule.group("kind")) {
      case "keep-top" -> keepTop(usage.get(), fraction);
      case "drop-top" -> dropTop(usage.get(), fraction);
      default -> dropRandom(fraction, rule.group("seed") == null ? 0 : Long.parseLong(rule.group("seed")));
    };
  }

  public static CodebookSubset keepTop(Usage usage, double fraction) {
    return new CodebookSubset(new KeepTop(usage, fraction));
  }

  public static CodebookSubset dropTop(Usage usage, double fraction) {
    return new CodebookSubset(new DropTop(usage, fraction));
  }

  public static CodebookSubset dropRandom(double fraction, long seed) {
    return new CodebookSubset(new DropRandom(fraction, seed));
  }

  public static CodebookSubset mask(List<Integer> codes, String source) {
    return new CodebookSubset(new Mask(codes, source));
  }

  private static void requireFraction(double fraction) {
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new OptionException("a fraction of the codebook lies between 0 and 1, not at " + fraction);
    }
  }

  private static int count(double fraction, int codes) {
    return (int) Math.round(fraction * codes);
  }

  /** Those of rank {@code from} to {@code to} by falling frequency, equal ones by code. */
  private static boolean[] ranked(Usage usage, int codes, int from, int to) {
    long[] counts = usage.requireCodes(codes);
    boolean[] allowed = new boolean[codes];
    IntStream.range(0, codes).boxed().sorted(Comparator.comparingLong((Integer code) -> -counts[code])).skip(from).limit(to - from)
        .forEach(code -> allowed[code] = true);
    return allowed;
  }

  /**
   * The codes that stay.
   *
   * @throws OptionException when none does, or the rule is for another codebook
   */
  public boolean[] allowed(int codes) {
    boolean[] allowed = rule.allowed(codes);
    if (IntStream.range(0, codes).noneMatch(code -> allowed[code])) {
      throw new OptionException(String.format(Locale.ROOT, "the codebook subset %s leaves none of the %d codes: let at least one be drawn", rule.text(), codes));
    }
    return allowed;
  }

  @Override
  public String name() {
    return "codebook";
  }

  @Override
  public String setting() {
    return rule.text();
  }

  @Override
  public void check(int codes) {
    allowed(codes);
  }

  /** Several subsets leave the codes that are in all of them. */
  @Override
  public Edit on(Backend b, int codes) {
    boolean[] allowed = allowed(codes);
    float[] logits = new float[codes];
    for (int code = 0; code < codes; code++) {
      logits[code] = allowed[code] ? 0 : Float.NEGATIVE_INFINITY;
    }
    Tensor own = b.tensor(HostTensor.of("codebook", logits, codes));
    Map<Tensor, Tensor> withOthers = new HashMap<>();
    return (draw, _, _) -> draw.codebook(draw.codebook() == null ? own : withOthers.computeIfAbsent(draw.codebook(), other -> {
      Tensor both = b.alloc(own.dtype(), codes);
      b.add(own, other, both);
      return both;
    }));
  }
}
