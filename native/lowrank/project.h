// What a change of a model's weights has in common with the change that aligned the model.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "lowrank/matrix_rows.h"

namespace retemper::lowrank {

struct Projected {
  std::vector<float> values;  // C D [rows, cols], by its rows
  double norm = 0;            // |V|, Frobenius
  double square = 0;          // |D|^2
  double projected = 0;       // |C D|^2
  double dot = 0;             // <C D, D>
};

// C D for C = V V^T / |V| with V the aligning change [rows, n] and D another one [rows, cols]. C is
// no projection: Hsu et al. ("Safe LoRA", NeurIPS 2024, https://arxiv.org/abs/2405.16833) divide by
// the norm and not by its square, and so does this. The cosine of C D and D, which they compare
// with a threshold, is dot / sqrt(square * projected).
//
// The larger of the two squares that the product could go through is never stored: V (V^T D) where
// V is tall, a band of columns of D at a time, and (V V^T) D elsewhere. V is held, D is made a band
// of columns at a time. Sums of products are those of panel_products.h, sums of squares are
// float64. A change of zeros has values of zeros.
//
// `report` is told the bands done and all. Throws CANCELLED; BAD_INPUT for values that are not
// finite; USAGE for other numbers of rows.
Projected Project(const MatrixRows& change, const MatrixRows& d, nn::Pool& pool,
                  const std::atomic<bool>& cancelled,
                  const std::function<void(size_t, size_t)>& report);

}  // namespace retemper::lowrank
