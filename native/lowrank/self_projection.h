// A thin matrix projected on a large one by that matrix's own square, and what the projection keeps
// of a product.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "lowrank/matrix_rows.h"
#include "nn/pool.h"

namespace retemper::lowrank {

struct SelfProjected {
  std::vector<double> left;  // C B [outputs, rank]; zeros where V is next to nothing
  double norm = 0;           // |V|, Euclidean
  double cosine = 0;         // of C B A and B A as vectors; 0 where one of them is zero
};

// C B for C = V V^T / |V| (Hsu et al., Safe LoRA, arXiv 2405.16833: not the orthogonal projection,
// whose square it is not), and the cosine of C B A with B A. C is never made: C B = V (V^T B) /
// |V|, two passes over V, which each have its rows made once. With `transposed`, V is stored by its
// columns ([inputs, outputs]).
//
// b is B [outputs, rank] and a is A [rank, inputs], by their rows. All sums are float64 in one
// fixed order each, so that the bits do not depend on threads or instruction set. |V| below `least`
// gives zeros. Throws CANCELLED; BAD_INPUT for values that are not finite.
SelfProjected SelfProject(const MatrixRows& v, bool transposed, const float* b, const float* a,
                          size_t rank, double least, nn::Pool& pool,
                          const std::atomic<bool>& cancelled);

}  // namespace retemper::lowrank
