// Products of bfloat16 weights by ARM's BFMMLA.
#pragma once

#include "nn/matmul_kernel.h"

namespace retemper::nn {

// Null where the processor, the system or the build does not have it.
const MatMulKernel* NeonBf16Kernel();

}  // namespace retemper::nn
