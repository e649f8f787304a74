// Compiles the tile loops once per instruction set and picks one at run time.
//
// Target regions instead of per-file flags: with flags, an inline function of a standard header
// compiled for AVX-512 could be the copy that the linker keeps for everybody. All headers are
// therefore included before the first region.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>

#if defined(__x86_64__)
// GCC 12 takes its own "undefined" vectors in these headers for a mistake.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/block_format.h"
#include "core/convert.h"
#include "core/counter_rng.h"
#include "core/exact_math.h"
#include "core/row_scale.h"
#include "core/status.h"
#include "cpu/kernels.h"
#include "cpu/product_targets.h"
#include "ops/elementwise.h"

namespace retemper {

// How many 32-bit lanes of intrinsics a region has (0: none); compilers do not agree on whether a
// region sets __AVX2__ itself.
#define RETEMPER_LANES 0
namespace first_target {
#include "cpu/loops-inl.h"
constexpr Target kTarget = {"baseline", &kF32, &kF64, &Draw, &kMasks, &EncodeBlocks, &kRowCodes};
}  // namespace first_target
#undef RETEMPER_LANES

#if defined(__aarch64__)  // NEON is part of every 64-bit ARM
#define RETEMPER_LANES 4
namespace neon_target {
#include "cpu/loops-inl.h"
constexpr Target kTarget = {"neon", &kF32, &kF64, &Draw, &kMasks, &EncodeBlocks, &kRowCodes};
}  // namespace neon_target
#undef RETEMPER_LANES
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_TARGETS 1
#pragma GCC push_options
#pragma GCC target("avx2,f16c,bmi,bmi2,prefer-vector-width=256")
#define RETEMPER_LANES 8
namespace avx2_target {
#include "cpu/loops-inl.h"
constexpr Target kTarget = {"avx2", &kF32, &kF64, &Draw, &kMasks, &EncodeBlocks, &kRowCodes};
}  // namespace avx2_target
#undef RETEMPER_LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target( \
    "avx2,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,prefer-vector-width=512")
#define RETEMPER_LANES 16
namespace avx512_target {
#include "cpu/loops-inl.h"
constexpr Target kTarget = {"avx512", &kF32, &kF64, &Draw, &kMasks, &EncodeBlocks, &kRowCodes};
}  // namespace avx512_target
#undef RETEMPER_LANES
#pragma GCC pop_options
#endif

std::vector<const Target*> AvailableTargets() {
  std::vector<const Target*> targets = {&first_target::kTarget};
#if defined(__aarch64__)
  targets.push_back(&neon_target::kTarget);
#endif
#ifdef RETEMPER_X86_TARGETS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") &&
      __builtin_cpu_supports("bmi2")) {
    targets.push_back(&avx2_target::kTarget);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd")) {
      targets.push_back(&avx512_target::kTarget);
    }
  }
#endif
  return targets;
}

bool CudaIsForced() {
  const char* forced = std::getenv("RETEMPER_FORCE_TARGET");
  return forced != nullptr && std::strcmp(forced, "cuda") == 0;
}

const Target& ChooseTarget() {
  const std::vector<const Target*> targets = AvailableTargets();
  const char* forced = std::getenv("RETEMPER_FORCE_TARGET");
  if (forced == nullptr || *forced == '\0') return *targets.back();
  if (CudaIsForced()) return *targets.back();
  std::string known;
  for (const Target* target : targets) {
    if (std::strcmp(target->name, forced) == 0) return *target;
    known += (known.empty() ? "" : ", ") + std::string(target->name);
  }
  for (const char* name : ProductTargets()) {
    if (std::strcmp(name, forced) == 0) return *targets.back();
    known += std::string(", ") + name;
  }
  throw Fault("USAGE", "RETEMPER_FORCE_TARGET names the target '" + std::string(forced) +
                           "', which this machine does not have; it has " + known);
}

}  // namespace retemper
