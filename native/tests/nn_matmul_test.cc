// Matrix products against sums in float64, and row by row against themselves: a row's result is
// the same bits in any batch and on any number of threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/convert.h"
#include "nn/matmul.h"
#include "nn/pool.h"
#include "tests/check.h"

namespace retemper::nn {
namespace {

constexpr Dtype kDtypesOfWeights[] = {Dtype::kBF16, Dtype::kF16, Dtype::kF32};
constexpr Precision kPrecisions[] = {Precision::kFloat32, Precision::kBfloat16};

// A fixed stream of 64-bit words (SplitMix64), and values in [-1, 1) from it.
struct Stream {
  uint64_t state;
  uint64_t Next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  float Value() { return static_cast<float>(static_cast<double>(Next() >> 11) * 0x1p-52 - 1); }
};

std::vector<float> Values(size_t n, uint64_t seed) {
  Stream stream{seed};
  std::vector<float> values(n);
  for (float& value : values) value = stream.Value();
  return values;
}

// A stored matrix at an address that is aligned to its element only, as in a checkpoint, followed
// by nothing: reading past its end is an error under AddressSanitizer.
struct Stored {
  std::vector<uint8_t> bytes;
  Matrix matrix;
  size_t shift;

  Stored(Dtype dtype, size_t out, size_t in, bool in_major, uint64_t seed, float scale = 1)
      : bytes(out * in * SizeOf(dtype) + SizeOf(dtype)), shift(SizeOf(dtype)) {
    matrix = {bytes.data() + shift, dtype, out, in, in_major};
    Stream stream{seed};
    for (size_t i = 0; i < out * in; ++i) Set(i, stream.Value() * scale);
  }
  void Set(size_t index, float value) {
    uint8_t* to = bytes.data() + shift + index * SizeOf(matrix.dtype);
    const uint16_t half = matrix.dtype == Dtype::kBF16 ? FloatToBf16(value) : FloatToF16(value);
    if (matrix.dtype == Dtype::kF32) {
      std::memcpy(to, &value, 4);
    } else {
      std::memcpy(to, &half, 2);
    }
  }
  size_t Index(size_t out, size_t in) const {
    return matrix.in_major ? in * matrix.out + out : out * matrix.in + in;
  }
  float At(size_t out, size_t in) const {
    const uint8_t* from = matrix.data + Index(out, in) * SizeOf(matrix.dtype);
    uint16_t half;
    float value;
    std::memcpy(&half, from, 2);
    if (matrix.dtype == Dtype::kBF16) return Bf16ToFloat(half);
    if (matrix.dtype == Dtype::kF16) return F16ToFloat(half);
    std::memcpy(&value, from, 4);
    return value;
  }
};

std::vector<float> Product(Pool& pool, const Matrix& w, const float* bias, const float* x,
                           size_t x_stride, size_t rows, Precision precision) {
  std::vector<float> y(rows * w.out, std::numeric_limits<float>::quiet_NaN());
  MatMul(pool, w, bias, x, x_stride, rows, y.data(), w.out, precision);
  return y;
}

void CheckNear(const Stored& w, const std::vector<float>& bias, const std::vector<float>& x,
               size_t x_stride, size_t rows, Precision precision, const std::vector<float>& y) {
  const size_t in = w.matrix.in, out = w.matrix.out;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t o = 0; o < out; ++o) {
      double sum = 0, magnitude = 0;
      for (size_t i = 0; i < in; ++i) {
        float value = x[r * x_stride + i];
        if (precision == Precision::kBfloat16) value = Bf16ToFloat(FloatToBf16(value));
        const double product = static_cast<double>(value) * static_cast<double>(w.At(o, i));
        sum += product;
        magnitude += std::fabs(product);
      }
      const double shift = bias.empty() ? 0 : static_cast<double>(bias[o]);
      const double error = std::fabs(static_cast<double>(y[r * out + o]) - (sum + shift));
      // Sixteen chains of sums in float32, each step with half a unit in the last place.
      const double bound =
          (static_cast<double>(in) / 16 + 48) * 0x1p-24 * magnitude + std::fabs(shift) * 0x1p-22;
      if (!(error <= bound)) {
        test::Fail(__FILE__, __LINE__,
                   std::string(NameOf(w.matrix.dtype)) + " [" + std::to_string(out) + ", " +
                       std::to_string(in) + "], " + std::to_string(rows) + " rows: y[" +
                       std::to_string(r) + "][" + std::to_string(o) + "] is " +
                       std::to_string(y[r * out + o]) + ", expected " +
                       std::to_string(sum + shift));
      }
    }
  }
}

struct Shape {
  size_t out, in;
};
constexpr Shape kShapes[] = {{1, 1},     {1, 7},     {5, 1},   {3, 31},  {17, 32},
                             {16, 33},   {33, 64},   {64, 65}, {70, 95}, {31, 160},
                             {100, 577}, {12, 1031}, {130, 96}};

TEST("multiplies matrices of every dtype, layout and precision") {
  Pool pool(2);
  for (Dtype dtype : kDtypesOfWeights) {
    for (bool in_major : {false, true}) {
      for (const Shape& shape : kShapes) {
        const Stored w(dtype, shape.out, shape.in, in_major, shape.out * 1000 + shape.in);
        const size_t stride = shape.in + 3;
        for (size_t rows : {1u, 2u, 5u, 19u}) {
          const std::vector<float> x = Values(rows * stride, rows), bias = Values(shape.out, 9);
          for (Precision precision : kPrecisions) {
            CheckNear(w, bias, x, stride, rows, precision,
                      Product(pool, w.matrix, bias.data(), x.data(), stride, rows, precision));
            CheckNear(w, {}, x, stride, rows, precision,
                      Product(pool, w.matrix, nullptr, x.data(), stride, rows, precision));
          }
        }
      }
    }
  }
}

TEST("gives a row the same bits alone, in any batch, and on any number of threads") {
  Pool one(1), three(3);
  for (Dtype dtype : kDtypesOfWeights) {
    for (bool in_major : {false, true}) {
      for (const Shape& shape : {Shape{65, 96}, Shape{40, 211}, Shape{7, 1500}}) {
        const Stored w(dtype, shape.out, shape.in, in_major, 5);
        constexpr size_t kRows = 70;
        const std::vector<float> x = Values(kRows * shape.in, 6);
        for (Precision precision : kPrecisions) {
          const std::vector<float> all =
              Product(three, w.matrix, nullptr, x.data(), shape.in, kRows, precision);
          for (size_t rows = 1; rows <= kRows; ++rows) {
            const size_t first = (rows * 13) % (kRows - rows + 1);
            const std::vector<float> some =
                Product(rows % 2 == 0 ? one : three, w.matrix, nullptr, x.data() + first * shape.in,
                        shape.in, rows, precision);
            CHECK(std::memcmp(some.data(), all.data() + first * shape.out,
                              some.size() * sizeof(float)) == 0);
          }
        }
      }
    }
  }
}

TEST("lets NaN and infinity through, to their own rows and outputs only") {
  Pool pool(2);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (Dtype dtype : kDtypesOfWeights) {
    for (Precision precision : kPrecisions) {
      for (size_t rows : {1u, 4u, 40u}) {
        constexpr size_t kIn = 101, kOut = 37;
        Stored w(dtype, kOut, kIn, false, 11);
        std::vector<float> x = Values(rows * kIn, 12);
        for (size_t last : {kIn - 1, size_t{50}}) {
          x[last] = kInfinity;
          w.Set(w.Index(3, last), kNan);
          w.Set(w.Index(kOut - 1, last), 0.0f);
          w.Set(w.Index(5, last), -2.0f);
          const std::vector<float> y =
              Product(pool, w.matrix, nullptr, x.data(), kIn, rows, precision);
          for (size_t r = 0; r < rows; ++r) {
            for (size_t o = 0; o < kOut; ++o) {
              const float value = y[r * kOut + o];
              if (o == 3 || (r == 0 && o == kOut - 1)) {
                CHECK(std::isnan(value));
              } else if (r == 0) {
                CHECK(std::isinf(value));
                if (o == 5) CHECK(value < 0);
              } else {
                CHECK(std::isfinite(value));
              }
            }
          }
          x[last] = 1;
          w.Set(w.Index(3, last), 1);
        }
      }
    }
  }
}

TEST("does nothing for no rows or no outputs, and gives the bias for no inputs") {
  Pool pool(2);
  const Stored w(Dtype::kBF16, 4, 8, false, 1);
  float y[4] = {1, 2, 3, 4};
  MatMul(pool, w.matrix, nullptr, nullptr, 8, 0, y, 4, Precision::kFloat32);
  CHECK_EQ(y[0], 1.0f);
  Matrix none = w.matrix;
  none.in = 0;
  const float bias[4] = {5, 6, 7, 8};
  MatMul(pool, none, bias, nullptr, 0, 1, y, 4, Precision::kFloat32);
  for (size_t o = 0; o < 4; ++o) CHECK_EQ(y[o], bias[o]);
}

TEST("leaves what lies between the rows of its output alone") {
  Pool pool(2);
  const Stored w(Dtype::kBF16, 21, 40, false, 2);
  const std::vector<float> x = Values(50 * 40, 3);
  std::vector<float> y(50 * 30, -7.0f);
  MatMul(pool, w.matrix, nullptr, x.data(), 40, 50, y.data(), 30, Precision::kBfloat16);
  for (size_t r = 0; r < 50; ++r) {
    for (size_t o = 21; o < 30; ++o) CHECK_EQ(y[r * 30 + o], -7.0f);
  }
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
