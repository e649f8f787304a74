// Compiles training's kernels once per instruction set and picks one at run time. See cpu/loops.cc
// for why target regions instead of flags.
#include "nn/training_kernels.h"

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

// Namespaces of their own: rows-inl.h is compiled by vector_kernels.cc too.

#define RETEMPER_TRAINING_TABLE(target)                   \
  constexpr TrainingKernels kTable = {target,             \
                                      &Multiply,          \
                                      &RmsNormBackward,   \
                                      &LayerNormBackward, \
                                      &GateBackward,      \
                                      &Exponentials,      \
                                      &SoftmaxBackward,   \
                                      &Dot,               \
                                      &Lower,             \
                                      &Drop,              \
                                      &Adam}

#if defined(__aarch64__)
#define RETEMPER_FIRST_TARGET "neon"
#else
#define RETEMPER_FIRST_TARGET "baseline"
#endif

#define RETEMPER_LANES 4
namespace first_training {
#include "nn/lanes-inl.h"
#include "nn/math-inl.h"
//
#include "nn/rows-inl.h"
//
#include "nn/training-inl.h"
RETEMPER_TRAINING_TABLE(RETEMPER_FIRST_TARGET);
}  // namespace first_training
#undef RETEMPER_LANES

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_TARGETS 1
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi,bmi2,prefer-vector-width=256")
#define RETEMPER_LANES 8
namespace avx2_training {
#include "nn/lanes-inl.h"
#include "nn/math-inl.h"
//
#include "nn/rows-inl.h"
//
#include "nn/training-inl.h"
RETEMPER_TRAINING_TABLE("avx2");
}  // namespace avx2_training
#undef RETEMPER_LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,prefer-vector-width=512")
#define RETEMPER_LANES 16
namespace avx512_training {
#include "nn/lanes-inl.h"
#include "nn/math-inl.h"
//
#include "nn/rows-inl.h"
//
#include "nn/training-inl.h"
RETEMPER_TRAINING_TABLE("avx512");
}  // namespace avx512_training
#undef RETEMPER_LANES
#pragma GCC pop_options
#endif

const TrainingKernels& TrainingKernelsOf(const VectorKernels& kernels) {
  const std::string_view wanted = kernels.name;
#ifdef RETEMPER_X86_TARGETS
  if (wanted == avx512_training::kTable.name) return avx512_training::kTable;
  if (wanted == avx2_training::kTable.name) return avx2_training::kTable;
#endif
  (void)wanted;
  return first_training::kTable;
}

}  // namespace retemper::nn
