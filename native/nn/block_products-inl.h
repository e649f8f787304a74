// Products with stored blocks on one instruction set. No include guard: block_matmul.cc includes
// this file once per instruction set, inside a namespace and a compiler target region of its own
// (cpu/loops.cc says why), so only headers that are already included may be used here.
//
// Of kOutputs rows of weights, 256 inputs at a time are spread into a panel, in which four inputs
// of every output lie side by side. A panel is multiplied by all rows of activations before the
// next one is made, so the work on stored bits is shared by them.

// --- vectors: one lane an output ---

#if RETEMPER_LANES == 16

constexpr size_t kOutputs = 16;
using Ints = __m512i;
using Floats = __m512;
inline Ints FillInts(int32_t x) { return _mm512_set1_epi32(x); }
inline Ints LoadInts(const void* p) { return _mm512_load_si512(p); }
inline Ints AddInts(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
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
inline Ints LoadInts(const void* p) { return _mm256_load_si256(static_cast<const __m256i*>(p)); }
inline Ints AddInts(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints MultiplyInts(Ints a, Ints b) { return _mm256_mullo_epi32(a, b); }
inline Floats ToFloats(Ints a) { return _mm256_cvtepi32_ps(a); }
inline Floats FillFloats(float x) { return _mm256_set1_ps(x); }
inline Floats LoadFloats(const float* p) { return _mm256_loadu_ps(p); }
inline void StoreFloats(float* p, Floats v) { _mm256_storeu_ps(p, v); }
inline Floats Add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
inline Floats Multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }

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
inline Ints LoadInts(const void* p) {
  Ints v;
  __builtin_memcpy(v.v, p, sizeof(v));
  return v;
}
inline Ints AddInts(const Ints& a, const Ints& b) {
  return Each<Ints>([&](size_t i) { return a.v[i] + b.v[i]; });
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

constexpr size_t kChunk = 8;       // blocks of a panel
constexpr size_t kQuads = 32 / 4;  // fours of inputs in a block

struct Panel {
  alignas(64) uint8_t codes[kChunk][kQuads][4 * kOutputs];
  alignas(64) float scale[kChunk][kOutputs];
  alignas(64) float minimum[kChunk][kOutputs];     // Form::kWithMinimum
  alignas(64) int32_t parts[kChunk][2][kOutputs];  // Form::kHalves
};

#include "nn/block_formats-inl.h"

// --- codes of a block of every row, into fours of inputs side by side ---

#if RETEMPER_LANES == 16

[[gnu::always_inline]] inline void Spread(const Codes* rows, uint8_t (*quads)[4 * kOutputs]) {
  __m512i a[8], b[8];
  // Rows i and i + 8, then transposed by words within the halves of 256 bits.
  for (size_t i = 0; i < 8; ++i) {
    a[i] = _mm512_inserti64x4(_mm512_castsi256_si512(rows[i]), rows[i + 8], 1);
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
    _mm512_store_si512(quads[i], _mm512_permutex2var_epi64(a[i], low, a[i + 4]));
    _mm512_store_si512(quads[i + 4], _mm512_permutex2var_epi64(a[i], high, a[i + 4]));
  }
}

#elif RETEMPER_LANES == 8

[[gnu::always_inline]] inline void Spread(const Codes* rows, uint8_t (*quads)[4 * kOutputs]) {
  __m256i a[8], b[8];
  for (size_t i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    b[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (size_t i = 0; i < 8; i += 4) {
    a[i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm256_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm256_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  for (size_t i = 0; i < 4; ++i) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(quads[i]),
                       _mm256_permute2x128_si256(a[i], a[i + 4], 0x20));
    _mm256_store_si256(reinterpret_cast<__m256i*>(quads[i + 4]),
                       _mm256_permute2x128_si256(a[i], a[i + 4], 0x31));
  }
}

#else

[[gnu::always_inline]] inline void Spread(const Codes* rows, uint8_t (*quads)[4 * kOutputs]) {
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t q = 0; q < kQuads; ++q) __builtin_memcpy(quads[q] + 4 * i, rows[i].c + 4 * q, 4);
  }
}

#endif

// rows: of each output, the first of `blocks` blocks of 32 (or the block of 256).
template <class F>
inline void FillPanel(const uint8_t* const* rows, size_t blocks, Panel& panel) {
  constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
  GatheredScales scales;
  GatherScales<F>(rows, blocks, scales);
  for (size_t b = 0; b < blocks; ++b) {
    const size_t at = kFacts.elements == 32 ? b * kFacts.bytes : 0;
    Codes codes[kOutputs];
    for (size_t i = 0; i < kOutputs; ++i) codes[i] = F::Of(rows[i] + at, b);
    Spread(codes, panel.codes[b]);
  }
  MakeScales<F>(scales, blocks, panel);
}

// --- sums of products ---

// sum + the four products of every lane. The codes of F.
template <class F>
inline Ints Dot(Ints sum, const uint8_t* codes, const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
#if RETEMPER_LANES == 16
  return _mm512_dpbusd_epi32(sum, LoadInts(codes), _mm512_set1_epi32(four));
#elif RETEMPER_LANES == 8 && RETEMPER_VNNI
  return _mm256_dpbusd_avx_epi32(sum, LoadInts(codes), _mm256_set1_epi32(four));
#elif RETEMPER_LANES == 8
  const __m256i w = LoadInts(codes), v = _mm256_set1_epi32(four);
  // Pairs do not reach the ends of 16 bits: 2 x 128 x 127, and less for codes of fewer bits.
  const __m256i pairs = F::kMost == 255
                            ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(v, w))
                            : _mm256_maddubs_epi16(w, v);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#else
  int8_t each[4];
  __builtin_memcpy(each, &four, 4);
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t k = 0; k < 4; ++k) {
      const int c = F::kMost == 255 ? static_cast<int8_t>(codes[4 * i + k]) : codes[4 * i + k];
      sum.v[i] += c * each[k];
    }
  }
  return sum;
#endif
}

// Adds `blocks` blocks of kRows rows to sums[row][output]. `stride`: blocks from one row to the
// next.
template <class F, size_t kRows>
inline void MultiplyPanel(const Panel& panel, size_t blocks, const RoundedBlock* x, size_t stride,
                          float* sums) {
  Floats y[kRows];
  for (size_t r = 0; r < kRows; ++r) y[r] = LoadFloats(sums + r * kOutputs);
  for (size_t b = 0; b < blocks; ++b, ++x) {
    Ints whole[kRows];
    if constexpr (F::kForm == Form::kHalves) {
      const Ints first = LoadInts(panel.parts[b][0]), second = LoadInts(panel.parts[b][1]);
      Ints half[kRows];
      for (size_t r = 0; r < kRows; ++r) half[r] = FillInts(-F::kOffset * x[r * stride].sum[0]);
      for (size_t q = 0; q < kQuads / 2; ++q) {
        for (size_t r = 0; r < kRows; ++r)
          half[r] = Dot<F>(half[r], panel.codes[b][q], x[r * stride].q + 4 * q);
      }
      for (size_t r = 0; r < kRows; ++r) {
        whole[r] = MultiplyInts(half[r], first);
        half[r] = FillInts(-F::kOffset * x[r * stride].sum[1]);
      }
      for (size_t q = kQuads / 2; q < kQuads; ++q) {
        for (size_t r = 0; r < kRows; ++r)
          half[r] = Dot<F>(half[r], panel.codes[b][q], x[r * stride].q + 4 * q);
      }
      for (size_t r = 0; r < kRows; ++r)
        whole[r] = AddInts(whole[r], MultiplyInts(half[r], second));
    } else {
      for (size_t r = 0; r < kRows; ++r) {
        const RoundedBlock& own = x[r * stride];
        whole[r] = FillInts(F::kOffset == 0 ? 0 : -F::kOffset * (own.sum[0] + own.sum[1]));
      }
      for (size_t q = 0; q < kQuads; ++q) {
        for (size_t r = 0; r < kRows; ++r)
          whole[r] = Dot<F>(whole[r], panel.codes[b][q], x[r * stride].q + 4 * q);
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
  for (size_t r = 0; r < kRows; ++r) StoreFloats(sums + r * kOutputs, y[r]);
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
      FillPanel<F>(at, count, panel);
      for (const uint8_t*& each : at) each += chunk_bytes;
      const RoundedBlock* x = part.x + part.first_row * blocks + block;
      float* to = sums;
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
