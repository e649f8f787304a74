// From the JS plan (lib/addon/nativePlan.ts) to plain structs, on the JS thread. After this no JS
// value is touched.
#pragma once

#include "core/plan.h"
#include "napi/napi_setup.h"

namespace retemper {

// Throws a Fault (USAGE) that names the field that is missing or of the wrong type.
Plan DecodePlan(const Napi::Value& value);
// The plan of compare(): tensors without variants.
Plan DecodeComparison(const Napi::Value& value);

}  // namespace retemper
