// The Karcher (Riemannian) mean on the sphere, with equal weights: log and exp maps until the
// tangent is shorter than tol, times the mean of the norms. Vectors with norm <= tol have no
// direction; their norms count.
#pragma once

#include <cmath>
#include <vector>

#include "core/exact_math.h"
#include "core/plan.h"
#include "ops/gram.h"

namespace retemper::ops {

inline Coefficients Karcher(const Gram& gram, const KarcherParams& p) {
  const size_t n = gram.size();
  Coefficients result;
  result.values.assign(n, 0.0);
  double mean_norm = 0;
  std::vector<size_t> live;
  std::vector<double> inverse(n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    mean_norm += gram.Norm(i) / static_cast<double>(n);
    if (gram.Norm(i) > p.tol) {
      live.push_back(i);
      inverse[i] = 1.0 / gram.Norm(i);
    }
  }
  if (live.empty()) return result;
  const auto u = [&](size_t i, size_t j) { return gram(i, j) * inverse[i] * inverse[j]; };
  const auto dot = [&](const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (const size_t i : live) {
      for (const size_t j : live) sum += x[i] * y[j] * u(i, j);
    }
    return sum;
  };
  const double share = 1.0 / static_cast<double>(live.size());
  std::vector<double> m(n, 0.0);
  for (const size_t i : live) m[i] = share;
  double length = std::sqrt(std::fmax(dot(m, m), 0.0));
  if (length < p.tol) {
    m.assign(n, 0.0);
    m[live.front()] = 1.0;
  } else {
    for (const size_t i : live) m[i] /= length;
  }
  for (int step = 0; step < p.max_iter; ++step) {
    std::vector<double> tangent(n, 0.0);
    for (const size_t i : live) {
      double c = 0;
      for (const size_t j : live) c += m[j] * u(i, j);
      c = c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c;
      const double angle = exact::Acos(c);
      const double sine = exact::Sin(angle);
      // No direction leads to the opposite point more than any other: such a vector does not pull.
      if (angle < p.tol || c < -1.0 + 1e-10) continue;
      const double factor = share * angle / sine;
      tangent[i] += factor;
      for (const size_t j : live) tangent[j] -= factor * c * m[j];
    }
    const double size = std::sqrt(std::fmax(dot(tangent, tangent), 0.0));
    if (size < p.tol) break;
    const double c = exact::Cos(size), s = exact::Sin(size) / size;
    for (const size_t j : live) m[j] = c * m[j] + s * tangent[j];
    length = std::sqrt(std::fmax(dot(m, m), 0.0));
    if (length > 0) {
      for (const size_t j : live) m[j] /= length;
    }
  }
  for (const size_t i : live) result.values[i] = m[i] * inverse[i] * mean_norm;
  return result;
}

}  // namespace retemper::ops
