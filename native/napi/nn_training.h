// The operations of training on a runtime; see nativeRuntime.ts.
#pragma once
#include "napi/napi_setup.h"
#include "napi/nn_session.h"

namespace retemper {

Napi::Value MakeTrainProject(const SessionPtr& session, const Napi::CallbackInfo& info);
Napi::Value MakeTrainAttend(const SessionPtr& session, const Napi::CallbackInfo& info);
Napi::Value MakeTrainOutput(const SessionPtr& session, const Napi::CallbackInfo& info);
Napi::Value MakeTrainMlp(const SessionPtr& session, const Napi::CallbackInfo& info);
Napi::Value MakeTrainHead(const SessionPtr& session, const Napi::CallbackInfo& info);
Napi::Value MakeOptimizer(const SessionPtr& session, const Napi::CallbackInfo& info);

}  // namespace retemper
