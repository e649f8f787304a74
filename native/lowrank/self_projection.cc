#include "lowrank/self_projection.h"

#include <algorithm>
#include <cmath>

#include "core/divide_up.h"
#include "core/status.h"
#include "lowrank/thin_products.h"

namespace retemper::lowrank {

namespace {

// Rows that are made at a time, and columns of them that are widened at a time: a piece fits the
// first-level cache.
constexpr size_t kBand = 16;
constexpr size_t kPiece = 128;
// Sums over rows are taken in so many parts at most, each of whole bands, whatever the number of
// threads, so that the bits do not depend on it: at most 8 threads work in TransposedTimes.
constexpr size_t kParts = 8;

double Inner(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

// Passes over a large matrix, each with a thin one whose rows are filled up to whole groups.
class Passes {
 public:
  Passes(const MatrixRows& v, size_t groups, nn::Pool& pool, const std::atomic<bool>& cancelled)
      : v_(v),
        groups_(groups),
        pool_(pool),
        cancelled_(cancelled),
        memory_(pool.threads()),
        squares_(DivideUp(v.rows, kBand)) {}

  // v x [rows, groups].
  std::vector<double> Times(const std::vector<double>& x) {
    std::vector<double> out(v_.rows * Width(), 0.0);
    pool_.Run(squares_.size(), [&](size_t band, unsigned thread) {
      EachPiece(band, thread, [&](const double* piece, size_t rows, size_t first, size_t cols) {
        loops_.add_products({piece, rows, kPiece, cols, 1}, Rows(x, first),
                            &out[band * kBand * Width()], Width());
      });
    });
    return out;
  }

  // v^T x [cols, groups].
  std::vector<double> TransposedTimes(const std::vector<double>& x) {
    const size_t bands = squares_.size(), each = DivideUp(bands, kParts);
    std::vector<std::vector<double>> parts(DivideUp(bands, each));
    pool_.Run(parts.size(), [&](size_t part, unsigned thread) {
      std::vector<double>& sums = parts[part];
      sums.assign(v_.cols * Width(), 0.0);
      for (size_t band = part * each; band < std::min(bands, (part + 1) * each); ++band) {
        EachPiece(band, thread, [&](const double* piece, size_t rows, size_t first, size_t cols) {
          loops_.add_products({piece, cols, 1, rows, kPiece}, Rows(x, band * kBand),
                              &sums[first * Width()], Width());
        });
      }
    });
    for (size_t part = 1; part < parts.size(); ++part)
      for (size_t i = 0; i < parts[0].size(); ++i) parts[0][i] += parts[part][i];
    return std::move(parts[0]);
  }

  // |v|^2, after a pass.
  double Square() const {
    double sum = 0;
    for (const double square : squares_) sum += square;
    return sum;
  }

  // x^T y: both [count, groups].
  std::vector<double> Gram(const std::vector<double>& x, const std::vector<double>& y) const {
    std::vector<double> sums(Width() * Width(), 0.0);
    loops_.add_products({x.data(), Width(), 1, x.size() / Width(), Width()}, Rows(y, 0),
                        sums.data(), Width());
    return sums;
  }

 private:
  struct Memory {
    std::vector<float> rows;
    double piece[kBand * kPiece];
  };
  size_t Width() const { return groups_ * kGroup; }
  ThinRows Rows(const std::vector<double>& x, size_t first) const {
    return {&x[first * Width()], Width(), groups_};
  }

  // use(piece, rows, first column, columns) for the pieces of a band, [kBand, kPiece] each.
  template <class Use>
  void EachPiece(size_t band, unsigned thread, Use use) {
    if (cancelled_.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the projection was cancelled");
    Memory& memory = memory_[thread];
    const size_t rows = std::min(kBand, v_.rows - band * kBand);
    const float* made = v_.Rows(band * kBand, rows, memory.rows);
    double square = 0;
    for (size_t first = 0; first < v_.cols; first += kPiece) {
      const size_t cols = std::min(kPiece, v_.cols - first);
      for (size_t row = 0; row < rows; ++row)
        square += loops_.widen(made + row * v_.cols + first, cols, memory.piece + row * kPiece);
      use(memory.piece, rows, first, cols);
    }
    squares_[band] = square;
  }

  const MatrixRows& v_;
  const size_t groups_;
  nn::Pool& pool_;
  const std::atomic<bool>& cancelled_;
  const ThinLoops& loops_ = ChooseThinLoops();
  std::vector<Memory> memory_;
  std::vector<double> squares_;
};

}  // namespace

SelfProjected SelfProject(const MatrixRows& v, bool transposed, const float* b, const float* a,
                          size_t rank, double least, nn::Pool& pool,
                          const std::atomic<bool>& cancelled) {
  const size_t outputs = transposed ? v.cols : v.rows, inputs = transposed ? v.rows : v.cols;
  const size_t groups = DivideUp(rank, kGroup), width = groups * kGroup;
  Passes passes(v, groups, pool, cancelled);
  std::vector<double> before(outputs * width, 0.0), right(inputs * width, 0.0);
  for (size_t i = 0; i < outputs; ++i)
    for (size_t k = 0; k < rank; ++k) before[i * width + k] = b[i * rank + k];
  for (size_t k = 0; k < rank; ++k)
    for (size_t j = 0; j < inputs; ++j) right[j * width + k] = a[k * inputs + j];

  const std::vector<double> inner =
      transposed ? passes.Times(before) : passes.TransposedTimes(before);
  SelfProjected made;
  made.norm = std::sqrt(passes.Square());
  if (!std::isfinite(made.norm))
    throw Fault(code::kBadInput, "the difference of the models has NaN or infinite values");
  made.left.assign(outputs * rank, 0.0);
  if (made.norm < least) return made;
  std::vector<double> after = transposed ? passes.TransposedTimes(inner) : passes.Times(inner);
  for (double& value : after) value /= made.norm;
  for (size_t i = 0; i < outputs; ++i)
    for (size_t k = 0; k < rank; ++k) made.left[i * rank + k] = after[i * width + k];

  // <X A, Y A> is the inner product of X^T Y and A A^T.
  const std::vector<double> gram = passes.Gram(right, right);
  const auto dot = [&](const std::vector<double>& x, const std::vector<double>& y) {
    return Inner(passes.Gram(x, y), gram);
  };
  const double both = dot(after, before);
  const double lengths =
      std::sqrt(std::max(dot(after, after), 0.0)) * std::sqrt(std::max(dot(before, before), 0.0));
  made.cosine = lengths > 0 ? both / lengths : 0;
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!finite(both) || !finite(lengths) || !std::all_of(made.left.begin(), made.left.end(), finite))
    throw Fault(code::kBadInput, "the adapter has NaN or infinite values");
  return made;
}

}  // namespace retemper::lowrank
