// Attention against a reference in double, on every instruction set that this machine has.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/convert.h"
#include "nn/attend.h"
#include "tests/check.h"
#include "tests/nn_attend_cases.h"
#include "tests/nn_random.h"

namespace retemper::nn {
namespace {

using test::Random;

// All of one sequence in double, [length, heads * head_dim].
std::vector<double> Reference(const Shape& shape, const AttendSpec& spec,
                              const std::vector<float>& x, size_t length, CacheElements elements) {
  const size_t dim = shape.head_dim, all = shape.heads + 2 * shape.kv_heads;
  std::vector<double> turned(x.begin(), x.begin() + static_cast<ptrdiff_t>(length * all * dim));
  const size_t half = shape.rotary / 2;
  for (size_t p = 0; p < length; ++p) {
    for (size_t h = 0; h < shape.heads + shape.kv_heads; ++h) {
      double* head = &turned[(p * all + h) * dim];
      for (size_t i = 0; i < half; ++i) {
        const auto angle =
            static_cast<double>(static_cast<float>(p) * spec.rope->inverse_frequencies[i]);
        const double a = head[i], b = head[i + half];
        head[i] = a * std::cos(angle) - b * std::sin(angle);
        head[i + half] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
    for (size_t h = shape.heads; h < all; ++h) {
      double* head = &turned[(p * all + h) * dim];
      double most = 0;
      for (size_t i = 0; i < dim; ++i) most = std::max(most, std::abs(head[i]));
      for (size_t i = 0; i < dim && elements != CacheElements::kFloat32; ++i) {
        head[i] = elements == CacheElements::kBfloat16
                      ? static_cast<double>(Bf16ToFloat(FloatToBf16(static_cast<float>(head[i]))))
                      : std::nearbyint(head[i] * (127 / most)) * (most / 127);
      }
    }
  }
  std::vector<double> y(length * shape.heads * dim);
  for (size_t p = 0; p < length; ++p) {
    const size_t low = shape.window != 0 && p + 1 > shape.window ? p + 1 - shape.window : 0;
    for (size_t h = 0; h < shape.heads; ++h) {
      const size_t kv = h / (shape.heads / shape.kv_heads);
      std::vector<double> weights;
      double greatest = -1e300, sum = 0;
      for (size_t j = low; j <= p; ++j) {
        double score = 0;
        for (size_t i = 0; i < dim; ++i) {
          score += turned[(p * all + h) * dim + i] * turned[(j * all + shape.heads + kv) * dim + i];
        }
        score *= static_cast<double>(spec.scale);
        if (shape.softcap != 0) {
          const auto cap = static_cast<double>(shape.softcap);
          score = cap * std::tanh(score / cap);
        }
        weights.push_back(score);
        greatest = std::max(greatest, score);
      }
      for (double& weight : weights) sum += weight = std::exp(weight - greatest);
      for (size_t j = low; j <= p; ++j) {
        for (size_t i = 0; i < dim; ++i) {
          y[(p * shape.heads + h) * dim + i] +=
              weights[j - low] / sum *
              turned[(j * all + shape.heads + shape.kv_heads + kv) * dim + i];
        }
      }
    }
  }
  return y;
}

TEST("agrees with double on every target, with float32, bfloat16 and 8-bit caches") {
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const Shape& shape : kShapes) {
      for (const CacheElements elements :
           {CacheElements::kFloat32, CacheElements::kBfloat16, CacheElements::kInt8}) {
        Random random(shape.heads * 1000 + shape.head_dim);
        Context context(2, Precision::kFloat32, *kernels);
        const Attend attend(context, SpecOf(shape));
        const size_t length = shape.heads == 9 ? 520 : 130;
        const auto cache = CacheOf(shape, 1, length, elements);
        const std::vector<float> x = random.Normals(length * attend.in(), 1.5f);
        const std::vector<float> y = RunPieces(context, attend, *cache, {x}, {{0, 0, length}});
        const std::vector<double> expected = Reference(shape, attend.spec(), x, length, elements);
        double worst = 0;
        for (size_t i = 0; i < y.size(); ++i) {
          worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected[i]));
        }
        // Keys and values that round to another code than the reference's are a step apart.
        if (!(worst < (elements == CacheElements::kFloat32 ? 1e-5 : 3e-2))) {
          test::Fail(__FILE__, __LINE__,
                     std::string(kernels->name) + ", head size " + std::to_string(shape.head_dim) +
                         ": off by " + std::to_string(worst));
        }
      }
    }
  }
}

TEST("a position that is not a number does not reach the rows before it") {
  const Shape shape = {6, 2, 32, 0, 0, 32};
  Context context(2, Precision::kFloat32);
  const Attend attend(context, SpecOf(shape));
  Random random(11);
  std::vector<std::vector<float>> x = {random.Normals(100 * attend.in())};
  auto cache = CacheOf(shape, 1, 100);
  const std::vector<float> expected = RunPieces(context, attend, *cache, x, {{0, 0, 100}});
  std::fill(x[0].begin() + static_cast<ptrdiff_t>(70 * attend.in()),
            x[0].begin() + static_cast<ptrdiff_t>(71 * attend.in()), std::nanf(""));
  cache = CacheOf(shape, 1, 100);
  const std::vector<float> y = RunPieces(context, attend, *cache, x, {{0, 0, 100}});
  CHECK_EQ(std::memcmp(y.data(), expected.data(), 70 * attend.out() * sizeof(float)), 0);
  CHECK(std::isnan(y[70 * attend.out()]));
}

TEST(
    "an 8-bit cache gives what is not finite as NaN, to the rows that see it, and zeros as zeros") {
  const Shape shape = {2, 1, 32};
  Context context(1, Precision::kFloat32);
  const Attend attend(context, SpecOf(shape));
  std::vector<std::vector<float>> x = {Random(13).Normals(70 * attend.in())};
  const auto values = [&](size_t row) {
    return x[0].begin() + static_cast<ptrdiff_t>(row * attend.in() + 3 * 32);
  };
  for (size_t row = 0; row < 66; ++row) std::fill_n(values(row), 32, row < 3 ? 0.0f : 1e-35f);
  *values(68) = std::numeric_limits<float>::infinity();
  const auto cache = CacheOf(shape, 1, 100, CacheElements::kInt8);
  const std::vector<float> y = RunPieces(context, attend, *cache, x, {{0, 0, 70}});
  for (size_t i = 0; i < 66 * attend.out(); ++i) CHECK_EQ(y[i], 0.0f);
  for (size_t i = 66 * attend.out(); i < y.size(); ++i)
    CHECK_EQ(std::isnan(y[i]), i >= 68 * attend.out());
}

TEST("norms of heads come before the turn") {
  const Shape shape = {4, 2, 32, 0, 0, 32};
  Random random(12);
  Context context(1, Precision::kFloat32);
  const Attend plain(context, SpecOf(shape));
  std::vector<std::vector<float>> x = {random.Normals(40 * plain.in(), 2.0f)};
  AttendSpec spec = SpecOf(shape);
  const std::vector<float> query_weight = random.Normals(32), key_weight = random.Normals(32);
  spec.query_norm =
      Norm{.layer = false, .weight = WeightVector(query_weight), .bias = {}, .epsilon = 1e-6f};
  spec.key_norm =
      Norm{.layer = true, .weight = WeightVector(key_weight), .bias = {}, .epsilon = 1e-6f};
  const Attend normed(context, spec);
  auto cache = CacheOf(shape, 1, 40);
  const std::vector<float> y = RunPieces(context, normed, *cache, x, {{0, 0, 40}});
  for (size_t r = 0; r < 40; ++r) {
    for (size_t h = 0; h < 6; ++h) {
      float* head = &x[0][r * plain.in() + h * 32];
      (h < 4 ? *spec.query_norm : *spec.key_norm).Apply(context.kernels, head, 0, head);
    }
  }
  cache = CacheOf(shape, 1, 40);
  CHECK(SameBits(y, RunPieces(context, plain, *cache, x, {{0, 0, 40}})));
}

TEST("long frequencies hold for the sequences whose contexts are long") {
  const Shape shape = {2, 1, 16, 0, 0, 16};
  Random random(13);
  Context context(1, Precision::kFloat32);
  AttendSpec long_spec = SpecOf(shape), both = SpecOf(shape);
  for (float& f : long_spec.rope->inverse_frequencies) f /= 8;
  both.rope->long_inverse_frequencies = long_spec.rope->inverse_frequencies;
  both.rope->long_from = 50;
  const Attend short_only(context, SpecOf(shape)), long_only(context, long_spec),
      either(context, both);
  const std::vector<std::vector<float>> x = {random.Normals(60 * either.in())};
  const auto run = [&](const Attend& attend, size_t length) {
    const auto cache = CacheOf(shape, 1, 60);
    return RunPieces(context, attend, *cache, x, {{0, 0, length}});
  };
  CHECK(SameBits(run(either, 50), run(short_only, 50)));
  CHECK(SameBits(run(either, 51), run(long_only, 51)));
  // A piece of a prompt that says how long all of it is.
  std::vector<int32_t> ids(30, 0), positions(30), contexts(30, 60);
  for (int32_t i = 0; i < 30; ++i) positions[static_cast<size_t>(i)] = i;
  context.SetStep(ids.data(), positions.data(), ids.data(), ids.data(), contexts.data(), 30);
  const auto cache = CacheOf(shape, 1, 60);
  std::vector<float> y(30 * either.out());
  either.Run(context, *cache, x[0].data(), 30, y.data());
  CHECK(SameBits(y, run(long_only, 30)));
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
