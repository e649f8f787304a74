// The table of training's kernels on vectors: one entry a loop, filled once per instruction set.
//
// Every result is a sum in an order that its sizes alone decide, so it is the same for any number
// of threads. Targets differ in their last bits, because some fuse products into sums.
#pragma once

#include <cstddef>

#include "nn/vector_kernels.h"

namespace retemper::nn {

struct TrainingKernels {
  const char* name;

  // c[m, n] = (or +=, where `add`) a[m, k] b[k, n]; where `turned`, a lies as [k, m]. Row-major
  // with these strides; c overlaps neither.
  void (*multiply)(bool turned, bool add, size_t m, size_t n, size_t k, const float* a,
                   size_t a_stride, const float* b, size_t b_stride, float* c, size_t c_stride);
  // The gradient of y = x / sqrt(mean(x^2) + epsilon) * weight: dx += ...
  void (*rms_norm_backward)(const float* x, const float* weight, float epsilon, const float* dy,
                            size_t n, float* dx);
  // The same where x loses its mean first.
  void (*layer_norm_backward)(const float* x, const float* weight, float epsilon, const float* dy,
                              size_t n, float* dx);
  // The gradient of f(gate) * up: dy becomes that of up, and gate that of gate. up may be null: 1,
  // and dy is left.
  void (*gate_backward)(Activation f, const float* up, size_t n, float* gate, float* dy);
  // x = e^(x - shift); gives the sum.
  double (*exponentials)(float shift, size_t n, float* x);
  // scores = probabilities * (d - dot)
  void (*softmax_backward)(const float* probabilities, float dot, size_t n, float* d);
  // sum(a b)
  double (*dot)(const float* a, const float* b, size_t n);
};

// The one of the target that ChooseTarget picks, or the next slower one.
const TrainingKernels& ChooseTrainingKernels();

}  // namespace retemper::nn
