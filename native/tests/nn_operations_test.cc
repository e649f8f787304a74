// The fused operations over weights in a file, against references in double, and to the bit
// whatever the batch and the number of threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/convert.h"
#include "nn/operations.h"
#include "tests/check.h"
#include "tests/nn_random.h"
#include "tests/temp_folder.h"

namespace retemper::nn {
namespace {

using test::Random;

// Weights as they are written to a file, and as numbers.
class Weights {
 public:
  StoredRange Add(size_t rows, size_t cols, Dtype dtype, float scale) {
    Range range;
    range.rows = rows;
    range.cols = cols;
    range.dtype = dtype;
    range.offset = bytes_.size();
    for (size_t i = 0; i < rows * cols; ++i) {
      const float value = random_.Normal() * scale;
      if (dtype == Dtype::kF32) {
        Append(value);
        range.values.push_back(value);
      } else if (dtype == Dtype::kF16) {
        Append(FloatToF16(value));
        range.values.push_back(F16ToFloat(FloatToF16(value)));
      } else {
        Append(FloatToBf16(value));
        range.values.push_back(Bf16ToFloat(FloatToBf16(value)));
      }
    }
    ranges_.push_back(range);
    StoredRange stored;
    stored.tensor = std::to_string(ranges_.size() - 1);
    stored.dtype = dtype;
    stored.offset = range.offset;
    stored.rows = rows;
    stored.cols = cols;
    return stored;
  }
  // Writes what was added; ranges can be used from here on.
  void Finish() {
    file_ = std::make_shared<const InputFile>(
        InputFile::Open(folder_.Write("weights", bytes_), std::nullopt));
  }
  StoredRange On(StoredRange range) const {
    range.file = file_;
    return range;
  }
  std::unique_ptr<WeightSource> Matrix(const StoredRange& range, bool in_major = false,
                                       const StoredRange* bias = nullptr) const {
    std::optional<WeightVector> vector;
    if (bias != nullptr) vector.emplace(On(*bias));
    return std::make_unique<StoredMatrix>(On(range), in_major, std::move(vector));
  }
  const std::vector<float>& ValuesOf(const StoredRange& range) const {
    return ranges_[std::stoul(range.tensor)].values;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  struct Range {
    size_t rows = 0, cols = 0;
    Dtype dtype = Dtype::kF32;
    uint64_t offset = 0;
    std::vector<float> values;
  };
  template <class T>
  void Append(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  test::TempFolder folder_;
  Random random_{1};
  std::string bytes_;
  std::vector<Range> ranges_;
  std::shared_ptr<const InputFile> file_;
};

using Row = std::vector<double>;

Row Wide(const float* x, size_t n) { return Row(x, x + n); }

Row Times(const std::vector<float>& w, const Row& x, const std::vector<float>* bias = nullptr) {
  Row y(w.size() / x.size());
  for (size_t o = 0; o < y.size(); ++o) {
    for (size_t i = 0; i < x.size(); ++i) y[o] += static_cast<double>(w[o * x.size() + i]) * x[i];
    if (bias != nullptr) y[o] += static_cast<double>((*bias)[o]);
  }
  return y;
}

Row RmsOf(const Row& x, const std::vector<float>& weight, float plus = 0) {
  double squares = 0;
  for (const double v : x) squares += v * v / static_cast<double>(x.size());
  Row y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = x[i] / std::sqrt(squares + 1e-6) * static_cast<double>(weight[i] + plus);
  }
  return y;
}

void CheckNear(const float* actual, const Row& expected, double bound, const char* what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(static_cast<double>(actual[i]) - expected[i]) <= bound)) {
      test::Fail(__FILE__, __LINE__,
                 std::string(what) + "[" + std::to_string(i) + "] is " + std::to_string(actual[i]) +
                     ", expected " + std::to_string(expected[i]));
    }
  }
}

void SetRows(Context& context, size_t rows) {
  std::vector<int32_t> ids(rows), slots(rows), zeros(rows);
  for (size_t i = 0; i < rows; ++i) {
    ids[i] = static_cast<int32_t>(i * 7 % 50);
    slots[i] = static_cast<int32_t>(i);
  }
  std::vector<int32_t> positions(rows);
  for (size_t i = 0; i < rows; ++i) positions[i] = static_cast<int32_t>(i * 3 % 20);
  context.SetStep(ids.data(), positions.data(), slots.data(), zeros.data(), nullptr, rows);
}

// Everything a small model has; dtypes differ from one to the next.
struct Model {
  static constexpr size_t kHidden = 72, kInner = 136, kHeads = 96, kVocabulary = 50;
  Weights weights;
  StoredRange table = weights.Add(kVocabulary, kHidden, Dtype::kBF16, 1);
  StoredRange places = weights.Add(20, kHidden, Dtype::kF16, 1);
  StoredRange norm = weights.Add(1, kHidden, Dtype::kBF16, 1);
  StoredRange post = weights.Add(1, kHidden, Dtype::kF32, 1);
  StoredRange q = weights.Add(kHeads, kHidden, Dtype::kF16, .1f);
  StoredRange k = weights.Add(24, kHidden, Dtype::kF32, .1f);
  StoredRange q_bias = weights.Add(1, kHeads, Dtype::kBF16, 1);
  StoredRange o = weights.Add(kHidden, kHeads, Dtype::kBF16, .1f);
  StoredRange gate = weights.Add(kInner, kHidden, Dtype::kBF16, .1f);
  StoredRange up = weights.Add(kInner, kHidden, Dtype::kBF16, .1f);
  StoredRange down = weights.Add(kHidden, kInner, Dtype::kBF16, .1f);

  Model() { weights.Finish(); }
  Norm NormOf(const StoredRange& range, float plus = 0) const {
    return {.layer = false,
            .weight = WeightVector(weights.On(range), plus),
            .bias = {},
            .epsilon = 1e-6f};
  }
  const std::vector<float>& ValuesOf(const StoredRange& range) const {
    return weights.ValuesOf(range);
  }
  Embed MakeEmbed(float scale) const {
    return Embed(weights.Matrix(table), weights.Matrix(places), scale);
  }
  Project MakeProject() const {
    std::vector<std::unique_ptr<WeightSource>> matrices;
    matrices.push_back(weights.Matrix(q, false, &q_bias));
    matrices.push_back(weights.Matrix(k));
    return Project(NormOf(norm), std::move(matrices));
  }
  Output MakeOutput() const { return Output(weights.Matrix(o), NormOf(post, 1)); }
  Mlp MakeMlp(bool gated, Activation f) const {
    return Mlp(NormOf(norm), gated ? weights.Matrix(gate) : nullptr, weights.Matrix(up),
               weights.Matrix(down), f, gated ? std::optional(NormOf(post)) : std::nullopt);
  }
  Head MakeHead() const { return Head(NormOf(norm), weights.Matrix(table), 10); }
};

TEST("embeds ids, scaled, with learned positions, from tables of any dtype") {
  const Model model;
  Context context(2, Precision::kFloat32);
  SetRows(context, 33);
  const Embed embed = model.MakeEmbed(8.5f);
  std::vector<float> y(33 * Model::kHidden);
  embed.Run(context, y.data());
  for (size_t r = 0; r < 33; ++r) {
    for (size_t i = 0; i < Model::kHidden; ++i) {
      const float token = model.ValuesOf(model.table)[r * 7 % 50 * Model::kHidden + i];
      const float place = model.ValuesOf(model.places)[r * 3 % 20 * Model::kHidden + i];
      CHECK_EQ(y[r * Model::kHidden + i], token * 8.5f + place);
    }
  }
  const int32_t id = 50, zero = 0, far = 20;
  context.SetStep(&id, &zero, &zero, &zero, nullptr, 1);
  CHECK_FAULT("USAGE", "outside of the vocabulary of 50", embed.Run(context, y.data()));
  context.SetStep(&zero, &far, &zero, &zero, nullptr, 1);
  CHECK_FAULT("USAGE", "beyond the model's 20", embed.Run(context, y.data()));
}

TEST("each operation agrees with double, for one row and for many") {
  const Model model;
  const Project project = model.MakeProject();
  const Output output = model.MakeOutput();
  const Mlp gated = model.MakeMlp(true, Activation::kSilu);
  const Mlp plain = model.MakeMlp(false, Activation::kGelu);
  const Head head = model.MakeHead();
  constexpr size_t h = Model::kHidden;
  for (const size_t rows : {1, 2, 37}) {
    Context context(2, Precision::kFloat32);
    SetRows(context, rows);
    Random random(rows);
    const std::vector<float> x = random.Normals(rows * h), a = random.Normals(rows * Model::kHeads);
    std::vector<float> projected(rows * project.out()), out(rows * h), gated_out(rows * h),
        plain_out(rows * h), logits(2 * Model::kVocabulary);
    project.Run(context, x.data(), rows, projected.data());
    output.Run(context, a.data(), x.data(), rows, out.data());
    gated.Run(context, x.data(), rows, gated_out.data());
    plain.Run(context, x.data(), rows, plain_out.data());
    const int32_t wanted[] = {static_cast<int32_t>(rows - 1), 0};
    head.Run(context, x.data(), rows, wanted, 2, logits.data());
    for (size_t r = 0; r < rows; ++r) {
      const Row row = Wide(&x[r * h], h), normal = RmsOf(row, model.ValuesOf(model.norm));
      Row expected = Times(model.ValuesOf(model.q), normal, &model.ValuesOf(model.q_bias));
      for (const double v : Times(model.ValuesOf(model.k), normal)) expected.push_back(v);
      CheckNear(&projected[r * project.out()], expected, 2e-5, "project");

      Row sum = RmsOf(Times(model.ValuesOf(model.o), Wide(&a[r * Model::kHeads], Model::kHeads)),
                      model.ValuesOf(model.post), 1);
      for (size_t i = 0; i < h; ++i) sum[i] += row[i];
      CheckNear(&out[r * h], sum, 2e-5, "output");

      Row inner = Times(model.ValuesOf(model.up), normal), bare = inner;
      const Row gates = Times(model.ValuesOf(model.gate), normal);
      for (size_t i = 0; i < inner.size(); ++i) {
        inner[i] *= gates[i] / (1 + std::exp(-gates[i]));
        bare[i] *= 0.5 * std::erfc(-bare[i] / std::sqrt(2.0));
      }
      Row with_gate = RmsOf(Times(model.ValuesOf(model.down), inner), model.ValuesOf(model.post));
      Row without = Times(model.ValuesOf(model.down), bare);
      for (size_t i = 0; i < h; ++i) {
        with_gate[i] += row[i];
        without[i] += row[i];
      }
      CheckNear(&gated_out[r * h], with_gate, 2e-5, "mlp");
      CheckNear(&plain_out[r * h], without, 2e-5, "mlp without gate");
    }
    for (size_t i = 0; i < 2; ++i) {
      Row expected =
          Times(model.ValuesOf(model.table),
                RmsOf(Wide(&x[static_cast<size_t>(wanted[i]) * h], h), model.ValuesOf(model.norm)));
      for (double& v : expected) v = 10 * std::tanh(v / 10);
      CheckNear(&logits[i * Model::kVocabulary], expected, 2e-5, "head");
    }
  }
}

TEST("a row's result is the same bits alone, in any batch, and on any number of threads") {
  const Model model;
  const Project project = model.MakeProject();
  const Mlp mlp = model.MakeMlp(true, Activation::kGeluTanh);
  constexpr size_t h = Model::kHidden;
  Random random(5);
  const std::vector<float> x = random.Normals(300 * h);
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    std::vector<float> projected(300 * project.out()), out(300 * h);
    for (const unsigned threads : {1u, 2u, 7u}) {
      Context context(threads, precision);
      for (const size_t rows : {size_t{300}, size_t{1}, size_t{3}, size_t{40}}) {
        SetRows(context, rows);
        std::vector<float> some(rows * project.out()), more(rows * h);
        project.Run(context, x.data(), rows, some.data());
        mlp.Run(context, x.data(), rows, more.data());
        if (threads == 1 && rows == 300) {
          projected = some;
          out = more;
        }
        CHECK_EQ(std::memcmp(some.data(), projected.data(), some.size() * sizeof(float)), 0);
        CHECK_EQ(std::memcmp(more.data(), out.data(), more.size() * sizeof(float)), 0);
      }
    }
  }
}

TEST("multiplies by matrices that lie [in, out]") {
  Weights weights;
  const StoredRange range = weights.Add(16, 40, Dtype::kF32, 1),
                    bias = weights.Add(1, 40, Dtype::kF32, 1);
  weights.Finish();
  const auto matrix = weights.Matrix(range, true, &bias);
  CHECK_EQ(matrix->out(), size_t{40});
  CHECK_EQ(matrix->in(), size_t{16});
  Random random(2);
  const std::vector<float> x = random.Normals(16);
  std::vector<float> y(40);
  Context context(1, Precision::kFloat32);
  matrix->Multiply(context.pool, context.precision, x.data(), 16, 1, nullptr, y.data(), 40);
  for (size_t o = 0; o < 40; ++o) {
    double sum = static_cast<double>(weights.ValuesOf(bias)[o]);
    for (size_t i = 0; i < 16; ++i) {
      sum += static_cast<double>(x[i]) * static_cast<double>(weights.ValuesOf(range)[i * 40 + o]);
    }
    CHECK(std::abs(static_cast<double>(y[o]) - sum) < 1e-5);
  }
}

TEST("reads weights at odd offsets, and by pread where nothing may be mapped") {
  test::TempFolder folder;
  Weights weights;
  const StoredRange range = weights.Add(3, 5, Dtype::kBF16, 1);
  for (const Reading reading : {Reading::kMap, Reading::kPread}) {
    StoredRange odd = range;
    odd.offset = 1;
    odd.file = std::make_shared<const InputFile>(
        InputFile::Open(folder.Write("odd", "x" + weights.bytes()), std::nullopt, reading));
    const StoredMatrix matrix(odd, false);
    float row[5];
    matrix.Row(2, 0, row);
    for (size_t i = 0; i < 5; ++i) CHECK_EQ(row[i], weights.ValuesOf(range)[10 + i]);
  }
}

TEST("refuses weights outside of their file, of other dtypes, and of sizes that do not fit") {
  const Model model;
  const auto matrix = [&](size_t rows, size_t cols, Dtype dtype) {
    StoredRange range = model.weights.On(model.table);
    range.rows = rows;
    range.cols = cols;
    range.dtype = dtype;
    return std::make_unique<StoredMatrix>(range, false);
  };
  const Fault fault =
      CHECK_FAULT("BAD_INPUT", "has no bytes", matrix(1 << 20, 1 << 10, Dtype::kF32));
  CHECK_EQ(fault.tensor, std::string("0"));
  CHECK_FAULT("BAD_INPUT", "beyond any file",
              matrix(size_t{1} << 40, size_t{1} << 40, Dtype::kF32));
  CHECK_FAULT("INCOMPATIBLE", "stored as F64", matrix(2, 2, Dtype::kF64));
  CHECK_FAULT("INCOMPATIBLE", "stored as I32", WeightVector([&] {
                StoredRange range = model.weights.On(model.norm);
                range.dtype = Dtype::kI32;
                return range;
              }()));
  CHECK_FAULT("INCOMPATIBLE", "its bias has 72", model.weights.Matrix(model.q, false, &model.norm));
  CHECK_FAULT("USAGE", "features", Output(matrix(4, 4, Dtype::kBF16), model.NormOf(model.norm)));
  CHECK_FAULT("USAGE", "features", Head(model.NormOf(model.norm), matrix(4, 4, Dtype::kBF16), 0));
  Context context(1, Precision::kFloat32);
  SetRows(context, 2);
  float x[3 * Model::kHidden] = {}, y[3 * Model::kVocabulary];
  CHECK_FAULT("USAGE", "3 rows in a step of 2",
              model.MakeMlp(true, Activation::kRelu).Run(context, x, 3, y));
  const int32_t wanted = 2;
  CHECK_FAULT("USAGE", "row 2 was wanted", model.MakeHead().Run(context, x, 2, &wanted, 1, y));
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
