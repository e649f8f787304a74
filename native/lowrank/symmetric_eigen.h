// Eigenvalues and eigenvectors of a symmetric matrix, in float64 and in one fixed order of
// operations: the same bits for any number of threads.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/pool.h"

namespace retemper::lowrank {

struct Eigen {
  std::vector<double> values;   // the largest first
  std::vector<double> vectors;  // [value, n]: one a row
};

// `a` is [n, n]. Householder's reduction to three diagonals, then the QL algorithm with implicit
// shifts (Dubrulle, Martin and Wilkinson, "The implicit QL algorithm", Numerische Mathematik 12,
// 1968).
Eigen SymmetricEigen(std::vector<double> a, size_t n, nn::Pool& pool);

// The same values without the vectors, in less time.
std::vector<double> SymmetricValues(std::vector<double> a, size_t n, nn::Pool& pool);

}  // namespace retemper::lowrank
