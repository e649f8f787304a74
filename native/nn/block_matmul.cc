// Cuts products with stored blocks into parts, and compiles them once per instruction set
// (cpu/loops.cc says why in this way).
#include "nn/block_matmul.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/convert.h"
#include "core/divide_up.h"
#include "cpu/kernels.h"
#include "cpu/product_targets.h"
#include "nn/part_bytes.h"
#include "nn/prefetcher.h"
#include "nn/step_times.h"

namespace retemper::nn {

namespace {

// 32 activations: x is about d q. s is d times the sum of all q; the others are that sum and those
// of the two halves, with a minus.
struct RoundedBlock {
  int8_t q[32];
  float d;
  float s;
  int32_t minus_all, minus_first, minus_last;
};

constexpr size_t kChunk = 8;  // blocks that are multiplied by all rows before the next ones are
// How far ahead of the products packed weights are asked for, bytes: 4 and 8 KiB were the fastest
// of 1 to 32 on a Zen 5.
constexpr size_t kAhead = 8192;

struct BlockPart {
  const BlockLinear* layer;
  const RoundedBlock* x;  // kChunk blocks of each row, and so on
  size_t x_rows;          // of all parts
  size_t first_row, end_row, first_out, end_out;
};

// Where the row of an output lies.
inline size_t StoredRow(const BlockRows& w, size_t out) {
  if (w.interleave == 0) return out;
  const size_t place = out % w.interleave, half = w.interleave / 2;
  return out - place + 2 * (place % half) + place / half;
}

// How many scales of two bytes a block begins with. Words of four follow, and where two bytes are
// left behind them, these are a scale too.
constexpr size_t LeadingHalves(BlockFormat format) {
  switch (format) {
    case BlockFormat::kQ4_1:
    case BlockFormat::kQ5_1:
    case BlockFormat::kQ4_K:
    case BlockFormat::kQ5_K:
      return 2;
    case BlockFormat::kQ6_K:
      return 0;
    default:
      return 1;
  }
}

// The word after a block's leading scales, where it has a fifth bit of each code: bit 4 q + k of
// the k-th code of quad q. In a panel it lies in byte k, where the byte of the code is: indexes of
// bits are q2 q1 q0 k1 k0, and q2 changes places with k1, q1 with k0. The same again is the way
// back.
constexpr bool HasFifthBits(BlockFormat format) {
  return format == BlockFormat::kQ5_0 || format == BlockFormat::kQ5_1;
}
inline uint32_t SwapFifthBits(uint32_t bits) {
  const uint32_t outer = (bits ^ (bits >> 14)) & 0x0000cccc;
  bits ^= outer ^ (outer << 14);
  const uint32_t inner = (bits ^ (bits >> 7)) & 0x00aa00aa;
  return bits ^ inner ^ (inner << 7);
}
inline void SwapFifthBitsAt(uint8_t* word) {
  uint32_t bits;
  std::memcpy(&bits, word, 4);
  bits = SwapFifthBits(bits);
  std::memcpy(word, &bits, 4);
}

}  // namespace

struct BlockKernel {
  const char* name;
  size_t outputs;      // of a panel
  size_t panels;       // at once
  size_t panel_bytes;  // of scratch memory, beside sums of all rows of a part
  void (*round_row)(const float* x, size_t blocks, size_t rows, RoundedBlock* first);
  void (*pack_panel)(const BlockRows& from, size_t first_out, uint8_t* to);
  void (*multiply)(const BlockPart& part, uint8_t* scratch);
};

namespace {

#define RETEMPER_LANES 0
#define RETEMPER_VNNI 0
namespace first_target {
#include "nn/block_products-inl.h"
constexpr BlockKernel kKernel = KernelOf("baseline");
}  // namespace first_target
#undef RETEMPER_LANES

#if defined(__aarch64__)
#define RETEMPER_LANES 4
#define RETEMPER_DOT 0
namespace neon_target {
#include "nn/block_products-inl.h"
constexpr BlockKernel kKernel = KernelOf("neon");
}  // namespace neon_target
#undef RETEMPER_DOT

#if defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_NEON_DOT 1
#define RETEMPER_DOT 1
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
namespace neon_dot_target {
#include "nn/block_products-inl.h"
constexpr BlockKernel kKernel = KernelOf("neon_dot");
}  // namespace neon_dot_target
#pragma GCC pop_options
#undef RETEMPER_DOT
#endif
#undef RETEMPER_LANES
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_TARGETS 1
#define RETEMPER_LANES 8
#pragma GCC push_options
#pragma GCC target("avx2,f16c,bmi,bmi2,prefer-vector-width=256")
namespace avx2_target {
#include "nn/block_products-inl.h"
constexpr BlockKernel kKernel = KernelOf("avx2");
}  // namespace avx2_target
#pragma GCC pop_options

#undef RETEMPER_VNNI
#define RETEMPER_VNNI 1
#pragma GCC push_options
#pragma GCC target("avx2,f16c,bmi,bmi2,avxvnni,prefer-vector-width=256")
namespace avx_vnni_target {
#include "nn/block_products-inl.h"
constexpr BlockKernel kKernel = KernelOf("avx_vnni");
}  // namespace avx_vnni_target
#pragma GCC pop_options
#undef RETEMPER_LANES

#define RETEMPER_LANES 16
#pragma GCC push_options
#pragma GCC target( \
    "avx2,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")
namespace avx512_vnni_target {
#include "nn/block_products-inl.h"
constexpr BlockKernel kKernel = KernelOf("avx512_vnni");
}  // namespace avx512_vnni_target
#pragma GCC pop_options
#undef RETEMPER_LANES
#endif
#undef RETEMPER_VNNI

// Activations of a part, at most, so that they stay in the second-level cache.
constexpr size_t kRoundedBytesOfAPart = 384 * 1024;
constexpr size_t kLeastRowsOfAPart = 32;
// Below these many multiplications, or values to round, another thread is not worth the wait.
constexpr size_t kFewMultiplications = 64 * 1024;
constexpr size_t kFewToRound = 64 * 1024;

}  // namespace

const char* NameOf(const BlockKernel& kernel) { return kernel.name; }

std::vector<const BlockKernel*> AvailableBlockKernels() {
  std::vector<const BlockKernel*> kernels = {&first_target::kKernel};
#if defined(__aarch64__)
  kernels.push_back(&neon_target::kKernel);
#endif
#ifdef RETEMPER_NEON_DOT
  if (HasNeonDot()) kernels.push_back(&neon_dot_target::kKernel);
#endif
#ifdef RETEMPER_X86_TARGETS
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c") ||
      !__builtin_cpu_supports("bmi2")) {
    return kernels;
  }
  kernels.push_back(&avx2_target::kKernel);
  if (__builtin_cpu_supports("avxvnni")) kernels.push_back(&avx_vnni_target::kKernel);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    kernels.push_back(&avx512_vnni_target::kKernel);
  }
#endif
  return kernels;
}

const BlockKernel& ChooseBlockKernel() {
  static const BlockKernel& chosen = [&]() -> const BlockKernel& {
    const std::vector<const BlockKernel*> kernels = AvailableBlockKernels();
    const char* forced = std::getenv("RETEMPER_FORCE_TARGET");
    if (forced == nullptr || *forced == '\0') return *kernels.back();
    for (const BlockKernel* kernel : kernels) {
      // Without VNNI, AVX-512 has no instruction for products of bytes.
      const std::string_view name = std::strcmp(forced, "avx512") == 0 ? "avx2" : forced;
      if (name == kernel->name) return *kernel;
    }
    return *kernels.back();
  }();
  return chosen;
}

size_t PackedBlockBytes(const BlockKernel& kernel, const BlockRows& rows) {
  return RoundUp(rows.out, kernel.outputs) * rows.RowBytes();
}

void PackBlocks(const BlockKernel& kernel, Pool& pool, const BlockRows& from, uint8_t* to) {
  const size_t panel_bytes = kernel.outputs * from.RowBytes();
  const bool in_place = from.data == to;
  uint8_t* const scratch = in_place ? pool.Scratch(panel_bytes * pool.threads()) : nullptr;
  pool.Run(DivideUp(from.out, kernel.outputs), [&](size_t panel, unsigned thread) {
    const size_t first = panel * kernel.outputs;
    uint8_t* const own = to + panel * panel_bytes;
    if (!in_place) return kernel.pack_panel(from, first, own);
    BlockRows copy = from;
    copy.data = scratch + thread * panel_bytes;
    copy.out = std::min(kernel.outputs, from.out - first);
    std::memcpy(scratch + thread * panel_bytes, own, copy.out * from.RowBytes());
    kernel.pack_panel(copy, 0, own);
  });
}

void UnpackBlockRow(const BlockKernel& kernel, const BlockRows& packed, size_t out, uint8_t* to) {
  const size_t bytes = FactsOf(packed.format).bytes;
  const size_t words_at = 2 * LeadingHalves(packed.format);
  const uint8_t* from = packed.data + out / kernel.outputs * kernel.outputs * packed.RowBytes();
  for (const uint8_t* const end = to + packed.RowBytes(); to < end; to += bytes) {
    for (size_t at = 0, size; at < bytes; at += size, from += size * kernel.outputs) {
      size = at < words_at || bytes - at < 4 ? 2 : 4;
      std::memcpy(to + at, from + out % kernel.outputs * size, size);
    }
    if (HasFifthBits(packed.format)) SwapFifthBitsAt(to + words_at);
  }
}

void BlockMatMul(const BlockKernel& kernel, Pool& pool, std::span<const BlockLinear> layers,
                 const float* x, size_t x_stride, size_t rows) {
  if (rows == 0 || layers.empty()) return;
  const Stopwatch stopwatch(&StepTimes::products);
  const size_t in = layers.front().w.in, blocks = in / 32;
  const size_t rounded_bytes = RoundUp(rows * RoundUp(blocks, kChunk) * sizeof(RoundedBlock), 64);
  const size_t row_bytes = std::max<size_t>(1, blocks * sizeof(RoundedBlock));
  const size_t row_step =
      std::min(rows, std::max(kLeastRowsOfAPart, kRoundedBytesOfAPart / row_bytes));
  const size_t scratch_bytes =
      RoundUp(kernel.panel_bytes + row_step * kernel.panels * kernel.outputs * sizeof(float), 64);
  uint8_t* const scratch = pool.Scratch(rounded_bytes + scratch_bytes * pool.threads());
  auto* const rounded = reinterpret_cast<RoundedBlock*>(scratch);
  const auto round = [&](size_t row, unsigned) {
    kernel.round_row(x + row * x_stride, blocks, rows, rounded + row * kChunk);
  };
  if (rows * in <= kFewToRound) {
    for (size_t row = 0; row < rows; ++row) round(row, 0);
  } else {
    pool.Run(rows, round);
  }
  std::vector<BlockPart> parts;
  size_t multiplications = 0;
  // Neighbouring parts have the same rows, which stay in the cache.
  for (size_t row = 0; row < rows; row += row_step) {
    for (const BlockLinear& layer : layers) {
      const size_t outputs = kernel.panels * kernel.outputs;
      const size_t panels = std::max<size_t>(1, layer.w.RowBytes() * outputs);
      const size_t bytes = BytesOfAPart(layer.w.out * layer.w.RowBytes(), rows, pool.threads());
      const size_t step = DivideUp(bytes, panels) * outputs;
      for (size_t out = 0; out < layer.w.out; out += step) {
        parts.push_back({&layer, rounded, rows, row, std::min(rows, row + row_step), out,
                         std::min(layer.w.out, out + step)});
      }
      multiplications += layer.w.out * in * rows;
    }
  }
  const auto multiply = [&](size_t part, unsigned thread) {
    kernel.multiply(parts[part], scratch + rounded_bytes + thread * scratch_bytes);
  };
  if (multiplications <= kFewMultiplications) {
    for (size_t part = 0; part < parts.size(); ++part) multiply(part, 0);
  } else {
    pool.Run(parts.size(), multiply);
  }
}

}  // namespace retemper::nn
