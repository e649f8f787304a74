// The block formats of stored weights: one struct a format, which turns its bytes into unsigned
// codes of 8 bits. No include guard, part of block_products-inl.h, once per instruction set.
// Layouts: cpu/decode_blocks-inl.h.
//
// Bytes are transposed as they are stored, before what is packed in them is taken apart: so a byte
// that holds several codes moves once.

// `bits` of each byte from bit `shift` on, moved to bit `to`.
[[gnu::always_inline]] inline Ints Field(const Ints& bytes, unsigned shift, unsigned bits,
                                         unsigned to) {
  const int32_t mask = static_cast<int32_t>(((1u << bits) - 1) * 0x01010101u);
  const Ints kept = AndInts(shift == 0 ? bytes : ShiftRight(bytes, shift), FillInts(mask));
  return to == 0 ? kept : ShiftLeft(kept, to);
}
// 16 in each byte of quad q whose bit is set, of 32 bits a lane.
[[gnu::always_inline]] inline Ints FifthBits(const Ints& bits, unsigned q) {
  const Ints four = AndInts(ShiftRight(bits, 4 * q), FillInts(15));
  // A bit to each byte: four times four bits, 7 further each time.
  return AndInts(MultiplyInts(four, FillInts(0x02040810)), FillInts(0x10101010));
}
// Low halves of 16 bytes of every row are the first 16 codes, high ones the last.
[[gnu::always_inline]] inline void Nibbles(const uint8_t* const* rows, size_t at,
                                           Ints (&codes)[kQuads]) {
  Ints both[4];
  Transpose16(rows, at, both);
  for (size_t q = 0; q < 4; ++q) {
    codes[q] = Field(both[q], 0, 4, 0);
    codes[q + 4] = Field(both[q], 4, 4, 0);
  }
}
// 32 signed bytes of every row are the codes.
[[gnu::always_inline]] inline void SignedBytes(const uint8_t* const* rows, size_t at,
                                               Ints (&codes)[kQuads]) {
  Transpose32(rows, at, codes);
  if constexpr (kSignedBytes) return;
  // With an offset in place of the sign.
  for (Ints& quad : codes) quad = XorInts(quad, FillInts(static_cast<int32_t>(0x80808080u)));
}
// Adds them to codes of four bits.
[[gnu::always_inline]] inline void AddFifthBits(const Ints& bits, Ints (&codes)[kQuads]) {
  for (size_t q = 0; q < kQuads; ++q)
    codes[q] = OrInts(codes[q], FifthBits(bits, static_cast<unsigned>(q)));
}

// The low 16 bits of each lane as a float16.
#if RETEMPER_LANES == 16
inline Floats WidenHalves(Ints v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }
#elif RETEMPER_LANES == 8
inline Floats WidenHalves(Ints v) {
  const __m256i low = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0x08);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}
#elif RETEMPER_LANES == 4
inline Floats WidenHalves(Ints v) {
  const auto widen = [](int32x4_t some) {
    return vcvt_f32_f16(vreinterpret_f16_s16(vmovn_s32(some)));
  };
  return {widen(v.low), widen(v.high)};
}
#else
inline Floats WidenHalves(const Ints& v) {
  return Each<Floats>([&](size_t i) { return F16ToFloat(static_cast<uint16_t>(v.v[i])); });
}
#endif

// `bits` of each lane from bit `shift` on.
[[gnu::always_inline]] inline Ints Bits(const Ints& v, unsigned shift, unsigned bits) {
  return AndInts(ShiftRight(v, shift), FillInts((1 << bits) - 1));
}

// How a block's sum becomes a number: the three lines of block_matmul.h.
enum class Form { kScaled, kWithMinimum, kHalves };

// Each format's Each(rows, blocks, panel, take) calls take(block, codes) for each block of 32
// codes, of all rows at once, when its scales are in the panel. `rows`: of each output, the first
// of `blocks` blocks of 32 (or the block of 256).

// Blocks of 32 by themselves, which begin with a scale, and a minimum where they have one.
template <class F>
struct BySmallBlocks {
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* const* rows, size_t blocks, Panel& panel,
                                          Take take) {
    for (size_t b = 0; b < blocks; ++b) {
      const size_t at = b * FactsOf(F::kFormat).bytes;
      Ints head[4], codes[kQuads];
      Transpose16(rows, at, head);
      StoreFloats(panel.scale[b], WidenHalves(head[0]));
      if constexpr (F::kForm == Form::kWithMinimum)
        StoreFloats(panel.minimum[b], WidenHalves(ShiftRight(head[0], 16)));
      F::CodesAt(rows, at, head, codes);
      take(b, codes);
    }
  }
};

// kMost: the largest code.
struct Q8_0 : BySmallBlocks<Q8_0> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ8_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = kSignedBytes ? 0 : 128, kMost = 255;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             const Ints (&)[4], Ints (&codes)[kQuads]) {
    SignedBytes(rows, at + 2, codes);
  }
};
struct Q4_0 : BySmallBlocks<Q4_0> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 8, kMost = 15;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             const Ints (&)[4], Ints (&codes)[kQuads]) {
    Nibbles(rows, at + 2, codes);
  }
};
struct Q4_1 : BySmallBlocks<Q4_1> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_1;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 15;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             const Ints (&)[4], Ints (&codes)[kQuads]) {
    Nibbles(rows, at + 4, codes);
  }
};
struct Q5_0 : BySmallBlocks<Q5_0> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 16, kMost = 31;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             const Ints (&head)[4], Ints (&codes)[kQuads]) {
    Nibbles(rows, at + 6, codes);
    AddFifthBits(OrInts(ShiftRight(head[0], 16), ShiftLeft(head[1], 16)), codes);
  }
};
struct Q5_1 : BySmallBlocks<Q5_1> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_1;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 31;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             const Ints (&head)[4], Ints (&codes)[kQuads]) {
    Nibbles(rows, at + 8, codes);
    AddFifthBits(head[1], codes);
  }
};

// Groups of 32 in blocks of 256.

// The scales of the 16 halves of 256 codes, at 192.
inline void MakeScalesOfHalves(const uint8_t* const* rows, Panel& panel) {
  Ints words[4], last[4];
  // 16 signed bytes, and the scale of all.
  Transpose16(rows, 192, words);
  Transpose16(rows, 194, last);
  const Floats d = WidenHalves(ShiftRight(last[3], 16));
  for (unsigned b = 0; b < kChunk; ++b) {
    StoreFloats(panel.scale[b], d);
    for (unsigned half = 0; half < 2; ++half) {
      const unsigned byte = b % 2 * 2 + half;
      panel.parts[b][half] = ShiftRightSigned(ShiftLeft(words[b / 2], 24 - 8 * byte), 24);
    }
  }
}
// The scales and minima of eight groups, at the block's beginning.
inline void MakeScalesAndMinima(const uint8_t* const* rows, Panel& panel) {
  Ints words[4];
  // Both scales, then twelve bytes with eight scales and minima of six bits.
  Transpose16(rows, 0, words);
  const Floats d = WidenHalves(words[0]);
  const Floats least = WidenHalves(XorInts(ShiftRight(words[0], 16), FillInts(0x8000)));
  for (unsigned b = 0; b < kChunk; ++b) {
    const unsigned shift = b % 4 * 8;
    Ints scale = Bits(words[1], shift, 6), minimum = Bits(words[2], shift, 6);
    if (b >= 4) {
      scale = OrInts(Bits(words[3], shift, 4), ShiftLeft(Bits(words[1], shift + 6, 2), 4));
      minimum = OrInts(Bits(words[3], shift + 4, 4), ShiftLeft(Bits(words[2], shift + 6, 2), 4));
    }
    StoreFloats(panel.scale[b], Multiply(d, ToFloats(scale)));
    StoreFloats(panel.minimum[b], Multiply(least, ToFloats(minimum)));
  }
}

struct Q4_K {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_K;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 15;
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* const* rows, size_t, Panel& panel,
                                          Take take) {
    MakeScalesAndMinima(rows, panel);
    for (size_t g = 0; g < kChunk; g += 2) {
      Ints both[kQuads], codes[kQuads];
      Transpose32(rows, 16 + g * 16, both);
      for (size_t q = 0; q < kQuads; ++q) codes[q] = Field(both[q], 0, 4, 0);
      take(g, codes);
      for (size_t q = 0; q < kQuads; ++q) codes[q] = Field(both[q], 4, 4, 0);
      take(g + 1, codes);
    }
  }
};
struct Q5_K {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_K;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 31;
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* const* rows, size_t, Panel& panel,
                                          Take take) {
    MakeScalesAndMinima(rows, panel);
    Ints fifth[kQuads];
    Transpose32(rows, 16, fifth);
    for (unsigned g = 0; g < kChunk; g += 2) {
      Ints both[kQuads], codes[kQuads];
      Transpose32(rows, 48 + g * 16, both);
      for (size_t q = 0; q < kQuads; ++q)
        codes[q] = OrInts(Field(both[q], 0, 4, 0), Field(fifth[q], g, 1, 4));
      take(g, codes);
      for (size_t q = 0; q < kQuads; ++q)
        codes[q] = OrInts(Field(both[q], 4, 4, 0), Field(fifth[q], g + 1, 1, 4));
      take(g + 1, codes);
    }
  }
};
struct Q6_K {
  static constexpr BlockFormat kFormat = BlockFormat::kQ6_K;
  static constexpr Form kForm = Form::kHalves;
  static constexpr int kOffset = 32, kMost = 63;
  // Of four groups, 0 and 2, and 1 and 3, share their low four bits; all of them the high two.
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* const* rows, size_t, Panel& panel,
                                          Take take) {
    MakeScalesOfHalves(rows, panel);
    for (size_t half = 0; half < 2; ++half) {
      Ints high[kQuads], low[2][kQuads], codes[kQuads];
      Transpose32(rows, 128 + half * 32, high);
      Transpose32(rows, half * 64, low[0]);
      Transpose32(rows, half * 64 + 32, low[1]);
      for (unsigned g = 0; g < 4; ++g) {
        for (size_t q = 0; q < kQuads; ++q)
          codes[q] = OrInts(Field(low[g % 2][q], g / 2 * 4, 4, 0), Field(high[q], 2 * g, 2, 4));
        take(half * 4 + g, codes);
      }
    }
  }
};

// Our own: groups of 32, of which one or several share a bfloat16 scale before their codes.
template <class F>
struct ByGroups {
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* const* rows, size_t blocks, Panel& panel,
                                          Take take) {
    constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
    constexpr size_t kGroups = kFacts.elements / 32;
    Floats scale = FillFloats(0);
    for (size_t b = 0; b < blocks; ++b) {
      const size_t at = b / kGroups * kFacts.bytes, group = b % kGroups;
      Ints codes[kQuads];
      if (group == 0) {
        Ints head[4];
        Transpose16(rows, at, head);
        const Ints bits = ShiftLeft(head[0], 16);
        __builtin_memcpy(&scale, &bits, sizeof(scale));
      }
      StoreFloats(panel.scale[b], scale);
      F::CodesAt(rows, at + 2 + group * (kFacts.bytes - 2) / kGroups, codes);
      take(b, codes);
    }
  }
};

template <BlockFormat kOwn>
struct Int8 : ByGroups<Int8<kOwn>> {
  static constexpr BlockFormat kFormat = kOwn;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = Q8_0::kOffset, kMost = 255;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             Ints (&codes)[kQuads]) {
    SignedBytes(rows, at, codes);
  }
};
template <BlockFormat kOwn>
struct Int4 : ByGroups<Int4<kOwn>> {
  static constexpr BlockFormat kFormat = kOwn;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 8, kMost = 15;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* const* rows, size_t at,
                                             Ints (&codes)[kQuads]) {
    Nibbles(rows, at, codes);
  }
};
