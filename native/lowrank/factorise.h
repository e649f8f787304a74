// The nearest matrix of a low rank, as two thin factors.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "lowrank/matrix_rows.h"

namespace retemper::lowrank {

struct Factored {
  size_t rank = 0;
  std::vector<float> left;   // [rows, rank]
  std::vector<float> right;  // [rank, cols]
  double square = 0;         // squared Euclidean norm of the matrix
  double lost = 0;           // of what left x right lacks
};

// `rank` is the highest that is wanted; with `energy`, the lowest that keeps this share of the
// squared norm is enough. Lower where the matrix has no more. Throws CANCELLED; BAD_INPUT for
// values that are not finite.
//
// Eckart and Young (Psychometrika 1, 1936): it is made of the largest singular values. They are
// found in a block Krylov space with full reorthogonalisation (Golub, Luk and Overton, ACM TOMS 7,
// 1981; its error without gaps in the spectrum: Musco and Musco, NIPS 2015), which grows until
// another block adds next to nothing of what is missing. What rounding drowns of small singular
// values beside large ones comes back in later blocks, which are orthogonal to the large ones.
// Each singular value is divided between both factors by its root. A matrix that is made is held
// where it takes 256 MB at most, else made again for each product.
Factored Factorise(const MatrixRows& d, size_t rank, std::optional<double> energy, nn::Pool& pool,
                   const std::atomic<bool>& cancelled);

}  // namespace retemper::lowrank
