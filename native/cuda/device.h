// What there is of CUDA on this machine. device.cu answers when the kernels are built, no_cuda.cc
// otherwise.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cuda/block_queue.h"

namespace retemper {

// One sentence for `describe()`: the devices, or "none: " and the reason.
std::string DescribeCuda();

struct CudaOptions {
  bool all_devices = false;            // else the first one
  size_t queues = 4;                   // a device, at most; fewer where its memory is short
  std::vector<size_t> buffer_bytes{};  // reserved in each queue, by the number of the buffer
  size_t word_bytes = 0;               // left free on each device, for BlockQueue::NewWords
};

// Opens devices, or throws Fault DEVICE: no driver, an old one, no device, one that is too old, no
// memory, or an earlier error of this process that only its end repairs.
BlockQueues OpenCuda(const CudaOptions& options);

}  // namespace retemper
