// Products with stored blocks on one instruction set. No include guard: block_matmul.cc includes
// this file once per instruction set, inside a namespace and a compiler target region of its own
// (cpu/loops.cc says why), so only headers that are already included may be used here.
//
// Of kOutputs rows of weights, 256 inputs at a time are turned into vectors of codes, in which four
// inputs of every output lie side by side: a quad. For many rows of activations they are kept until
// all rows have been multiplied with them, so the work on stored bits is shared by these. For one
// row or eight they are multiplied as they are made. Weights that are not packed are packed first,
// 256 inputs at a time.

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
[[gnu::always_inline]] inline Ints Dot(const Ints& sum, const Ints* codes, const int8_t* x) {
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
  Ints more = sum;
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t k = 0; k < 4; ++k) {
      const int c = K::kMost == 255 ? static_cast<int8_t>(bytes[4 * i + k]) : bytes[4 * i + k];
      more.v[i] += c * each[k];
    }
  }
  return more;
#endif
}

// Of kAtOnce blocks, kChunk apart, and kRows rows, whose blocks are kChunk apart too: the sums of
// the products of quads first to end, less the offset's: `minus(x)` is what activations add up to,
// with a minus.
template <class K, size_t kAtOnce, size_t kRows, class Minus>
[[gnu::always_inline]] inline void SumQuads(const Block* w, size_t first, size_t end,
                                            const RoundedBlock* x, Minus minus,
                                            Ints (&sums)[kAtOnce][kRows]) {
  for (size_t r = 0; r < kRows; ++r) {
    Ints start = FillInts(0);
    if constexpr (K::kOffset != 0)
      start = ShiftLeft(FillInts(minus(x[r * kChunk])), std::countr_zero(K::kOffset + 0u));
    for (size_t p = 0; p < kAtOnce; ++p) sums[p][r] = start;
  }
  for (size_t q = first; q < end; q += kQuadsAtOnce<K>) {
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t p = 0; p < kAtOnce; ++p)
        sums[p][r] = Dot<K>(sums[p][r], w[p * kChunk].codes + q, x[r * kChunk].q + 4 * q);
    }
  }
}

// Adds such blocks' products to y.
template <class K, size_t kAtOnce, size_t kRows>
[[gnu::always_inline]] inline void AddBlock(const Block* w, const RoundedBlock* x,
                                            Floats (&y)[kAtOnce][kRows]) {
  Ints whole[kAtOnce][kRows];
  if constexpr (K::kForm == Form::kHalves) {
    Ints last[kAtOnce][kRows];
    SumQuads<K>(
        w, 0, kQuads / 2, x, [](const auto& own) { return own.minus_first; }, whole);
    SumQuads<K>(
        w, kQuads / 2, kQuads, x, [](const auto& own) { return own.minus_last; }, last);
    for (size_t p = 0; p < kAtOnce; ++p) {
      const auto& [first_part, last_part] = w[p * kChunk].parts;
      for (size_t r = 0; r < kRows; ++r) {
        whole[p][r] =
            AddInts(MultiplyInts(whole[p][r], first_part), MultiplyInts(last[p][r], last_part));
      }
    }
  } else {
    SumQuads<K>(
        w, 0, kQuads, x, [](const auto& own) { return own.minus_all; }, whole);
  }
  for (size_t r = 0; r < kRows; ++r) {
    const RoundedBlock& own = x[r * kChunk];
    for (size_t p = 0; p < kAtOnce; ++p) {
      const Block& block = w[p * kChunk];
      Floats t = Multiply(ToFloats(whole[p][r]), Multiply(block.scale, FillFloats(own.d)));
      if constexpr (K::kForm == Form::kWithMinimum)
        t = Add(t, Multiply(block.minimum, FillFloats(own.s)));
      y[p][r] = Add(y[p][r], t);
    }
  }
}

// Adds the products of kRows rows with the blocks that each(take) hands over, as take(b, w), to
// sums[row][panel][output].
template <class K, size_t kAtOnce, size_t kRows, class Each>
[[gnu::always_inline]] inline void AddBlocks(const RoundedBlock* x, float* sums, Each each) {
  const auto at = [&](size_t p, size_t r) { return sums + (r * kAtOnce + p) * kOutputs; };
  Floats y[kAtOnce][kRows];
  for (size_t p = 0; p < kAtOnce; ++p) {
    for (size_t r = 0; r < kRows; ++r) y[p][r] = LoadFloats(at(p, r));
  }
  each([&](size_t b, const Block* w) __attribute__((always_inline)) { AddBlock<K>(w, x + b, y); });
  for (size_t p = 0; p < kAtOnce; ++p) {
    for (size_t r = 0; r < kRows; ++r) StoreFloats(at(p, r), y[p][r]);
  }
}

// Hands over the blocks of one panel, 256 inputs at a time, and asks ahead for those that follow.
template <class F>
class PanelReader {
 public:
  // `packed`: memory for the blocks of 256 inputs.
  PanelReader(const BlockRows& w, size_t out, uint8_t* packed)
      : stored_(w, out),
        from_(w.data + out * w.RowBytes()),
        packed_(w.packed ? nullptr : packed),
        // Into the next part too: whoever takes it.
        ahead_(w.packed ? ReadAhead(from_ + kAhead, kOutputs * w.RowBytes(), 0, 1, w.in / 32)
                        : AheadOfStored(w, out + kOutputs)) {}

  // Calls take(b, block) for the next `blocks` blocks of 32 inputs.
  template <class Take>
  [[gnu::always_inline]] void Next(size_t blocks, Take take) {
    constexpr size_t kBytes = FactsOf(F::kFormat).bytes, kElements = FactsOf(F::kFormat).elements;
    if (packed_ != nullptr) {
      PackRows<F>(stored_.at, blocks * 32 / kElements, packed_);
      for (const uint8_t*& each : stored_.at) each += 256 / kElements * kBytes;
      from_ = packed_;
    }
    ReadAhead ahead = ahead_;
    F::Each(
        from_, blocks, [&](size_t b, const Block& block) __attribute__((always_inline)) {
          ahead.Step();
          take(b, block);
        });
    ahead_ = ahead;
    from_ += 256 / kElements * kBytes * kOutputs;
  }

 private:
  static ReadAhead AheadOfStored(const BlockRows& w, size_t out) {
    if (out >= w.out) return {};
    const size_t bytes = w.RowBytes();
    return ReadAhead(w.data + out * bytes, bytes, bytes, std::min(w.out - out, kOutputs),
                     w.in / 32);
  }

  StoredRows stored_;
  const uint8_t* from_;
  uint8_t* packed_;
  ReadAhead ahead_;
};

// Many rows are multiplied so many at a time, with so many panels: as registers hold, and where
// loading activations is what takes longest, with two panels.
constexpr size_t kRowsAtOnce = RETEMPER_LANES == 16 ? 8 : RETEMPER_LANES == 0 ? 1 : 4;
constexpr size_t kPanels = RETEMPER_LANES == 8 && RETEMPER_VNNI ? 2 : 1;

struct BlockScratch {
  alignas(64) Block panels[kPanels][kChunk];
  alignas(64) uint8_t packed[kChunk * 34 * kOutputs];  // no format has more
};

template <class F>
struct Multiplier {
  static_assert(256 / FactsOf(F::kFormat).elements * FactsOf(F::kFormat).bytes <= kChunk * 34);

  using Kind = typename F::Kind;
  // Sums of halves take the registers of a second panel.
  static constexpr bool kHasHalves = Kind::kForm == Form::kHalves;
  static constexpr size_t kAtOnce = kHasHalves ? 1 : kPanels;

  const BlockPart& part;
  const BlockLinear& layer = *part.layer;
  const size_t blocks = layer.w.in / 32, rows = part.end_row - part.first_row;
  BlockScratch& scratch;
  float* const sums = reinterpret_cast<float*>(&scratch + 1);

  // Calls body(count, x) for each chunk of blocks.
  template <class Body>
  void ForEachChunk(Body body) const {
    for (size_t block = 0; block < blocks; block += kChunk) {
      body(std::min(kChunk, blocks - block),
           part.x + block * part.x_rows + part.first_row * kChunk);
    }
  }

  // One row or eight: blocks are multiplied as they are made.
  template <size_t kRows>
  void Few() const {
    for (size_t out = part.first_out; out < part.end_out; out += kOutputs) {
      std::fill_n(sums, kRows * kOutputs, 0.0f);
      PanelReader<F> reader(layer.w, out, scratch.packed);
      ForEachChunk([&](size_t count, const RoundedBlock* x) {
        AddBlocks<Kind, 1, kRows>(
            x, sums, [&](auto take) __attribute__((always_inline)) {
              reader.Next(
                  count, [&](size_t b, const Block& block)
                             __attribute__((always_inline)) { take(b, &block); });
            });
      });
      Store(out, sums, kOutputs);
    }
  }

  // Of kAtOnce panels, each chunk is made once for all rows.
  void Many() const {
    for (size_t out = part.first_out; out < part.end_out; out += kAtOnce * kOutputs) {
      std::fill_n(sums, rows * kAtOnce * kOutputs, 0.0f);
      // Where there is one panel less it is made and stored again.
      const auto out_of = [&](size_t p) {
        return out + p * kOutputs < part.end_out ? out + p * kOutputs : out;
      };
      PanelReader<F> first(layer.w, out, scratch.packed);
      PanelReader<F> last(layer.w, out_of(kAtOnce - 1), scratch.packed);
      ForEachChunk([&](size_t count, const RoundedBlock* x) {
        Fill(first, count, scratch.panels[0]);
        if constexpr (kAtOnce == 2) Fill(last, count, scratch.panels[1]);
        MultiplyFrom<kRowsAtOnce>(count, x, 0);
      });
      for (size_t p = 0; p < kAtOnce; ++p)
        Store(out_of(p), sums + p * kOutputs, kAtOnce * kOutputs);
    }
  }
  static void Fill(PanelReader<F>& reader, size_t count, Block* panel) {
    reader.Next(
        count, [&](size_t b, const Block& block)
                   __attribute__((always_inline)) { panel[b] = block; });
  }
  // Rows from `row` on: kRows at a time, then half as many, and so on.
  template <size_t kRows>
  void MultiplyFrom(size_t count, const RoundedBlock* x, size_t row) const {
    for (; rows - row >= kRows; row += kRows) MultiplyPanels<kRows>(count, x, row);
    if constexpr (kRows > 1) MultiplyFrom<kRows / 2>(count, x, row);
  }
  template <size_t kRows>
  void MultiplyPanels(size_t count, const RoundedBlock* x, size_t row) const {
    const Block* w = scratch.panels[0];
    AddBlocks<Kind, kAtOnce, kRows>(
        x + row * kChunk,
        sums + row * kAtOnce * kOutputs, [&](auto take) __attribute__((always_inline)) {
          for (size_t b = 0; b < count; ++b) take(b, w + b);
        });
  }

  // Sums of a panel's outputs, those of rows `stride` apart.
  void Store(size_t out, const float* sum, size_t stride) const {
    const size_t outs = std::min(kOutputs, part.end_out - out);
    for (size_t r = 0; r < rows; ++r, sum += stride) {
      float* y = layer.y + (part.first_row + r) * layer.y_stride + out;
      for (size_t i = 0; i < outs; ++i) y[i] = layer.bias ? sum[i] + layer.bias[out + i] : sum[i];
    }
  }
};

void MultiplyPart(const BlockPart& part, uint8_t* scratch) {
  OfFormat(part.layer->w.format, [&]<class F>(F) {
    const Multiplier<F> own = {.part = part, .scratch = *reinterpret_cast<BlockScratch*>(scratch)};
    if (own.rows == 1) return own.template Few<1>();
    if constexpr (RETEMPER_LANES == 16 || (RETEMPER_LANES != 0 && !own.kHasHalves)) {
      if (own.rows == 8) return own.template Few<8>();
    }
    own.Many();
  });
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

constexpr BlockKernel KernelOf(const char* name) {
  return {name, kOutputs, kPanels, sizeof(BlockScratch), RoundRow, PackPanel, MultiplyPart};
}
