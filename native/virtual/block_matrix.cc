#include "virtual/block_matrix.h"

#include <algorithm>
#include <variant>

#include "engine/decode_range.h"

namespace retemper {
namespace {

// Whether the result of one source is the source: a model that is decoded alone is a sum of it.
bool KeepsValues(const Params& params) {
  if (std::holds_alternative<CopyParams>(params)) return true;
  const auto* sum = std::get_if<LinearParams>(&params);
  return sum != nullptr && sum->weights == std::vector<double>{1};
}

// Blocks that were made when the merge was opened.
std::optional<nn::BlockRows> HeldBlocks(const VirtualTensors& tensors, const Made& made,
                                        const nn::StoredRange& range, bool in_major) {
  const TensorSpec& spec = tensors.task(made.task).spec;
  const uint8_t* held = tensors.Held(made);
  if (held == nullptr || spec.form.blocks == BlockFormat::kNone) return std::nullopt;
  nn::BlockRows blocks = RowsOf(range, in_major, spec.form.blocks);
  if (spec.form.transposed != in_major || spec.LastDim() != blocks.in) return std::nullopt;
  if (in_major && spec.FirstDim() != blocks.out) return std::nullopt;
  blocks.data = held + range.first_row * blocks.RowBytes();
  return blocks;
}

// Blocks of a file.
std::optional<nn::BlockRows> StoredBlocks(const VirtualTensors& tensors, const Made& made,
                                          const nn::StoredRange& range, bool in_major) {
  const TensorSpec& spec = tensors.task(made.task).spec;
  if (spec.form.blocks != BlockFormat::kNone) return std::nullopt;  // of other blocks
  if (spec.sources.size() != 1 || !KeepsValues(spec.variants[0].params)) return std::nullopt;
  const Source& source = spec.sources[0];
  const Part& part = source.parts[0];
  if (source.gather || source.parts.size() != 1 || part.low_rank || part.add) return std::nullopt;
  if (spec.out_dtype != Dtype::kF32 || part.cast_to.value_or(Dtype::kF32) != Dtype::kF32)
    return std::nullopt;
  const Range& stored = part.range;
  if (!stored.encoding || stored.encoding->kind != EncodingKind::kBlocks) return std::nullopt;
  const Encoding& encoding = *stored.encoding;
  nn::BlockRows blocks = RowsOf(range, in_major, encoding.blocks);
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

}  // namespace

nn::BlockRows RowsOf(const nn::StoredRange& range, bool in_major, BlockFormat format) {
  nn::BlockRows blocks;
  blocks.format = format;
  blocks.out = in_major ? range.cols : range.rows;
  blocks.in = in_major ? range.rows : range.cols;
  return blocks;
}

void DecodeRow(const nn::BlockRows& rows, size_t out, float* to) {
  const size_t bytes = rows.RowBytes();
  const uint8_t* from = rows.data + out * bytes;
  std::vector<uint8_t> row;
  if (rows.packed) {
    row.resize(bytes);
    nn::UnpackBlockRow(nn::ChooseBlockKernel(), rows, out, row.data());
    from = row.data();
  }
  ChooseTarget().f32->decode_blocks(from, rows.format, rows.in / FactsOf(rows.format).elements, to);
}

std::vector<nn::BlockRows> BlockMatrix::BlocksOf(const VirtualTensors& tensors,
                                                 const nn::StoredRange& range, bool in_major) {
  std::vector<nn::BlockRows> blocks;
  const std::vector<Made>& made = tensors.MadeBy(range.tensor);
  for (const Made& one : made) {
    std::optional<nn::BlockRows> own = HeldBlocks(tensors, one, range, in_major);
    if (!own && made.size() == 1) own = StoredBlocks(tensors, one, range, in_major);
    if (!own) return {};
    blocks.push_back(*own);
  }
  return blocks;
}

BlockMatrix::BlockMatrix(std::unique_ptr<VirtualMatrix> made, std::vector<nn::BlockRows> blocks)
    : made_(std::move(made)), blocks_(std::move(blocks)) {
  // A copy is the same for all variants, whose rows are then multiplied together.
  const bool same = std::all_of(blocks_.begin(), blocks_.end(), [&](const nn::BlockRows& own) {
    return own.data == blocks_[0].data;
  });
  if (same && made_->bias(0) == nullptr) blocks_.resize(1);
}

void BlockMatrix::Multiply(nn::Pool& pool, nn::Precision /*precision*/, const float* x,
                           size_t x_stride, size_t rows, const uint32_t* variants, float* y,
                           size_t y_stride) const {
  const bool same = blocks_.size() == 1;
  made_->InRuns(x, x_stride, rows, same ? nullptr : variants, y, y_stride,
                [&](const float* from, size_t from_stride,
                    const std::vector<VirtualMatrix::Run>& runs, float* to, size_t to_stride) {
                  for (const VirtualMatrix::Run& run : runs) {
                    const nn::BlockLinear layer = {blocks_[run.variant], made_->bias(run.variant),
                                                   to + run.first * to_stride, to_stride};
                    nn::BlockMatMul(nn::ChooseBlockKernel(), pool, {&layer, 1},
                                    from + run.first * from_stride, from_stride, run.count);
                  }
                });
}

void BlockMatrix::Row(size_t row, uint32_t variant, float* to) const {
  const nn::BlockRows& rows = blocks_[blocks_.size() == 1 ? 0 : variant];
  if (rows.interleave != 0) return made_->Row(row, variant, to);
  DecodeRow(rows, row, to);
}

}  // namespace retemper
