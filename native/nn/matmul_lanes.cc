// Compiles the products by vectors once per instruction set (cpu/loops.cc says why in this way).
#include "nn/matmul_lanes.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/convert.h"
#include "core/divide_up.h"
#include "nn/prefetcher.h"

namespace retemper::nn {

namespace {

constexpr size_t kLanes = 16;
constexpr size_t kBlock = 32;  // inputs

bool HandlesAll(Dtype, Precision) { return true; }

#define RETEMPER_LANES 0
#define RETEMPER_BF16_PAIRS 0
namespace first_target {
#include "nn/matmul_lanes-inl.h"
#if defined(__aarch64__)
constexpr char kName[] = "neon";
#else
constexpr char kName[] = "baseline";
#endif
constexpr MatMulKernel kKernel = {kName, HandlesAll, PackedBytes, Pack, CutOf, Multiply};
}  // namespace first_target
#undef RETEMPER_LANES

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_TARGETS 1
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi,bmi2,prefer-vector-width=256")
#define RETEMPER_LANES 8
namespace avx2_target {
#include "nn/matmul_lanes-inl.h"
constexpr MatMulKernel kKernel = {"avx2", HandlesAll, PackedBytes, Pack, CutOf, Multiply};
}  // namespace avx2_target
#undef RETEMPER_LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#define RETEMPER_LANES 16
namespace avx512_target {
#include "nn/matmul_lanes-inl.h"
constexpr MatMulKernel kKernel = {"avx512", HandlesAll, PackedBytes, Pack, CutOf, Multiply};
}  // namespace avx512_target
#pragma GCC pop_options

#undef RETEMPER_BF16_PAIRS
#define RETEMPER_BF16_PAIRS 1
#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,prefer-vector-width=512")
namespace avx512_bf16_target {
#include "nn/matmul_lanes-inl.h"
bool Handles(Dtype dtype, Precision precision) {
  return dtype == Dtype::kBF16 && precision == Precision::kBfloat16;
}
constexpr MatMulKernel kKernel = {"avx512_bf16", Handles, PackedBytes, Pack, CutOf, Multiply};
}  // namespace avx512_bf16_target
#undef RETEMPER_LANES
#pragma GCC pop_options
#endif
#undef RETEMPER_BF16_PAIRS

}  // namespace

std::vector<const MatMulKernel*> LaneKernels() {
  std::vector<const MatMulKernel*> kernels = {&first_target::kKernel};
#ifdef RETEMPER_X86_TARGETS
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c") || !__builtin_cpu_supports("bmi2")) {
    return kernels;
  }
  kernels.push_back(&avx2_target::kKernel);
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return kernels;
  }
  kernels.push_back(&avx512_target::kKernel);
  if (__builtin_cpu_supports("avx512bf16")) kernels.push_back(&avx512_bf16_target::kKernel);
#endif
  return kernels;
}

}  // namespace retemper::nn
