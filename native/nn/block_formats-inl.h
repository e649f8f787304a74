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

// `bits` of each byte from bit `from` on, moved to bit `to`.
[[gnu::always_inline]] inline Ints Field(const Ints& bytes, unsigned from, unsigned bits,
                                         unsigned to) {
  const Ints moved = from == to  ? bytes
                     : from > to ? ShiftRight(bytes, from - to)
                                 : ShiftLeft(bytes, to - from);
  return AndInts(moved, FillInts(static_cast<int32_t>((((1u << bits) - 1) << to) * 0x01010101u)));
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
// Adds the fifth bits, in the order of SwapFifthBits, to codes of four bits.
[[gnu::always_inline]] inline void AddFifthBits(const Ints& bits, Ints (&codes)[kQuads]) {
  for (unsigned q = 0; q < kQuads; ++q)
    codes[q] = OrInts(codes[q], Field(bits, q % 2 * 4 + q / 4 * 2 + q / 2 % 2, 1, 4));
}

// `bits` of each lane from bit `shift` on.
[[gnu::always_inline]] inline Ints Bits(const Ints& v, unsigned shift, unsigned bits) {
  return AndInts(ShiftRight(v, shift), FillInts((1 << bits) - 1));
}

// How a block's sum becomes a number: the three lines of block_matmul.h.
enum class Form { kScaled, kWithMinimum, kHalves };

// What products with codes depend on. kMost: the largest code.
template <Form kOwnForm, int kOwnOffset, int kOwnMost>
struct Codes {
  using Kind = Codes;
  static constexpr Form kForm = kOwnForm;
  static constexpr int kOffset = kOwnOffset, kMost = kOwnMost;
};
using SignedCodes = Codes<Form::kScaled, kSignedBytes ? 0 : 128, 255>;

// 32 codes of every output, with their scales.
struct Block {
  Ints codes[kQuads];
  Floats scale;
  Floats minimum;  // Form::kWithMinimum
  Ints parts[2];   // Form::kHalves
};

// Each format's Each(from, blocks, take) calls take(b, block) for each block of 32 codes. `from`:
// the first of `blocks` blocks of 32 (or the block of 256).

// Blocks of 32 by themselves, which begin with a scale, and a minimum where they have one.
template <class F>
struct BySmallBlocks {
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* from, size_t blocks, Take take) {
    for (size_t b = 0; b < blocks; ++b, from += FactsOf(F::kFormat).bytes * kOutputs) {
      Block block;
      block.scale = LoadFloat16s(from);
      if constexpr (F::kForm == Form::kWithMinimum)
        block.minimum = LoadFloat16s(from + 2 * kOutputs);
      F::CodesOf(from, block.codes);
      take(b, block);
    }
  }
};

struct Q8_0 : BySmallBlocks<Q8_0>, SignedCodes {
  static constexpr BlockFormat kFormat = BlockFormat::kQ8_0;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, Ints (&codes)[kQuads]) {
    SignedBytes(block, 2, codes);
  }
};
struct Q4_0 : BySmallBlocks<Q4_0>, Codes<Form::kScaled, 8, 15> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_0;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 2, codes);
  }
};
struct Q4_1 : BySmallBlocks<Q4_1>, Codes<Form::kWithMinimum, 0, 15> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_1;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 4, codes);
  }
};
struct Q5_0 : BySmallBlocks<Q5_0>, Codes<Form::kScaled, 16, 31> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_0;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 6, codes);
    AddFifthBits(Word(block, 2), codes);
  }
};
struct Q5_1 : BySmallBlocks<Q5_1>, Codes<Form::kWithMinimum, 0, 31> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_1;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, Ints (&codes)[kQuads]) {
    Nibbles(block, 8, codes);
    AddFifthBits(Word(block, 4), codes);
  }
};

// Groups of 32 in blocks of 256.

// The scales and minima of eight groups, at the block's beginning.
[[gnu::always_inline]] inline void ScalesAndMinima(const uint8_t* from, Floats (&scales)[kChunk],
                                                   Floats (&minima)[kChunk]) {
  // Both scales, then twelve bytes with eight scales and minima of six bits.
  const Floats d = LoadFloat16s(from);
  const Floats least = Multiply(LoadFloat16s(from + 2 * kOutputs), FillFloats(-1));
  const Ints words[] = {Word(from, 4), Word(from, 8), Word(from, 12)};
  for (unsigned b = 0; b < kChunk; ++b) {
    const unsigned shift = b % 4 * 8;
    Ints scale = Bits(words[0], shift, 6), minimum = Bits(words[1], shift, 6);
    if (b >= 4) {
      scale = OrInts(Bits(words[2], shift, 4), ShiftLeft(Bits(words[0], shift + 6, 2), 4));
      minimum = OrInts(Bits(words[2], shift + 4, 4), ShiftLeft(Bits(words[1], shift + 6, 2), 4));
    }
    scales[b] = Multiply(d, ToFloats(scale));
    minima[b] = Multiply(least, ToFloats(minimum));
  }
}

struct Q4_K : Codes<Form::kWithMinimum, 0, 15> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ4_K;
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* from, size_t, Take take) {
    Floats scales[kChunk], minima[kChunk];
    ScalesAndMinima(from, scales, minima);
    for (unsigned g = 0; g < kChunk; ++g) {
      Block block;
      block.scale = scales[g];
      block.minimum = minima[g];
      for (size_t q = 0; q < kQuads; ++q)
        block.codes[q] = Field(Word(from, 16 + g / 2 * 32 + 4 * q), g % 2 * 4, 4, 0);
      take(g, block);
    }
  }
};
struct Q5_K : Codes<Form::kWithMinimum, 0, 31> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ5_K;
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* from, size_t, Take take) {
    Floats scales[kChunk], minima[kChunk];
    ScalesAndMinima(from, scales, minima);
    for (unsigned g = 0; g < kChunk; ++g) {
      Block block;
      block.scale = scales[g];
      block.minimum = minima[g];
      for (size_t q = 0; q < kQuads; ++q) {
        const Ints low = Field(Word(from, 48 + g / 2 * 32 + 4 * q), g % 2 * 4, 4, 0);
        block.codes[q] = OrInts(low, Field(Word(from, 16 + 4 * q), g, 1, 4));
      }
      take(g, block);
    }
  }
};
struct Q6_K : Codes<Form::kHalves, 32, 63> {
  static constexpr BlockFormat kFormat = BlockFormat::kQ6_K;
  // Of four groups, 0 and 2, and 1 and 3, share their low four bits; all of them the high two. Then
  // 16 signed bytes, the scales of the halves, and the scale of all.
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* from, size_t, Take take) {
    const Floats d = LoadFloat16s(from + 208 * kOutputs);
    for (unsigned b = 0; b < kChunk; ++b) {
      const unsigned half = b / 4, g = b % 4;
      Block block;
      block.scale = d;
      const Ints four = Word(from, 192 + b / 2 * 4);
      for (unsigned i = 0; i < 2; ++i)
        block.parts[i] = ShiftRightSigned(ShiftLeft(four, 24 - 8 * (b % 2 * 2 + i)), 24);
      for (size_t q = 0; q < kQuads; ++q) {
        const Ints low = Field(Word(from, half * 64 + g % 2 * 32 + 4 * q), g / 2 * 4, 4, 0);
        block.codes[q] = OrInts(low, Field(Word(from, 128 + half * 32 + 4 * q), 2 * g, 2, 4));
      }
      take(b, block);
    }
  }
};

// Our own: groups of 32, of which one or several share a bfloat16 scale before their codes.
template <class F>
struct ByGroups {
  template <class Take>
  [[gnu::always_inline]] static void Each(const uint8_t* from, size_t blocks, Take take) {
    constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
    constexpr size_t kGroups = kFacts.elements / 32, kGroupBytes = (kFacts.bytes - 2) / kGroups;
    Block block;
    for (size_t b = 0; b < blocks; ++b) {
      const uint8_t* at = from + b / kGroups * kFacts.bytes * kOutputs;
      if (b % kGroups == 0) block.scale = LoadBfloat16s(at);
      F::CodesOf(at, 2 + b % kGroups * kGroupBytes, block.codes);
      take(b, block);
    }
  }
};

template <BlockFormat kOwn>
struct Int8 : ByGroups<Int8<kOwn>>, SignedCodes {
  static constexpr BlockFormat kFormat = kOwn;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, size_t at,
                                             Ints (&codes)[kQuads]) {
    SignedBytes(block, at, codes);
  }
};
template <BlockFormat kOwn>
struct Int4 : ByGroups<Int4<kOwn>>, Codes<Form::kScaled, 8, 15> {
  static constexpr BlockFormat kFormat = kOwn;
  [[gnu::always_inline]] static void CodesOf(const uint8_t* block, size_t at,
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
