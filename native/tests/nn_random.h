// Random numbers for the native tests: a fixed stream, and normal values of it.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace retemper::test {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // SplitMix64
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t Below(size_t n) { return static_cast<size_t>(Next() % n); }
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1p-53; }
  float Normal() {
    return static_cast<float>(std::sqrt(-2 * std::log(Uniform())) *
                              std::cos(6.283185307179586 * Uniform()));
  }
  std::vector<float> Normals(size_t n, float scale = 1.0f) {
    std::vector<float> values(n);
    for (float& value : values) value = Normal() * scale;
    return values;
  }

 private:
  uint64_t state_;
};

}  // namespace retemper::test
