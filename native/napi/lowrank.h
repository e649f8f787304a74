// The job that approximates a matrix by one of a low rank.
#pragma once

#include "napi/napi_setup.h"

namespace retemper {

// factorise({ path, offset, rows, cols, rank, energy?, threads }): see lib/addon/surface.ts.
Napi::Value StartFactorise(const Napi::CallbackInfo& info);

}  // namespace retemper
