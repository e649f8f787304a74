// Spherical linear interpolation (Shoemake, SIGGRAPH 1985) between the whole tensors a (vector 0)
// and b (vector 1). The angle is that of the unit vectors; a vector with norm <= 1e-8 counts as it
// is. Where abs(cosine) exceeds the threshold the arc is a straight line and (1-t) a + t b is
// taken.
#pragma once

#include <cmath>

#include "core/exact_math.h"
#include "core/plan.h"
#include "ops/gram.h"

namespace retemper::ops {

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

}  // namespace retemper::ops
