// Elements of any dtype to floats and back, and the values among them that are not finite. No
// include guard, part of loops-inl.h, once per instruction set.

inline float LoadFloat(const uint8_t* p) {
  float v;
  __builtin_memcpy(&v, p, 4);
  return v;
}
inline uint16_t LoadHalf(const uint8_t* p) {
  uint16_t v;
  __builtin_memcpy(&v, p, 2);
  return v;
}
inline double LoadDouble(const uint8_t* p) {
  double v;
  __builtin_memcpy(&v, p, 8);
  return v;
}

#if RETEMPER_LANES == 4
// NEON has instructions for float16, where compilers would go through the bits; these round in the
// same way, and a NaN stays one. Whole vectors of n elements; each returns how many it did.
inline size_t LoadF16Vectors(const uint8_t* from, size_t n, float* to) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const float16x8_t halves = vreinterpretq_f16_u8(vld1q_u8(from + 2 * i));
    vst1q_f32(to + i, vcvt_f32_f16(vget_low_f16(halves)));
    vst1q_f32(to + i + 4, vcvt_high_f32_f16(halves));
  }
  return i;
}
inline size_t StoreF16Vectors(const float* from, size_t n, uint8_t* to, uint32_t& bad) {
  const float32x4_t nan = vreinterpretq_f32_u32(vdupq_n_u32(0x7fc00000u));  // one for all
  const uint16x8_t exponent = vdupq_n_u16(0x7c00u);
  uint32x4_t counts = vdupq_n_u32(0);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const float32x4_t a = vld1q_f32(from + i), b = vld1q_f32(from + i + 4);
    const float16x8_t halves = vcvt_high_f16_f32(vcvt_f16_f32(vbslq_f32(vceqq_f32(a, a), a, nan)),
                                                 vbslq_f32(vceqq_f32(b, b), b, nan));
    const uint16x8_t bits = vreinterpretq_u16_f16(halves);
    const uint16x8_t none = vceqq_u16(vandq_u16(bits, exponent), exponent);
    counts = vpadalq_u16(counts, vshrq_n_u16(none, 15));
    vst1q_u8(to + 2 * i, vreinterpretq_u8_u16(bits));
  }
  bad += vaddvq_u32(counts);
  return i;
}
inline size_t RoundToF16Vectors(float* x, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(x + i, vcvt_f32_f16(vcvt_f16_f32(vld1q_f32(x + i))));
  return i;
}
#endif

// Of 16-bit elements: those of a cache line, and how far ahead they are sent for: a tile is loaded,
// worked on for long, and then the next one is wanted.
constexpr size_t kLine = 32, kAhead = kTile;
template <class T>
void Load(const uint8_t* __restrict from, Dtype dtype, size_t n, T* __restrict to) {
  switch (dtype) {
    case Dtype::kBF16: {
      size_t i = 0;
      for (; i + kLine <= n; i += kLine) {
        __builtin_prefetch(from + 2 * (i + kAhead), 0, 2);
        for (size_t l = 0; l < kLine; ++l) to[i + l] = Bf16ToFloat(LoadHalf(from + 2 * (i + l)));
      }
      for (; i < n; ++i) to[i] = Bf16ToFloat(LoadHalf(from + 2 * i));
      return;
    }
    case Dtype::kF16: {
      size_t i = 0;
#if RETEMPER_LANES == 4
      if constexpr (sizeof(T) == 4) i = LoadF16Vectors(from, n, to);
#endif
      for (; i < n; ++i) to[i] = F16ToFloat(LoadHalf(from + 2 * i));
      return;
    }
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) to[i] = LoadFloat(from + 4 * i);
      return;
    case Dtype::kF64:
      for (size_t i = 0; i < n; ++i) to[i] = static_cast<T>(LoadDouble(from + 8 * i));
      return;
    default:
      for (size_t i = 0; i < n; ++i)
        to[i] = T(0);  // integers are copied, never loaded: run_plan refuses them
  }
}

inline float ToFloat(float x) { return x; }
inline float ToFloat(double x) { return DoubleToFloatOdd(x); }
// One NaN for all.
inline float Canonical(float x) {
  return std::bit_cast<float>(x != x ? 0x7fc00000u : std::bit_cast<uint32_t>(x));
}
inline double Canonical(double x) {
  return std::bit_cast<double>(x != x ? 0x7ff8000000000000u : std::bit_cast<uint64_t>(x));
}

template <class T>
uint64_t CountNonFinite(const uint8_t* from, size_t n, Dtype dtype) {
  uint32_t bad = 0;
  switch (dtype) {
    case Dtype::kBF16:
      for (size_t i = 0; i < n; ++i) bad += (LoadHalf(from + 2 * i) & 0x7f80u) == 0x7f80u;
      return bad;
    case Dtype::kF16:
      for (size_t i = 0; i < n; ++i) bad += (LoadHalf(from + 2 * i) & 0x7c00u) == 0x7c00u;
      return bad;
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) {
        bad += (std::bit_cast<uint32_t>(LoadFloat(from + 4 * i)) & 0x7f800000u) == 0x7f800000u;
      }
      return bad;
    case Dtype::kF64:
      for (size_t i = 0; i < n; ++i) {
        bad += (std::bit_cast<uint64_t>(LoadDouble(from + 8 * i)) & 0x7ff0000000000000u) ==
               0x7ff0000000000000u;
      }
      return bad;
    default:
      return 0;
  }
}

template <class T>
uint64_t Store(const T* __restrict from, size_t n, Dtype dtype, uint8_t* __restrict to) {
  uint32_t bad = 0;  // a tile is far below 2^32 elements
  switch (dtype) {
    case Dtype::kBF16:
      for (size_t i = 0; i < n; ++i) {
        const uint16_t half = FloatToBf16(Canonical(ToFloat(from[i])));
        bad += (half & 0x7f80u) == 0x7f80u;
        __builtin_memcpy(to + 2 * i, &half, 2);
      }
      return bad;
    case Dtype::kF16: {
      size_t i = 0;
#if RETEMPER_LANES == 4
      if constexpr (sizeof(T) == 4) i = StoreF16Vectors(from, n, to, bad);
#endif
      for (; i < n; ++i) {
        const uint16_t half = FloatToF16(Canonical(ToFloat(from[i])));
        bad += (half & 0x7c00u) == 0x7c00u;
        __builtin_memcpy(to + 2 * i, &half, 2);
      }
      return bad;
    }
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) {
        const float value = Canonical(static_cast<float>(from[i]));
        const uint32_t bits = std::bit_cast<uint32_t>(value);
        bad += (bits & 0x7f800000u) == 0x7f800000u;
        __builtin_memcpy(to + 4 * i, &value, 4);
      }
      return bad;
    case Dtype::kF64:
      for (size_t i = 0; i < n; ++i) {
        const double value = Canonical(static_cast<double>(from[i]));
        bad += (std::bit_cast<uint64_t>(value) & 0x7ff0000000000000u) == 0x7ff0000000000000u;
        __builtin_memcpy(to + 8 * i, &value, 8);
      }
      return bad;
    default:
      return 0;
  }
}

template <class T>
void RoundTo(T* x, size_t n, Dtype dtype) {
  switch (dtype) {
    case Dtype::kBF16:
      for (size_t i = 0; i < n; ++i) x[i] = Bf16ToFloat(FloatToBf16(ToFloat(x[i])));
      return;
    case Dtype::kF16: {
      size_t i = 0;
#if RETEMPER_LANES == 4
      if constexpr (sizeof(T) == 4) i = RoundToF16Vectors(x, n);
#endif
      for (; i < n; ++i) x[i] = F16ToFloat(FloatToF16(ToFloat(x[i])));
      return;
    }
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i]);
      return;
    default:
      return;
  }
}
