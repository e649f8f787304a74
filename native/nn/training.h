// The operations of a decoder as training runs them: forward, and the gradients of what enters them
// and of low-rank terms beside their matrices (Hu et al., "LoRA", arXiv:2106.09685).
//
// What can be computed again is not kept: a gradient's function takes what the forward one took.
// Activations are float32 [rows, features], row-major; gradients of activations are overwritten,
// those of terms added to. Sums have an order that does not depend on the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/context.h"
#include "nn/operations.h"
#include "nn/trained_matrix.h"
#include "nn/training_kernels.h"
#include "nn/weights.h"

namespace retemper::nn {

// dx += the gradient of the norm of each row.
void NormBackward(Context& context, const Norm& norm, const float* x, const float* dy, size_t rows,
                  float* dx);

// Project, Output and Mlp of operations.h with a term beside each matrix, in the order in which
// they are named here. Rows need no step.
class TrainedProject {
 public:
  TrainedProject(std::optional<Norm> norm, std::vector<TrainedMatrix> matrices);
  size_t in() const { return matrices_.front().in(); }
  size_t out() const { return out_; }
  // In the order of their terms.
  std::vector<const TrainedMatrix*> matrices() const;
  void Forward(Context& context, const float* x, size_t rows, std::span<const LowRank> terms,
               float* y) const;
  void Backward(Context& context, const float* x, size_t rows, std::span<const LowRank> terms,
                const float* dy, float* dx) const;

 private:
  std::optional<Norm> norm_;
  std::vector<TrainedMatrix> matrices_;
  size_t out_ = 0;
};

// The gradient of the residual is dy itself.
class TrainedOutput {
 public:
  TrainedOutput(TrainedMatrix matrix, std::optional<Norm> post_norm);
  size_t in() const { return matrix_.in(); }
  size_t out() const { return matrix_.out(); }
  std::vector<const TrainedMatrix*> matrices() const { return {&matrix_}; }
  void Forward(Context& context, const float* x, const float* residual, size_t rows,
               const LowRank& term, float* y) const;
  void Backward(Context& context, const float* x, size_t rows, const LowRank& term, const float* dy,
                float* dx) const;

 private:
  TrainedMatrix matrix_;
  std::optional<Norm> post_norm_;
};

// Terms: of gate (where there is one), up and down.
class TrainedMlp {
 public:
  TrainedMlp(Norm norm, std::optional<TrainedMatrix> gate, TrainedMatrix up, TrainedMatrix down,
             Activation activation, std::optional<Norm> post_norm);
  size_t size() const { return norm_.size(); }
  std::vector<const TrainedMatrix*> matrices() const;
  // Numbers of `kept`, a row: results of up and gate, which the way back needs.
  size_t kept() const { return up_.out() * (gate_ ? 2 : 1); }
  // `kept` [rows * kept()] may be null going forward; the way back overwrites it.
  void Forward(Context& context, const float* x, size_t rows, std::span<const LowRank> terms,
               float* kept, float* y) const;
  void Backward(Context& context, const float* x, size_t rows, std::span<const LowRank> terms,
                float* kept, const float* dy, float* dx) const;

 private:
  float* Product(Context& context, const float* gate, const float* up, size_t rows) const;

  Norm norm_;
  std::optional<TrainedMatrix> gate_;
  TrainedMatrix up_;
  TrainedMatrix down_;
  Activation activation_;
  std::optional<Norm> post_norm_;
};

struct HeadLoss {
  double sum = 0;  // of -log p(target)
};

// The loss of a head, and `weight` times its gradient in dx [rows, in], which is overwritten (not
// where it is null). Works in blocks of rows: logits of all rows are never in memory.
HeadLoss RunHeadLoss(Context& context, const Norm& norm, const WeightSource& matrix, float softcap,
                     const float* x, size_t rows, std::span<const int32_t> wanted,
                     std::span<const int32_t> targets, float weight, float* dx);

}  // namespace retemper::nn
