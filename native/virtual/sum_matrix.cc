#include "virtual/sum_matrix.h"

#include <algorithm>

#include "core/divide_up.h"
#include "engine/decode_range.h"
#include "virtual/block_matrix.h"

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
  source.rows = RowsOf(range, in_major, spec.form.blocks);
  if (const uint8_t* data = tensors.SourceBlocks(part.range, spec.form.blocks))
    source.rows.data = data + range.first_row * source.rows.RowBytes();
  blocks.push_back(std::move(source));
  return blocks.size() - 1;
}

// Rows of a part, and values of all its rows; a multiple of what the kernel takes at once.
constexpr size_t kPartRows = 64, kPartValues = 8192, kOutsAtOnce = 48;
// Few rows are lowered in groups of what the kernel takes at once.
constexpr size_t kRowsAtOnce = 3;
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

std::optional<std::vector<SumOfProducts::Factor>> SumOfProducts::FactorsOf(
    const VirtualTensors& tensors, const nn::StoredRange& range, bool in_major, const Made& made,
    bool again) {
  const size_t out = in_major ? range.cols : range.rows, in = in_major ? range.rows : range.cols;
  const Task& task = tensors.task(made.task);
  const std::optional<std::vector<double>> of_sources = task.Factors(made.variant);
  if (!of_sources) return std::nullopt;
  std::vector<Factor> own;
  for (size_t i = 0; i < of_sources->size(); ++i) {
    const double factor = (*of_sources)[i];
    if (factor == 0) continue;
    const Source& source = task.spec.sources[i];
    const Part& part = source.parts[0];
    if (source.gather || part.add) return std::nullopt;
    if (part.cast_to && (part.low_rank || *part.cast_to != part.range.dtype)) return std::nullopt;
    if (task.spec.form.blocks != BlockFormat::kNone) {
      const auto place = PlaceOf(blocks, tensors, task.spec, part, range, in_major);
      if (!place) return std::nullopt;
      own.push_back({false, *place, factor});
    } else {
      const std::optional<nn::Matrix> matrix =
          StoredAsItIs(tensors, part.range, out, in, in_major, range.first_row, again);
      if (!matrix) return std::nullopt;
      own.push_back({false, PlaceOf(matrices, *matrix), factor});
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
    const auto right = StoredAsItIs(tensors, first, low.rank, in, first_turned, 0, again);
    const auto left = StoredAsItIs(tensors, second, out, low.rank, second_turned,
                                   in_major ? 0 : range.first_row, again);
    if (!right || !left) return std::nullopt;
    size_t place = 0;
    while (place < terms.size() &&
           (terms[place].right.data != right->data || terms[place].left.data != left->data)) {
      ++place;
    }
    if (place == terms.size()) terms.push_back({*right, *left});
    own.push_back({true, place, factor * low.scale});
  }
  return own;
}

SumOfProducts::Mix SumOfProducts::MixOf(const std::vector<Factor>& own) const {
  const auto at = [&](const Factor& factor) {
    return factor.place + (factor.term ? Matrices() : 0);
  };
  std::vector<double> all(Matrices() + terms.size(), 0.0);
  for (const Factor& factor : own) all[at(factor)] += factor.value;
  Mix mix;
  mix.factors.assign(all.begin(), all.end());
  for (const Factor& factor : own) {
    std::vector<size_t>& places = factor.term ? mix.terms : mix.matrices;
    const bool known = std::find(places.begin(), places.end(), factor.place) != places.end();
    if (!known && mix.factors[at(factor)] != 0) places.push_back(factor.place);
  }
  return mix;
}

std::optional<SumOfProducts> SumOfProducts::Of(const VirtualTensors& tensors,
                                               const nn::StoredRange& range, bool in_major) {
  SumOfProducts sum;
  std::vector<std::vector<Factor>> factors;
  for (const Made& made : tensors.MadeBy(range.tensor)) {
    std::optional<std::vector<Factor>> own = sum.FactorsOf(tensors, range, in_major, made, false);
    if (!own) return std::nullopt;
    factors.push_back(std::move(*own));
  }
  for (const std::vector<Factor>& own : factors) sum.mixes.push_back(sum.MixOf(own));
  return sum;
}

bool SumOfProducts::Set(const VirtualTensors& tensors, const nn::StoredRange& range, bool in_major,
                        uint32_t variant) {
  SumOfProducts all;
  all.matrices = matrices;
  all.blocks = blocks;
  all.terms = terms;
  const Made& made = tensors.MadeBy(range.tensor)[variant];
  const auto own = all.FactorsOf(tensors, range, in_major, made, true);
  if (!own || all.Matrices() != Matrices() || all.terms.size() != terms.size()) return false;
  if (variant >= mixes.size()) mixes.resize(variant + 1, mixes.front());
  mixes[variant] = MixOf(*own);
  return true;
}

SumMatrix::SumMatrix(std::unique_ptr<VirtualMatrix> made, SumOfProducts sum)
    : made_(std::move(made)),
      sum_(std::move(sum)),
      kernels_(nn::TrainingKernelsOf(nn::ChooseVectorKernels())) {
  for (SumOfProducts::BlockSource& source : sum_.blocks)
    source.rows = made_->tensors().room().Pack(source.rows);
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) ranks_ += term.right.out;
  rights_.resize(ranks_ * in());
  lefts_.resize(ranks_ * out());
  size_t before = 0;
  for (const SumOfProducts::LowRankTerm& term : sum_.terms) {
    LoadInMajor(Transposed(term.right), rights_.data() + before * in());
    LoadInMajor(term.left, lefts_.data() + before * out());
    before_.push_back(before);
    before += term.right.out;
  }
}

bool SumMatrix::MultiplyTogether(nn::Pool& pool, nn::Precision precision,
                                 std::span<const nn::SharedProduct> products, const float* x,
                                 size_t x_stride, size_t rows, const uint32_t* variants) const {
  std::vector<Work> works;
  size_t others = 0, ranks = 0, costs = 0;
  for (const nn::SharedProduct& product : products) {
    const auto* weight = dynamic_cast<const SumMatrix*>(product.weight);
    if (weight == nullptr) return false;
    works.push_back({weight, product.y, product.y_stride, nullptr, nullptr});
    const size_t matrices = std::max<size_t>(weight->sum_.Matrices(), 1);
    others += (matrices - 1) * weight->out();
    ranks += weight->ranks_;
    costs += weight->out() * (matrices + weight->ranks_);
  }
  if (rows == 0) return true;
  ProductScratch& scratch = made_->tensors().scratch();
  auto* other = reinterpret_cast<float*>(scratch.products.Reserve(rows * others * sizeof(float)));
  auto* inner = reinterpret_cast<float*>(scratch.terms.Reserve(rows * ranks * sizeof(float)));
  std::vector<nn::Linear> layers;
  std::vector<nn::BlockLinear> blocks;
  for (Work& work : works) {
    work.products = other;
    work.inner = inner;
    work.weight->AddLayers(work, rows, layers, blocks);
    other += (std::max<size_t>(work.weight->sum_.Matrices(), 1) - 1) * rows * work.weight->out();
    inner += rows * work.weight->ranks_;
  }
  if (!blocks.empty()) nn::BlockMatMul(nn::ChooseBlockKernel(), pool, blocks, x, x_stride, rows);
  if (!layers.empty()) nn::MatMul(pool, layers, x, x_stride, rows, precision);
  // What follows is done in parts, none of whose values depends on the cut.
  const auto run = [&](size_t parts, size_t multiplications, const auto& body) {
    if (multiplications > kFewMultiplications) return pool.Run(parts, body);
    for (size_t part = 0; part < parts; ++part) body(part, 0);
  };
  if (ranks > 0) {
    const size_t step = rows <= kPartRows ? kRowsAtOnce : kPartRows, parts = DivideUp(rows, step);
    run(works.size() * parts, rows * ranks * in(), [&](size_t part, unsigned) {
      const Work& work = works[part / parts];
      const size_t row = part % parts * step;
      work.weight->Lower(x, x_stride, row, std::min(rows, row + step), variants, work.inner);
    });
  }
  const size_t row_step = std::min(rows, kPartRows);
  const size_t out_step = RoundUp(kPartValues / row_step, kOutsAtOnce);
  std::vector<std::pair<const Work*, Part>> parts;
  for (size_t row = 0; row < rows; row += row_step) {
    for (const Work& work : works) {
      const size_t n = work.weight->out();
      for (size_t out = 0; out < n; out += out_step)
        parts.push_back(
            {&work, {row, std::min(rows, row + row_step), out, std::min(n, out + out_step)}});
    }
  }
  run(parts.size(), rows * costs, [&](size_t part, unsigned) {
    const auto& [work, of] = parts[part];
    work->weight->Complete(*work, of, rows, variants);
  });
  return true;
}

void SumMatrix::AddLayers(const Work& work, size_t rows, std::vector<nn::Linear>& layers,
                          std::vector<nn::BlockLinear>& blocks) const {
  for (size_t m = 0; m < sum_.Matrices(); ++m) {
    float* to = m == 0 ? work.y : work.products + (m - 1) * rows * out();
    const size_t stride = m == 0 ? work.y_stride : out();
    if (sum_.blocks.empty())
      layers.push_back({sum_.matrices[m], nullptr, to, stride});
    else
      blocks.push_back({sum_.blocks[m].rows, nullptr, to, stride});
  }
}

void SumMatrix::Lower(const float* x, size_t x_stride, size_t first_row, size_t end_row,
                      const uint32_t* variants, float* inner) const {
  if (ranks_ == 0) return;
  inner += first_row * ranks_;
  kernels_.lower(end_row - first_row, in(), ranks_, 1.0f, x + first_row * x_stride, x_stride,
                 rights_.data(), inner);
  for (size_t r = first_row; r < end_row; ++r) {
    const float* factor = MixOf(variants, r).factors.data() + sum_.Matrices();
    for (const SumOfProducts::LowRankTerm& term : sum_.terms) {
      for (size_t i = 0; i < term.right.out; ++i) *inner++ *= *factor;
      ++factor;
    }
  }
}

void SumMatrix::Complete(const Work& work, const Part& part, size_t rows,
                         const uint32_t* variants) const {
  const size_t n = out(), count = part.end_out - part.first_out;
  const auto row_of = [&](size_t row) { return work.y + row * work.y_stride + part.first_out; };
  std::vector<float> kept;  // the first matrix's product, where another one takes its place
  for (size_t r = part.first_row; r < part.end_row; ++r) {
    const auto& [factors, matrices, terms] = MixOf(variants, r);
    float* row = row_of(r);
    // What has no part in a variant has none of its infinities in it.
    if (matrices.empty()) {
      std::fill_n(row, count, 0.0f);
      continue;
    }
    const auto product = [&](size_t m) {
      if (m == 0) return static_cast<const float*>(kept.data());
      return static_cast<const float*>(work.products + ((m - 1) * rows + r) * n + part.first_out);
    };
    const size_t first = matrices.front();
    if (first != 0) kept.assign(row, row + count);
    const float* from = first == 0 ? row : product(first);
    if (first != 0 || factors[first] != 1) {
      for (size_t o = 0; o < count; ++o) row[o] = factors[first] * from[o];
    }
    for (size_t i = 1; i < matrices.size(); ++i)
      AddScaled(factors[matrices[i]], product(matrices[i]), count, row);
  }
  // Rows side by side that have the same terms share what is read of their left factors.
  for (size_t r = part.first_row, end; r < part.end_row; r = end) {
    const std::vector<size_t>& terms = MixOf(variants, r).terms;
    for (end = r + 1; end < part.end_row && MixOf(variants, end).terms == terms; ++end) {
    }
    for (size_t t : terms) {
      kernels_.multiply(false, true, end - r, count, sum_.terms[t].right.out,
                        work.inner + r * ranks_ + before_[t], ranks_,
                        lefts_.data() + before_[t] * n + part.first_out, n, row_of(r),
                        work.y_stride);
    }
  }
  for (size_t r = part.first_row; r < part.end_row; ++r) {
    const float* bias = made_->bias(variants == nullptr ? 0 : variants[r]);
    if (bias != nullptr) AddScaled(1.0f, bias + part.first_out, count, row_of(r));
  }
}

void SumMatrix::Row(size_t row, uint32_t variant, float* to) const {
  if (sum_.blocks.empty()) return made_->Row(row, variant, to);
  std::fill_n(to, in(), 0.0f);
  std::vector<float> values(in());
  const auto& [factors, matrices, terms] = sum_.mixes[variant];
  for (size_t m : matrices) {
    DecodeRow(sum_.blocks[m].rows, row, values.data());
    AddScaled(factors[m], values.data(), in(), to);
  }
  for (size_t t : terms) {
    const float factor = factors[sum_.blocks.size() + t];
    for (size_t k = before_[t]; k < before_[t] + sum_.terms[t].right.out; ++k)
      AddScaled(factor * lefts_[k * out() + row], rights_.data() + k * in(), in(), to);
  }
}

}  // namespace retemper
