// Blocks of stored weights as unsigned codes of 8 bits: one struct a format, with what
// block_products-inl.h needs to know of it. No include guard, part of block_products-inl.h, once
// per instruction set. Layouts: cpu/decode_blocks-inl.h.

#if RETEMPER_LANES > 0

// 32 codes, in the order of the elements.
using Codes = __m256i;

inline Codes Load32(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
// The low halves of 16 bytes, then the high ones.
inline Codes Nibbles(const uint8_t* p) {
  const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const Codes wide =
      _mm256_inserti128_si256(_mm256_castsi128_si256(both), _mm_srli_epi16(both, 4), 1);
  return _mm256_and_si256(wide, _mm256_set1_epi8(15));
}
// 16 where the bit is set.
inline Codes FifthBits(uint32_t bits) {
  const Codes each = _mm256_shuffle_epi8(
      _mm256_set1_epi32(static_cast<int>(bits)),
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
  const Codes one = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(each, one), one),
                          _mm256_set1_epi8(16));
}
// `bits` of each of 32 bytes from bit `shift` on, moved to bit `to` (`shift`, `to` below 8).
inline Codes Field(const uint8_t* p, int shift, int bits, int to) {
  const Codes low = _mm256_srl_epi16(Load32(p), _mm_cvtsi32_si128(shift));
  const Codes kept = _mm256_and_si256(low, _mm256_set1_epi8(static_cast<char>((1 << bits) - 1)));
  return _mm256_slli_epi16(kept, to);
}
inline Codes Or(Codes a, Codes b) { return _mm256_or_si256(a, b); }
// As the products of this target take codes of all 8 bits: with the sign, or 128 more.
inline Codes Bytes(const uint8_t* p) {
  return kSignedBytes ? Load32(p) : _mm256_xor_si256(Load32(p), _mm256_set1_epi8(-128));
}

#else

struct Codes {
  uint8_t c[32];
};
inline Codes Nibbles(const uint8_t* p) {
  Codes codes;
  for (size_t i = 0; i < 16; ++i) {
    codes.c[i] = p[i] & 15;
    codes.c[i + 16] = p[i] >> 4;
  }
  return codes;
}
inline Codes FifthBits(uint32_t bits) {
  Codes codes;
  for (size_t i = 0; i < 32; ++i) codes.c[i] = static_cast<uint8_t>((bits >> i & 1) << 4);
  return codes;
}
inline Codes Field(const uint8_t* p, int shift, int bits, int to) {
  Codes codes;
  for (size_t i = 0; i < 32; ++i) {
    codes.c[i] = static_cast<uint8_t>((p[i] >> shift & ((1 << bits) - 1)) << to);
  }
  return codes;
}
inline Codes Or(Codes a, const Codes& b) {
  for (size_t i = 0; i < 32; ++i) a.c[i] |= b.c[i];
  return a;
}
inline Codes Bytes(const uint8_t* p) {
  Codes codes;
  for (size_t i = 0; i < 32; ++i) codes.c[i] = p[i] ^ (kSignedBytes ? 0 : 128);
  return codes;
}

#endif

inline uint32_t Load32Bits(const uint8_t* p) {
  uint32_t v;
  __builtin_memcpy(&v, p, 4);
  return v;
}

// How a block's sum becomes a number: the three lines of block_matmul.h.
enum class Form { kScaled, kWithMinimum, kHalves };

// Blocks of 32 by themselves. kMost: the largest code.
struct Q8_0 {
  static constexpr BlockFormat kFormat = BlockFormat::kQ8_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = kSignedBytes ? 0 : 128, kMost = 255;
  static Codes Of(const uint8_t* block, size_t) { return Bytes(block + 2); }
};
struct Q4_0 {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 8, kMost = 15;
  static Codes Of(const uint8_t* block, size_t) { return Nibbles(block + 2); }
};
struct Q4_1 {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_1;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 15;
  static Codes Of(const uint8_t* block, size_t) { return Nibbles(block + 4); }
};
struct Q5_0 {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 16, kMost = 31;
  static Codes Of(const uint8_t* block, size_t) {
    return Or(Nibbles(block + 6), FifthBits(Load32Bits(block + 2)));
  }
};
struct Q5_1 {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_1;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 31;
  static Codes Of(const uint8_t* block, size_t) {
    return Or(Nibbles(block + 8), FifthBits(Load32Bits(block + 4)));
  }
};

// Groups of 32 in blocks of 256.
struct Q4_K {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_K;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 15;
  static Codes Of(const uint8_t* block, size_t g) {
    return Field(block + 16 + g / 2 * 32, static_cast<int>(g % 2) * 4, 4, 0);
  }
};
struct Q5_K {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_K;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 31;
  static Codes Of(const uint8_t* block, size_t g) {
    return Or(Field(block + 48 + g / 2 * 32, static_cast<int>(g % 2) * 4, 4, 0),
              Field(block + 16, static_cast<int>(g), 1, 4));
  }
};
struct Q6_K {
  static constexpr BlockFormat kFormat = BlockFormat::kQ6_K;
  static constexpr Form kForm = Form::kHalves;
  static constexpr int kOffset = 32, kMost = 63;
  static Codes Of(const uint8_t* block, size_t g) {
    const size_t half = g / 4, quarter = g % 4;
    return Or(Field(block + half * 64 + quarter % 2 * 32, static_cast<int>(quarter / 2) * 4, 4, 0),
              Field(block + 128 + half * 32, static_cast<int>(quarter) * 2, 2, 4));
  }
};

// --- scales and minima of the blocks of a chunk, for all rows of a panel ---

// First they are gathered, and made into numbers when all codes are there: by then what was stored
// one by one can be loaded at once.
union GatheredScales {
  uint16_t halves[2][kChunk][kOutputs];
  uint32_t words[4][kOutputs];
  int8_t parts[kOutputs][18];
};

template <class F>
inline void GatherScales(const uint8_t* const* rows, size_t blocks, GatheredScales& to) {
  constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
  for (size_t i = 0; i < kOutputs; ++i) {
    const uint8_t* block = rows[i];
    if constexpr (kFacts.elements == 32) {
      for (size_t b = 0; b < blocks; ++b, block += kFacts.bytes) {
        uint32_t both;
        __builtin_memcpy(&both, block, 4);
        to.halves[0][b][i] = static_cast<uint16_t>(both);
        if constexpr (F::kForm == Form::kWithMinimum)
          to.halves[1][b][i] = static_cast<uint16_t>(both >> 16);
      }
    } else if constexpr (F::kForm == Form::kHalves) {
      __builtin_memcpy(to.parts[i], block + 192, 18);
    } else {
      for (size_t w = 0; w < 4; ++w) to.words[w][i] = Load32Bits(block + 4 * w);
    }
  }
}

#if RETEMPER_LANES == 16
inline void WidenHalves(const uint16_t* from, float* to) {
  StoreFloats(to, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
}
#elif RETEMPER_LANES == 8
inline void WidenHalves(const uint16_t* from, float* to) {
  StoreFloats(to, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
#else
inline void WidenHalves(const uint16_t* from, float* to) {
  for (size_t i = 0; i < kOutputs; ++i) to[i] = F16ToFloat(from[i]);
}
#endif

template <class F>
inline void MakeScales(const GatheredScales& from, size_t blocks, Panel& panel) {
  if constexpr (FactsOf(F::kFormat).elements == 32) {
    for (size_t b = 0; b < blocks; ++b) {
      WidenHalves(from.halves[0][b], panel.scale[b]);
      if constexpr (F::kForm == Form::kWithMinimum)
        WidenHalves(from.halves[1][b], panel.minimum[b]);
    }
  } else if constexpr (F::kForm == Form::kHalves) {
    for (size_t i = 0; i < kOutputs; ++i) {
      uint16_t half;
      __builtin_memcpy(&half, from.parts[i] + 16, 2);
      const float d = F16ToFloat(half);
      for (size_t b = 0; b < kChunk; ++b) {
        panel.scale[b][i] = d;
        panel.parts[b][0][i] = from.parts[i][2 * b];
        panel.parts[b][1][i] = from.parts[i][2 * b + 1];
      }
    }
  } else {
    // Both scales, then twelve bytes with eight scales and minima of six bits.
    const auto& words = from.words;
    float d[kOutputs], least[kOutputs];
    for (size_t i = 0; i < kOutputs; ++i) {
      d[i] = F16ToFloat(static_cast<uint16_t>(words[0][i]));
      least[i] = -F16ToFloat(static_cast<uint16_t>(words[0][i] >> 16));
    }
    for (size_t b = 0; b < kChunk; ++b) {
      const size_t shift = b % 4 * 8;
      for (size_t i = 0; i < kOutputs; ++i) {
        const uint32_t first = words[1][i] >> shift, second = words[2][i] >> shift,
                       third = words[3][i] >> shift;
        const uint32_t scale = b < 4 ? first & 63 : (third & 15) | (first >> 6 & 3) << 4;
        const uint32_t minimum = b < 4 ? second & 63 : (third >> 4 & 15) | (second >> 6 & 3) << 4;
        panel.scale[b][i] = d[i] * static_cast<float>(static_cast<int32_t>(scale));
        panel.minimum[b][i] = least[i] * static_cast<float>(static_cast<int32_t>(minimum));
      }
    }
  }
}
