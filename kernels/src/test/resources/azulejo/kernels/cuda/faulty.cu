// Kernels with one fault each, that a device would show now and then or never. EmulatorTest holds that the emulation finds them.
#include "mma.cuh"

struct Out {
  float* out;
  const float* in;
};

KERNEL(64, sound, Out) {
  SHARED(float, shared, [64]);
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  a.out[blockIdx.x * 64 + threadIdx.x] = shared[63 - threadIdx.x] + block_sum(1.0f);
}

KERNEL(64, reads_shared_memory_that_nobody_wrote, Out) {
  SHARED(float, shared, [65]);
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  a.out[blockIdx.x * 64 + threadIdx.x] = shared[threadIdx.x + 1];
}

KERNEL(64, lacks_a_barrier, Out) {
  SHARED(float, shared, [64]);
  shared[threadIdx.x] = threadIdx.x;
  a.out[blockIdx.x * 64 + threadIdx.x] = shared[63 - threadIdx.x];
}

KERNEL(64, leaves_before_a_barrier, Out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  }
  a.out[blockIdx.x * 64 + threadIdx.x] = 1;
}

KERNEL(64, leaves_an_exchange, Out) {
  if (threadIdx.x % 32 != 5) {
    a.out[blockIdx.x * 64 + threadIdx.x] = __shfl_sync(FULL, 1.0f, 0);
  }
}

KERNEL(64, meets_in_different_exchanges, Out) {
  if (threadIdx.x % 2 == 0) {
    __shfl_xor_sync(FULL, 1.0f, 1);
  } else {
    __syncwarp();
  }
}

KERNEL(64, depends_on_the_order_of_blocks, Out) {
  if (threadIdx.x == 0) {
    a.out[0] = blockIdx.x;
  }
}

KERNEL(64, does_not_wait_for_its_copy, Out) {
  SHARED(float4, shared, [64]);
  copy_async(&shared[threadIdx.x], a.in + 4 * threadIdx.x, 16);
  commit_copies();
  a.out[blockIdx.x * 64 + threadIdx.x] = shared[threadIdx.x].x;
}

KERNEL(64, waits_for_its_copy, Out) {
  SHARED(float4, shared, [64]);
  copy_async(&shared[threadIdx.x], a.in + 4 * threadIdx.x, 8);
  commit_copies();
  wait_copies<0>();
  __syncthreads();
  float4 other = shared[63 - threadIdx.x];
  a.out[blockIdx.x * 64 + threadIdx.x] = other.x + other.y + other.z + other.w;
}

KERNEL(64, copies_from_an_odd_address, Out) {
  SHARED(float4, shared, [64]);
  copy_async(&shared[threadIdx.x], a.in + 1, 16);
  commit_copies();
  wait_copies<0>();
}

KERNEL(32, loads_a_row_from_an_odd_address, Out) {
  SHARED(float4, shared, [64]);
  u32 x[4];
  ldmatrix(x, (const char*)&shared[0] + 4);
}
