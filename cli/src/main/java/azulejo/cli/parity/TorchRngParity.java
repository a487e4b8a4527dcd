package azulejo.cli.parity;

import azulejo.kernels.HostTensor;
import azulejo.runtime.random.TorchGenerator;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * PyTorch's CPU generator, bit for bit. A tensor is named {@code seed<s>.<what>.<arguments>} and holds what a fresh generator of that seed
 * gives, or, with {@code _then_} in its arguments, several calls in a row.
 */
final class TorchRngParity {
  private TorchRngParity() {}

  static void check(Goldens goldens, Checks checks) {
    checks.section("PyTorch's random numbers");
    Goldens.Golden golden = goldens.file("rng.safetensors").orElseThrow();
    for (String name : golden.names()) {
      if (name.matches("seed\\d{1,18}\\..+")) {
        checks.attempt(name, () -> check(golden, name, checks));
      }
    }
  }

  private static void check(Goldens.Golden golden, String name, Checks checks) {
    int dot = name.indexOf('.');
    TorchGenerator generator = new TorchGenerator(Long.parseLong(name.substring("seed".length(), dot)));
    String[] what = name.substring(dot + 1).split("\\.");
    String parent = name.substring(0, name.lastIndexOf('.'));
    switch (what[0]) {
      case "raw32" -> {
        HostTensor wanted = golden.tensor(name);
        checks.equal(name, wanted, IntStream.range(0, size(wanted)).mapToLong(_ -> Integer.toUnsignedLong(generator.word())).toArray());
      }
      case "rand" -> {
        HostTensor wanted = golden.tensor(name);
        float[] values = new float[size(wanted)];
        generator.rand(values);
        checks.identical(name, wanted, values);
      }
      case "exponential" -> {
        HostTensor wanted = golden.tensor(name);
        float[] values = new float[size(wanted)];
        generator.exponential(values);
        checks.identical(name, wanted, values);
      }
      case "randn" -> checks.identical(name, golden.tensor(name), normals(generator, what[1]));
      case "uniform_double" -> {
        HostTensor wanted = golden.tensor(name);
        double[] values = new double[size(wanted)];
        generator.rand(values);
        checks.equal(name, bits(wanted), bits(values));
      }
      case "randn_double" -> {
        HostTensor wanted = golden.tensor(name);
        double[] values = new double[size(wanted)];
        generator.randn(values);
        checks.equal(name, bits(wanted), bits(values));
      }
      case "randint" -> {
        HostTensor wanted = golden.tensor(name);
        long[] values = new long[size(wanted)];
        generator.randint(values, Long.parseLong(what[1]), Long.parseLong(what[2]));
        checks.equal(name, wanted, values);
      }
      case "randperm" -> {
        HostTensor wanted = golden.tensor(name);
        checks.equal(name, wanted, generator.randperm(size(wanted)));
      }
      case "bernoulli" -> {
        if (what[1].equals("tensor_p")) {
          checks.identical(name, golden.tensor(name), generator.bernoulli(golden.tensor(parent + ".p").toFloats()));
        }
      }
      case "multinomial" -> {
        String kind = what[what.length - 1];
        if (kind.equals("noreplace") || kind.equals("replace")) {
          HostTensor wanted = golden.tensor(name);
          HostTensor probabilities = golden.tensor(parent + ".probs");
          int samples = wanted.shape().size(-1);
          int rows = size(wanted) / samples;
          float[] p = probabilities.toFloats();
          checks.equal(name, wanted, kind.equals("replace")
              ? generator.multinomialWithReplacement(p, rows, samples) : generator.multinomial(p, rows, samples));
        }
      }
      default -> { }
    }
  }

  private static int size(HostTensor tensor) {
    return Math.toIntExact(tensor.shape().elements());
  }

  private static float[] normals(TorchGenerator generator, String lengths) {
    int[] calls = Arrays.stream(lengths.split("_then_")).mapToInt(Integer::parseInt).toArray();
    float[] all = new float[Arrays.stream(calls).sum()];
    int at = 0;
    for (int length : calls) {
      float[] values = new float[length];
      generator.randn(values);
      System.arraycopy(values, 0, all, at, length);
      at += length;
    }
    return all;
  }

  private static long[] bits(HostTensor doubles) {
    return bits(IntStream.range(0, size(doubles)).mapToDouble(doubles::doubleAt).toArray());
  }

  private static long[] bits(double[] values) {
    return Arrays.stream(values).mapToLong(Double::doubleToLongBits).toArray();
  }
}
