// Ranges of stored elements, with how their bytes become numbers (NativeRange of
// lib/addon/nativePlan.ts).
#pragma once

#include "core/plan.h"
#include "napi/napi_setup.h"

namespace retemper {

// Throws a Fault (USAGE) that names the field that is missing or of the wrong type.
Range DecodeRange(const Napi::Value& value);

}  // namespace retemper
