// Generation's kernels for JavaScript: openRuntime. lib/addon/nativeRuntime.ts describes what it
// gives.
#pragma once
#include "napi/napi_setup.h"

namespace retemper {

// openRuntime({ threads, precision }): the operations of one open model.
Napi::Value OpenRuntime(const Napi::CallbackInfo& info);

}  // namespace retemper
