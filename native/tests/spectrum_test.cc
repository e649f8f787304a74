// All singular values of a matrix: those that it was made of, the same bits for any number of
// threads. On files and every instruction set: test/addon/spectrum.test.ts.
#include "lowrank/spectrum.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tests/check.h"

namespace retemper::lowrank {
namespace {

const std::atomic<bool> kNever{false};

// Value `at` of the cosine transform's vector `k`: these are orthonormal.
double Cosine(size_t k, size_t at, size_t length) {
  constexpr double kPi = 3.14159265358979323846;
  const double n = static_cast<double>(length);
  return std::sqrt((k == 0 ? 1 : 2) / n) *
         std::cos(kPi * (static_cast<double>(at) + 0.5) * static_cast<double>(k) / n);
}

std::vector<float> OfSingularValues(size_t rows, size_t cols, const std::vector<double>& sizes) {
  std::vector<float> made(rows * cols);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < cols; ++j) {
      double sum = 0;
      for (size_t k = 0; k < sizes.size(); ++k)
        sum += sizes[k] * Cosine(k, i, rows) * Cosine(k, j, cols);
      made[i * cols + j] = static_cast<float>(sum);
    }
  }
  return made;
}

TEST("a matrix has the singular values that it was made of, whichever side is longer") {
  const std::vector<double> sizes = {5, 3, 2, 1, 0.5, 0.25};
  double total = 0;
  for (const double size : sizes) total += size * size;
  for (const auto& [rows, cols] :
       {std::pair<size_t, size_t>{70, 90}, {90, 70}, {6, 200}, {80, 80}}) {
    const std::vector<float> values = OfSingularValues(rows, cols, sizes);
    nn::Pool pool(2);
    const std::vector<double> found =
        SquaredSingularValues({values.data(), rows, cols}, pool, kNever);
    CHECK_EQ(found.size(), std::min(rows, cols));
    for (size_t k = 0; k < found.size(); ++k) {
      const double expected = k < sizes.size() ? sizes[k] * sizes[k] : 0;
      CHECK(std::abs(found[k] - expected) < 2e-7 * total);
      CHECK(found[k] >= 0);
    }
    nn::Pool alone(1);
    CHECK(SquaredSingularValues({values.data(), rows, cols}, alone, kNever) == found);
  }
}

TEST("one row, one column and zeros have their singular values") {
  nn::Pool pool(1);
  const std::vector<float> row = {3, 4, 12};
  for (const auto& [rows, cols] : {std::pair<size_t, size_t>{1, 3}, {3, 1}}) {
    const std::vector<double> found = SquaredSingularValues({row.data(), rows, cols}, pool, kNever);
    CHECK_EQ(found.size(), size_t{1});
    CHECK_EQ(found[0], 169.0);
  }
  const std::vector<float> zeros(12);
  for (const double value : SquaredSingularValues({zeros.data(), 3, 4}, pool, kNever))
    CHECK_EQ(value, 0.0);
}

TEST("values that are not finite, and a cancelled job, are faults") {
  nn::Pool pool(1);
  std::vector<float> values(12, 1.0f);
  const std::atomic<bool> stopped{true};
  CHECK_FAULT(code::kCancelled, "cancelled",
              SquaredSingularValues({values.data(), 3, 4}, pool, stopped));
  values[7] = std::numeric_limits<float>::infinity();
  CHECK_FAULT(code::kBadInput, "NaN", SquaredSingularValues({values.data(), 3, 4}, pool, kNever));
}

}  // namespace
}  // namespace retemper::lowrank

int main() { return retemper::test::RunAll(); }
