package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.Checks;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Noise;
import azulejo.kernels.Norm;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Scopes;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongFunction;
import java.util.function.Supplier;

/**
 * The ops on an NVIDIA GPU, by kernels of this package ({@code *.cu}), each with a class of its own name that launches it. All work goes to one stream, in
 * call order; only {@link #upload} and {@link #download} wait.
 *
 * <p>With a weight of a narrow format, more than 16 rows of a linear layer's input are rounded too: to f16 for that, to bf16 for others.
 *
 * <p>A wrong index in a tensor (a table's, a cell's) is not noticed: what a kernel then reads or writes is undefined.
 */
public final class CudaBackend implements Backend {
  private final Driver driver;
  private final DeviceMemory memory;
  private final Launch launch;
  private final String name;
  private final Linear.Rival rival;
  private final Supplier<List<String>> choices;
  private boolean recording;
  private boolean closed;

  /** With the kernels of this package alone. */
  CudaBackend(String name, Driver driver) {
    this(name, driver, null, List::of);
  }

  /**
   * @param rival made with the address of its workspace, or null
   * @param choices what was chosen between it and the kernels of this package
   */
  CudaBackend(String name, Driver driver, LongFunction<Linear.Rival> rival, Supplier<List<String>> choices) {
    this.name = name;
    this.driver = driver;
    this.memory = new DeviceMemory(driver);
    this.launch = new Launch(driver);
    this.rival = rival == null ? null : rival.apply(memory.weight(CublasLt.WORKSPACE, "cuBLASLt's workspace").address());
    this.choices = choices;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String description() {
    Driver.Device d = driver.device();
    return String.format(Locale.ROOT, "%s, compute capability %d.%d, %d multiprocessors, %.1f GiB, CUDA %d.%d", d.name(), d.major(), d.minor(), d.multiprocessors(),
        d.memory() / 0x1p30, d.version() / 1000, d.version() % 1000 / 10);
  }

  @Override
  public Optional<Memory> deviceMemory() {
    return Optional.of(new Memory(memory.weightBytes(), memory.reserved(), driver.freeMemory()));
  }

  @Override
  public Optional<Backend> rehearsal() {
    return Optional.of(new CudaBackend(name, driver.rehearsal()));
  }

  @Override
  public List<String> choices() {
    return choices.get();
  }

  @Override
  public long launches() {
    return driver.launches();
  }

  // ---- memory -------------------------------------------------------------------------------------------------------------

  @Override
  public Scope scope() {
    return memory.scope();
  }

  @Override
  public Tensor alloc(DType dtype, long... dims) {
    Shape shape = Shape.of(dims);
    return Tensor.dense(memory.alloc(Math.multiplyExact(shape.elements(), dtype.bytes())), dtype, shape);
  }

  @Override
  public Tensor weight(HostTensor host) {
    requireNoRecording();
    DType dtype = host.dtype().isFloat() ? DType.F32 : host.dtype();
    Tensor weight = Tensor.dense(memory.weight(Math.multiplyExact(host.shape().elements(), dtype.bytes()), host.name()), dtype, host.shape());
    upload(host, weight);
    return weight;
  }

  @Override
  public Matrix matrix(HostTensor weight, WeightFormat format) {
    requireNoRecording();
    Checks.matrix(weight);
    format.check(weight);
    try (Scope _ = scope()) {
      return Linear.pack(this, memory, launch, weight, format);
    }
  }

  @Override
  public Filter filter(HostTensor weight) {
    requireNoRecording();
    Checks.filter(weight);
    try (Scope _ = scope()) {
      return Conv2d.pack(memory, launch, weight, tensor(weight));
    }
  }

  @Override
  public void upload(HostTensor host, Tensor out) {
    requireNoRecording();
    Checks.upload(host, out);
    if (!out.isDense()) {
      try (Scope _ = scope()) {
        Tensor dense = alloc(out.dtype(), out.shape().toArray());
        upload(host, dense);
        Pointwise.copy(launch, dense, out);
      }
    } else if (host.dtype() == out.dtype()) {
      driver.upload(host.data(), DeviceBuffer.address(out));
    } else if (host.dtype() == DType.F16 || host.dtype() == DType.BF16) {
      try (Scope _ = scope()) {
        Tensor narrow = alloc(host.dtype(), host.shape().toArray());
        driver.upload(host.data(), DeviceBuffer.address(narrow));
        Pointwise.widen(launch, DeviceBuffer.address(narrow), host.dtype(), out);
      }
    } else {
      driver.upload(converted(host, out.dtype()), DeviceBuffer.address(out));
    }
  }

  private static MemorySegment converted(HostTensor host, DType dtype) {
    long count = host.shape().elements();
    MemorySegment values = Arena.ofAuto().allocate(count * dtype.bytes(), Long.BYTES);
    for (long i = 0; i < count; i++) {
      switch (dtype) {
        case F32 -> values.setAtIndex(ValueLayout.JAVA_FLOAT, i, host.floatAt(i));
        case I32 -> values.setAtIndex(ValueLayout.JAVA_INT, i, host.intAt(i));
        default -> values.setAtIndex(ValueLayout.JAVA_LONG, i, host.longAt(i));
      }
    }
    return values;
  }

  @Override
  public HostTensor download(Tensor x) {
    requireNoRecording();
    MemorySegment data = Arena.ofAuto().allocate(x.shape().elements() * x.dtype().bytes(), Long.BYTES);
    if (x.isDense()) {
      driver.download(DeviceBuffer.address(x), data);
    } else {
      try (Scope _ = scope()) {
        Tensor dense = alloc(x.dtype(), x.shape().toArray());
        Pointwise.copy(launch, x, dense);
        driver.download(DeviceBuffer.address(dense), data);
      }
    }
    return new HostTensor(x.toString(), x.dtype(), x.shape(), data);
  }

  @Override
  public void copy(Tensor x, Tensor out) {
    Checks.copy(x, out);
    if (x.isDense() && out.isDense()) {
      driver.copy(DeviceBuffer.address(x), DeviceBuffer.address(out), x.shape().elements() * x.dtype().bytes());
    } else {
      Pointwise.copy(launch, x, out);
    }
  }

  /** A CUDA graph. */
  @Override
  public Recording record(Runnable ops) {
    requireNoRecording();
    Driver.Graph[] graph = new Driver.Graph[1];
    recording = true;
    try {
      memory.record(() -> graph[0] = driver.record(ops));
    } finally {
      recording = false;
    }
    GraphRecording made = new GraphRecording(graph[0], memory.innermost());
    memory.innermost().atEnd(made::close);
    return made;
  }

  private final class GraphRecording implements Recording {
    private final Driver.Graph graph;
    private final Scopes.Frame scope;
    private boolean over;

    private GraphRecording(Driver.Graph graph, Scopes.Frame scope) {
      this.graph = graph;
      this.scope = scope;
    }

    @Override
    public void replay() {
      requireNoRecording();
      scope.requireOpen();
      if (over) {
        throw new IllegalStateException("the recording is closed");
      }
      graph.replay();
    }

    @Override
    public int launches() {
      return graph.launches();
    }

    @Override
    public void close() {
      if (!over) {
        over = true;
        graph.close();
      }
    }
  }

  private void requireNoRecording() {
    if (recording) {
      throw new IllegalStateException("recorded ops may not upload, download, make weights, record or replay");
    }
  }

  // ---- ops ----------------------------------------------------------------------------------------------------------------

  @Override
  public void gather(Tensor table, Tensor index, Tensor out) {
    Checks.gather(table, index, out);
    Pointwise.gather(launch, table, index, out);
  }

  @Override
  public void place(Tensor x, Tensor position, Tensor out) {
    Checks.place(x, position, out);
    Pointwise.place(launch, x, position, out);
  }

  @Override
  public void increment(Tensor counter) {
    Checks.increment(counter);
    Pointwise.increment(launch, counter);
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    Checks.add(a, b, out);
    Pointwise.add(launch, a, b, out);
  }

  @Override
  public void activate(Tensor x, Activation activation, Tensor out) {
    Checks.activate(x, out);
    Pointwise.activate(launch, x, activation, out);
  }

  @Override
  public void gate(Tensor x, Activation activation, Tensor out) {
    Checks.gate(x, out);
    Pointwise.gate(launch, x, activation, out);
  }

  @Override
  public void modulate(Tensor x, Tensor scaleShift, Tensor out) {
    Checks.modulate(x, scaleShift, out);
    Pointwise.modulate(launch, x, scaleShift, out);
  }

  @Override
  public void linear(Tensor x, Matrix weight, Tensor bias, Activation activation, Tensor residual, Tensor out) {
    Checks.linear(x, weight, bias, residual, out);
    Linear.linear(memory, launch, rival, x, Linear.Weight.of(weight), bias, activation, residual, out);
  }

  @Override
  public void attention(Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor length, Tensor out) {
    Checks.attention(q, k, v, heads, mask, bias, length, out);
    Attention.attention(launch, memory, q, k, v, heads, scale, mask, bias, length, out);
  }

  @Override
  public void rotary(Tensor x, Tensor table, int heads, Tensor out) {
    Checks.rotary(x, table, heads, out);
    Attention.rotary(launch, x, table, heads, out);
  }

  @Override
  public void norm(Norm norm, Tensor x, Tensor weight, Tensor bias, float eps, Tensor scaleShift, Tensor out) {
    Checks.norm(x, weight, bias, scaleShift, out);
    Norms.norm(launch, norm, x, weight, bias, eps, scaleShift, out);
  }

  @Override
  public void groupNorm(Tensor x, int groups, Tensor weight, Tensor bias, float eps, Activation activation, Tensor out) {
    Checks.groupNorm(x, groups, weight, bias, out);
    Norms.groupNorm(launch, memory, x, groups, weight, bias, eps, activation, out);
  }

  @Override
  public void globalResponseNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out) {
    Checks.globalResponseNorm(x, gamma, beta, out);
    Norms.globalResponseNorm(launch, memory, x, gamma, beta, out);
  }

  @Override
  public void conv2d(Tensor x, Filter filter, Tensor bias, int stride, Padding padding, Activation activation, Tensor residual, Tensor out) {
    Checks.conv2d(x, filter, bias, stride, padding, residual, out);
    Conv2d.conv2d(memory, launch, x, Conv2d.Kernel.of(filter), bias, stride, padding, activation, residual, out);
  }

  @Override
  public void depthwiseConv2d(Tensor x, Tensor weight, Tensor bias, Tensor out) {
    Checks.depthwiseConv2d(x, weight, bias, out);
    Images.depthwiseConv2d(launch, x, weight, bias, out);
  }

  @Override
  public void pool2d(Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    Checks.pool2d(x, height, width, stride, padding, out);
    Images.pool2d(launch, pooling, x, height, width, stride, padding, out);
  }

  @Override
  public void upsample(Tensor x, Tensor out) {
    Checks.upsample(x, out);
    Images.upsample(launch, x, out);
  }

  @Override
  public void depthToSpace(Tensor x, Tensor out) {
    Checks.depthToSpace(x, out);
    Images.depthToSpace(launch, x, out);
  }

  @Override
  public void openCells(Tensor grid, int maskId, Tensor open, Tensor count) {
    Checks.openCells(grid, open, count);
    Sampling.openCells(launch, grid, maskId, open, count);
  }

  @Override
  public void draw(Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability, Tensor ledger, Tensor usage,
      Tensor fault) {
    Checks.draw(logits, draw, open, noise, step, tokens, probability, ledger, usage, fault);
    Sampling.draw(launch, memory, logits, draw, open, noise, step, tokens, probability, ledger, usage, fault);
  }

  @Override
  public void reveal(Tensor grid, Tensor open, Tensor tokens) {
    Checks.reveal(grid, open, tokens);
    Sampling.reveal(launch, grid, open, tokens);
  }

  @Override
  public void remask(Tensor grid, Tensor open, Tensor count, Tensor probability, int maskLength, float temperature, int maskId, Noise noise,
      Tensor step, Tensor confidence, Tensor surprisal) {
    Checks.remask(grid, open, count, probability, noise, step, confidence, surprisal);
    Sampling.remask(launch, memory, grid, open, count, probability, maskLength, temperature, maskId, noise, step, confidence, surprisal);
  }

  @Override
  public void startDistribution(Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault) {
    Checks.startDistribution(logits, draw, step, logStart, ledger, fault);
    Diffusion.startDistribution(launch, memory, logits, draw, step, logStart, ledger, fault);
  }

  @Override
  public void diffuse(Tensor logStart, Transition transition, boolean argmax, Tensor grid, Noise noise, Noise path, Tensor step, Tensor posterior,
      Tensor ledger) {
    Checks.diffuse(logStart, transition, grid, noise, path, step, posterior, ledger);
    Diffusion.diffuse(launch, memory, logStart, transition, argmax, grid, noise, path, step, posterior, ledger);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      if (rival != null) {
        rival.cublas().close();
      }
      memory.close();
      launch.close();
      driver.close();
    }
  }
}
