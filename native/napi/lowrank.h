// Jobs on one large matrix of a file: the nearest one of a low rank, and what it makes of a thin
// one.
#pragma once

#include "napi/napi_setup.h"

namespace retemper {

// factorise({ path, offset, rows, cols, rank, energy?, entropy?, threads }), or with { plan } in
// place of the first four: see lib/addon/surface.ts.
Napi::Value StartFactorise(const Napi::CallbackInfo& info);

// selfProject({ plan, transposed, rank, left, right, least, threads }): see lib/addon/surface.ts.
Napi::Value StartSelfProject(const Napi::CallbackInfo& info);

}  // namespace retemper
