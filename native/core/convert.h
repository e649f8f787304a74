// Conversions between stored floats and the float32 or float64 that kernels compute in.
//
// All are integer arithmetic (but for one exact float addition for f16 subnormals), so that every
// instruction set gives the same bits: round to nearest even, subnormals kept, a NaN stays a NaN
// with its quiet bit set.
#pragma once

#include <bit>
#include <cstdint>

#include "core/host_device.h"

namespace retemper {

RETEMPER_HD float Bf16ToFloat(uint16_t half) {
  return std::bit_cast<float>(static_cast<uint32_t>(half) << 16);
}

RETEMPER_HD uint16_t FloatToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

RETEMPER_HD float F16ToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t special = (normal + (112u << 23)) | (magnitude > 0x7c00u ? 0x400000u : 0u);
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t bits = magnitude >= 0x7c00u ? special : magnitude < 0x400u ? subnormal : normal;
  return std::bit_cast<float>(sign | bits);
}

RETEMPER_HD uint16_t FloatToF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t normal = (magnitude + 0xc8000fffu + ((magnitude >> 13) & 1u)) >> 13;
  // Below 2^-14 the sum with 1/2 rounds at exactly f16's last place.
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude < 0x38800000u ? magnitude : 0u) +
                              0.5f) -
      0x3f000000u;
  const uint32_t special =
      magnitude > 0x7f800000u ? 0x7e00u | ((magnitude >> 13) & 0x1ffu) : 0x7c00u;
  const uint32_t half = magnitude >= 0x47800000u  ? special
                        : magnitude < 0x38800000u ? subnormal
                                                  : normal;
  return static_cast<uint16_t>(sign | half);
}

// float64 to float32 rounded to odd, so that a second rounding to 16 bits is the correct single
// one.
RETEMPER_HD float DoubleToFloatOdd(double value) {
  const float near = static_cast<float>(value);
  const double back = static_cast<double>(near);
  if (back == value || value != value) return near;
  uint32_t bits = std::bit_cast<uint32_t>(near);
  const double magnitude = value < 0 ? -value : value;
  if ((back < 0 ? -back : back) > magnitude) bits -= 1;
  return std::bit_cast<float>(bits | 1u);
}

}  // namespace retemper
