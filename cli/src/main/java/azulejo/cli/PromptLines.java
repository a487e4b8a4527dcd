package azulejo.cli;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Text files with a prompt a line. */
final class PromptLines {
  private PromptLines() {}

  /**
   * The lines that are not blank, at least one.
   *
   * @param option that names the file, for messages
   */
  static List<String> read(Path file, String option) {
    try {
      List<String> prompts = Files.readString(file).lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
      if (prompts.isEmpty()) {
        throw new OptionException(option + " " + file + " holds no prompt, only blank lines");
      }
      return prompts;
    } catch (CharacterCodingException e) {
      throw new OptionException(option + " " + file + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new OptionException("cannot read " + option + " " + file + ": " + AzulejoException.reason(e), e);
    }
  }
}
