// Floats to FP8 codes (E4M3) with a scale that is known. No include guard, part of loops-inl.h,
// once per instruction set.

inline float LargestOf(const float* x, size_t n) {
  uint32_t largest = 0;  // as bits: they order as the magnitudes do
  for (size_t i = 0; i < n; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  return std::bit_cast<float>(largest);
}

// To nearest, halves to the even code; of magnitudes up to kLargestE4M3.
inline uint8_t ToE4M3(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t normal = (magnitude + 0x7ffffu + ((magnitude >> 20) & 1u) - (120u << 23)) >> 20;
  // Below 2^-6 a code is a number of 2^-9, which the sum with 2^14 rounds at.
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude < 0x3c800000u ? magnitude : 0u) +
                              0x1p14f) -
      std::bit_cast<uint32_t>(0x1p14f);
  return static_cast<uint8_t>((bits >> 24 & 0x80u) |
                              (magnitude < 0x3c800000u ? subnormal : normal));
}

template <Dtype kDtype>
inline void EncodeRowAs(const float* __restrict x, size_t n, float scale, uint8_t* __restrict to) {
  for (size_t i = 0; i < n; ++i) {
    float value = RoundedTo(x[i] / scale, kDtype) + 0.0f;  // -0 becomes 0, as by a zero point of 0
    value = value > kLargestE4M3 ? kLargestE4M3 : value;
    value = value < -kLargestE4M3 ? -kLargestE4M3 : value;
    to[i] = ToE4M3(value);
  }
}

inline void EncodeRow(const float* x, size_t n, float scale, Dtype dtype, uint8_t* to) {
  if (dtype == Dtype::kBF16) return EncodeRowAs<Dtype::kBF16>(x, n, scale, to);
  if (dtype == Dtype::kF16) return EncodeRowAs<Dtype::kF16>(x, n, scale, to);
  EncodeRowAs<Dtype::kF32>(x, n, scale, to);
}
