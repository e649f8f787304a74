// Elementary functions and loops over rows, on every instruction set that this machine has, against
// references in double.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "nn/vector_kernels.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::nn {
namespace {

using test::Random;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr size_t kLengths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 576, 1000};

// How many steps of float32 apart `actual` and `expected` are.
double Ulps(float actual, double expected) {
  const double step =
      std::max(std::ldexp(1.0, std::ilogb(std::max(std::abs(expected), 1e-300)) - 23), 0x1p-149);
  return std::abs(static_cast<double>(actual) - expected) / step;
}

// Evenly in magnitude, both signs, and what is special.
std::vector<float> Arguments(float largest) {
  std::vector<float> values = {0.0f, -0.0f, 0x1p-149f, -0x1p-126f, 1.0f, -1.0f, 0.625f};
  Random random(7);
  for (int i = 0; i < 200000; ++i) {
    const auto magnitude = static_cast<float>(std::exp(random.Uniform() * 25 - 25)) * largest;
    values.push_back(random.Next() % 2 == 0 ? magnitude : -magnitude);
  }
  return values;
}

double Phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// Checks f to `ulps` steps, or `absolute`, where the true result is a normal number or zero.
template <class Reference>
void CheckFunction(Activation f, float largest, double ulps, double absolute, Reference reference) {
  const std::vector<float> arguments = Arguments(largest);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    std::vector<float> results = arguments;
    kernels->activate(f, results.size(), results.data());
    for (size_t i = 0; i < arguments.size(); ++i) {
      const double expected = reference(static_cast<double>(arguments[i]));
      const double off = Ulps(results[i], expected);
      if (off > ulps && std::abs(static_cast<double>(results[i]) - expected) > absolute) {
        test::Fail(__FILE__, __LINE__,
                   std::string(kernels->name) + ": f(" + std::to_string(arguments[i]) + ") is " +
                       std::to_string(off) + " steps off");
      }
    }
    float special[] = {kNaN, kInfinity};
    kernels->activate(f, 2, special);
    CHECK(std::isnan(special[0]));
    CHECK_EQ(special[1], kInfinity);
  }
}

TEST("silu is right to 3 steps") {
  CheckFunction(Activation::kSilu, 80, 3, 1e-36, [](double x) { return x / (1 + std::exp(-x)); });
}
TEST("gelu is right to 8 steps, in its tail too") {
  CheckFunction(Activation::kGelu, 12, 8, 1e-36, [](double x) { return x * Phi(x); });
}
TEST("gelu by tanh is right to 3e-7 of its argument") {
  const std::vector<float> arguments = Arguments(20);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    std::vector<float> results = arguments;
    kernels->activate(Activation::kGeluTanh, results.size(), results.data());
    for (size_t i = 0; i < arguments.size(); ++i) {
      const double x = static_cast<double>(arguments[i]);
      const double u = std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
      const double expected = 0.5 * x * (1 + std::tanh(u));
      CHECK(std::abs(static_cast<double>(results[i]) - expected) <= 3e-7 * std::abs(x) + 1e-44);
    }
  }
}
TEST("relu keeps what is above zero, and NaN") {
  CheckFunction(Activation::kRelu, 100, 0, 0, [](double x) { return x > 0 ? x : 0; });
}

TEST("softcap is right to 4 steps and never leaves the cap") {
  const std::vector<float> arguments = Arguments(300);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    std::vector<float> results = arguments;
    kernels->softcap(30.0f, results.size(), results.data());
    for (size_t i = 0; i < arguments.size(); ++i) {
      const double expected = 30 * std::tanh(static_cast<double>(arguments[i]) / 30);
      CHECK(Ulps(results[i], expected) <= 4 || std::abs(expected) < 1e-36);
      CHECK(std::abs(results[i]) <= 30.0f);
    }
  }
}

TEST("norms of rows of any length agree with double, in place too") {
  Random random(1);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const size_t n : kLengths) {
      const std::vector<float> x = random.Normals(n, 3.0f), weight = random.Normals(n),
                               bias = random.Normals(n);
      double squares = 0, mean = 0, variance = 0;
      for (const float v : x) {
        squares += static_cast<double>(v) * static_cast<double>(v);
        mean += static_cast<double>(v) / static_cast<double>(n);
      }
      for (const float v : x) {
        variance += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean) /
                    static_cast<double>(n);
      }
      std::vector<float> rms(n), layer = x, plain(n);
      kernels->rms_norm(x.data(), weight.data(), 1e-5f, n, rms.data());
      kernels->layer_norm(layer.data(), weight.data(), bias.data(), 1e-5f, n, layer.data());
      kernels->layer_norm(x.data(), weight.data(), nullptr, 1e-5f, n, plain.data());
      for (size_t i = 0; i < n; ++i) {
        const auto v = static_cast<double>(x[i]), w = static_cast<double>(weight[i]);
        const double expected_rms = v / std::sqrt(squares / static_cast<double>(n) + 1e-5) * w;
        const double expected_layer = (v - mean) / std::sqrt(variance + 1e-5) * w;
        CHECK(std::abs(static_cast<double>(rms[i]) - expected_rms) < 2e-6);
        // One element has no variance: what is left of it is rounding, times 300.
        const double bound = n == 1 ? 1e-3 : 5e-6;
        CHECK(std::abs(static_cast<double>(layer[i] - bias[i]) - expected_layer) < bound);
        CHECK(std::abs(static_cast<double>(plain[i]) - expected_layer) < bound);
      }
    }
  }
}

TEST("a part of a row gets the bits that it gets as a row of another length's beginning") {
  Random random(2);
  const std::vector<float> x = random.Normals(100), y = random.Normals(100);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    std::vector<float> whole(100);
    kernels->gate(Activation::kGelu, x.data(), y.data(), 100, whole.data());
    for (size_t n = 1; n < 100; ++n) {
      std::vector<float> part(n);
      kernels->gate(Activation::kGelu, x.data(), y.data(), n, part.data());
      CHECK_EQ(std::memcmp(part.data(), whole.data(), n * sizeof(float)), 0);
    }
  }
}

TEST("gate, add and scale are what their names say") {
  Random random(3);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const size_t n : kLengths) {
      const std::vector<float> x = random.Normals(n), y = random.Normals(n);
      std::vector<float> gated(n), active = x, sum(n), scaled = x;
      kernels->gate(Activation::kSilu, x.data(), y.data(), n, gated.data());
      kernels->activate(Activation::kSilu, n, active.data());
      kernels->add(x.data(), y.data(), n, sum.data());
      kernels->scale(1.5f, n, scaled.data());
      for (size_t i = 0; i < n; ++i) {
        CHECK_EQ(gated[i], active[i] * y[i]);
        CHECK_EQ(sum[i], x[i] + y[i]);
        CHECK_EQ(scaled[i], x[i] * 1.5f);
      }
    }
  }
}

TEST("rotation turns pairs and keeps their lengths") {
  Random random(4);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const size_t half : {1, 2, 5, 8, 12, 16, 20, 32, 48, 64}) {
      const std::vector<float> x = random.Normals(2 * half), angle = random.Normals(half);
      std::vector<float> turned = x, cosines(half), sines(half);
      for (size_t i = 0; i < half; ++i) {
        cosines[i] = std::cos(angle[i]);
        sines[i] = std::sin(angle[i]);
      }
      kernels->rotate(cosines.data(), sines.data(), half, turned.data());
      for (size_t i = 0; i < half; ++i) {
        CHECK_EQ(turned[i], x[i] * cosines[i] - x[i + half] * sines[i]);
        CHECK_EQ(turned[i + half], x[i + half] * cosines[i] + x[i] * sines[i]);
      }
    }
  }
}

TEST("arg-max gives the lowest of equal indices, and never a NaN's") {
  Random random(5);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const size_t n : kLengths) {
      for (int round = 0; round < 50; ++round) {
        std::vector<float> x(n);
        for (float& value : x) {
          value = static_cast<float>(random.Below(5));
          if (random.Below(9) == 0) value = kNaN;
          if (random.Below(9) == 0) value = -kInfinity;
        }
        size_t expected = 0;
        float greatest = -kInfinity;
        for (size_t i = 0; i < n; ++i) {
          if (x[i] > greatest) {
            greatest = x[i];
            expected = i;
          }
        }
        CHECK_EQ(kernels->arg_max(x.data(), n), expected);
      }
      const std::vector<float> same(n, 2.0f);
      CHECK_EQ(kernels->arg_max(same.data(), n), size_t{0});
    }
  }
}

TEST("log-sum-exp agrees with double, however large the logits are") {
  Random random(6);
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const size_t n : {size_t{1}, size_t{17}, size_t{4096}, size_t{5000}, size_t{50257}}) {
      for (const float offset : {0.0f, 500.0f, -500.0f}) {
        std::vector<float> x = random.Normals(n, 4.0f);
        double sum = 0, greatest = -1e30;
        for (float& value : x) greatest = std::max(greatest, static_cast<double>(value += offset));
        for (const float value : x) sum += std::exp(static_cast<double>(value) - greatest);
        CHECK(std::abs(kernels->log_sum_exp(x.data(), n) - (greatest + std::log(sum))) < 2e-6);
      }
    }
    const float infinite[] = {1.0f, kInfinity};
    CHECK_EQ(kernels->log_sum_exp(infinite, 2), static_cast<double>(kInfinity));
  }
}

TEST("rounds rows to bfloat16 to nearest even") {
  const float x[] = {1.0f, 1.00390625f, 1.01171875f, -3.0e38f, kInfinity, 0x1p-133f, 0x1.8p-134f};
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    uint16_t rounded[7];
    kernels->to_bfloat16(x, 7, rounded);
    for (size_t i = 0; i < 7; ++i) {
      const uint32_t bits = std::bit_cast<uint32_t>(x[i]);
      CHECK_EQ(rounded[i], static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    }
  }
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
