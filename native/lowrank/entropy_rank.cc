#include "lowrank/entropy_rank.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/status.h"
#include "lowrank/panel_packing.h"
#include "lowrank/symmetric_eigen.h"

namespace retemper::lowrank {

namespace {

// What float64 sums of products make of nothing, as a share of the largest.
constexpr double kNothing = 1e-14;

// `squares` of singular values, the largest first.
size_t EntropyRank(const std::vector<double>& squares, double share) {
  double total = 0;
  for (const double square : squares) total += square;
  std::vector<double> entropies;
  double entropy = 0;
  for (const double square : squares) {
    const double p = square / total;
    entropy -= p > 0 ? p * std::log(p) : 0;
    entropies.push_back(entropy);
  }
  size_t rank = 1;
  while (rank < squares.size() && entropies[rank - 1] < share * entropy) ++rank;
  return rank;
}

}  // namespace

Factored FactoriseByEntropy(const MatrixRows& source, double share, nn::Pool& pool,
                            const std::atomic<bool>& cancelled) {
  const auto check = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the approximation was cancelled");
  };
  Factored made;
  std::optional<HeldMatrix> held(std::in_place, source, pool);
  const Dense d = held->View();
  made.square = SquaredRest(d, nullptr, nullptr, 0, pool);
  if (!std::isfinite(made.square))
    throw Fault(code::kBadInput, "the change has NaN or infinite values");
  if (made.square == 0) return made;
  const bool tall = d.rows > d.cols;
  const size_t side = tall ? d.cols : d.rows;
  std::vector<float> turned(tall ? d.rows * d.cols : 0);
  if (tall) {
    Transpose(d, turned.data(), pool);
    held.reset();
  }
  const Dense wide = tall ? Dense{turned.data(), d.cols, d.rows} : d;
  size_t rank = 0;
  const auto wanted = [&](const std::vector<double>& values) {
    check();
    std::vector<double> squares = values;
    for (double& square : squares)
      if (!(square > kNothing * squares[0])) square = 0;
    rank = made.rank = EntropyRank(squares, share);
    for (size_t k = rank; k < side; ++k) made.lost += squares[k];
    return rank;
  };
  std::vector<float> vectors;
  {
    const Eigen eigen = SymmetricEigen(Gram(wide, pool, check), side, wanted, pool);
    vectors.assign(eigen.vectors.begin(), eigen.vectors.end());
  }
  check();

  made.left.resize(d.rows * rank);
  made.right.resize(rank * d.cols);
  const Dense unit = {vectors.data(), rank, side};
  std::vector<float> packed, product;
  for (size_t first = 0; first < rank; first += kBand) {
    check();
    const size_t count = std::min(kBand, rank - first);
    PackRows(unit, first, count, packed, pool);
    product.resize(Panels(count) * wide.cols * kPanel);
    TransposedTimes(wide, packed.data(), count, product.data(), pool);
    Unpacked(product, wide.cols, count, pool,
             [&](size_t row, size_t column, const float* values, size_t some) {
               for (size_t i = 0; i < some; ++i) {
                 const size_t k = first + column + i;
                 (tall ? made.left[row * rank + k] : made.right[k * d.cols + row]) = values[i];
               }
             });
  }
  if (tall) {
    made.right = std::move(vectors);
  } else {
    for (size_t row = 0; row < side; ++row)
      for (size_t k = 0; k < rank; ++k) made.left[row * rank + k] = vectors[k * side + row];
  }
  return made;
}

}  // namespace retemper::lowrank
