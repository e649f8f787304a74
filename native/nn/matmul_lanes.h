// Products by vectors, on every processor.
#pragma once

#include <vector>

#include "nn/matmul_kernel.h"

namespace retemper::nn {

// Slowest first; all but "avx512_bf16" handle everything.
std::vector<const MatMulKernel*> LaneKernels();

}  // namespace retemper::nn
