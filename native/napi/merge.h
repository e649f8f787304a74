// The jobs of the merge engine, as addon.cc exports them.
#pragma once
#include "napi/napi_setup.h"

namespace retemper {

// merge(plan, onProgress) -> NativeJob<NativeMergeReport>
Napi::Value StartMerge(const Napi::CallbackInfo& info);

// compare(plan, onProgress) -> NativeJob<number[][]>
Napi::Value StartCompare(const Napi::CallbackInfo& info);

// changes(plan, onProgress) -> NativeJob<number[][]>
Napi::Value StartChanges(const Napi::CallbackInfo& info);

// What describe() says about the engine: targets, target, cuda, ops, threads.
void DescribeEngine(Napi::Env env, Napi::Object description);

}  // namespace retemper
