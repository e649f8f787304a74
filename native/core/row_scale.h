// The scale of a row of FP8 codes, as compressed-tensors has it for symmetric static weights: the
// largest magnitude over the largest code's value, rounded to the dtype that it is stored as. A row
// of zeros gets that dtype's epsilon, so that nothing divides by zero.
//
// FP8 E4M3: OCP 8-bit Floating Point Specification 1.0; 448 is its largest number, and it has no
// infinity.
#pragma once

#include <cstdint>

#include "core/convert.h"
#include "core/dtype.h"

namespace retemper {

inline constexpr float kLargestE4M3 = 448.0f;
inline constexpr uint8_t kNaNE4M3 = 0x7f;

// `value` as `dtype` (BF16, F16 or F32) stores it.
RETEMPER_HD float RoundedTo(float value, Dtype dtype) {
  if (dtype == Dtype::kBF16) return Bf16ToFloat(FloatToBf16(value));
  if (dtype == Dtype::kF16) return F16ToFloat(FloatToF16(value));
  return value;
}

// Of a row whose values are all finite.
inline float RowScale(float largest, Dtype dtype) {
  const float scale = RoundedTo(largest / kLargestE4M3, dtype);
  if (scale != 0) return scale;
  return dtype == Dtype::kBF16 ? 0x1p-7f : dtype == Dtype::kF16 ? 0x1p-10f : 0x1p-23f;
}

}  // namespace retemper
