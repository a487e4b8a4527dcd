package azulejo.kernels.vector;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

/** Which compiler makes machine code of the kernels: without an optimising one they run, but tens of times slower. */
final class Jit {
  private Jit() {}

  static String name() {
    if (System.getProperty("java.vm.info", "").contains("interpreted")) {
      return "no compiler";
    }
    HotSpotDiagnosticMXBean vm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    if (vm == null) {
      return System.getProperty("java.vm.name");
    }
    if (flag(vm, "UseJVMCICompiler").equals("true")) {
      return "Graal";
    }
    return flag(vm, "TieredStopAtLevel").equals("4") ? "C2" : "C1";
  }

  private static String flag(HotSpotDiagnosticMXBean vm, String name) {
    try {
      return vm.getVMOption(name).getValue();
    } catch (IllegalArgumentException e) {
      return "";
    }
  }
}
