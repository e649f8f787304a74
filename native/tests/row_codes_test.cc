// Rows of FP8 codes: every code's value is its own code, halves go to the even one, and the bytes
// are the same on every instruction set. Byte by byte against compressed-tensors:
// test/golden/fp8.test.ts.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/row_scale.h"
#include "cpu/kernels.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper {
namespace {

// OCP 8-bit Floating Point Specification 1.0, table 1.
double ValueOf(int code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

int CodeOf(float value, float scale = 1, Dtype dtype = Dtype::kF32) {
  uint8_t code = 0;
  ChooseTarget().row_codes->encode(&value, 1, scale, dtype, &code);
  return code;
}

TEST("the value of each code becomes that code") {
  for (int code = 0; code < 256; ++code) {
    if ((code & 0x7f) == kNaNE4M3 || code == 0x80) continue;
    CHECK_EQ(CodeOf(static_cast<float>(ValueOf(code))), code);
  }
  CHECK_EQ(CodeOf(-0.0f), 0);
}

TEST("a value between two codes becomes the nearer one, half-way the even one") {
  for (int code = 0; code < 0x7e; ++code) {
    const double low = ValueOf(code), high = ValueOf(code + 1), middle = (low + high) / 2;
    const double above = std::nextafter(static_cast<float>(middle), 1e9f);
    const double below = std::nextafter(static_cast<float>(middle), 0.0f);
    CHECK_EQ(CodeOf(static_cast<float>(middle)), code + code % 2);
    CHECK_EQ(CodeOf(static_cast<float>(above)), code + 1);
    CHECK_EQ(CodeOf(static_cast<float>(below)), code);
    CHECK_EQ(CodeOf(static_cast<float>(-above)), (code + 1) | 0x80);
  }
}

TEST("what is above the largest code's value becomes that code") {
  CHECK_EQ(CodeOf(463), 0x7e);
  CHECK_EQ(CodeOf(1e30f), 0x7e);
  CHECK_EQ(CodeOf(-1e30f), 0xfe);
}

TEST("quotients are rounded to the stored dtype first") {
  // 17 * (1 + 2^-9) is above the middle of 16 and 18; as a bfloat16 it is the middle, 17.
  const float value = 17.0f + 17.0f / 512;
  CHECK_EQ(CodeOf(value, 1, Dtype::kF32), CodeOf(18));
  CHECK_EQ(CodeOf(value, 1, Dtype::kBF16), CodeOf(16));
}

TEST("a row's scale is its largest magnitude over 448, and never 0") {
  CHECK_EQ(RowScale(448, Dtype::kF32), 1.0f);
  CHECK_EQ(RowScale(1, Dtype::kBF16), Bf16ToFloat(FloatToBf16(1.0f / 448)));
  CHECK_EQ(RowScale(0, Dtype::kF32), std::numeric_limits<float>::epsilon());
  CHECK_EQ(RowScale(0, Dtype::kBF16), 0.0078125f);
  CHECK_EQ(RowScale(0x1p-24f, Dtype::kF16), 0x1p-10f);  // a quotient below float16's smallest
}

TEST("the largest magnitude is found, and shows what is not finite") {
  std::vector<float> x(1000, 0.5f);
  const RowCodeKernels& kernels = *ChooseTarget().row_codes;
  x[999] = -2;
  CHECK_EQ(kernels.largest(x.data(), x.size()), 2.0f);
  x[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(!std::isfinite(kernels.largest(x.data(), x.size())));
  x[3] = -std::numeric_limits<float>::infinity();
  CHECK(!std::isfinite(kernels.largest(x.data(), x.size())));
}

TEST("codes are the same on every instruction set, whatever the length") {
  std::vector<float> x(1037);
  test::Random random(5);
  for (float& value : x) {
    const auto fraction = static_cast<float>(2 * random.Uniform() - 1);
    value = std::ldexp(fraction, static_cast<int>(random.Below(32)) - 24);
  }
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16, Dtype::kF32}) {
    for (const size_t n : {size_t{1}, size_t{16}, size_t{47}, x.size()}) {
      const Target& first = *AvailableTargets().front();
      const float largest = first.row_codes->largest(x.data(), n);
      const float scale = RowScale(largest, dtype);
      std::vector<uint8_t> expected(n + 1, 0xab);
      first.row_codes->encode(x.data(), n, scale, dtype, expected.data());
      CHECK_EQ(static_cast<int>(expected[n]), 0xab);  // nothing is written past the end
      for (const Target* target : AvailableTargets()) {
        std::vector<uint8_t> codes(n + 1, 0xab);
        CHECK_EQ(target->row_codes->largest(x.data(), n), largest);
        target->row_codes->encode(x.data(), n, scale, dtype, codes.data());
        CHECK(codes == expected);
      }
    }
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
