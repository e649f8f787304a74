#include "napi/spectrum.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/mapping.h"
#include "lowrank/spectrum.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/job.h"
#include "napi/stored_matrix.h"

namespace retemper {

namespace {

struct Request {
  std::string path;
  MatrixPlace matrix;
  unsigned threads = 1;
};

Request Decode(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  return {fields::String(object, "path"), DecodeMatrixPlace(object, "matrix"),
          DecodeThreads(object)};
}

std::vector<double> Run(const Request& request, const std::atomic<bool>& cancelled) {
  const InputFile file = InputFile::Open(request.path, std::nullopt, Reading::kMap);
  const StoredMatrix matrix(file, request.path, request.matrix);
  nn::Pool pool(request.threads);
  std::vector<double> values = lowrank::SquaredSingularValues(matrix.View(), pool, cancelled);
  file.CheckUnchanged();
  return values;
}

}  // namespace

Napi::Value StartSpectrum(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto request = std::make_shared<const Request>(Decode(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [request](const std::atomic<bool>& cancelled, const Job::Report&) -> Job::Result {
          auto made = std::make_shared<const std::vector<double>>(Run(*request, cancelled));
          return [made](Napi::Env env) -> Napi::Value {
            Napi::Float64Array array = Napi::Float64Array::New(env, made->size());
            std::copy(made->begin(), made->end(), array.Data());
            return array;
          };
        });
  });
}

}  // namespace retemper
