package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * One device and one stream of work on it. Everything but {@link #upload}, {@link #download} and {@link #synchronize} returns before the device has done it;
 * all of it happens in call order. Addresses are those of device memory.
 *
 * <p>Every method throws {@link DeviceException} when the driver refuses; a failure of work under way shows at a later call.
 */
final class Driver implements AutoCloseable {
  /**
   * The device in use.
   *
   * @param name as its maker calls it
   * @param major of the compute capability, 9 for Hopper
   * @param minor of the compute capability
   * @param memory bytes of device memory, those in use by others too
   * @param sharedMemory bytes of shared memory that a block may ask for
   * @param version of CUDA that the driver supports, 13000 for 13.0
   */
  record Device(String name, int major, int minor, int multiprocessors, long memory, int sharedMemory, int version) {
    /** As the compiler calls it. */
    String architecture() {
      return "sm_" + major + minor;
    }
  }

  /** A kernel of a loaded file. */
  static final class Kernel {
    private final String name;
    private final long function;
    private int sharedMemory = DEFAULT_SHARED_MEMORY;

    private Kernel(String name, long function) {
      this.name = name;
      this.function = function;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Work that was recorded. */
  final class Graph implements AutoCloseable {
    private final long exec;
    private final int launches;

    private Graph(long exec, int launches) {
      this.exec = exec;
      this.launches = launches;
    }

    /** Kernels and copies that a replay starts. */
    int launches() {
      return launches;
    }

    void replay() {
      enter();
      Driver.this.launches += launches;
      check("cuGraphLaunch", cuda.cuGraphLaunch(exec, stream));
    }

    @Override
    public void close() {
      if (!closed) {
        enter();
        // After a failure the driver refuses this too, and has given everything back.
        cuda.cuGraphExecDestroy(exec);
      }
    }
  }

  /** A point in the order of the device's work. */
  final class Mark implements AutoCloseable {
    private final long event;

    private Mark() {
      enter();
      check("cuEventCreate", cuda.cuEventCreate(out.address(), 0));
      event = outLong();
      check("cuEventRecord", cuda.cuEventRecord(event, stream));
    }

    /** The device's milliseconds from {@code earlier} to here; waits for both. */
    float since(Mark earlier) {
      check("cuEventSynchronize", cuda.cuEventSynchronize(event));
      check("cuEventElapsedTime", cuda.cuEventElapsedTime(out.address(), earlier.event, event));
      return out.get(ValueLayout.JAVA_FLOAT, 0);
    }

    @Override
    public void close() {
      check("cuEventDestroy", cuda.cuEventDestroy(event));
    }
  }

  private static final int OUT_OF_MEMORY = 2;
  private static final int COMPUTE_CAPABILITY_MAJOR = 75;
  private static final int COMPUTE_CAPABILITY_MINOR = 76;
  private static final int MULTIPROCESSOR_COUNT = 16;
  private static final int MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97;
  private static final int STREAM_NON_BLOCKING = 1;
  private static final int CAPTURE_MODE_THREAD_LOCAL = 1;
  private static final int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;
  private static final int DEFAULT_SHARED_MEMORY = 48 << 10;
  /** CU_LAUNCH_PARAM_BUFFER_POINTER, _BUFFER_SIZE and _END, for a kernel whose parameters come as one buffer. */
  private static final long BUFFER_POINTER = 1;
  private static final long BUFFER_SIZE = 2;
  private static final int LARGEST_GRID_YZ = 65_535;

  private final CudaApi cuda;
  private final KernelImages images;
  private final Arena arena = Arena.ofShared();
  /** Where the driver writes results: 256 bytes. */
  private final MemorySegment out = arena.allocate(256, 16);
  /** The size of a launch's arguments, and the list that names it and them. */
  private final MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
  private final MemorySegment extra = arena.allocate(5 * Long.BYTES, Long.BYTES);
  private final int ordinal;
  private final Device device;
  private final long context;
  private final long stream;
  private final Map<String, Long> modules = new HashMap<>();
  private final Map<String, Kernel> kernels = new HashMap<>();
  private Thread current;
  private boolean closed;
  private long launches;
  /** What is being recorded, or null. */
  private List<Runnable> recording;

  /**
   * @param ordinal which device, from 0
   * @param images the kernels' code for it
   */
  Driver(CudaApi cuda, int ordinal, KernelImages images) {
    this.cuda = cuda;
    this.images = images;
    this.device = device(cuda, ordinal);
    check("cuDeviceGet", cuda.cuDeviceGet(out.address(), ordinal));
    this.ordinal = out.get(ValueLayout.JAVA_INT, 0);
    check("cuDevicePrimaryCtxRetain", cuda.cuDevicePrimaryCtxRetain(out.address(), this.ordinal));
    this.context = outLong();
    enter();
    check("cuStreamCreate", cuda.cuStreamCreate(out.address(), STREAM_NON_BLOCKING));
    this.stream = outLong();
  }

  /** The driver knows the context of each thread; a backend may pass from one to another. */
  private void enter() {
    if (current != Thread.currentThread()) {
      check("cuCtxSetCurrent", cuda.cuCtxSetCurrent(context));
      current = Thread.currentThread();
    }
  }

  /** How many devices the driver sees. */
  static int devices(CudaApi cuda) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
      return cuda.cuInit(0) == 0 && cuda.cuDeviceGetCount(count.address()) == 0 ? count.get(ValueLayout.JAVA_INT, 0) : 0;
    }
  }

  /** The device of this number, from 0. */
  static Device device(CudaApi cuda, int ordinal) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(256, 16);
      check(cuda, "cuInit", cuda.cuInit(0));
      check(cuda, "cuDeviceGet", cuda.cuDeviceGet(out.address(), ordinal));
      int device = out.get(ValueLayout.JAVA_INT, 0);
      check(cuda, "cuDeviceGetName", cuda.cuDeviceGetName(out.address(), 256, device));
      String name = out.getString(0);
      check(cuda, "cuDeviceTotalMem", cuda.cuDeviceTotalMem(out.address(), device));
      long memory = out.get(ValueLayout.JAVA_LONG, 0);
      check(cuda, "cuDriverGetVersion", cuda.cuDriverGetVersion(out.address()));
      int version = out.get(ValueLayout.JAVA_INT, 0);
      int[] attributes = IntStream.of(COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, MULTIPROCESSOR_COUNT, MAX_SHARED_MEMORY_PER_BLOCK_OPTIN).map(attribute -> {
        check(cuda, "cuDeviceGetAttribute", cuda.cuDeviceGetAttribute(out.address(), attribute, device));
        return out.get(ValueLayout.JAVA_INT, 0);
      }).toArray();
      return new Device(name, attributes[0], attributes[1], attributes[2], memory, attributes[3], version);
    }
  }

  Device device() {
    return device;
  }

  /** A driver that pretends to be this one. */
  Driver rehearsal() {
    return new Driver(new RehearsedCuda(cuda), ordinal, (_, _) -> "");
  }

  /** Puts {@code work} on the stream: now, or when what is being recorded is. For a library's calls too. */
  void submit(Runnable work) {
    if (recording != null) {
      recording.add(work);
    } else {
      launches++;
      work.run();
    }
  }

  /** Does at once what {@code work} submits, though its caller may be being recorded. */
  <T> T beforeRecording(Supplier<T> work) {
    List<Runnable> suspended = recording;
    recording = null;
    try {
      return work.get();
    } finally {
      recording = suspended;
    }
  }

  /** The stream's handle, for a library that works on it within {@link #submit}. */
  long stream() {
    return stream;
  }

  /** Launches and copies so far, those of replays too. */
  long launches() {
    return launches;
  }

  // ---- memory -------------------------------------------------------------------------------------------------------------

  /** Bytes that can be allocated now. */
  long freeMemory() {
    enter();
    check("cuMemGetInfo", cuda.cuMemGetInfo(out.address(), out.address() + Long.BYTES));
    return outLong();
  }

  /**
   * Device memory of undefined content, aligned to 256 bytes.
   *
   * @param what it is for
   * @param cure what helps when there is too little
   * @throws DeviceException then, naming {@code what}, how much was asked for, how much is free, and the cure
   */
  long allocate(long bytes, String what, String cure) {
    enter();
    int result = cuda.cuMemAlloc(out.address(), Math.max(1, bytes));
    if (result == OUT_OF_MEMORY) {
      throw new DeviceException(what + " needs " + size(bytes) + " of the memory of " + device.name + ", which has " + size(freeMemory()) + " free of " + size(device.memory)
          + ": " + cure);
    }
    check("cuMemAlloc", result);
    return outLong();
  }

  private static String size(long bytes) {
    return bytes < 1 << 30 ? String.format(Locale.ROOT, "%.1f MiB", bytes / 0x1p20) : String.format(Locale.ROOT, "%.2f GiB", bytes / 0x1p30);
  }

  /** Gives back what {@link #allocate} gave, when the work before is done. */
  void free(long address) {
    enter();
    check("cuMemFree", cuda.cuMemFree(address));
  }

  /** Returns when {@code from} may be changed again. */
  void upload(MemorySegment from, long to) {
    enter();
    if (from.byteSize() == 0) {
      return;
    }
    try (Arena heap = Arena.ofConfined()) {
      MemorySegment source = from.isNative() ? from : heap.allocate(from.byteSize(), Long.BYTES).copyFrom(from);
      check("cuMemcpyHtoDAsync", cuda.cuMemcpyHtoDAsync(to, source.address(), from.byteSize(), stream));
      synchronize();
    }
  }

  /** Waits for the work before it. */
  void download(long from, MemorySegment to) {
    enter();
    if (to.byteSize() == 0) {
      return;
    }
    check("cuMemcpyDtoHAsync", cuda.cuMemcpyDtoHAsync(to.address(), from, to.byteSize(), stream));
    synchronize();
  }

  /** {@code bytes} within device memory. */
  void copy(long from, long to, long bytes) {
    enter();
    if (bytes > 0) {
      submit(() -> check("cuMemcpyDtoDAsync", cuda.cuMemcpyDtoDAsync(to, from, bytes, stream)));
    }
  }

  // ---- kernels ------------------------------------------------------------------------------------------------------------

  /** A kernel of the file {@code file.cu} of this package's resources, compiled and loaded if it is not yet. */
  Kernel kernel(String file, String name) {
    Kernel known = kernels.get(name);
    return known != null ? known : load(file, name);
  }

  private Kernel load(String file, String name) {
    enter();
    long module = modules.computeIfAbsent(file, this::loadModule);
    try (Arena arena = Arena.ofConfined()) {
      int result = cuda.cuModuleGetFunction(out.address(), module, arena.allocateFrom(name).address());
      check("cuModuleGetFunction(" + name + ")", result);
    }
    Kernel kernel = new Kernel(name, outLong());
    kernels.put(name, kernel);
    return kernel;
  }

  private long loadModule(String file) {
    try (Arena arena = Arena.ofConfined()) {
      String image = images.image(file, device);
      check("cuModuleLoadData(" + file + ")", cuda.cuModuleLoadData(out.address(), arena.allocateFrom(image).address()));
      return outLong();
    }
  }

  /**
   * @param gridX, gridY, gridZ blocks; where one is 0 nothing is to be done
   * @param threads of a block
   * @param sharedMemory bytes of dynamic shared memory of a block
   * @param arguments the kernel's one parameter, a struct; copied before the call returns
   */
  void launch(Kernel kernel, long gridX, long gridY, long gridZ, int threads, int sharedMemory, MemorySegment arguments) {
    enter();
    if (gridX == 0 || gridY == 0 || gridZ == 0) {
      return;
    }
    if (gridX > Integer.MAX_VALUE || gridY > LARGEST_GRID_YZ || gridZ > LARGEST_GRID_YZ) {
      throw new IllegalArgumentException(kernel + ": a grid of " + gridX + " x " + gridY + " x " + gridZ + " blocks");
    }
    if (sharedMemory > kernel.sharedMemory) {
      check("cuFuncSetAttribute(" + kernel + ", MAX_DYNAMIC_SHARED_SIZE_BYTES = " + sharedMemory + ")",
          cuda.cuFuncSetAttribute(kernel.function, MAX_DYNAMIC_SHARED_SIZE_BYTES, sharedMemory));
      kernel.sharedMemory = sharedMemory;
    }
    MemorySegment kept = recording == null ? arguments : Arena.ofAuto().allocate(arguments.byteSize(), Long.BYTES).copyFrom(arguments);
    submit(() -> start(kernel, (int) gridX, (int) gridY, (int) gridZ, threads, sharedMemory, kept));
  }

  private void start(Kernel kernel, int gridX, int gridY, int gridZ, int threads, int sharedMemory, MemorySegment arguments) {
    size.set(ValueLayout.JAVA_LONG, 0, arguments.byteSize());
    extra.setAtIndex(ValueLayout.JAVA_LONG, 0, BUFFER_POINTER);
    extra.setAtIndex(ValueLayout.JAVA_LONG, 1, arguments.address());
    extra.setAtIndex(ValueLayout.JAVA_LONG, 2, BUFFER_SIZE);
    extra.setAtIndex(ValueLayout.JAVA_LONG, 3, size.address());
    extra.setAtIndex(ValueLayout.JAVA_LONG, 4, 0);
    int result = cuda.cuLaunchKernel(kernel.function, gridX, gridY, gridZ, threads, 1, 1, sharedMemory, stream, 0, extra.address());
    if (result != 0) {
      check("cuLaunchKernel(" + kernel + ", grid " + gridX + " x " + gridY + " x " + gridZ + ", " + threads + " threads)", result);
    }
  }

  // ---- recording ----------------------------------------------------------------------------------------------------------

  /**
   * The launches and copies of {@code work}, which are recorded instead of started. They are listed first, so that the driver captures them and nothing else: while
   * it does, it refuses what {@code work} may do for the first time, to load a kernel and to allocate.
   */
  Graph record(Runnable work) {
    enter();
    List<Runnable> calls = new ArrayList<>();
    recording = calls;
    try {
      work.run();
    } finally {
      recording = null;
    }
    long graph = capture(calls);
    try {
      check("cuGraphInstantiate", cuda.cuGraphInstantiate(out.address(), graph, 0));
      return new Graph(outLong(), calls.size());
    } finally {
      cuda.cuGraphDestroy(graph);
    }
  }

  private long capture(List<Runnable> calls) {
    check("cuStreamBeginCapture", cuda.cuStreamBeginCapture(stream, CAPTURE_MODE_THREAD_LOCAL));
    boolean done = false;
    int result;
    try {
      calls.forEach(Runnable::run);
      done = true;
    } finally {
      result = cuda.cuStreamEndCapture(stream, out.address());
      if (!done && result == 0) {
        cuda.cuGraphDestroy(outLong());
      }
    }
    check("cuStreamEndCapture", result);
    return outLong();
  }

  /** A mark after the work so far. */
  Mark mark() {
    return new Mark();
  }

  /** Waits for all work, and throws if any of it failed. */
  void synchronize() {
    enter();
    check("cuStreamSynchronize", cuda.cuStreamSynchronize(stream));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      // After a failure the driver refuses these too, and has given everything back.
      modules.values().forEach(cuda::cuModuleUnload);
      cuda.cuStreamDestroy(stream);
      cuda.cuDevicePrimaryCtxRelease(ordinal);
      arena.close();
    }
  }

  private long outLong() {
    return out.get(ValueLayout.JAVA_LONG, 0);
  }

  private void check(String call, int result) {
    check(cuda, call, result);
  }

  private static void check(CudaApi cuda, String call, int result) {
    if (result != 0) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment text = arena.allocate(ValueLayout.JAVA_LONG);
        String name = cuda.cuGetErrorName(result, text.address()) == 0 ? string(text) : "error " + result;
        String reason = cuda.cuGetErrorString(result, text.address()) == 0 ? string(text) : "";
        throw new DeviceException(call + " failed: " + name + (reason.isEmpty() || reason.equals(name) ? "" : ", " + reason));
      }
    }
  }

  private static String string(MemorySegment pointer) {
    return MemorySegment.ofAddress(pointer.get(ValueLayout.JAVA_LONG, 0)).reinterpret(Long.MAX_VALUE).getString(0);
  }
}
