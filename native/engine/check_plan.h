// The engine trusts no plan: every range is checked against its file, every count against the
// shapes, before a byte is read. A wrong plan is a bug of ours (INTERNAL), but must never be a wild
// read or write.
#pragma once

#include "core/plan.h"

namespace retemper {

void CheckPlan(const Plan& plan);

}  // namespace retemper
