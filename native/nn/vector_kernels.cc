// Compiles the kernels on vectors once per instruction set and picks one at run time. See
// cpu/loops.cc for why target regions instead of flags.
#include "nn/vector_kernels.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/convert.h"
#include "cpu/kernels.h"

namespace retemper::nn {

#define RETEMPER_VECTOR_TABLE(target)                                                      \
  constexpr VectorKernels kTable = {target,  &RmsNorm,   &LayerNorm, &Rotate, &Activate,   \
                                    &Gate,   &Softcap,   &Add,       &Scale,  &ToBfloat16, \
                                    &ArgMax, &LogSumExp, &Attend,    &Merge,  &Finish}

#if defined(__aarch64__)
#define RETEMPER_FIRST_TARGET "neon"
#else
#define RETEMPER_FIRST_TARGET "baseline"
#endif

#define RETEMPER_LANES 4
namespace first_target {
#include "nn/lanes-inl.h"
#include "nn/math-inl.h"
//
#include "nn/rows-inl.h"
//
#include "nn/attention-inl.h"
RETEMPER_VECTOR_TABLE(RETEMPER_FIRST_TARGET);
}  // namespace first_target
#undef RETEMPER_LANES

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_TARGETS 1
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi,bmi2,prefer-vector-width=256")
#define RETEMPER_LANES 8
namespace avx2_target {
#include "nn/lanes-inl.h"
#include "nn/math-inl.h"
//
#include "nn/rows-inl.h"
//
#include "nn/attention-inl.h"
RETEMPER_VECTOR_TABLE("avx2");
}  // namespace avx2_target
#undef RETEMPER_LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,prefer-vector-width=512")
#define RETEMPER_LANES 16
namespace avx512_target {
#include "nn/lanes-inl.h"
#include "nn/math-inl.h"
//
#include "nn/rows-inl.h"
//
#include "nn/attention-inl.h"
RETEMPER_VECTOR_TABLE("avx512");
}  // namespace avx512_target
#undef RETEMPER_LANES
#pragma GCC pop_options
#endif

std::vector<const VectorKernels*> AvailableVectorKernels() {
  std::vector<const VectorKernels*> tables;
  for (const Target* target : AvailableTargets()) {
    const std::string_view name = target->name;
    if (name == first_target::kTable.name) tables.push_back(&first_target::kTable);
#ifdef RETEMPER_X86_TARGETS
    if (!__builtin_cpu_supports("fma")) continue;
    if (name == avx2_target::kTable.name) tables.push_back(&avx2_target::kTable);
    if (name == avx512_target::kTable.name) tables.push_back(&avx512_target::kTable);
#endif
  }
  return tables;
}

const VectorKernels& ChooseVectorKernels() {
  const std::string_view wanted = ChooseTarget().name;
  const std::vector<const VectorKernels*> tables = AvailableVectorKernels();
  for (const VectorKernels* table : tables) {
    if (table->name == wanted) return *table;
  }
  return *tables.front();
}

}  // namespace retemper::nn
