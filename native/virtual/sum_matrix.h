// A weight that is a weighted sum of stored matrices and low-rank terms: the products are summed
// instead of the weights, so that rows of all variants share them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "virtual/virtual_matrix.h"

namespace retemper {

// y = sum_m factors[variant][m] (matrices[m] x) + sum_t factors[variant][M + t] left (right x)
struct SumOfProducts {
  struct LowRankTerm {
    nn::Matrix right;  // [rank, in]
    nn::Matrix left;   // [out, rank]
  };
  std::vector<nn::Matrix> matrices;
  std::vector<LowRankTerm> terms;
  std::vector<std::vector<float>> factors;  // by variant: one a matrix, then one a term

  // Nothing where the weight is no such sum: a method that is not linear, values that are rounded
  // first, rows of another vocabulary, DoRA.
  static std::optional<SumOfProducts> Of(const VirtualTensors& tensors,
                                         const nn::StoredRange& range, bool in_major);
};

class SumMatrix final : public nn::WeightSource {
 public:
  // `made` gives single rows, and the biases.
  SumMatrix(std::unique_ptr<VirtualMatrix> made, SumOfProducts sum)
      : made_(std::move(made)), sum_(std::move(sum)) {}

  size_t out() const override { return made_->out(); }
  size_t in() const override { return made_->in(); }
  void Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                size_t rows, const uint32_t* variants, float* y, size_t y_stride) const override;
  void MultiplyBackward(nn::Pool& pool, nn::Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t* variants, float* dx,
                        size_t dx_stride) const override {
    made_->MultiplyBackward(pool, precision, dy, dy_stride, rows, variants, dx, dx_stride);
  }
  void Row(size_t row, uint32_t variant, float* to) const override { made_->Row(row, variant, to); }

 private:
  std::unique_ptr<VirtualMatrix> made_;
  SumOfProducts sum_;
};

}  // namespace retemper
