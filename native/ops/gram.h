// What the methods of ops/combine.h take and give: the inner products of the input vectors, and
// coefficients for them.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace retemper::ops {

// Inner products of n vectors, symmetric.
class Gram {
 public:
  explicit Gram(size_t n) : n_(n), values_(n * n, 0.0) {}
  double operator()(size_t i, size_t j) const { return values_[i * n_ + j]; }
  void Set(size_t i, size_t j, double value) { values_[i * n_ + j] = values_[j * n_ + i] = value; }
  size_t size() const { return n_; }
  double Norm(size_t i) const { return std::sqrt(values_[i * n_ + i]); }

 private:
  size_t n_;
  std::vector<double> values_;
};

struct Coefficients {
  std::vector<double> values;  // one a vector
  bool straight = false;       // took the straight line instead of the arc
  double cosine = 0;           // slerp
  double t = 0;                // model_stock
};

}  // namespace retemper::ops
