// NuSLERP: slerp with t from two weights, on vectors (or deltas) whose norms are clamped at 1e-7; a
// straight line where the squared sine is at most 1e-16.
#pragma once

#include <cmath>

#include "core/exact_math.h"
#include "core/plan.h"
#include "ops/gram.h"

namespace retemper::ops {

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

}  // namespace retemper::ops
