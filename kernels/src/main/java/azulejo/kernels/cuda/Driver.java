package azulejo.kernels.cuda;

import java.lang.foreign.MemorySegment;

/**
 * What the backend needs of the CUDA driver: one device, one stream. Everything but {@link #upload}, {@link #download} and {@link #synchronize} returns
 * before the device has done it; all of it happens in call order. Addresses are those of device memory.
 *
 * <p>Every method throws {@link CudaException}, which names the driver's function and says what it answered.
 */
interface Driver extends AutoCloseable {
  /**
   * The device in use.
   *
   * @param name as its maker calls it
   * @param major of the compute capability, 9 for Hopper
   * @param minor of the compute capability
   * @param memory bytes of device memory, those in use by others too
   * @param sharedMemory bytes of shared memory that a block may ask for
   * @param driver the driver and its version, for a person
   */
  record Device(String name, int major, int minor, int multiprocessors, long memory, int sharedMemory, String driver) {}

  /** A kernel of a loaded file. Only its driver looks inside. */
  interface Kernel {}

  /** Launches that were recorded. Only its driver looks inside. */
  interface Graph extends AutoCloseable {
    /** Kernels that a replay starts. */
    int launches();

    @Override
    void close();
  }

  /** A point in the order of the device's work. */
  interface Mark extends AutoCloseable {
    @Override
    void close();
  }

  Device device();

  /** Bytes that can be allocated now. */
  long freeMemory();

  /**
   * Device memory of undefined content, aligned to 256 bytes.
   *
   * @param what it is for, for the message when there is too little
   * @throws OutOfMemoryError naming {@code what}, how much was asked for and how much is free
   */
  long allocate(long bytes, String what);

  /** Gives back what {@link #allocate} gave, when the work before is done. */
  void free(long address);

  /** Returns when {@code from} may be changed again. */
  void upload(MemorySegment from, long to);

  /** Waits for the work before it. */
  void download(long from, MemorySegment to);

  /** {@code bytes} within device memory. */
  void copy(long from, long to, long bytes);

  /** Loads a file's kernels, compiled if need be: {@code file} is the name of a resource of this package without {@code .cu}. */
  Kernel kernel(String file, String name);

  /**
   * @param grid x, y and z of the grid: blocks
   * @param threads of a block
   * @param sharedMemory bytes of dynamic shared memory of a block
   * @param arguments the kernel's one parameter, a struct; copied before the call returns
   */
  void launch(Kernel kernel, int gridX, int gridY, int gridZ, int threads, int sharedMemory, MemorySegment arguments);

  /** Records the launches and copies to come instead of starting them. */
  void beginRecording();

  /** Ends it. */
  Graph endRecording();

  /** Starts all that was recorded, in its order. */
  void replay(Graph graph);

  /** A mark after the work so far. */
  Mark mark();

  /** Milliseconds of the device from one mark to another; waits for both. */
  float milliseconds(Mark from, Mark to);

  /** Waits for all work, and throws if any of it failed. */
  void synchronize();

  /** The stream's handle, for a library that works on it. */
  long stream();

  @Override
  void close();
}
