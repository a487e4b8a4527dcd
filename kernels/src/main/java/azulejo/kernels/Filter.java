package azulejo.kernels;

/** The weight of a convolution, [O, I, KH, KW] in the checkpoint, in the form in which its backend convolves fastest. */
public interface Filter {
  int outputs();

  int inputs();

  int height();

  int width();
}
