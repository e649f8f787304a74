#include "lowrank/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "core/counter_rng.h"
#include "core/divide_up.h"
#include "lowrank/eigen_loops.h"

namespace retemper::lowrank {

namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// Not std::hypot: libraries differ in its last bit, and roots do not.
double Length(double x, double y) { return std::sqrt(x * x + y * y); }

// Columns that are reduced before the rest of the matrix is changed by all of them at once.
constexpr size_t kColumns = 16;
// Rows of the rest that one task changes: a multiple of the four that are computed at once.
constexpr size_t kRestRows = 32;

// `a` becomes three diagonals (`diagonal`, `beside` with n - 1 values) by reflections I - 2 v v^T,
// of which the v lie in its rows right of the diagonal: zeros where nothing had to be reflected.
class Reduction {
 public:
  Reduction(std::vector<double>& a, size_t n, nn::Pool& pool)
      : a_(a),
        n_(n),
        pool_(pool),
        stride_(n + 8),  // rows of a power of two lie in the same few places of a cache
        v_(kColumns * stride_, 0.0),
        w_(kColumns * stride_, 0.0) {}

  void Run(std::vector<double>& diagonal, std::vector<double>& beside) {
    for (size_t first = 0; first < n_; first += kColumns) {
      const size_t end = std::min(n_, first + kColumns);
      size_t kept = 0;  // pairs of this block: the last two rows need no reflection
      for (size_t k = first; k < end; ++k) {
        double* row = &a_[k * n_];
        TakeOut(row + k, k, kept);
        diagonal[k] = row[k];
        if (k + 1 == n_) break;
        beside[k] = k + 2 < n_ ? Reflection(row + k + 1, n_ - k - 1) : row[k + 1];
        if (k + 2 < n_) Keep(k, kept++);
      }
      const size_t rest = n_ - end;
      pool_.Run(DivideUp(rest, kRestRows), [&](size_t task, unsigned) {
        const size_t begin = end + task * kRestRows, last = std::min(n_, begin + kRestRows);
        for (size_t i = begin; i < last; i += 4) {
          loops_.take_pairs(&a_[i * n_ + i], n_, std::min<size_t>(4, last - i), n_ - i,
                            PairsAt(i, kept), PairsAt(i, kept));
        }
      });
    }
  }

 private:
  Pairs PairsAt(size_t column, size_t count) const {
    return {&v_[column], &w_[column], stride_, count};
  }

  // What the first `count` columns of the block change in row k.
  void TakeOut(double* row, size_t k, size_t count) const {
    loops_.take_pairs(row, n_, 1, n_ - k, PairsAt(k, count), PairsAt(k, count));
  }

  // Turns x into the unit vector v whose reflection leaves of x its first value only, which is
  // returned.
  double Reflection(double* x, size_t count) const {
    const double square = loops_.dot(x, x, count), length = std::sqrt(square);
    const double first = x[0], end = first > 0 ? -length : length;
    const double scale = square - first * end;  // half of the squared length of x - end e0
    if (!(scale > 0)) {
      std::fill_n(x, count, 0.0);
      return first;
    }
    x[0] -= end;
    const double unit = 1 / std::sqrt(2 * scale);
    for (size_t i = 0; i < count; ++i) x[i] *= unit;
    return end;
  }

  // The pair of v in row k: the reflected rest is the rest - v w^T - w v^T.
  void Keep(size_t k, size_t at) {
    const size_t begin = k + 1, m = n_ - begin;
    const double* v = &a_[k * n_ + begin];
    double* own = &v_[at * stride_];
    double* w = &w_[at * stride_];
    std::fill_n(own, begin, 0.0);
    std::copy_n(v, m, own + begin);
    std::fill_n(w, begin, 0.0);
    TimesRest(begin, v, w + begin);
    double by_v[kColumns], by_w[kColumns];
    for (size_t q = 0; q < at; ++q) {
      by_v[q] = loops_.dot(&v_[q * stride_ + begin], v, m);
      by_w[q] = loops_.dot(&w_[q * stride_ + begin], v, m);
    }
    loops_.take_pairs(w + begin, m, 1, m, PairsAt(begin, at), {by_v, by_w, 1, at});
    const double common = loops_.dot(v, w + begin, m);
    for (size_t i = 0; i < m; ++i) w[begin + i] = 2 * (w[begin + i] - common * v[i]);
  }

  // p = the rest of the matrix from row and column `begin` on, as it is before this block, times x.
  // Sums are taken in parts of about as many values each, which depend on the size only.
  void TimesRest(size_t begin, const double* x, double* p) {
    constexpr size_t kParts = 8, kLeast = 128;
    const size_t m = n_ - begin, parts = m < kLeast ? 1 : kParts;
    const auto row = [&](size_t part) {
      if (part == parts) return m;
      const double rest = 1 - static_cast<double>(part) / static_cast<double>(parts);
      return static_cast<size_t>(static_cast<double>(m) * (1 - std::sqrt(rest)));
    };
    sums_.resize(parts * m);
    pool_.Run(parts, [&](size_t part, unsigned) {
      const size_t first = row(part), last = row(part + 1);
      double* sums = &sums_[part * m];
      std::fill_n(sums + first, m - first, 0.0);
      loops_.add_upper(&a_[(begin + first) * n_ + begin + first], n_, last - first, m - first,
                       x + first, sums + first);
    });
    std::copy_n(sums_.data(), m, p);
    for (size_t part = 1; part < parts; ++part)
      for (size_t i = row(part); i < m; ++i) p[i] += sums_[part * m + i];
  }

  std::vector<double>& a_;
  const size_t n_;
  nn::Pool& pool_;
  const size_t stride_;
  std::vector<double> v_, w_, sums_;
  const EigenLoops& loops_ = ChooseEigenLoops();
};

// Turns three diagonals into one.
void Diagonalise(std::vector<double>& d, std::vector<double> e) {
  const size_t n = d.size();
  e[n - 1] = 0;
  for (size_t l = 0; l < n; ++l) {
    for (int round = 0; round < 60; ++round) {
      size_t m = l;
      while (m + 1 < n && std::abs(e[m]) > kEpsilon * (std::abs(d[m]) + std::abs(d[m + 1]))) ++m;
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
      }
      if (split) continue;
      d[l] -= moved;
      e[l] = g;
      e[m] = 0;
    }
  }
}

// Solves (T - value) x = b for three diagonals, by Gauss with exchanged neighbours. A pivot of zero
// becomes a next to nothing: what then grows is the eigenvector.
class Shifted {
 public:
  explicit Shifted(size_t n) : pivot_(n), next_(n), after_(n), times_(n), exchanged_(n) {}

  void Factor(const std::vector<double>& d, const std::vector<double>& e, double value,
              double least) {
    const size_t n = d.size();
    const auto pivot = [&](double p) { return std::abs(p) < least ? least : p; };
    double own = d[0] - value, right = n > 1 ? e[0] : 0;
    for (size_t i = 0; i + 1 < n; ++i) {
      const double below = e[i], diagonal = d[i + 1] - value, beside = i + 2 < n ? e[i + 1] : 0;
      exchanged_[i] = std::abs(own) < std::abs(below);
      if (exchanged_[i]) {
        pivot_[i] = below;
        next_[i] = diagonal;
        after_[i] = beside;
        times_[i] = own / below;
        own = right - times_[i] * diagonal;
        right = -times_[i] * beside;
      } else {
        pivot_[i] = pivot(own);
        next_[i] = right;
        after_[i] = 0;
        times_[i] = below / pivot_[i];
        own = diagonal - times_[i] * right;
        right = beside;
      }
    }
    pivot_[n - 1] = pivot(own);
  }

  void Solve(double* x) const {
    const size_t n = pivot_.size();
    for (size_t i = 0; i + 1 < n; ++i) {
      if (exchanged_[i]) std::swap(x[i], x[i + 1]);
      x[i + 1] -= times_[i] * x[i];
    }
    for (size_t i = n; i-- > 0;) {
      if (i + 1 < n) x[i] -= next_[i] * x[i + 1];
      if (i + 2 < n) x[i] -= after_[i] * x[i + 2];
      x[i] /= pivot_[i];
    }
  }

 private:
  std::vector<double> pivot_, next_, after_, times_;
  std::vector<char> exchanged_;
};

// Eigenvectors of three diagonals, one a row, for the first `count` of the sorted values.
std::vector<double> InverseIteration(std::vector<double> d, std::vector<double> e,
                                     const std::vector<double>& values, size_t count,
                                     nn::Pool& pool) {
  // Values that are nearer than this share of the largest: their vectors must be made orthogonal.
  constexpr double kNear = 1e-8;
  constexpr int kRounds = 3;
  const size_t n = d.size();
  const EigenLoops& loops = ChooseEigenLoops();
  const double most = std::max(std::abs(values.front()), std::abs(values.back()));
  const double scale = most > 0 ? 1 / most : 1;
  for (double& value : d) value *= scale;
  for (double& value : e) value *= scale;
  std::vector<size_t> groups;  // where each begins
  for (size_t k = 0; k < count; ++k)
    if (k == 0 || (values[k - 1] - values[k]) * scale > kNear) groups.push_back(k);
  groups.push_back(count);
  const RngKey key = MakeRngKey(0, "eigen", 0);
  std::vector<double> vectors(count * n);
  std::vector<Shifted> memory(pool.threads(), Shifted(n));
  pool.Run(groups.size() - 1, [&](size_t group, unsigned thread) {
    for (size_t k = groups[group]; k < groups[group + 1]; ++k) {
      double* x = &vectors[k * n];
      for (size_t i = 0; i < n; ++i) x[i] = DrawOne(key, k * n + i) / 4294967296.0 - 0.5;
      memory[thread].Factor(d, e, values[k] * scale, kEpsilon);
      for (int round = 0; round < kRounds; ++round) {
        memory[thread].Solve(x);
        for (int time = 0; time < 2; ++time) {
          const double unit = 1 / std::sqrt(loops.dot(x, x, n));
          for (size_t i = 0; i < n; ++i) x[i] *= unit;
          for (size_t other = groups[group]; other < k && time == 0; ++other) {
            const double* y = &vectors[other * n];
            const double dot = loops.dot(x, y, n);
            for (size_t i = 0; i < n; ++i) x[i] -= dot * y[i];
          }
        }
      }
    }
  });
  return vectors;
}

// Rows of `vectors` [count, n] by the reflections that lie in the rows of a, the last one first.
void TurnBack(const std::vector<double>& a, size_t n, std::vector<double>& vectors, size_t count,
              nn::Pool& pool) {
  const EigenLoops& loops = ChooseEigenLoops();
  pool.Run(DivideUp(count, kBandColumns), [&](size_t part, unsigned) {
    const size_t first = part * kBandColumns, some = std::min(kBandColumns, count - first);
    std::vector<double> band(n * kBandColumns, 0.0);
    for (size_t c = 0; c < some; ++c)
      for (size_t i = 0; i < n; ++i) band[i * kBandColumns + c] = vectors[(first + c) * n + i];
    for (size_t k = n < 2 ? 0 : n - 2; k-- > 0;)
      loops.reflect(&band[(k + 1) * kBandColumns], &a[k * n + k + 1], n - k - 1);
    for (size_t c = 0; c < some; ++c)
      for (size_t i = 0; i < n; ++i) vectors[(first + c) * n + i] = band[i * kBandColumns + c];
  });
}

}  // namespace

Eigen SymmetricEigen(std::vector<double> a, size_t n, const Wanted& wanted, nn::Pool& pool) {
  Eigen found;
  if (n == 0) return found;
  std::vector<double> diagonal(n), beside(n, 0.0);
  Reduction(a, n, pool).Run(diagonal, beside);
  found.values = diagonal;
  Diagonalise(found.values, beside);
  std::sort(found.values.begin(), found.values.end(), std::greater<>());
  const size_t count = wanted(found.values);
  if (count == 0) return found;
  found.vectors =
      InverseIteration(std::move(diagonal), std::move(beside), found.values, count, pool);
  TurnBack(a, n, found.vectors, count, pool);
  return found;
}

std::vector<double> SymmetricValues(std::vector<double> a, size_t n, nn::Pool& pool) {
  return SymmetricEigen(
             std::move(a), n, [](const std::vector<double>&) { return size_t{0}; }, pool)
      .values;
}

}  // namespace retemper::lowrank
