#include "lowrank/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/divide_up.h"
#include "lowrank/eigen_loops.h"

namespace retemper::lowrank {

namespace {

// Not std::hypot: libraries differ in its last bit, and roots do not.
double Length(double x, double y) { return std::sqrt(x * x + y * y); }

// Parts of a long loop, so long that handing them out costs next to nothing.
template <class Body>
void InPieces(nn::Pool& pool, size_t count, Body body) {
  constexpr size_t kPiece = 128;
  pool.Run(DivideUp(count, kPiece), [&](size_t piece, unsigned) {
    body(piece * kPiece, std::min(count, (piece + 1) * kPiece));
  });
}

// Rows that are reflected together, so that a reflection is read once for all.
constexpr size_t kTogether = 8;

// Takes out of each row twice what it has of v.
void Reflect(double* rows, size_t stride, size_t count, const std::vector<double>& v,
             const EigenLoops& loops) {
  double dots[kTogether] = {};
  if (count == kTogether) {
    for (size_t i = 0; i < v.size(); ++i)
      for (size_t row = 0; row < kTogether; ++row) dots[row] += rows[row * stride + i] * v[i];
  } else {
    for (size_t row = 0; row < count; ++row)
      for (size_t i = 0; i < v.size(); ++i) dots[row] += rows[row * stride + i] * v[i];
  }
  for (size_t row = 0; row < count; ++row) {
    loops.add_times(rows + row * stride, v.data(), -2 * dots[row], v.size());
  }
}

// `a` becomes three diagonals (`diagonal`, `beside` with n - 1 values) by reflections, whose
// product is the transpose of `turned`: a = turned^T (three diagonals) turned. No `turned`: nobody
// asks for vectors.
void Reduce(std::vector<double>& a, size_t n, std::vector<double>& diagonal,
            std::vector<double>& beside, std::vector<double>* turned, nn::Pool& pool) {
  const EigenLoops& loops = ChooseEigenLoops();
  std::vector<std::vector<double>> reflections;
  std::vector<double> p(n);
  for (size_t k = 0; k + 2 < n; ++k) {
    const size_t m = n - k - 1;
    std::vector<double> v(m);
    for (size_t i = 0; i < m; ++i) v[i] = a[(k + 1 + i) * n + k];
    double square = 0;
    for (const double x : v) square += x * x;
    const double length = std::sqrt(square);
    const double end = v[0] > 0 ? -length : length;
    const double scale = square - v[0] * end;  // half of the squared length of v - end e0
    beside[k] = end;
    if (!(scale > 0)) {
      beside[k] = v[0];
      if (turned != nullptr) reflections.emplace_back();
      continue;
    }
    v[0] -= end;
    const double unit = 1 / std::sqrt(2 * scale);
    for (double& x : v) x *= unit;
    std::fill(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(m), 0.0);
    InPieces(pool, m, [&](size_t begin, size_t end) {
      for (size_t j = 0; j < m; ++j) {
        const double* row = &a[(k + 1 + j) * n + k + 1];
        loops.add_times(&p[begin], row + begin, v[j], end - begin);
      }
    });
    double common = 0;
    for (size_t i = 0; i < m; ++i) common += v[i] * p[i];
    for (size_t i = 0; i < m; ++i) p[i] = 2 * (p[i] - common * v[i]);
    InPieces(pool, m, [&](size_t begin, size_t end) {
      for (size_t j = begin; j < end; ++j) {
        double* row = &a[(k + 1 + j) * n + k + 1];
        loops.take_two(row, p.data(), v.data(), v[j], p[j], m);
      }
    });
    if (turned != nullptr) reflections.push_back(std::move(v));
  }
  for (size_t i = 0; i < n; ++i) diagonal[i] = a[i * n + i];
  if (n > 1) beside[n - 2] = a[(n - 1) * n + n - 2];
  if (turned == nullptr) return;
  std::fill(turned->begin(), turned->end(), 0.0);
  for (size_t i = 0; i < n; ++i) (*turned)[i * n + i] = 1;
  pool.Run(DivideUp(n, kTogether), [&](size_t block, unsigned) {
    for (size_t k = reflections.size(); k-- > 0;) {
      const std::vector<double>& v = reflections[k];
      const size_t begin = std::max(k + 1, block * kTogether);
      const size_t end = std::min(n, (block + 1) * kTogether);
      if (v.empty() || begin >= end) continue;
      Reflect(&(*turned)[begin * n + k + 1], n, end - begin, v, loops);
    }
  });
}

// Turns of neighbouring rows of a matrix, kept until there are enough for a walk through it.
class Turns {
 public:
  Turns(std::vector<double>& matrix, size_t n, nn::Pool& pool)
      : matrix_(matrix), n_(n), pool_(pool) {}

  void Add(size_t row, double sine, double cosine) {
    turns_.push_back({row, sine, cosine});
    if (turns_.size() >= kMost) Apply();
  }

  // Columns are independent of each other, so that a few at a time are turned in a copy that fits
  // the cache.
  void Apply() {
    if (turns_.empty()) return;
    const EigenLoops& loops = ChooseEigenLoops();
    pool_.Run(DivideUp(n_, kBandColumns), [&](size_t band, unsigned) {
      const size_t first = band * kBandColumns, count = std::min(kBandColumns, n_ - first);
      std::vector<double> copy(n_ * kBandColumns, 0.0);
      for (size_t row = 0; row < n_; ++row)
        std::copy_n(&matrix_[row * n_ + first], count, &copy[row * kBandColumns]);
      loops.rotate_rows(copy.data(), turns_.data(), turns_.size());
      for (size_t row = 0; row < n_; ++row)
        std::copy_n(&copy[row * kBandColumns], count, &matrix_[row * n_ + first]);
    });
    turns_.clear();
  }

 private:
  static constexpr size_t kMost = 1 << 17;
  std::vector<double>& matrix_;
  const size_t n_;
  nn::Pool& pool_;
  std::vector<Turn> turns_;
};

// Turns three diagonals into one, and what `turns` is of with them, if there is something.
void Diagonalise(std::vector<double>& d, std::vector<double>& e, Turns* turns) {
  const size_t n = d.size();
  e.resize(n, 0.0);
  e[n - 1] = 0;
  for (size_t l = 0; l < n; ++l) {
    for (int round = 0; round < 60; ++round) {
      size_t m = l;
      while (m + 1 < n && std::abs(e[m]) > std::numeric_limits<double>::epsilon() *
                                               (std::abs(d[m]) + std::abs(d[m + 1])))
        ++m;
      if (m == l) break;
      double g = (d[l + 1] - d[l]) / (2 * e[l]);
      const double r = Length(g, 1);
      g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
      double sine = 1, cosine = 1, moved = 0;
      bool split = false;
      for (size_t i = m; i-- > l;) {
        const double f = sine * e[i], b = cosine * e[i];
        const double length = Length(f, g);
        e[i + 1] = length;
        if (length == 0) {
          d[i + 1] -= moved;
          e[m] = 0;
          split = true;
          break;
        }
        sine = f / length;
        cosine = g / length;
        g = d[i + 1] - moved;
        const double mixed = (d[i] - g) * sine + 2 * cosine * b;
        moved = sine * mixed;
        d[i + 1] = g + moved;
        g = cosine * mixed - b;
        if (turns != nullptr) turns->Add(i, sine, cosine);
      }
      if (split) continue;
      d[l] -= moved;
      e[l] = g;
      e[m] = 0;
    }
  }
  if (turns != nullptr) turns->Apply();
}

}  // namespace

Eigen SymmetricEigen(std::vector<double> a, size_t n, nn::Pool& pool) {
  Eigen found;
  if (n == 0) return found;
  std::vector<double> diagonal(n), beside(n, 0.0), vectors(n * n);
  Reduce(a, n, diagonal, beside, &vectors, pool);
  Turns turns(vectors, n, pool);
  Diagonalise(diagonal, beside, &turns);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t x, size_t y) { return diagonal[x] > diagonal[y]; });
  found.values.reserve(n);
  found.vectors.reserve(n * n);
  for (const size_t at : order) {
    found.values.push_back(diagonal[at]);
    found.vectors.insert(found.vectors.end(), &vectors[at * n], &vectors[at * n] + n);
  }
  return found;
}

std::vector<double> SymmetricValues(std::vector<double> a, size_t n, nn::Pool& pool) {
  std::vector<double> diagonal(n), beside(n, 0.0);
  if (n == 0) return diagonal;
  Reduce(a, n, diagonal, beside, nullptr, pool);
  Diagonalise(diagonal, beside, nullptr);
  std::sort(diagonal.begin(), diagonal.end(), std::greater<>());
  return diagonal;
}

}  // namespace retemper::lowrank
