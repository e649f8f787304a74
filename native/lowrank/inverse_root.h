// The triangular root of an inverse.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "nn/pool.h"

namespace retemper::lowrank {

// U, upper triangular, with U^T U = H^-1, for a symmetric positive definite H [n, n] by its rows. H
// is never inverted, and not read left of its diagonal: with R upper triangular and R R^T = H
// (Cholesky's factorisation, from the last row to the first), U is R^-1. In float64, the same bits
// for any number of threads. `check` is called now and then, and may throw. Throws BAD_INPUT where
// H is not positive definite.
std::vector<double> InverseRoot(std::vector<double> h, size_t n, nn::Pool& pool,
                                const std::function<void()>& check);

}  // namespace retemper::lowrank
