#include "napi/lowrank.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/status.h"
#include "io/mapping.h"
#include "lowrank/entropy_rank.h"
#include "lowrank/factorise.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/job.h"

namespace retemper {

namespace {

struct Request {
  std::string path;
  uint64_t offset = 0, rows = 0, cols = 0, rank = 0;
  std::optional<double> energy, entropy;
  unsigned threads = 1;
};

Request Decode(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  Request request;
  request.path = fields::String(object, "path");
  request.offset = fields::Whole(object, "offset");
  request.rows = fields::Whole(object, "rows", UINT32_MAX);
  request.cols = fields::Whole(object, "cols", UINT32_MAX);
  request.rank = fields::Whole(object, "rank", UINT32_MAX);
  if (fields::Has(object, "energy")) request.energy = fields::Number(object, "energy");
  if (fields::Has(object, "entropy")) request.entropy = fields::Number(object, "entropy");
  const auto threads = static_cast<unsigned>(fields::Whole(object, "threads", 1024));
  request.threads = threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
  if (request.rows == 0 || request.cols == 0 || request.rank == 0)
    throw Fault(code::kUsage, "rows, cols and rank must be positive");
  if (request.offset % sizeof(float) != 0) fields::Wrong("offset", "a multiple of 4");
  return request;
}

lowrank::Factored Run(const Request& request, const std::atomic<bool>& cancelled) {
  const InputFile file = InputFile::Open(request.path, std::nullopt, Reading::kMap);
  const uint64_t count = request.rows * request.cols;  // below 2^64: each is below 2^32
  if (request.offset > file.size() || count > (file.size() - request.offset) / sizeof(float))
    throw Fault(code::kBadInput, "is too short for the matrix", request.path);
  std::vector<float> copy;
  const uint8_t* bytes = nullptr;
  if (file.mapped()) {
    bytes = file.Mapped(request.offset);
  } else {
    copy.resize(count);
    bytes = file.Read(request.offset, count * sizeof(float), copy.data());
  }
  const lowrank::Dense d = {reinterpret_cast<const float*>(bytes),
                            static_cast<size_t>(request.rows), static_cast<size_t>(request.cols)};
  nn::Pool pool(request.threads);
  lowrank::Factored made = request.entropy
                               ? lowrank::FactoriseByEntropy(d, *request.entropy, pool, cancelled)
                               : lowrank::Factorise(d, static_cast<size_t>(request.rank),
                                                    request.energy, pool, cancelled);
  file.CheckUnchanged();
  return made;
}

Napi::Float32Array Floats(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

}  // namespace

Napi::Value StartFactorise(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto request = std::make_shared<const Request>(Decode(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [request](const std::atomic<bool>& cancelled, const Job::Report&) -> Job::Result {
          auto made = std::make_shared<const lowrank::Factored>(Run(*request, cancelled));
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

}  // namespace retemper
