// The CUDA driver and NVRTC on a CPU, as far as this project calls them: device memory is host memory, NVRTC is g++, a launch runs the grid before it returns.
// Built as a library with the names of libcuda and libnvrtc, so that the very host code that talks to a device talks to this.
//
// Errors it finds itself (see emulator.h) end a launch with CUDA_ERROR_LAUNCH_FAILED; what was wrong goes to emulator_last_failure. As on a device, the context
// is lost after that.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#define EMULATOR_ENGINE
#include "emulator.h"
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

#define API extern "C" __attribute__((visibility("default")))

// ---- fibers -------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
// Saves what the calling convention keeps, and goes on where `to` left off.
extern "C" void emulator_switch(void** from, void* to);
asm(R"(
.text
.type emulator_switch, @function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
struct Context {
  void* stack = nullptr;

  void prepare(char* top, void (*entry)()) {
    void** p = (void**)((uintptr_t)top & ~(uintptr_t)15);
    *--p = nullptr;       // the entry finds the stack as after a call
    *--p = (void*)entry;  // where the switch returns to
    for (int i = 0; i < 6; i++) *--p = nullptr;
    stack = p;
  }
  static void change(Context& from, Context& to) { emulator_switch(&from.stack, to.stack); }
};
#else
#include <ucontext.h>
struct Context {
  ucontext_t state;

  void prepare(char* top, void (*entry)()) {
    getcontext(&state);
    state.uc_stack.ss_sp = top - 65536;
    state.uc_stack.ss_size = 65536;
    state.uc_link = nullptr;
    makecontext(&state, entry, 0);
  }
  static void change(Context& from, Context& to) { swapcontext(&from.state, &to.state); }
};
#endif

// ---- a block ------------------------------------------------------------------------------------------------------------

namespace {

constexpr int STACK = 65536;
constexpr int LANES = 32;
enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };

struct Copy {
  void* to;
  const void* from;
  int bytes;
  int group;
};

struct Thread {
  Context context;
  State state;
  int kind, value;
  int* count;
  unsigned mask;
  int turn;
  int group;
  std::vector<Copy> copies;
};

struct Warp {
  alignas(16) unsigned char slots[2][LANES][128];
};

struct Random {
  uint64_t state;
  uint32_t next(uint32_t bound) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % bound);
  }
  void shuffle(std::vector<int>& values) {
    for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[next((uint32_t)i)]);
  }
};

struct Engine {
  Context scheduler;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  char* stacks = nullptr;
  size_t stackCount = 0;
  Thread* running = nullptr;
  void (*body)(const void*) = nullptr;
  const void* arguments = nullptr;
  std::map<const void*, std::vector<char>> shared;
  std::vector<char> dynamic;
  std::string failure;
  Random random{1};
  const char* kernel = "";
};
Engine engine;

std::vector<int> order(int n) {
  std::vector<int> values(n);
  for (int i = 0; i < n; i++) values[i] = i;
  engine.random.shuffle(values);
  return values;
}

void fail(const std::string& message) {
  if (engine.failure.empty()) engine.failure = std::string(engine.kernel) + ": " + message;
}

/** NaN of an unlikely payload, as a float and as a double, and an index that is far outside. */
void poison(void* p, size_t bytes) {
  const uint32_t pattern = 0x7ff7dead;
  for (size_t i = 0; i < bytes; i++) ((unsigned char*)p)[i] = (unsigned char)(pattern >> 8 * (i % 4));
}

void yield() { Context::change(engine.running->context, engine.scheduler); }

void enter() {
  engine.body(engine.arguments);
  if (!engine.running->copies.empty()) fail("a thread ends with copies that it never waited for");
  engine.running->state = DONE;
  yield();
}

std::string place(const char* what) {
  const auto& b = emulator::emulator_block;
  return std::string(what) + " in block (" + std::to_string(b.x) + ", " + std::to_string(b.y) + ", " + std::to_string(b.z) + ")";
}

/** Frees a warp whose lanes all wait for the same exchange. */
bool release(int warp) {
  bool any = false;
  for (int i = 0; i < LANES; i++) {
    Thread& t = engine.threads[warp * LANES + i];
    if (t.state != AT_WARP_BARRIER) continue;
    bool all = true;
    for (int j = 0; j < LANES && all; j++) {
      Thread& other = engine.threads[warp * LANES + j];
      if (!(t.mask >> j & 1)) continue;
      if (other.state == DONE) {
        fail(place("a lane has ended that others of its warp exchange values with"));
        return false;
      }
      all = other.state == AT_WARP_BARRIER && other.mask == t.mask;
      if (all && other.kind != t.kind) {
        fail(place("the lanes of a warp meet in different exchanges"));
        return false;
      }
    }
    if (!(t.mask >> i & 1)) {
      fail(place("a lane exchanges values under a mask that it is not in"));
      return false;
    }
    if (!all) continue;
    unsigned mask = t.mask;
    for (int j = 0; j < LANES; j++) {
      if (mask >> j & 1) engine.threads[warp * LANES + j].state = READY;
    }
    any = true;
  }
  return any;
}

/** Runs one block to its end. */
void block(int size) {
  for (auto& [tag, memory] : engine.shared) poison(memory.data(), memory.size());
  poison(engine.dynamic.data(), engine.dynamic.size());
  for (int i = 0; i < size; i++) {
    Thread& t = engine.threads[i];
    t.state = READY;
    t.turn = 0;
    t.group = 0;
    t.copies.clear();
    t.context.prepare(engine.stacks + (size_t)(i + 1) * STACK, enter);
  }
  std::vector<int> warps = order(size / LANES), lanes = order(LANES);
  for (;;) {
    for (int w : warps) {
      do {
        for (int l : lanes) {
          Thread& t = engine.threads[w * LANES + l];
          if (t.state != READY) continue;
          engine.running = &t;
          emulator::emulator_thread = {(unsigned)(w * LANES + l), 0, 0};
          Context::change(engine.scheduler, t.context);
          if (!engine.failure.empty()) return;
        }
      } while (release(w));
      if (!engine.failure.empty()) return;
    }
    int done = 0, waiting = 0, sum = 0, kind = -1;
    for (int i = 0; i < size; i++) {
      Thread& t = engine.threads[i];
      done += t.state == DONE;
      if (t.state == AT_BLOCK_BARRIER) {
        waiting++;
        sum += t.value;
        if (kind >= 0 && kind != t.kind) fail(place("threads meet at different barriers"));
        kind = t.kind;
      }
    }
    if (done == size) return;
    if (waiting != size) {
      fail(place(done > 0 ? "some threads have ended while others wait at a barrier" : "threads wait for each other for ever"));
      return;
    }
    for (int i = 0; i < size; i++) {
      engine.threads[i].state = READY;
      if (engine.threads[i].count != nullptr) *engine.threads[i].count = sum;
    }
  }
}

}  // namespace

namespace emulator {
extern "C" {
__attribute__((visibility("default"))) emulator_dim3 emulator_thread, emulator_block, emulator_block_size, emulator_grid_size;

API void emulator_block_barrier(int kind, int value, int* count) {
  Thread& t = *engine.running;
  t.state = AT_BLOCK_BARRIER;
  t.kind = kind;
  t.value = value;
  t.count = count;
  yield();
}

API void emulator_warp_barrier(unsigned mask, int kind) {
  Thread& t = *engine.running;
  t.state = AT_WARP_BARRIER;
  t.kind = kind;
  t.mask = mask;
  yield();
}

API void* emulator_slots(int turn) { return engine.warps[(engine.running - engine.threads.data()) / LANES].slots[turn]; }

API int emulator_turn() { return engine.running->turn ^= 1; }

API void* emulator_shared(const void* tag, unsigned long bytes) {
  auto& memory = engine.shared[tag];
  if (memory.empty()) {
    memory.resize(bytes + 128);
    poison(memory.data(), memory.size());
  }
  return (void*)(((uintptr_t)memory.data() + 127) & ~(uintptr_t)127);
}

API void* emulator_dynamic_shared() { return (void*)(((uintptr_t)engine.dynamic.data() + 127) & ~(uintptr_t)127); }

API void emulator_copy_async(void* to, const void* from, int bytes) {
  if ((uintptr_t)to % 16 != 0 || (uintptr_t)from % 16 != 0) fail("an asynchronous copy is not aligned to 16 bytes");
  if (bytes < 0 || bytes > 16) fail("an asynchronous copy reads less than 0 or more than 16 bytes");
  engine.running->copies.push_back({to, from, bytes, engine.running->group});
}

API void emulator_commit() { engine.running->group++; }

/** Copies happen as late as the kernel allows. */
API void emulator_wait(int groups) {
  Thread& t = *engine.running;
  auto late = std::stable_partition(t.copies.begin(), t.copies.end(), [&](const Copy& c) { return c.group < t.group - groups; });
  for (auto c = t.copies.begin(); c != late; ++c) {
    memset(c->to, 0, 16);
    memcpy(c->to, c->from, c->bytes);
  }
  t.copies.erase(t.copies.begin(), late);
}

API void emulator_fail(const char* message) { fail(message); }

API void emulator_run(void (*body)(const void*), const void* arguments, const unsigned* launch) {
  int size = (int)launch[3];
  if (size <= 0 || size % LANES != 0 || size > 1024) {
    fail("a block has " + std::to_string(size) + " threads, not a multiple of 32 up to 1024");
    return;
  }
  if (engine.stackCount < (size_t)size) {
    if (engine.stacks != nullptr) munmap(engine.stacks, engine.stackCount * STACK);
    engine.stacks = (char*)mmap(nullptr, (size_t)size * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    engine.stackCount = size;
    engine.threads.resize(size);
    engine.warps.resize(size / LANES);
  }
  engine.body = body;
  engine.arguments = arguments;
  engine.dynamic.assign(launch[4] + 128, 0);
  engine.shared.clear();
  emulator_block_size = {launch[3], 1, 1};
  emulator_grid_size = {launch[0], launch[1], launch[2]};
  size_t blocks = (size_t)launch[0] * launch[1] * launch[2];
  for (int b : order((int)blocks)) {
    emulator_block = {b % launch[0], b / launch[0] % launch[1], b / launch[0] / launch[1]};
    block(size);
    if (!engine.failure.empty()) return;
  }
}
}
}  // namespace emulator

// ---- the driver ---------------------------------------------------------------------------------------------------------

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500, INVALID_HANDLE = 400, FILE_NOT_FOUND = 301, LAUNCH_FAILED = 719, CAPTURE_UNSUPPORTED = 900 };

namespace {

struct Module {
  void* library;
};

struct Function {
  std::string name;
  void (*entry)(const void*, const unsigned*);
  int sharedMemory = 49152;
};

struct Launch {
  Function* function;
  unsigned launch[5];
  std::vector<char> arguments;
};

/** What was recorded, in its order. */
struct Graph {
  std::vector<std::function<int()>> nodes;
};

struct Event {
  std::chrono::steady_clock::time_point time;
};

struct Driver {
  std::map<char*, size_t> allocations;
  std::map<std::string, std::unique_ptr<Function>> functions;
  size_t memory = (size_t)8 << 30;
  size_t used = 0;
  int failAt = -1;
  std::string failing;
  bool lost = false;
  Graph* capture = nullptr;
  long launches = 0;
  int contexts = 0;
  size_t argumentBytes = 0;
};
Driver driver;

/** Whether a call fails because a test wants it to, or the context is lost. */
int refused(const char* name) {
  if (driver.failing == name && driver.failAt-- == 0) {
    driver.failing.clear();
    return 999;
  }
  return driver.lost ? LAUNCH_FAILED : SUCCESS;
}

bool inside(const void* p, size_t bytes) {
  auto after = driver.allocations.upper_bound((char*)p);
  if (after == driver.allocations.begin()) return false;
  auto [start, size] = *--after;
  return (const char*)p + bytes <= start + size;
}

int run(Launch& l) {
  driver.launches++;
  engine.kernel = l.function->name.c_str();
  l.function->entry(l.arguments.data(), l.launch);
  if (!engine.failure.empty()) {
    driver.lost = true;
    return LAUNCH_FAILED;
  }
  return SUCCESS;
}

int transfer(void* to, const void* from, size_t bytes, bool toDevice, bool fromDevice) {
  if (toDevice && !inside(to, bytes) || fromDevice && !inside(from, bytes)) return INVALID_VALUE;
  memcpy(to, from, bytes);
  return SUCCESS;
}

}  // namespace

#define REFUSED(name) \
  if (int r = refused(#name)) return r

/** What a test wants of the device: how much memory it has, in which order blocks and threads run, and the n-th call of which function fails (with 999, unknown). */
API void emulator_configure(size_t memory, uint64_t seed, const char* failing, int failAt) {
  driver.memory = memory;
  engine.random.state = seed;
  driver.failing = failing == nullptr ? "" : failing;
  driver.failAt = failAt;
}
/** Why the last launch failed, or an empty text. */
API const char* emulator_last_failure() { return engine.failure.c_str(); }
/** A fresh device; what was allocated is kept. */
API void emulator_revive() {
  driver.lost = false;
  engine.failure.clear();
  driver.capture = nullptr;
}
API size_t emulator_used() { return driver.used; }
API long emulator_launches() { return driver.launches; }

API int cuInit(unsigned) { REFUSED(cuInit); return SUCCESS; }
API int cuDriverGetVersion(int* version) { *version = 13000; return SUCCESS; }
API int cuDeviceGetCount(int* count) { REFUSED(cuDeviceGetCount); *count = 1; return SUCCESS; }
API int cuDeviceGet(int* device, int ordinal) { *device = ordinal; return ordinal == 0 ? SUCCESS : 101; }
API int cuDeviceGetName(char* name, int length, int) { snprintf(name, length, "this CPU, emulating a device by g++ (slow, for checking the kernels)"); return SUCCESS; }
API int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = driver.memory; return SUCCESS; }
API int cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 75: *value = 9; break;        // compute capability, major
    case 76: *value = 0; break;        // minor
    case 16: *value = 2; break;        // multiprocessors
    case 97: *value = 232448; break;   // shared memory that a block may opt in to
    default: return INVALID_VALUE;
  }
  return SUCCESS;
}
API int cuDevicePrimaryCtxRetain(void** context, int) { REFUSED(cuDevicePrimaryCtxRetain); driver.contexts++; *context = &driver; return SUCCESS; }
API int cuDevicePrimaryCtxRelease_v2(int) { driver.contexts--; return SUCCESS; }
API int cuCtxSetCurrent(void*) { return SUCCESS; }
API int cuMemGetInfo_v2(size_t* free, size_t* total) { *free = driver.memory - driver.used; *total = driver.memory; return SUCCESS; }
API int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  REFUSED(cuMemAlloc_v2);
  if (bytes == 0) return INVALID_VALUE;
  if (driver.capture) return CAPTURE_UNSUPPORTED;
  if (bytes > driver.memory - driver.used) return OUT_OF_MEMORY;
  char* p = (char*)aligned_alloc(256, (bytes + 255) & ~(size_t)255);
  if (p == nullptr) return OUT_OF_MEMORY;
  poison(p, std::min(bytes, (size_t)1 << 20));
  driver.allocations[p] = bytes;
  driver.used += bytes;
  *address = (uint64_t)p;
  return SUCCESS;
}
API int cuMemFree_v2(uint64_t address) {
  auto found = driver.allocations.find((char*)address);
  if (found == driver.allocations.end()) return INVALID_VALUE;
  driver.used -= found->second;
  free(found->first);
  driver.allocations.erase(found);
  return SUCCESS;
}
API int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void*) {
  REFUSED(cuMemcpyHtoDAsync_v2);
  if (driver.capture) return CAPTURE_UNSUPPORTED;
  return transfer((void*)to, from, bytes, true, false);
}
API int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void*) {
  REFUSED(cuMemcpyDtoHAsync_v2);
  if (driver.capture) return CAPTURE_UNSUPPORTED;
  return transfer(to, (void*)from, bytes, false, true);
}
API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void*) {
  REFUSED(cuMemcpyDtoDAsync_v2);
  if (driver.capture) {
    driver.capture->nodes.push_back([=] { return transfer((void*)to, (void*)from, bytes, true, true); });
    return SUCCESS;
  }
  return transfer((void*)to, (void*)from, bytes, true, true);
}
API int cuStreamCreate(void** stream, unsigned) { *stream = &driver; return SUCCESS; }
API int cuStreamDestroy_v2(void*) { return SUCCESS; }
API int cuStreamSynchronize(void*) { REFUSED(cuStreamSynchronize); return driver.capture ? CAPTURE_UNSUPPORTED : SUCCESS; }
API int cuStreamBeginCapture_v2(void*, int) {
  REFUSED(cuStreamBeginCapture_v2);
  if (driver.capture) return INVALID_VALUE;
  driver.capture = new Graph;
  return SUCCESS;
}
API int cuStreamEndCapture(void*, void** graph) {
  REFUSED(cuStreamEndCapture);
  *graph = driver.capture;
  driver.capture = nullptr;
  return *graph ? SUCCESS : INVALID_VALUE;
}
API int cuGraphInstantiateWithFlags(void** exec, void* graph, unsigned long long) { REFUSED(cuGraphInstantiateWithFlags); *exec = new Graph(*(Graph*)graph); return SUCCESS; }
API int cuGraphGetNodes(void* graph, void** nodes, size_t* count) {
  if (nodes != nullptr) return INVALID_VALUE;
  *count = ((Graph*)graph)->nodes.size();
  return SUCCESS;
}
API int cuGraphDestroy(void* graph) { delete (Graph*)graph; return SUCCESS; }
API int cuGraphExecDestroy(void* exec) { delete (Graph*)exec; return SUCCESS; }
API int cuGraphLaunch(void* exec, void*) {
  REFUSED(cuGraphLaunch);
  for (auto& node : ((Graph*)exec)->nodes) {
    if (int r = node()) return r;
  }
  return SUCCESS;
}
API int cuModuleLoadData(void** module, const void* image) {
  REFUSED(cuModuleLoadData);
  if (driver.capture) return CAPTURE_UNSUPPORTED;
  std::string path = (const char*)image;
  path = path.substr(0, path.find('\n'));
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    engine.failure = dlerror();
    return FILE_NOT_FOUND;
  }
  *module = new Module{library};
  return SUCCESS;
}
API int cuModuleUnload(void* module) { delete (Module*)module; return SUCCESS; }
API int cuModuleGetFunction(void** function, void* module, const char* name) {
  void* entry = dlsym(((Module*)module)->library, name);
  if (entry == nullptr) return NOT_FOUND;
  auto& f = driver.functions[name];
  if (!f) f = std::make_unique<Function>();
  f->name = name;
  f->entry = (void (*)(const void*, const unsigned*))entry;
  *function = f.get();
  return SUCCESS;
}
API int cuFuncSetAttribute(void* function, int attribute, int value) {
  if (attribute != 8 || value > 232448) return INVALID_VALUE;
  ((Function*)function)->sharedMemory = value;
  return SUCCESS;
}
/** The parameters come as one buffer (CU_LAUNCH_PARAM_BUFFER_POINTER, its size after CU_LAUNCH_PARAM_BUFFER_SIZE). */
API int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void*, void**, void** extra) {
  REFUSED(cuLaunchKernel);
  if (extra == nullptr || extra[0] != (void*)1 || extra[2] != (void*)2 || by != 1 || bz != 1 || gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535) return INVALID_VALUE;
  Function* f = (Function*)function;
  if ((int)shared > f->sharedMemory) return INVALID_VALUE;
  const char* buffer = (const char*)extra[1];
  auto launch = std::make_shared<Launch>(Launch{f, {gx, gy, gz, bx, shared}, std::vector<char>(buffer, buffer + *(size_t*)extra[3])});
  if (driver.capture) {
    driver.capture->nodes.push_back([=] { return run(*launch); });
    return SUCCESS;
  }
  return run(*launch);
}
API int cuEventCreate(void** event, unsigned) { *event = new Event; return SUCCESS; }
API int cuEventDestroy_v2(void* event) { delete (Event*)event; return SUCCESS; }
API int cuEventRecord(void* event, void*) { ((Event*)event)->time = std::chrono::steady_clock::now(); return SUCCESS; }
API int cuEventSynchronize(void*) { return SUCCESS; }
API int cuEventElapsedTime(float* ms, void* from, void* to) {
  *ms = std::chrono::duration<float, std::milli>(((Event*)to)->time - ((Event*)from)->time).count();
  return SUCCESS;
}
API int cuGetErrorName(int error, const char** name) {
  switch (error) {
    case SUCCESS: *name = "CUDA_SUCCESS"; break;
    case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case 101: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
    case FILE_NOT_FOUND: *name = "CUDA_ERROR_FILE_NOT_FOUND"; break;
    case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
    case LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case CAPTURE_UNSUPPORTED: *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"; break;
    case 999: *name = "CUDA_ERROR_UNKNOWN"; break;
    default: return INVALID_VALUE;
  }
  return SUCCESS;
}
API int cuGetErrorString(int error, const char** text) {
  static std::string detail;
  if (error == LAUNCH_FAILED || error == FILE_NOT_FOUND) {
    detail = engine.failure;
    *text = detail.c_str();
    return SUCCESS;
  }
  return cuGetErrorName(error, text);
}

// ---- cuBLASLt -----------------------------------------------------------------------------------------------------------

namespace {
struct MatmulDesc {
  int transposed[2] = {0, 0};
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;

  float at(const void* p, uint64_t row, uint64_t column) const {
    uint64_t i = row + column * stride;
    switch (type) {
      case 0: return ((const float*)p)[i];
      case 2: return emulator::half_to_float(((const uint16_t*)p)[i]);
      default: return emulator::number((uint32_t)((const uint16_t*)p)[i] << 16);
    }
  }
};
}  // namespace

API int cublasLtCreate(void** handle) { *handle = &driver; return 0; }
API int cublasLtDestroy(void*) { return 0; }
API int cublasLtMatmulDescCreate(void** desc, int compute, int scale) {
  if (compute != 68 || scale != 0) return 15;  // other than sums in f32
  *desc = new MatmulDesc;
  return 0;
}
API int cublasLtMatmulDescDestroy(void* desc) { delete (MatmulDesc*)desc; return 0; }
API int cublasLtMatmulDescSetAttribute(void* desc, int attribute, const void* value, size_t size) {
  if ((attribute != 3 && attribute != 4) || size != 4) return 7;
  ((MatmulDesc*)desc)->transposed[attribute - 3] = *(const int*)value;
  return 0;
}
API int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  if ((type != 0 && type != 2 && type != 14) || stride < (int64_t)rows) return 7;
  *layout = new Layout{type, rows, columns, stride};
  return 0;
}
API int cublasLtMatrixLayoutDestroy(void* layout) { delete (Layout*)layout; return 0; }
API int cublasLtMatmulPreferenceCreate(void** preference) { *preference = new size_t(0); return 0; }
API int cublasLtMatmulPreferenceDestroy(void* preference) { delete (size_t*)preference; return 0; }
API int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, size_t size) {
  if (attribute != 1 || size != 8) return 7;
  *(size_t*)preference = *(const size_t*)value;
  return 0;
}
API int cublasLtMatmulAlgoGetHeuristic(void*, void* desc, void* a, void* b, void*, void* d, void*, int, void* results, int* count) {
  const Layout &x = *(Layout*)a, &y = *(Layout*)b, &z = *(Layout*)d;
  auto& t = ((MatmulDesc*)desc)->transposed;
  bool fits = (t[0] ? x.columns : x.rows) == z.rows && (t[1] ? y.rows : y.columns) == z.columns && (t[0] ? x.rows : x.columns) == (t[1] ? y.columns : y.rows);
  memset(results, 0x5a, 64);
  *count = fits && x.type == y.type && z.type == 0 ? 1 : 0;
  return 0;
}
API int cublasLtMatmul(void*, void* desc, const float* alpha, const void* a, void* la, const void* b, void* lb, const float* beta, const void* c, void*, void* d, void* ld,
    const void* algorithm, void* workspace, size_t, void*) {
  REFUSED(cublasLtMatmul);
  const unsigned char* chosen = (const unsigned char*)algorithm;
  if (*beta != 0 || c != d || std::any_of(chosen, chosen + 64, [](unsigned char x) { return x != 0x5a; })) return 7;
  MatmulDesc m = *(MatmulDesc*)desc;
  Layout x = *(Layout*)la, y = *(Layout*)lb, z = *(Layout*)ld;
  float scale = *alpha;
  auto work = [=] {
    for (uint64_t j = 0; j < z.columns; j++) {
      for (uint64_t i = 0; i < z.rows; i++) {
        float sum = 0;
        for (uint64_t k = 0; k < (m.transposed[0] ? x.rows : x.columns); k++) {
          sum += (m.transposed[0] ? x.at(a, k, i) : x.at(a, i, k)) * (m.transposed[1] ? y.at(b, j, k) : y.at(b, k, j));
        }
        ((float*)d)[i + j * z.stride] = scale * sum;
      }
    }
    return 0;
  };
  if (driver.capture) {
    driver.capture->nodes.push_back(work);
    return 0;
  }
  return work();
}

// ---- the compiler -------------------------------------------------------------------------------------------------------

namespace {
struct Program {
  std::string source, name, log, image;
  std::map<std::string, std::string> headers;
};

void write(const std::string& path, const std::string& text) {
  FILE* f = fopen(path.c_str(), "w");
  if (f != nullptr) {
    fwrite(text.data(), 1, text.size(), f);
    fclose(f);
  }
}

std::string read(const std::string& path) {
  std::string text;
  if (FILE* f = fopen(path.c_str(), "r")) {
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) text.append(buffer, n);
    fclose(f);
  }
  return text;
}
}  // namespace

API int nvrtcVersion(int* major, int* minor) { *major = 13; *minor = 0; return 0; }
API const char* nvrtcGetErrorString(int error) { return error == 0 ? "NVRTC_SUCCESS" : error == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR"; }
API int nvrtcCreateProgram(void** program, const char* source, const char* name, int count, const char** headers, const char** names) {
  Program* p = new Program{source, name, "", "", {}};
  for (int i = 0; i < count; i++) p->headers[names[i]] = headers[i];
  *program = p;
  return 0;
}
API int nvrtcDestroyProgram(void** program) { delete (Program*)*program; *program = nullptr; return 0; }
/** The library lies where this one does, for "PTX" names it. Options of NVRTC are not those of g++ and are left out. */
API int nvrtcCompileProgram(void* program, int, const char**) {
  Program& p = *(Program*)program;
  Dl_info self;
  dladdr((void*)&nvrtcCompileProgram, &self);
  std::string library = self.dli_fname, folder = library.substr(0, library.rfind('/'));
  char work[] = "/tmp/azulejo-emulator-XXXXXX";
  if (mkdtemp(work) == nullptr) return 1;
  std::string dir = work, source = dir + "/" + p.name + ".cpp", log = dir + "/log", built = dir + "/built.so";
  write(source, p.source);
  for (auto& [name, text] : p.headers) write(dir + "/" + name, text);
  size_t hash = std::hash<std::string>()(p.source);
  for (auto& [name, text] : p.headers) hash = hash * 31 + std::hash<std::string>()(text);
  std::string target = folder + "/" + p.name + "-" + std::to_string(hash) + ".so";
  std::string command = "g++ -std=c++17 -O2 -march=native -fPIC -shared -ffp-contract=off -fno-strict-aliasing -DAZULEJO_EMULATED -Wall -Wno-unused -I'" + dir + "' -I'" + folder +
      "' '" + source + "' -o '" + built + "' '" + library + "' -Wl,-rpath,'" + folder + "' >'" + log + "' 2>&1 && mv '" + built + "' '" + target + "'";
  int status = access(target.c_str(), R_OK) == 0 ? 0 : system(command.c_str());
  p.log = read(log);
  system(("rm -rf '" + dir + "'").c_str());
  if (status != 0) return 6;
  p.image = target + "\n";
  return 0;
}
API int nvrtcGetPTXSize(void* program, size_t* size) { *size = ((Program*)program)->image.size() + 1; return 0; }
API int nvrtcGetPTX(void* program, char* ptx) { memcpy(ptx, ((Program*)program)->image.c_str(), ((Program*)program)->image.size() + 1); return 0; }
API int nvrtcGetProgramLogSize(void* program, size_t* size) { *size = ((Program*)program)->log.size() + 1; return 0; }
API int nvrtcGetProgramLog(void* program, char* log) { memcpy(log, ((Program*)program)->log.c_str(), ((Program*)program)->log.size() + 1); return 0; }
