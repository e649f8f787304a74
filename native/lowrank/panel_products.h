// Products of a large matrix with thin ones, the same bits on every instruction set and for any
// number of threads: each value of a result is a sum in one fixed order, over chunks of 256 terms
// whose sums are then added.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "nn/pool.h"

namespace retemper::lowrank {

// Columns of a thin matrix come in groups: [group, row, kPanel], the last group filled up with
// zeros, so that a group of a few rows stays in the first-level cache.
inline constexpr size_t kPanel = 16;

inline size_t Panels(size_t columns) { return (columns + kPanel - 1) / kPanel; }

// A matrix [rows, cols] by its rows, float32.
struct Dense {
  const float* data = nullptr;
  size_t rows = 0, cols = 0;
};

// out[rows, columns] = d x q[cols, columns]; both thin matrices in groups.
void Times(const Dense& d, const float* q, size_t columns, float* out, nn::Pool& pool);
// out[cols, columns] = d^T x q[rows, columns].
void TransposedTimes(const Dense& d, const float* q, size_t columns, float* out, nn::Pool& pool);
// out += d^T x q: with bands of rows of a matrix, one after the other, each but the last a multiple
// of kBandRows, the bits of TransposedTimes of the whole.
inline constexpr size_t kBandRows = 256;
void AddTransposedTimes(const Dense& d, const float* q, size_t columns, float* out, nn::Pool& pool);
// The sum of the squares of d - left[rows, rank] x right[rank, cols], both by their rows.
double SquaredRest(const Dense& d, const float* left, const float* right, size_t rank,
                   nn::Pool& pool);
// d x d^T, [rows, rows], right of the diagonal and on it, in float64: its eigenvalues are squares,
// of which float32 would lose the small ones. `check` is called now and then, and may throw.
std::vector<double> Gram(const Dense& d, nn::Pool& pool, const std::function<void()>& check);

}  // namespace retemper::lowrank
