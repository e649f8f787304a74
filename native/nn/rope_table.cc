#include "nn/rope_table.h"

#include <cmath>

namespace retemper::nn {

void RopeTable::Grow(size_t positions) {
  while (blocks_.size() * kBlock < positions) {
    auto block = std::make_unique<float[]>(kBlock * 2 * half());
    const size_t first = blocks_.size() * kBlock;
    for (size_t p = 0; p < kBlock; ++p) {
      float* cosines = block.get() + p * 2 * half();
      float* sines = cosines + half();
      for (size_t i = 0; i < half(); ++i) {
        const float angle = static_cast<float>(first + p) * inverse_frequencies_[i];
        cosines[i] = static_cast<float>(std::cos(static_cast<double>(angle))) * magnitude_;
        sines[i] = static_cast<float>(std::sin(static_cast<double>(angle))) * magnitude_;
      }
    }
    blocks_.push_back(std::move(block));
  }
}

}  // namespace retemper::nn
