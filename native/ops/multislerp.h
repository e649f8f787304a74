// Multi-SLERP: the weighted mean direction m of the unit vectors, one step along the tangent space
// at m, times the weighted mean norm. All in coordinates of the unit vectors u_i = x_i / (norm +
// eps).
#pragma once

#include <cmath>
#include <vector>

#include "core/exact_math.h"
#include "core/plan.h"
#include "core/status.h"
#include "ops/gram.h"

namespace retemper::ops {

inline Coefficients Multislerp(const Gram& gram, const MultislerpParams& p) {
  const size_t n = gram.size();
  std::vector<double> w = p.weights, inverse(n), m(n), tangent(n);
  if (p.normalize_weights) {
    double sum = 0;
    for (const double x : w) sum += x;
    for (double& x : w) x /= sum;
  }
  double radius = 0;
  for (size_t i = 0; i < n; ++i) {
    inverse[i] = 1.0 / (gram.Norm(i) + p.eps);
    radius += w[i] * gram.Norm(i);
  }
  const auto u = [&](size_t i, size_t j) { return gram(i, j) * inverse[i] * inverse[j]; };
  double square = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) square += w[i] * w[j] * u(i, j);
  }
  const double length = std::sqrt(square < 0 ? 0 : square);
  Coefficients result;
  result.values.resize(n);
  if (length < p.eps) {
    if (n != 2) {
      throw Fault(code::kIncompatible,
                  "the weighted mean of the directions is zero, so multislerp of more than two "
                  "models is undefined",
                  {}, {}, "change the weights, or use linear or karcher for these models");
    }
    result.straight = true;
    result.values = w;
    return result;
  }
  for (size_t i = 0; i < n; ++i) m[i] = w[i] / length;
  double along = 0;  // sum over i of w_i (u_i . m)
  for (size_t i = 0; i < n; ++i) {
    double dot = 0;
    for (size_t j = 0; j < n; ++j) dot += m[j] * u(i, j);
    along += w[i] * dot;
  }
  for (size_t i = 0; i < n; ++i) tangent[i] = w[i] - along * m[i];
  double tau = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) tau += tangent[i] * tangent[j] * u(i, j);
  }
  tau = std::sqrt(tau > 0 ? tau : 0) + p.eps;
  const double c = exact::Cos(tau), s = exact::Sin(tau) / tau;
  for (size_t i = 0; i < n; ++i)
    result.values[i] = (m[i] * c + tangent[i] * s) * radius * inverse[i];
  return result;
}

}  // namespace retemper::ops
