// Generation and training whose calls for memory, mappings and threads fail, one after the other:
// an operation ends well or with OUT_OF_MEMORY, never with the process, and what was open gives the
// same bits afterwards as if nothing had happened.
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "nn/optimizer.h"
#include "nn/trained_attention.h"
#include "nn/training.h"
#include "tests/every_method.h"
#include "tests/failing_calls.h"
#include "tests/nn_random.h"
#include "tests/temp_folder.h"
#include "virtual/virtual_tensors.h"

namespace retemper::nn {
namespace {

using test::FailEach;
using test::Failing;
using test::TempFolder;
using Floats = std::vector<float>;

constexpr size_t kSize = 128, kHeads = 4;
constexpr unsigned kThreads = 3;
// Few, whose every call is made to fail; and so many that all threads have something to do, whose
// later calls are sampled.
constexpr size_t kFew = 4, kMany = 272;

// Matrices by the methods from `first` on, and one vector.
constexpr size_t kMatrices = 5;
Plan MakePlan(const TempFolder& folder, size_t first) {
  Plan plan = test::EveryMethod(folder, kSize, kSize);
  std::vector<TensorSpec> chosen;
  plan.outputs[0].size = plan.outputs[0].header.size();
  for (size_t i = 0; i < kMatrices; ++i) {
    chosen.push_back(plan.tensors[(first + i) % plan.tensors.size()]);
    chosen.back().name = "t" + std::to_string(i);
    chosen.back().variants[0].offset = plan.outputs[0].size;
    plan.outputs[0].size += kSize * kSize * 2;
  }
  plan.tensors = std::move(chosen);
  TensorSpec norm;
  norm.name = "norm";
  norm.shape = {kSize};
  for (uint32_t i = 0; i < 2; ++i) norm.sources.push_back(test::PlainSource(i, kSize, 1));
  norm.model_keys = {0, 1};
  norm.variants.push_back({0, plan.outputs[0].size, LinearParams{{0.5, 0.5}, true}});
  plan.outputs[0].size += kSize * 4;
  plan.tensors.push_back(norm);
  return plan;
}

// Runs `work`; where it fails, runs it once more while nothing fails, which gives the same.
template <class Work>
Floats Twice(Work work, const Floats& expected) {
  try {
    return work();
  } catch (...) {
    test::failing = Failing::kNothing;
    CHECK(work() == expected);
    throw;
  }
}

// A layer of a decoder, whose weights come from somewhere.
class Layer {
 public:
  template <class Matrix>
  Layer(Context& context, size_t rows, const WeightVector& norm, Matrix matrix)
      : rows_(rows),
        norm_{false, norm, std::nullopt, 1e-5f},
        embed_(matrix(0), nullptr, 1.0f),
        project_(norm_, Three(matrix(1), matrix(2), matrix(3))),
        attend_(context, AttentionSpec()),
        output_(matrix(4), norm_),
        mlp_(norm_, matrix(5), matrix(6), matrix(7), Activation::kSilu, std::nullopt),
        head_(norm_, matrix(8), 0.0f),
        cache_({{kHeads, kSize / kHeads}}, 1, rows, CacheElements::kFloat32) {}

  Floats Run(Context& context, int32_t variant = 0) {
    cache_.Release(0);
    std::vector<int32_t> ids(rows_), positions(rows_), zeros(rows_), variants(rows_, variant);
    for (size_t i = 0; i < rows_; ++i) {
      ids[i] = static_cast<int32_t>(i * 7 % kSize);
      positions[i] = static_cast<int32_t>(i);
    }
    context.SetStep(ids.data(), positions.data(), zeros.data(), variants.data(), nullptr, rows_);
    Floats x(rows_ * kSize), qkv(rows_ * 3 * kSize), attended(rows_ * kSize), y(rows_ * kSize);
    embed_.Run(context, x.data());
    project_.Run(context, x.data(), rows_, qkv.data());
    attend_.Run(context, cache_, qkv.data(), rows_, attended.data());
    output_.Run(context, attended.data(), x.data(), rows_, y.data());
    mlp_.Run(context, y.data(), rows_, x.data());
    const int32_t wanted[] = {0, static_cast<int32_t>(rows_) - 1};
    Floats logits(2 * kSize);
    head_.Run(context, x.data(), rows_, wanted, 2, logits.data());
    context.CheckUnchanged();
    return logits;
  }

  static AttendSpec AttentionSpec() {
    AttendSpec spec;
    spec.heads = spec.kv_heads = kHeads;
    spec.head_dim = kSize / kHeads;
    spec.scale = 0.2f;
    spec.rope = RopeSpec{{1.0f, 0.1f, 0.01f, 0.001f}, 1, {}, 0};
    return spec;
  }

 private:
  using Source = std::unique_ptr<WeightSource>;
  static std::vector<Source> Three(Source a, Source b, Source c) {
    std::vector<Source> all;
    all.push_back(std::move(a));
    all.push_back(std::move(b));
    all.push_back(std::move(c));
    return all;
  }
  size_t rows_;
  Norm norm_;
  Embed embed_;
  Project project_;
  Attend attend_;
  Output output_;
  Mlp mlp_;
  Head head_;
  PagedCache cache_;
};

struct Opened {
  Context context{kThreads, Precision::kFloat32};
  std::shared_ptr<VirtualTensors> merge;
  std::optional<Layer> layer;

  Opened(const Plan& plan, size_t rows, bool sums, bool holds) {
    merge =
        std::make_shared<VirtualTensors>(plan, sums, holds, false, false, nullptr, context.pool);
    context.maker = merge;
    const auto range = [&](const std::string& tensor, size_t rows) {
      StoredRange stored;
      stored.maker = merge.get();
      stored.tensor = tensor;
      stored.rows = rows;
      stored.cols = kSize;
      return stored;
    };
    layer.emplace(context, rows, merge->Vector(range("norm", 1), 1.0f), [&](size_t i) {
      return merge->Matrix(range("t" + std::to_string(i % kMatrices), kSize), false, std::nullopt);
    });
  }
};

struct Way {
  bool sums = false, holds = false;
};

void MergeFailsWell(Failing kind, bool lasting, size_t rows, size_t first, Way way = {}) {
  const TempFolder folder;
  const Plan plan = MakePlan(folder, first);
  Floats expected, latest;
  const uint64_t failed = FailEach(
      kind, lasting, rows == kMany,
      [&] {
        Opened opened(plan, rows, way.sums, way.holds);
        latest = Twice([&] { return opened.layer->Run(opened.context); }, expected);
      },
      [&](bool failure) {
        if (failure) return;
        if (expected.empty()) expected = latest;
        CHECK(latest == expected);
      });
  CHECK(failed > 0);
}

TEST("an open merge ends well or with OUT_OF_MEMORY, whichever allocation fails, and goes on") {
  for (const size_t first : {0, 5, 10}) MergeFailsWell(Failing::kMemory, false, kFew, first);
  for (const size_t first : {0, 10}) MergeFailsWell(Failing::kMemory, false, kMany, first);
}

TEST("so does one where all later allocations fail, too") {
  MergeFailsWell(Failing::kMemory, true, kFew, 10);
  MergeFailsWell(Failing::kMemory, true, kMany, 10);
}

TEST("so does one whose products are summed, or whose weights are held") {
  MergeFailsWell(Failing::kMemory, false, kMany, 10, {.sums = true});
  MergeFailsWell(Failing::kMemory, true, kFew, 0, {.holds = true});
}

TEST(
    "a variant is added well or with OUT_OF_MEMORY, is another one's later, and the first is as it "
    "was") {
  for (const bool sums : {false, true}) {
    const TempFolder folder;
    const Plan plan = MakePlan(folder, 10);
    Opened opened(plan, kFew, sums, false);
    const Floats expected = opened.layer->Run(opened.context);
    const uint64_t failed = FailEach(
        Failing::kMemory, false, false,
        [&] { opened.merge->SetVariant(1, plan, opened.context.pool); },
        [&](bool failure) {
          CHECK(opened.layer->Run(opened.context) == expected);
          if (failure) return;
          opened.context.variants = opened.merge->variants();
          CHECK(opened.layer->Run(opened.context, 1) == expected);
        });
    CHECK(failed > 0);
  }
}

TEST("so does one whose files cannot be mapped, or whose threads cannot be started") {
  MergeFailsWell(Failing::kMapping, false, kMany, 0);
  MergeFailsWell(Failing::kMapping, true, kMany, 0);
  MergeFailsWell(Failing::kThread, false, kMany, 0);
}

// Matrices that all take the values of one input, and round them.
Plan CopyPlan(const TempFolder& folder, uint32_t input, bool transposed) {
  Plan plan = MakePlan(folder, 0);
  for (size_t i = 0; i < kMatrices; ++i) {
    TensorSpec& tensor = plan.tensors[i];
    tensor.sources = {test::PlainSource((input + i) % 3, kSize, kSize)};
    tensor.model_keys = {0};
    tensor.variants[0].params = CopyParams{};
    tensor.form.transposed = transposed;
  }
  return plan;
}

// The products of all matrices with the same rows, which are of these variants.
Floats Products(Opened& opened, const std::vector<uint32_t>& variants) {
  const Floats x(kSize, 0.5f);
  Floats rows, all;
  for (size_t row = 0; row < variants.size(); ++row) rows.insert(rows.end(), x.begin(), x.end());
  for (size_t i = 0; i < kMatrices; ++i) {
    StoredRange range;
    range.tensor = "t" + std::to_string(i);
    range.rows = range.cols = kSize;
    Floats y(variants.size() * kSize);
    opened.merge->Matrix(range, false, std::nullopt)
        ->Multiply(opened.context.pool, Precision::kFloat32, rows.data(), kSize, variants.size(),
                   variants.data(), y.data(), kSize);
    all.insert(all.end(), y.begin(), y.end());
  }
  return all;
}

TEST("rows of variants that are copies of the same have the same products") {
  const TempFolder folder;
  const Plan plan = CopyPlan(folder, 0, false);
  Opened opened(plan, kFew, false, false);
  const Floats expected = Products(opened, {0, 0, 0});
  opened.merge->SetVariant(1, plan, opened.context.pool);
  opened.merge->SetVariant(2, plan, opened.context.pool);
  CHECK(Products(opened, {0, 1, 2}) == expected);
}

TEST("a variant that takes another one's place has its own values, whatever was read for that") {
  const TempFolder folder;
  std::vector<Plan> plans;
  for (uint32_t input = 0; input < 3; ++input) plans.push_back(CopyPlan(folder, input, true));
  for (Plan& plan : plans) plan.inputs = plans.back().inputs;  // the files as they are now
  std::vector<Floats> expected;
  for (const Plan& plan : plans)
    expected.push_back(Products(*std::make_unique<Opened>(plan, kFew, false, false), {0}));
  Opened opened(plans[0], kFew, false, false);
  for (size_t turn = 0; turn < 12; ++turn) {
    opened.merge->SetVariant(1, plans[turn % 3], opened.context.pool);
    CHECK(Products(opened, {1}) == expected[turn % 3]);
  }
}

TEST("a variant is of the merge's files") {
  const TempFolder folder;
  const Plan plan = CopyPlan(folder, 0, false);
  Opened opened(plan, kFew, false, false);
  const auto refuses = [&](auto change) {
    Plan other = plan;
    change(other);
    try {
      opened.merge->SetVariant(1, other, opened.context.pool);
    } catch (const Fault& fault) {
      return fault.code == code::kUsage;
    }
    return false;
  };
  CHECK(refuses([](Plan& other) { ++other.inputs[1].inode; }));
  CHECK(!refuses([](Plan&) {}));
}

// Gradients of everything that is trained, and a step.
Floats Train(Context& context, const std::shared_ptr<const InputFile>& file, size_t rows) {
  StoredRange range;
  range.file = file;
  range.tensor = "w";
  range.dtype = Dtype::kF32;
  range.rows = range.cols = kSize;
  const auto matrix = [&] { return TrainedMatrix(std::make_unique<StoredMatrix>(range, false)); };
  StoredRange row = range;
  row.rows = 1;
  const Norm norm = {false, WeightVector(row, 1.0f), std::nullopt, 1e-5f};
  test::Random random(3);
  constexpr size_t kRank = 4;
  Floats a = random.Normals(kRank * kSize, 0.1f), b = random.Normals(kRank * kSize, 0.1f);
  Floats da(a.size()), db(b.size()), magnitudes(kSize, 1.5f), lengths(kSize, 1.0f),
      d_magnitudes(kSize);
  LowRank term;
  term.rank = kRank;
  term.scale = 2;
  term.a = a.data();
  term.b = b.data();
  term.da = da.data();
  term.db = db.data();
  term.magnitudes = magnitudes.data();
  term.lengths = lengths.data();
  term.d_magnitudes = d_magnitudes.data();
  const std::vector<LowRank> terms(3, term);
  const Floats x = random.Normals(rows * kSize);
  const int32_t sequences[] = {1, static_cast<int32_t>(rows) - 1};
  Floats qkv(rows * 3 * kSize), attended(rows * kSize), y(rows * kSize), z(rows * kSize);
  std::vector<TrainedMatrix> three;
  for (int i = 0; i < 3; ++i) three.push_back(matrix());
  const TrainedProject project(norm, std::move(three));
  const TrainedAttention attention(context, Layer::AttentionSpec());
  const TrainedOutput output(matrix(), std::nullopt);
  const TrainedMlp mlp(norm, matrix(), matrix(), matrix(), Activation::kSilu, norm);
  Floats kept(rows * mlp.kept()), dx(rows * kSize), d_qkv(qkv.size());
  matrix().Measure(context, term, lengths.data(), lengths.data());
  project.Forward(context, x.data(), rows, terms, qkv.data());
  attention.Forward(context, qkv.data(), sequences, attended.data());
  output.Forward(context, attended.data(), x.data(), rows, term, y.data());
  mlp.Forward(context, y.data(), rows, terms, kept.data(), z.data());
  std::vector<int32_t> wanted, targets;
  for (size_t i = 0; i < rows; ++i) {
    wanted.push_back(static_cast<int32_t>(i));
    targets.push_back(static_cast<int32_t>(i % kSize));
  }
  const StoredMatrix head(range, false);
  const HeadLoss loss =
      RunHeadLoss(context, norm, head, 5.0f, z.data(), rows, wanted, targets, 0.1f, dx.data());
  mlp.Backward(context, y.data(), rows, terms, kept.data(), dx.data(), z.data());
  output.Backward(context, attended.data(), rows, term, z.data(), dx.data());
  attention.Backward(context, qkv.data(), sequences, dx.data(), d_qkv.data());
  project.Backward(context, x.data(), rows, terms, d_qkv.data(), dx.data());
  Floats first(a.size()), second(a.size());
  const Parameter parameters[] = {{a.size(), a.data(), da.data(), first.data(), second.data()}};
  const double length = GradientNorm(context, parameters);
  Optimize(context, parameters, {1.0f, 0.9f, 0.99f, 0.1f, 0.01f, 1.0f, 0.1f, 1.0f, 1e-8f});
  ClearGradients(context, parameters);
  context.CheckUnchanged();
  Floats all = dx;
  all.insert(all.end(), a.begin(), a.end());
  all.insert(all.end(), db.begin(), db.end());
  all.push_back(static_cast<float>(loss.sum));
  all.push_back(static_cast<float>(length));
  return all;
}

void TrainingFailsWell(Failing kind, bool lasting, size_t rows) {
  const TempFolder folder;
  const Plan plan = MakePlan(folder, 0);
  Floats expected, latest;
  const uint64_t failed = FailEach(
      kind, lasting, rows == kMany,
      [&] {
        Context context(kThreads, Precision::kFloat32);
        const auto file =
            std::make_shared<const InputFile>(InputFile::Open(plan.inputs[0].path, std::nullopt));
        context.files.push_back(file);
        latest = Twice([&] { return Train(context, file, rows); }, expected);
      },
      [&](bool failure) {
        if (failure) return;
        if (expected.empty()) expected = latest;
        CHECK(latest == expected);
      });
  CHECK(failed > 0);
}

TEST("training ends well or with OUT_OF_MEMORY, whichever call fails, and goes on") {
  TrainingFailsWell(Failing::kMemory, false, kFew);
  TrainingFailsWell(Failing::kMemory, false, kMany);
  TrainingFailsWell(Failing::kMemory, true, kMany);
  TrainingFailsWell(Failing::kMapping, false, kMany);
  TrainingFailsWell(Failing::kThread, true, kMany);
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
