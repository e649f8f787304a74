// Linked when the CUDA kernels are not built; RETEMPER_NO_CUDA_REASON comes from CMakeLists.txt.
#include "core/status.h"
#include "cuda/device.h"

namespace retemper {

std::string DescribeCuda() { return "none: " RETEMPER_NO_CUDA_REASON; }

BlockQueues OpenCuda(const CudaOptions&) {
  throw Fault(code::kDevice, "there is no CUDA device: " RETEMPER_NO_CUDA_REASON, {}, {},
              "merge on the CPU (--device cpu)");
}

}  // namespace retemper
