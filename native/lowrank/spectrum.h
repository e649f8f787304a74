// All singular values of a matrix.
#pragma once

#include <atomic>
#include <vector>

#include "lowrank/panel_products.h"

namespace retemper::lowrank {

// The squared singular values, the largest first, as many as the shorter side is long: eigenvalues
// of the product of the matrix with its transpose, in float64, so that each is right to about 1e-14
// of the largest; a negative one, which only rounding makes, is 0. The same bits for any number of
// threads and instruction set. Throws CANCELLED; BAD_INPUT for values that are not finite.
std::vector<double> SquaredSingularValues(const Dense& d, nn::Pool& pool,
                                          const std::atomic<bool>& cancelled);

}  // namespace retemper::lowrank
