// The one way in which CUDA's error codes become faults. For .cu files only.
#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "core/status.h"
#include "cuda/block_queue.h"

namespace retemper {

// Throws Fault DEVICE unless `error` is cudaSuccess; `doing` completes "CUDA failed while ...".
// After an error that the driver cannot get over, every later OpenCuda of this process refuses: the
// context answers each call with the same error, whatever is asked.
void CheckCuda(cudaError_t error, const char* doing);

// True once such an error happened.
bool CudaIsBroken();

// `device` is the system's number, `position` the one among the merge's devices.
std::unique_ptr<BlockQueue> MakeCudaQueue(int device, int position);

}  // namespace retemper
