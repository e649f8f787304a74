// The loops of the GPU: one grid-stride kernel, compiled for each body.
#include "cuda/launch.h"

namespace retemper {
namespace {

template <class Body>
__global__ void Grid(const __grid_constant__ Body body, uint64_t threads) {
  uint64_t counts = 0;
  const uint64_t stride = uint64_t{gridDim.x} * blockDim.x;
  for (uint64_t i = uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < threads; i += stride) {
    counts += body(i);
  }
  uint64_t* const total = CountsOf(body);
  if (total == nullptr) return;
  // Whole warps arrive here: the launch has only full ones.
  for (int distance = 16; distance > 0; distance /= 2) {
    counts += __shfl_down_sync(0xffffffffu, counts, distance);
  }
  if (threadIdx.x % 32 == 0 && counts != 0) block::AtomicAdd(total, counts);
}

// Elements use the whole device. A few long sums run one warp a processor.
constexpr uint64_t kFew = 8192;
constexpr unsigned kWide = 256, kNarrow = 32;
constexpr uint64_t kMostBlocks = 4096;

}  // namespace

void LaunchBody(const BlockBody& body, uint64_t threads, cudaStream_t stream) {
  const unsigned size = threads <= kFew ? kNarrow : kWide;
  const uint64_t needed = (threads + size - 1) / size;
  const unsigned blocks = static_cast<unsigned>(needed < kMostBlocks ? needed : kMostBlocks);
  std::visit([&](const auto& one) { Grid<<<blocks, size, 0, stream>>>(one, threads); }, body);
}

}  // namespace retemper
