// C B and its cosine against plain loops in float64: any shape and rank, rows in memory and rows
// that are made, the same bits for any number of threads and on every instruction set. Through the
// addon, over plans: test/addon/selfProject.test.ts.
#include "lowrank/self_projection.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "cpu/kernels.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::lowrank {
namespace {

using nn::Pool;
using test::Random;

const std::atomic<bool> kNever{false};
constexpr double kLeast = 1e-9;

struct Case {
  size_t outputs, inputs, rank;
  bool transposed;

  Dense View() const {
    return {v.data(), transposed ? inputs : outputs, transposed ? outputs : inputs};
  }
  std::vector<float> v, b, a;
};

// Odd ones, and some of more rows than are made at a time and more columns than are widened.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  const struct {
    size_t outputs, inputs, rank;
  } shapes[] = {{1, 1, 1}, {3, 130, 8}, {17, 5, 9}, {150, 129, 16}, {40, 300, 17}, {301, 33, 3}};
  for (const auto& [outputs, inputs, rank] : shapes) {
    for (const bool transposed : {false, true}) {
      Random random(outputs * 1000 + inputs + rank);
      Case made{outputs, inputs, rank, transposed, {}, {}, {}};
      made.v = random.Normals(outputs * inputs, 0.01f);
      made.b = random.Normals(outputs * rank);
      made.a = random.Normals(rank * inputs);
      cases.push_back(std::move(made));
    }
  }
  return cases;
}

SelfProjected Projected(const Case& one, const MatrixRows& v, unsigned threads) {
  Pool pool(threads);
  return SelfProject(v, one.transposed, one.b.data(), one.a.data(), one.rank, kLeast, pool, kNever);
}

double ValueOf(const Case& one, size_t output, size_t input) {
  return one.transposed ? one.v[input * one.outputs + output] : one.v[output * one.inputs + input];
}

SelfProjected Expected(const Case& one) {
  const auto& [outputs, inputs, rank, transposed, v, b, a] = one;
  std::vector<double> inner(inputs * rank, 0.0), left(outputs * rank, 0.0);
  double square = 0;
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < inputs; ++i) {
      const double value = ValueOf(one, o, i);
      square += value * value;
      for (size_t k = 0; k < rank; ++k) inner[i * rank + k] += value * b[o * rank + k];
    }
  }
  for (size_t o = 0; o < outputs; ++o)
    for (size_t i = 0; i < inputs; ++i)
      for (size_t k = 0; k < rank; ++k)
        left[o * rank + k] += ValueOf(one, o, i) * inner[i * rank + k] / std::sqrt(square);
  double both = 0, before = 0, after = 0;
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < inputs; ++i) {
      double x = 0, y = 0;
      for (size_t k = 0; k < rank; ++k) {
        x += static_cast<double>(b[o * rank + k]) * a[k * inputs + i];
        y += left[o * rank + k] * a[k * inputs + i];
      }
      both += x * y;
      before += x * x;
      after += y * y;
    }
  }
  return {left, std::sqrt(square), both / std::sqrt(before * after)};
}

TEST("is V (V^T B) / |V| for every shape and rank, stored by rows or by columns") {
  for (const Case& one : Cases()) {
    const SelfProjected got = Projected(one, one.View(), 2), want = Expected(one);
    CHECK(std::fabs(got.norm / want.norm - 1) < 1e-12);
    CHECK(std::fabs(got.cosine - want.cosine) < 1e-10);
    CHECK_EQ(got.left.size(), want.left.size());
    double largest = 0, off = 0;
    for (size_t i = 0; i < want.left.size(); ++i) {
      largest = std::max(largest, std::fabs(want.left[i]));
      off = std::max(off, std::fabs(want.left[i] - got.left[i]));
    }
    CHECK(off <= 1e-12 * largest);
  }
}

TEST("gives the same bits for rows that are made, any number of threads and every target") {
  for (const Case& one : Cases()) {
    const Dense view = one.View();
    const MatrixRows made(view.rows, view.cols, [&](size_t first, size_t count, float* to) {
      CHECK(first + count <= view.rows * view.cols);
      std::copy_n(view.data + first, count, to);
    });
    const SelfProjected expected = Projected(one, view, 1);
    for (const Target* target : AvailableTargets()) {
      setenv("RETEMPER_FORCE_TARGET", target->name, 1);
      for (const unsigned threads : {1u, 3u}) {
        const SelfProjected got = Projected(one, made, threads);
        CHECK(got.left == expected.left);
        CHECK_EQ(got.norm, expected.norm);
        CHECK_EQ(got.cosine, expected.cosine);
      }
    }
    unsetenv("RETEMPER_FORCE_TARGET");
  }
}

TEST(
    "is nothing where V is next to nothing, refuses what is not finite, and stops when cancelled") {
  Case one = Cases().front();
  one.v[0] = 1e-10f;
  const SelfProjected nothing = Projected(one, one.View(), 1);
  CHECK_EQ(nothing.left[0], 0.0);
  CHECK_EQ(nothing.cosine, 0.0);
  one.v[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FAULT(code::kBadInput, "NaN", Projected(one, one.View(), 1));
  one.v[0] = 1;
  one.b[0] = std::numeric_limits<float>::infinity();
  CHECK_FAULT(code::kBadInput, "adapter", Projected(one, one.View(), 1));
  Pool pool(1);
  const std::atomic<bool> cancelled{true};
  CHECK_FAULT(
      code::kCancelled, "cancelled",
      SelfProject(one.View(), false, one.b.data(), one.a.data(), 1, kLeast, pool, cancelled));
}

}  // namespace
}  // namespace retemper::lowrank

int main() { return retemper::test::RunAll(); }
