package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.XOR;

import azulejo.kernels.Philox;
import azulejo.kernels.Stream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** {@link Philox} for many codes at once, the same bits. A 64-bit lane computes a block, as its rounds multiply 32 bits by 32 bits to 64. */
final class VectorPhilox {
  private static final VectorSpecies<Long> L = VectorSpecies.of(long.class, F.vectorShape());
  private static final LongVector LANE = LongVector.zero(L).addIndex(1);
  private static final long LOW = 0xFFFFFFFFL;

  // To pairs of words a0 b0 a1 b1 ... from two vectors of pairs: each pair of a vector's lower or upper half twice, and which of them come from b.
  // (LongVector's rearrange of two vectors does the same, but is not compiled at 128 bits.)
  private static final VectorShuffle<Integer> LOWER = VectorShuffle.fromOp(I, i -> i / 4 * 2 + i % 2);
  private static final VectorShuffle<Integer> UPPER = VectorShuffle.fromOp(I, i -> COUNT / 2 + i / 4 * 2 + i % 2);
  private static final VectorMask<Integer> SECOND = VectorMask.fromLong(I, 0xCCCC);

  private VectorPhilox() {}

  /**
   * The Exp(1) variates of codes 0 to {@code codes - 1}, or of those of them that are in a subset, packed together.
   *
   * @param subset null for all codes
   * @param out room for the codes rounded up to two vectors of floats
   */
  static void exponentials(long seed, Stream stream, long image, int step, int position, int codes, Subset subset, long out) {
    boolean packed = subset != null && Subset.COMPRESSES;
    words(seed, stream, image, step, position, codes, packed ? subset.members : 0, packed ? subset.before : 0, out);
    if (subset != null && !packed) {
      subset.pack(out);
    }
    exponentials(out, subset == null ? codes : subset.size);
  }

  /** The words of codes 0 to {@code codes - 1}, or of a {@link Subset}, if {@code members} is not 0. */
  private static void words(long seed, Stream stream, long image, int step, int position, int codes, long members, long before, long out) {
    // only the lower half of a lane counts; what is above is masked off
    for (int code = 0; code < codes; code += 2 * COUNT) {
      LongVector x0 = LANE.add(code / 4);
      LongVector x1 = LongVector.broadcast(L, position);
      LongVector x2 = LongVector.broadcast(L, step);
      LongVector x3 = LongVector.broadcast(L, (int) (image << 1) | stream.ordinal());
      int k0 = (int) seed;
      int k1 = (int) (seed >>> 32);
      for (int round = 0; round < 10; round++) {
        LongVector p0 = x0.and(LOW).mul(Philox.M0 & LOW);
        LongVector p1 = x2.and(LOW).mul(Philox.M1 & LOW);
        x0 = p1.lanewise(LSHR, 32).lanewise(XOR, x1).lanewise(XOR, k0);
        x2 = p0.lanewise(LSHR, 32).lanewise(XOR, x3).lanewise(XOR, k1);
        x1 = p1;
        x3 = p0;
        k0 += Philox.W0;
        k1 += Philox.W1;
      }
      IntVector words01 = x0.and(LOW).or(x1.lanewise(LSHL, 32)).reinterpretAsInts();
      IntVector words23 = x2.and(LOW).or(x3.lanewise(LSHL, 32)).reinterpretAsInts();
      IntVector lower = words01.rearrange(LOWER).blend(words23.rearrange(LOWER), SECOND);
      IntVector upper = words01.rearrange(UPPER).blend(words23.rearrange(UPPER), SECOND);
      if (members == 0) {
        lower.intoMemorySegment(MEMORY, out + 4L * code, ORDER);
        upper.intoMemorySegment(MEMORY, out + 4L * code + BYTES, ORDER);
      } else {
        long at = 4L * (code / COUNT);
        VectorMask<Integer> low = VectorMask.fromLong(I, Lanes.getInt(members + at));
        VectorMask<Integer> high = VectorMask.fromLong(I, Lanes.getInt(members + at + 4));
        lower.compress(low).intoMemorySegment(MEMORY, out + 4L * Lanes.getInt(before + at), ORDER);
        upper.compress(high).intoMemorySegment(MEMORY, out + 4L * Lanes.getInt(before + at + 4), ORDER);
      }
    }
  }

  /** The U[0, 1) variates of codes 0 to {@code codes - 1}; {@code out} as above. */
  static void uniforms(long seed, Stream stream, long image, int step, int position, int codes, long out) {
    words(seed, stream, image, step, position, codes, 0, 0, out);
    for (int i = 0; i < codes; i += COUNT) {
      FloatVector u = (FloatVector) Lanes.loadInts(out + 4L * i).lanewise(LSHR, 8).convert(I2F, 0);
      u.mul(0x1p-24f).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
  }

  /** {@link Philox#exponential}, operation by operation, of n words in place, to the end of the last vector. */
  private static void exponentials(long words, int n) {
    for (int i = 0; i < n; i += COUNT) {
      IntVector word = IntVector.fromMemorySegment(I, MEMORY, words + 4L * i, ORDER);
      IntVector folded = word.lanewise(XOR, word.lanewise(ASHR, 31));
      FloatVector t = ((FloatVector) folded.convert(I2F, 0)).fma(0x1p-32f, 0x1p-33f);
      VectorMask<Float> upper = word.compare(LT, 0).cast(F);
      VectorMask<Float> near = t.compare(LE, Philox.ONE_MINUS_SQRT_HALF);

      IntVector bits = t.reinterpretAsInts();
      IntVector exponent = bits.sub(Philox.SQRT_HALF_BITS).lanewise(ASHR, 23);
      FloatVector fUpper = bits.sub(exponent.lanewise(LSHL, 23)).reinterpretAsFloats().sub(1f);
      FloatVector fLower = t.fma(-2f, 1f).blend(t.neg(), near);
      FloatVector f = fLower.blend(fUpper, upper);
      FloatVector e = FloatVector.broadcast(F, -1f).blend(0f, near).blend((FloatVector) exponent.convert(I2F, 0), upper);

      FloatVector z = f.mul(f);
      FloatVector p = f.fma(Philox.LOG_8, Philox.LOG_7);
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_6));
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_5));
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_4));
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_3));
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_2));
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_1));
      p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_0));
      FloatVector y = p.mul(f.mul(z));
      y = e.fma(FloatVector.broadcast(F, Philox.LN2_LOW), y);
      y = z.fma(FloatVector.broadcast(F, -0.5f), y);
      e.fma(FloatVector.broadcast(F, Philox.LN2_HIGH), f.add(y)).neg().intoMemorySegment(MEMORY, words + 4L * i, ORDER);
    }
  }
}
