// What there is of CUDA on this machine. device.cu answers when the kernels are built, no_cuda.cc
// otherwise.
#pragma once
#include <string>

namespace retemper {

// One sentence for `describe()`: the device in use, or why there is none.
std::string DescribeCuda();

}  // namespace retemper
