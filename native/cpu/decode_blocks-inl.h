// Blocks of quantised elements to floats: one functor a format, which turns one block into float32
// by the order of operations of PyPI's gguf (quants.py), so that the bits are the same. Layouts:
// ggml-common.h; sizes: core/block_format.h. No include guard, part of loops-inl.h, once per
// instruction set.

// A scale of a block.
inline float ScaleAt(const uint8_t* p) { return F16ToFloat(LoadHalf(p)); }

// float16 scale, 32 signed bytes: d q.
struct DecodeQ8_0 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from);
    for (size_t i = 0; i < 32; ++i)
      to[i] = d * static_cast<float>(static_cast<int8_t>(from[2 + i]));
  }
};

// float16 scale, 16 bytes whose low halves are the first 16 elements: d (q - 8).
struct DecodeQ4_0 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from);
    for (size_t i = 0; i < 16; ++i) {
      to[i] = d * static_cast<float>((from[2 + i] & 15) - 8);
      to[i + 16] = d * static_cast<float>((from[2 + i] >> 4) - 8);
    }
  }
};

// float16 scale and minimum, halves of bytes as in Q4_0: d q + m.
struct DecodeQ4_1 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from), m = ScaleAt(from + 2);
    for (size_t i = 0; i < 16; ++i) {
      to[i] = d * static_cast<float>(from[4 + i] & 15) + m;
      to[i + 16] = d * static_cast<float>(from[4 + i] >> 4) + m;
    }
  }
};

inline uint32_t LoadBits32(const uint8_t* p) {
  uint32_t v;
  __builtin_memcpy(&v, p, 4);
  return v;
}

// float16 scale, 32 fifth bits, halves of bytes: d (q - 16).
struct DecodeQ5_0 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from);
    const uint32_t high = LoadBits32(from + 2);
    for (size_t i = 0; i < 16; ++i) {
      const int low = from[6 + i] & 15, upper = from[6 + i] >> 4;
      to[i] = d * static_cast<float>((low | static_cast<int>(high >> i & 1) << 4) - 16);
      to[i + 16] =
          d * static_cast<float>((upper | static_cast<int>(high >> (i + 16) & 1) << 4) - 16);
    }
  }
};

// float16 scale and minimum, 32 fifth bits, halves of bytes: d q + m.
struct DecodeQ5_1 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from), m = ScaleAt(from + 2);
    const uint32_t high = LoadBits32(from + 4);
    for (size_t i = 0; i < 16; ++i) {
      const int low = from[8 + i] & 15, upper = from[8 + i] >> 4;
      to[i] = d * static_cast<float>(low | static_cast<int>(high >> i & 1) << 4) + m;
      to[i + 16] = d * static_cast<float>(upper | static_cast<int>(high >> (i + 16) & 1) << 4) + m;
    }
  }
};

// The scale and minimum, six bits each, of group `g` of eight: the first four lie in the low bits
// of bytes 0 to 7, of the others the low four bits in bytes 8 to 11 and the high two above the
// first.
inline void SixBits(const uint8_t* p, size_t g, int& scale, int& minimum) {
  if (g < 4) {
    scale = p[g] & 63;
    minimum = p[g + 4] & 63;
  } else {
    scale = (p[g + 4] & 15) | (p[g - 4] >> 6) << 4;
    minimum = (p[g + 4] >> 4) | (p[g] >> 6) << 4;
  }
}

// float16 scales of scales and of minima, 8 groups of 32: (d s) q - (dmin m). Two groups share 32
// bytes, the first in the low halves.
struct DecodeQ4_K {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from), dmin = ScaleAt(from + 2);
    for (size_t g = 0; g < 8; ++g) {
      int scale = 0, minimum = 0;
      SixBits(from + 4, g, scale, minimum);
      const float factor = d * static_cast<float>(scale);
      const float least = dmin * static_cast<float>(minimum);
      const uint8_t* quants = from + 16 + g / 2 * 32;
      const int shift = static_cast<int>(g % 2) * 4;
      for (size_t i = 0; i < 32; ++i)
        to[g * 32 + i] = factor * static_cast<float>(quants[i] >> shift & 15) - least;
    }
  }
};

// As Q4_K, and of each element a fifth bit: bit g of byte i of 32 for element i of group g.
struct DecodeQ5_K {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from), dmin = ScaleAt(from + 2);
    const uint8_t* high = from + 16;
    for (size_t g = 0; g < 8; ++g) {
      int scale = 0, minimum = 0;
      SixBits(from + 4, g, scale, minimum);
      const float factor = d * static_cast<float>(scale);
      const float least = dmin * static_cast<float>(minimum);
      const uint8_t* quants = from + 48 + g / 2 * 32;
      const int shift = static_cast<int>(g % 2) * 4;
      for (size_t i = 0; i < 32; ++i) {
        const int q = (quants[i] >> shift & 15) | (high[i] >> g & 1) << 4;
        to[g * 32 + i] = factor * static_cast<float>(q) - least;
      }
    }
  }
};

// 16 groups of 16 with signed byte scales, then a float16 scale of these: (d s) (q - 32). Of each
// half of 128, 64 bytes hold the low four bits and 32 the high two.
struct DecodeQ6_K {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = ScaleAt(from + 208);
    for (size_t g = 0; g < 16; ++g) {
      const float factor = d * static_cast<float>(static_cast<int8_t>(from[192 + g]));
      // Group g of its half: 32 elements a quarter of it, two groups each.
      const size_t half = g / 8, quarter = g % 8 / 2, begin = g % 2 * 16;
      const uint8_t* low = from + half * 64 + quarter % 2 * 32 + begin;
      const uint8_t* high = from + 128 + half * 32 + begin;
      const int low_shift = static_cast<int>(quarter / 2) * 4;
      const int high_shift = static_cast<int>(quarter) * 2;
      for (size_t i = 0; i < 16; ++i) {
        const int q = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
        to[g * 16 + i] = factor * static_cast<float>(q - 32);
      }
    }
  }
};

// bfloat16 scale, signed bytes: d q.
template <size_t kElements>
struct DecodeInt8 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = Bf16ToFloat(LoadHalf(from));
    for (size_t i = 0; i < kElements; ++i)
      to[i] = d * static_cast<float>(static_cast<int8_t>(from[2 + i]));
  }
};

// bfloat16 scale, of each 32 elements 16 bytes as in Q4_0: d (q - 8).
template <size_t kElements>
struct DecodeInt4 {
  void operator()(const uint8_t* __restrict from, float* __restrict to) const {
    const float d = Bf16ToFloat(LoadHalf(from));
    for (size_t g = 0; g < kElements; g += 32) {
      const uint8_t* codes = from + 2 + g / 2;
      for (size_t i = 0; i < 16; ++i) {
        to[g + i] = d * static_cast<float>((codes[i] & 15) - 8);
        to[g + i + 16] = d * static_cast<float>((codes[i] >> 4) - 8);
      }
    }
  }
};

// Each block is copied first, and the compiler is kept from looking through the copy: GCC 12 would
// take several blocks at once, with loads that reach past the last one, where a mapping may end.
template <class Decode, class T>
void DecodeEach(const uint8_t* from, size_t bytes, size_t elements, size_t blocks, T* to) {
  alignas(64) uint8_t block[256];
  for (size_t b = 0; b < blocks; ++b, from += bytes, to += elements) {
    __builtin_memcpy(block, from, bytes);
    __asm__ volatile("" : : "r"(block) : "memory");
    if constexpr (std::is_same_v<T, float>) {
      Decode()(block, to);
    } else {
      float values[256];
      Decode()(block, values);
      for (size_t i = 0; i < elements; ++i) to[i] = static_cast<T>(values[i]);
    }
  }
}

template <class T>
void DecodeBlocks(const uint8_t* from, BlockFormat format, size_t blocks, T* to) {
  const size_t bytes = FactsOf(format).bytes, elements = FactsOf(format).elements;
  switch (format) {
    case BlockFormat::kQ8_0:
      return DecodeEach<DecodeQ8_0>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ4_0:
      return DecodeEach<DecodeQ4_0>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ4_1:
      return DecodeEach<DecodeQ4_1>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ5_0:
      return DecodeEach<DecodeQ5_0>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ5_1:
      return DecodeEach<DecodeQ5_1>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ4_K:
      return DecodeEach<DecodeQ4_K>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ5_K:
      return DecodeEach<DecodeQ5_K>(from, bytes, elements, blocks, to);
    case BlockFormat::kQ6_K:
      return DecodeEach<DecodeQ6_K>(from, bytes, elements, blocks, to);
    case BlockFormat::kInt8_32:
      return DecodeEach<DecodeInt8<32>>(from, bytes, elements, blocks, to);
    case BlockFormat::kInt8_64:
      return DecodeEach<DecodeInt8<64>>(from, bytes, elements, blocks, to);
    case BlockFormat::kInt8_128:
      return DecodeEach<DecodeInt8<128>>(from, bytes, elements, blocks, to);
    case BlockFormat::kInt4_32:
      return DecodeEach<DecodeInt4<32>>(from, bytes, elements, blocks, to);
    case BlockFormat::kInt4_64:
      return DecodeEach<DecodeInt4<64>>(from, bytes, elements, blocks, to);
    case BlockFormat::kInt4_128:
      return DecodeEach<DecodeInt4<128>>(from, bytes, elements, blocks, to);
    case BlockFormat::kNone:
      return;
  }
}
