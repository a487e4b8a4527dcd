package azulejo.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

class BenchTest {
  /** Each benchmark on its smallest shape, once, in this JVM: that it runs, not how fast. */
  @Test
  void everyBenchmarkRuns() throws RunnerException {
    int benchmarks = BenchmarkList.defaultList().getAll(OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT), List.of()).size();
    assertThat(benchmarks).isPositive();
    Collection<RunResult> results = new ArrayList<>();
    for (String[] run : new String[][] {
      {"LinearBench", "shape", "2x64x64"},
      {"ConvolutionBench", "shape", "4x4x16x16x3"},
      {"AttentionBench", "shape", "1x4x4x2x8"},
      {"NormBench", "shape", "1x4x64"},
      {"GroupNormBench", "shape", "4x4x64"},
      {"PointwiseBench", "shape", "4x64"},
      {"RotaryBench", "shape", "1x4x2x8"},
      {"ImageBench", "shape", "4x4x16"},
      {"SamplingBench", "shape", "1x16x64"},
      {"FlagsBench", "codes", "512", "flags", "temperature+top-k+top-p:codebook+ledger+usage"},
    }) {
      ChainedOptionsBuilder options = new OptionsBuilder().include("\\." + run[0] + "\\.").param("backend", "vector").forks(0).warmupIterations(0)
          .measurementIterations(1).measurementTime(TimeValue.milliseconds(1)).verbosity(VerboseMode.SILENT).shouldFailOnError(true);
      for (int i = 1; i < run.length; i += 2) {
        options.param(run[i], run[i + 1]);
      }
      results.addAll(new Runner(options.build()).run());
    }
    assertThat(results).hasSize(benchmarks);
    assertThat(results).allSatisfy(r -> assertThat(r.getPrimaryResult().getScore()).isPositive());
  }
}
