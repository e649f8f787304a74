// A weight that is a weighted sum of stored matrices and low-rank terms: the products are summed
// instead of the weights, so that rows of all variants share them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/training_kernels.h"
#include "virtual/virtual_matrix.h"

namespace retemper {

// y = sum_m factors[m] (matrices[m] x) + sum_t factors[M + t] left (right x), with the factors of a
// variant, and blocks in place of matrices where there are any
struct SumOfProducts {
  struct LowRankTerm {
    nn::Matrix right;  // [rank, in]
    nn::Matrix left;   // [out, rank]
  };
  // Where the plan puts matrices into blocks, these are multiplied in place of `matrices`.
  struct BlockSource {
    Part part;           // what becomes blocks
    nn::BlockRows rows;  // where they lie; no data before they are made
  };
  std::vector<nn::Matrix> matrices;
  std::vector<BlockSource> blocks;
  std::vector<LowRankTerm> terms;
  // What a variant is a sum of.
  struct Mix {
    std::vector<float> factors;  // one a matrix, then one a term
    // Those that are not 0, in the order of the variant's own sources, in which they are summed: a
    // result does not depend on the variants that were there before.
    std::vector<size_t> matrices, terms;
  };
  std::vector<Mix> mixes;  // by variant

  size_t Matrices() const { return matrices.size() + blocks.size(); }

  // Nothing where the weight is no such sum: a method that is not linear, values that are rounded
  // first, rows of another vocabulary, DoRA.
  static std::optional<SumOfProducts> Of(const VirtualTensors& tensors,
                                         const nn::StoredRange& range, bool in_major);
  // Takes the factors of a variant that is new, or another one than before. False, and nothing is
  // changed, where it is no such sum, or one of other matrices and terms.
  bool Set(const VirtualTensors& tensors, const nn::StoredRange& range, bool in_major,
           uint32_t variant);

 private:
  struct Factor {
    bool term;
    size_t place;
    double value;
  };
  // Of what a task makes; adds matrices and terms that are not there. Nothing where it is no sum.
  // `again`: as StoredAsItIs has it.
  std::optional<std::vector<Factor>> FactorsOf(const VirtualTensors& tensors,
                                               const nn::StoredRange& range, bool in_major,
                                               const Made& made, bool again);
  Mix MixOf(const std::vector<Factor>& own) const;
};

class SumMatrix final : public nn::WeightSource {
 public:
  // `made` gives single rows, and the biases. Factors of terms are copied, as float32.
  SumMatrix(std::unique_ptr<VirtualMatrix> made, SumOfProducts sum);

  size_t out() const override { return made_->out(); }
  size_t in() const override { return made_->in(); }
  void Multiply(nn::Pool& pool, nn::Precision precision, const float* x, size_t x_stride,
                size_t rows, const uint32_t* variants, float* y, size_t y_stride) const override {
    const nn::SharedProduct product = {this, y, y_stride};
    MultiplyTogether(pool, precision, {&product, 1}, x, x_stride, rows, variants);
  }
  // Of sums alone: activations are packed once for all matrices, and each step is one for all.
  bool MultiplyTogether(nn::Pool& pool, nn::Precision precision,
                        std::span<const nn::SharedProduct> products, const float* x,
                        size_t x_stride, size_t rows, const uint32_t* variants) const override;
  void MultiplyBackward(nn::Pool& pool, nn::Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t* variants, float* dx,
                        size_t dx_stride) const override {
    made_->MultiplyBackward(pool, precision, dy, dy_stride, rows, variants, dx, dx_stride);
  }
  // Of blocks, the sum of their rows and the terms; else as the merge makes it.
  void Row(size_t row, uint32_t variant, float* to) const override;
  // As SumOfProducts has it.
  bool Set(const nn::StoredRange& range, bool in_major, uint32_t variant) {
    return sum_.Set(made_->tensors(), range, in_major, variant);
  }

 private:
  // A product in work.
  struct Work {
    const SumMatrix* weight;
    float* y;
    size_t y_stride;
    float* products;  // of all matrices but the first, [rows, out] each
    float* inner;     // factor right x of all terms, [rows, ranks]
  };
  struct Part {
    size_t first_row, end_row, first_out, end_out;
  };
  // The layers of the matrices: the first one's product lands in y, where the others are added.
  void AddLayers(const Work& work, size_t rows, std::vector<nn::Linear>& layers,
                 std::vector<nn::BlockLinear>& blocks) const;
  // Rows of `inner`.
  void Lower(const float* x, size_t x_stride, size_t first_row, size_t end_row,
             const uint32_t* variants, float* inner) const;
  // A part of y, which holds the first matrix's product, becomes the sum.
  void Complete(const Work& work, const Part& part, size_t rows, const uint32_t* variants) const;

  const SumOfProducts::Mix& MixOf(const uint32_t* variants, size_t row) const {
    return sum_.mixes[variants == nullptr ? 0 : variants[row]];
  }

  std::unique_ptr<VirtualMatrix> made_;
  SumOfProducts sum_;
  const nn::TrainingKernels& kernels_;
  size_t ranks_ = 0;            // of all terms
  std::vector<size_t> before_;  // ranks of the terms before each
  std::vector<float> rights_;   // [ranks, in]: the right factors, one below the other
  std::vector<float> lefts_;    // [ranks, out]: the left factors likewise
};

}  // namespace retemper
