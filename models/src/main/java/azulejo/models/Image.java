package azulejo.models;

/** An 8-bit RGB picture, rows from the top, {@code rgb.length == 3 * width * height}. */
public record Image(int width, int height, byte[] rgb) {}
