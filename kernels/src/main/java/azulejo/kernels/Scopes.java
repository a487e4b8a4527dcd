package azulejo.kernels;

import java.util.ArrayList;
import java.util.List;

/** The scopes of a backend's memory ({@link Backend#scope}): which of them are open, and what is to be done when one ends. They nest as a stack. */
public final class Scopes {
  private final Frame root = new Frame(null, () -> {});
  private Frame innermost = root;

  /** A scope in the innermost one. @param end gives back what was taken in it */
  public Frame open(Runnable end) {
    root.requireOpen();
    innermost = new Frame(innermost, end);
    return innermost;
  }

  /** The scope that what is allocated now belongs to. */
  public Frame innermost() {
    root.requireOpen();
    return innermost;
  }

  /** The backend's life. */
  public Frame root() {
    root.requireOpen();
    return root;
  }

  /** Ends all of them without giving back what each took, for all of it goes. Returns whether they were open. */
  public boolean close() {
    if (root.closed) {
      return false;
    }
    for (Frame f = innermost; f != null; f = f.outer) {
      f.closed = true;
      f.last.forEach(Runnable::run);
    }
    return true;
  }

  /** A scope, or (with nothing outside it) the backend's life. */
  public final class Frame implements Backend.Scope {
    private final Frame outer;
    private final Runnable end;
    private List<Runnable> last = List.of();
    private volatile boolean closed;

    private Frame(Frame outer, Runnable end) {
      this.outer = outer;
      this.end = end;
    }

    /** Does {@code work} when the scope has ended, by itself or with the backend. */
    public void atEnd(Runnable work) {
      last = last.isEmpty() ? new ArrayList<>() : last;
      last.add(work);
    }

    /** @throws IllegalStateException when it has ended */
    public void requireOpen() {
      if (closed) {
        throw new IllegalStateException(root.closed ? "the backend is closed" : "the tensor's scope is closed");
      }
    }

    @Override
    public void close() {
      if (root.closed) {
        return;
      }
      if (closed) {
        throw new IllegalStateException("the scope is closed already");
      }
      if (this != innermost) {
        throw new IllegalStateException("a scope inside this one is still open");
      }
      closed = true;
      innermost = outer;
      end.run();
      last.forEach(Runnable::run);
    }
  }
}
