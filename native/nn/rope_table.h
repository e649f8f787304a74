// Cosines and sines of rotary positions, made once for each position that is met.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace retemper::nn {

// For pair i at position p: cos and sin of float(p * inverse_frequencies[i]), times magnitude. The
// angle is rounded to float32 first, as models were trained with it (Su et al., "RoFormer",
// arXiv:2104.09864).
class RopeTable {
 public:
  RopeTable(std::vector<float> inverse_frequencies, float magnitude)
      : inverse_frequencies_(std::move(inverse_frequencies)), magnitude_(magnitude) {}

  bool Is(const std::vector<float>& inverse_frequencies, float magnitude) const {
    return inverse_frequencies_ == inverse_frequencies && magnitude_ == magnitude;
  }
  size_t half() const { return inverse_frequencies_.size(); }
  // Makes the entries of all positions below `positions`.
  void Grow(size_t positions);
  const float* Cosines(size_t position) const {
    return blocks_[position / kBlock].get() + position % kBlock * 2 * half();
  }
  const float* Sines(size_t position) const { return Cosines(position) + half(); }

 private:
  static constexpr size_t kBlock = 16;  // positions

  std::vector<float> inverse_frequencies_;
  float magnitude_;
  std::vector<std::unique_ptr<float[]>> blocks_;
};

}  // namespace retemper::nn
