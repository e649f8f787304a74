#include "virtual/virtual_matrix.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "core/divide_up.h"
#include "core/status.h"

namespace retemper {
namespace {

// What the pieces of all variants that one thread makes at once take together: they stay in its
// second-level cache.
constexpr size_t kPieceBytes = 512 << 10;
// Fewer outputs than these are not worth the packing of the activations.
constexpr size_t kLeastOutputs = 32;
// Units are made whole: so many at once, that little of them is made twice.
constexpr uint64_t kUnitsAtOnce = 4;

bool IsMatrixDtype(Dtype dtype) {
  return dtype == Dtype::kBF16 || dtype == Dtype::kF16 || dtype == Dtype::kF32;
}

}  // namespace

std::optional<nn::Matrix> StoredAsItIs(const VirtualTensors& tensors, const Range& range,
                                       size_t out, size_t in, bool in_major, size_t first_row,
                                       bool again) {
  if (!IsMatrixDtype(range.dtype) || range.encoding) return std::nullopt;
  const InputFile& file = tensors.inputs()[range.input];
  if (!file.mapped()) return std::nullopt;
  const size_t element = SizeOf(range.dtype);
  const uint8_t* data =
      again ? file.Mapped(range.offset) : file.Read(range.offset, range.count * element, nullptr);
  if (reinterpret_cast<uintptr_t>(data) % element != 0) return std::nullopt;
  return nn::Matrix{data + first_row * in * element, range.dtype, out, in, in_major};
}

bool IsPlainCopy(const TensorSpec& spec) {
  const Part& part = spec.sources[0].parts[0];
  return std::holds_alternative<CopyParams>(spec.variants[0].params) && !spec.form.Encodes() &&
         !spec.form.Rearranges() && !spec.sources[0].gather && !part.low_rank && !part.add &&
         !part.range.encoding && part.range.dtype == spec.out_dtype &&
         (!part.cast_to || *part.cast_to == part.range.dtype);
}

VirtualMatrix::VirtualMatrix(std::shared_ptr<const VirtualTensors> tensors,
                             const nn::StoredRange& range, bool in_major,
                             std::optional<nn::WeightVector> bias)
    : tensors_(std::move(tensors)),
      made_(tensors_->MadeBy(range.tensor)),
      out_(in_major ? range.cols : range.rows),
      in_(in_major ? range.rows : range.cols),
      first_row_(range.first_row),
      in_major_(in_major),
      bias_(std::move(bias)) {
  size_t last = SIZE_MAX;
  for (const Made& made : made_) {
    if (made.task != last) Check(range, made.task);
    last = made.task;
  }
}

void VirtualMatrix::Set(const nn::StoredRange& range, uint32_t variant) {
  for (size_t v = 0; v < made_.size(); ++v) {
    if (v != variant && made_[v].task == made_[variant].task) return;
  }
  Check(range, made_[variant].task);
  Stored(tensors_->task(made_[variant].task).spec, false);
}

void VirtualMatrix::Check(const nn::StoredRange& range, size_t task) const {
  const TensorSpec& spec = tensors_->task(task).spec;
  if (spec.Elements() < (first_row_ + range.rows) * range.cols) {
    throw Fault(code::kInternal, "is smaller than the model wants", {}, range.tensor);
  }
  if (!IsMatrixDtype(spec.out_dtype)) {
    throw Fault(code::kIncompatible,
                "is merged to " + std::string(NameOf(spec.out_dtype)) +
                    "; matrices are computed with as BF16, F16 or F32",
                {}, range.tensor, "give the recipe an out_dtype of these");
  }
}

void VirtualMatrix::ReadIn() const {
  for (const Made& made : made_) Stored(tensors_->task(made.task).spec, false);
}

std::optional<nn::Matrix> VirtualMatrix::Stored(const TensorSpec& spec, bool again) const {
  if (!IsPlainCopy(spec)) return std::nullopt;
  const Range& stored = spec.sources[0].parts[0].range;
  auto matrix = StoredAsItIs(*tensors_, stored, out_, in_, in_major_, first_row_, again);
  if (matrix)
    matrix->data = tensors_->room().Copy(matrix->data, out_ * in_ * SizeOf(matrix->dtype));
  return matrix;
}

void VirtualMatrix::Multiply(nn::Pool& pool, nn::Precision precision, const float* x,
                             size_t x_stride, size_t rows, const uint32_t* variants, float* y,
                             size_t y_stride) const {
  InRuns(x, x_stride, rows, variants, y, y_stride,
         [&](const float* from, size_t from_stride, const std::vector<Run>& runs, float* to,
             size_t to_stride) {
           MultiplyRuns(pool, precision, from, from_stride, runs, to, to_stride);
         });
}

void VirtualMatrix::InRuns(const float* x, size_t x_stride, size_t rows, const uint32_t* variants,
                           float* y, size_t y_stride, const MultiplyRunsOf& multiply) const {
  if (rows == 0) return;
  std::vector<size_t> order(rows);
  std::iota(order.begin(), order.end(), size_t{0});
  const auto variant = [&](size_t row) { return variants == nullptr ? 0 : variants[row]; };
  const bool sorted = variants == nullptr || std::is_sorted(variants, variants + rows);
  if (!sorted) {
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return variant(a) < variant(b); });
  }
  std::vector<Run> runs;
  for (size_t i = 0; i < rows; ++i) {
    if (runs.empty() || runs.back().variant != variant(order[i]))
      runs.push_back({variant(order[i]), i, 0});
    ++runs.back().count;
  }
  if (sorted) return multiply(x, x_stride, runs, y, y_stride);
  ProductScratch& scratch = tensors_->scratch();
  auto* from = reinterpret_cast<float*>(scratch.rows_in.Reserve(rows * in_ * sizeof(float)));
  auto* to = reinterpret_cast<float*>(scratch.rows_out.Reserve(rows * out_ * sizeof(float)));
  for (size_t i = 0; i < rows; ++i) std::copy_n(x + order[i] * x_stride, in_, from + i * in_);
  multiply(from, in_, runs, to, out_);
  for (size_t i = 0; i < rows; ++i) std::copy_n(to + i * out_, out_, y + order[i] * y_stride);
}

std::optional<nn::Matrix> VirtualMatrix::Lying(uint32_t variant) const {
  const TensorSpec& spec = tensors_->task(made_[variant].task).spec;
  if (const std::optional<nn::Matrix> matrix = Stored(spec, true)) return matrix;
  const uint8_t* values = tensors_->Held(made_[variant]);
  if (values == nullptr) return std::nullopt;
  if (spec.form.blocks != BlockFormat::kNone) return std::nullopt;  // BlockMatrix's
  const Dtype dtype = spec.out_dtype;
  return nn::Matrix{values + first_row_ * in_ * SizeOf(dtype), dtype, out_, in_, in_major_};
}

void VirtualMatrix::MultiplyRuns(nn::Pool& pool, nn::Precision precision, const float* x,
                                 size_t x_stride, const std::vector<Run>& runs, float* y,
                                 size_t y_stride) const {
  // What one task makes, it makes in one go.
  std::map<size_t, std::vector<Run>> made;
  for (const Run& run : runs) {
    if (const std::optional<nn::Matrix> matrix = Lying(run.variant)) {
      nn::MatMul(pool, *matrix, bias(run.variant), x + run.first * x_stride, x_stride, run.count,
                 y + run.first * y_stride, y_stride, precision);
    } else {
      made[made_[run.variant].task].push_back(run);
    }
  }
  for (const auto& [task, own] : made)
    MultiplyMade(pool, precision, task, x, x_stride, own, y, y_stride);
}

void VirtualMatrix::MultiplyMade(nn::Pool& pool, nn::Precision precision, size_t index,
                                 const float* x, size_t x_stride, const std::vector<Run>& runs,
                                 float* y, size_t y_stride) const {
  const Task& task = tensors_->task(index);
  const Dtype dtype = task.spec.out_dtype;
  const size_t element = SizeOf(dtype);
  const bool any = task.TakesAnyExtent();
  // Outputs of a piece.
  size_t step = out_;
  if (any) {
    step = std::max(kLeastOutputs, kPieceBytes / std::max<size_t>(1, runs.size() * in_ * element));
    // Enough pieces for threads of unequal speed to end together.
    step = std::min(step, std::max(kLeastOutputs, DivideUp(out_, 4 * pool.threads())));
    step = std::min(out_, DivideUp(step, kLeastOutputs) * kLeastOutputs);
  } else if (!in_major_) {
    step = std::clamp<size_t>(kUnitsAtOnce * task.Written(0).count / std::max<size_t>(1, in_), 1,
                              out_);
  }
  const nn::Matrix whole = {nullptr, dtype, out_, in_, in_major_};
  std::vector<size_t> packed_at;
  size_t packed_bytes = 0;
  for (const Run& run : runs) {
    packed_at.push_back(packed_bytes);
    packed_bytes += nn::PackedRowsBytes(whole, run.count, precision);
  }
  uint8_t* const packed = tensors_->scratch().packed.Reserve(packed_bytes);
  for (size_t r = 0; r < runs.size(); ++r) {
    nn::PackRows(pool, whole, x + runs[r].first * x_stride, x_stride, runs[r].count, precision,
                 packed + packed_at[r]);
  }
  pool.Run(DivideUp(out_, step), [&](size_t piece, unsigned) {
    const size_t begin = piece * step, count = std::min(step, out_ - begin);
    const VirtualTensors::Lease lease(*tensors_);
    Maker& maker = *lease;
    std::vector<uint8_t*> out(task.spec.variants.size(), nullptr);
    // Where values are put, and where those of the piece begin.
    Extent extent = {(first_row_ + begin) * in_, count * in_};
    uint64_t skipped = 0;
    if (in_major_) extent = {0, in_ * out_};
    const Extent covered = any ? extent : tensors_->CoveredBy(index, extent);
    const size_t each =
        DivideUp((in_major_ && any ? in_ * count : covered.count) * element, 64) * 64;
    uint8_t* values = maker.values.Reserve(each * runs.size());
    // Variants that are copies of the same are made once.
    std::vector<const uint8_t*> made(runs.size());
    for (size_t r = 0; r < runs.size(); ++r) {
      uint8_t*& to = out[made_[runs[r].variant].variant];
      if (to == nullptr) to = values + r * each;
      made[r] = to;
    }
    if (!in_major_ || !any) {
      tensors_->Make(index, extent, out, maker);
      skipped = extent.first - covered.first;
    } else {
      for (size_t i = 0; i < in_; ++i) {
        tensors_->Make(index, {i * out_ + begin, count}, out, maker);
        for (uint8_t*& at : out) {
          if (at != nullptr) at += count * element;
        }
      }
    }
    for (size_t r = 0; r < runs.size(); ++r) {
      const Run& run = runs[r];
      const nn::Matrix w = {made[r] + skipped * element, dtype, count, in_, in_major_};
      const float* own = bias(run.variant);
      nn::MatMulAlone(w, own == nullptr ? nullptr : own + begin, packed + packed_at[r], run.count,
                      y + run.first * y_stride + begin, y_stride, precision, maker.scratch);
    }
  });
}

void VirtualMatrix::MultiplyBackward(nn::Pool& pool, nn::Precision precision, const float* dy,
                                     size_t dy_stride, size_t rows, const uint32_t* variants,
                                     float* dx, size_t dx_stride) const {
  for (size_t first = 0; first < rows;) {
    const uint32_t variant = variants == nullptr ? 0 : variants[first];
    size_t end = first + 1;
    while (end < rows && (variants == nullptr || variants[end] == variant)) ++end;
    const std::optional<nn::Matrix> matrix = Lying(variant);
    if (!matrix) {
      throw Fault(code::kUsage, "a virtual merge has gradients only where its weights are held", {},
                  {}, "open it with hold, or write it first: retemper merge");
    }
    nn::MatMulBackward(pool, *matrix, dy + first * dy_stride, dy_stride, end - first,
                       dx + first * dx_stride, dx_stride, precision);
    first = end;
  }
}

void VirtualMatrix::Row(size_t row, uint32_t variant, float* to) const {
  const Made& made = made_[variant];
  const Task& task = tensors_->task(made.task);
  const size_t element = SizeOf(task.spec.out_dtype);
  const Extent extent = {(first_row_ + row) * in_, in_};
  if (const uint8_t* held = tensors_->Held(made)) {
    return ChooseTarget().f32->load(held + extent.first * element, task.spec.out_dtype, in_, to);
  }
  const Extent covered = tensors_->CoveredBy(made.task, extent);
  const VirtualTensors::Lease lease(*tensors_);
  std::vector<uint8_t*> out(task.spec.variants.size(), nullptr);
  out[made.variant] = (*lease).values.Reserve(covered.count * element);
  uint8_t* values = out[made.variant];
  {
    const Worker::Reach reach((*lease).worker, true);  // the next row may be anywhere
    tensors_->Make(made.task, extent, out, *lease);
  }
  ChooseTarget().f32->load(values + (extent.first - covered.first) * element, task.spec.out_dtype,
                           in_, to);
}

}  // namespace retemper
