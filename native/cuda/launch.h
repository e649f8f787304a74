// Starts the kernel of a body (loops.cu). For .cu files only.
#pragma once

#include <cuda_runtime.h>

#include "cuda/block_queue.h"

namespace retemper {

void LaunchBody(const BlockBody& body, uint64_t threads, cudaStream_t stream);

}  // namespace retemper
