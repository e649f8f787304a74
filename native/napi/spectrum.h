// The job that finds all singular values of a matrix.
#pragma once

#include "napi/napi_setup.h"

namespace retemper {

// spectrum({ path, matrix, threads }) -> NativeJob<Float64Array>
Napi::Value StartSpectrum(const Napi::CallbackInfo& info);

}  // namespace retemper
