// A weight of a virtual merge in blocks of GGUF's formats, multiplied as they are: those that it
// takes from a GGUF file as it is, or those that were made when it was opened.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "nn/block_matmul.h"
#include "virtual/virtual_matrix.h"

namespace retemper {

// Stored rows of `range`, wherever they lie: of rows [in, out] where `in_major`, as blocks have
// them the other way round.
nn::BlockRows RowsOf(const nn::StoredRange& range, bool in_major, BlockFormat format);
// An output's weights as numbers, of rows that are packed, or stored in order.
void DecodeRow(const nn::BlockRows& rows, size_t out, float* to);

class BlockMatrix final : public nn::WeightSource {
 public:
  // Where the blocks of `range` lie, by variant. Nothing where they are not held, and it is no
  // mapped blocks alone (merged, rounded, with an adapter), or has its inputs along the stored
  // columns.
  static std::vector<nn::BlockRows> BlocksOf(const VirtualTensors& tensors,
                                             const nn::StoredRange& range, bool in_major);

  // `made` gives gradients and the biases.
  BlockMatrix(std::unique_ptr<VirtualMatrix> made, std::vector<nn::BlockRows> blocks);

  size_t out() const override { return made_->out(); }
  size_t in() const override { return made_->in(); }
  void Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                size_t rows, const uint32_t* variants, float* y, size_t y_stride) const override;
  void MultiplyBackward(nn::Pool& pool, nn::Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t* variants, float* dx,
                        size_t dx_stride) const override {
    made_->MultiplyBackward(pool, precision, dy, dy_stride, rows, variants, dx, dx_stride);
  }
  std::optional<nn::BlockLinear> Blocks() const override {
    if (blocks_.size() != 1) return std::nullopt;
    return nn::BlockLinear{blocks_[0], made_->bias(0), nullptr, 0};
  }
  void Row(size_t row, uint32_t variant, float* to) const override;

 private:
  std::unique_ptr<VirtualMatrix> made_;
  std::vector<nn::BlockRows> blocks_;  // by variant
};

}  // namespace retemper
