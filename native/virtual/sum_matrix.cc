#include "virtual/sum_matrix.h"

#include <algorithm>

#include "core/divide_up.h"
#include "engine/decode_range.h"

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

// What of `source` becomes blocks, and the place of its factor; nothing for another layout.
std::optional<size_t> PlaceOf(std::vector<SumOfProducts::BlockSource>& blocks,
                              const VirtualTensors& tensors, const TensorSpec& spec,
                              const Part& part, const nn::StoredRange& range, bool in_major) {
  if (spec.form.transposed != in_major || (in_major && range.first_row != 0)) return std::nullopt;
  if (IsView(part.range)) return std::nullopt;  // its place does not say which elements it has
  for (size_t i = 0; i < blocks.size(); ++i) {
    const Range& known = blocks[i].part.range;
    if (known.input == part.range.input && known.offset == part.range.offset) return i;
  }
  SumOfProducts::BlockSource source;
  source.part.range = part.range;
  source.part.rows = part.rows;
  source.part.cols = part.cols;
  source.rows.format = spec.form.blocks;
  source.rows.out = in_major ? range.cols : range.rows;
  source.rows.in = in_major ? range.rows : range.cols;
  if (const uint8_t* data = tensors.SourceBlocks(part.range, spec.form.blocks))
    source.rows.data = data + range.first_row * source.rows.RowBytes();
  blocks.push_back(std::move(source));
  return blocks.size() - 1;
}

// Rows of a part, and values of all its rows; a multiple of what the kernel takes at once.
constexpr size_t kPartRows = 64, kPartValues = 8192, kOutsAtOnce = 48;
// Below these many multiplications, another thread is not worth the wait.
constexpr size_t kFewMultiplications = 64 * 1024;

// y += factor x
void AddScaled(float factor, const float* x, size_t n, float* y) {
  for (size_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

// to[w.in, w.out], whichever way w lies.
void LoadInMajor(const nn::Matrix& w, float* to) {
  const size_t n = w.out * w.in;
  const auto load = ChooseTarget().f32->load;
  if (w.in_major) return load(w.data, w.dtype, n, to);
  std::vector<float> values(n);
  load(w.data, w.dtype, n, values.data());
  for (size_t o = 0; o < w.out; ++o) {
    for (size_t i = 0; i < w.in; ++i) to[i * w.out + o] = values[o * w.in + i];
  }
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
      if (task.spec.form.blocks != BlockFormat::kNone) {
        const auto place = PlaceOf(sum.blocks, tensors, task.spec, part, range, in_major);
        if (!place) return std::nullopt;
        own.push_back({false, *place, factor});
      } else {
        const std::optional<nn::Matrix> matrix =
            StoredAsItIs(tensors, part.range, out, in, in_major, range.first_row);
        if (!matrix) return std::nullopt;
        own.push_back({false, PlaceOf(sum.matrices, *matrix), factor});
      }
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
  const size_t matrices = sum.Matrices();
  for (const std::vector<Factor>& own : factors) {
    std::vector<double> all(matrices + sum.terms.size(), 0.0);
    for (const Factor& factor : own)
      all[factor.place + (factor.term ? matrices : 0)] += factor.value;
    sum.factors.emplace_back(all.begin(), all.end());
  }
  return sum;
}

SumMatrix::SumMatrix(std::unique_ptr<VirtualMatrix> made, SumOfProducts sum)
    : made_(std::move(made)),
      sum_(std::move(sum)),
      kernels_(nn::TrainingKernelsOf(nn::ChooseVectorKernels())) {
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) ranks_ += term.right.out;
  lefts_.resize(ranks_ * out());
  float* to = lefts_.data();
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) {
    LoadInMajor(term.left, to);
    to += term.right.out * out();
  }
}

void SumMatrix::Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                         size_t rows, const uint32_t* variants, float* y, size_t y_stride) const {
  if (rows == 0) return;
  const size_t n = out(), matrices = sum_.Matrices();
  // One product lands in its place; others are added to it.
  ProductScratch& scratch = made_->tensors().scratch();
  const size_t others = std::max<size_t>(matrices, 1) - 1;
  auto* products = reinterpret_cast<float*>(
      scratch.products.Reserve(std::max<size_t>(1, others * rows * n) * sizeof(float)));
  auto* inner = reinterpret_cast<float*>(
      scratch.terms.Reserve(std::max<size_t>(1, rows * ranks_) * sizeof(float)));
  std::vector<nn::Linear> layers;
  std::vector<nn::BlockLinear> blocks;
  for (size_t m = 0; m < matrices; ++m) {
    float* to = m == 0 ? y : products + (m - 1) * rows * n;
    const size_t stride = m == 0 ? y_stride : n;
    if (sum_.blocks.empty())
      layers.push_back({sum_.matrices[m], nullptr, to, stride});
    else
      blocks.push_back({sum_.blocks[m].rows, nullptr, to, stride});
  }
  size_t at = 0;
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) {
    layers.push_back({term.right, nullptr, inner + at, ranks_});
    at += term.right.out;
  }
  if (!blocks.empty()) nn::BlockMatMul(nn::ChooseBlockKernel(), pool, blocks, x, x_stride, rows);
  if (!layers.empty()) nn::MatMul(pool, layers, x, x_stride, rows, precision);
  for (size_t r = 0; r < rows; ++r) {
    const float* factors = sum_.factors[variants == nullptr ? 0 : variants[r]].data() + matrices;
    float* low = inner + r * ranks_;
    for (const SumOfProducts::LowRankTerm& term : sum_.terms) {
      for (size_t i = 0; i < term.right.out; ++i) *low++ *= *factors;
      ++factors;
    }
  }
  // What follows is done by each thread for its part of y, of which no value depends on the cut.
  const size_t row_step = std::min(rows, kPartRows);
  const size_t out_step = std::min(n, RoundUp(kPartValues / row_step, kOutsAtOnce));
  const size_t out_parts = DivideUp(n, out_step);
  const auto complete = [&](size_t part, unsigned) {
    const size_t row = part / out_parts * row_step, out = part % out_parts * out_step;
    const Part of = {row, std::min(rows, row + row_step), out, std::min(n, out + out_step)};
    Complete(of, variants, products, rows, inner, y, y_stride);
  };
  const size_t parts = DivideUp(rows, row_step) * out_parts;
  if (rows * n * (matrices + ranks_) > kFewMultiplications) return pool.Run(parts, complete);
  for (size_t part = 0; part < parts; ++part) complete(part, 0);
}

void SumMatrix::Complete(const Part& part, const uint32_t* variants, const float* products,
                         size_t rows, const float* inner, float* y, size_t y_stride) const {
  const size_t n = out(), count = part.end_out - part.first_out, matrices = sum_.Matrices();
  const auto variant = [&](size_t row) { return variants == nullptr ? 0 : variants[row]; };
  for (size_t r = part.first_row; r < part.end_row; ++r) {
    const std::vector<float>& factors = sum_.factors[variant(r)];
    float* row = y + r * y_stride + part.first_out;
    // What has no part in a variant has none of its infinities in it.
    if (matrices == 0 || factors[0] == 0) {
      std::fill_n(row, count, 0.0f);
    } else if (factors[0] != 1) {
      for (size_t o = 0; o < count; ++o) row[o] *= factors[0];
    }
    for (size_t m = 1; m < matrices; ++m) {
      if (factors[m] == 0) continue;
      AddScaled(factors[m], products + ((m - 1) * rows + r) * n + part.first_out, count, row);
    }
  }
  // Rows side by side that have a term share what is read of its left factor.
  const float* left = lefts_.data() + part.first_out;
  for (size_t t = 0; t < sum_.terms.size(); ++t) {
    const size_t rank = sum_.terms[t].right.out;
    const auto has = [&](size_t row) { return sum_.factors[variant(row)][matrices + t] != 0; };
    for (size_t r = part.first_row, end; r < part.end_row; r = end) {
      const bool wanted = has(r);
      for (end = r + 1; end < part.end_row && has(end) == wanted; ++end) {
      }
      if (!wanted) continue;
      kernels_.multiply(false, true, end - r, count, rank, inner + r * ranks_, ranks_, left, n,
                        y + r * y_stride + part.first_out, y_stride);
    }
    inner += rank;
    left += rank * n;
  }
  for (size_t r = part.first_row; r < part.end_row; ++r) {
    if (const float* bias = made_->bias(variant(r)); bias != nullptr)
      AddScaled(1.0f, bias + part.first_out, count, y + r * y_stride + part.first_out);
  }
}

void SumMatrix::Row(size_t row, uint32_t variant, float* to) const {
  if (sum_.blocks.empty()) return made_->Row(row, variant, to);
  std::fill_n(to, in(), 0.0f);
  std::vector<float> values(in());
  for (size_t m = 0; m < sum_.blocks.size(); ++m) {
    const float factor = sum_.factors[variant][m];
    if (factor == 0) continue;
    const nn::BlockRows& rows = sum_.blocks[m].rows;
    ChooseTarget().f32->decode_blocks(rows.data + row * rows.RowBytes(), rows.format,
                                      in() / FactsOf(rows.format).elements, values.data());
    AddScaled(factor, values.data(), in(), to);
  }
  size_t rank = 0;  // of all terms before
  for (size_t t = 0; t < sum_.terms.size(); ++t) {
    const nn::Matrix& right = sum_.terms[t].right;
    const float factor = sum_.factors[variant][sum_.blocks.size() + t];
    if (factor != 0) {
      values.resize(right.out * in());
      LoadInMajor(Transposed(right), values.data());  // [rank, in]
      for (size_t k = 0; k < right.out; ++k)
        AddScaled(factor * lefts_[(rank + k) * out() + row], values.data() + k * in(), in(), to);
    }
    rank += right.out;
  }
}

}  // namespace retemper
