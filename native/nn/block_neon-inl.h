// NEON's part of block_products-inl.h: vectors of eight outputs, stored bytes transposed, and
// products of bytes. No include guard, part of that file, once with SDOT (RETEMPER_DOT) and once
// without.

constexpr size_t kOutputs = 8;
struct Ints {
  int32x4_t low, high;
};
struct Floats {
  float32x4_t low, high;
};
inline Ints LoadInts(const void* p) {
  const auto* bytes = static_cast<const uint8_t*>(p);
  return {vreinterpretq_s32_u8(vld1q_u8(bytes)), vreinterpretq_s32_u8(vld1q_u8(bytes + 16))};
}
inline void StoreInts(void* p, Ints v) {
  auto* const bytes = static_cast<uint8_t*>(p);
  vst1q_u8(bytes, vreinterpretq_u8_s32(v.low));
  vst1q_u8(bytes + 16, vreinterpretq_u8_s32(v.high));
}
inline Ints FillInts(int32_t x) { return {vdupq_n_s32(x), vdupq_n_s32(x)}; }
inline Ints AddInts(Ints a, Ints b) { return {a.low + b.low, a.high + b.high}; }
inline Ints AndInts(Ints a, Ints b) { return {a.low & b.low, a.high & b.high}; }
inline Ints OrInts(Ints a, Ints b) { return {a.low | b.low, a.high | b.high}; }
inline Ints XorInts(Ints a, Ints b) { return {a.low ^ b.low, a.high ^ b.high}; }
inline Ints ShiftLeft(Ints a, unsigned n) {
  const int32x4_t by = vdupq_n_s32(static_cast<int32_t>(n));
  return {vshlq_s32(a.low, by), vshlq_s32(a.high, by)};
}
inline Ints ShiftRight(Ints a, unsigned n) {
  const int32x4_t by = vdupq_n_s32(-static_cast<int32_t>(n));
  const auto shift = [&](int32x4_t v) {
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v), by));
  };
  return {shift(a.low), shift(a.high)};
}
inline Ints ShiftRightSigned(Ints a, unsigned n) {
  const int32x4_t by = vdupq_n_s32(-static_cast<int32_t>(n));
  return {vshlq_s32(a.low, by), vshlq_s32(a.high, by)};
}
inline Ints MultiplyInts(Ints a, Ints b) { return {a.low * b.low, a.high * b.high}; }
inline Floats ToFloats(Ints a) { return {vcvtq_f32_s32(a.low), vcvtq_f32_s32(a.high)}; }
inline Floats FillFloats(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
inline Floats LoadFloats(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
inline void StoreFloats(float* p, Floats v) {
  vst1q_f32(p, v.low);
  vst1q_f32(p + 4, v.high);
}
inline Floats Add(Floats a, Floats b) { return {a.low + b.low, a.high + b.high}; }
inline Floats Multiply(Floats a, Floats b) { return {a.low * b.low, a.high * b.high}; }
inline void StoreHalves(uint8_t* p, Ints v) {
  vst1_u8(p, vreinterpret_u8_s16(vmovn_s32(v.low)));
  vst1_u8(p + 8, vreinterpret_u8_s16(vmovn_s32(v.high)));
}
inline Floats LoadFloat16s(const uint8_t* p) {
  const auto widen = [](const uint8_t* some) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(some)));
  };
  return {widen(p), widen(p + 8)};
}
inline Floats LoadBfloat16s(const uint8_t* p) {
  const auto widen = [](const uint8_t* some) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(some)), 16));
  };
  return {widen(p), widen(p + 8)};
}

// Of each row, the 16 or 32 bytes from `at` on.
[[gnu::always_inline]] inline void Transpose16(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[4]) {
  const auto four = [&](size_t first, int32x4_t* words) {
    int32x4_t a[4];
    for (size_t i = 0; i < 4; ++i) a[i] = vreinterpretq_s32_u8(vld1q_u8(rows[first + i] + at));
    const int64x2_t even[2] = {vreinterpretq_s64_s32(vtrn1q_s32(a[0], a[1])),
                               vreinterpretq_s64_s32(vtrn1q_s32(a[2], a[3]))};
    const int64x2_t odd[2] = {vreinterpretq_s64_s32(vtrn2q_s32(a[0], a[1])),
                              vreinterpretq_s64_s32(vtrn2q_s32(a[2], a[3]))};
    words[0] = vreinterpretq_s32_s64(vtrn1q_s64(even[0], even[1]));
    words[1] = vreinterpretq_s32_s64(vtrn1q_s64(odd[0], odd[1]));
    words[2] = vreinterpretq_s32_s64(vtrn2q_s64(even[0], even[1]));
    words[3] = vreinterpretq_s32_s64(vtrn2q_s64(odd[0], odd[1]));
  };
  int32x4_t low[4], high[4];
  four(0, low);
  four(4, high);
  for (size_t i = 0; i < 4; ++i) to[i] = {low[i], high[i]};
}
[[gnu::always_inline]] inline void Transpose32(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[kQuads]) {
  Ints half[4];
  for (size_t h = 0; h < 2; ++h) {
    Transpose16(rows, at + 16 * h, half);
    for (size_t i = 0; i < 4; ++i) to[4 * h + i] = half[i];
  }
}

// sum + the four products of every lane.
inline Ints AddProducts(Ints sum, Ints codes, int32_t four) {
  // Codes of fewer than 8 bits are the same numbers with a sign.
  const int8x16_t v = vreinterpretq_s8_s32(vdupq_n_s32(four));
  const auto add = [&](int32x4_t to, int32x4_t some) __attribute__((always_inline)) {
    const int8x16_t w = vreinterpretq_s8_s32(some);
#if RETEMPER_DOT
    return vdotq_s32(to, w, v);
#else
    // Pairs do not reach the ends of 16 bits: 2 x 128 x 127.
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(v)), high = vmull_high_s8(w, v);
    return vpadalq_s16(to, vpaddq_s16(low, high));
#endif
  };
  return {add(sum.low, codes.low), add(sum.high, codes.high)};
}
