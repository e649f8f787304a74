// A weight of a virtual merge as the operations hold it: evaluated in the way that its variants
// have in common, which may be another one once a variant was added.
#pragma once

#include <memory>
#include <optional>

#include "virtual/virtual_tensors.h"

namespace retemper {

class VariedMatrix final : public nn::WeightSource {
 public:
  // Throws as VirtualTensors::Matrix does.
  VariedMatrix(std::shared_ptr<const VirtualTensors> tensors, const nn::StoredRange& range,
               bool in_major, std::optional<nn::WeightVector> bias);
  ~VariedMatrix() override;
  VariedMatrix(const VariedMatrix&) = delete;
  VariedMatrix& operator=(const VariedMatrix&) = delete;

  // Takes a variant that the tensors have been given.
  void Set(uint32_t variant);

  size_t out() const override { return inner_->out(); }
  size_t in() const override { return inner_->in(); }
  void Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                size_t rows, const uint32_t* variants, float* y, size_t y_stride) const override {
    inner_->Multiply(pool, precision, x, x_stride, rows, variants, y, y_stride);
  }
  bool MultiplyTogether(nn::Pool& pool, nn::Precision precision,
                        std::span<const nn::SharedProduct> products, const float* x,
                        size_t x_stride, size_t rows, const uint32_t* variants) const override;
  void MultiplyBackward(nn::Pool& pool, nn::Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t* variants, float* dx,
                        size_t dx_stride) const override {
    inner_->MultiplyBackward(pool, precision, dy, dy_stride, rows, variants, dx, dx_stride);
  }
  std::optional<nn::Linear> Plain() const override { return inner_->Plain(); }
  std::optional<nn::BlockLinear> Blocks() const override { return inner_->Blocks(); }
  void Row(size_t row, uint32_t variant, float* to) const override {
    inner_->Row(row, variant, to);
  }

 private:
  std::shared_ptr<const VirtualTensors> tensors_;
  const nn::StoredRange range_;
  const bool in_major_;
  const std::optional<nn::WeightVector> bias_;
  std::unique_ptr<nn::WeightSource> inner_;
};

}  // namespace retemper
