// What follows gradients: their norm, and AdamW's step, on all threads.
#pragma once

#include <cstddef>
#include <span>

#include "nn/context.h"
#include "nn/training_kernels.h"

namespace retemper::nn {

// Arrays of `size` numbers.
struct Parameter {
  size_t size = 0;
  float* values = nullptr;
  float* gradient = nullptr;
  float* first = nullptr;  // moments
  float* second = nullptr;
};

void ClearGradients(Context& context, std::span<const Parameter> parameters);

// Of all together, summed in double in an order of its own.
double GradientNorm(Context& context, std::span<const Parameter> parameters);

void Optimize(Context& context, std::span<const Parameter> parameters, const AdamStep& step);

}  // namespace retemper::nn
