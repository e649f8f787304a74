// Elementary functions in float64 made of additions and multiplications only.
//
// The C library picks its own variants of exp and sin by instruction set, which would make the
// bytes of a merge depend on the machine. These are accurate to about 2 ulp of a double, far below
// float32's last place.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "core/host_device.h"

namespace retemper::exact {

inline constexpr double kLn2High = 0x1.62e42fefa0000p-1;
inline constexpr double kLn2Low = 0x1.cf79abc9e3b39p-40;
inline constexpr double kPiHalfHigh = 0x1.921fb54442d18p+0;
// The first 33 bits of pi / 2, so that small multiples are exact, and the rest.
inline constexpr double kPiHalfShort = 0x1.921fb54400000p+0;
inline constexpr double kPiHalfRest = 0x1.0b4611a626331p-34;
inline constexpr double kPiHalfLow = 0x1.1a62633145c07p-54;

// e^x. Clamped to [-745, 709]; written without branches so that loops over it vectorise.
RETEMPER_HD double Exp(double x) {
  double clamped = x > 709.0 ? 709.0 : x;
  clamped = clamped < -708.0 ? -708.0 : clamped;
  constexpr double kShift = 0x1.8p52;
  const double shifted =
      clamped * 0x1.71547652b82fep+0 + kShift;  // x / ln 2, rounded in the low bits
  const double k = shifted - kShift;
  const double r = (clamped - k * kLn2High) - k * kLn2Low;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const uint64_t exponent = (std::bit_cast<uint64_t>(shifted) + 1023) << 52;
  const double result = p * std::bit_cast<double>(exponent);
  return x != x ? x : result;
}

// Natural logarithm of a positive, normal x.
RETEMPER_HD double Log(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  // Split x = m 2^e with m in [sqrt(1/2), sqrt(2)).
  const uint64_t offset = bits - 0x3fe6a09e667f3bcdu;
  const int64_t e = static_cast<int64_t>(offset) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<uint64_t>(e) << 52));
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 1.0 / 23.0;
  p = p * z + 1.0 / 21.0;
  p = p * z + 1.0 / 19.0;
  p = p * z + 1.0 / 17.0;
  p = p * z + 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z + 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  const double k = static_cast<double>(static_cast<int32_t>(e));
  return k * kLn2High + (k * kLn2Low + (2.0 * s + 2.0 * s * (z * p)));
}

namespace internal {
// sin and cos on [-pi/4, pi/4].
RETEMPER_HD double SinSmall(double x) {
  const double z = x * x;
  double p = 1.0 / 355687428096000.0;
  p = p * z - 1.0 / 1307674368000.0;
  p = p * z + 1.0 / 6227020800.0;
  p = p * z - 1.0 / 39916800.0;
  p = p * z + 1.0 / 362880.0;
  p = p * z - 1.0 / 5040.0;
  p = p * z + 1.0 / 120.0;
  p = p * z - 1.0 / 6.0;
  return x + x * (z * p);
}
RETEMPER_HD double CosSmall(double x) {
  const double z = x * x;
  double p = 1.0 / 20922789888000.0;
  p = p * z - 1.0 / 87178291200.0;
  p = p * z + 1.0 / 479001600.0;
  p = p * z - 1.0 / 3628800.0;
  p = p * z + 1.0 / 40320.0;
  p = p * z - 1.0 / 720.0;
  p = p * z + 1.0 / 24.0;
  p = p * z - 0.5;
  return 1.0 + z * p;
}
}  // namespace internal

// sin x for abs(x) up to a few thousand (slerp's angles are below pi times t).
RETEMPER_HD double Sin(double x) {
  const double k = std::floor(x * 0x1.45f306dc9c883p-1 + 0.5);
  const double r = (x - k * kPiHalfShort) - k * kPiHalfRest;
  const int64_t quadrant = static_cast<int64_t>(k) & 3;
  const double value = (quadrant & 1) != 0 ? internal::CosSmall(r) : internal::SinSmall(r);
  return (quadrant & 2) != 0 ? -value : value;
}
RETEMPER_HD double Cos(double x) {
  const double k = std::floor(x * 0x1.45f306dc9c883p-1 + 0.5);
  const double r = (x - k * kPiHalfShort) - k * kPiHalfRest;
  const int64_t quadrant = static_cast<int64_t>(k) & 3;
  const double value = (quadrant & 1) != 0 ? internal::SinSmall(r) : internal::CosSmall(r);
  return quadrant == 1 || quadrant == 2 ? -value : value;
}

// arctan x for x in [0, inf): the argument is halved twice by atan(x) = 2 atan(x / (1 + sqrt(1 +
// x^2))).
RETEMPER_HD double AtanPositive(double x) {
  const bool inverse = x > 1.0;
  double y = inverse ? 1.0 / x : x;
  y = y / (1.0 + std::sqrt(1.0 + y * y));
  y = y / (1.0 + std::sqrt(1.0 + y * y));
  const double z = y * y;
  double p = -1.0 / 23.0;
  p = p * z + 1.0 / 21.0;
  p = p * z - 1.0 / 19.0;
  p = p * z + 1.0 / 17.0;
  p = p * z - 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z - 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z - 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z - 1.0 / 3.0;
  const double angle = 4.0 * (y + y * (z * p));
  return inverse ? (kPiHalfHigh - angle) + kPiHalfLow : angle;
}

// arccos x, x clamped to [-1, 1]; of a NaN, NaN.
RETEMPER_HD double Acos(double x) {
  if (x != x) return x;
  if (x >= 1.0) return 0.0;
  if (x <= -1.0) return 2.0 * kPiHalfHigh;
  const double s = std::sqrt((1.0 - x) * (1.0 + x));
  if (x > 0.0) return AtanPositive(s / x);
  if (x < 0.0) return 2.0 * kPiHalfHigh - AtanPositive(s / -x);
  return kPiHalfHigh;
}

}  // namespace retemper::exact
