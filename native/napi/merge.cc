// The jobs of the merge engine: decode here, run on the job's thread, encode the report here.
#include "napi/merge.h"

#include <memory>
#include <thread>
#include <utility>

#include "cpu/kernels.h"
#include "cuda/device.h"
#include "engine/run_plan.h"
#include "napi/decode.h"
#include "napi/errors.h"
#include "napi/job.h"
#include "ops/op_list.h"

namespace retemper {
namespace {

Napi::Object EncodeFacts(Napi::Env env, const Facts& facts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", facts.name);
  object.Set("variant", facts.variant);
  object.Set("nonFinite", static_cast<double>(facts.non_finite));
  if (facts.straight) object.Set("straight", static_cast<double>(*facts.straight));
  if (facts.vectors) object.Set("vectors", static_cast<double>(*facts.vectors));
  if (facts.t) object.Set("t", *facts.t);
  if (facts.cosine) object.Set("cosine", *facts.cosine);
  if (facts.kept) object.Set("kept", *facts.kept);
  return object;
}

Napi::Object EncodeDevice(Napi::Env env, const DeviceReport& report) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array names = Napi::Array::New(env, report.names.size());
  for (uint32_t i = 0; i < report.names.size(); ++i) names[i] = report.names[i];
  object.Set("names", names);
  object.Set("tensors", static_cast<double>(report.tensors));
  Napi::Array on_cpu = Napi::Array::New(env, report.on_cpu.size());
  for (uint32_t i = 0; i < report.on_cpu.size(); ++i) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("reason", report.on_cpu[i].reason);
    one.Set("tensors", static_cast<double>(report.on_cpu[i].tensors));
    on_cpu[i] = one;
  }
  object.Set("onCpu", on_cpu);
  return object;
}

Napi::Value EncodeReport(Napi::Env env, const Report& report) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array digests = Napi::Array::New(env, report.sha256.size());
  for (uint32_t i = 0; i < report.sha256.size(); ++i) digests[i] = report.sha256[i];
  object.Set("sha256", digests);
  Napi::Array facts = Napi::Array::New(env, report.facts.size());
  for (uint32_t i = 0; i < report.facts.size(); ++i) {
    const Napi::HandleScope scope(env);
    facts[i] = EncodeFacts(env, report.facts[i]);
  }
  object.Set("facts", facts);
  object.Set("bytesRead", static_cast<double>(report.bytes_read));
  object.Set("bytesWritten", static_cast<double>(report.bytes_written));
  object.Set("seconds", report.seconds);
  object.Set("threads", report.threads);
  object.Set("target", report.target);
  if (report.device) object.Set("device", EncodeDevice(env, *report.device));
  return object;
}

Napi::Value EncodeSums(Napi::Env env, const std::vector<std::vector<double>>& sums) {
  Napi::Array rows = Napi::Array::New(env, sums.size());
  for (uint32_t i = 0; i < sums.size(); ++i) {
    Napi::Array row = Napi::Array::New(env, sums[i].size());
    for (uint32_t j = 0; j < sums[i].size(); ++j) row[j] = sums[i][j];
    rows[i] = row;
  }
  return rows;
}

}  // namespace

Napi::Value StartMerge(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto plan = std::make_shared<const Plan>(DecodePlan(info[0]));
    return Job::Start(
        info.Env(), info[1],
        [plan](const std::atomic<bool>& cancelled, const Job::Report& progress) -> Job::Result {
          auto report = std::make_shared<const Report>(RunPlan(*plan, cancelled, progress));
          return [report](Napi::Env env) { return EncodeReport(env, *report); };
        });
  });
}

namespace {

using Sums = std::vector<std::vector<double>>;

// A job that gives numbers of each tensor of a comparison's plan.
Napi::Value StartSums(const Napi::CallbackInfo& info,
                      Sums (*compute)(const Plan&, const std::atomic<bool>&,
                                      const ProgressFunction&)) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto plan = std::make_shared<const Plan>(DecodeComparison(info[0]));
    return Job::Start(info.Env(), info[1],
                      [plan, compute](const std::atomic<bool>& cancelled,
                                      const Job::Report& progress) -> Job::Result {
                        auto sums =
                            std::make_shared<const Sums>(compute(*plan, cancelled, progress));
                        return [sums](Napi::Env env) { return EncodeSums(env, *sums); };
                      });
  });
}

}  // namespace

Napi::Value StartCompare(const Napi::CallbackInfo& info) { return StartSums(info, Compare); }

Napi::Value StartChanges(const Napi::CallbackInfo& info) { return StartSums(info, Changes); }

namespace {

// Both start the driver, which takes a second on some machines: only when they are read.
Napi::Value Cuda(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), DescribeCuda());
}
Napi::Value Targets(const Napi::CallbackInfo& info) {
  Napi::Array targets = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (const Target* target : AvailableTargets()) targets[count++] = target->name;
  if (DescribeCuda().rfind("none", 0) != 0) targets[count++] = "cuda";
  return targets;
}

}  // namespace

void DescribeEngine(Napi::Env env, Napi::Object description) {
  description.DefineProperties(
      {Napi::PropertyDescriptor::Accessor<&Targets>("targets", napi_enumerable),
       Napi::PropertyDescriptor::Accessor<&Cuda>("cuda", napi_enumerable)});
  description.Set("target", CudaIsForced() ? "cuda" : ChooseTarget().name);
  Napi::Array ops = Napi::Array::New(env);
  uint32_t index = 0;
  for (const OpFacts& op : kOps) ops[index++] = std::string(op.name);
  description.Set("ops", ops);
  description.Set("threads", std::thread::hardware_concurrency());
}

}  // namespace retemper
