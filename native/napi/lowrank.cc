#include "napi/lowrank.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "io/mapping.h"
#include "lowrank/entropy_rank.h"
#include "lowrank/factorise.h"
#include "lowrank/panel_packing.h"
#include "lowrank/self_projection.h"
#include "napi/decode.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/job.h"
#include "napi/made_matrices.h"
#include "napi/stored_matrix.h"

namespace retemper {

namespace {

// Where factors are written as PEFT has them: A [rank, inputs], then B [outputs, rank].
struct FactorPlace {
  std::string path;
  uint64_t offset = 0;
  bool transposed = false;  // the matrix is [inputs, outputs]
};

struct Factorisation {
  std::string path;  // of a matrix that lies in a file
  MatrixPlace place;
  std::optional<Plan> plan;  // of one that is made
  unsigned threads = 1;
  uint64_t rank = 0;
  std::optional<double> energy, entropy;
  std::optional<FactorPlace> into;
};

// The plan of one matrix.
Plan DecodeMatrixPlan(const Napi::Object& object) {
  Plan plan = DecodePlan(object.Get("plan"));
  if (plan.tensors.size() != 1) fields::Wrong("plan", "of one tensor");
  return plan;
}

Factorisation DecodeFactorisation(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  Factorisation request;
  if (fields::Has(object, "plan")) {
    request.plan = DecodeMatrixPlan(object);
  } else {
    request.path = fields::String(object, "path");
    request.place = DecodeMatrixPlace(object);
  }
  request.threads = DecodeThreads(object);
  request.rank = fields::Whole(object, "rank", UINT32_MAX);
  if (fields::Has(object, "energy")) request.energy = fields::Number(object, "energy");
  if (fields::Has(object, "entropy")) request.entropy = fields::Number(object, "entropy");
  if (request.rank == 0) throw Fault(code::kUsage, "rank must be positive");
  if (fields::Has(object, "into")) {
    const Napi::Object into = fields::Object(object.Get("into"), "into");
    request.into = {fields::String(into, "path"), fields::Whole(into, "offset"),
                    fields::Bool(into, "transposed")};
  }
  return request;
}

// Writes the factors and forgets them: they may be as large as the matrix.
void Store(const FactorPlace& into, lowrank::Factored& made, nn::Pool& pool) {
  if (made.rank == 0) return;
  std::vector<float> a = std::move(made.right), b = std::move(made.left);
  made.right = made.left = {};
  if (into.transposed) {
    const auto turned = [&](const std::vector<float>& values, size_t rows) {
      std::vector<float> to(values.size());
      lowrank::Transpose({values.data(), rows, values.size() / rows}, to.data(), pool);
      return to;
    };
    std::vector<float> outputs = turned(a, made.rank);
    a = turned(b, b.size() / made.rank);
    b = std::move(outputs);
  }
  StoreValues(into.path, into.offset, a, pool);
  StoreValues(into.path, into.offset + a.size() * sizeof(float), b, pool);
}

lowrank::Factored Factorise(const Factorisation& request, const std::atomic<bool>& cancelled) {
  nn::Pool pool(request.threads);
  const auto factored = [&](const lowrank::MatrixRows& d) {
    lowrank::Factored made = request.entropy
                                 ? lowrank::FactoriseByEntropy(d, *request.entropy, pool, cancelled)
                                 : lowrank::Factorise(d, static_cast<size_t>(request.rank),
                                                      request.energy, pool, cancelled);
    if (request.into) Store(*request.into, made, pool);
    return made;
  };
  if (request.plan) {
    const MadeMatrices matrices(*request.plan, pool);
    lowrank::Factored made = factored(matrices.Of(0));
    matrices.CheckUnchanged();
    return made;
  }
  const InputFile file = InputFile::Open(request.path, std::nullopt, Reading::kMap);
  lowrank::Factored made = factored(StoredMatrix(file, request.path, request.place).View());
  file.CheckUnchanged();
  return made;
}

struct SelfProjection {
  Plan plan;
  unsigned threads = 1;
  bool transposed = false;
  uint64_t rank = 0;
  std::vector<float> left, right;
  double least = 0;
};

SelfProjection DecodeSelfProjection(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  SelfProjection request;
  request.plan = DecodeMatrixPlan(object);
  request.threads = DecodeThreads(object);
  request.transposed = fields::Bool(object, "transposed");
  request.rank = fields::Whole(object, "rank", UINT32_MAX);
  request.left = fields::Copied<float>(object, "left");
  request.right = fields::Copied<float>(object, "right");
  request.least = fields::Number(object, "least");
  const TensorSpec& tensor = request.plan.tensors[0];
  const uint64_t rows = tensor.FirstDim(), cols = rows == 0 ? 0 : tensor.Elements() / rows;
  const uint64_t outputs = request.transposed ? cols : rows;
  const uint64_t inputs = request.transposed ? rows : cols;
  if (request.rank == 0) throw Fault(code::kUsage, "rank must be positive");
  if (request.left.size() != outputs * request.rank) fields::Wrong("left", "[outputs, rank]");
  if (request.right.size() != request.rank * inputs) fields::Wrong("right", "[rank, inputs]");
  return request;
}

}  // namespace

Napi::Value StartFactorise(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto request = std::make_shared<const Factorisation>(DecodeFactorisation(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [request](const std::atomic<bool>& cancelled, const Job::Report&) -> Job::Result {
          auto made = std::make_shared<const lowrank::Factored>(Factorise(*request, cancelled));
          return [made](Napi::Env env) -> Napi::Value {
            Napi::Object result = Napi::Object::New(env);
            result.Set("rank", static_cast<double>(made->rank));
            result.Set("left", Floats(env, made->left));
            result.Set("right", Floats(env, made->right));
            result.Set("square", made->square);
            result.Set("lost", made->lost);
            return result;
          };
        });
  });
}

Napi::Value StartSelfProject(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto request = std::make_shared<const SelfProjection>(DecodeSelfProjection(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [request](const std::atomic<bool>& cancelled, const Job::Report&) -> Job::Result {
          nn::Pool pool(request->threads);
          const MadeMatrices matrices(request->plan, pool);
          auto made = std::make_shared<const lowrank::SelfProjected>(lowrank::SelfProject(
              matrices.Of(0), request->transposed, request->left.data(), request->right.data(),
              static_cast<size_t>(request->rank), request->least, pool, cancelled));
          matrices.CheckUnchanged();
          return [made](Napi::Env env) -> Napi::Value {
            Napi::Object result = Napi::Object::New(env);
            result.Set("left", Floats(env, {made->left.begin(), made->left.end()}));
            result.Set("norm", made->norm);
            result.Set("cosine", made->cosine);
            return result;
          };
        });
  });
}

}  // namespace retemper
