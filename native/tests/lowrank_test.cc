// The nearest matrix of a low rank: as near as the singular values allow, whatever the shape; the
// same bits for any number of threads; nothing is read beside the matrix. On files and against
// numpy: test/addon/factorise.test.ts, test/differential/adapters.test.ts.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "lowrank/entropy_rank.h"
#include "lowrank/factorise.h"
#include "lowrank/project.h"
#include "lowrank/symmetric_eigen.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::lowrank {
namespace {

using nn::Pool;
using test::Random;

const std::atomic<bool> kNever{false};

// A matrix in memory of its own size, so that a sanitizer sees who reads past it.
struct Matrix {
  Matrix(size_t rows_, size_t cols_)
      : rows(rows_), cols(cols_), values(new float[rows_ * cols_]()) {}
  Dense View() const { return {values.get(), rows, cols}; }
  size_t rows, cols;
  std::unique_ptr<float[]> values;
};

// Value `at` of the cosine transform's vector `k`: these are orthonormal.
double Cosine(size_t k, size_t at, size_t length) {
  constexpr double kPi = 3.14159265358979323846;
  const double n = static_cast<double>(length);
  return std::sqrt((k == 0 ? 1 : 2) / n) *
         std::cos(kPi * (static_cast<double>(at) + 0.5) * static_cast<double>(k) / n);
}

Matrix OfSingularValues(size_t rows, size_t cols, const std::vector<double>& sizes) {
  Matrix made(rows, cols);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < cols; ++j) {
      double sum = 0;
      for (size_t k = 0; k < sizes.size(); ++k)
        sum += sizes[k] * Cosine(k, i, rows) * Cosine(k, j, cols);
      made.values[i * cols + j] = static_cast<float>(sum);
    }
  }
  return made;
}

std::vector<double> Falling(size_t count) {
  std::vector<double> sizes(count);
  for (size_t k = 0; k < count; ++k) sizes[k] = 1.0 / static_cast<double>(k + 1);
  return sizes;
}

double SquaredTail(const std::vector<double>& sizes, size_t from) {
  double sum = 0;
  for (size_t k = from; k < sizes.size(); ++k) sum += sizes[k] * sizes[k];
  return sum;
}

double SquaredDistance(const Matrix& m, const Factored& made) {
  CHECK_EQ(made.left.size(), m.rows * made.rank);
  CHECK_EQ(made.right.size(), made.rank * m.cols);
  double total = 0;
  for (size_t i = 0; i < m.rows; ++i) {
    for (size_t j = 0; j < m.cols; ++j) {
      double sum = m.values[i * m.cols + j];
      for (size_t k = 0; k < made.rank; ++k)
        sum -= static_cast<double>(made.left[i * made.rank + k]) * made.right[k * m.cols + j];
      total += sum * sum;
    }
  }
  return total;
}

struct Shape {
  size_t rows, cols;
};
constexpr Shape kShapes[] = {{1, 1},   {1, 40},  {40, 1},   {7, 3},
                             {16, 17}, {65, 33}, {90, 260}, {270, 70}};

TEST("is as near as the singular values allow, for every shape and rank") {
  Pool pool(2);
  for (const auto& [rows, cols] : kShapes) {
    const size_t side = std::min(rows, cols);
    const std::vector<double> sizes = Falling(side);
    const Matrix matrix = OfSingularValues(rows, cols, sizes);
    for (const size_t rank : {size_t{1}, size_t{2}, size_t{8}, size_t{33}, side, side + 5}) {
      const Factored made = Factorise(matrix.View(), rank, std::nullopt, pool, kNever);
      CHECK_EQ(made.rank, std::min(rank, side));
      const double best = SquaredTail(sizes, made.rank), got = SquaredDistance(matrix, made);
      CHECK(got <= best * (1 + 1e-5) + 1e-11);
      CHECK(std::fabs(made.lost - got) <= 1e-4 * got + 1e-11);
      CHECK(std::fabs(made.square / SquaredTail(sizes, 0) - 1) < 1e-5);
    }
  }
}

TEST("takes the lowest rank that keeps a share of the squared norm") {
  Pool pool(2);
  const std::vector<double> sizes = Falling(60);
  const Matrix matrix = OfSingularValues(80, 60, sizes);
  const double all = SquaredTail(sizes, 0);
  for (const double energy : {0.3, 0.7, 0.9, 0.98}) {
    const Factored made = Factorise(matrix.View(), 60, energy, pool, kNever);
    CHECK(1 - SquaredTail(sizes, made.rank) / all >= energy);
    CHECK(made.rank == 1 || 1 - SquaredTail(sizes, made.rank - 1) / all < energy);
  }
  CHECK_EQ(Factorise(matrix.View(), 3, 0.999, pool, kNever).rank, size_t{3});
}

TEST("has no higher rank than the matrix has, and none of a matrix of zeros") {
  Pool pool(2);
  const Matrix low = OfSingularValues(120, 100, {3, 2, 1});
  const Factored made = Factorise(low.View(), 8, std::nullopt, pool, kNever);
  CHECK_EQ(made.rank, size_t{3});
  CHECK(made.lost < 1e-9);
  const Factored nothing = Factorise(Matrix(20, 30).View(), 4, std::nullopt, pool, kNever);
  CHECK_EQ(nothing.rank, size_t{0});
  CHECK(nothing.left.empty() && nothing.right.empty());
}

TEST("gives the same bits for any number of threads") {
  for (const auto& [rows, cols] : kShapes) {
    Random random(rows * 1000 + cols);
    Matrix matrix(rows, cols);
    for (size_t i = 0; i < rows * cols; ++i) matrix.values[i] = random.Normal();
    Pool alone(1);
    const Factored expected = Factorise(matrix.View(), 5, std::nullopt, alone, kNever);
    for (const unsigned threads : {2u, 3u}) {
      Pool pool(threads);
      const Factored made = Factorise(matrix.View(), 5, std::nullopt, pool, kNever);
      CHECK_EQ(made.rank, expected.rank);
      CHECK(made.left == expected.left && made.right == expected.right);
      CHECK(made.lost == expected.lost && made.square == expected.square);
    }
  }
}

TEST("refuses what is not finite, and stops when it is cancelled") {
  Pool pool(2);
  Matrix matrix = OfSingularValues(70, 40, Falling(40));
  const std::atomic<bool> cancelled{true};
  CHECK_FAULT(code::kCancelled, "cancelled",
              Factorise(matrix.View(), 4, std::nullopt, pool, cancelled));
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    matrix.values[70 * 40 - 1] = odd;
    CHECK_FAULT(code::kBadInput, "NaN or infinite",
                Factorise(matrix.View(), 4, std::nullopt, pool, kNever));
  }
}

TEST("finds eigenvalues and eigenvectors of symmetric matrices, for any number of threads") {
  Pool pool(2), alone(1);
  // Rows are reduced 16 at a time; of 17, 33 and 65 one is left after whole blocks.
  constexpr size_t kSides[] = {1, 2, 3, 16, 17, 18, 20, 32, 33, 34, 61, 65, 150};
  for (const size_t n : kSides) {
    Random random(n);
    std::vector<double> a(n * n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j <= i; ++j) a[i * n + j] = a[j * n + i] = random.Normal();
    if (n == 20) std::fill(a.begin(), a.end(), 1.0);  // one value of 20, the others are 0
    const auto all = [](const std::vector<double>& values) { return values.size(); };
    const Eigen eigen = SymmetricEigen(a, n, all, pool), same = SymmetricEigen(a, n, all, alone);
    CHECK(eigen.values == same.values && eigen.vectors == same.vectors);
    CHECK_EQ(eigen.values.size(), n);
    CHECK(std::is_sorted(eigen.values.rbegin(), eigen.values.rend()));
    for (size_t k = 0; k < n; ++k) {
      const double* v = &eigen.vectors[k * n];
      for (size_t other = 0; other <= k; ++other) {
        double dot = 0;
        for (size_t i = 0; i < n; ++i) dot += v[i] * eigen.vectors[other * n + i];
        CHECK(std::fabs(dot - (other == k ? 1 : 0)) < 1e-10);
      }
      for (size_t i = 0; i < n; ++i) {
        double product = 0;
        for (size_t j = 0; j < n; ++j) product += a[i * n + j] * v[j];
        CHECK(std::fabs(product - eigen.values[k] * v[i]) < 1e-9);
      }
    }
  }
}

Matrix OfNormals(size_t rows, size_t cols, uint64_t seed) {
  Random random(seed);
  Matrix made(rows, cols);
  for (size_t i = 0; i < rows * cols; ++i) made.values[i] = random.Normal();
  return made;
}

void Ignore(size_t, size_t) {}

// V V^T D / |V|, its squared norm and <., D>, in float64 from the formula.
struct Expected {
  std::vector<double> values;
  double norm = 0, projected = 0, dot = 0;
};

Expected Formula(const Matrix& v, const Matrix& d) {
  Expected made;
  for (size_t i = 0; i < v.rows * v.cols; ++i)
    made.norm += static_cast<double>(v.values[i]) * v.values[i];
  made.norm = std::sqrt(made.norm);
  std::vector<double> inner(v.cols * d.cols, 0.0);
  for (size_t k = 0; k < v.rows; ++k)
    for (size_t i = 0; i < v.cols; ++i)
      for (size_t j = 0; j < d.cols; ++j)
        inner[i * d.cols + j] +=
            static_cast<double>(v.values[k * v.cols + i]) * d.values[k * d.cols + j];
  made.values.assign(d.rows * d.cols, 0.0);
  for (size_t i = 0; i < d.rows; ++i) {
    for (size_t j = 0; j < d.cols; ++j) {
      double& sum = made.values[i * d.cols + j];
      for (size_t k = 0; k < v.cols; ++k) sum += v.values[i * v.cols + k] * inner[k * d.cols + j];
      sum /= made.norm;
      made.projected += sum * sum;
      made.dot += sum * d.values[i * d.cols + j];
    }
  }
  return made;
}

TEST("projects a change as the formula says, for tall and wide changes and more than one band") {
  Pool pool(2);
  struct {
    size_t rows, n, cols;
  } const shapes[] = {{1, 1, 1},   {17, 5, 5},     {5, 17, 17},   {33, 33, 33},
                      {70, 20, 3}, {20, 530, 530}, {530, 20, 20}, {65, 40, 600}};
  for (const auto& [rows, n, cols] : shapes) {
    const Matrix v = OfNormals(rows, n, rows + n), d = OfNormals(rows, cols, cols);
    const Expected expected = Formula(v, d);
    const Projected made = Project(v.View(), d.View(), pool, kNever, Ignore);
    CHECK_EQ(made.values.size(), rows * cols);
    double wrong = 0;
    for (size_t i = 0; i < rows * cols; ++i)
      wrong += std::pow(made.values[i] - expected.values[i], 2);
    CHECK(wrong <= 1e-12 * expected.projected);
    CHECK(std::fabs(made.norm / expected.norm - 1) < 1e-7);
    CHECK(std::fabs(made.projected / expected.projected - 1) < 2e-6);
    CHECK(std::fabs(made.dot / expected.dot - 1) < 2e-6);
  }
}

TEST("projects to the same bits for any number of threads, and tells the bands") {
  for (const auto& [rows, cols] : {Shape{130, 70}, Shape{70, 600}}) {
    const Matrix v = OfNormals(rows, cols, 1), d = OfNormals(rows, cols, 2);
    Pool alone(1), pool(3);
    size_t last = 0, all = 0;
    const auto report = [&](size_t done, size_t total) {
      CHECK(done >= last && done <= total);
      last = done;
      all = total;
    };
    const Projected expected = Project(v.View(), d.View(), alone, kNever, report);
    CHECK(last == all && all > 0);
    const Projected made = Project(v.View(), d.View(), pool, kNever, Ignore);
    CHECK(made.values == expected.values && made.dot == expected.dot);
    CHECK(made.projected == expected.projected && made.square == expected.square);
  }
}

TEST("projects to zeros where a change is zero; refuses other rows and what is not finite") {
  Pool pool(2);
  Matrix v = OfNormals(6, 4, 3), d = OfNormals(6, 4, 4);
  const Projected none = Project(Matrix(6, 4).View(), d.View(), pool, kNever, Ignore);
  CHECK_EQ(none.norm, 0.0);
  CHECK(none.values == std::vector<float>(24, 0.0f) && none.square > 0);
  CHECK_FAULT(code::kUsage, "as many rows",
              Project(Matrix(5, 4).View(), d.View(), pool, kNever, Ignore));
  const std::atomic<bool> cancelled{true};
  CHECK_FAULT(code::kCancelled, "cancelled", Project(v.View(), d.View(), pool, cancelled, Ignore));
  d.values[23] = std::numeric_limits<float>::infinity();
  CHECK_FAULT(code::kBadInput, "the change has NaN",
              Project(v.View(), d.View(), pool, kNever, Ignore));
  v.values[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FAULT(code::kBadInput, "the aligning change",
              Project(v.View(), d.View(), pool, kNever, Ignore));
}

TEST("takes the lowest rank that keeps a share of the entropy, and the matrix in its span") {
  Pool pool(2), alone(1);
  for (const auto& [rows, cols] : {Shape{80, 60}, Shape{60, 80}, Shape{60, 60}}) {
    const std::vector<double> sizes = Falling(60);
    const Matrix matrix = OfSingularValues(rows, cols, sizes);
    double whole = 0;
    const auto entropy = [&](size_t k) {
      const double p = sizes[k] * sizes[k] / SquaredTail(sizes, 0);
      return -p * std::log(p);
    };
    for (size_t k = 0; k < 60; ++k) whole += entropy(k);
    for (const double share : {0.1, 0.5, 0.9, 0.99}) {
      const Factored made = FactoriseByEntropy(matrix.View(), share, pool, kNever);
      double before = 0;
      for (size_t k = 0; k + 1 < made.rank; ++k) before += entropy(k);
      CHECK(made.rank == 1 || before < share * whole);
      CHECK(before + entropy(made.rank - 1) >= share * whole * (1 - 1e-9));
      const double best = SquaredTail(sizes, made.rank);
      CHECK(SquaredDistance(matrix, made) <= best * (1 + 1e-4) + 1e-11);
      CHECK(std::fabs(made.lost - best) <= 1e-4 * best);
      const Factored same = FactoriseByEntropy(matrix.View(), share, alone, kNever);
      CHECK(made.left == same.left && made.right == same.right && made.rank == same.rank);
    }
  }
}

TEST("takes one direction of a matrix of rank one, and none of zeros") {
  Pool pool(2);
  const Factored one = FactoriseByEntropy(OfSingularValues(30, 20, {2}).View(), 0.9, pool, kNever);
  CHECK_EQ(one.rank, size_t{1});
  CHECK_EQ(FactoriseByEntropy(Matrix(20, 30).View(), 0.9, pool, kNever).rank, size_t{0});
  const std::atomic<bool> cancelled{true};
  CHECK_FAULT(code::kCancelled, "cancelled",
              FactoriseByEntropy(OfNormals(9, 9, 1).View(), 0.9, pool, cancelled));
}

}  // namespace
}  // namespace retemper::lowrank

int main() { return retemper::test::RunAll(); }
