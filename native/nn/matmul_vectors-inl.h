// Vectors of each instruction set, and blocks of 32 weights as vectors. No include guard, part of
// matmul_lanes-inl.h.

#if RETEMPER_LANES == 16

using Vec = __m512;
constexpr size_t kVec = 16;  // floats of a register
constexpr size_t kMaxRows = 4, kOutsAtOnce = 6;
inline Vec ZeroVec() { return _mm512_setzero_ps(); }
inline Vec FillVec(float x) { return _mm512_set1_ps(x); }
inline Vec LoadVec(const float* p) { return _mm512_loadu_ps(p); }
inline void StoreVec(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline Vec MultiplyAdd(Vec x, Vec w, Vec sum) {
#if RETEMPER_BF16_PAIRS
  // Vectors of pairs of bfloat16: each lane adds two products.
  return _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, x), __builtin_bit_cast(__m512bh, w));
#else
  return _mm512_fmadd_ps(x, w, sum);
#endif
}
inline Vec EvenBf16(const uint8_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
inline Vec OddBf16(const uint8_t* p) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
inline Vec WidenF16(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

#elif RETEMPER_LANES == 8

using Vec = __m256;
constexpr size_t kVec = 8;
constexpr size_t kMaxRows = 3, kOutsAtOnce = 4;
inline Vec ZeroVec() { return _mm256_setzero_ps(); }
inline Vec FillVec(float x) { return _mm256_set1_ps(x); }
inline Vec LoadVec(const float* p) { return _mm256_loadu_ps(p); }
inline void StoreVec(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline Vec MultiplyAdd(Vec x, Vec w, Vec sum) { return _mm256_fmadd_ps(x, w, sum); }
inline __m256i LoadBits(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline Vec EvenBf16(const uint8_t* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(LoadBits(p), 16));
}
inline Vec OddBf16(const uint8_t* p) {
  return _mm256_castsi256_ps(
      _mm256_and_si256(LoadBits(p), _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
inline Vec WidenF16(const uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

#elif defined(__aarch64__)

using Vec = float32x4_t;
constexpr size_t kVec = 4;
constexpr size_t kMaxRows = 4, kOutsAtOnce = 6;
inline Vec ZeroVec() { return vdupq_n_f32(0); }
inline Vec FillVec(float x) { return vdupq_n_f32(x); }
inline Vec LoadVec(const float* p) { return vld1q_f32(p); }
inline void StoreVec(float* p, Vec v) { vst1q_f32(p, v); }
inline Vec MultiplyAdd(Vec x, Vec w, Vec sum) { return vfmaq_f32(sum, x, w); }
inline uint32x4_t LoadBits(const uint8_t* p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
inline Vec EvenBf16(const uint8_t* p) {
  return vreinterpretq_f32_u32(vshlq_n_u32(LoadBits(p), 16));
}
inline Vec OddBf16(const uint8_t* p) {
  return vreinterpretq_f32_u32(vandq_u32(LoadBits(p), vdupq_n_u32(0xffff0000u)));
}
inline Vec WidenF16(const uint8_t* p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }

#else  // any processor, without fused multiply-add

struct Vec {
  float v[16];
};
constexpr size_t kVec = 16;
constexpr size_t kMaxRows = 1, kOutsAtOnce = 1;
inline Vec ZeroVec() { return {}; }
inline Vec FillVec(float x) {
  Vec v;
  for (float& each : v.v) each = x;
  return v;
}
inline Vec LoadVec(const float* p) {
  Vec v;
  __builtin_memcpy(v.v, p, sizeof(v));
  return v;
}
inline void StoreVec(float* p, const Vec& v) { __builtin_memcpy(p, v.v, sizeof(v)); }
inline Vec MultiplyAdd(const Vec& x, const Vec& w, Vec sum) {
  for (size_t i = 0; i < 16; ++i) sum.v[i] += x.v[i] * w.v[i];
  return sum;
}
inline Vec EvenBf16(const uint8_t* p) {
  uint32_t bits[16];
  __builtin_memcpy(bits, p, sizeof(bits));
  for (size_t i = 0; i < 16; ++i) bits[i] <<= 16;
  return std::bit_cast<Vec>(bits);
}
inline Vec OddBf16(const uint8_t* p) {
  uint32_t bits[16];
  __builtin_memcpy(bits, p, sizeof(bits));
  for (size_t i = 0; i < 16; ++i) bits[i] &= 0xffff0000u;
  return std::bit_cast<Vec>(bits);
}
inline Vec WidenF16(const uint8_t* p) {
  Vec v;
  uint16_t halves[16];
  __builtin_memcpy(halves, p, sizeof(halves));
  for (size_t i = 0; i < 16; ++i) v.v[i] = F16ToFloat(halves[i]);
  return v;
}

#endif

constexpr size_t kSubs = kLanes / kVec;  // registers of a sum

// --- blocks of 32 weights, as they are stored or as tiles hold them ---

struct StoredBf16 {
  static constexpr size_t kBlockBytes = 64;
  static Vec Weights(const uint8_t* block, [[maybe_unused]] int half, size_t sub) {
#if RETEMPER_BF16_PAIRS
    return LoadVec(reinterpret_cast<const float*>(block + 4 * kVec * sub));
#else
    return half == 0 ? EvenBf16(block + 4 * kVec * sub) : OddBf16(block + 4 * kVec * sub);
#endif
  }
};

#if RETEMPER_BF16_PAIRS

// A block is one register of pairs, of activations as well.
constexpr int kHalves = 1;
using Tile = StoredBf16;

#else

constexpr int kHalves = 2;

struct StoredF16 {
  static constexpr size_t kBlockBytes = 64;
  static Vec Weights(const uint8_t* block, int half, size_t sub) {
    return WidenF16(block + 32 * half + 2 * kVec * sub);
  }
};

struct StoredF32 {
  static constexpr size_t kBlockBytes = 128;
  static Vec Weights(const uint8_t* block, int half, size_t sub) {
    return LoadVec(reinterpret_cast<const float*>(block + 64 * half + 4 * kVec * sub));
  }
};
using Tile = StoredF32;

#endif

constexpr size_t kBlockFloats = kHalves * kLanes;  // of packed activations
