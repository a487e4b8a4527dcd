package azulejo.kernels;

/** Rows and columns of zeros around an image. */
public record Padding(int top, int left, int bottom, int right) {
  public static final Padding NONE = new Padding(0, 0, 0, 0);

  public static Padding same(int each) {
    return new Padding(each, each, each, each);
  }
}
