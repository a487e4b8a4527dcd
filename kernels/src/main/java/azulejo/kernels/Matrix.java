package azulejo.kernels;

/** The weight of a linear layer, [N outputs, K inputs], in the form in which its backend multiplies fastest. */
public interface Matrix {
  int outputs();

  int inputs();
}
