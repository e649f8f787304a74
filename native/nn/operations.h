// The fused operations of a decoder but for attention (attend.h), as lib/nn/ops/specs.ts
// defines them. Each is made once from its weights and then runs on the rows of a context's step.
//
// Activations are float32 [rows, features], row-major; inputs and outputs do not overlap. A row's
// result depends on that row alone, to the bit. What runs throws USAGE for numbers of rows that do
// not fit the step, before anything is computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "nn/context.h"
#include "nn/weights.h"

namespace retemper::nn {

// rms: x / sqrt(mean(x^2) + epsilon) * weight (Zhang & Sennrich, arXiv:1910.07467); layer: x with
// its mean taken off and its variance in place of mean(x^2), plus bias (Ba et al.,
// arXiv:1607.06450).
struct Norm {
  bool layer = false;
  WeightVector weight;  // with the 1 of Gemma's norms already added
  std::optional<WeightVector> bias;
  float epsilon = 0;

  size_t size() const { return weight.size(); }
  // x and y may be the same.
  void Apply(const VectorKernels& kernels, const float* x, uint32_t variant, float* y) const;
};

// y = table[id] * scale + positions[position]
class Embed {
 public:
  Embed(std::unique_ptr<WeightSource> table, std::unique_ptr<WeightSource> positions, float scale);
  size_t out() const { return table_->in(); }
  void Run(Context& context, float* y) const;

 private:
  std::unique_ptr<WeightSource> table_;
  std::unique_ptr<WeightSource> positions_;  // or null
  float scale_;
};

// The norm of x times each matrix, results side by side.
class Project {
 public:
  Project(std::optional<Norm> norm, std::vector<std::unique_ptr<WeightSource>> matrices);
  size_t in() const { return matrices_.front()->in(); }
  size_t out() const { return out_; }
  void Run(Context& context, const float* x, size_t rows, float* y) const;

 private:
  std::optional<Norm> norm_;
  std::vector<std::unique_ptr<WeightSource>> matrices_;
  size_t out_ = 0;
};

// y = residual + post_norm(W x)
class Output {
 public:
  Output(std::unique_ptr<WeightSource> matrix, std::optional<Norm> post_norm);
  size_t in() const { return matrix_->in(); }
  size_t out() const { return matrix_->out(); }
  void Run(Context& context, const float* x, const float* residual, size_t rows, float* y) const;

 private:
  std::unique_ptr<WeightSource> matrix_;
  std::optional<Norm> post_norm_;
};

// y = x + post_norm(down(f(gate n) * up n)), n = norm(x); without gate: down(f(up n)).
class Mlp {
 public:
  Mlp(Norm norm, std::unique_ptr<WeightSource> gate, std::unique_ptr<WeightSource> up,
      std::unique_ptr<WeightSource> down, Activation activation, std::optional<Norm> post_norm);
  size_t size() const { return norm_.size(); }
  void Run(Context& context, const float* x, size_t rows, float* y) const;

 private:
  Norm norm_;
  std::unique_ptr<WeightSource> gate_;  // or null
  std::unique_ptr<WeightSource> up_;
  std::unique_ptr<WeightSource> down_;
  Activation activation_;
  std::optional<Norm> post_norm_;
};

// Of the rows that `wanted` lists: W norm(x), then cap tanh(y / cap) where softcap is not 0.
class Head {
 public:
  Head(Norm norm, std::unique_ptr<WeightSource> matrix, float softcap);
  size_t in() const { return matrix_->in(); }
  size_t out() const { return matrix_->out(); }
  // Throws USAGE for an index that is not below `rows`.
  static void CheckWanted(const int32_t* wanted, size_t count, size_t rows);
  // y: [count, out]. Throws what CheckWanted throws.
  void Run(Context& context, const float* x, size_t rows, const int32_t* wanted, size_t count,
           float* y) const;

 private:
  Norm norm_;
  std::unique_ptr<WeightSource> matrix_;
  float softcap_;
};

}  // namespace retemper::nn
