// Eigenvalues and eigenvectors of a symmetric matrix, in float64 and in one fixed order of
// operations: the same bits for any number of threads and instruction set.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "nn/pool.h"

namespace retemper::lowrank {

struct Eigen {
  std::vector<double> values;   // all, the largest first
  std::vector<double> vectors;  // [value, n]: one a row, of the first values
};

// How many of the first eigenvalues, which are all there, have their vectors made.
using Wanted = std::function<size_t(const std::vector<double>& values)>;

// `a` is [n, n]; what is below its diagonal is not read. Householder's reduction to three
// diagonals, a few columns at a time (Dongarra, Sorensen and Hammarling, "Block reduction of
// matrices to condensed forms", J. Comput. Appl. Math. 27, 1989); the values by the QL algorithm
// with implicit shifts (Dubrulle, Martin and Wilkinson, "The implicit QL algorithm", Numerische
// Mathematik 12, 1968); the vectors by inverse iteration (Wilkinson, as LAPACK's dstein), each made
// orthogonal to those whose values are next to it. Their dots with each other are below 1e-7 where
// values differ by 1e-8 of the largest, and far below that where they differ more.
Eigen SymmetricEigen(std::vector<double> a, size_t n, const Wanted& wanted, nn::Pool& pool);

// The same values without vectors.
std::vector<double> SymmetricValues(std::vector<double> a, size_t n, nn::Pool& pool);

}  // namespace retemper::lowrank
