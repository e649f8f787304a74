// The one table of ops, compared with lib/addon/nativePlan.ts by a test: name, sources (0 = any
// number), passes over the inputs (float32) and the tolerance of a float32 result as a share of the
// tensor's largest magnitude.
#pragma once

#include <string_view>

namespace retemper {

struct OpFacts {
  std::string_view name;
  int sources;
  int passes;
  double tolerance;
};

inline constexpr OpFacts kOps[] = {
    {"copy", 1, 1, 0},           {"linear", 0, 1, 2e-6},       {"slerp", 2, 2, 2e-6},
    {"nuslerp", 0, 2, 2e-6},     {"multislerp", 0, 2, 2e-6},   {"karcher", 0, 2, 2e-6},
    {"nearswap", 2, 1, 2e-6},    {"arcee_fusion", 2, 4, 2e-6}, {"task_arithmetic", 0, 5, 2e-6},
    {"model_stock", 0, 2, 2e-6}, {"sce", 0, 5, 2e-6},          {"ram", 0, 2, 2e-6},
};

}  // namespace retemper
