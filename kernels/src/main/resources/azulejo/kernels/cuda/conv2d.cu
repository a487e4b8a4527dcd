// Convolution as a matrix product whose left side is gathered while it is multiplied: a row for each pixel of the output, k = (tap, channel) with the taps
// of the window row by row, a column for each output. The filter is kept as [outputs, taps, channels]. No patches are ever written to memory: a tile reads
// each input pixel once for every tap that sees it, from the caches.
#include "gemm.cuh"

struct Conv2d {
  Rows<const float> x;
  int height, width, channels;
  int out_height, out_width;
  int window_width;
  int stride, top, left;
  Product product;
};

/** WIDE: addresses and channels are multiples of four, so that four k's are four channels of one pixel. */
template <bool WIDE>
struct Patches {
  /** The image's first pixel, and the window's corner in it. A row past the end lies outside of every image. */
  struct Row {
    const float* image;
    int y, x;
  };
  /** A place in the window and the channel. */
  struct At {
    int y, x, channel;
  };

  const Conv2d& a;

  DEVICE Row row(int m) const {
    int x = m % a.out_width, y = m / a.out_width % a.out_height, b = m / a.out_width / a.out_height;
    bool inside = m < a.product.m;
    return {a.x.row(inside ? (i64)b * a.height * a.width : 0), inside ? y * a.stride - a.top : -0x40000000, x * a.stride - a.left};
  }
  DEVICE At at(int k) const {
    int tap = k / a.channels, y = tap / a.window_width;
    return {y, tap - y * a.window_width, k - tap * a.channels};
  }
  DEVICE const float* pixel(const Row& row, const At& at) const {
    int y = row.y + at.y, x = row.x + at.x;
    return y >= 0 && y < a.height && x >= 0 && x < a.width ? row.image + (y * a.width + x) * a.x.stride + at.channel : nullptr;
  }
  DEVICE float4 load(const Row& row, const At& first) const {
    if constexpr (WIDE) {
      const float* p = pixel(row, first);
      return p != nullptr ? *(const float4*)p : make_float4(0, 0, 0, 0);
    } else {
      float x[4];
      At at = first;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const float* p = pixel(row, at);
        x[i] = p != nullptr ? *p : 0.0f;
        if (++at.channel == a.channels) {
          at.channel = 0;
          if (++at.x == a.window_width) {
            at.x = 0;
            at.y++;
          }
        }
      }
      return make_float4(x[0], x[1], x[2], x[3]);
    }
  }
};

RESIDENT_KERNEL(256, 2, conv2d_split_128, Conv2d) { multiply_split<128>(Patches<true>{a}, a.product); }
RESIDENT_KERNEL(128, 3, conv2d_split_64, Conv2d) { multiply_split<64>(Patches<true>{a}, a.product); }
KERNEL(256, conv2d_fma, Conv2d) { multiply_fma(Patches<true>{a}, a.product); }
KERNEL(256, conv2d_fma_odd, Conv2d) { multiply_fma(Patches<false>{a}, a.product); }

struct FinishConv2d {
  int splits;
  Product product;
};

KERNEL(256, conv2d_finish, FinishConv2d) { finish_parts(a.product, a.splits); }

// ---- packing a filter ---------------------------------------------------------------------------------------------------

struct PackFilter {
  const float* weight;
  float* packed;
  i64 stride;
  int outputs, channels, taps;
};

/** From [outputs, channels, taps] to [outputs, taps, channels], rows filled up with zeros to `stride`. */
KERNEL(256, pack_filter, PackFilter) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < a.outputs * a.stride) {
    i64 row = i / a.stride;
    int k = (int)(i % a.stride), tap = k / a.channels;
    a.packed[i] = tap < a.taps ? a.weight[(row * a.channels + k % a.channels) * a.taps + tap] : 0.0f;
  }
}
