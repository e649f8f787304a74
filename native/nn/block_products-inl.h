// Products with stored blocks on one instruction set. No include guard: block_matmul.cc includes
// this file once per instruction set, inside a namespace and a compiler target region of its own
// (cpu/loops.cc says why), so only headers that are already included may be used here.
//
// Of kOutputs rows of weights, 256 inputs at a time are turned into vectors of codes, in which four
// inputs of every output lie side by side: a quad. For several rows of activations they are kept in
// a panel, which is multiplied by all rows before the next one is made, so the work on stored bits
// is shared by them. For one row they are multiplied as they are made. Weights that are not packed
// are packed first, 256 inputs at a time.

constexpr size_t kQuads = 32 / 4;  // fours of inputs in a block

#include "nn/block_vectors-inl.h"

// Whether codes of all 8 bits keep their sign here.
constexpr bool kSignedBytes = !RETEMPER_VNNI;

#include "nn/block_formats-inl.h"
#include "nn/block_packing-inl.h"

// --- sums of products ---

// Quads whose products are added up before they go into a sum of 32 bits: where products are pairs
// of 16 bits, as many as these hold.
template <class K>
constexpr size_t kQuadsAtOnce =
    RETEMPER_LANES == 8 && !RETEMPER_VNNI ? std::bit_floor(32767 / (K::kMost * 127u * 2) | 1u) : 1;

// sum + the products of kQuadsAtOnce quads of every lane.
template <class K>
[[gnu::always_inline]] inline Ints Dot(Ints sum, const Ints* codes, const int8_t* x) {
  const auto four = [&](size_t q) {
    int32_t value;
    __builtin_memcpy(&value, x + 4 * q, 4);
    return value;
  };
#if RETEMPER_LANES == 16
  return _mm512_dpbusd_epi32(sum, codes[0], _mm512_set1_epi32(four(0)));
#elif RETEMPER_LANES == 8 && RETEMPER_VNNI
  return _mm256_dpbusd_avx_epi32(sum, codes[0], _mm256_set1_epi32(four(0)));
#elif RETEMPER_LANES == 8
  __m256i pairs;
  for (size_t q = 0; q < kQuadsAtOnce<K>; ++q) {
    const __m256i v = _mm256_set1_epi32(four(q));
    // With their signs, pairs do not reach the ends of 16 bits either: 2 x 128 x 127.
    const __m256i own = K::kMost == 255 ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes[q]),
                                                               _mm256_sign_epi8(v, codes[q]))
                                        : _mm256_maddubs_epi16(codes[q], v);
    pairs = q == 0 ? own : _mm256_add_epi16(pairs, own);
  }
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#elif RETEMPER_LANES == 4
  return AddProducts(sum, codes[0], four(0));
#else
  const int32_t value = four(0);
  int8_t each[4];
  __builtin_memcpy(each, &value, 4);
  uint8_t bytes[sizeof(Ints)];
  __builtin_memcpy(bytes, codes[0].v, sizeof(bytes));
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t k = 0; k < 4; ++k) {
      const int c = K::kMost == 255 ? static_cast<int8_t>(bytes[4 * i + k]) : bytes[4 * i + k];
      sum.v[i] += c * each[k];
    }
  }
  return sum;
#endif
}

// sums[r] = the sum of the products of quads first to end of row r, less the offset's: `minus(x)`
// is what its activations add up to, with a minus.
template <class K, size_t kRows, class Minus>
[[gnu::always_inline]] inline void SumQuads(const Ints (&codes)[kQuads], size_t first, size_t end,
                                            const RoundedBlock* x, Minus minus,
                                            Ints (&sums)[kRows]) {
  for (size_t r = 0; r < kRows; ++r) {
    sums[r] = FillInts(0);
    if constexpr (K::kOffset != 0)
      sums[r] = ShiftLeft(FillInts(minus(x[r * kChunk])), std::countr_zero(K::kOffset + 0u));
  }
  for (size_t q = first; q < end; q += kQuadsAtOnce<K>) {
    for (size_t r = 0; r < kRows; ++r)
      sums[r] = Dot<K>(sums[r], codes + q, x[r * kChunk].q + 4 * q);
  }
}

// Adds a block's products to y, for kRows rows whose blocks are kChunk apart.
template <class K, size_t kRows>
[[gnu::always_inline]] inline void AddBlock(const Block& w, const RoundedBlock* x,
                                            Floats (&y)[kRows]) {
  Ints whole[kRows];
  if constexpr (K::kForm == Form::kHalves) {
    Ints half[kRows];
    SumQuads<K>(
        w.codes, 0, kQuads / 2, x, [](const auto& own) { return own.minus_first; }, half);
    for (size_t r = 0; r < kRows; ++r) whole[r] = MultiplyInts(half[r], w.parts[0]);
    SumQuads<K>(
        w.codes, kQuads / 2, kQuads, x, [](const auto& own) { return own.minus_last; }, half);
    for (size_t r = 0; r < kRows; ++r)
      whole[r] = AddInts(whole[r], MultiplyInts(half[r], w.parts[1]));
  } else {
    SumQuads<K>(
        w.codes, 0, kQuads, x, [](const auto& own) { return own.minus_all; }, whole);
  }
  for (size_t r = 0; r < kRows; ++r) {
    const RoundedBlock& own = x[r * kChunk];
    Floats t = Multiply(ToFloats(whole[r]), Multiply(w.scale, FillFloats(own.d)));
    if constexpr (K::kForm == Form::kWithMinimum)
      t = Add(t, Multiply(w.minimum, FillFloats(own.s)));
    y[r] = Add(y[r], t);
  }
}

// Adds the products of kRows rows with what each(take) hands over, as take(b, block), to
// sums[row][output].
template <class K, size_t kRows, class Each>
[[gnu::always_inline]] inline void AddBlocks(const RoundedBlock* x, float* sums, Each each) {
  Floats y[kRows];
  for (size_t r = 0; r < kRows; ++r) y[r] = LoadFloats(sums + r * kOutputs);
  each([&](size_t b, const Block& block)
           __attribute__((always_inline)) { AddBlock<K, kRows>(block, x + b, y); });
  for (size_t r = 0; r < kRows; ++r) StoreFloats(sums + r * kOutputs, y[r]);
}

// Of one row or a few: blocks are multiplied as they are made.
template <class F, size_t kRows>
void MultiplyAsMade(const uint8_t* from, size_t blocks, const RoundedBlock* x, float* sums,
                    ReadAhead& ahead) {
  ReadAhead own = ahead;
  AddBlocks<typename F::Kind, kRows>(
      x, sums, [&](auto take) __attribute__((always_inline)) {
        F::Each(
            from, blocks, [&](size_t b, const Block& block) __attribute__((always_inline)) {
              own.Step();
              take(b, block);
            });
      });
  ahead = own;
}

template <class F>
void FillPanel(const uint8_t* from, size_t blocks, Block* panel, ReadAhead& ahead) {
  F::Each(
      from, blocks, [&](size_t b, const Block& block) __attribute__((always_inline)) {
        ahead.Step();
        panel[b] = block;
      });
}

template <class K, size_t kRows>
void MultiplyPanel(const Block* panel, size_t blocks, const RoundedBlock* x, float* sums) {
  AddBlocks<K, kRows>(
      x, sums, [&](auto take) __attribute__((always_inline)) {
        for (size_t b = 0; b < blocks; ++b) take(b, panel[b]);
      });
}

constexpr size_t kMostRows = RETEMPER_LANES == 16 ? 8 : 4;

struct BlockScratch {
  alignas(64) Block panel[kChunk];
  alignas(64) uint8_t packed[kChunk * 34 * kOutputs];  // no format has more
};

// Adds the products of all rows with `blocks` blocks of a panel.
template <class F>
void MultiplyBlocks(const uint8_t* from, size_t blocks, const RoundedBlock* x, size_t rows,
                    Block* panel, float* sums, ReadAhead& ahead) {
  if (rows == 1) return MultiplyAsMade<F, 1>(from, blocks, x, sums, ahead);
  if (rows == 2) return MultiplyAsMade<F, 2>(from, blocks, x, sums, ahead);
  if (rows == 4) return MultiplyAsMade<F, 4>(from, blocks, x, sums, ahead);
  if constexpr (kMostRows == 8) {
    if (rows == 8) return MultiplyAsMade<F, 8>(from, blocks, x, sums, ahead);
  }
  FillPanel<F>(from, blocks, panel, ahead);
  size_t row = 0;
  const auto take = [&](auto multiply, size_t n) {
    for (; rows - row >= n; row += n)
      multiply(panel, blocks, x + row * kChunk, sums + row * kOutputs);
  };
  if constexpr (kMostRows == 8) take(MultiplyPanel<typename F::Kind, 8>, 8);
  take(MultiplyPanel<typename F::Kind, 4>, 4);
  take(MultiplyPanel<typename F::Kind, 2>, 2);
  take(MultiplyPanel<typename F::Kind, 1>, 1);
}

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
    const uint8_t* from = w.data + out * row_bytes;
    StoredRows stored(w, out);
    // Into the next part too: whoever takes it.
    ReadAhead ahead = w.packed ? ReadAhead(from + kAhead, row_bytes * kOutputs, 0, 1, blocks)
                               : ReadAhead(w.data + (out + outs) * row_bytes, row_bytes, row_bytes,
                                           std::min(w.out - out - outs, kOutputs), blocks);
    std::fill_n(sums, rows * kOutputs, 0.0f);
    for (size_t block = 0; block < blocks; block += kChunk) {
      const size_t count = std::min(kChunk, blocks - block);
      if (!w.packed) {
        PackRows<F>(stored.at, count * 32 / kFacts.elements, packed);
        for (const uint8_t*& each : stored.at) each += chunk_bytes;
        from = packed;
      }
      const RoundedBlock* x = part.x + block * part.x_rows + part.first_row * kChunk;
      MultiplyBlocks<F>(from, count, x, rows, panel, sums, ahead);
      from += chunk_bytes * kOutputs;
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

// `to`: the row's first block; `rows` rows lie in each chunk.
void RoundRow(const float* x, size_t blocks, size_t rows, RoundedBlock* first) {
  for (size_t b = 0; b < blocks; ++b, x += 32) {
    RoundedBlock* const to = first + b / kChunk * kChunk * rows + b % kChunk;
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
    to->minus_all = -sum[0] - sum[1];
    to->minus_first = -sum[0];
    to->minus_last = -sum[1];
    to->d = !finite ? std::bit_cast<float>(0x7fc00000u) : zero ? 0.0f : largest / 127.0f;
    to->s = to->d * static_cast<float>(sum[0] + sum[1]);
  }
}
