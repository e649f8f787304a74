// Products by vectors. No include guard: matmul_lanes.cc includes this file once per instruction
// set, inside a namespace and a compiler target region of its own, so only headers that are already
// included may be used here.
//
// A sum has 16 lanes. Inputs come in blocks of 32, in two halves of 16: lane l adds input l of
// the first half, then input l of the second, block after block, with fused multiply-add; at the
// end lane l + 8 is added to l, then l + 4, l + 2, l + 1. (The halves are the even and the odd
// inputs for bfloat16, whose pairs come apart that way, else the first and the last 16.) Registers
// of any width keep that order, so all targets with fused multiply-add give the same bits.

// Each uses what stands above it.
// clang-format off
#include "nn/matmul_vectors-inl.h"
#include "nn/matmul_sums-inl.h"
#include "nn/matmul_packing-inl.h"
// clang-format on

// Weights are read as they are stored for few rows, and widened into a tile once for many.
constexpr size_t kManyRows = 4 * kMaxRows;
constexpr size_t kTileBlocks = 48 / kHalves;
constexpr size_t kRowsOfACopy = 64;  // float32 that is stored is copied for so many
constexpr size_t kCachedBytes = 640 * 1024;
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
  const size_t groups = DivideUp(product.rows, kRowsOfAGroup);
  // In parts of like sizes: one of few rows at the end would fill its tiles for little.
  const size_t parts = DivideUp(groups, std::max(fitting, kRowsAtOnce) / kRowsOfAGroup);
  const size_t rows = DivideUp(groups, parts) * kRowsOfAGroup;
  const size_t outs = TileOuts(product, rows);
  return {rows, outs,
          outs * (kTileBlocks * kBlockFloats + (rows + kMaxRows) * kLanes) * sizeof(float)};
}

// Of a matrix that is not in_major.
inline const uint8_t* WeightsOf(const Matrix& w, size_t out) {
  return w.data + out * w.in * SizeOf(w.dtype);
}

// `ahead`: the weights that are read next, or null.
template <class W, size_t kOuts>
void MultiplyStored(const Product& product, size_t first_row, size_t end_row, size_t out,
                    const uint8_t* ahead) {
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
    MultiplyRows<W, kOuts>(product, row, rows, out, w.data + out * w_stride, w_stride, of_rows,
                           x_stride, whole, false, whole == blocks, sums,
                           row == first_row ? ahead : nullptr);
    if (whole == blocks) continue;
    MultiplyRows<Tile, kOuts>(product, row, rows, out, reinterpret_cast<const uint8_t*>(last),
                              Tile::kBlockBytes, of_rows + whole * kBlockFloats, x_stride, 1, true,
                              true, sums);
  }
}

// Adds `blocks` blocks of kOuts outputs, `w_stride` bytes apart, to all rows' sums, and finishes
// them at the end.
template <size_t kOuts>
void MultiplyTile(const Product& product, size_t first_row, size_t end_row, size_t out,
                  const uint8_t* w, size_t w_stride, size_t first_block, size_t blocks, float* sums,
                  ReadAhead& ahead) {
  const size_t x_stride = PackedStride(product.w.in);
  const float* x = reinterpret_cast<const float*>(product.packed);
  const bool is_last = first_block + blocks == BlocksOf(product.w.in);
  for (size_t row = first_row; row < end_row; row += kMaxRows, sums += kMaxRows * kOuts * kLanes) {
    const size_t rows = std::min(end_row - row, kMaxRows);
    if (is_last) {  // of many rows, y has left the cache since the outputs before these
      for (size_t r = 0; r < rows; ++r) {
        __builtin_prefetch(product.y + (row + r) * product.y_stride + out, 1, 3);
      }
    }
    MultiplyRows<Tile, kOuts>(product, row, rows, out, w, w_stride,
                              x + row * x_stride + first_block * kBlockFloats, x_stride, blocks,
                              first_block > 0, is_last, sums);
    ahead.Step();
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

// `next`: the weights of the part that this thread takes next, or null.
template <class W>
void MultiplyWith(const Product& product, size_t first_row, size_t end_row, size_t first_out,
                  size_t end_out, const uint8_t* next, uint8_t* scratch) {
  if (!UsesTiles(product)) {
#if !RETEMPER_BF16_PAIRS
    if (product.w.in_major) {
      return MultiplyStreamed(product, first_out, end_out, reinterpret_cast<float*>(scratch));
    }
#endif
    size_t out = first_out;
    for (size_t after; out + kOutsAtOnce <= end_out; out = after) {
      after = out + kOutsAtOnce;
      MultiplyStored<W, kOutsAtOnce>(product, first_row, end_row, out,
                                     after < end_out ? WeightsOf(product.w, after) : next);
    }
    for (; out < end_out; ++out) MultiplyStored<W, 1>(product, first_row, end_row, out, nullptr);
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
      // Weights that are multiplied as they are stored stay where they lie, if a copy would not
      // be read often.
      const bool in_place = std::is_same_v<W, Tile> && !product.w.in_major &&
                            (block + blocks) * kBlock <= product.w.in &&
                            (RETEMPER_BF16_PAIRS || end_row - first_row < kRowsOfACopy);
      const uint8_t* weights = reinterpret_cast<const uint8_t*>(tile);
      size_t stride = blocks * Tile::kBlockBytes;
      if (in_place) {
        weights = WeightsOf(product.w, first) + block * W::kBlockBytes;
        stride = product.w.in * SizeOf(product.w.dtype);
      } else {
        FillTile<W>(product.w, first, outs, block, blocks, tile);
      }
      const size_t steps = (outs / kOutsAtOnce + outs % kOutsAtOnce) * row_blocks;
      ReadAhead ahead = block + blocks < all_blocks
                            ? TileAhead<W>(product.w, first, outs, block + blocks, steps)
                            : TileAhead<W>(product.w, first + outs, outs_at_once, 0, steps);
      size_t o = 0;
      for (; o + kOutsAtOnce <= outs; o += kOutsAtOnce) {
        MultiplyTile<kOutsAtOnce>(product, first_row, end_row, first + o, weights + o * stride,
                                  stride, block, blocks, sums + o * sums_of_an_out, ahead);
      }
      for (; o < outs; ++o) {
        MultiplyTile<1>(product, first_row, end_row, first + o, weights + o * stride, stride, block,
                        blocks, sums + o * sums_of_an_out, ahead);
      }
    }
  }
}

// Weights of few rows come from memory, and processors do not fetch six short pieces of it far
// enough ahead. So it is asked for in its own order while the outputs before it are multiplied; for
// that, a thread takes its next part before it begins this one.
void Multiply(PartQueue& queue, uint8_t* scratch) {
  Part part, next;
  for (bool more = TakePart(queue, part); more;) {
    const bool looks_ahead = !UsesTiles(*part.product);
    if (looks_ahead) more = TakePart(queue, next);
    [[maybe_unused]] const Dtype dtype = part.product->w.dtype;
    auto multiply = MultiplyWith<StoredBf16>;
#if !RETEMPER_BF16_PAIRS
    if (dtype == Dtype::kF32) multiply = MultiplyWith<StoredF32>;
    if (dtype == Dtype::kF16) multiply = MultiplyWith<StoredF16>;
#endif
    multiply(*part.product, part.first_row, part.end_row, part.first_out, part.end_out,
             looks_ahead && more ? WeightsOf(next.product->w, next.first_out) : nullptr, scratch);
    if (looks_ahead) {
      part = next;
    } else {
      more = TakePart(queue, part);
    }
  }
}
