// Linked when the CUDA kernels are not built; RETEMPER_NO_CUDA_REASON comes from CMakeLists.txt.
#include "cuda/device.h"

namespace retemper {

std::string DescribeCuda() { return "none: " RETEMPER_NO_CUDA_REASON; }

}  // namespace retemper
