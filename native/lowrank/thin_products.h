// Products with thin float64 matrices, on the instruction set that there is. Every sum is taken in
// one order, so that wider registers change no bit.
#pragma once

#include <cstddef>

namespace retemper::lowrank {

// Columns of a thin matrix are computed in groups of so many.
inline constexpr size_t kGroup = 8;

// Rows or columns of a matrix: value s of line l is data[l * line + s * step].
struct Lines {
  const double* data = nullptr;
  size_t count = 0, line = 0, steps = 0, step = 0;
};

// Rows of whole groups, `stride` values from one to the next.
struct ThinRows {
  const double* data = nullptr;
  size_t stride = 0, groups = 0;
};

struct ThinLoops {
  // out[l, groups] += sum over s of v[l, s] x[s, groups], in the order of s; `stride` is from one
  // row of out to the next.
  void (*add_products)(const Lines& v, const ThinRows& x, double* out, size_t stride);
  // The same values in float64, and the sum of their squares: eight lanes, added at the end.
  double (*widen)(const float* from, size_t count, double* to);
};

const ThinLoops& ChooseThinLoops();

}  // namespace retemper::lowrank
