package azulejo.cli;

import azulejo.models.GeneratedImage;
import azulejo.models.Image;
import azulejo.models.Png;
import azulejo.runtime.AtomicFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes what a run generated, each file with what it was made from as text chunks.
 *
 * @param settings of the run, every default filled in
 */
record Pictures(List<String> prompts, Map<String, Object> settings) {

  /** @return the files, one for all images or one each */
  List<Path> write(List<GeneratedImage> images, Target target) {
    if (!target.separate()) {
      writeSheet(images.stream().map(GeneratedImage::image).toList(), target.name());
      return List.of(target.name());
    }
    AtomicFile.createFolder(target.folder());
    List<Path> files = new ArrayList<>();
    for (GeneratedImage image : images) {
      Path file = target.file(files.size(), images.size());
      Map<String, Object> text = new LinkedHashMap<>();
      text.put("prompt", image.prompt());
      text.putAll(settings);
      text.put("index", image.index());
      write(image.image(), text, file);
      files.add(file);
    }
    return files;
  }

  /** @param images prompt by prompt */
  void writeSheet(List<Image> images, Path file) {
    Map<String, Object> text = new LinkedHashMap<>();
    text.put(prompts.size() == 1 ? "prompt" : "prompts", prompts.size() == 1 ? prompts.getFirst() : prompts);
    text.putAll(settings);
    write(Grid.of(images, Grid.columns(prompts.size(), images.size())), text, file);
  }

  /** A value that is no string goes into its chunk as JSON. */
  private static void write(Image image, Map<String, Object> values, Path file) {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("Software", "azulejo " + Version.number());
    values.forEach((key, value) -> text.put(key, value instanceof String s ? s : JsonMapper.shared().writeValueAsString(value)));
    AtomicFile.write(file, Png.encode(image, text));
  }
}
