package azulejo.probes.metrics;

import azulejo.models.Png;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The pictures in a folder, without those of its subfolders.
 *
 * @param files in the order of their names
 */
public record ImageFolder(Path folder, List<Path> files) {
  private static final String IMAGE = "(?i).+\\.(png|jpe?g)";
  private static final String JPEG = "(?i).+\\.jpe?g";

  /** @throws OptionException when there is no such folder, or no picture in it */
  public static ImageFolder of(Path folder) {
    try (Stream<Path> listing = Files.list(folder)) {
      List<Path> files = listing.filter(file -> file.getFileName().toString().matches(IMAGE)).sorted().toList();
      if (files.isEmpty()) {
        throw new OptionException(folder + " has no pictures: PNG files are expected");
      }
      return new ImageFolder(folder, files);
    } catch (IOException e) {
      throw new OptionException("cannot read the pictures in " + folder + ": " + AzulejoException.reason(e), e);
    }
  }

  /** How many of them are JPEG files, whose artefacts every metric sees. */
  public int jpegs() {
    return (int) files.stream().filter(file -> file.getFileName().toString().matches(JPEG)).count();
  }

  /**
   * One of {@link #files}, with its caption if it has one.
   *
   * @param captions by file name
   * @throws OptionException when it cannot be read, or is damaged
   */
  public static Specimen read(Path file, Map<String, String> captions) {
    try {
      return new Specimen(file.toString(), Png.decode(file.toString(), Files.readAllBytes(file)),
          Optional.ofNullable(captions.get(file.getFileName().toString())), Optional.empty());
    } catch (IOException e) {
      throw new OptionException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  /**
   * Captions by file name, of a UTF-8 table with a line for each picture: its name, a tab, its caption; what follows another tab is left alone.
   *
   * @throws OptionException when a line is none of that, or a picture has two
   */
  public static Map<String, String> captions(Path table) {
    Map<String, String> captions = new HashMap<>();
    try {
      List<String> lines = Files.readAllLines(table);
      for (int i = 0; i < lines.size(); i++) {
        String[] fields = lines.get(i).split("\t", 3);
        if (lines.get(i).isBlank()) {
          continue;
        }
        if (fields.length < 2 || fields[1].isBlank()) {
          throw new OptionException(table + ", line " + (i + 1) + ": a file's name, a tab and its caption are expected");
        }
        if (captions.put(fields[0].strip(), fields[1].strip()) != null) {
          throw new OptionException(table + ", line " + (i + 1) + ": " + fields[0].strip() + " has a caption already");
        }
      }
    } catch (CharacterCodingException e) {
      throw new OptionException(table + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new OptionException("cannot read the captions " + table + ": " + AzulejoException.reason(e), e);
    }
    return captions;
  }
}
