// The two jobs of the merge engine.
#include "napi/merge.h"

#include <thread>

#include "cuda/device.h"
#include "napi/errors.h"

namespace retemper {

Napi::Value StartMerge(const Napi::CallbackInfo& info) {
  throw ToJsError(info.Env(), Fault(code::kInternal, "the merge engine is not built"));
}

Napi::Value StartCompare(const Napi::CallbackInfo& info) {
  throw ToJsError(info.Env(), Fault(code::kInternal, "the merge engine is not built"));
}

void DescribeEngine(Napi::Env env, Napi::Object description) {
  Napi::Array targets = Napi::Array::New(env);
  targets[0u] = "baseline";
  description.Set("targets", targets);
  description.Set("target", "baseline");
  description.Set("cuda", DescribeCuda());
  description.Set("ops", Napi::Array::New(env));
  description.Set("threads", std::thread::hardware_concurrency());
}

}  // namespace retemper
