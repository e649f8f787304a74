#include "lowrank/factorise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/counter_rng.h"
#include "core/status.h"
#include "lowrank/symmetric_eigen.h"

namespace retemper::lowrank {

namespace {

// A block that adds less than this share of what is missing is the last one.
constexpr double kEnough = 1e-6;
// What float32 makes of nothing, as a share of the squared norm.
constexpr double kNothing = 1e-13;

// Columns of float64 values that grow in number, row by row with room for all.
struct Columns {
  Columns(size_t rows_, size_t room_) : rows(rows_), room(room_), values(rows_ * room_, 0.0) {}
  double* Row(size_t row) { return values.data() + row * room; }
  const double* Row(size_t row) const { return values.data() + row * room; }
  size_t rows, room, count = 0;
  std::vector<double> values;
};

// Columns [first, first + count) in groups of float32, as products take them.
std::vector<float> Pack(const Columns& c, size_t first, size_t count) {
  std::vector<float> packed(Panels(count) * c.rows * kPanel, 0.0f);
  for (size_t row = 0; row < c.rows; ++row) {
    for (size_t i = 0; i < count; ++i) {
      packed[(i / kPanel * c.rows + row) * kPanel + i % kPanel] =
          static_cast<float>(c.Row(row)[first + i]);
    }
  }
  return packed;
}

void Unpack(const std::vector<float>& packed, size_t count, Columns& to) {
  for (size_t row = 0; row < to.rows; ++row) {
    for (size_t i = 0; i < count; ++i)
      to.Row(row)[to.count + i] = packed[(i / kPanel * to.rows + row) * kPanel + i % kPanel];
  }
}

// sums[i, j] = column i of a . column first + j of b, for all i < a.count.
std::vector<double> Dots(const Columns& a, const Columns& b, size_t first, size_t count,
                         nn::Pool& pool) {
  std::vector<double> sums(a.count * count, 0.0);
  constexpr size_t kEach = 8;
  pool.Run((a.count + kEach - 1) / kEach, [&](size_t task, unsigned) {
    const size_t end = std::min(a.count, (task + 1) * kEach);
    for (size_t row = 0; row < a.rows; ++row) {
      const double* y = b.Row(row) + first;
      for (size_t i = task * kEach; i < end; ++i) {
        const double x = a.Row(row)[i];
        double* sum = &sums[i * count];
        for (size_t j = 0; j < count; ++j) sum[j] += x * y[j];
      }
    }
  });
  return sums;
}

// Takes out of columns [first, first + count) of b what they have of those of a.
void TakeOut(const Columns& a, Columns& b, size_t first, size_t count, nn::Pool& pool) {
  const std::vector<double> sums = Dots(a, b, first, count, pool);
  constexpr size_t kEach = 64;
  pool.Run((b.rows + kEach - 1) / kEach, [&](size_t task, unsigned) {
    for (size_t row = task * kEach; row < std::min(b.rows, (task + 1) * kEach); ++row) {
      double* y = b.Row(row) + first;
      for (size_t i = 0; i < a.count; ++i) {
        const double x = a.Row(row)[i];
        const double* sum = &sums[i * count];
        for (size_t j = 0; j < count; ++j) y[j] -= x * sum[j];
      }
    }
  });
}

double Norm(const Columns& c, size_t column) {
  double square = 0;
  for (size_t row = 0; row < c.rows; ++row) square += c.Row(row)[column] * c.Row(row)[column];
  return std::sqrt(square);
}

// Makes the `count` columns behind those of `c` orthonormal, to each other and to them, and takes
// them in; those that are sums of others are left out. Gram and Schmidt, twice ("twice is enough":
// Giraud et al., Numerische Mathematik 101, 2005). Returns how many were taken in.
size_t Orthonormalise(Columns& c, size_t count, nn::Pool& pool) {
  const size_t first = c.count;
  std::vector<double> before(count);
  double largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, before[i] = Norm(c, first + i));
  TakeOut(c, c, first, count, pool);
  TakeOut(c, c, first, count, pool);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = first + i, to = c.count;
    for (int time = 0; time < 2; ++time) {
      std::vector<double> parts(to - first, 0.0);
      for (size_t row = 0; row < c.rows; ++row) {
        const double* x = c.Row(row);
        for (size_t k = first; k < to; ++k) parts[k - first] += x[k] * x[at];
      }
      for (size_t row = 0; row < c.rows; ++row) {
        double* x = c.Row(row);
        for (size_t k = first; k < to; ++k) x[at] -= parts[k - first] * x[k];
      }
    }
    const double norm = Norm(c, at);
    if (!(norm > 1e-7 * before[i]) || !(norm > 1e-12 * largest)) continue;
    for (size_t row = 0; row < c.rows; ++row) c.Row(row)[to] = c.Row(row)[at] / norm;
    ++c.count;
  }
  return c.count - first;
}

// A space of vectors on the matrix's shorter side, and the products with them on the longer one.
class Space {
 public:
  Space(const Dense& d, size_t room, nn::Pool& pool)
      : d_(d),
        tall_(d.rows >= d.cols),
        pool_(pool),
        small(tall_ ? d.cols : d.rows, room),
        large(tall_ ? d.rows : d.cols, room) {}

  void Begin(size_t block) {
    const RngKey key = MakeRngKey(0, "lowrank", 0);
    for (size_t row = 0; row < small.rows; ++row) {
      for (size_t i = 0; i < block; ++i) {
        small.Row(row)[i] = static_cast<double>(DrawOne(key, row * block + i)) / 4294967296.0 - 0.5;
      }
    }
    Take(block);
  }

  // The whole shorter side.
  void BeginWhole() {
    for (size_t row = 0; row < small.rows; ++row) small.Row(row)[row] = 1;
    small.count = small.rows;
    Multiply(0, small.rows);
  }

  // The next block: what the matrix and its transpose make of the last one. False where that is
  // nothing new.
  bool Grow() {
    Columns turned(large.rows, last_);
    for (size_t row = 0; row < large.rows; ++row)
      std::copy_n(large.Row(row) + large.count - last_, last_, turned.Row(row));
    const size_t block = Orthonormalise(turned, last_, pool_);
    if (block == 0) return false;
    const std::vector<float> packed = Pack(turned, 0, block);
    std::vector<float> back(Panels(block) * small.rows * kPanel);
    if (tall_) {
      TransposedTimes(d_, packed.data(), block, back.data(), pool_);
    } else {
      Times(d_, packed.data(), block, back.data(), pool_);
    }
    Unpack(back, block, small);
    return Take(block);
  }

  // The squared singular values of the matrix within the space.
  Eigen Solve() const { return SymmetricEigen(gram_, small.count, pool_); }

 private:
  bool Take(size_t block) {
    const size_t first = small.count;
    const size_t taken = Orthonormalise(small, block, pool_);
    if (taken == 0) return false;
    Multiply(first, taken);
    return true;
  }

  void Multiply(size_t first, size_t count) {
    const std::vector<float> packed = Pack(small, first, count);
    std::vector<float> product(Panels(count) * large.rows * kPanel);
    if (tall_) {
      Times(d_, packed.data(), count, product.data(), pool_);
    } else {
      TransposedTimes(d_, packed.data(), count, product.data(), pool_);
    }
    Unpack(product, count, large);
    large.count += count;
    last_ = count;
    const std::vector<double> dots = Dots(large, large, first, count, pool_);
    std::vector<double> gram(large.count * large.count);
    for (size_t i = 0; i < first; ++i)
      std::copy_n(&gram_[i * first], first, &gram[i * large.count]);
    for (size_t i = 0; i < large.count; ++i) {
      for (size_t j = 0; j < count; ++j) {
        gram[i * large.count + first + j] = gram[(first + j) * large.count + i] =
            dots[i * count + j];
      }
    }
    gram_ = std::move(gram);
  }

  const Dense& d_;
  const bool tall_;
  nn::Pool& pool_;
  size_t last_ = 0;
  std::vector<double> gram_;

 public:
  Columns small, large;
  bool tall() const { return tall_; }
};

// rows x rank values: columns of c times those of the eigenvectors, each times its scale.
std::vector<double> Combined(const Columns& c, const Eigen& eigen, size_t rank,
                             const std::vector<double>& scales, nn::Pool& pool) {
  std::vector<double> out(c.rows * rank, 0.0);
  std::vector<double> turned(c.count * rank);
  for (size_t k = 0; k < rank; ++k)
    for (size_t i = 0; i < c.count; ++i)
      turned[i * rank + k] = eigen.vectors[k * c.count + i] * scales[k];
  constexpr size_t kEach = 64;
  pool.Run((c.rows + kEach - 1) / kEach, [&](size_t task, unsigned) {
    for (size_t row = task * kEach; row < std::min(c.rows, (task + 1) * kEach); ++row) {
      double* to = &out[row * rank];
      for (size_t i = 0; i < c.count; ++i) {
        const double x = c.Row(row)[i];
        for (size_t k = 0; k < rank; ++k) to[k] += x * turned[i * rank + k];
      }
    }
  });
  return out;
}

// The matrix itself and the identity: a rank as high as the shorter side.
void FillWhole(const Dense& d, Factored& made) {
  const bool tall = d.rows >= d.cols;
  made.rank = std::min(d.rows, d.cols);
  std::vector<float>& whole = tall ? made.left : made.right;
  std::vector<float>& unit = tall ? made.right : made.left;
  whole.assign(d.data, d.data + d.rows * d.cols);
  unit.assign(made.rank * made.rank, 0.0f);
  for (size_t i = 0; i < made.rank; ++i) unit[i * made.rank + i] = 1;
}

// How many of the largest squared singular values are kept.
size_t RankOf(const std::vector<double>& squares, size_t most, std::optional<double> energy,
              double total) {
  size_t rank = 0;
  double kept = 0;
  while (rank < most && squares[rank] > kNothing * total) {
    if (energy && rank > 0 && kept >= *energy * total) break;
    kept += squares[rank++];
  }
  return std::max<size_t>(rank, 1);
}

double Largest(const std::vector<double>& values, size_t count) {
  return std::accumulate(
      values.begin(), values.begin() + static_cast<std::ptrdiff_t>(std::min(count, values.size())),
      0.0);
}

}  // namespace

Factored Factorise(const Dense& d, size_t rank, std::optional<double> energy, nn::Pool& pool,
                   const std::atomic<bool>& cancelled) {
  const auto check = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the approximation was cancelled");
  };
  Factored made;
  made.square = SquaredRest(d, nullptr, nullptr, 0, pool);
  if (!std::isfinite(made.square))
    throw Fault(code::kBadInput, "the change has NaN or infinite values");
  if (made.square == 0) return made;
  const size_t side = std::min(d.rows, d.cols);
  const size_t most = std::min(rank, side);
  if (most == side && !energy) {
    FillWhole(d, made);
    return made;
  }
  const size_t block = std::min<size_t>({side, 64, (most + 8 + kPanel) / kPanel * kPanel});
  const size_t room = std::min(side, 3 * most + 6 * block);
  const bool whole = 5 * room >= 4 * side;
  Space space(d, whole ? side : room, pool);
  check();
  if (whole) {
    space.BeginWhole();
  } else {
    space.Begin(block);
    double before = 0;
    for (;;) {
      check();
      const double kept = Largest(space.Solve().values, most);
      const double missing = std::max(made.square - kept, kNothing * made.square);
      const bool grown = space.small.count >= most && before > 0;
      if (grown && kept - before <= kEnough * missing) break;
      before = kept;
      if (space.small.count + block > room || !space.Grow()) break;
    }
  }
  check();
  const Eigen eigen = space.Solve();
  const size_t found = std::min(most, eigen.values.size());
  made.rank = RankOf(eigen.values, found, energy, made.square);
  std::vector<double> up(made.rank), down(made.rank);
  for (size_t k = 0; k < made.rank; ++k) {
    up[k] = std::sqrt(std::sqrt(std::max(eigen.values[k], 0.0)));
    down[k] = up[k] > 0 ? 1 / up[k] : 0;
  }
  const std::vector<double> small = Combined(space.small, eigen, made.rank, up, pool);
  const std::vector<double> large = Combined(space.large, eigen, made.rank, down, pool);
  const std::vector<double>& left = space.tall() ? large : small;
  const std::vector<double>& right = space.tall() ? small : large;
  made.left.assign(left.begin(), left.end());
  made.right.resize(right.size());
  for (size_t column = 0; column < d.cols; ++column)
    for (size_t k = 0; k < made.rank; ++k)
      made.right[k * d.cols + column] = static_cast<float>(right[column * made.rank + k]);
  made.lost = SquaredRest(d, made.left.data(), made.right.data(), made.rank, pool);
  return made;
}

}  // namespace retemper::lowrank
