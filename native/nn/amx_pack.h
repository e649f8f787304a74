// Brings activations, weights and sums into and out of the form of the tile unit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/divide_up.h"
#include "nn/amx_unit.h"
#include "nn/matmul_kernel.h"

#ifdef RETEMPER_AMX

namespace retemper::nn::amx {

inline constexpr size_t kOuts = 16;    // of a tile of weights
inline constexpr size_t kInputs = 32;  // of a block: 64 bytes, a row of a tile of weights
inline constexpr size_t kColumns = 16;

// Results of at least this size are written past the caches: lines are not fetched to be written,
// and the activations keep their place.
inline constexpr size_t kStreamedFloats = size_t{1} << 18;

inline size_t BlocksOf(size_t in) { return DivideUp(in, kInputs); }
inline size_t GroupsOf(size_t rows) { return DivideUp(rows, kRowsOfAGroup); }
// How many columns a row is.
inline size_t PartsOf(Precision precision) { return precision == Precision::kFloat32 ? 3 : 1; }
// Whether all columns fit one tile, as column part * rows + row. Otherwise each group of 16 rows
// has a tile for each part.
inline bool IsFew(size_t rows, Precision precision) {
  return rows * PartsOf(precision) <= kColumns;
}
inline size_t ColumnTilesOf(size_t rows, Precision precision) {
  return IsFew(rows, precision) ? 1 : GroupsOf(rows) * PartsOf(precision);
}

// MatMulKernel's. Few columns: [block][pair of inputs][column]. Many: tiles [group][part][block].
size_t PackedBytes(const Matrix& w, size_t rows, Precision precision);
void Pack(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision precision,
          size_t group, uint8_t* packed);

// 16 outputs, `out_step` apart, by 32 inputs of bfloat16 weights to a tile, with zeros beyond the
// matrix's edges. A step other than 1 is for outputs that all exist, of matrices that are not
// in_major.
void CopyTile(const Matrix& w, size_t first_out, size_t out_step, size_t block, uint8_t* tile);

// Whether whole tiles of the result go past the caches. After the last, a thread must wait for its
// stores (sfence) before it tells that it is done.
bool Streams(const Product& product);

// From a tile of sums [output][column] of few columns to y, with bias.
void StoreFew(const Product& product, size_t first_out, const float* sums);
// The same for rows [first_row, end_row) from sums of whole groups: a group's tile of each part,
// `column_step` floats apart. May change the sums.
void StoreMany(const Product& product, size_t first_row, size_t end_row, size_t first_out,
               float* sums, size_t column_step);

}  // namespace retemper::nn::amx

#endif
