// Products on the tile unit of recent Intel processors (AMX), for bfloat16 weights.
#pragma once

#include "nn/matmul_kernel.h"

namespace retemper::nn {

// Null where the processor, the system or the build does not have it.
const MatMulKernel* AmxKernel();

}  // namespace retemper::nn
