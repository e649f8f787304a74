// Methods whose result is a linear combination of the inputs, with coefficients that depend on the
// inputs' inner products only. From the Gram matrix of the vectors (float64) each function gives
// the coefficients; the engine then needs one pass to reduce and one to combine, and a virtual
// merge uses the same coefficients without writing.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "core/exact_math.h"
#include "core/plan.h"
#include "core/status.h"

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

// Spherical linear interpolation (Shoemake, SIGGRAPH 1985) between the whole tensors a (vector 0)
// and b (vector 1). The angle is that of the unit vectors; a vector with norm <= 1e-8 counts as it
// is. Where abs(cosine) exceeds the threshold the arc is a straight line and (1-t) a + t b is
// taken.
inline Coefficients Slerp(const Gram& gram, const SlerpParams& p) {
  const double na = gram.Norm(0), nb = gram.Norm(1);
  double cosine = gram(0, 1);
  if (na > 1e-8) cosine /= na;
  if (nb > 1e-8) cosine /= nb;
  Coefficients result;
  result.cosine = cosine;
  const double angle = exact::Acos(cosine);
  const double sine = exact::Sin(angle);
  if (std::fabs(cosine) > p.threshold || std::fabs(sine) <= 1e-12) {  // a NaN goes on, and stays
    result.straight = true;
    result.values = {1.0 - p.t, p.t};
  } else if (p.t == 0.0 || p.t == 1.0) {
    result.values = {1.0 - p.t, p.t};
  } else {
    result.values = {exact::Sin((1.0 - p.t) * angle) / sine, exact::Sin(p.t * angle) / sine};
  }
  return result;
}

// NuSLERP: slerp with t from two weights, on vectors (or deltas) whose norms are clamped at 1e-7; a
// straight line where the squared sine is at most 1e-16.
inline Coefficients Nuslerp(const Gram& gram, const NuslerpParams& p) {
  const double sum = p.weights[0] + p.weights[1];
  const double t = std::fabs(sum) < 1e-6 ? 0.5 : p.weights[1] / sum;
  const double n0 = std::fmax(gram.Norm(0), 1e-7), n1 = std::fmax(gram.Norm(1), 1e-7);
  double cosine = gram(0, 1) / n0 / n1;
  cosine = cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine;
  Coefficients result;
  result.cosine = cosine;
  if ((1.0 - cosine) * (1.0 + cosine) <= 1e-16) {  // a NaN goes on, and stays
    result.straight = true;
    result.values = {1.0 - t, t};
    return result;
  }
  const double angle = exact::Acos(cosine);
  const double sine = exact::Sin(angle);
  result.values = {exact::Sin((1.0 - t) * angle) / sine, exact::Sin(t * angle) / sine};
  return result;
}

// Multi-SLERP: the weighted mean direction m of the unit vectors, one step along the tangent space
// at m, times the weighted mean norm. All in coordinates of the unit vectors u_i = x_i / (norm +
// eps).
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

// The Karcher (Riemannian) mean on the sphere, with equal weights: log and exp maps until the
// tangent is shorter than tol, times the mean of the norms. Vectors with norm <= tol have no
// direction; their norms count.
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

// Model Stock (Jang et al., arXiv 2403.19522): t = N c / (1 + (N-1) c), c the mean cosine between
// the deltas; the result is t mean(x) + (1-t) base. Coefficients are those of the deltas: base +
// sum (t/N) d_i.
inline Coefficients ModelStock(const Gram& gram) {
  const size_t n = gram.size();
  double cosine = 0;
  size_t pairs = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      const double c = gram(i, j) / std::fmax(gram.Norm(i) * gram.Norm(j), 1e-6);
      cosine += c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c;
      ++pairs;
    }
  }
  cosine /= static_cast<double>(pairs);
  const double count = static_cast<double>(n);
  const double divisor = 1.0 + (count - 1.0) * cosine;
  Coefficients result;
  result.t = std::fabs(divisor) < 1e-6 ? 0.0 : count * cosine / divisor;
  result.values.assign(n, result.t / count);
  return result;
}

}  // namespace retemper::ops
