// Plain loops for every dtype, layout and precision: the definition that faster kernels replace.
#include "nn/matmul.h"

#include <algorithm>

#include "core/convert.h"
#include "nn/pool.h"

namespace retemper::nn {

namespace {

constexpr size_t kLanes = 16;
constexpr size_t kOutsAPart = 32;

float Weight(const Matrix& w, size_t out, size_t in) {
  const size_t index = w.in_major ? in * w.out + out : out * w.in + in;
  const uint8_t* from = w.data + index * SizeOf(w.dtype);
  uint16_t half;
  float value;
  switch (w.dtype) {
    case Dtype::kBF16:
      __builtin_memcpy(&half, from, 2);
      return Bf16ToFloat(half);
    case Dtype::kF16:
      __builtin_memcpy(&half, from, 2);
      return F16ToFloat(half);
    default:
      __builtin_memcpy(&value, from, 4);
      return value;
  }
}

}  // namespace

void MatMul(Pool& pool, const Matrix& w, const float* bias, const float* x, size_t x_stride,
            size_t rows, float* y, size_t y_stride, Precision precision) {
  if (rows == 0 || w.out == 0) return;
  const size_t parts = (w.out + kOutsAPart - 1) / kOutsAPart;
  pool.Run(parts, [&](size_t part, unsigned) {
    const size_t end = std::min(w.out, (part + 1) * kOutsAPart);
    for (size_t o = part * kOutsAPart; o < end; ++o) {
      for (size_t r = 0; r < rows; ++r) {
        float lanes[kLanes] = {};
        for (size_t i = 0; i < w.in; ++i) {
          float value = x[r * x_stride + i];
          if (precision == Precision::kBfloat16) value = Bf16ToFloat(FloatToBf16(value));
          lanes[i % kLanes] += value * Weight(w, o, i);
        }
        for (size_t half = kLanes / 2; half > 0; half /= 2) {
          for (size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
        }
        y[r * y_stride + o] = bias == nullptr ? lanes[0] : lanes[0] + bias[o];
      }
    }
  });
}

}  // namespace retemper::nn
