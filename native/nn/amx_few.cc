#include "nn/amx_few.h"

#include <algorithm>

#include "core/divide_up.h"
#include "nn/amx_pack.h"

#ifdef RETEMPER_AMX

namespace retemper::nn::amx {

namespace {

constexpr size_t kStreamBytes = 16384;
constexpr size_t kMostInterleaved = 8;
constexpr size_t kLeastParts = 4;  // of a small matrix

// The weights of 16 outputs: block b's rows lie `stride` apart from base + b * step on. `last`, if
// there is one, is the place of the last block, as a packed tile.
struct Panel {
  const uint8_t* base;
  size_t stride;
  size_t step;
  const uint8_t* last;
};

// Outputs first_out + i * out_step. `room` has a tile for each block.
Panel PanelOf(const Matrix& w, size_t first_out, size_t out_step, uint8_t* room) {
  const size_t blocks = BlocksOf(w.in);
  if (w.in_major || first_out + kOuts > w.out) {
    for (size_t block = 0; block < blocks; ++block) {
      CopyTile(w, first_out, 1, block, room + block * kTileBytes);
    }
    return {room, 64, kTileBytes, nullptr};
  }
  const uint8_t* base = w.data + 2 * first_out * w.in;
  if (w.in % kInputs == 0) return {base, 2 * w.in * out_step, 64, nullptr};
  CopyTile(w, first_out, out_step, blocks - 1, room);
  return {base, 2 * w.in * out_step, 64, room};
}

// Sums are tiles 0 to 5, weights tile 6, activations tile 7.
template <size_t kTiles, int kTile = 0>
inline void AddColumns(const uint8_t* activations, size_t row_bytes, size_t tile_step) {
  if constexpr (kTile < static_cast<int>(kTiles)) {
    Load<7>(activations, row_bytes);
    Multiply<kTile, 6, 7>();
    AddColumns<kTiles, kTile + 1>(activations + tile_step, row_bytes, tile_step);
  }
}
template <size_t kTiles, int kTile = 0>
inline void ZeroSums() {
  if constexpr (kTile < static_cast<int>(kTiles)) {
    Zero<kTile>();
    ZeroSums<kTiles, kTile + 1>();
  }
}
template <size_t kTiles, int kTile = 0>
inline void StoreSums(float* sums, size_t sums_step, size_t stride) {
  if constexpr (kTile < static_cast<int>(kTiles)) {
    Store<kTile>(sums, stride);
    StoreSums<kTiles, kTile + 1>(sums + sums_step, sums_step, stride);
  }
}

template <size_t kTiles>
void MultiplyPanel(const Panel& panel, const uint8_t* activations, size_t row_bytes, size_t blocks,
                   float* sums, size_t sums_step, size_t sums_stride) {
  const size_t block_bytes = 16 * row_bytes, tile_step = blocks * block_bytes;
  const size_t whole = panel.last != nullptr ? blocks - 1 : blocks;
  ZeroSums<kTiles>();
  const uint8_t* weights = panel.base;
  for (size_t block = 0; block < whole; ++block) {
    Load<6>(weights, panel.stride);
    AddColumns<kTiles>(activations, row_bytes, tile_step);
    weights += panel.step;
    activations += block_bytes;
  }
  if (whole < blocks) {
    Load<6>(panel.last, 64);
    AddColumns<kTiles>(activations, row_bytes, tile_step);
  }
  StoreSums<kTiles>(sums, sums_step, sums_stride);
}

// How many tiles of weights are interleaved: output o of a part is row o / n of tile o % n, so that
// the 16 rows of a tile are 16 streams of memory, which the tile's successors continue. Processors
// fetch that ahead better than many short pieces.
size_t InterleavedOf(const Matrix& w) {
  const size_t wanted = DivideUp(kStreamBytes, std::max<size_t>(2 * w.in, 1));
  return std::clamp<size_t>(std::min(wanted, w.out / (kLeastParts * kOuts)), 1, kMostInterleaved);
}

size_t ColumnsOfATile(const Product& product) {
  const bool is_few = IsFew(product.rows, product.precision);
  return is_few ? product.rows * PartsOf(product.precision) : kColumns;
}

void MultiplyPart(const Part& part, uint8_t* scratch) {
  const Product& product = *part.product;
  const Matrix& w = product.w;
  const bool is_few = IsFew(product.rows, product.precision);
  const size_t tiles = ColumnTilesOf(product.rows, product.precision), blocks = BlocksOf(w.in);
  const size_t row_bytes = 4 * ColumnsOfATile(product);
  constexpr decltype(&MultiplyPanel<1>) kMultiply[kFewColumnTiles] = {
      MultiplyPanel<1>, MultiplyPanel<2>, MultiplyPanel<3>,
      MultiplyPanel<4>, MultiplyPanel<5>, MultiplyPanel<6>};
  const size_t interleaved = InterleavedOf(w);
  constexpr size_t kSumsStep = kMostInterleaved * kTileFloats;
  alignas(64) float sums[kFewColumnTiles * kSumsStep];
  for (size_t out = part.first_out; out < part.end_out;) {
    const bool whole = !w.in_major && out + interleaved * kOuts <= part.end_out;
    const size_t n = whole ? interleaved : 1;
    for (size_t i = 0; i < n; ++i) {
      kMultiply[tiles - 1](PanelOf(w, out + i, n, scratch), product.packed, row_bytes, blocks,
                           sums + i * kColumns, kSumsStep, n * 64);
    }
    for (size_t i = 0; i < n; ++i, out += kOuts) {
      if (is_few) {
        StoreFew(product, out, sums + i * kTileFloats);
      } else {
        StoreMany(product, 0, product.rows, out, sums + i * kTileFloats, kSumsStep);
      }
    }
  }
}

}  // namespace

Cut CutFew(const Product& product) {
  return {product.rows, InterleavedOf(product.w) * kOuts,
          std::max<size_t>(BlocksOf(product.w.in), 1) * kTileBytes};
}

void MultiplyFew(PartQueue& queue, uint8_t* scratch) {
  // All products of a queue have the same rows and precision.
  const TilesInUse tiles_in_use(ColumnsOfATile(FirstProduct(queue)), 6);
  for (Part part; TakePart(queue, part);) MultiplyPart(part, scratch);
}

}  // namespace retemper::nn::amx

#endif
