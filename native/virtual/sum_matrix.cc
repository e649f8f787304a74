#include "virtual/sum_matrix.h"

#include <algorithm>

namespace retemper {
namespace {

// Finds or adds a matrix; the place of its factor.
size_t PlaceOf(std::vector<nn::Matrix>& matrices, const nn::Matrix& matrix) {
  for (size_t i = 0; i < matrices.size(); ++i) {
    if (matrices[i].data == matrix.data) return i;
  }
  matrices.push_back(matrix);
  return matrices.size() - 1;
}

// y += factor x
void AddScaled(float factor, const float* x, size_t n, float* y) {
  for (size_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

}  // namespace

std::optional<SumOfProducts> SumOfProducts::Of(const VirtualTensors& tensors,
                                               const nn::StoredRange& range, bool in_major) {
  SumOfProducts sum;
  const size_t out = in_major ? range.cols : range.rows, in = in_major ? range.rows : range.cols;
  struct Factor {
    bool term;
    size_t place;
    double value;
  };
  std::vector<std::vector<Factor>> factors;
  for (const Made& made : tensors.MadeBy(range.tensor)) {
    const Task& task = tensors.task(made.task);
    const std::optional<std::vector<double>> of_sources = task.Factors(made.variant);
    if (!of_sources) return std::nullopt;
    std::vector<Factor>& own = factors.emplace_back();
    for (size_t i = 0; i < of_sources->size(); ++i) {
      const double factor = (*of_sources)[i];
      if (factor == 0) continue;
      const Source& source = task.spec.sources[i];
      const Part& part = source.parts[0];
      if (source.gather || part.add) return std::nullopt;
      if (part.cast_to && (part.low_rank || *part.cast_to != part.range.dtype)) return std::nullopt;
      const std::optional<nn::Matrix> matrix =
          StoredAsItIs(tensors, part.range, out, in, in_major, range.first_row);
      if (!matrix) return std::nullopt;
      own.push_back({false, PlaceOf(sum.matrices, *matrix), factor});
      if (!part.low_rank) continue;
      // W = left right; of a matrix [in, out], x W = (x left) right.
      const LowRank& low = *part.low_rank;
      if (low.groups != 0) return std::nullopt;
      if (low.magnitude || part.rows != task.spec.FirstDim()) return std::nullopt;
      if (in_major ? range.first_row != 0 : low.left_transposed && range.first_row != 0)
        return std::nullopt;
      const Range& first = in_major ? low.left : low.right;
      const Range& second = in_major ? low.right : low.left;
      const bool first_turned = in_major ? !low.left_transposed : low.right_transposed;
      const bool second_turned = in_major ? !low.right_transposed : low.left_transposed;
      const auto right = StoredAsItIs(tensors, first, low.rank, in, first_turned, 0);
      const auto left = StoredAsItIs(tensors, second, out, low.rank, second_turned,
                                     in_major ? 0 : range.first_row);
      if (!right || !left) return std::nullopt;
      size_t place = 0;
      while (place < sum.terms.size() && (sum.terms[place].right.data != right->data ||
                                          sum.terms[place].left.data != left->data)) {
        ++place;
      }
      if (place == sum.terms.size()) sum.terms.push_back({*right, *left});
      own.push_back({true, place, factor * low.scale});
    }
  }
  for (const std::vector<Factor>& own : factors) {
    std::vector<double> all(sum.matrices.size() + sum.terms.size(), 0.0);
    for (const Factor& factor : own) {
      all[factor.place + (factor.term ? sum.matrices.size() : 0)] += factor.value;
    }
    sum.factors.emplace_back(all.begin(), all.end());
  }
  return sum;
}

void SumMatrix::Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                         size_t rows, const uint32_t* variants, float* y, size_t y_stride) const {
  if (rows == 0) return;
  const size_t n = out(), matrices = sum_.matrices.size(), terms = sum_.terms.size();
  const auto variant = [&](size_t row) { return variants == nullptr ? 0 : variants[row]; };
  // One product lands in its place; others are added to it.
  ProductScratch& scratch = made_->tensors().scratch();
  const size_t others = std::max<size_t>(matrices, 1) - 1 + (terms > 0 ? 1 : 0);
  auto* products = reinterpret_cast<float*>(
      scratch.products.Reserve(std::max<size_t>(1, others * rows * n) * sizeof(float)));
  size_t ranks = 0;
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) ranks += term.right.out;
  auto* inner = reinterpret_cast<float*>(
      scratch.terms.Reserve(std::max<size_t>(1, rows * ranks) * sizeof(float)));
  std::vector<nn::Linear> layers;
  for (size_t m = 0; m < matrices; ++m) {
    float* to = m == 0 ? y : products + (m - 1) * rows * n;
    layers.push_back({sum_.matrices[m], nullptr, to, m == 0 ? y_stride : n});
  }
  size_t at = 0;
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) {
    layers.push_back({term.right, nullptr, inner + at, ranks});
    at += term.right.out;
  }
  nn::MatMul(pool, layers, x, x_stride, rows, precision);
  for (size_t r = 0; r < rows; ++r) {
    const std::vector<float>& factors = sum_.factors[variant(r)];
    float* row = y + r * y_stride;
    if (matrices == 0) std::fill_n(row, n, 0.0f);
    for (size_t m = 0; m < matrices; ++m) {
      // What has no part in a variant has none of its infinities in it.
      if (m > 0 && factors[m] != 0) {
        AddScaled(factors[m], products + ((m - 1) * rows + r) * n, n, row);
      } else if (m == 0 && factors[0] == 0) {
        std::fill_n(row, n, 0.0f);
      } else if (m == 0 && factors[0] != 1) {
        for (size_t o = 0; o < n; ++o) row[o] *= factors[0];
      }
    }
  }
  at = 0;
  for (size_t t = 0; t < terms; ++t) {
    const SumOfProducts::LowRankTerm& term = sum_.terms[t];
    float* to = products + (others - 1) * rows * n;
    nn::MatMul(pool, term.left, nullptr, inner + at, ranks, rows, to, n, precision);
    at += term.right.out;
    for (size_t r = 0; r < rows; ++r) {
      const float factor = sum_.factors[variant(r)][matrices + t];
      if (factor != 0) AddScaled(factor, to + r * n, n, y + r * y_stride);
    }
  }
  for (size_t r = 0; r < rows; ++r) {
    if (const float* bias = made_->bias(variant(r)); bias != nullptr)
      AddScaled(1.0f, bias, n, y + r * y_stride);
  }
}

}  // namespace retemper
