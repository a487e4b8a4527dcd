package azulejo.tests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The dependency rule of docs/design.md: modules point one way, models know no device, kernels know no model, a technology stays in its backend. */
class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("azulejo");

  @Test
  void modulesPointOneWay() {
    layeredArchitecture().consideringOnlyDependenciesInLayers()
        .layer("kernels").definedBy("azulejo.kernels..")
        .layer("runtime").definedBy("azulejo.runtime..")
        .layer("models").definedBy("azulejo.models..")
        .layer("probes").definedBy("azulejo.probes..")
        .layer("weights").definedBy("azulejo.weights..")
        .layer("cli").definedBy("azulejo.cli..")
        .whereLayer("cli").mayNotBeAccessedByAnyLayer()
        .whereLayer("weights").mayOnlyBeAccessedByLayers("cli")
        .whereLayer("probes").mayOnlyBeAccessedByLayers("cli")
        .whereLayer("models").mayOnlyBeAccessedByLayers("probes", "weights", "cli")
        .whereLayer("runtime").mayOnlyBeAccessedByLayers("models", "probes", "weights", "cli")
        .check(CLASSES);
  }

  @Test
  void onlyItsBackendImportsATechnology() {
    noClasses().that().resideOutsideOfPackage("azulejo.kernels.vector..")
        .should().dependOnClassesThat().resideInAPackage("jdk.incubator.vector..").check(CLASSES);
    noClasses().that().resideOutsideOfPackage("azulejo.kernels.cuda..")
        .should().dependOnClassesThat().resideInAPackage("org.lwjgl..").check(CLASSES);
  }

  @Test
  void nothingAboveTheKernelsKnowsABackend() {
    noClasses().that().resideOutsideOfPackage("azulejo.kernels..")
        .should().dependOnClassesThat().resideInAnyPackage("azulejo.kernels.cpu..", "azulejo.kernels.reference..", "azulejo.kernels.vector..", "azulejo.kernels.cuda..")
        .because("models, walks and tools open a backend by name through azulejo.kernels.Backends").check(CLASSES);
  }

  @Test
  void noMutableStatics() {
    fields().that().areStatic().should().beFinal().check(CLASSES);
  }

  @Test
  void theRulesSeeTheProject() {
    assertThat(CLASSES.stream().map(c -> c.getPackageName()))
        .contains("azulejo.kernels", "azulejo.kernels.vector", "azulejo.runtime.walk", "azulejo.models.amused", "azulejo.cli");
  }
}
