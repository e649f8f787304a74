// Vectors of block_products-inl.h: one lane an output; halves are the low 16 bits of each lane. No
// include guard, part of that file, once per instruction set.

#if RETEMPER_LANES == 16

constexpr size_t kOutputs = 16;
using Ints = __m512i;
using Floats = __m512;
inline Ints LoadInts(const void* p) { return _mm512_loadu_si512(p); }
inline void StoreInts(void* p, Ints v) { _mm512_storeu_si512(p, v); }
inline Ints FillInts(int32_t x) { return _mm512_set1_epi32(x); }
inline Ints AddInts(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints AndInts(Ints a, Ints b) { return _mm512_and_si512(a, b); }
inline Ints OrInts(Ints a, Ints b) { return _mm512_or_si512(a, b); }
inline Ints XorInts(Ints a, Ints b) { return _mm512_xor_si512(a, b); }
inline Ints ShiftLeft(Ints a, unsigned n) { return _mm512_slli_epi32(a, n); }
inline Ints ShiftRight(Ints a, unsigned n) { return _mm512_srli_epi32(a, n); }
inline Ints ShiftRightSigned(Ints a, unsigned n) { return _mm512_srai_epi32(a, n); }
inline Ints MultiplyInts(Ints a, Ints b) { return _mm512_mullo_epi32(a, b); }
inline Floats ToFloats(Ints a) { return _mm512_cvtepi32_ps(a); }
inline Floats FillFloats(float x) { return _mm512_set1_ps(x); }
inline Floats LoadFloats(const float* p) { return _mm512_loadu_ps(p); }
inline void StoreFloats(float* p, Floats v) { _mm512_storeu_ps(p, v); }
inline Floats Add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats Multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline __m256i LoadHalves(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void StoreHalves(uint8_t* p, Ints v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
}
inline Floats LoadFloat16s(const uint8_t* p) { return _mm512_cvtph_ps(LoadHalves(p)); }
inline Floats LoadBfloat16s(const uint8_t* p) {
  return _mm512_castsi512_ps(ShiftLeft(_mm512_cvtepu16_epi32(LoadHalves(p)), 16));
}

#elif RETEMPER_LANES == 8

constexpr size_t kOutputs = 8;
using Ints = __m256i;
using Floats = __m256;
inline Ints LoadInts(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void StoreInts(void* p, Ints v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
inline Ints FillInts(int32_t x) { return _mm256_set1_epi32(x); }
inline Ints AddInts(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints AndInts(Ints a, Ints b) { return _mm256_and_si256(a, b); }
inline Ints OrInts(Ints a, Ints b) { return _mm256_or_si256(a, b); }
inline Ints XorInts(Ints a, Ints b) { return _mm256_xor_si256(a, b); }
inline Ints ShiftLeft(Ints a, unsigned n) { return _mm256_slli_epi32(a, static_cast<int>(n)); }
inline Ints ShiftRight(Ints a, unsigned n) { return _mm256_srli_epi32(a, static_cast<int>(n)); }
inline Ints ShiftRightSigned(Ints a, unsigned n) {
  return _mm256_srai_epi32(a, static_cast<int>(n));
}
inline Ints MultiplyInts(Ints a, Ints b) { return _mm256_mullo_epi32(a, b); }
inline Floats ToFloats(Ints a) { return _mm256_cvtepi32_ps(a); }
inline Floats FillFloats(float x) { return _mm256_set1_ps(x); }
inline Floats LoadFloats(const float* p) { return _mm256_loadu_ps(p); }
inline void StoreFloats(float* p, Floats v) { _mm256_storeu_ps(p, v); }
inline Floats Add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
inline Floats Multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
inline __m128i LoadHalves(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline void StoreHalves(uint8_t* p, Ints v) {
  const __m256i low = AndInts(v, FillInts(0xffff));
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(halves));
}
inline Floats LoadFloat16s(const uint8_t* p) { return _mm256_cvtph_ps(LoadHalves(p)); }
inline Floats LoadBfloat16s(const uint8_t* p) {
  return _mm256_castsi256_ps(ShiftLeft(_mm256_cvtepu16_epi32(LoadHalves(p)), 16));
}

#elif RETEMPER_LANES == 4

#include "nn/block_neon-inl.h"

#else

constexpr size_t kOutputs = 8;
struct Ints {
  int32_t v[kOutputs];
};
struct Floats {
  float v[kOutputs];
};
template <class V, class Make>
inline V Each(Make make) {
  V v;
  for (size_t i = 0; i < kOutputs; ++i) v.v[i] = make(i);
  return v;
}
inline Ints LoadInts(const void* p) {
  Ints v;
  __builtin_memcpy(v.v, p, sizeof(v));
  return v;
}
inline void StoreInts(void* p, const Ints& v) { __builtin_memcpy(p, v.v, sizeof(v)); }
inline Ints FillInts(int32_t x) {
  return Each<Ints>([&](size_t) { return x; });
}
inline Ints AddInts(const Ints& a, const Ints& b) {
  return Each<Ints>([&](size_t i) { return a.v[i] + b.v[i]; });
}
inline Ints AndInts(const Ints& a, const Ints& b) {
  return Each<Ints>([&](size_t i) { return a.v[i] & b.v[i]; });
}
inline Ints OrInts(const Ints& a, const Ints& b) {
  return Each<Ints>([&](size_t i) { return a.v[i] | b.v[i]; });
}
inline Ints XorInts(const Ints& a, const Ints& b) {
  return Each<Ints>([&](size_t i) { return a.v[i] ^ b.v[i]; });
}
inline Ints ShiftLeft(const Ints& a, unsigned n) {
  return Each<Ints>(
      [&](size_t i) { return static_cast<int32_t>(static_cast<uint32_t>(a.v[i]) << n); });
}
inline Ints ShiftRight(const Ints& a, unsigned n) {
  return Each<Ints>(
      [&](size_t i) { return static_cast<int32_t>(static_cast<uint32_t>(a.v[i]) >> n); });
}
inline Ints ShiftRightSigned(const Ints& a, unsigned n) {
  return Each<Ints>([&](size_t i) { return a.v[i] >> n; });
}
inline Ints MultiplyInts(const Ints& a, const Ints& b) {
  return Each<Ints>([&](size_t i) { return a.v[i] * b.v[i]; });
}
inline Floats ToFloats(const Ints& a) {
  return Each<Floats>([&](size_t i) { return static_cast<float>(a.v[i]); });
}
inline Floats FillFloats(float x) {
  return Each<Floats>([&](size_t) { return x; });
}
inline Floats LoadFloats(const float* p) {
  Floats v;
  __builtin_memcpy(v.v, p, sizeof(v));
  return v;
}
inline void StoreFloats(float* p, const Floats& v) { __builtin_memcpy(p, v.v, sizeof(v)); }
inline Floats Add(const Floats& a, const Floats& b) {
  return Each<Floats>([&](size_t i) { return a.v[i] + b.v[i]; });
}
inline Floats Multiply(const Floats& a, const Floats& b) {
  return Each<Floats>([&](size_t i) { return a.v[i] * b.v[i]; });
}
inline void StoreHalves(uint8_t* p, const Ints& v) {
  for (size_t i = 0; i < kOutputs; ++i) __builtin_memcpy(p + 2 * i, &v.v[i], 2);
}
inline uint16_t Half(const uint8_t* p, size_t i) {
  uint16_t bits;
  __builtin_memcpy(&bits, p + 2 * i, 2);
  return bits;
}
inline Floats LoadFloat16s(const uint8_t* p) {
  return Each<Floats>([&](size_t i) { return F16ToFloat(Half(p, i)); });
}
inline Floats LoadBfloat16s(const uint8_t* p) {
  return Each<Floats>([&](size_t i) { return Bf16ToFloat(Half(p, i)); });
}

#endif
