// Floats to the blocks of GGUF's formats (core/block_format.h). No include guard, part of
// loops-inl.h, once per instruction set.
//
// Q8_0, Q4_0, Q5_0 and Q5_1 round as the reference does (PyPI gguf, gguf/quants.py), so their bytes
// are equal to its. The K formats search each sub-block's scale (and minimum) by the objective of
// ggml's quantiser: a grid of scales, for each the weighted least squares over the codes that it
// gives. Sub-blocks lie in the lanes of a vector, and each lane adds its elements in their order:
// the sums, and so the bytes, do not depend on how wide the vector is.

#if RETEMPER_LANES > 4
constexpr size_t kSubBlocks = RETEMPER_LANES;
#else
constexpr size_t kSubBlocks = 4;
#endif
typedef float SubF __attribute__((vector_size(4 * kSubBlocks)));
typedef int32_t SubI __attribute__((vector_size(4 * kSubBlocks)));

constexpr size_t kSuperBlock = 256;  // elements of a block of the K formats

inline SubF SubSet(float x) { return x - SubF{}; }
inline SubF SubMagnitude(SubF x) { return (SubF)((SubI)x & 0x7fffffff); }
// To the nearest whole number, halves to the even one; for magnitudes below 2^22.
inline SubF SubRound(SubF x) { return (x + 12582912.0f) - 12582912.0f; }
// A NaN becomes `least`.
inline SubF SubClamp(SubF x, float least, float most) {
  x = x > SubSet(least) ? x : SubSet(least);
  return x < SubSet(most) ? x : SubSet(most);
}
// The same of one number, as an integer.
inline int RoundIn(float x, int least, int most) {
  const float rounded = (x + 12582912.0f) - 12582912.0f;
  if (!(rounded > static_cast<float>(least))) return least;
  return rounded < static_cast<float>(most) ? static_cast<int>(rounded) : most;
}

// A float16, and what it is as a float32. One NaN for all.
inline float PutHalf(float value, uint8_t* to) {
  const uint16_t half = FloatToF16(Canonical(value));
  __builtin_memcpy(to, &half, 2);
  return F16ToFloat(half);
}
inline bool IsFinite(float x) { return (std::bit_cast<uint32_t>(x) & 0x7f800000u) != 0x7f800000u; }
inline bool AllFinite(const float* from, size_t n) {
  uint32_t bad = 0;
  for (size_t i = 0; i < n; ++i)
    bad |= (std::bit_cast<uint32_t>(from[i]) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  return bad == 0;
}

// The largest magnitude of a block of 32, as its bits: they order as the magnitudes do.
inline int32_t LargestBits(const float* x) {
  int32_t largest = 0;
  for (size_t i = 0; i < 32; ++i) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

// d = max |x| / 127; codes are x / d, halves away from zero. Returns whether d is finite.
inline bool EncodeQ8_0(const float* x, uint8_t* to) {
  const float d = std::bit_cast<float>(LargestBits(x)) / 127.0f;
  const float inverse = d == 0 ? 0.0f : 1.0f / d;
  int8_t codes[32];
  for (size_t i = 0; i < 32; ++i) {
    const float scaled = x[i] * inverse;
    const float magnitude = std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) & 0x7fffffffu);
    const float least = magnitude < 127.5f ? magnitude : 0.0f;  // no number, or no finite scale
    const auto whole = static_cast<int32_t>(least);
    const int32_t code =
        whole + (least - static_cast<float>(whole) >= 0.5f ? 1 : 0);  // exact, and then twice it
    codes[i] = static_cast<int8_t>(scaled < 0 ? -code : code);
  }
  __builtin_memcpy(to + 2, codes, 32);
  return IsFinite(PutHalf(d, to));
}

// The first value of the largest magnitude, of a block of 32.
inline float FirstExtreme(const float* x) {
  const int32_t largest = LargestBits(x);
  int32_t first = 32;
  for (int32_t i = 0; i < 32; ++i) {
    const int32_t at = (std::bit_cast<int32_t>(x[i]) & 0x7fffffff) == largest ? i : 32;
    first = at < first ? at : first;
  }
  return x[first];
}
// The whole part, most at most; `zero` for what is no number or far outside.
inline uint8_t CutOff(float x, int most, int zero) {
  const float within = x >= 0 && x < static_cast<float>(most) + 2 ? x : static_cast<float>(zero);
  const auto code = static_cast<int32_t>(within);
  return static_cast<uint8_t>(code < most ? code : most);
}
// The low four bits of the first half of 32 codes and of the second, in pairs.
inline void PutHalves(const uint8_t* codes, uint8_t* to) {
  for (size_t i = 0; i < 16; ++i)
    to[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}
// The fifth bits of 32 codes.
inline void PutFifthBits(const uint8_t* codes, uint8_t* to) {
  uint32_t bits = 0;
  for (size_t i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(codes[i] >> 4) << i;
  __builtin_memcpy(to, &bits, 4);
}

// d = x / -8 of the first x of the largest magnitude; codes are x / d + 8.5 cut off, 15 at most.
inline bool EncodeQ4_0(const float* x, uint8_t* to) {
  const float d = FirstExtreme(x) / -8.0f;
  const float inverse = d == 0 ? 0.0f : 1.0f / d;
  uint8_t codes[32];
  for (size_t i = 0; i < 32; ++i) codes[i] = CutOff(x[i] * inverse + 8.5f, 15, 8);
  PutHalves(codes, to + 2);
  return IsFinite(PutHalf(d, to));
}

// The same with one bit more.
inline bool EncodeQ5_0(const float* x, uint8_t* to) {
  const float d = FirstExtreme(x) / -16.0f;
  const float inverse = d == 0 ? 0.0f : 1.0f / d;
  uint8_t codes[32];
  for (size_t i = 0; i < 32; ++i) codes[i] = CutOff(x[i] * inverse + 16.5f, 31, 16);
  PutFifthBits(codes, to + 2);
  PutHalves(codes, to + 6);
  return IsFinite(PutHalf(d, to));
}

// d = (max - min) / 31; codes are (x - min) / d + 0.5 cut off.
inline bool EncodeQ5_1(const float* x, uint8_t* to) {
  float least = x[0], most = x[0];
  for (size_t i = 1; i < 32; ++i) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  const float d = (most - least) / 31.0f;
  const float inverse = d == 0 ? 0.0f : 1.0f / d;
  uint8_t codes[32];
  for (size_t i = 0; i < 32; ++i) codes[i] = CutOff((x[i] - least) * inverse + 0.5f, 31, 0);
  PutFifthBits(codes, to + 4);
  PutHalves(codes, to + 8);
  const float low = PutHalf(least, to + 2);
  return IsFinite(PutHalf(d, to)) && IsFinite(low);
}

// Element t of kSubBlocks sub-blocks that lie one after the other, `length` elements each.
template <size_t length>
inline void LoadSubBlocks(const float* from, SubF* x) {
  for (size_t t = 0; t < length; ++t) {
    float lanes[kSubBlocks];
    for (size_t l = 0; l < kSubBlocks; ++l) lanes[l] = from[l * length + t];
    __builtin_memcpy(x + t, lanes, sizeof lanes);
  }
}
// Codes back to their places.
template <size_t length>
inline void StoreCodes(const SubF* codes, uint8_t* to) {
  for (size_t t = 0; t < length; ++t) {
    const SubI whole = __builtin_convertvector(codes[t], SubI);
    for (size_t l = 0; l < kSubBlocks; ++l) to[l * length + t] = static_cast<uint8_t>(whole[l]);
  }
}

// x ~ scale * code + low, with codes 0 to kMost, for sub-blocks of 32.
struct ScaleAndLow {
  SubF scale, low;
  SubF code_inverse, code_low;  // code = round(code_inverse * (x - code_low))
  SubI flat;                    // all codes are 0
};

// Searches (kMost + first + i / 10) / range as the inverse of the scale, for i <= steps. Errors are
// weighted by the root mean square of the sub-block plus |x|. `low` is 0 at most.
template <int kMost>
inline void FitScaleAndLow(const SubF* x, float first, int steps, ScaleAndLow& fit) {
  SubF squares{};
  for (size_t t = 0; t < 32; ++t) squares += x[t] * x[t];
  SubF mean;
  for (size_t l = 0; l < kSubBlocks; ++l) mean[l] = __builtin_sqrtf(squares[l] / 32.0f);
  SubF weights[32];
  SubF low = x[0], high = x[0], sum_w{}, sum_x{};
  for (size_t t = 0; t < 32; ++t) {
    weights[t] = mean + SubMagnitude(x[t]);
    low = x[t] < low ? x[t] : low;
    high = x[t] > high ? x[t] : high;
    sum_w += weights[t];
    sum_x += weights[t] * x[t];
  }
  low = low > 0 ? SubF{} : low;
  fit.flat = high == low;
  high = fit.flat ? low + 1.0f : high;  // so that nothing divides by zero; the result is not used
  SubF inverse = static_cast<float>(kMost) / (high - low);
  fit.scale = 1.0f / inverse;
  fit.code_inverse = inverse;
  fit.code_low = low;
  SubF least{};
  for (size_t t = 0; t < 32; ++t) {
    const SubF code = SubClamp(SubRound(inverse * (x[t] - low)), 0, kMost);
    const SubF off = fit.scale * code + low - x[t];
    least += weights[t] * (off * off);
  }
  SubF codes[32];
  for (int i = 0; i <= steps; ++i) {
    inverse = (first + 0.1f * static_cast<float>(i) + static_cast<float>(kMost)) / (high - low);
    SubF sum_c{}, sum_cc{}, sum_cx{};
    for (size_t t = 0; t < 32; ++t) {
      codes[t] = SubClamp(SubRound(inverse * (x[t] - low)), 0, kMost);
      const SubF weighted = weights[t] * codes[t];
      sum_c += weighted;
      sum_cc += weighted * codes[t];
      sum_cx += weighted * x[t];
    }
    const SubF determinant = sum_w * sum_cc - sum_c * sum_c;
    SubF scale = (sum_w * sum_cx - sum_x * sum_c) / determinant;
    SubF lowest = (sum_cc * sum_x - sum_c * sum_cx) / determinant;
    const SubI above = lowest > 0;
    scale = above ? sum_cx / sum_cc : scale;
    lowest = above ? SubF{} : lowest;
    SubF error{};
    for (size_t t = 0; t < 32; ++t) {
      const SubF off = scale * codes[t] + lowest - x[t];
      error += weights[t] * (off * off);
    }
    const SubI better = (determinant > 0) & (error < least);
    least = better ? error : least;
    fit.scale = better ? scale : fit.scale;
    fit.code_inverse = better ? inverse : fit.code_inverse;
    fit.code_low = better ? low : fit.code_low;
    low = better ? lowest : low;
  }
  fit.scale = fit.flat ? SubF{} : fit.scale;
  fit.low = low;
}

// Six bits each of eight scales and eight minima in twelve bytes: the low four bits of the last
// four stand together, their high bits above the six of the first four.
inline void PackSixBits(const int* scales, const int* lows, uint8_t* to) {
  for (size_t j = 0; j < 4; ++j) {
    to[j] = static_cast<uint8_t>(scales[j] | (scales[j + 4] >> 4) << 6);
    to[j + 4] = static_cast<uint8_t>(lows[j] | (lows[j + 4] >> 4) << 6);
    to[j + 8] = static_cast<uint8_t>((scales[j + 4] & 15) | (lows[j + 4] & 15) << 4);
  }
}

// What Q4_K and Q5_K have in common, of as many sub-blocks as lie in a vector or two: their codes,
// and the head of each block (d, dmin, packed scales). Returns a bit a block whose head is finite.
template <int kMost>
inline void EncodeWithLow(const float* from, float first, int steps, uint8_t* codes,
                          uint8_t (*heads)[16]) {
  constexpr size_t kEach = 8, kAll = kSubBlocks > kEach ? kSubBlocks : kEach;
  SubF x[kAll / kSubBlocks][32];
  ScaleAndLow fits[kAll / kSubBlocks];
  float scales[kAll], lows[kAll], steps_of[kAll], lows_of[kAll];
  for (size_t v = 0; v < kAll / kSubBlocks; ++v) {
    LoadSubBlocks<32>(from + v * kSubBlocks * 32, x[v]);
    FitScaleAndLow<kMost>(x[v], first, steps, fits[v]);
    for (size_t l = 0; l < kSubBlocks; ++l) {
      scales[v * kSubBlocks + l] = fits[v].scale[l];
      lows[v * kSubBlocks + l] = -fits[v].low[l];
    }
  }
  for (size_t b = 0; b < kAll / kEach; ++b) {
    float most_scale = 0, most_low = 0;
    for (size_t j = b * kEach; j < (b + 1) * kEach; ++j) {
      most_scale = scales[j] > most_scale ? scales[j] : most_scale;
      most_low = lows[j] > most_low ? lows[j] : most_low;
    }
    const float inverse_scale = most_scale > 0 ? 63.0f / most_scale : 0.0f;
    const float inverse_low = most_low > 0 ? 63.0f / most_low : 0.0f;
    const float d = PutHalf(most_scale / 63.0f, heads[b]);
    const float d_low = PutHalf(most_low / 63.0f, heads[b] + 2);
    int whole_scales[kEach], whole_lows[kEach];
    for (size_t j = 0; j < kEach; ++j) {
      whole_scales[j] = RoundIn(inverse_scale * scales[b * kEach + j], 0, 63);
      whole_lows[j] = RoundIn(inverse_low * lows[b * kEach + j], 0, 63);
      steps_of[b * kEach + j] = d * static_cast<float>(whole_scales[j]);
      lows_of[b * kEach + j] = d_low * static_cast<float>(whole_lows[j]);
    }
    PackSixBits(whole_scales, whole_lows, heads[b] + 4);
  }
  for (size_t v = 0; v < kAll / kSubBlocks; ++v) {
    SubF step, low;
    __builtin_memcpy(&step, steps_of + v * kSubBlocks, sizeof step);
    __builtin_memcpy(&low, lows_of + v * kSubBlocks, sizeof low);
    // Where the scale rounds to zero the codes mean nothing; they are those of the search.
    const SubI none = step == 0;
    const SubF divisor = none ? SubSet(1) : step;
    for (size_t t = 0; t < 32; ++t) {
      const SubF by_step = SubRound((x[v][t] + low) / divisor);
      SubF searched = SubRound(fits[v].code_inverse * (x[v][t] - fits[v].code_low));
      searched = fits[v].flat ? SubF{} : searched;
      x[v][t] = SubClamp(none ? searched : by_step, 0, kMost);
    }
    StoreCodes<32>(x[v], codes + v * kSubBlocks * 32);
  }
}

// Two codes of four bits a byte, 32 elements apart.
inline void PackFourBits(const uint8_t* codes, uint8_t* to) {
  for (size_t chunk = 0; chunk < kSuperBlock / 64; ++chunk) {
    for (size_t i = 0; i < 32; ++i) {
      to[chunk * 32 + i] = static_cast<uint8_t>((codes[chunk * 64 + i] & 15) |
                                                (codes[chunk * 64 + 32 + i] & 15) << 4);
    }
  }
}
inline void PutQ4_K(const uint8_t* head, const uint8_t* codes, uint8_t* to) {
  __builtin_memcpy(to, head, 16);
  PackFourBits(codes, to + 16);
}
inline void PutQ5_K(const uint8_t* head, const uint8_t* codes, uint8_t* to) {
  __builtin_memcpy(to, head, 16);
  for (size_t i = 0; i < 32; ++i) {
    unsigned high = 0;  // bit j: the fifth bit of sub-block j's element i
    for (size_t j = 0; j < 8; ++j) high |= static_cast<unsigned>(codes[j * 32 + i] >> 4) << j;
    to[16 + i] = static_cast<uint8_t>(high);
  }
  PackFourBits(codes, to + 48);
}

// x ~ scale * (code - 32) for sub-blocks of 16, errors weighted by x^2. Among the inverses
// -(32 + i / 10) / x of the largest magnitude, for |i| <= 9, the one that explains most.
struct ScaleOnly {
  SubF scale;
  SubF code_inverse;
  SubI flat;
};
inline void FitScale(const SubF* x, ScaleOnly& fit) {
  SubF most{}, extreme{};
  for (size_t t = 0; t < 16; ++t) {
    const SubF magnitude = SubMagnitude(x[t]);
    extreme = magnitude > most ? x[t] : extreme;
    most = magnitude > most ? magnitude : most;
  }
  fit.flat = most < 1e-15f;
  extreme = fit.flat ? SubSet(1) : extreme;
  SubF sum_cx{}, sum_cc{};
  const auto add = [&](SubF inverse) {
    sum_cx = sum_cc = SubF{};
    for (size_t t = 0; t < 16; ++t) {
      const SubF code = SubClamp(SubRound(inverse * x[t]), -32, 31);
      const SubF weight = x[t] * x[t];
      sum_cx += weight * x[t] * code;
      sum_cc += weight * code * code;
    }
  };
  fit.code_inverse = -32.0f / extreme;
  add(fit.code_inverse);
  fit.scale = sum_cc != 0 ? sum_cx / sum_cc : SubF{};
  SubF best = fit.scale * sum_cx;
  for (int i = -9; i <= 9; ++i) {
    if (i == 0) continue;
    const SubF inverse = -(32.0f + 0.1f * static_cast<float>(i)) / extreme;
    add(inverse);
    const SubI better = (sum_cc > 0) & (sum_cx * sum_cx > best * sum_cc);
    const SubF scale = sum_cx / sum_cc;
    fit.scale = better ? scale : fit.scale;
    fit.code_inverse = better ? inverse : fit.code_inverse;
    best = better ? scale * sum_cx : best;
  }
  fit.scale = fit.flat ? SubF{} : fit.scale;
}

// Returns whether d is finite.
inline bool EncodeQ6_K(const float* from, uint8_t* to) {
  constexpr size_t kEach = 16, kVectors = kEach / kSubBlocks;
  SubF x[kVectors][16];
  ScaleOnly fits[kVectors];
  float scales[kEach], most = 0, extreme = 0;
  for (size_t v = 0; v < kVectors; ++v) {
    LoadSubBlocks<16>(from + v * kSubBlocks * 16, x[v]);
    FitScale(x[v], fits[v]);
    for (size_t l = 0; l < kSubBlocks; ++l) scales[v * kSubBlocks + l] = fits[v].scale[l];
  }
  for (const float scale : scales) {
    const float magnitude = scale < 0 ? -scale : scale;
    extreme = magnitude > most ? scale : extreme;
    most = magnitude > most ? magnitude : most;
  }
  if (most < 1e-15f) {
    __builtin_memset(to, 0, 210);
    return true;
  }
  const float inverse = -128.0f / extreme;
  const float d = PutHalf(1.0f / inverse, to + 208);
  uint8_t codes[kSuperBlock];
  for (size_t v = 0; v < kVectors; ++v) {
    SubF step;
    for (size_t l = 0; l < kSubBlocks; ++l) {
      const int whole = RoundIn(inverse * scales[v * kSubBlocks + l], -128, 127);
      to[192 + v * kSubBlocks + l] = static_cast<uint8_t>(whole);
      step[l] = d * static_cast<float>(whole);
    }
    const SubI none = step == 0;
    const SubF divisor = none ? SubSet(1) : step;
    for (size_t t = 0; t < 16; ++t) {
      const SubF searched = SubRound(fits[v].code_inverse * x[v][t]);
      const SubF code = SubClamp(none ? searched : SubRound(x[v][t] / divisor), -32, 31) + 32.0f;
      x[v][t] = none & fits[v].flat ? SubF{} : code;
    }
    StoreCodes<16>(x[v], codes + v * kSubBlocks * 16);
  }
  for (size_t half = 0; half < 2; ++half) {
    const uint8_t* c = codes + half * 128;
    for (size_t i = 0; i < 32; ++i) {
      to[half * 64 + i] = static_cast<uint8_t>((c[i] & 15) | (c[i + 64] & 15) << 4);
      to[half * 64 + 32 + i] = static_cast<uint8_t>((c[i + 32] & 15) | (c[i + 96] & 15) << 4);
      to[128 + half * 32 + i] = static_cast<uint8_t>(c[i] >> 4 | c[i + 32] >> 4 << 2 |
                                                     c[i + 64] >> 4 << 4 | c[i + 96] >> 4 << 6);
    }
  }
  return IsFinite(d);
}

// A block whose values are not all finite decodes to NaN.
inline void PutNaNBlock(const BlockFormatFacts& facts, uint8_t* to) {
  __builtin_memset(to, 0, facts.bytes);
  PutHalf(std::bit_cast<float>(0x7fc00000u), to + (facts.format == BlockFormat::kQ6_K ? 208 : 0));
}

template <BlockFormat kFormat>
inline uint64_t EncodeWithLows(const float* from, size_t blocks, uint8_t* to) {
  constexpr size_t kAtOnce = kSubBlocks > 8 ? kSubBlocks / 8 : 1;
  constexpr bool kFour = kFormat == BlockFormat::kQ4_K;
  constexpr BlockFormatFacts kFacts = FactsOf(kFormat);
  uint64_t bad = 0;
  for (size_t b = 0; b < blocks; b += kAtOnce) {
    float some[kAtOnce * kSuperBlock] = {};
    const size_t n = blocks - b < kAtOnce ? blocks - b : kAtOnce;
    bool finite[kAtOnce] = {};
    for (size_t i = 0; i < n; ++i) {
      finite[i] = AllFinite(from + (b + i) * kSuperBlock, kSuperBlock);
      if (finite[i]) {
        __builtin_memcpy(some + i * kSuperBlock, from + (b + i) * kSuperBlock,
                         kSuperBlock * sizeof(float));
      }
    }
    uint8_t codes[kAtOnce * kSuperBlock], heads[kAtOnce][16];
    EncodeWithLow<kFour ? 15 : 31>(some, kFour ? -1.0f : -0.5f, kFour ? 20 : 15, codes, heads);
    for (size_t i = 0; i < n; ++i) {
      uint8_t* at = to + (b + i) * kFacts.bytes;
      if (!finite[i]) {
        PutNaNBlock(kFacts, at);
        bad += kSuperBlock;
        continue;
      }
      if (kFour) {
        PutQ4_K(heads[i], codes + i * kSuperBlock, at);
      } else {
        PutQ5_K(heads[i], codes + i * kSuperBlock, at);
      }
      if (!IsFinite(F16ToFloat(LoadHalf(at))) || !IsFinite(F16ToFloat(LoadHalf(at + 2))))
        bad += kSuperBlock;
    }
  }
  return bad;
}

template <BlockFormat kFormat, class Encoder>
inline uint64_t EncodeEach(const float* from, size_t blocks, uint8_t* to, Encoder encode) {
  constexpr BlockFormatFacts kFacts = FactsOf(kFormat);
  uint64_t bad = 0;
  for (size_t b = 0; b < blocks; ++b) {
    const float* x = from + b * kFacts.elements;
    uint8_t* at = to + b * kFacts.bytes;
    if (!AllFinite(x, kFacts.elements)) {
      PutNaNBlock(kFacts, at);
      bad += kFacts.elements;
    } else if (!encode(x, at)) {
      bad += kFacts.elements;
    }
  }
  return bad;
}

#include "cpu/encode_integers-inl.h"

inline uint64_t EncodeBlocks(const float* from, size_t n, BlockFormat format, uint8_t* to) {
  const size_t blocks = n / FactsOf(format).elements;
  switch (format) {
    case BlockFormat::kQ8_0:
      return EncodeEach<BlockFormat::kQ8_0>(from, blocks, to, &EncodeQ8_0);
    case BlockFormat::kQ4_0:
      return EncodeEach<BlockFormat::kQ4_0>(from, blocks, to, &EncodeQ4_0);
    case BlockFormat::kQ5_0:
      return EncodeEach<BlockFormat::kQ5_0>(from, blocks, to, &EncodeQ5_0);
    case BlockFormat::kQ5_1:
      return EncodeEach<BlockFormat::kQ5_1>(from, blocks, to, &EncodeQ5_1);
    case BlockFormat::kQ4_K:
      return EncodeWithLows<BlockFormat::kQ4_K>(from, blocks, to);
    case BlockFormat::kQ5_K:
      return EncodeWithLows<BlockFormat::kQ5_K>(from, blocks, to);
    case BlockFormat::kQ6_K:
      return EncodeEach<BlockFormat::kQ6_K>(from, blocks, to, &EncodeQ6_K);
    default:
      break;  // Q4_1 is only read: CheckPlan refuses it
  }
  if (!OfAnyDtype(format)) return 0;
  const size_t elements = FactsOf(format).elements;
  return ScalesRows(format) ? EncodeInt8(from, n, elements, to) : EncodeInt4(from, n, elements, to);
}
