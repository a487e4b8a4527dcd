package azulejo.probes.run;

import azulejo.models.Image;
import azulejo.probes.experiment.Cell;
import java.util.Map;

/**
 * An image that was made.
 *
 * @param tokens [H, W] codes, row by row
 * @param settings of the model, every default filled in, for the file's text chunks
 */
public record Made(Cell cell, Image image, int gridHeight, int gridWidth, int[] tokens, Account account, Map<String, Object> settings) {}
