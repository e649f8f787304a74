// Puts matrices into the groups of columns that panel_products.h takes, and takes them out of
// these.
#pragma once

#include <vector>

#include "lowrank/panel_products.h"

namespace retemper::lowrank {

// Columns of a thin matrix that are computed at a time where it has many: what they take grows with
// the other side of the matrix only.
inline constexpr size_t kBand = 512;

// Columns [first, first + count) of d, in groups: [group, d.rows, kPanel].
void PackColumns(const Dense& d, size_t first, size_t count, std::vector<float>& packed,
                 nn::Pool& pool);
// Rows [first, first + count) of d as columns, in groups: [group, d.cols, kPanel].
void PackRows(const Dense& d, size_t first, size_t count, std::vector<float>& packed,
              nn::Pool& pool);
// to[d.cols, d.rows] = the transpose of d.
void Transpose(const Dense& d, float* to, nn::Pool& pool);
// take(row, column, values, count): `count` values of a row from a column on, for every row of
// `columns` columns in groups [group, rows, kPanel]. Each row by one thread, its columns in order;
// rows are handed out in blocks of a fixed size.
template <class Take>
void Unpacked(const std::vector<float>& packed, size_t rows, size_t columns, nn::Pool& pool,
              Take take) {
  constexpr size_t kRows = 64;
  pool.Run((rows + kRows - 1) / kRows, [&](size_t block, unsigned) {
    const size_t end = (block + 1) * kRows < rows ? (block + 1) * kRows : rows;
    for (size_t row = block * kRows; row < end; ++row) {
      for (size_t i = 0; i < columns; i += kPanel) {
        const size_t count = i + kPanel < columns ? kPanel : columns - i;
        take(row, i, packed.data() + (i / kPanel * rows + row) * kPanel, count);
      }
    }
  });
}

}  // namespace retemper::lowrank
