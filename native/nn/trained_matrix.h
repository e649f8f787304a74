// A matrix of the model with what is trained beside it: a low-rank term (Hu et al., "LoRA",
// arXiv:2106.09685), which may have dropout and magnitudes (Liu et al., "DoRA", arXiv:2402.09353).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "nn/context.h"
#include "nn/training_kernels.h"
#include "nn/weights.h"

namespace retemper::nn {

// y = x W^T + scale (drop(x) A^T) B^T + bias; none where a is null. With magnitudes m and the
// lengths c of the rows of W + scale B A, which are no part of any gradient:
// y = m / c (drop(x) W^T + scale (drop(x) A^T) B^T) + (x - drop(x)) W^T + bias.
struct LowRank {
  size_t rank = 0;
  float scale = 0;
  const float* a = nullptr;  // [rank, in]
  const float* b = nullptr;  // [out, rank]
  float* da = nullptr;       // gradients, which are added to; may be null going forward
  float* db = nullptr;
  const float* magnitudes = nullptr;  // [out]; may be null
  const float* lengths = nullptr;     // [out]
  float* d_magnitudes = nullptr;
  Dropout dropout;

  bool drops() const { return a != nullptr && dropout.limit > 0; }
};

class TrainedMatrix {
 public:
  explicit TrainedMatrix(std::unique_ptr<WeightSource> weight) : weight_(std::move(weight)) {}
  size_t in() const { return weight_->in(); }
  size_t out() const { return weight_->out(); }
  const WeightSource& weight() const { return *weight_; }

  void Forward(Context& context, const float* x, size_t rows, const LowRank& term, float* y,
               size_t y_stride) const;
  // y, which holds x W^T + bias already, becomes what Forward gives.
  void Complete(Context& context, const float* x, size_t rows, const LowRank& term, float* y,
                size_t y_stride) const;
  // dx is added to where `add`.
  void Backward(Context& context, const float* x, const float* dy, size_t dy_stride, size_t rows,
                const LowRank& term, bool add, float* dx) const;
  // lengths = those of the rows of W + scale B A; `squares`: of W's rows, squared. Without making
  // the sum: its square is |w|^2 + 2 s b (W A^T) + s^2 b (A A^T) b^T.
  void Measure(Context& context, const LowRank& term, const float* squares, float* lengths) const;

 private:
  // to = x W^T, without bias.
  void Bare(Context& context, const float* x, size_t rows, float* to) const;
  void BackwardOfWeight(Context& context, const float* dy, size_t dy_stride, size_t rows, bool add,
                        float* dx) const;
  const float* bias() const;

  std::unique_ptr<WeightSource> weight_;
};

struct TrainedProduct {
  const TrainedMatrix* matrix = nullptr;
  const LowRank* term = nullptr;
  float* y = nullptr;
  size_t y_stride = 0;
};
// Several products of the same x: the same bits as one after the other, but sooner.
void ForwardAll(Context& context, std::span<const TrainedProduct> products, const float* x,
                size_t rows);

}  // namespace retemper::nn
