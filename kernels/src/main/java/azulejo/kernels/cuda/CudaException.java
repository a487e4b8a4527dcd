package azulejo.kernels.cuda;

/** The driver, the compiler or a library refused: the message names the function, what it answered and, where there is one, the cure. */
public final class CudaException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public CudaException(String message) {
    super(message);
  }
}
