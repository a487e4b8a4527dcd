package azulejo.kernels.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team that runs one kernel after another: the calling thread and {@code threads - 1} daemons. Between two kernels a daemon spins for a
 * fraction of a millisecond, as the kernels of a model follow each other closely, and then parks.
 *
 * <p>A kernel is cut into numbered tasks; whoever is free takes the next number, so no result may depend on which thread runs a task, and a
 * thread that the operating system holds back delays no one who can do its share. One thread at a time may call {@link #run}.
 */
public final class Workers implements AutoCloseable {
  private static final int SPINS = 10_000;

  /** A kernel's body. */
  @FunctionalInterface
  public interface Task {
    /**
     * @param task 0 to count - 1
     * @param worker the thread's number, 0 to threads - 1: which {@link #scratch} is its own
     */
    void run(int task, int worker);
  }

  private final Daemon[] daemons;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment[] scratch;

  // The kernel in progress. Who draws a positive ticket owes a task, and until it is done the kernel cannot end: task and count are
  // stable for him. The write to tickets publishes them, the last write to pending publishes the results.
  private Task task;
  private int count;
  private final AtomicInteger tickets = new AtomicInteger();
  private final AtomicInteger pending = new AtomicInteger();
  private volatile Throwable failure;
  private volatile boolean closed;

  /** A team for all the processors that this JVM may use. */
  public Workers() {
    this(Runtime.getRuntime().availableProcessors());
  }

  public Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(threads + " threads");
    }
    scratch = new MemorySegment[threads];
    daemons = new Daemon[threads - 1];
    for (int i = 0; i < daemons.length; i++) {
      daemons[i] = new Daemon(i + 1);
      daemons[i].start();
    }
  }

  public int threads() {
    return scratch.length;
  }

  /**
   * Runs tasks 0 to {@code count - 1} and returns when all have ended. What a task throws is thrown here once the running tasks have ended;
   * tasks that had not started are dropped.
   */
  public void run(int count, Task task) {
    if (closed) {
      throw new IllegalStateException("the workers are closed");
    }
    if (count <= 1 || daemons.length == 0) {
      for (int i = 0; i < count; i++) {
        task.run(i, 0);
      }
      return;
    }
    this.task = task;
    this.count = count;
    pending.set(count);
    tickets.set(count);
    for (Daemon d : daemons) {
      if (d.parked) {
        LockSupport.unpark(d);
      }
    }
    work(0);
    for (int i = 0; pending.get() > 0; i++) {
      if (i < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
    this.task = null;
    Throwable t = failure;
    failure = null;
    switch (t) {
      case null -> {}
      case Error e -> throw e;
      default -> throw (RuntimeException) t;
    }
  }

  private void work(int worker) {
    for (int left = tickets.getAndDecrement(); left > 0; left = tickets.getAndDecrement()) {
      int done = 1;
      try {
        task.run(count - left, worker);
      } catch (RuntimeException | Error e) {
        failure = e;
        done += Math.max(0, tickets.getAndSet(0));
      }
      pending.addAndGet(-done);
    }
  }

  /** Memory of at least {@code bytes} for a worker's intermediate values, aligned to 64 bytes; its contents last until the task ends. */
  long scratch(int worker, long bytes) {
    MemorySegment s = scratch[worker];
    if (s == null || s.byteSize() < bytes) {
      s = arena.allocate(Math.max(bytes, s == null ? 0 : 2 * s.byteSize()), 64);
      scratch[worker] = s;
    }
    return s.address();
  }

  /** Ends the daemons and frees the scratch memory. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    boolean interrupted = false;
    for (Daemon d : daemons) {
      LockSupport.unpark(d);
      while (d.isAlive()) {
        try {
          d.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    arena.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Daemon extends Thread {
    private final int worker;
    private volatile boolean parked;

    private Daemon(int worker) {
      super("azulejo-worker-" + worker);
      this.worker = worker;
      setDaemon(true);
    }

    @Override
    public void run() {
      while (!closed) {
        for (int i = 0; i < SPINS && tickets.get() <= 0; i++) {
          Thread.onSpinWait();
        }
        if (tickets.get() <= 0) {
          parked = true;
          while (tickets.get() <= 0 && !closed) {
            LockSupport.park(Workers.this);
          }
          parked = false;
        }
        work(worker);
      }
    }
  }
}
