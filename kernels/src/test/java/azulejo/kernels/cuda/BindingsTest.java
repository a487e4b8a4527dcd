package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The two ways to the driver and NVRTC, each in a JVM of its own that takes the emulation for the libraries of a device. */
class BindingsTest {
  @TempDir
  Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"lwjgl", "panama"})
  void aKernelIsCompiledLaunchedAndRecorded(String binding) throws IOException, InterruptedException {
    assumeTrue(Emulator.canBuild(), "g++ builds the emulation");
    Path library = complete(Emulator.library(CudaBackends.cache()));
    String path = library.toString();
    assertThat(run("-Dazulejo.cuda.binding=" + binding, "-Dazulejo.cuda.library=" + path, "-Dazulejo.cuda.nvrtc=" + path)).containsExactly("cuda", "[11.0, 22.0]");
  }

  @Test
  void withoutADriverTheReasonNamesTheCure() throws IOException, InterruptedException {
    assertThat(run("-Dazulejo.cuda.library=" + dir.resolve("no.so"))).containsExactly("the backend 'cuda' cannot run here: there is no CUDA driver (libcuda.so.1); "
        + "install NVIDIA's driver, or name the library with -Dazulejo.cuda.library=PATH");
  }

  @Test
  void withoutACompilerTheReasonNamesTheCures() throws IOException, InterruptedException {
    assumeTrue(Emulator.canBuild(), "g++ builds the emulation");
    assumeTrue(!PackagedImages.present(), "kernels are packaged");
    String path = Emulator.library(CudaBackends.cache()).toString();
    assertThat(run("-Dazulejo.cuda.library=" + path, "-Dazulejo.cuda.nvrtc=" + dir.resolve("no.so"))).singleElement().asString()
        .startsWith("the backend 'cuda' cannot run here: there is no NVRTC").contains("install the CUDA toolkit's NVRTC", "./mvnw package -Pptx");
  }

  @Test
  void aDeviceThatIsNotThereIsRefused() throws IOException, InterruptedException {
    assumeTrue(Emulator.canBuild(), "g++ builds the emulation");
    String path = Emulator.library(CudaBackends.cache()).toString();
    assertThat(run("-Dazulejo.cuda.library=" + path, "-Dazulejo.cuda.nvrtc=" + path, "-Dazulejo.cuda.device=3")).singleElement().asString()
        .startsWith("the backend 'cuda' cannot run here: the CUDA driver sees only 1 devices, not one with the number 3");
  }

  /** LWJGL asks for every function of the libraries when it loads them; those that the emulation lacks fail when called. */
  private Path complete(Path emulator) throws IOException, InterruptedException {
    Set<String> there = Pattern.compile("API \\w+[ *]+(\\w+)\\(").matcher(Compiler.source("emulator/emulator.cpp")).results().map(m -> m.group(1)).collect(Collectors.toSet());
    StringBuilder source = new StringBuilder();
    for (Class<?> functions : List.of(org.lwjgl.cuda.CU.Functions.class, org.lwjgl.cuda.NVRTC.Functions.class)) {
      for (Field field : functions.getFields()) {
        String name = (functions.getName().contains("NVRTC") ? "nvrtc" : "cu") + field.getName().replaceFirst("^nvrtc", "");
        for (String version : List.of(name, name + "_v2", name + "_v3")) {
          if (there.add(version)) {
            source.append("int ").append(version).append("() { return 801; }\n");
          }
        }
      }
    }
    Path c = Files.writeString(dir.resolve("complete.c"), source);
    Path library = dir.resolve("libcomplete.so");
    Process gcc = new ProcessBuilder("g++", "-x", "c", "-fPIC", "-shared", "-Wl,--no-as-needed", c.toString(), "-x", "none", emulator.toString(), "-o", library.toString())
        .redirectErrorStream(true).start();
    String output = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(gcc.waitFor()).as(output).isZero();
    return library;
  }

  private List<String> run(String... properties) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow"));
    command.addAll(Arrays.asList(properties));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Program.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_CACHE_HOME", dir.resolve("cache").toString());
    Process java = builder.start();
    List<String> output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    assertThat(java.waitFor()).as(output.toString()).isZero();
    return output;
  }

  static final class Program {
    public static void main(String[] args) {
      try (Backend backend = Backends.open("cuda")) {
        System.out.println(backend.name());
        Tensor x = backend.tensor(HostTensor.of("x", new float[] {1, 2}, 2));
        Tensor y = backend.tensor(HostTensor.of("y", new float[] {10, 20}, 2));
        Tensor sum = backend.alloc(DType.F32, 2);
        backend.add(x, y, sum);
        System.out.println(Arrays.toString(backend.download(sum).toFloats()));
      } catch (IllegalArgumentException e) {
        System.out.println(e.getMessage());
      }
    }
  }
}
