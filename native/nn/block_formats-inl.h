// The block formats of stored weights: one struct a format, which turns its bytes into unsigned
// codes of 8 bits. No include guard, part of block_products-inl.h, once per instruction set.
// Layouts of a block: cpu/decode_blocks-inl.h.
//
// A panel has kOutputs rows, block by block, and each block field by field: of every row the words
// of four bytes or the scales of two that are `at` bytes from the block's beginning in a row lie
// side by side, kOutputs times as far from its beginning in the panel.
[[gnu::always_inline]] inline Ints Word(const uint8_t* block, size_t at) {
  return LoadInts(block + at * kOutputs);
}

[[gnu::always_inline]] inline void Words(const uint8_t* block, size_t at, Ints (&to)[kQuads]) {
  for (size_t q = 0; q < kQuads; ++q) to[q] = Word(block, at + 4 * q);
}

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
[[gnu::always_inline]] inline void Nibbles(const uint8_t* block, size_t at, Ints (&codes)[kQuads]) {
  for (size_t q = 0; q < 4; ++q) {
    const Ints both = Word(block, at + 4 * q);
    codes[q] = Field(both, 0, 4, 0);
    codes[q + 4] = Field(both, 4, 4, 0);
  }
}
// 32 signed bytes of every row are the codes.
[[gnu::always_inline]] inline void SignedBytes(const uint8_t* block, size_t at,
                                               Ints (&codes)[kQuads]) {
  Words(block, at, codes);
  if constexpr (kSignedBytes) return;
  // With an offset in place of the sign.
  for (Ints& quad : codes) quad = XorInts(quad, FillInts(static_cast<int32_t>(0x80808080u)));
}
// Adds them to codes of four bits.
[[gnu::always_inline]] inline void AddFifthBits(const Ints& bits, Ints (&codes)[kQuads]) {
  for (size_t q = 0; q < kQuads; ++q)
    codes[q] = OrInts(codes[q], FifthBits(bits, static_cast<unsigned>(q)));
}

// `bits` of each lane from bit `shift` on.
[[gnu::always_inline]] inline Ints Bits(const Ints& v, unsigned shift, unsigned bits) {
  return AndInts(ShiftRight(v, shift), FillInts((1 << bits) - 1));
}

// How a block's sum becomes a number: the three lines of block_matmul.h.
enum class Form { kScaled, kWithMinimum, kHalves };

// Each format's Each(block, blocks, panel, take) calls take(b, codes) for each block of 32 codes,
// of all rows at once, when its scales are in the panel. `block`: the first of `blocks` blocks of
// 32 (or the block of 256).

// Blocks of 32 by themselves, which begin with a scale, and a minimum where they have one.
template <class F>
struct BySmallBlocks {
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* block, size_t blocks, Panel& panel,
                                          Take take) {
    for (size_t b = 0; b < blocks; ++b, block += FactsOf(F::kFormat).bytes * kOutputs) {
      StoreFloats(panel.scale[b], LoadFloat16s(block));
      if constexpr (F::kForm == Form::kWithMinimum)
        StoreFloats(panel.minimum[b], LoadFloat16s(block + 2 * kOutputs));
      Ints codes[kQuads];
      F::Codes(block, codes);
      take(b, codes);
    }
  }
};

// kMost: the largest code.
struct Q8_0 : BySmallBlocks<Q8_0> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ8_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = kSignedBytes ? 0 : 128, kMost = 255;
  [[gnu::always_inline]] static void Codes(const uint8_t* block, Ints (&codes)[kQuads]) {
    SignedBytes(block, 2, codes);
  }
};
struct Q4_0 : BySmallBlocks<Q4_0> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 8, kMost = 15;
  [[gnu::always_inline]] static void Codes(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 2, codes);
  }
};
struct Q4_1 : BySmallBlocks<Q4_1> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_1;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 15;
  [[gnu::always_inline]] static void Codes(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 4, codes);
  }
};
struct Q5_0 : BySmallBlocks<Q5_0> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_0;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 16, kMost = 31;
  [[gnu::always_inline]] static void Codes(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 6, codes);
    AddFifthBits(Word(block, 2), codes);
  }
};
struct Q5_1 : BySmallBlocks<Q5_1> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_1;
  static constexpr Form kForm = Form::kWithMinimum;
  static constexpr int kOffset = 0, kMost = 31;
  [[gnu::always_inline]] static void Codes(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 8, codes);
    AddFifthBits(Word(block, 4), codes);
  }
};

// Groups of 32 in blocks of 256.

// The scales of the 16 halves of 256 codes, at 192.
inline void MakeScalesOfHalves(const uint8_t* block, Panel& panel) {
  // 16 signed bytes, and the scale of all.
  const Floats d = LoadFloat16s(block + 208 * kOutputs);
  for (unsigned b = 0; b < kChunk; ++b) {
    StoreFloats(panel.scale[b], d);
    const Ints four = Word(block, 192 + b / 2 * 4);
    for (unsigned half = 0; half < 2; ++half) {
      const unsigned byte = b % 2 * 2 + half;
      panel.parts[b][half] = ShiftRightSigned(ShiftLeft(four, 24 - 8 * byte), 24);
    }
  }
}
// The scales and minima of eight groups, at the block's beginning.
inline void MakeScalesAndMinima(const uint8_t* block, Panel& panel) {
  // Both scales, then twelve bytes with eight scales and minima of six bits.
  const Floats d = LoadFloat16s(block);
  const Floats least = Multiply(LoadFloat16s(block + 2 * kOutputs), FillFloats(-1));
  const Ints words[] = {Word(block, 4), Word(block, 8), Word(block, 12)};
  for (unsigned b = 0; b < kChunk; ++b) {
    const unsigned shift = b % 4 * 8;
    Ints scale = Bits(words[0], shift, 6), minimum = Bits(words[1], shift, 6);
    if (b >= 4) {
      scale = OrInts(Bits(words[2], shift, 4), ShiftLeft(Bits(words[0], shift + 6, 2), 4));
      minimum = OrInts(Bits(words[2], shift + 4, 4), ShiftLeft(Bits(words[1], shift + 6, 2), 4));
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
  [[gnu::always_inline]] static void Each(const uint8_t* block, size_t, Panel& panel, Take take) {
    MakeScalesAndMinima(block, panel);
    for (size_t g = 0; g < kChunk; g += 2) {
      Ints both[kQuads], codes[kQuads];
      Words(block, 16 + g * 16, both);
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
  [[gnu::always_inline]] static void Each(const uint8_t* block, size_t, Panel& panel, Take take) {
    MakeScalesAndMinima(block, panel);
    Ints fifth[kQuads];
    Words(block, 16, fifth);
    for (unsigned g = 0; g < kChunk; g += 2) {
      Ints both[kQuads], codes[kQuads];
      Words(block, 48 + g * 16, both);
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
  [[gnu::always_inline]] static void Each(const uint8_t* block, size_t, Panel& panel, Take take) {
    MakeScalesOfHalves(block, panel);
    for (size_t half = 0; half < 2; ++half) {
      Ints high[kQuads], low[2][kQuads], codes[kQuads];
      Words(block, 128 + half * 32, high);
      Words(block, half * 64, low[0]);
      Words(block, half * 64 + 32, low[1]);
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
  [[gnu::always_inline]] static void Each(const uint8_t* block, size_t blocks, Panel& panel,
                                          Take take) {
    constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
    constexpr size_t kGroups = kFacts.elements / 32;
    Floats scale = FillFloats(0);
    for (size_t b = 0; b < blocks; ++b) {
      const size_t at = b / kGroups * kFacts.bytes, group = b % kGroups;
      Ints codes[kQuads];
      if (group == 0) scale = LoadBfloat16s(block + at * kOutputs);
      StoreFloats(panel.scale[b], scale);
      F::CodesAt(block, at + 2 + group * (kFacts.bytes - 2) / kGroups, codes);
      take(b, codes);
    }
  }
};

template <BlockFormat kOwn>
struct Int8 : ByGroups<Int8<kOwn>> {
  static constexpr BlockFormat kFormat = kOwn;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = Q8_0::kOffset, kMost = 255;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* block, size_t at,
                                             Ints (&codes)[kQuads]) {
    SignedBytes(block, at, codes);
  }
};
template <BlockFormat kOwn>
struct Int4 : ByGroups<Int4<kOwn>> {
  static constexpr BlockFormat kFormat = kOwn;
  static constexpr Form kForm = Form::kScaled;
  static constexpr int kOffset = 8, kMost = 15;
  [[gnu::always_inline]] static void CodesAt(const uint8_t* block, size_t at,
                                             Ints (&codes)[kQuads]) {
    Nibbles(block, at, codes);
  }
};

// Calls body(F()) with the format's struct.
template <class Body>
inline void OfFormat(BlockFormat format, Body body) {
  switch (format) {
    case BlockFormat::kQ8_0:
      return body(Q8_0());
    case BlockFormat::kQ4_0:
      return body(Q4_0());
    case BlockFormat::kQ4_1:
      return body(Q4_1());
    case BlockFormat::kQ5_0:
      return body(Q5_0());
    case BlockFormat::kQ5_1:
      return body(Q5_1());
    case BlockFormat::kQ4_K:
      return body(Q4_K());
    case BlockFormat::kQ5_K:
      return body(Q5_K());
    case BlockFormat::kQ6_K:
      return body(Q6_K());
    case BlockFormat::kInt8_32:
      return body(Int8<BlockFormat::kInt8_32>());
    case BlockFormat::kInt8_64:
      return body(Int8<BlockFormat::kInt8_64>());
    case BlockFormat::kInt8_128:
      return body(Int8<BlockFormat::kInt8_128>());
    case BlockFormat::kInt4_32:
      return body(Int4<BlockFormat::kInt4_32>());
    case BlockFormat::kInt4_64:
      return body(Int4<BlockFormat::kInt4_64>());
    case BlockFormat::kInt4_128:
      return body(Int4<BlockFormat::kInt4_128>());
    case BlockFormat::kNone:
      return;
  }
}
