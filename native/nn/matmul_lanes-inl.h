// Products by vectors. No include guard: matmul_lanes.cc includes this file once per instruction
// set, inside a namespace and a compiler target region of its own, so only headers that are already
// included may be used here.
//
// A sum has 16 lanes. Inputs come in blocks of 32, in two halves of 16: lane l adds input l of
// the first half, then input l of the second, block after block, with fused multiply-add; at the
// end lane l + 8 is added to l, then l + 4, l + 2, l + 1. (The halves are the even and the odd
// inputs for bfloat16, whose pairs come apart that way, else the first and the last 16.) Registers
// of any width keep that order, so all targets with fused multiply-add give the same bits.

// --- vectors ---

#if RETEMPER_LANES == 16

using Vec = __m512;
constexpr size_t kVec = 16;  // floats of a register
constexpr size_t kMaxRows = 4, kOutsAtOnce = 6;
inline Vec ZeroVec() { return _mm512_setzero_ps(); }
inline Vec FillVec(float x) { return _mm512_set1_ps(x); }
inline Vec LoadVec(const float* p) { return _mm512_loadu_ps(p); }
inline void StoreVec(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline Vec MultiplyAdd(Vec x, Vec w, Vec sum) {
#if RETEMPER_BF16_PAIRS
  // Vectors of pairs of bfloat16: each lane adds two products.
  return _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, x), __builtin_bit_cast(__m512bh, w));
#else
  return _mm512_fmadd_ps(x, w, sum);
#endif
}
inline Vec EvenBf16(const uint8_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
inline Vec OddBf16(const uint8_t* p) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
inline Vec WidenF16(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

#elif RETEMPER_LANES == 8

using Vec = __m256;
constexpr size_t kVec = 8;
constexpr size_t kMaxRows = 3, kOutsAtOnce = 4;
inline Vec ZeroVec() { return _mm256_setzero_ps(); }
inline Vec FillVec(float x) { return _mm256_set1_ps(x); }
inline Vec LoadVec(const float* p) { return _mm256_loadu_ps(p); }
inline void StoreVec(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline Vec MultiplyAdd(Vec x, Vec w, Vec sum) { return _mm256_fmadd_ps(x, w, sum); }
inline __m256i LoadBits(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline Vec EvenBf16(const uint8_t* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(LoadBits(p), 16));
}
inline Vec OddBf16(const uint8_t* p) {
  return _mm256_castsi256_ps(
      _mm256_and_si256(LoadBits(p), _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
inline Vec WidenF16(const uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

#elif defined(__aarch64__)

using Vec = float32x4_t;
constexpr size_t kVec = 4;
constexpr size_t kMaxRows = 4, kOutsAtOnce = 6;
inline Vec ZeroVec() { return vdupq_n_f32(0); }
inline Vec FillVec(float x) { return vdupq_n_f32(x); }
inline Vec LoadVec(const float* p) { return vld1q_f32(p); }
inline void StoreVec(float* p, Vec v) { vst1q_f32(p, v); }
inline Vec MultiplyAdd(Vec x, Vec w, Vec sum) { return vfmaq_f32(sum, x, w); }
inline uint32x4_t LoadBits(const uint8_t* p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
inline Vec EvenBf16(const uint8_t* p) {
  return vreinterpretq_f32_u32(vshlq_n_u32(LoadBits(p), 16));
}
inline Vec OddBf16(const uint8_t* p) {
  return vreinterpretq_f32_u32(vandq_u32(LoadBits(p), vdupq_n_u32(0xffff0000u)));
}
inline Vec WidenF16(const uint8_t* p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }

#else  // any processor, without fused multiply-add

struct Vec {
  float v[16];
};
constexpr size_t kVec = 16;
constexpr size_t kMaxRows = 1, kOutsAtOnce = 1;
inline Vec ZeroVec() { return {}; }
inline Vec FillVec(float x) {
  Vec v;
  for (float& each : v.v) each = x;
  return v;
}
inline Vec LoadVec(const float* p) {
  Vec v;
  __builtin_memcpy(v.v, p, sizeof(v));
  return v;
}
inline void StoreVec(float* p, const Vec& v) { __builtin_memcpy(p, v.v, sizeof(v)); }
inline Vec MultiplyAdd(const Vec& x, const Vec& w, Vec sum) {
  for (size_t i = 0; i < 16; ++i) sum.v[i] += x.v[i] * w.v[i];
  return sum;
}
inline Vec EvenBf16(const uint8_t* p) {
  uint32_t bits[16];
  __builtin_memcpy(bits, p, sizeof(bits));
  for (size_t i = 0; i < 16; ++i) bits[i] <<= 16;
  return std::bit_cast<Vec>(bits);
}
inline Vec OddBf16(const uint8_t* p) {
  uint32_t bits[16];
  __builtin_memcpy(bits, p, sizeof(bits));
  for (size_t i = 0; i < 16; ++i) bits[i] &= 0xffff0000u;
  return std::bit_cast<Vec>(bits);
}
inline Vec WidenF16(const uint8_t* p) {
  Vec v;
  uint16_t halves[16];
  __builtin_memcpy(halves, p, sizeof(halves));
  for (size_t i = 0; i < 16; ++i) v.v[i] = F16ToFloat(halves[i]);
  return v;
}

#endif

constexpr size_t kSubs = kLanes / kVec;  // registers of a sum

// --- blocks of 32 weights, as they are stored or as tiles hold them ---

struct StoredBf16 {
  static constexpr size_t kBlockBytes = 64;
  static Vec Weights(const uint8_t* block, [[maybe_unused]] int half, size_t sub) {
#if RETEMPER_BF16_PAIRS
    return LoadVec(reinterpret_cast<const float*>(block + 4 * kVec * sub));
#else
    return half == 0 ? EvenBf16(block + 4 * kVec * sub) : OddBf16(block + 4 * kVec * sub);
#endif
  }
};

#if RETEMPER_BF16_PAIRS

// A block is one register of pairs, of activations as well.
constexpr int kHalves = 1;
using Tile = StoredBf16;

#else

constexpr int kHalves = 2;

struct StoredF16 {
  static constexpr size_t kBlockBytes = 64;
  static Vec Weights(const uint8_t* block, int half, size_t sub) {
    return WidenF16(block + 32 * half + 2 * kVec * sub);
  }
};

struct StoredF32 {
  static constexpr size_t kBlockBytes = 128;
  static Vec Weights(const uint8_t* block, int half, size_t sub) {
    return LoadVec(reinterpret_cast<const float*>(block + 64 * half + 4 * kVec * sub));
  }
};
using Tile = StoredF32;

#endif

constexpr size_t kBlockFloats = kHalves * kLanes;  // of packed activations

// --- the inner loop ---

// sums[(r * kOuts + o) * 16 ...] (+)= the lanes of row r and output o over `blocks` blocks, for
// kSubsAtOnce registers of each sum, from `first_sub` on. Strides in bytes and in floats.
template <class W, size_t kRows, size_t kOuts, size_t kSubsAtOnce>
inline void Accumulate(const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                       size_t blocks, size_t first_sub, bool add, float* sums) {
  Vec sum[kRows][kOuts][kSubsAtOnce];
  sums += first_sub * kVec;
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t o = 0; o < kOuts; ++o) {
#pragma GCC unroll 8
      for (size_t s = 0; s < kSubsAtOnce; ++s) {
        sum[r][o][s] = add ? LoadVec(sums + (r * kOuts + o) * kLanes + s * kVec) : ZeroVec();
      }
    }
  }
  for (size_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
#pragma GCC unroll 8
      for (size_t s = 0; s < kSubsAtOnce; ++s) {
        Vec of_rows[kRows];
#pragma GCC unroll 8
        for (size_t r = 0; r < kRows; ++r) {
          of_rows[r] = LoadVec(x + r * x_stride + half * kLanes + (first_sub + s) * kVec);
        }
#pragma GCC unroll 8
        for (size_t o = 0; o < kOuts; ++o) {
          const Vec weights = W::Weights(w + o * w_stride, half, first_sub + s);
#pragma GCC unroll 8
          for (size_t r = 0; r < kRows; ++r) {
            sum[r][o][s] = MultiplyAdd(of_rows[r], weights, sum[r][o][s]);
          }
        }
      }
    }
    w += W::kBlockBytes;
    x += kBlockFloats;
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t o = 0; o < kOuts; ++o) {
#pragma GCC unroll 8
      for (size_t s = 0; s < kSubsAtOnce; ++s) {
        StoreVec(sums + (r * kOuts + o) * kLanes + s * kVec, sum[r][o][s]);
      }
    }
  }
}

template <class W, size_t kRows, size_t kOuts>
void AccumulateAll(const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                   size_t blocks, bool add, float* sums) {
  // One row reads each weight once and has registers to spare; more rows use them all up.
  constexpr size_t kSubsAtOnce = kRows == 1 ? kSubs : 1;
  for (size_t sub = 0; sub < kSubs; sub += kSubsAtOnce) {
    Accumulate<W, kRows, kOuts, kSubsAtOnce>(w, w_stride, x, x_stride, blocks, sub, add, sums);
  }
}

template <class W, size_t kOuts, size_t kRows = kMaxRows>
void AccumulateRows(size_t rows, const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                    size_t blocks, bool add, float* sums) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return AccumulateRows<W, kOuts, kRows - 1>(rows, w, w_stride, x, x_stride, blocks, add, sums);
    }
  }
  AccumulateAll<W, kRows, kOuts>(w, w_stride, x, x_stride, blocks, add, sums);
}

// --- the ends of sums ---

inline float AddLanes(const float* lanes) {
  float t[8];
  for (size_t l = 0; l < 8; ++l) t[l] = lanes[l] + lanes[l + 8];
  for (size_t l = 0; l < 4; ++l) t[l] += t[l + 4];
  return (t[0] + t[2]) + (t[1] + t[3]);
}

#if RETEMPER_LANES == 16

// Two registers of lanes to one with half of the lanes of each.
inline __m512 Fold8(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}
inline __m512 Fold4(__m512 a, __m512 b) {
  const __m512i swapped =
      _mm512_set_epi32(27, 26, 25, 24, 15, 14, 13, 12, 19, 18, 17, 16, 7, 6, 5, 4);
  return _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_permutex2var_ps(a, swapped, b));
}
inline __m512 Fold2(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
}
inline __m512 Fold1(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}
// The sums of 16 times 16 lanes.
inline __m512 AddLanesOf16(const float* lanes) {
  __m512 v[16];
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) v[i] = _mm512_load_ps(lanes + 16 * i);
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; ++i) v[i] = Fold8(v[i], v[i + 8]);
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) v[i] = Fold4(v[i], v[i + 4]);
#pragma GCC unroll 2
  for (size_t i = 0; i < 2; ++i) v[i] = Fold2(v[i], v[i + 2]);
  // Quarters hold sums of i, i + 4, i + 8, i + 12, and pairs in them those of i, i + 2.
  const __m512i order = _mm512_set_epi32(15, 13, 14, 12, 11, 9, 10, 8, 7, 5, 6, 4, 3, 1, 2, 0);
  return _mm512_permutexvar_ps(order, Fold1(v[0], v[1]));
}

#endif

// n times 16 lanes to n sums.
inline void AddAllLanes(const float* lanes, size_t n, float* sums) {
#if RETEMPER_LANES == 16
  for (; n >= 16; n -= 16, lanes += 256, sums += 16) _mm512_storeu_ps(sums, AddLanesOf16(lanes));
#endif
  for (; n > 0; --n, lanes += kLanes) *sums++ = AddLanes(lanes);
}

// Writes rows by outputs: y = sum + bias.
template <size_t kOuts>
inline void Finish(const Product& product, const float* lanes, size_t row, size_t rows,
                   size_t out) {
  float sums[kMaxRows * kOuts];
  AddAllLanes(lanes, rows * kOuts, sums);
  float* y = product.y + row * product.y_stride + out;
  for (size_t r = 0; r < rows; ++r, y += product.y_stride) {
    for (size_t o = 0; o < kOuts; ++o) {
      y[o] = product.bias == nullptr ? sums[r * kOuts + o]
                                     : sums[r * kOuts + o] + product.bias[out + o];
    }
  }
}

// --- packing ---

size_t BlocksOf(size_t in) { return (in + kBlock - 1) / kBlock; }
// Rows a cache line further apart than they need: rows at multiples of 4 KiB would share few lines.
size_t PackedStride(size_t in) { return BlocksOf(in) * kBlockFloats + kLanes; }

size_t PackedBytes(const Matrix& w, size_t rows, Precision) {
  return rows * PackedStride(w.in) * sizeof(float);
}

void Pack(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision precision,
          size_t group, uint8_t* packed) {
  const size_t end = std::min(rows, (group + 1) * kRowsOfAGroup);
  for (size_t row = group * kRowsOfAGroup; row < end; ++row) {
    float* to = reinterpret_cast<float*>(packed) + row * PackedStride(w.in);
    for (size_t first = 0; first < w.in; first += kBlock, to += kBlockFloats) {
      alignas(64) float block[kBlock] = {};
      __builtin_memcpy(block, x + row * x_stride + first,
                       std::min(w.in - first, kBlock) * sizeof(float));
#if RETEMPER_BF16_PAIRS
      (void)precision;
      uint16_t halves[kBlock];
      for (size_t i = 0; i < kBlock; ++i) halves[i] = FloatToBf16(block[i]);
      __builtin_memcpy(to, halves, sizeof(halves));
#else
      if (precision == Precision::kBfloat16) {
        for (size_t i = 0; i < kBlock; ++i) block[i] = Bf16ToFloat(FloatToBf16(block[i]));
      }
      if (w.dtype == Dtype::kBF16) {
        for (size_t l = 0; l < kLanes; ++l) {
          to[l] = block[2 * l];
          to[kLanes + l] = block[2 * l + 1];
        }
      } else {
        __builtin_memcpy(to, block, sizeof(block));
      }
#endif
    }
  }
}

// The last weights of one output that is not in_major, fewer than 32, followed by zeros.
inline void CopyLastBlock(const Matrix& w, size_t out, uint8_t* block) {
  const size_t bytes = SizeOf(w.dtype), first = w.in / kBlock * kBlock;
  __builtin_memset(block, 0, kBlock * bytes);
  __builtin_memcpy(block, w.data + (out * w.in + first) * bytes, (w.in - first) * bytes);
}

// The same inputs of `outs` outputs that is in_major: 32 blocks side by side, zeros after the end.
template <class W>
inline void CopyBlocks(const Matrix& w, size_t first_out, size_t outs, size_t first_in,
                       uint8_t* blocks) {
  constexpr size_t kBytes = W::kBlockBytes / kBlock;
  const size_t n = std::min(w.in - first_in, kBlock);
  if (n < kBlock) __builtin_memset(blocks, 0, outs * W::kBlockBytes);
  for (size_t i = 0; i < n; ++i) {
    const uint8_t* from = w.data + ((first_in + i) * w.out + first_out) * kBytes;
    for (size_t o = 0; o < outs; ++o) {
      __builtin_memcpy(blocks + o * W::kBlockBytes + i * kBytes, from + o * kBytes, kBytes);
    }
  }
}

template <class W>
inline void WidenBlock(const uint8_t* block, float* to) {
  for (int half = 0; half < kHalves; ++half) {
    for (size_t sub = 0; sub < kSubs; ++sub) {
      StoreVec(to + half * kLanes + sub * kVec, W::Weights(block, half, sub));
    }
  }
}

constexpr size_t kInMajorOuts = 48;  // that are filled at once, to use whole lines of the file

// `outs` outputs by `blocks` blocks, widened, output by output.
template <class W>
void FillTile(const Matrix& w, size_t first_out, size_t outs, size_t first_block, size_t blocks,
              float* tile) {
  const size_t tile_stride = blocks * kBlockFloats;
  for (size_t block = 0; block < blocks; ++block, tile += kBlockFloats) {
    const size_t in = (first_block + block) * kBlock;
    alignas(64) uint8_t copies[kInMajorOuts * W::kBlockBytes];
    if (w.in_major) CopyBlocks<W>(w, first_out, outs, in, copies);
    for (size_t o = 0; o < outs; ++o) {
      const uint8_t* from = w.data + ((first_out + o) * w.in + in) * SizeOf(w.dtype);
      if (w.in_major) {
        from = copies + o * W::kBlockBytes;
      } else if (in + kBlock > w.in) {
        CopyLastBlock(w, first_out + o, copies);
        from = copies;
      }
      WidenBlock<W>(from, tile + o * tile_stride);
    }
  }
}

// --- products ---

// Weights are read as they are stored for few rows, and widened into a tile once for many.
constexpr size_t kManyRows = 4 * kMaxRows;
constexpr size_t kTileBlocks = 24;
constexpr size_t kCachedBytes = 1024 * 1024;
constexpr size_t kRowsAtOnce = 128;  // where not all inputs of more can be cached
// For few rows, whole rows of a matrix that is in_major pass by in the order of memory.
constexpr size_t kStreamedOuts = 1024;

inline bool UsesTiles(const Product& product) {
#if !RETEMPER_BF16_PAIRS
  if (product.w.in_major) return product.rows >= kRowsOfAGroup;
#endif
  return product.w.in_major || product.rows >= kManyRows;
}

// How many outputs a tile has: more than are multiplied at once where tiles are costly to fill, or
// activations come in turns of a tile's inputs.
inline size_t TileOuts(const Product& product, size_t rows) {
  const bool cached = rows * PackedStride(product.w.in) * sizeof(float) <= kCachedBytes;
  return product.w.in_major || !cached ? kInMajorOuts : kOutsAtOnce;
}

Cut CutOf(const Product& product) {
  if (!UsesTiles(product)) {
    if (!product.w.in_major) return {product.rows, kOutsAtOnce, 0};
    const size_t outs = std::min(kStreamedOuts, (product.w.out + kLanes - 1) / kLanes * kLanes);
    return {product.rows, outs, (product.rows * kLanes + 1) * outs * sizeof(float)};
  }
  const size_t fitting = kCachedBytes / (PackedStride(product.w.in) * sizeof(float));
  const size_t groups = (product.rows + kRowsOfAGroup - 1) / kRowsOfAGroup;
  const size_t rows =
      std::min(groups, std::max(fitting, kRowsAtOnce) / kRowsOfAGroup) * kRowsOfAGroup;
  const size_t outs = TileOuts(product, rows);
  return {rows, outs,
          outs * (kTileBlocks * kBlockFloats + (rows + kMaxRows) * kLanes) * sizeof(float)};
}

template <class W, size_t kOuts>
void MultiplyStored(const Product& product, size_t first_row, size_t end_row, size_t out) {
  const Matrix& w = product.w;
  const size_t x_stride = PackedStride(w.in), w_stride = w.in * SizeOf(w.dtype);
  const size_t whole = w.in / kBlock, blocks = BlocksOf(w.in);
  alignas(64) float last[kOuts * kBlockFloats];
  alignas(64) float sums[kMaxRows * kOuts * kLanes];
  if (whole < blocks) FillTile<W>(w, out, kOuts, whole, 1, last);
  const float* x = reinterpret_cast<const float*>(product.packed);
  for (size_t row = first_row; row < end_row; row += kMaxRows) {
    const size_t rows = std::min(end_row - row, kMaxRows);
    const float* of_rows = x + row * x_stride;
    AccumulateRows<W, kOuts>(rows, w.data + out * w_stride, w_stride, of_rows, x_stride, whole,
                             false, sums);
    if (whole < blocks) {
      AccumulateRows<Tile, kOuts>(rows, reinterpret_cast<const uint8_t*>(last), Tile::kBlockBytes,
                                  of_rows + whole * kBlockFloats, x_stride, 1, true, sums);
    }
    Finish<kOuts>(product, sums, row, rows, out);
  }
}

// Adds `blocks` blocks of kOuts outputs of a tile to all rows' sums, and finishes them at the end.
template <size_t kOuts>
void MultiplyTile(const Product& product, size_t first_row, size_t end_row, size_t out,
                  const float* tile, size_t first_block, size_t blocks, float* sums,
                  ReadAhead& ahead) {
  const size_t x_stride = PackedStride(product.w.in);
  const float* x = reinterpret_cast<const float*>(product.packed);
  const bool is_last = first_block + blocks == BlocksOf(product.w.in);
  for (size_t row = first_row; row < end_row; row += kMaxRows, sums += kMaxRows * kOuts * kLanes) {
    const size_t rows = std::min(end_row - row, kMaxRows);
    AccumulateRows<Tile, kOuts>(
        rows, reinterpret_cast<const uint8_t*>(tile), blocks * Tile::kBlockBytes,
        x + row * x_stride + first_block * kBlockFloats, x_stride, blocks, first_block > 0, sums);
    ahead.Step();
    if (is_last) Finish<kOuts>(product, sums, row, rows, out);
  }
}

// The weights of the tile that is filled next.
template <class W>
inline ReadAhead TileAhead(const Matrix& w, size_t first_out, size_t outs, size_t first_block,
                           size_t steps) {
  constexpr size_t kBytes = W::kBlockBytes / kBlock;
  const size_t first_in = first_block * kBlock;
  if (first_out >= w.out) return {};
  outs = std::min(outs, w.out - first_out);
  const size_t ins = std::min(w.in - first_in, kTileBlocks * kBlock);
  if (w.in_major) {
    return {w.data + (first_in * w.out + first_out) * kBytes, outs * kBytes, w.out * kBytes, ins,
            steps};
  }
  return {w.data + (first_out * w.in + first_in) * kBytes, ins * kBytes, w.in * kBytes, outs,
          steps};
}

#if !RETEMPER_BF16_PAIRS

// Few rows by a matrix that is in_major: one input of all outputs after the other. lanes[r][l] are
// lane l of all outputs, so every sum has the order that it has elsewhere.
void MultiplyStreamed(const Product& product, size_t first_out, size_t end_out, float* lanes) {
  const Matrix& w = product.w;
  const size_t n = end_out - first_out, padded = (n + kVec - 1) / kVec * kVec;
  const size_t x_stride = PackedStride(w.in), inputs = BlocksOf(w.in) * kBlock;
  float* const weights = lanes + product.rows * kLanes * padded;
  __builtin_memset(lanes, 0, (product.rows * kLanes + 1) * padded * sizeof(float));
  for (size_t in = 0; in < inputs; ++in) {
    const size_t at = in % kBlock, bytes = SizeOf(w.dtype);
    const bool pairs = w.dtype == Dtype::kBF16;
    const size_t lane = pairs ? at / 2 : at % kLanes, half = pairs ? at % 2 : at / kLanes;
    const uint8_t* from = w.data + (in * w.out + first_out) * bytes;
    if (in >= w.in) {
      __builtin_memset(weights, 0, n * sizeof(float));
    } else if (w.dtype == Dtype::kF32) {
      __builtin_memcpy(weights, from, n * sizeof(float));
    } else {
      for (size_t o = 0; o < n; ++o) {
        uint16_t stored;
        __builtin_memcpy(&stored, from + 2 * o, 2);
        weights[o] = pairs ? Bf16ToFloat(stored) : F16ToFloat(stored);
      }
    }
    for (size_t row = 0; row < product.rows; ++row) {
      const float x = reinterpret_cast<const float*>(
          product.packed)[row * x_stride + in / kBlock * kBlock + half * kLanes + lane];
      float* sum = lanes + (row * kLanes + lane) * padded;
      for (size_t o = 0; o < padded; o += kVec) {
        StoreVec(sum + o, MultiplyAdd(FillVec(x), LoadVec(weights + o), LoadVec(sum + o)));
      }
    }
  }
  for (size_t row = 0; row < product.rows; ++row) {
    float* sum = lanes + row * kLanes * padded;
    for (size_t count = kLanes / 2; count > 0; count /= 2) {
      for (size_t i = 0; i < count * padded; ++i) sum[i] += sum[count * padded + i];
    }
    float* y = product.y + row * product.y_stride + first_out;
    for (size_t o = 0; o < n; ++o) {
      y[o] = product.bias == nullptr ? sum[o] : sum[o] + product.bias[first_out + o];
    }
  }
}

#endif

template <class W>
void MultiplyWith(const Product& product, size_t first_row, size_t end_row, size_t first_out,
                  size_t end_out, uint8_t* scratch) {
  if (!UsesTiles(product)) {
#if !RETEMPER_BF16_PAIRS
    if (product.w.in_major) {
      return MultiplyStreamed(product, first_out, end_out, reinterpret_cast<float*>(scratch));
    }
#endif
    size_t out = first_out;
    for (; out + kOutsAtOnce <= end_out; out += kOutsAtOnce) {
      MultiplyStored<W, kOutsAtOnce>(product, first_row, end_row, out);
    }
    for (; out < end_out; ++out) MultiplyStored<W, 1>(product, first_row, end_row, out);
    return;
  }
  const size_t all_blocks = BlocksOf(product.w.in);
  const size_t outs_at_once = TileOuts(product, CutOf(product).row_step);
  const size_t sums_of_an_out = (end_row - first_row + kMaxRows - 1) / kMaxRows * kMaxRows * kLanes;
  float* const tile = reinterpret_cast<float*>(scratch);
  float* const sums = tile + outs_at_once * kTileBlocks * kBlockFloats;
  const size_t row_blocks = (end_row - first_row + kMaxRows - 1) / kMaxRows;
  for (size_t first = first_out; first < end_out; first += outs_at_once) {
    const size_t outs = std::min(end_out - first, outs_at_once);
    for (size_t block = 0; block < all_blocks; block += kTileBlocks) {
      const size_t blocks = std::min(all_blocks - block, kTileBlocks);
      FillTile<W>(product.w, first, outs, block, blocks, tile);
      const size_t steps = (outs / kOutsAtOnce + outs % kOutsAtOnce) * row_blocks;
      ReadAhead ahead = block + blocks < all_blocks
                            ? TileAhead<W>(product.w, first, outs, block + blocks, steps)
                            : TileAhead<W>(product.w, first + outs, outs_at_once, 0, steps);
      size_t o = 0;
      for (; o + kOutsAtOnce <= outs; o += kOutsAtOnce) {
        MultiplyTile<kOutsAtOnce>(product, first_row, end_row, first + o,
                                  tile + o * blocks * kBlockFloats, block, blocks,
                                  sums + o * sums_of_an_out, ahead);
      }
      for (; o < outs; ++o) {
        MultiplyTile<1>(product, first_row, end_row, first + o, tile + o * blocks * kBlockFloats,
                        block, blocks, sums + o * sums_of_an_out, ahead);
      }
    }
  }
}

void Multiply(PartQueue& queue, uint8_t* scratch) {
  for (Part part; TakePart(queue, part);) {
    [[maybe_unused]] const Dtype dtype = part.product->w.dtype;
    auto multiply = MultiplyWith<StoredBf16>;
#if !RETEMPER_BF16_PAIRS
    if (dtype == Dtype::kF32) multiply = MultiplyWith<StoredF32>;
    if (dtype == Dtype::kF16) multiply = MultiplyWith<StoredF16>;
#endif
    multiply(*part.product, part.first_row, part.end_row, part.first_out, part.end_out, scratch);
  }
}
