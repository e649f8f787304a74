// Products with stored blocks on one instruction set. No include guard: block_matmul.cc includes
// this file once per instruction set, inside a namespace and a compiler target region of its own
// (cpu/loops.cc says why), so only headers that are already included may be used here.
//
// Of kOutputs rows of weights, 256 inputs at a time are turned into vectors of codes, in which four
// inputs of every output lie side by side: a quad. For several rows of activations they are kept in
// a panel, which is multiplied by all rows before the next one is made, so the work on stored bits
// is shared by them. For one row they are multiplied as they are made. Weights that are not packed
// are packed first, 256 inputs at a time.

constexpr size_t kChunk = 8;       // blocks of a panel
constexpr size_t kQuads = 32 / 4;  // fours of inputs in a block

#include "nn/block_vectors-inl.h"

// Whether codes of all 8 bits keep their sign here.
constexpr bool kSignedBytes = !RETEMPER_VNNI;

struct Panel {
  alignas(64) Ints codes[kChunk][kQuads];
  alignas(64) float scale[kChunk][kOutputs];
  alignas(64) float minimum[kChunk][kOutputs];  // Form::kWithMinimum
  alignas(64) Ints parts[kChunk][2];            // Form::kHalves
};

#include "nn/block_formats-inl.h"
#include "nn/block_packing-inl.h"

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
inline void MultiplyOne(const uint8_t* from, size_t blocks, Panel& panel, const RoundedBlock* x,
                        float* sums) {
  Floats y[1] = {LoadFloats(sums)};
  F::Each(
      from, blocks,
      panel, [&](size_t b, const Ints(&codes)[kQuads]) __attribute__((always_inline)) {
        AddBlock<F, 1>(panel, b, codes, x + b, 0, y);
      });
  StoreFloats(sums, y[0]);
}

template <class F>
inline void FillPanel(const uint8_t* from, size_t blocks, Panel& panel) {
  F::Each(
      from, blocks,
      panel, [&](size_t b, const Ints(&codes)[kQuads]) __attribute__((always_inline)) {
        for (size_t q = 0; q < kQuads; ++q) panel.codes[b][q] = codes[q];
      });
}

constexpr size_t kMostRows = RETEMPER_LANES == 16 ? 8 : 4;

struct BlockScratch {
  Panel panel;
  alignas(64) uint8_t packed[kChunk * 34 * kOutputs];  // no format has more
};

template <class F>
void MultiplyPartOf(const BlockPart& part, uint8_t* scratch) {
  constexpr const BlockFormatFacts& kFacts = FactsOf(F::kFormat);
  const BlockLinear& layer = *part.layer;
  const BlockRows& w = layer.w;
  const size_t blocks = w.in / 32, rows = part.end_row - part.first_row;
  const size_t row_bytes = w.RowBytes(), chunk_bytes = 256 / kFacts.elements * kFacts.bytes;
  auto& [panel, packed] = *reinterpret_cast<BlockScratch*>(scratch);
  static_assert(kFacts.bytes * 256 <= sizeof(packed) / kOutputs * kFacts.elements);
  float* const sums = reinterpret_cast<float*>(scratch + sizeof(BlockScratch));
  for (size_t out = part.first_out; out < part.end_out; out += kOutputs) {
    const size_t outs = std::min(kOutputs, part.end_out - out);
    // Into the next part too: whoever takes it.
    const size_t left = w.out - out - outs;
    ReadAhead ahead(w.data + (out + outs) * row_bytes, row_bytes, row_bytes,
                    std::min(left, kOutputs), DivideUp(blocks, kChunk));
    std::fill_n(sums, rows * kOutputs, 0.0f);
    const uint8_t* from = w.data + out * row_bytes;
    StoredRows stored(w, out);
    for (size_t block = 0; block < blocks; block += kChunk) {
      const size_t count = std::min(kChunk, blocks - block);
      ahead.Step();
      if (!w.packed) {
        PackRows<F>(stored.at, count * 32 / kFacts.elements, packed);
        for (const uint8_t*& each : stored.at) each += chunk_bytes;
        from = packed;
      }
      const RoundedBlock* x = part.x + part.first_row * blocks + block;
      float* to = sums;
      if (rows == 1) {
        MultiplyOne<F>(from, count, panel, x, to);
      } else {
        FillPanel<F>(from, count, panel);
      }
      from += chunk_bytes * kOutputs;
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
  OfFormat(part.layer->w.format, [&]<class F>(F) { MultiplyPartOf<F>(part, scratch); });
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
