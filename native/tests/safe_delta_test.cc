// What may stay of a change by its effect on a layer's outputs: the triangular root of an inverse,
// and the choice and compensation built on it. Against the authors' layer:
// test/addon/safeDelta.test.ts.
#include "lowrank/safe_delta.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lowrank/inverse_root.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::lowrank {
namespace {

using nn::Pool;
using test::Random;

const std::atomic<bool> kNever{false};
void Ignore(size_t, size_t) {}

std::vector<float> Normals(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> made(count);
  for (float& value : made) value = random.Normal();
  return made;
}

// 2 X^T X of `tokens` random rows, with a hundredth of its mean diagonal on the diagonal.
std::vector<double> Products(size_t n, size_t tokens, uint64_t seed, bool damped) {
  const std::vector<float> x = Normals(tokens * n, seed);
  std::vector<double> h(n * n, 0.0);
  for (size_t t = 0; t < tokens; ++t)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) h[i * n + j] += 2.0 * x[t * n + i] * x[t * n + j];
  double mean = 0;
  for (size_t i = 0; i < n; ++i) mean += h[i * n + i] / static_cast<double>(n);
  for (size_t i = 0; damped && i < n; ++i) h[i * n + i] += 0.01 * mean;
  return h;
}

TEST("finds the upper triangle whose square is the inverse, for any number of threads") {
  Pool alone(1), pool(3);
  for (const size_t n : {size_t{1}, size_t{2}, size_t{63}, size_t{64}, size_t{65}, size_t{200}}) {
    const std::vector<double> h = Products(n, n + 3, n, true);
    const std::vector<double> u = InverseRoot(h, n, pool, [] {});
    CHECK(u == InverseRoot(h, n, alone, [] {}));
    for (size_t i = 0; i < n; ++i) {
      CHECK(u[i * n + i] > 0);
      for (size_t j = 0; j < i; ++j) CHECK_EQ(u[i * n + j], 0.0);
    }
    // (U^T U) H is the identity: column j of H, through U and back.
    for (size_t j = 0; j < n; j += 1 + n / 7) {
      std::vector<double> y(n, 0.0), z(n, 0.0);
      for (size_t i = 0; i < n; ++i)
        for (size_t k = i; k < n; ++k) y[i] += u[i * n + k] * h[k * n + j];
      for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k <= i; ++k) z[i] += u[k * n + i] * y[k];
      for (size_t i = 0; i < n; ++i) CHECK(std::fabs(z[i] - (i == j ? 1 : 0)) < 1e-8);
    }
  }
}

TEST("refuses what is not positive definite") {
  Pool pool(2);
  std::vector<double> h = Products(70, 80, 1, true);
  h[69 * 70 + 69] = -1;
  CHECK_FAULT(code::kBadInput, "positive definite", InverseRoot(h, 70, pool, [] {}));
}

struct Layer {
  Layer(size_t rows_, size_t cols_) : rows(rows_), cols(cols_), a(Normals(rows * cols, 1)) {
    const std::vector<float> d = Normals(rows * cols, 2);
    f = a;
    for (size_t i = 0; i < f.size(); ++i) f[i] += 0.1f * d[i];
  }
  KeptDelta Keep(double s, Pool& pool, const std::vector<double>& h) const {
    const std::vector<double> root = SafeDeltaRoot(h, cols, pool, [] {});
    return KeepSafeDelta({a.data(), rows, cols}, {f.data(), rows, cols}, root, s, pool, kNever,
                         Ignore);
  }
  size_t rows, cols;
  std::vector<float> a, f;
};

TEST("keeps nothing at s = 0, and 85 of 100 where all may stay") {
  Pool pool(2);
  const Layer layer(20, 30);
  const std::vector<double> h = Products(30, 50, 3, false);
  const KeptDelta none = layer.Keep(0, pool, h);
  CHECK_EQ(none.kept, uint64_t{0});
  CHECK(none.values == layer.a);
  const KeptDelta most = layer.Keep(1e12, pool, h);
  CHECK_EQ(most.kept, uint64_t{510});
  CHECK(most.values != layer.f);
}

TEST("keeps more where more may change, and the same bits for any number of threads") {
  Pool alone(1), pool(3);
  const Layer layer(40, 90);
  const std::vector<double> h = Products(90, 120, 4, false);
  uint64_t before = 0;
  for (const double s : {0.1, 1.0, 10.0, 100.0}) {
    const KeptDelta made = layer.Keep(s, pool, h), same = layer.Keep(s, alone, h);
    CHECK(made.kept >= before);
    CHECK(made.kept == same.kept && made.values == same.values);
    before = made.kept;
  }
  CHECK(before > 0);
}

TEST("makes good in later columns what the entries that stay change of the outputs") {
  Pool pool(2);
  const Layer layer(30, 60);
  const std::vector<double> h = Products(60, 20, 5, false);  // inputs say much of each other
  const KeptDelta made = layer.Keep(20, pool, h);
  CHECK(made.kept > 0 && made.kept < 1800);
  // Against the same entries without compensation: F's where the result has F's, else A's.
  double with = 0, without = 0;
  for (size_t row = 0; row < layer.rows; ++row) {
    std::vector<double> e(60), g(60);
    for (size_t j = 0; j < 60; ++j) {
      const size_t at = row * 60 + j;
      const float value = made.values[at];
      e[j] = static_cast<double>(value) - layer.a[at];
      g[j] = value == layer.f[at] ? e[j] : 0.0;
    }
    for (size_t i = 0; i < 60; ++i) {
      for (size_t j = 0; j < 60; ++j) {
        with += e[i] * h[i * 60 + j] * e[j];
        without += g[i] * h[i * 60 + j] * g[j];
      }
    }
  }
  CHECK(with < 0.7 * without);
}

TEST("takes columns without activation, and refuses what is not finite") {
  Pool pool(2);
  Layer layer(6, 20);
  std::vector<double> h = Products(20, 30, 6, false);
  for (size_t i = 0; i < 20; ++i) h[3 * 20 + i] = h[i * 20 + 3] = 0;
  const KeptDelta made = layer.Keep(5, pool, h);
  for (const float value : made.values) CHECK(std::isfinite(value));
  const double own = h[0];
  h[0] = std::numeric_limits<double>::infinity();
  CHECK_FAULT(code::kBadInput, "inputs have NaN", layer.Keep(5, pool, h));
  h[0] = own;
  layer.f[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FAULT(code::kBadInput, "a weight has NaN", layer.Keep(5, pool, h));
}

}  // namespace
}  // namespace retemper::lowrank

int main() { return retemper::test::RunAll(); }
