#include "lowrank/factorise.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "core/counter_rng.h"
#include "core/divide_up.h"
#include "core/status.h"
#include "lowrank/symmetric_eigen.h"
#include "lowrank/thin_products.h"

namespace retemper::lowrank {

namespace {

// A block that adds less than this share of what is missing is the last one.
constexpr double kEnough = 1e-6;
// What float32 makes of nothing, as a share of the squared norm.
constexpr double kNothing = 1e-13;
// A share of the squared norm that a walk through the matrix counts better than singular values do.
constexpr double kSmall = 0.01;

// Matrices of so many bytes at most are held while they are gone through; larger ones are made
// again for each pass.
constexpr size_t kHeldBytes = size_t{256} << 20;
// Rows that are made, or multiplied by a block and back again, at a time: they stay in a cache.
constexpr size_t kMadeRows = kBandRows;
// Rows whose sums are taken together.
constexpr size_t kSumRows = 256;

// The matrix in bands of rows.
class Bands {
 public:
  Bands(const MatrixRows& d, nn::Pool& pool) : d_(d), pool_(pool) {
    if (d.data != nullptr || d.rows * d.cols * sizeof(float) <= kHeldBytes) {
      held_.emplace(d, pool);
    } else {
      band_ = std::make_unique_for_overwrite<float[]>(kMadeRows * d.cols);
    }
  }
  size_t rows() const { return d_.rows; }
  size_t cols() const { return d_.cols; }

  // use(band, its first row), one after the other.
  template <class Use>
  void Each(Use use) {
    if (held_) return use(held_->View(), size_t{0});
    for (size_t first = 0; first < d_.rows; first += kMadeRows) {
      const size_t count = std::min(kMadeRows, d_.rows - first);
      d_.Fill(first, count, band_.get(), pool_);
      use(Dense{band_.get(), count, d_.cols}, first);
    }
  }

  // The squared norm of the matrix without left [rows, rank] x right [rank, cols].
  double SquaredRest(const float* left, const float* right, size_t rank) {
    double total = 0;
    Each([&](const Dense& band, size_t first) {
      total += lowrank::SquaredRest(band, left + first * rank, right, rank, pool_);
    });
    return total;
  }

 private:
  const MatrixRows& d_;
  nn::Pool& pool_;
  std::optional<HeldMatrix> held_;
  std::unique_ptr<float[]> band_;
};

// Columns of float64 values that grow in number, row by row with room for all, and for a group
// that begins at the last one.
struct Columns {
  Columns(size_t rows_, size_t room_)
      : rows(rows_), stride(RoundUp(room_, kGroup) + kGroup), values(rows_ * stride, 0.0) {}
  double* Row(size_t row) { return values.data() + row * stride; }
  const double* Row(size_t row) const { return values.data() + row * stride; }
  size_t rows, stride, count = 0;
  std::vector<double> values;
};

// Columns [first, first + count) of the given rows in groups of float32, as products take them.
std::vector<float> Pack(const Columns& c, size_t first, size_t count, size_t first_row,
                        size_t rows) {
  std::vector<float> packed(Panels(count) * rows * kPanel, 0.0f);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < count; ++i) {
      packed[(i / kPanel * rows + row) * kPanel + i % kPanel] =
          static_cast<float>(c.Row(first_row + row)[first + i]);
    }
  }
  return packed;
}

// Behind the columns that there are, for `rows` rows from a row on.
void Unpack(const std::vector<float>& packed, size_t count, Columns& to, size_t first_row,
            size_t rows) {
  for (size_t row = 0; row < rows; ++row) {
    double* out = to.Row(first_row + row) + to.count;
    for (size_t i = 0; i < count; ++i)
      out[i] = packed[(i / kPanel * rows + row) * kPanel + i % kPanel];
  }
}

// body(first row, end) for blocks of kSumRows rows.
template <class Body>
void InBlocks(size_t rows, nn::Pool& pool, Body body) {
  pool.Run(DivideUp(rows, kSumRows), [&](size_t block, unsigned) {
    body(block * kSumRows, std::min(rows, (block + 1) * kSumRows));
  });
}

// sums[i, j] = column a_first + i of a . column first + j of b: rows of whole groups. Parts of the
// rows are summed apart, as many as the shape says.
std::vector<double> Dots(const Columns& a, size_t a_first, size_t a_count, const Columns& b,
                         size_t first, size_t count, nn::Pool& pool) {
  constexpr size_t kMostSums = size_t{2} << 20, kLines = 64;
  const ThinLoops& loops = ChooseThinLoops();
  const size_t groups = DivideUp(count, kGroup), width = groups * kGroup, all = a_count * width;
  const size_t most = std::max<size_t>(1, kMostSums / all);
  const size_t each = RoundUp(DivideUp(a.rows, most), kSumRows), parts = DivideUp(a.rows, each);
  const size_t tasks = DivideUp(a_count, kLines);
  std::vector<double> sums(parts * all, 0.0);
  pool.Run(parts * tasks, [&](size_t task, unsigned) {
    const size_t part = task / tasks, line = task % tasks * kLines;
    for (size_t row = part * each; row < std::min(a.rows, (part + 1) * each); row += kSumRows) {
      const size_t rows = std::min({kSumRows, a.rows - row, (part + 1) * each - row});
      loops.add_products(
          {a.Row(row) + a_first + line, std::min(kLines, a_count - line), 1, rows, a.stride},
          {b.Row(row) + first, b.stride, groups}, &sums[part * all + line * width], width);
    }
  });
  for (size_t part = 1; part < parts; ++part)
    for (size_t i = 0; i < all; ++i) sums[i] += sums[part * all + i];
  sums.resize(all);
  return sums;
}

// Takes out of columns [first, first + count) of b what they have of those of a.
void TakeOut(const Columns& a, Columns& b, size_t first, size_t count, nn::Pool& pool) {
  const size_t taken = a.count;
  if (taken == 0) return;
  std::vector<double> sums = Dots(a, 0, taken, b, first, count, pool);
  for (double& sum : sums) sum = -sum;
  const size_t groups = DivideUp(count, kGroup);
  InBlocks(b.rows, pool, [&](size_t begin, size_t end) {
    ChooseThinLoops().add_products({a.Row(begin), end - begin, a.stride, taken, 1},
                                   {sums.data(), groups * kGroup, groups}, b.Row(begin) + first,
                                   b.stride);
  });
}

// What makes columns orthonormal: column k of x t is one of them, for x of whose dots with each
// other `gram` [count, width] is. Columns that are sums of those before them, or less than `least`,
// are left out. Cholesky's factors, inverted.
struct Triangle {
  std::vector<double> t;  // [count, width]
  size_t kept = 0;
};
Triangle Orthogonalising(const std::vector<double>& gram, size_t count, size_t width,
                         const std::vector<double>& least) {
  constexpr double kCertain = 1e-13;  // of a square: what rounding of `gram` leaves of nothing
  Triangle made{std::vector<double>(count * width, 0.0), 0};
  std::vector<std::vector<double>> columns;  // of t
  for (size_t i = 0; i < count; ++i) {
    // The column as it is without those that were kept: e_i - sum of (q_k . x_i) t_k.
    double square = gram[i * width + i];
    std::vector<double> own(count, 0.0);
    own[i] = 1;
    for (const std::vector<double>& other : columns) {
      double dot = 0;
      for (size_t m = 0; m <= i; ++m) dot += other[m] * gram[m * width + i];
      square -= dot * dot;
      for (size_t m = 0; m < i; ++m) own[m] -= dot * other[m];
    }
    if (!(square > kCertain * gram[i * width + i]) || !(square > least[i])) continue;
    const double length = std::sqrt(square);
    for (double& value : own) value /= length;
    for (size_t m = 0; m <= i; ++m) made.t[m * width + made.kept] = own[m];
    ++made.kept;
    columns.push_back(std::move(own));
  }
  return made;
}

// Makes the `count` columns behind those of `c` orthonormal, to each other and to them, and takes
// them in; those that are sums of others are left out. Everything twice ("twice is enough": Giraud
// et al., Numerische Mathematik 101, 2005; Yamamoto et al., "Roundoff error analysis of the
// CholeskyQR2 algorithm", ETNA 44, 2015). Returns how many were taken in.
size_t Orthonormalise(Columns& c, size_t count, nn::Pool& pool) {
  const size_t first = c.count, groups = DivideUp(count, kGroup), width = groups * kGroup;
  const auto own_dots = [&] { return Dots(c, first, count, c, first, count, pool); };
  std::vector<double> least = own_dots();
  double largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, least[i] = least[i * width + i]);
  for (size_t i = 0; i < count; ++i) least[i] = std::max(1e-14 * least[i], 1e-24 * largest);
  TakeOut(c, c, first, count, pool);
  TakeOut(c, c, first, count, pool);
  for (int time = 0; time < 2; ++time) {
    const Triangle triangle = Orthogonalising(own_dots(), count, width, least);
    InBlocks(c.rows, pool, [&](size_t begin, size_t end) {
      std::vector<double> made((end - begin) * width, 0.0);
      ChooseThinLoops().add_products({c.Row(begin) + first, end - begin, c.stride, count, 1},
                                     {triangle.t.data(), width, groups}, made.data(), width);
      for (size_t row = begin; row < end; ++row)
        std::copy_n(&made[(row - begin) * width], count, c.Row(row) + first);
    });
    count = triangle.kept;
    least.assign(count, 0.0);
  }
  c.count += count;
  return count;
}

// A space of vectors on the matrix's shorter side, and the products with them on the longer one.
class Space {
 public:
  Space(Bands& d, size_t room, nn::Pool& pool)
      : d_(d),
        tall_(d.rows() >= d.cols()),
        pool_(pool),
        small(std::min(d.rows(), d.cols()), room),
        large(std::max(d.rows(), d.cols()), room) {}

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
    Product(small, 0, small.rows, tall_, large);
    Multiplied(0, small.rows);
  }

  // The next block: what the matrix and its transpose make of the last one. False where that is
  // nothing new.
  bool Grow() {
    if (tall_) {
      Unpack(back_, last_, small, 0, small.rows);
    } else {
      Product(large, large.count - last_, last_, true, small);
    }
    return Take(last_);
  }

  // The squared singular values of the matrix within the space, and where the first `most` lie.
  Eigen Solve(size_t most) const {
    const auto wanted = [&](const std::vector<double>& all) { return std::min(most, all.size()); };
    return SymmetricEigen(gram_, small.count, wanted, pool_);
  }
  std::vector<double> Squares() const { return SymmetricValues(gram_, small.count, pool_); }

 private:
  bool Take(size_t block) {
    const size_t first = small.count;
    const size_t taken = Orthonormalise(small, block, pool_);
    if (taken == 0) return false;
    if (tall_) {
      ThereAndBack(first, taken);
    } else {
      Product(small, first, taken, false, large);
    }
    Multiplied(first, taken);
    return true;
  }

  // The products of a tall matrix with columns of `small`, behind those of `large`, and what its
  // transpose makes of them: in one walk through the matrix, a few rows at a time.
  void ThereAndBack(size_t first, size_t count) {
    const std::vector<float> packed = Pack(small, first, count, 0, small.rows);
    std::vector<float> product(Panels(count) * kMadeRows * kPanel);
    back_.assign(Panels(count) * small.rows * kPanel, 0.0f);
    d_.Each([&](const Dense& band, size_t first_row) {
      for (size_t row = 0; row < band.rows; row += kMadeRows) {
        const size_t rows = std::min(kMadeRows, band.rows - row);
        const Dense part = {band.data + row * band.cols, rows, band.cols};
        Times(part, packed.data(), count, product.data(), pool_);
        Unpack(product, count, large, first_row + row, rows);
        AddTransposedTimes(part, product.data(), count, back_.data(), pool_);
      }
    });
  }

  // What the matrix, or its transpose, makes of columns of x, behind the columns of `to`.
  void Product(const Columns& x, size_t first, size_t count, bool straight, Columns& to) {
    std::vector<float> product(straight ? 0 : Panels(count) * to.rows * kPanel, 0.0f);
    const std::vector<float> all =
        straight ? Pack(x, first, count, 0, x.rows) : std::vector<float>();
    d_.Each([&](const Dense& band, size_t row) {
      if (!straight) {
        const std::vector<float> packed = Pack(x, first, count, row, band.rows);
        return AddTransposedTimes(band, packed.data(), count, product.data(), pool_);
      }
      product.resize(Panels(count) * band.rows * kPanel);
      Times(band, all.data(), count, product.data(), pool_);
      Unpack(product, count, to, row, band.rows);
    });
    if (!straight) Unpack(product, count, to, 0, to.rows);
  }

  // Takes in the products of `count` columns of `small`.
  void Multiplied(size_t first, size_t count) {
    large.count += count;
    last_ = count;
    const std::vector<double> dots = Dots(large, 0, large.count, large, first, count, pool_);
    const size_t width = RoundUp(count, kGroup);
    std::vector<double> gram(large.count * large.count);
    for (size_t i = 0; i < first; ++i)
      std::copy_n(&gram_[i * first], first, &gram[i * large.count]);
    for (size_t i = 0; i < large.count; ++i) {
      for (size_t j = 0; j < count; ++j) {
        gram[i * large.count + first + j] = gram[(first + j) * large.count + i] =
            dots[i * width + j];
      }
    }
    gram_ = std::move(gram);
  }

  Bands& d_;
  const bool tall_;
  nn::Pool& pool_;
  size_t last_ = 0;
  std::vector<double> gram_;
  std::vector<float> back_;

 public:
  Columns small, large;
  bool tall() const { return tall_; }
};

// rows x rank values: columns of c times those of the eigenvectors, each times its scale.
std::vector<float> Combined(const Columns& c, const Eigen& eigen, size_t rank,
                            const std::vector<double>& scales, nn::Pool& pool) {
  const size_t groups = DivideUp(rank, kGroup), width = groups * kGroup;
  std::vector<float> out(c.rows * rank);
  std::vector<double> turned(c.count * width, 0.0);
  for (size_t k = 0; k < rank; ++k)
    for (size_t i = 0; i < c.count; ++i)
      turned[i * width + k] = eigen.vectors[k * c.count + i] * scales[k];
  InBlocks(c.rows, pool, [&](size_t begin, size_t end) {
    std::vector<double> made((end - begin) * width, 0.0);
    ChooseThinLoops().add_products({c.Row(begin), end - begin, c.stride, c.count, 1},
                                   {turned.data(), width, groups}, made.data(), width);
    for (size_t row = begin; row < end; ++row)
      std::copy_n(&made[(row - begin) * width], rank, &out[row * rank]);
  });
  return out;
}

// The matrix itself and the identity: a rank as high as the shorter side.
void FillWhole(const MatrixRows& d, Factored& made, nn::Pool& pool) {
  const bool tall = d.rows >= d.cols;
  made.rank = std::min(d.rows, d.cols);
  std::vector<float>& whole = tall ? made.left : made.right;
  std::vector<float>& unit = tall ? made.right : made.left;
  whole.resize(d.rows * d.cols);
  d.Fill(0, d.rows, whole.data(), pool);
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

Factored Factorise(const MatrixRows& d, size_t rank, std::optional<double> energy, nn::Pool& pool,
                   const std::atomic<bool>& cancelled) {
  const auto check = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the approximation was cancelled");
  };
  Factored made;
  Bands bands(d, pool);
  made.square = bands.SquaredRest(nullptr, nullptr, 0);
  if (!std::isfinite(made.square))
    throw Fault(code::kBadInput, "the change has NaN or infinite values");
  if (made.square == 0) return made;
  const size_t side = std::min(d.rows, d.cols);
  const size_t most = std::min(rank, side);
  if (most == side && !energy) {
    FillWhole(d, made, pool);
    return made;
  }
  const size_t block = std::min<size_t>({side, 64, RoundUp(most + 8, kPanel)});
  // Narrow blocks get further in as many columns, so that fewer of them are enough. Noise fills the
  // room: there each block costs two walks through the matrix, and what more of them would find is
  // a few parts in ten thousand of what V_k leaves.
  const size_t room = std::min(side, 3 * most + 5 * block);
  const bool whole = side <= 4 * most + std::max<size_t>(8 * block, 160);  // as cheap
  Space space(bands, whole ? side : room, pool);
  check();
  if (whole) {
    space.BeginWhole();
  } else {
    space.Begin(block);
    double before = 0;
    for (;;) {
      check();
      const double kept = Largest(space.Squares(), most);
      const double missing = std::max(made.square - kept, kNothing * made.square);
      const bool grown = space.small.count >= most && before > 0;
      if (grown && kept - before <= kEnough * missing) break;
      before = kept;
      if (space.small.count + block > room || !space.Grow()) break;
    }
  }
  check();
  const Eigen eigen = space.Solve(most);
  const size_t found = std::min(most, eigen.values.size());
  made.rank = RankOf(eigen.values, found, energy, made.square);
  std::vector<double> up(made.rank), down(made.rank);
  for (size_t k = 0; k < made.rank; ++k) {
    up[k] = std::sqrt(std::sqrt(std::max(eigen.values[k], 0.0)));
    down[k] = up[k] > 0 ? 1 / up[k] : 0;
  }
  std::vector<float> small = Combined(space.small, eigen, made.rank, up, pool);
  std::vector<float> large = Combined(space.large, eigen, made.rank, down, pool);
  made.left = std::move(space.tall() ? large : small);
  const std::vector<float>& right = space.tall() ? small : large;
  made.right.resize(right.size());
  for (size_t column = 0; column < d.cols; ++column)
    for (size_t k = 0; k < made.rank; ++k)
      made.right[k * d.cols + column] = right[column * made.rank + k];
  // By the singular values, where that is no small difference of large numbers.
  made.lost = made.square - Largest(eigen.values, made.rank);
  if (made.lost < kSmall * made.square)
    made.lost = bands.SquaredRest(made.left.data(), made.right.data(), made.rank);
  return made;
}

}  // namespace retemper::lowrank
