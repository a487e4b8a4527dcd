package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BackendsTest {
  @Test
  void opensEachBackendUnderItsName() {
    assertThat(Backends.names()).containsExactly("reference", "vector", "cuda", "cuda-emulated").contains(Backends.DEFAULT);
    for (Backends.Status status : Backends.survey()) {
      if (status.available()) {
        try (Backend backend = Backends.open(status.name())) {
          assertThat(backend.name()).isEqualTo(status.name());
        }
      } else {
        assertThatIllegalArgumentException().isThrownBy(() -> Backends.open(status.name()))
            .withMessage("the backend '" + status.name() + "' cannot run here: " + status.detail());
      }
    }
  }

  @Test
  void anUnknownNameIsRefusedWithTheKnownOnes() {
    assertThatIllegalArgumentException().isThrownBy(() -> Backends.open("gpu")).withMessage("there is no backend 'gpu'; choose one of reference, vector, cuda, cuda-emulated");
  }

  @Test
  void takesAsManyThreadsAsAskedFor() {
    try (Backend backend = Backends.open("vector", 3)) {
      assertThat(backend.description()).contains("3 threads");
    }
    assertThatIllegalArgumentException().isThrownBy(() -> Backends.open("reference", 2)).withMessageContaining("one thread, not 2");
  }

  @Test
  void theSurveyDescribesWhatCanRun() {
    assertThat(Backends.survey()).hasSize(4).allSatisfy(status -> assertThat(status.detail()).isNotBlank());
    assertThat(Backends.survey().subList(0, 2)).allMatch(Backends.Status::available);
    assertThat(Backends.survey().get(1).detail()).matches("Vector API, \\d+-bit \\(\\d+ lanes\\), \\d+ threads?, .+");
  }

  /** A JVM without the module says so and names the flag; it does not fall back to another backend. */
  @Test
  void withoutTheVectorApiTheReasonNamesTheFlag() throws IOException, InterruptedException {
    String reason = "the JVM runs without its Vector API; start it with --add-modules jdk.incubator.vector";
    Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED",
        "-cp", System.getProperty("java.class.path"),
        WithoutVectorApi.class.getName()).redirectErrorStream(true).start();
    String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(java.waitFor()).as(output).isZero();
    assertThat(output.lines().filter(line -> !line.startsWith("cuda"))).containsExactly(
        "reference true plain Java on one core, sums in double: slow, for checking the others",
        "vector false " + reason,
        "the backend 'vector' cannot run here: " + reason);
  }

  static final class WithoutVectorApi {
    public static void main(String[] args) {
      Backends.survey().forEach(status -> System.out.println(status.name() + " " + status.available() + " " + status.detail()));
      try (Backend backend = Backends.open("vector")) {
        System.out.println("opened " + backend);
      } catch (IllegalArgumentException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  void theVectorBackendSaysWhatToTakeInsteadOfF16() {
    try (Backend backend = Backends.open("vector")) {
      assertThatIllegalArgumentException().isThrownBy(() -> backend.matrix(HostTensor.of("w", new float[4], 2, 2), WeightFormat.F16))
          .withMessage("the vector backend does not keep weights as f16: take bf16, which is as small");
    }
  }
}
