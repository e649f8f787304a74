// Matrix products against sums in float64, and row by row against themselves: a row's result is
// the same bits in any batch and on any number of threads.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/convert.h"
#include "nn/matmul.h"
#include "nn/matmul_kernel.h"
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

std::vector<float> Multiply(const MatMulKernel& kernel, Pool& pool, const Matrix& w,
                            const float* bias, const float* x, size_t x_stride, size_t rows,
                            Precision precision) {
  std::vector<float> y(rows * w.out, std::numeric_limits<float>::quiet_NaN());
  const Linear layer = {w, bias, y.data(), w.out};
  MatMulWith(kernel, pool, {&layer, 1}, x, x_stride, rows, precision);
  return y;
}

// Calls body(kernel, dtype, precision) for all that this machine has.
template <class Body>
void ForEachKernel(Body body) {
  for (const MatMulKernel* kernel : AvailableMatMulKernels()) {
    for (Dtype dtype : kDtypesOfWeights) {
      for (Precision precision : kPrecisions) {
        if (kernel->handles(dtype, precision)) body(*kernel, dtype, precision);
      }
    }
  }
}

bool SameBits(const float* a, const float* b, size_t n) {
  return std::memcmp(a, b, n * sizeof(float)) == 0;
}

void CheckNear(const char* kernel, const Stored& w, const std::vector<float>& bias,
               const std::vector<float>& x, size_t x_stride, size_t rows, Precision precision,
               const std::vector<float>& y) {
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
                   std::string(kernel) + " " + std::string(NameOf(w.matrix.dtype)) + " [" +
                       std::to_string(out) + ", " + std::to_string(in) + "], " +
                       std::to_string(rows) + " rows: y[" + std::to_string(r) + "][" +
                       std::to_string(o) + "] is " + std::to_string(y[r * out + o]) +
                       ", expected " + std::to_string(sum + shift));
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

TEST("multiplies matrices of every dtype, layout and precision on every instruction set") {
  Pool pool(2);
  ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
    for (bool in_major : {false, true}) {
      for (const Shape& shape : kShapes) {
        const Stored w(dtype, shape.out, shape.in, in_major, shape.out * 1000 + shape.in);
        const size_t stride = shape.in + 3;
        for (size_t rows : {1u, 2u, 5u, 6u, 19u, 50u}) {
          const std::vector<float> x = Values(rows * stride, rows), bias = Values(shape.out, 9);
          CheckNear(
              kernel.name, w, bias, x, stride, rows, precision,
              Multiply(kernel, pool, w.matrix, bias.data(), x.data(), stride, rows, precision));
          CheckNear(kernel.name, w, {}, x, stride, rows, precision,
                    Multiply(kernel, pool, w.matrix, nullptr, x.data(), stride, rows, precision));
        }
      }
    }
  });
}

TEST("multiplies more inputs, outputs and rows than a cache holds") {
  Pool pool(2);
  struct Size {
    size_t out, in, rows;
  };
  for (const Size& size : {Size{36, 5000, 150}, Size{230, 700, 530}}) {
    ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
      const auto [out, in, rows] = size;
      for (bool in_major : {false, true}) {
        const Stored w(dtype, out, in, in_major, 21);
        const std::vector<float> x = Values(rows * in, 22);
        const std::vector<float> all =
            Multiply(kernel, pool, w.matrix, nullptr, x.data(), in, rows, precision);
        CheckNear(kernel.name, w, {}, x, in, 20, precision,
                  std::vector<float>(all.begin(), all.begin() + 20 * static_cast<int>(out)));
        for (size_t row : {size_t{0}, size_t{15}, size_t{16}, size_t{127}, size_t{128}, rows - 1}) {
          const std::vector<float> alone =
              Multiply(kernel, pool, w.matrix, nullptr, x.data() + row * in, in, 1, precision);
          CHECK(SameBits(alone.data(), all.data() + row * out, out));
        }
      }
    });
  }
}

TEST("multiplies few rows by many outputs in long parts, a few for each thread") {
  Pool one(1), two(2);
  ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
    for (bool in_major : {false, true}) {
      constexpr size_t kOut = 9000, kIn = 70;
      const Stored w(dtype, kOut, kIn, in_major, 23);
      for (size_t rows : {1u, 4u}) {
        const std::vector<float> x = Values(rows * kIn, 24);
        const auto by = [&](Pool& pool) {
          return Multiply(kernel, pool, w.matrix, nullptr, x.data(), kIn, rows, precision);
        };
        CHECK(SameBits(by(one).data(), by(two).data(), rows * kOut));
      }
    }
  });
}

TEST("gives a row the same bits alone, in any batch, and on any number of threads") {
  Pool one(1), three(3);
  ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
    for (bool in_major : {false, true}) {
      for (const Shape& shape : {Shape{65, 96}, Shape{40, 211}, Shape{7, 1500}}) {
        const Stored w(dtype, shape.out, shape.in, in_major, 5);
        constexpr size_t kRows = 70;
        const std::vector<float> x = Values(kRows * shape.in, 6);
        const std::vector<float> all =
            Multiply(kernel, three, w.matrix, nullptr, x.data(), shape.in, kRows, precision);
        for (size_t rows = 1; rows <= kRows; ++rows) {
          const size_t first = (rows * 13) % (kRows - rows + 1);
          const std::vector<float> some =
              Multiply(kernel, rows % 2 == 0 ? one : three, w.matrix, nullptr,
                       x.data() + first * shape.in, shape.in, rows, precision);
          CHECK(SameBits(some.data(), all.data() + first * shape.out, some.size()));
        }
      }
    }
  });
}

TEST("gives the same bits by vectors of any width with fused multiply-add") {
  Pool pool(1);
  for (Dtype dtype : kDtypesOfWeights) {
    for (Precision precision : kPrecisions) {
      const Stored w(dtype, 50, 333, false, 7);
      for (size_t rows : {1u, 3u, 40u}) {
        const std::vector<float> x = Values(rows * 333, rows);
        std::vector<float> first;
        for (const MatMulKernel* kernel : AvailableMatMulKernels()) {
          const std::string name = kernel->name;
          if (name != "avx2" && name != "avx512") continue;
          const std::vector<float> y =
              Multiply(*kernel, pool, w.matrix, nullptr, x.data(), 333, rows, precision);
          if (first.empty()) first = y;
          CHECK(SameBits(y.data(), first.data(), y.size()));
        }
      }
    }
  }
}

TEST("lets NaN and infinity through, to their own rows and outputs only") {
  Pool pool(2);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
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
            Multiply(kernel, pool, w.matrix, nullptr, x.data(), kIn, rows, precision);
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
        x[last] = std::bit_cast<float>(0x7f800001u);  // a NaN that is one by its last bit alone
        const std::vector<float> z =
            Multiply(kernel, pool, w.matrix, nullptr, x.data(), kIn, rows, precision);
        for (size_t o = 0; o < kOut; ++o) CHECK(std::isnan(z[o]));
        x[last] = 1;
        w.Set(w.Index(3, last), 1);
      }
    }
  });
}

TEST("keeps float32's precision for activations of very different sizes") {
  Pool pool(1);
  ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
    if (precision != Precision::kFloat32) return;
    const Stored w(dtype, 20, 64, false, 3);
    std::vector<float> x = Values(8 * 64, 4);
    for (size_t i = 0; i < x.size(); ++i) x[i] *= std::ldexp(1.0f, static_cast<int>(i % 64) - 40);
    x[70] = std::numeric_limits<float>::max();  // would round to infinity
    x[130] = 1e-30f;
    CheckNear(kernel.name, w, {}, x, 64, 8, precision,
              Multiply(kernel, pool, w.matrix, nullptr, x.data(), 64, 8, precision));
  });
}

TEST("multiplies several layers at once to the bits of one after the other") {
  Pool pool(2);
  const Stored a(Dtype::kBF16, 70, 130, false, 1), b(Dtype::kBF16, 33, 130, true, 2),
      c(Dtype::kF32, 65, 130, false, 3), none(Dtype::kBF16, 0, 130, false, 4);
  const std::vector<float> bias = Values(33, 5);
  for (size_t rows : {1u, 7u, 40u}) {
    const std::vector<float> x = Values(rows * 130, 6);
    for (Precision precision : kPrecisions) {
      std::vector<float> y[3], z[3];
      Linear layers[4] = {{a.matrix}, {b.matrix, bias.data()}, {none.matrix}, {c.matrix}};
      for (size_t i = 0, k = 0; i < 4; ++i) {
        if (i == 2) continue;
        const size_t out = layers[i].w.out;
        y[k].resize(rows * out);
        z[k].resize(rows * out);
        layers[i].y = y[k].data();
        layers[i].y_stride = out;
        MatMul(pool, layers[i].w, layers[i].bias, x.data(), 130, rows, z[k].data(), out, precision);
        ++k;
      }
      MatMul(pool, layers, x.data(), 130, rows, precision);
      for (size_t k = 0; k < 3; ++k) CHECK(SameBits(y[k].data(), z[k].data(), y[k].size()));
    }
  }
}

TEST("multiplies by the transposed matrix for gradients") {
  Pool pool(2);
  for (Dtype dtype : kDtypesOfWeights) {
    const Stored w(dtype, 60, 47, false, 31);
    Stored transposed(dtype, 47, 60, false, 1);
    for (size_t o = 0; o < 60; ++o) {
      for (size_t i = 0; i < 47; ++i) transposed.Set(i * 60 + o, w.At(o, i));
    }
    for (size_t rows : {1u, 40u}) {
      const std::vector<float> dy = Values(rows * 60, 32);
      std::vector<float> dx(rows * 47), forward(rows * 47);
      MatMulBackward(pool, w.matrix, dy.data(), 60, rows, dx.data(), 47, Precision::kFloat32);
      MatMul(pool, transposed.matrix, nullptr, dy.data(), 60, rows, forward.data(), 47,
             Precision::kFloat32);
      CHECK(SameBits(dx.data(), forward.data(), dx.size()));
      CheckNear("backward", transposed, {}, dy, 60, rows, Precision::kFloat32, dx);
    }
  }
}

TEST("names the instruction set that multiplies") {
  for (Dtype dtype : kDtypesOfWeights) {
    for (Precision precision : kPrecisions) {
      const std::string name = MatMulTarget(dtype, precision);
      bool known = false;
      for (const MatMulKernel* kernel : AvailableMatMulKernels()) {
        known = known || (kernel->name == name && kernel->handles(dtype, precision));
      }
      CHECK(known);
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

TEST("writes results that are larger than a cache to the same bits wherever they lie") {
  Pool one(1), two(2);
  // 1040 outputs: whole cache lines; 4 past 64 bytes: none.
  constexpr size_t kIn = 200, kOut = 1040, kRows = 300;
  ForEachKernel([&](const MatMulKernel& kernel, Dtype dtype, Precision precision) {
    const Stored w(dtype, kOut, kIn, false, 41);
    const std::vector<float> x = Values(kRows * kIn, 42);
    AlignedBytes memory;
    auto* aligned = reinterpret_cast<float*>(memory.Reserve(kRows * kOut * 4));
    const Linear layer = {w.matrix, nullptr, aligned, kOut};
    MatMulWith(kernel, two, {&layer, 1}, x.data(), kIn, kRows, precision);
    std::vector<float> room(kRows * kOut + 32);
    auto* odd = room.data() + 16 - reinterpret_cast<uintptr_t>(room.data()) % 64 / 4 + 1;
    const Linear other = {w.matrix, nullptr, odd, kOut};
    MatMulWith(kernel, one, {&other, 1}, x.data(), kIn, kRows, precision);
    CHECK(SameBits(aligned, odd, kRows * kOut));
    for (size_t row : {size_t{0}, size_t{17}, kRows - 1}) {
      const std::vector<float> alone =
          Multiply(kernel, one, w.matrix, nullptr, x.data() + row * kIn, kIn, 1, precision);
      CHECK(SameBits(alone.data(), aligned + row * kOut, kOut));
    }
    CheckNear(kernel.name, w, {}, x, kIn, 3, precision,
              std::vector<float>(aligned, aligned + 3 * kOut));
  });
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
