package azulejo.cli;

import azulejo.runtime.OptionException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What surrounds a run of the command line; a test brings its own.
 *
 * @param out results
 * @param err everything else that a person reads
 * @param columns the width of the terminal that {@code err} is, or 0 where it is none
 * @param home the folder that Azulejo is installed in
 */
record Environment(StandardOutput out, PrintStream err, int columns, Path home, Interrupt interrupt, Engine engine) {

  /**
   * A folder named on the command line; {@code demo/...} also means the checkpoints that come with Azulejo, wherever it is called from.
   *
   * @throws OptionException when it means those, but this is a bundle that was made without them
   */
  Path resolve(Path folder) {
    if (Files.exists(folder) || !folder.startsWith("demo")) {
      return folder;
    }
    Path installed = home.resolve(folder);
    if (!Files.exists(home.resolve("demo")) && Files.exists(home.resolve("lib/azulejo.jar"))) {
      throw new OptionException(folder + " is not here: this bundle was made without the demo's models, which azulejo bundle includes with --with-demo");
    }
    return Files.exists(installed) ? installed : folder;
  }
}
