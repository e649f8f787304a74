#include "napi/changes.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/divide_up.h"
#include "lowrank/panel_packing.h"
#include "lowrank/project.h"
#include "lowrank/safe_delta.h"
#include "napi/decode.h"
#include "napi/errors.h"
#include "napi/job.h"
#include "napi/made_matrices.h"
#include "napi/stored_matrix.h"

namespace retemper {

namespace {

// What a job tells its caller, as `lowrank` counts.
auto Telling(const Job::Report& report) {
  return [&report](size_t done, size_t total) {
    report(static_cast<double>(done), static_cast<double>(total));
  };
}

struct Projecting {
  Plan plan;
  bool transposed = false;
  std::optional<std::string> path;
  uint64_t offset = 0;
  unsigned threads = 1;
};

Projecting DecodeProjecting(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  Projecting request;
  request.plan = DecodePlan(object.Get("plan"));
  request.transposed = fields::Bool(object, "transposed");
  request.threads = DecodeThreads(object);
  if (fields::Has(object, "path")) {
    request.path = fields::String(object, "path");
    request.offset = fields::Whole(object, "offset");
  }
  const size_t tensors = request.plan.tensors.size();
  if (tensors != 2 && tensors != 3) fields::Wrong("plan", "of two tensors or three");
  return request;
}

// values += d.
void Add(const lowrank::MatrixRows& d, std::vector<float>& values, nn::Pool& pool) {
  constexpr size_t kRows = 16;
  if (values.size() != d.rows * d.cols) fields::Wrong("plan", "of tensors of one shape");
  pool.Run(DivideUp(d.rows, kRows), [&](size_t band, unsigned) {
    std::vector<float> buffer;
    const size_t first = band * kRows, count = std::min(kRows, d.rows - first);
    const float* from = d.Rows(first, count, buffer);
    for (size_t i = 0; i < count * d.cols; ++i) values[first * d.cols + i] += from[i];
  });
}

// A transposed copy.
struct Turned {
  Turned(const lowrank::Dense& d, nn::Pool& pool) : rows(d.cols), cols(d.rows) {
    values.resize(rows * cols);
    lowrank::Transpose(d, values.data(), pool);
  }
  lowrank::Dense View() const { return {values.data(), rows, cols}; }
  size_t rows, cols;
  std::vector<float> values;
};

lowrank::Projected Project(const Projecting& request, const std::atomic<bool>& cancelled,
                           const Job::Report& report) {
  nn::Pool pool(request.threads);
  const MadeMatrices matrices(request.plan, pool);
  const lowrank::MatrixRows change = matrices.Of(0), tensor = matrices.Of(1);
  lowrank::Projected made;
  if (request.transposed) {
    const auto turned = [&](const lowrank::MatrixRows& d) {
      return Turned(lowrank::HeldMatrix(d, pool).View(), pool);
    };
    const Turned v = turned(change), d = turned(tensor);
    made = lowrank::Project(v.View(), d.View(), pool, cancelled, Telling(report));
    made.values = Turned({made.values.data(), d.rows, d.cols}, pool).values;
  } else {
    made = lowrank::Project(change, tensor, pool, cancelled, Telling(report));
  }
  if (request.plan.tensors.size() == 3) Add(matrices.Of(2), made.values, pool);
  matrices.CheckUnchanged();
  if (request.path) StoreValues(*request.path, request.offset, made.values, pool);
  made.values = {};
  return made;
}

// A and F of one layer.
struct KeptLayer {
  MatrixPlace aligned, tuned;
};

struct Keeping {
  std::string path, inputs_path;
  MatrixPlace inputs;
  std::vector<KeptLayer> layers;
  bool transposed = false;
  double s = 0;
  unsigned threads = 1;
};

Keeping DecodeKeeping(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "request");
  const Napi::Object inputs = fields::Object(object, "inputs");
  const auto layer = [](const Napi::Value& each) {
    const Napi::Object own = fields::Object(each, "layers");
    return KeptLayer{DecodeMatrixPlace(own, "aligned"), DecodeMatrixPlace(own, "tuned")};
  };
  return {fields::String(object, "path"),
          fields::String(inputs, "path"),
          DecodeMatrixPlace(inputs),
          fields::List(object, "layers", layer),
          fields::Bool(object, "transposed"),
          fields::Number(object, "s"),
          DecodeThreads(object)};
}

std::vector<double> RootOfInputs(const Keeping& request, nn::Pool& pool,
                                 const std::function<void()>& check) {
  const InputFile file = InputFile::Open(request.inputs_path, std::nullopt, Reading::kMap);
  std::vector<double> products;
  {
    const StoredMatrix inputs(file, request.inputs_path, request.inputs);
    products = lowrank::InputProducts(inputs.View(), pool, check);
  }
  file.CheckUnchanged();
  return lowrank::SafeDeltaRoot(std::move(products), request.inputs.cols, pool, check);
}

std::vector<lowrank::KeptDelta> Keep(const Keeping& request, const std::atomic<bool>& cancelled,
                                     const Job::Report& report) {
  nn::Pool pool(request.threads);
  const std::vector<double> root = RootOfInputs(request, pool, [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "Safe Delta was cancelled");
  });
  const InputFile file = InputFile::Open(request.path, std::nullopt, Reading::kMap);
  std::vector<lowrank::KeptDelta> made;
  for (const KeptLayer& layer : request.layers) {
    const StoredMatrix aligned(file, request.path, layer.aligned);
    const StoredMatrix tuned(file, request.path, layer.tuned);
    const auto keep = [&](const lowrank::Dense& a, const lowrank::Dense& f) {
      made.push_back(
          lowrank::KeepSafeDelta(a, f, root, request.s, pool, cancelled, Telling(report)));
    };
    if (request.transposed) {
      const Turned a(aligned.View(), pool), f(tuned.View(), pool);
      keep(a.View(), f.View());
      made.back().values = Turned({made.back().values.data(), a.rows, a.cols}, pool).values;
    } else {
      keep(aligned.View(), tuned.View());
    }
  }
  file.CheckUnchanged();
  return made;
}

}  // namespace

Napi::Value StartProject(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto request = std::make_shared<const Projecting>(DecodeProjecting(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [request](const std::atomic<bool>& cancelled, const Job::Report& report) -> Job::Result {
          auto made =
              std::make_shared<const lowrank::Projected>(Project(*request, cancelled, report));
          return [made](Napi::Env env) -> Napi::Value {
            Napi::Object result = Napi::Object::New(env);
            result.Set("norm", made->norm);
            result.Set("square", made->square);
            result.Set("projected", made->projected);
            result.Set("dot", made->dot);
            return result;
          };
        });
  });
}

Napi::Value StartKeepSafeDelta(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto request = std::make_shared<const Keeping>(DecodeKeeping(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [request](const std::atomic<bool>& cancelled, const Job::Report& report) -> Job::Result {
          auto made = std::make_shared<const std::vector<lowrank::KeptDelta>>(
              Keep(*request, cancelled, report));
          return [made](Napi::Env env) -> Napi::Value {
            Napi::Array results = Napi::Array::New(env, made->size());
            for (uint32_t i = 0; i < made->size(); ++i) {
              Napi::Object result = Napi::Object::New(env);
              result.Set("values", Floats(env, (*made)[i].values));
              result.Set("kept", static_cast<double>((*made)[i].kept));
              results.Set(i, result);
            }
            return results;
          };
        });
  });
}

}  // namespace retemper
