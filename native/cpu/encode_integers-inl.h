// Floats to INT8 and INT4 (core/block_format.h). No include guard, part of encode-inl.h, once per
// instruction set.

// The scale of n values whose largest code is `most`, rounded to bfloat16 (core/block_format.h).
inline uint16_t SymmetricScale(const float* x, size_t n, float most) {
  int32_t largest = 0;
  for (size_t i = 0; i < n; i += 32) {
    const int32_t bits = LargestBits(x + i);
    largest = bits > largest ? bits : largest;
  }
  const float magnitude = std::bit_cast<float>(largest);
  if (magnitude < 0x1p-100f) return 0;
  return FloatToBf16(Canonical(magnitude / most));
}
// x / scale to nearest even, -kMost to kMost; 0 where the scale is 0 or no finite number.
template <int kMost>
inline void SymmetricCodes(const float* x, uint16_t scale, int8_t* codes) {
  const float d = Bf16ToFloat(scale);
  const bool none = d == 0 || !IsFinite(d);
  const float divisor = none ? 1.0f : d;
  for (size_t i = 0; i < 32; ++i) {
    const float value = none ? 0.0f : x[i] / divisor;
    codes[i] = static_cast<int8_t>(RoundIn(value, -kMost, kMost));
  }
}

// n: whole rows of INT8 at once, or any blocks of INT4.
inline uint64_t EncodeInt8(const float* from, size_t n, size_t elements, uint8_t* to) {
  const uint16_t scale = SymmetricScale(from, n, 127.0f);
  for (size_t at = 0; at < n; at += elements) {
    __builtin_memcpy(to, &scale, 2);
    to += 2;
    for (size_t i = 0; i < elements; i += 32, to += 32) {
      int8_t codes[32];
      SymmetricCodes<127>(from + at + i, scale, codes);
      __builtin_memcpy(to, codes, 32);
    }
  }
  return IsFinite(Bf16ToFloat(scale)) ? 0 : n;
}
inline uint64_t EncodeInt4(const float* from, size_t n, size_t elements, uint8_t* to) {
  uint64_t bad = 0;
  for (size_t at = 0; at < n; at += elements) {
    const uint16_t scale = SymmetricScale(from + at, elements, 7.0f);
    if (!IsFinite(Bf16ToFloat(scale))) bad += elements;
    __builtin_memcpy(to, &scale, 2);
    to += 2;
    for (size_t i = 0; i < elements; i += 32, to += 16) {
      int8_t signed_codes[32];
      SymmetricCodes<7>(from + at + i, scale, signed_codes);
      uint8_t codes[32];
      for (size_t k = 0; k < 32; ++k) codes[k] = static_cast<uint8_t>(signed_codes[k] + 8);
      PutHalves(codes, to);
    }
  }
  return bad;
}
