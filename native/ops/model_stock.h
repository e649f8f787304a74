// Model Stock (Jang et al., arXiv 2403.19522): t = N c / (1 + (N-1) c), c the mean cosine between
// the deltas; the result is t mean(x) + (1-t) base. Coefficients are those of the deltas: base +
// sum (t/N) d_i.
#pragma once

#include <cmath>

#include "ops/gram.h"

namespace retemper::ops {

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
