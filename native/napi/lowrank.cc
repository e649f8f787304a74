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
#include "lowrank/self_projection.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/job.h"
#include "napi/stored_matrix.h"

namespace retemper {

namespace {

// Where a matrix lies, and who works on it.
struct Place {
  std::string path;
  MatrixPlace matrix;
  unsigned threads = 1;
};

Place DecodePlace(const Napi::Object& object) {
  return {fields::String(object, "path"), DecodeMatrixPlace(object), DecodeThreads(object)};
}

// work(matrix, pool), of a file that stays as it is meanwhile.
template <class Work>
auto OnMatrix(const Place& of, Work work) {
  const InputFile file = InputFile::Open(of.path, std::nullopt, Reading::kMap);
  const StoredMatrix matrix(file, of.path, of.matrix);
  nn::Pool pool(of.threads);
  auto made = work(matrix.View(), pool);
  file.CheckUnchanged();
  return made;
}

struct Factorisation {
  Place place;
  uint64_t rank = 0;
  std::optional<double> energy, entropy;
};

Factorisation DecodeFactorisation(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  Factorisation request;
  request.place = DecodePlace(object);
  request.rank = fields::Whole(object, "rank", UINT32_MAX);
  if (fields::Has(object, "energy")) request.energy = fields::Number(object, "energy");
  if (fields::Has(object, "entropy")) request.entropy = fields::Number(object, "entropy");
  if (request.rank == 0) throw Fault(code::kUsage, "rank must be positive");
  return request;
}

struct SelfProjection {
  Place place;
  bool transposed = false;
  uint64_t rank = 0;
  std::vector<float> left, right;
  double least = 0;
};

SelfProjection DecodeSelfProjection(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  SelfProjection request;
  request.place = DecodePlace(object);
  request.transposed = fields::Bool(object, "transposed");
  request.rank = fields::Whole(object, "rank", UINT32_MAX);
  request.left = fields::Copied<float>(object, "left");
  request.right = fields::Copied<float>(object, "right");
  request.least = fields::Number(object, "least");
  const auto& [offset, rows, cols] = request.place.matrix;
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
          auto made = std::make_shared<const lowrank::Factored>(
              OnMatrix(request->place, [&](const lowrank::Dense& d, nn::Pool& pool) {
                return request->entropy
                           ? lowrank::FactoriseByEntropy(d, *request->entropy, pool, cancelled)
                           : lowrank::Factorise(d, static_cast<size_t>(request->rank),
                                                request->energy, pool, cancelled);
              }));
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
          auto made = std::make_shared<const lowrank::SelfProjected>(
              OnMatrix(request->place, [&](const lowrank::Dense& v, nn::Pool& pool) {
                return lowrank::SelfProject(
                    v, request->transposed, request->left.data(), request->right.data(),
                    static_cast<size_t>(request->rank), request->least, pool, cancelled);
              }));
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
