// Products with stored blocks on one instruction set. No include guard: block_matmul.cc includes
// this file once per instruction set, inside a namespace and a compiler target region of its own
// (cpu/loops.cc says why), so only headers that are already included may be used here.
//
// Of kOutputs rows of weights, 256 inputs at a time are turned into vectors of codes, in which four
// inputs of every output lie side by side: a quad. For several rows of activations they are kept in
// a panel, which is multiplied by all rows before the next one is made, so the work on stored bits
// is shared by them. For one row they are multiplied as they are made.

constexpr size_t kChunk = 8;       // blocks of a panel
constexpr size_t kQuads = 32 / 4;  // fours of inputs in a block

// --- vectors: one lane an output ---

#if RETEMPER_LANES == 16

constexpr size_t kOutputs = 16;
using Ints = __m512i;
using Floats = __m512;
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

#elif RETEMPER_LANES == 8

constexpr size_t kOutputs = 8;
using Ints = __m256i;
using Floats = __m256;
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

#endif

// Whether codes of all 8 bits keep their sign here.
constexpr bool kSignedBytes = !RETEMPER_VNNI;

struct Panel {
  alignas(64) Ints codes[kChunk][kQuads];
  alignas(64) float scale[kChunk][kOutputs];
  alignas(64) float minimum[kChunk][kOutputs];  // Form::kWithMinimum
  alignas(64) Ints parts[kChunk][2];            // Form::kHalves
};

// --- stored bytes of every row, transposed into fours ---

// Of each row, the 32 bytes from `at` on.
#if RETEMPER_LANES == 16

[[gnu::always_inline]] inline void Transpose32(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[kQuads]) {
  __m512i a[8], b[8];
  // Rows i and i + 8, then transposed by words within the halves of 256 bits.
  for (size_t i = 0; i < 8; ++i) {
    const auto load = [&](size_t row) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[row] + at));
    };
    a[i] = _mm512_mask_broadcast_i64x4(_mm512_castsi256_si512(load(i)), 0xf0, load(i + 8));
  }
  for (size_t i = 0; i < 8; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (size_t i = 0; i < 8; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  for (size_t i = 0; i < 4; ++i) {
    to[i] = _mm512_permutex2var_epi64(a[i], low, a[i + 4]);
    to[i + 4] = _mm512_permutex2var_epi64(a[i], high, a[i + 4]);
  }
}

#elif RETEMPER_LANES == 8

[[gnu::always_inline]] inline void Transpose32(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[kQuads]) {
  __m256i a[8], b[8];
  for (size_t i = 0; i < 8; ++i)
    a[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i] + at));
  for (size_t i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (size_t i = 0; i < 8; i += 4) {
    a[i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm256_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm256_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  for (size_t i = 0; i < 4; ++i) {
    to[i] = _mm256_permute2x128_si256(a[i], a[i + 4], 0x20);
    to[i + 4] = _mm256_permute2x128_si256(a[i], a[i + 4], 0x31);
  }
}

#elif RETEMPER_LANES == 0

inline void Transpose32(const uint8_t* const* rows, size_t at, Ints (&to)[kQuads]) {
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t q = 0; q < kQuads; ++q) __builtin_memcpy(&to[q].v[i], rows[i] + at + 4 * q, 4);
  }
}

#endif

// Of each row, the 16 bytes from `at` on.
#if RETEMPER_LANES >= 8

[[gnu::always_inline]] inline void Transpose16(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[4]) {
  const auto load = [&](size_t row) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row] + at));
  };
  // Rows i, i + 4 and so on, transposed by words within pieces of 128 bits.
#if RETEMPER_LANES == 16
  __m512i a[4];
  for (size_t i = 0; i < 4; ++i) {
    a[i] = _mm512_mask_broadcast_i32x4(_mm512_castsi128_si512(load(i)), 0xf0, load(i + 4));
    a[i] = _mm512_mask_broadcast_i32x4(a[i], 0xf00, load(i + 8));
    a[i] = _mm512_mask_broadcast_i32x4(a[i], 0xf000, load(i + 12));
  }
  const __m512i b[4] = {_mm512_unpacklo_epi32(a[0], a[1]), _mm512_unpackhi_epi32(a[0], a[1]),
                        _mm512_unpacklo_epi32(a[2], a[3]), _mm512_unpackhi_epi32(a[2], a[3])};
  for (size_t i = 0; i < 2; ++i) {
    to[2 * i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    to[2 * i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
  }
#else
  __m256i a[4];
  for (size_t i = 0; i < 4; ++i)
    a[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load(i)), load(i + 4), 1);
  const __m256i b[4] = {_mm256_unpacklo_epi32(a[0], a[1]), _mm256_unpackhi_epi32(a[0], a[1]),
                        _mm256_unpacklo_epi32(a[2], a[3]), _mm256_unpackhi_epi32(a[2], a[3])};
  for (size_t i = 0; i < 2; ++i) {
    to[2 * i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
    to[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
  }
#endif
}

#elif RETEMPER_LANES == 0

inline void Transpose16(const uint8_t* const* rows, size_t at, Ints (&to)[4]) {
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t q = 0; q < 4; ++q) __builtin_memcpy(&to[q].v[i], rows[i] + at + 4 * q, 4);
  }
}

#endif

#include "nn/block_formats-inl.h"

// --- sums of products ---

// sum + the four products of every lane. The codes of F.
template <class F>
inline Ints Dot(Ints sum, const Ints& codes, const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
#if RETEMPER_LANES == 16
  return _mm512_dpbusd_epi32(sum, codes, _mm512_set1_epi32(four));
#elif RETEMPER_LANES == 8 && RETEMPER_VNNI
  return _mm256_dpbusd_avx_epi32(sum, codes, _mm256_set1_epi32(four));
#elif RETEMPER_LANES == 8
  const __m256i v = _mm256_set1_epi32(four);
  // Pairs do not reach the ends of 16 bits: 2 x 128 x 127, and less for codes of fewer bits.
  const __m256i pairs =
      F::kMost == 255 ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(v, codes))
                      : _mm256_maddubs_epi16(codes, v);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#elif RETEMPER_LANES == 4
  return AddProducts(sum, codes, four);
#else
  int8_t each[4];
  __builtin_memcpy(each, &four, 4);
  uint8_t bytes[sizeof(Ints)];
  __builtin_memcpy(bytes, codes.v, sizeof(bytes));
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t k = 0; k < 4; ++k) {
      const int c = F::kMost == 255 ? static_cast<int8_t>(bytes[4 * i + k]) : bytes[4 * i + k];
      sum.v[i] += c * each[k];
    }
  }
  return sum;
#endif
}

// Adds block `b` of a panel to y, for kRows rows whose blocks are `stride` apart. `codes` are those
// of the panel, or they are nowhere else.
template <class F, size_t kRows>
[[gnu::always_inline]] inline void AddBlock(const Panel& panel, size_t b,
                                            const Ints (&codes)[kQuads], const RoundedBlock* x,
                                            size_t stride, Floats (&y)[kRows]) {
  Ints whole[kRows];
  if constexpr (F::kForm == Form::kHalves) {
    Ints half[kRows];
    for (size_t r = 0; r < kRows; ++r) half[r] = FillInts(-F::kOffset * x[r * stride].sum[0]);
    for (size_t q = 0; q < kQuads / 2; ++q) {
      for (size_t r = 0; r < kRows; ++r)
        half[r] = Dot<F>(half[r], codes[q], x[r * stride].q + 4 * q);
    }
    for (size_t r = 0; r < kRows; ++r) {
      whole[r] = MultiplyInts(half[r], panel.parts[b][0]);
      half[r] = FillInts(-F::kOffset * x[r * stride].sum[1]);
    }
    for (size_t q = kQuads / 2; q < kQuads; ++q) {
      for (size_t r = 0; r < kRows; ++r)
        half[r] = Dot<F>(half[r], codes[q], x[r * stride].q + 4 * q);
    }
    for (size_t r = 0; r < kRows; ++r)
      whole[r] = AddInts(whole[r], MultiplyInts(half[r], panel.parts[b][1]));
  } else {
    for (size_t r = 0; r < kRows; ++r) {
      const RoundedBlock& own = x[r * stride];
      whole[r] = FillInts(F::kOffset == 0 ? 0 : -F::kOffset * (own.sum[0] + own.sum[1]));
    }
    for (size_t q = 0; q < kQuads; ++q) {
      for (size_t r = 0; r < kRows; ++r)
        whole[r] = Dot<F>(whole[r], codes[q], x[r * stride].q + 4 * q);
    }
  }
  const Floats scale = LoadFloats(panel.scale[b]);
  for (size_t r = 0; r < kRows; ++r) {
    const RoundedBlock& own = x[r * stride];
    Floats t = Multiply(ToFloats(whole[r]), Multiply(scale, FillFloats(own.d)));
    if constexpr (F::kForm == Form::kWithMinimum) {
      t = Add(t, Multiply(LoadFloats(panel.minimum[b]), FillFloats(own.s)));
    }
    y[r] = Add(y[r], t);
  }
}

// Adds `blocks` blocks of kRows rows to sums[row][output].
template <class F, size_t kRows>
inline void MultiplyPanel(const Panel& panel, size_t blocks, const RoundedBlock* x, size_t stride,
                          float* sums) {
  Floats y[kRows];
  for (size_t r = 0; r < kRows; ++r) y[r] = LoadFloats(sums + r * kOutputs);
  for (size_t b = 0; b < blocks; ++b)
    AddBlock<F, kRows>(panel, b, panel.codes[b], x + b, stride, y);
  for (size_t r = 0; r < kRows; ++r) StoreFloats(sums + r * kOutputs, y[r]);
}

// The same for one row alone: codes are multiplied as they are made.
template <class F>
inline void MultiplyOne(const uint8_t* const* rows, size_t blocks, Panel& panel,
                        const RoundedBlock* x, float* sums) {
  Floats y[1] = {LoadFloats(sums)};
  F::Each(
      rows, blocks,
      panel, [&](size_t b, const Ints(&codes)[kQuads]) __attribute__((always_inline)) {
        AddBlock<F, 1>(panel, b, codes, x + b, 0, y);
      });
  StoreFloats(sums, y[0]);
}

template <class F>
inline void FillPanel(const uint8_t* const* rows, size_t blocks, Panel& panel) {
  F::Each(
      rows, blocks,
      panel, [&](size_t b, const Ints(&codes)[kQuads]) __attribute__((always_inline)) {
        for (size_t q = 0; q < kQuads; ++q) panel.codes[b][q] = codes[q];
      });
}

constexpr size_t kMostRows = RETEMPER_LANES == 16 ? 8 : 4;

template <class F>
void MultiplyPartOf(const BlockPart& part, uint8_t* scratch) {
  constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
  const BlockLinear& layer = *part.layer;
  const BlockRows& w = layer.w;
  const size_t blocks = w.in / 32, rows = part.end_row - part.first_row;
  const size_t row_bytes = w.RowBytes(), chunk_bytes = 256 / kFacts.elements * kFacts.bytes;
  Panel& panel = *reinterpret_cast<Panel*>(scratch);
  float* const sums = reinterpret_cast<float*>(scratch + sizeof(Panel));
  for (size_t out = part.first_out; out < part.end_out; out += kOutputs) {
    const size_t outs = std::min(kOutputs, part.end_out - out);
    const uint8_t* at[kOutputs];
    // Lanes without an output repeat the last one.
    for (size_t i = 0; i < kOutputs; ++i)
      at[i] = w.data + StoredRow(w, out + std::min(i, outs - 1)) * row_bytes;
    // Into the next part too: whoever takes it.
    const size_t left = w.out - out - outs;
    ReadAhead ahead(w.data + (out + outs) * row_bytes, row_bytes, row_bytes,
                    std::min(left, kOutputs), DivideUp(blocks, kChunk));
    std::fill_n(sums, rows * kOutputs, 0.0f);
    for (size_t block = 0; block < blocks; block += kChunk) {
      const size_t count = std::min(kChunk, blocks - block);
      ahead.Step();
      const RoundedBlock* x = part.x + part.first_row * blocks + block;
      float* to = sums;
      if (rows == 1) {
        MultiplyOne<F>(at, count, panel, x, to);
      } else {
        FillPanel<F>(at, count, panel);
      }
      for (const uint8_t*& each : at) each += chunk_bytes;
      if (rows == 1) continue;
      size_t row = 0;
      const auto take = [&](auto multiply, size_t n) {
        for (; rows - row >= n; row += n, x += n * blocks, to += n * kOutputs)
          multiply(panel, count, x, blocks, to);
      };
      if constexpr (kMostRows == 8) take(MultiplyPanel<F, 8>, 8);
      take(MultiplyPanel<F, 4>, 4);
      take(MultiplyPanel<F, 2>, 2);
      take(MultiplyPanel<F, 1>, 1);
    }
    for (size_t r = 0; r < rows; ++r) {
      float* y = layer.y + (part.first_row + r) * layer.y_stride + out;
      const float* sum = sums + r * kOutputs;
      for (size_t i = 0; i < outs; ++i) y[i] = layer.bias ? sum[i] + layer.bias[out + i] : sum[i];
    }
  }
}

void MultiplyPart(const BlockPart& part, uint8_t* scratch) {
  switch (part.layer->w.format) {
    case BlockFormat::kQ8_0:
      return MultiplyPartOf<Q8_0>(part, scratch);
    case BlockFormat::kQ4_0:
      return MultiplyPartOf<Q4_0>(part, scratch);
    case BlockFormat::kQ4_1:
      return MultiplyPartOf<Q4_1>(part, scratch);
    case BlockFormat::kQ5_0:
      return MultiplyPartOf<Q5_0>(part, scratch);
    case BlockFormat::kQ5_1:
      return MultiplyPartOf<Q5_1>(part, scratch);
    case BlockFormat::kQ4_K:
      return MultiplyPartOf<Q4_K>(part, scratch);
    case BlockFormat::kQ5_K:
      return MultiplyPartOf<Q5_K>(part, scratch);
    case BlockFormat::kQ6_K:
      return MultiplyPartOf<Q6_K>(part, scratch);
    case BlockFormat::kInt8_32:
      return MultiplyPartOf<Int8<BlockFormat::kInt8_32>>(part, scratch);
    case BlockFormat::kInt8_64:
      return MultiplyPartOf<Int8<BlockFormat::kInt8_64>>(part, scratch);
    case BlockFormat::kInt8_128:
      return MultiplyPartOf<Int8<BlockFormat::kInt8_128>>(part, scratch);
    case BlockFormat::kInt4_32:
      return MultiplyPartOf<Int4<BlockFormat::kInt4_32>>(part, scratch);
    case BlockFormat::kInt4_64:
      return MultiplyPartOf<Int4<BlockFormat::kInt4_64>>(part, scratch);
    case BlockFormat::kInt4_128:
      return MultiplyPartOf<Int4<BlockFormat::kInt4_128>>(part, scratch);
    case BlockFormat::kNone:
      return;
  }
}

// --- activations in 8 bits ---

void RoundRow(const float* x, size_t blocks, RoundedBlock* to) {
  for (size_t b = 0; b < blocks; ++b, x += 32, ++to) {
    uint32_t bits[32], most = 0;
    __builtin_memcpy(bits, x, sizeof(bits));
    for (size_t i = 0; i < 32; ++i) most = std::max(most, bits[i] & 0x7fffffffu);
    const float largest = std::bit_cast<float>(most);
    const bool finite = most < 0x7f800000u, zero = !(largest >= 0x1p-100f);
    const float factor = finite && !zero ? 127.0f / largest : 0.0f;
    int32_t q[32], sum[2] = {0, 0};
    // Below 2^22, adding 1.5 x 2^23 rounds to a whole number, to nearest even; what is not finite
    // comes out as 0.
    for (size_t i = 0; i < 32; ++i) {
      const float value = finite ? x[i] * factor : 0.0f;
      q[i] = std::bit_cast<int32_t>(value + 12582912.0f) - 0x4b400000;
    }
    for (size_t i = 0; i < 16; ++i) sum[0] += q[i];
    for (size_t i = 16; i < 32; ++i) sum[1] += q[i];
    for (size_t i = 0; i < 32; ++i) to->q[i] = static_cast<int8_t>(q[i]);
    to->sum[0] = sum[0];
    to->sum[1] = sum[1];
    to->d = !finite ? std::bit_cast<float>(0x7fc00000u) : zero ? 0.0f : largest / 127.0f;
    to->s = to->d * static_cast<float>(sum[0] + sum[1]);
  }
}
