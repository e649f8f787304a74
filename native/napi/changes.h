// Jobs over the changes of a linear layer that lie in files as matrices.
#pragma once

#include "napi/napi_setup.h"

namespace retemper {

// project({ plan, transposed, path, offset, threads }, onProgress?),
// keepSafeDelta({ path, layers, inputs, transposed, s, threads }, onProgress?): see
// lib/addon/surface.ts.
Napi::Value StartProject(const Napi::CallbackInfo& info);
Napi::Value StartKeepSafeDelta(const Napi::CallbackInfo& info);

}  // namespace retemper
