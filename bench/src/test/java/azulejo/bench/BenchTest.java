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
      {"LinearBench", "2x64x64"},
      {"ConvolutionBench", "4x4x16x16x3"},
      {"AttentionBench", "1x4x4x2x8"},
      {"NormBench", "1x4x64"},
      {"GroupNormBench", "4x4x64"},
      {"PointwiseBench", "4x64"},
      {"RotaryBench", "1x4x2x8"},
      {"ImageBench", "4x4x16"},
      {"SamplingBench", "1x16x64"},
    }) {
      results.addAll(new Runner(new OptionsBuilder().include("\\." + run[0] + "\\.").param("shape", run[1]).param("backend", "vector")
          .forks(0).warmupIterations(0).measurementIterations(1).measurementTime(TimeValue.milliseconds(1)).verbosity(VerboseMode.SILENT)
          .shouldFailOnError(true).build()).run());
    }
    assertThat(results).hasSize(benchmarks);
    assertThat(results).allSatisfy(r -> assertThat(r.getPrimaryResult().getScore()).isPositive());
  }
}
