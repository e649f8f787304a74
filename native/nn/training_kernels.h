// The table of training's kernels on vectors: one entry a loop, filled once per instruction set.
//
// Every result is a sum in an order that its sizes alone decide, so it is the same for any number
// of threads. Targets differ in their last bits, because some fuse products into sums.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/vector_kernels.h"

namespace retemper::nn {

// Which elements of an activation are left out: element i where the number of a counter-based
// generator (the output function of Steele et al., "SplitMix", 2014) is below `limit`.
struct Dropout {
  uint32_t state = 0;
  uint32_t limit = 0;  // of 2^32; 0: nothing is left out
  float kept = 1;      // multiplies the others
};

// values = kept values - stride m / (sqrt(v) / root + epsilon), m and v the moments after gradient
// times `factor` was added.
struct AdamStep {
  float factor = 1;
  float beta1 = 0, beta2 = 0;
  float rest1 = 1, rest2 = 1;  // 1 - beta, rounded once
  float kept = 1;              // 1 - rate * weight decay
  float stride = 0;            // rate / (1 - beta1^step)
  float root = 1;              // sqrt(1 - beta2^step)
  float epsilon = 0;
};

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
  // low[r, j] = factor sum(x[r, i] a[j, i]) for few j: x [rows, n] with a stride, a [rank, n], low
  // [rows, rank].
  void (*lower)(size_t rows, size_t n, size_t rank, float factor, const float* x, size_t x_stride,
                const float* a, float* low);
  // to[i] = x[i] times what element first + i of an activation is multiplied by; may be the same.
  void (*drop)(const Dropout& dropout, size_t first, size_t n, const float* x, float* to);
  // One step of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) on n parameters.
  void (*adam)(const AdamStep& step, size_t n, const float* gradient, float* values, float* first,
               float* second);
};

// The table of the same target, or of the next slower one.
const TrainingKernels& TrainingKernelsOf(const VectorKernels& kernels);

}  // namespace retemper::nn
