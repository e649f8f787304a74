// Gradients of the operations that training runs, against what happens to the results when inputs
// and parameters are moved a little; the loops below them against double. On every instruction set
// that this machine has.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/optimizer.h"
#include "nn/trained_attention.h"
#include "nn/training.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::nn {
namespace {

using test::Random;
using Floats = std::vector<float>;

// A matrix in memory, [out, in] or [in, out].
class MemoryMatrix : public WeightSource {
 public:
  MemoryMatrix(size_t out, size_t in, bool in_major, Floats bias, Random& random)
      : values_(random.Normals(out * in, 0.3f)), bias_(std::move(bias)) {
    matrix_ = {reinterpret_cast<const uint8_t*>(values_.data()), Dtype::kF32, out, in, in_major};
  }
  size_t out() const override { return matrix_.out; }
  size_t in() const override { return matrix_.in; }
  void Multiply(Pool& pool, Precision precision, const float* x, size_t x_stride, size_t rows,
                const uint32_t*, float* y, size_t y_stride) const override {
    MatMul(pool, matrix_, Bias(), x, x_stride, rows, y, y_stride, precision);
  }
  void MultiplyBackward(Pool& pool, Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t*, float* dx, size_t dx_stride) const override {
    MatMulBackward(pool, matrix_, dy, dy_stride, rows, dx, dx_stride, precision);
  }
  std::optional<Linear> Plain() const override { return Linear{matrix_, Bias(), nullptr, 0}; }
  void Row(size_t row, uint32_t, float* to) const override {
    std::memcpy(to, values_.data() + row * matrix_.in, matrix_.in * sizeof(float));
  }
  float At(size_t out, size_t in) const {
    return matrix_.in_major ? values_[in * matrix_.out + out] : values_[out * matrix_.in + in];
  }

 private:
  const float* Bias() const { return bias_.empty() ? nullptr : bias_.data(); }
  Floats values_;
  Floats bias_;
  Matrix matrix_;
};

// What is beside a matrix, with room for its gradients.
struct Beside {
  Floats a, b, da, db, magnitudes, lengths, d_magnitudes;
  LowRank term;

  Beside(size_t in, size_t out, size_t rank, bool directed, bool drops, Random& random)
      : a(random.Normals(rank * in, 0.3f)),
        b(random.Normals(out * rank, 0.3f)),
        da(a.size()),
        db(b.size()) {
    term.rank = rank;
    term.scale = 1.5f;
    if (drops) term.dropout = {.state = 12345, .limit = 0x4ccccccdu, .kept = 1 / 0.7f};
    if (!directed) return;
    magnitudes = random.Normals(out, 1.0f);
    lengths = random.Normals(out, 0.1f);
    for (float& length : lengths) length += 1.5f;
    d_magnitudes.resize(out);
  }
  // Its arrays must not move afterwards.
  const LowRank& Term() {
    term.a = a.data();
    term.b = b.data();
    term.da = da.data();
    term.db = db.data();
    if (magnitudes.empty()) return term;
    term.magnitudes = magnitudes.data();
    term.lengths = lengths.data();
    term.d_magnitudes = d_magnitudes.data();
    return term;
  }
};

// Something that is moved, and the gradient that is claimed for it.
struct Moved {
  const char* name;
  Floats* values;
  const Floats* gradient;
};

// (f(x + h v) - f(x - h v)) / 2h against gradient . v, for several directions v.
void CheckGradient(const std::string& what, const std::function<double()>& f,
                   const std::vector<Moved>& all) {
  constexpr double kStep = 4e-3;
  Random random(99);
  for (const Moved& moved : all) {
    const Floats before = *moved.values;
    for (int trial = 0; trial < 4; ++trial) {
      const Floats direction = random.Normals(before.size());
      const auto at = [&](double step) {
        for (size_t i = 0; i < before.size(); ++i) {
          (*moved.values)[i] = before[i] + static_cast<float>(step) * direction[i];
        }
        const double value = f();
        *moved.values = before;
        return value;
      };
      const double slope =
          (8 * (at(kStep) - at(-kStep)) - (at(2 * kStep) - at(-2 * kStep))) / (12 * kStep);
      double expected = 0, length = 0;
      for (size_t i = 0; i < direction.size(); ++i) {
        const double g = static_cast<double>((*moved.gradient)[i]);
        expected += g * static_cast<double>(direction[i]);
        length += g * g;
      }
      if (!(std::abs(slope - expected) <= 2e-3 * std::sqrt(length) + 1e-4)) {
        test::Fail(__FILE__, __LINE__,
                   what + ": along " + moved.name + " the slope is " + std::to_string(slope) +
                       ", the gradient says " + std::to_string(expected));
      }
    }
  }
}

double Along(const Floats& y, const Floats& dy) {
  double sum = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    sum += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
  }
  return sum;
}

void Collect(Beside& beside, std::vector<Moved>& all) {
  all.push_back({"A", &beside.a, &beside.da});
  all.push_back({"B", &beside.b, &beside.db});
  if (!beside.magnitudes.empty()) {
    all.push_back({"the magnitudes", &beside.magnitudes, &beside.d_magnitudes});
  }
}

Norm NormOf(size_t n, bool layer, Random& random) {
  Floats weight = random.Normals(n, 0.2f);
  for (float& value : weight) value += 1;
  Norm norm = {.layer = layer, .weight = WeightVector(weight), .bias = {}, .epsilon = 1e-5f};
  if (layer) norm.bias.emplace(random.Normals(n));
  return norm;
}

template <class Body>
void OnEveryTarget(Body body) {
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    Context context(2, Precision::kFloat32, *kernels);
    body(context, std::string(context.training.name));
  }
}

TrainedMatrix Matrix(size_t out, size_t in, Random& random, bool in_major = false,
                     bool biased = false) {
  Floats bias = biased ? random.Normals(out) : Floats{};
  return TrainedMatrix(std::make_unique<MemoryMatrix>(out, in, in_major, std::move(bias), random));
}

struct Case {
  bool directed, drops;
  size_t rank;
};
constexpr Case kCases[] = {{false, false, 8}, {false, true, 3}, {true, false, 4}, {true, true, 9}};
constexpr size_t kRows = 55;  // more than a part

TEST("projections: gradients of inputs, low-rank terms and magnitudes, with dropout and without") {
  OnEveryTarget([](Context& context, const std::string& target) {
    for (const auto& [directed, drops, rank] : kCases) {
      Random random(3);
      constexpr size_t kIn = 43, kOut = 37, kOther = 64;
      std::vector<TrainedMatrix> matrices;
      matrices.push_back(Matrix(kOut, kIn, random, false, true));
      matrices.push_back(Matrix(kOther, kIn, random, true));
      matrices.push_back(Matrix(kOut, kIn, random));
      const TrainedProject project(NormOf(kIn, rank == 9, random), std::move(matrices));
      Beside first(kIn, kOut, rank, directed, drops, random);
      Beside second(kIn, kOther, rank, directed, drops, random);
      Floats x = random.Normals(kRows * kIn), y(kRows * project.out()), dx(x.size());
      const Floats dy = random.Normals(y.size());
      const auto f = [&] {
        const LowRank terms[] = {first.Term(), second.Term(), {}};
        project.Forward(context, x.data(), kRows, terms, y.data());
        return Along(y, dy);
      };
      const LowRank terms[] = {first.Term(), second.Term(), {}};
      project.Backward(context, x.data(), kRows, terms, dy.data(), dx.data());
      std::vector<Moved> all = {{"x", &x, &dx}};
      Collect(first, all);
      Collect(second, all);
      CheckGradient("projection on " + target, f, all);
    }
  });
}

TEST("outputs: the same, through a norm that follows") {
  OnEveryTarget([](Context& context, const std::string& target) {
    for (const auto& [directed, drops, rank] : kCases) {
      Random random(4);
      constexpr size_t kIn = 50, kOut = 34;
      const TrainedOutput output(
          Matrix(kOut, kIn, random),
          rank == 3 ? std::nullopt : std::optional(NormOf(kOut, false, random)));
      Beside beside(kIn, kOut, rank, directed, drops, random);
      Floats x = random.Normals(kRows * kIn), y(kRows * kOut), dx(x.size());
      const Floats residual = random.Normals(y.size()), dy = random.Normals(y.size());
      const auto f = [&] {
        output.Forward(context, x.data(), residual.data(), kRows, beside.Term(), y.data());
        return Along(y, dy);
      };
      output.Backward(context, x.data(), kRows, beside.Term(), dy.data(), dx.data());
      std::vector<Moved> all = {{"x", &x, &dx}};
      Collect(beside, all);
      CheckGradient("output on " + target, f, all);
    }
  });
}

TEST("MLPs: the same for every activation, with a gate and without") {
  OnEveryTarget([](Context& context, const std::string& target) {
    for (const Activation activation :
         {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
      for (const bool gated : {true, false}) {
        Random random(5);
        constexpr size_t kSize = 40, kInner = 72;
        const bool directed = gated && activation == Activation::kGelu;
        std::optional<TrainedMatrix> gate;
        if (gated) gate = Matrix(kInner, kSize, random);
        TrainedMatrix up = Matrix(kInner, kSize, random, !gated);
        const TrainedMlp mlp(NormOf(kSize, !gated, random), std::move(gate), std::move(up),
                             Matrix(kSize, kInner, random, !gated), activation,
                             gated ? std::optional(NormOf(kSize, false, random)) : std::nullopt);
        std::vector<std::unique_ptr<Beside>> beside;
        for (const TrainedMatrix* matrix : mlp.matrices()) {
          beside.push_back(
              std::make_unique<Beside>(matrix->in(), matrix->out(), 4, directed, directed, random));
        }
        Floats x = random.Normals(kRows * kSize), y(x.size()), dx(x.size());
        Floats kept(kRows * mlp.kept());
        const Floats dy = random.Normals(y.size());
        const auto terms = [&] {
          std::vector<LowRank> all;
          for (const auto& each : beside) all.push_back(each->Term());
          return all;
        };
        const auto f = [&] {
          mlp.Forward(context, x.data(), kRows, terms(), nullptr, y.data());
          return Along(y, dy);
        };
        const double value = f();
        mlp.Forward(context, x.data(), kRows, terms(), kept.data(), y.data());
        CHECK_EQ(Along(y, dy), value);
        mlp.Backward(context, x.data(), kRows, terms(), kept.data(), dy.data(), dx.data());
        std::vector<Moved> all = {{"x", &x, &dx}};
        for (const auto& each : beside) Collect(*each, all);
        CheckGradient("MLP on " + target, f, all);
      }
    }
  });
}

TEST("attention: gradients of queries, keys and values with rotations, windows, caps and norms") {
  OnEveryTarget([](Context& context, const std::string& target) {
    for (const bool more : {false, true}) {
      Random random(6);
      AttendSpec spec;
      spec.heads = 4;
      spec.kv_heads = 2;
      spec.head_dim = 12;
      spec.scale = 0.4f;
      spec.rope = RopeSpec{.inverse_frequencies = {1, 0.5f, 0.2f, 0.1f, 0.03f, 0.01f},
                           .magnitude = 1,
                           .long_inverse_frequencies = {},
                           .long_from = 0};
      if (more) {
        spec.window = 7;
        spec.softcap = 3;
        spec.query_norm = NormOf(spec.head_dim, false, random);
        spec.key_norm = NormOf(spec.head_dim, false, random);
      }
      const TrainedAttention attention(context, spec);
      const std::vector<int32_t> lengths = {1, 41, 13};
      Floats x = random.Normals(kRows * attention.in()), y(kRows * attention.out());
      Floats dx(x.size());
      const Floats dy = random.Normals(y.size());
      const auto f = [&] {
        attention.Forward(context, x.data(), lengths, y.data());
        return Along(y, dy);
      };
      attention.Backward(context, x.data(), lengths, dy.data(), dx.data());
      CheckGradient("attention on " + target, f, {{"x", &x, &dx}});
    }
  });
}

TEST("losses: the gradient of answers alone, over more rows than a block") {
  OnEveryTarget([](Context& context, const std::string& target) {
    for (const float softcap : {0.0f, 5.0f}) {
      Random random(7);
      constexpr size_t kSize = 24, kVocabulary = 61, kAll = 300;
      const MemoryMatrix matrix(kVocabulary, kSize, false, {}, random);
      const Norm norm = NormOf(kSize, false, random);
      std::vector<int32_t> wanted, targets;
      for (int32_t row = 1; row < static_cast<int32_t>(kAll); row += 2) {
        wanted.push_back(row);
        targets.push_back(static_cast<int32_t>(random.Below(kVocabulary)));
      }
      Floats x = random.Normals(kAll * kSize), dx(x.size());
      const auto f = [&] {
        return 0.25 * RunHeadLoss(context, norm, matrix, softcap, x.data(), kAll, wanted, targets,
                                  0, nullptr)
                          .sum;
      };
      RunHeadLoss(context, norm, matrix, softcap, x.data(), kAll, wanted, targets, 0.25f,
                  dx.data());
      CheckGradient("loss on " + target, f, {{"x", &x, &dx}});
      for (size_t i = 0; i < kSize; ++i) CHECK_EQ(dx[i], 0.0f);  // row 0 is no answer's
    }
  });
}

TEST("a step has the same bits on any number of threads") {
  Random random(8);
  constexpr size_t kIn = 96, kOut = 600, kMany = 300;
  const TrainedMatrix matrix = Matrix(kOut, kIn, random);
  const Floats x = random.Normals(kMany * kIn), dy = random.Normals(kMany * kOut);
  Floats first;
  for (const unsigned threads : {1u, 3u}) {
    Context context(threads, Precision::kFloat32);
    Random same(9);
    Beside beside(kIn, kOut, 8, true, true, same);
    Floats y(kMany * kOut), dx(kMany * kIn);
    matrix.Forward(context, x.data(), kMany, beside.Term(), y.data(), kOut);
    matrix.Backward(context, x.data(), dy.data(), kOut, kMany, beside.Term(), false, dx.data());
    Floats all = y;
    for (const Floats* part : {&dx, &beside.da, &beside.db, &beside.d_magnitudes}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    if (first.empty()) first = all;
    CHECK(first == all);
  }
}

TEST("lengths of the rows of W + s B A are those of the sum") {
  OnEveryTarget([](Context& context, const std::string&) {
    Random random(10);
    constexpr size_t kIn = 53, kOut = 31, kRank = 5;
    for (const bool biased : {false, true}) {
      auto owned = std::make_unique<MemoryMatrix>(kOut, kIn, biased,
                                                  biased ? random.Normals(kOut) : Floats{}, random);
      const MemoryMatrix& w = *owned;
      const TrainedMatrix matrix(std::move(owned));
      Beside beside(kIn, kOut, kRank, true, false, random);
      Floats squares(kOut), lengths(kOut);
      std::vector<double> expected(kOut);
      for (size_t o = 0; o < kOut; ++o) {
        for (size_t i = 0; i < kIn; ++i) {
          double sum = static_cast<double>(w.At(o, i));
          squares[o] += w.At(o, i) * w.At(o, i);
          for (size_t j = 0; j < kRank; ++j) {
            sum += 1.5 * static_cast<double>(beside.b[o * kRank + j]) *
                   static_cast<double>(beside.a[j * kIn + i]);
          }
          expected[o] += sum * sum;
        }
      }
      matrix.Measure(context, beside.Term(), squares.data(), lengths.data());
      for (size_t o = 0; o < kOut; ++o) {
        CHECK(std::abs(static_cast<double>(lengths[o]) / std::sqrt(expected[o]) - 1) < 1e-5);
      }
    }
  });
}

TEST("dropout leaves out its share, and the same elements in parts as at once") {
  OnEveryTarget([](Context& context, const std::string&) {
    constexpr size_t kCount = 20011;
    const Dropout dropout = {.state = 77, .limit = 0x40000000u, .kept = 1 / 0.75f};
    const Floats ones(kCount, 1.0f);
    Floats whole(kCount), parts(kCount);
    context.training.drop(dropout, 0, kCount, ones.data(), whole.data());
    for (size_t begin = 0; begin < kCount; begin += 1003) {
      const size_t n = std::min<size_t>(1003, kCount - begin);
      context.training.drop(dropout, begin, n, ones.data() + begin, parts.data() + begin);
    }
    CHECK(whole == parts);
    size_t dropped = 0;
    for (size_t i = 0; i < kCount; ++i) {
      uint32_t z = 77 + static_cast<uint32_t>(i + 1) * 0x9e3779b9u;
      z = (z ^ (z >> 16)) * 0x21f0aaadu;
      z = (z ^ (z >> 15)) * 0x735a2d97u;
      const bool gone = (z ^ (z >> 15)) < dropout.limit;
      CHECK_EQ(whole[i], gone ? 0.0f : dropout.kept);
      dropped += gone ? 1 : 0;
    }
    CHECK(std::abs(static_cast<double>(dropped) / kCount - 0.25) < 0.015);
  });
}

TEST("AdamW takes the steps that double takes") {
  OnEveryTarget([](Context& context, const std::string&) {
    Random random(11);
    constexpr size_t kCount = 1003;
    Floats values = random.Normals(kCount), gradient(kCount), first(kCount), second(kCount);
    std::vector<double> p(values.begin(), values.end()), m(kCount), v(kCount);
    const Parameter parameter = {kCount, values.data(), gradient.data(), first.data(),
                                 second.data()};
    for (int step = 1; step <= 20; ++step) {
      const Floats drawn = random.Normals(kCount, 0.1f);
      std::copy(drawn.begin(), drawn.end(), gradient.begin());
      double squares = 0;
      for (const float g : gradient) squares += static_cast<double>(g) * static_cast<double>(g);
      CHECK(std::abs(GradientNorm(context, {&parameter, 1}) / std::sqrt(squares) - 1) < 1e-6);
      const double rate = 1e-3, root = std::sqrt(1 - std::pow(0.999, step)),
                   stride = rate / (1 - std::pow(0.9, step));
      Optimize(context, {&parameter, 1},
               {0.5f, 0.9f, 0.999f, 0.1f, 0.001f, static_cast<float>(1 - rate * 0.1),
                static_cast<float>(stride), static_cast<float>(root), 1e-8f});
      for (size_t i = 0; i < kCount; ++i) {
        const double g = 0.5 * static_cast<double>(gradient[i]);
        m[i] = m[i] * 0.9 + g * 0.1;
        v[i] = v[i] * 0.999 + g * g * 0.001;
        p[i] = p[i] * (1 - rate * 0.1) - stride * m[i] / (std::sqrt(v[i]) / root + 1e-8);
      }
    }
    for (size_t i = 0; i < kCount; ++i) {
      CHECK(std::abs(static_cast<double>(values[i]) - p[i]) < 1e-5);
    }
    ClearGradients(context, {&parameter, 1});
    CHECK(gradient == Floats(kCount));
  });
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
