#include "virtual/block_matrix.h"

#include <variant>
#include <vector>

#include "engine/decode_range.h"

namespace retemper {
namespace {

// Whether the result of one source is the source: a model that is decoded alone is a sum of it.
bool KeepsValues(const Params& params) {
  if (std::holds_alternative<CopyParams>(params)) return true;
  const auto* sum = std::get_if<LinearParams>(&params);
  return sum != nullptr && sum->weights == std::vector<double>{1};
}

}  // namespace

std::optional<nn::BlockRows> BlockMatrix::BlocksOf(const VirtualTensors& tensors,
                                                   const nn::StoredRange& range, bool in_major) {
  const std::vector<Made>& made = tensors.MadeBy(range.tensor);
  if (made.size() != 1) return std::nullopt;
  const TensorSpec& spec = tensors.task(made[0].task).spec;
  if (spec.sources.size() != 1 || !KeepsValues(spec.variants[0].params)) return std::nullopt;
  const Source& source = spec.sources[0];
  const Part& part = source.parts[0];
  if (source.gather || source.parts.size() != 1 || part.low_rank || part.add) return std::nullopt;
  if (spec.out_dtype != Dtype::kF32 || part.cast_to.value_or(Dtype::kF32) != Dtype::kF32)
    return std::nullopt;
  const Range& stored = part.range;
  if (!stored.encoding || stored.encoding->kind != EncodingKind::kBlocks) return std::nullopt;
  const Encoding& encoding = *stored.encoding;
  nn::BlockRows blocks;
  blocks.format = encoding.blocks;
  blocks.out = in_major ? range.cols : range.rows;
  blocks.in = in_major ? range.rows : range.cols;
  blocks.interleave = encoding.interleave;
  const bool whole = blocks.out * blocks.in == stored.count;
  // Inputs must lie side by side, and rows that are stored in turn be all there.
  if (encoding.transposed != in_major || encoding.plus != 0 || encoding.row != blocks.in ||
      (!whole && (in_major || encoding.interleave > 0))) {
    return std::nullopt;
  }
  const InputFile& file = tensors.inputs()[stored.input];
  if (!file.mapped()) return std::nullopt;
  blocks.data =
      file.Read(stored.offset, StoredBytes(stored), nullptr) + range.first_row * blocks.RowBytes();
  return blocks;
}

void BlockMatrix::Multiply(nn::Pool& pool, nn::Precision /*precision*/, const float* x,
                           size_t x_stride, size_t rows, const uint32_t* /*variants*/, float* y,
                           size_t y_stride) const {
  const nn::BlockLinear layer = {blocks_, made_->bias(0), y, y_stride};
  nn::BlockMatMul(nn::ChooseBlockKernel(), pool, {&layer, 1}, x, x_stride, rows);
}

}  // namespace retemper
