// A weight of a virtual merge, which has no files: pieces of it are made for the variants that the
// rows need, rounded as a written merge has them, and multiplied while they are in the cache. The
// bits are those of the written checkpoint: the pieces come from the engine's own last phase, and a
// product's order of summation does not depend on how it is cut.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "virtual/virtual_tensors.h"

namespace retemper {

class VirtualMatrix final : public nn::WeightSource {
 public:
  // Throws INCOMPATIBLE for a result that is not bf16, f16 or f32, and BAD_INPUT for a tensor that
  // the merge does not have.
  VirtualMatrix(std::shared_ptr<const VirtualTensors> tensors, const nn::StoredRange& range,
                bool in_major, std::optional<nn::WeightVector> bias);

  // Takes a variant that the tensors have been given; throws as the constructor does. `range` is
  // the constructor's.
  void Set(const nn::StoredRange& range, uint32_t variant);

  size_t out() const override { return out_; }
  size_t in() const override { return in_; }
  void Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                size_t rows, const uint32_t* variants, float* y, size_t y_stride) const override;
  // Throws USAGE where the weights are neither held nor stored: they lie nowhere whole.
  void MultiplyBackward(nn::Pool& pool, nn::Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t* variants, float* dx,
                        size_t dx_stride) const override;
  // Not of what is held in blocks.
  void Row(size_t row, uint32_t variant, float* to) const override;
  // Reads in what is multiplied as it is stored, before the first product.
  void ReadIn() const;

  // The rows of one variant, side by side.
  struct Run {
    uint32_t variant;
    size_t first, count;
  };
  using MultiplyRunsOf = std::function<void(
      const float* x, size_t x_stride, const std::vector<Run>& runs, float* y, size_t y_stride)>;
  // Has rows multiplied of which those of a variant stand side by side: in scratch memory, where
  // they do not so already. `variants` as Multiply has them.
  void InRuns(const float* x, size_t x_stride, size_t rows, const uint32_t* variants, float* y,
              size_t y_stride, const MultiplyRunsOf& multiply) const;

  const VirtualTensors& tensors() const { return *tensors_; }
  const float* bias(uint32_t variant) const { return bias_ ? bias_->Of(variant) : nullptr; }

 private:
  // Throws as the constructor does for what a task makes.
  void Check(const nn::StoredRange& range, size_t task) const;
  // The matrix of a variant, where it lies somewhere: held, or stored and copied only.
  std::optional<nn::Matrix> Lying(uint32_t variant) const;
  // What a task copies as it is stored; `again` as StoredAsItIs has it.
  std::optional<nn::Matrix> Stored(const TensorSpec& spec, bool again) const;

  void MultiplyRuns(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                    const std::vector<Run>& runs, float* y, size_t y_stride) const;
  void MultiplyMade(nn::Pool& pool, nn::Precision precision, size_t task, const float* x,
                    size_t x_stride, const std::vector<Run>& runs, float* y, size_t y_stride) const;

  std::shared_ptr<const VirtualTensors> tensors_;
  const std::vector<Made>& made_;  // by variant; the tensors', which may get others
  size_t out_, in_, first_row_;
  bool in_major_;
  std::optional<nn::WeightVector> bias_;
};

// Whether a tensor's task gives what one input stores, as it is stored.
bool IsPlainCopy(const TensorSpec& spec);

// A part that is used as it is stored; nothing where something is to be done to it, or where it is
// not mapped and aligned. It is read in here, or, where it was before (`again`), when it is used.
std::optional<nn::Matrix> StoredAsItIs(const VirtualTensors& tensors, const Range& range,
                                       size_t out, size_t in, bool in_major, size_t first_row,
                                       bool again);

}  // namespace retemper
