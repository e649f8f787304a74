#include "lowrank/spectrum.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/status.h"
#include "lowrank/panel_packing.h"
#include "lowrank/symmetric_eigen.h"

namespace retemper::lowrank {

std::vector<double> SquaredSingularValues(const Dense& d, nn::Pool& pool,
                                          const std::atomic<bool>& cancelled) {
  const auto check = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the decomposition was cancelled");
  };
  check();
  if (!std::isfinite(SquaredRest(d, nullptr, nullptr, 0, pool)))
    throw Fault(code::kBadInput, "the matrix has NaN or infinite values");
  const bool tall = d.rows > d.cols;
  std::vector<float> turned(tall ? d.rows * d.cols : 0);
  if (tall) Transpose(d, turned.data(), pool);
  const Dense wide = tall ? Dense{turned.data(), d.cols, d.rows} : d;
  std::vector<double> values = SymmetricValues(Gram(wide, pool, check), wide.rows, pool);
  for (double& value : values) value = std::max(value, 0.0);
  return values;
}

}  // namespace retemper::lowrank
