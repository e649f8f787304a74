// One BFMMLA adds, for two rows of activations and two outputs, the products of four inputs to four
// float32 sums: those of the first two inputs together, then those of the last two. Each addition
// is rounded to odd, and what is subnormal counts as zero, whatever the settings of the thread, so
// every processor that has the instruction gives the same bits.
//
// Order of summation: of every eight inputs, the first four go to one sum and the last four to
// another; at the end both are added, then the bias. A sum does not depend on the row or output
// beside it.
#include "nn/matmul_neon_bf16.h"

#if defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_NEON_BF16 1
#include <arm_neon.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/convert.h"
#include "core/divide_up.h"
#include "cpu/product_targets.h"

namespace retemper::nn {

#ifndef RETEMPER_NEON_BF16

const MatMulKernel* NeonBf16Kernel() { return nullptr; }

#else

namespace {

#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+bf16")

// Activations and panels of weights have the same form: two rows (or outputs) lie together, four
// inputs of the one and then of the other, [pair, step, half, row of the pair, 4].
constexpr size_t kStep = 8;                     // inputs
constexpr size_t kStepBytes = 2 * kStep * 2;    // of a pair
constexpr size_t kRowPairs = 4, kOutPairs = 2;  // at once: 16 registers of sums
constexpr size_t kOuts = 2 * kOutPairs;
constexpr size_t kSums = kOutPairs * 2 * 4;  // floats of a pair of rows
// Of many rows, or of weights that are in_major, the weights are laid out first, as a panel.
constexpr size_t kPanelOuts = 32, kPanelSteps = 64;
constexpr size_t kPanelBytes = kPanelOuts / 2 * kPanelSteps * kStepBytes;
constexpr size_t kPanelRows = 128;  // rows of activations of a part

size_t StepsOf(const Matrix& w) { return DivideUp(w.in, kStep); }
// Pairs a cache line further apart than they need: at multiples of 4 KiB they would share few.
size_t PairBytes(const Matrix& w) { return StepsOf(w) * kStepBytes + 64; }

bool Handles(Dtype dtype, Precision precision) {
  return dtype == Dtype::kBF16 && precision == Precision::kBfloat16;
}
size_t PackedBytes(const Matrix& w, size_t rows, Precision) {
  return DivideUp(rows, 2) * PairBytes(w);
}

void Pack(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision, size_t group,
          uint8_t* packed) {
  const size_t end = std::min(rows, (group + 1) * kRowsOfAGroup);
  for (size_t row = group * kRowsOfAGroup; row < end; row += 2) {
    uint8_t* to = packed + row / 2 * PairBytes(w);
    for (size_t in = 0; in < w.in; in += kStep, to += kStepBytes) {
      uint16_t step[2][2][4] = {};  // what is past the end is zero
      for (size_t r = 0; r < std::min<size_t>(2, end - row); ++r) {
        const float* from = x + (row + r) * x_stride + in;
        for (size_t i = 0; i < std::min(kStep, w.in - in); ++i)
          step[i / 4][r][i % 4] = FloatToBf16(from[i]);
      }
      __builtin_memcpy(to, step, sizeof(step));
    }
  }
}

bool UsesPanels(const Product& product) {
  return product.w.in_major || product.rows >= kRowsOfAGroup;
}

Cut CutOf(const Product& product) {
  if (!UsesPanels(product)) return {product.rows, kOuts, 0};
  const size_t rows = std::min(kPanelRows, RoundUp(product.rows, kRowsOfAGroup));
  return {rows, kPanelOuts, kPanelBytes + rows / 2 * (kPanelOuts / kOuts) * kSums * sizeof(float)};
}

// Four outputs as they are stored; those that a matrix does not have repeat its last one.
struct StoredOuts {
  const uint8_t* of[kOuts];
  const uint8_t* next;  // asked for while these are multiplied
  StoredOuts(const Matrix& w, size_t out) : next(w.data + (out + kOuts) * w.in * 2) {
    for (size_t o = 0; o < kOuts; ++o) of[o] = w.data + std::min(out + o, w.out - 1) * w.in * 2;
  }
  // Of a pair of outputs, both halves of a step.
  void Load(size_t pair, size_t step, bfloat16x8_t* halves) const {
    if (pair == 0) __builtin_prefetch(next + step * kOuts * kStep * 2, 0, 2);
    const auto load = [&](size_t o) {
      return vreinterpretq_u64_u8(vld1q_u8(of[o] + step * 2 * kStep));
    };
    const uint64x2_t a = load(2 * pair), b = load(2 * pair + 1);
    halves[0] = vreinterpretq_bf16_u64(vzip1q_u64(a, b));
    halves[1] = vreinterpretq_bf16_u64(vzip2q_u64(a, b));
  }
};
// The same of a panel.
struct PanelOuts {
  const uint8_t* panel;
  size_t pair_bytes;
  void Load(size_t pair, size_t step, bfloat16x8_t* halves) const {
    const uint8_t* from = panel + pair * pair_bytes + step * kStepBytes;
    halves[0] = vreinterpretq_bf16_u8(vld1q_u8(from));
    halves[1] = vreinterpretq_bf16_u8(vld1q_u8(from + kStepBytes / 2));
  }
};

// sums[pair of rows][pair of outputs][half] (+)= `steps` steps of kRows pairs of rows by four
// outputs.
template <size_t kRows, class Weights>
inline void Accumulate(const Weights& w, const uint8_t* x, size_t x_stride, size_t steps, bool add,
                       float* sums) {
  float32x4_t sum[kRows][kOutPairs][2];
#pragma GCC unroll 4
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (size_t o = 0; o < kOutPairs; ++o) {
#pragma GCC unroll 2
      for (size_t h = 0; h < 2; ++h) {
        const float* from = sums + r * kSums + (o * 2 + h) * 4;
        sum[r][o][h] = add ? vld1q_f32(from) : vdupq_n_f32(0);
      }
    }
  }
  for (size_t step = 0; step < steps; ++step) {
    bfloat16x8_t of_outs[kOutPairs][2];
#pragma GCC unroll 2
    for (size_t o = 0; o < kOutPairs; ++o) w.Load(o, step, of_outs[o]);
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (size_t h = 0; h < 2; ++h) {
        const bfloat16x8_t of_rows = vreinterpretq_bf16_u8(
            vld1q_u8(x + r * x_stride + step * kStepBytes + h * kStepBytes / 2));
#pragma GCC unroll 2
        for (size_t o = 0; o < kOutPairs; ++o)
          sum[r][o][h] = vbfmmlaq_f32(sum[r][o][h], of_rows, of_outs[o][h]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (size_t o = 0; o < kOutPairs; ++o) {
#pragma GCC unroll 2
      for (size_t h = 0; h < 2; ++h) vst1q_f32(sums + r * kSums + (o * 2 + h) * 4, sum[r][o][h]);
    }
  }
}

// Calls body(number of pairs as a constant, first pair) over `pairs` pairs of rows.
template <class Body>
inline void ForPairs(size_t pairs, Body body) {
  size_t pair = 0;
  for (; pair + kRowPairs <= pairs; pair += kRowPairs)
    body(std::integral_constant<size_t, kRowPairs>(), pair);
  if (pairs - pair >= 2) {
    body(std::integral_constant<size_t, 2>(), pair);
    pair += 2;
  }
  if (pair < pairs) body(std::integral_constant<size_t, 1>(), pair);
}

// Writes what the sums of `pairs` pairs of rows come to, for the rows and outputs that there are.
void Finish(const Product& product, const float* sums, size_t first_row, size_t pairs, size_t out) {
  const size_t outs = std::min(kOuts, product.w.out - out);
  for (size_t p = 0; p < pairs; ++p, sums += kSums) {
    float whole[kOutPairs][2][2];
    for (size_t o = 0; o < kOutPairs; ++o) {
      vst1q_f32(whole[o][0], vaddq_f32(vld1q_f32(sums + o * 8), vld1q_f32(sums + o * 8 + 4)));
    }
    const size_t row = first_row + 2 * p;
    for (size_t r = 0; r < std::min<size_t>(2, product.rows - row); ++r) {
      float* y = product.y + (row + r) * product.y_stride + out;
      for (size_t o = 0; o < outs; ++o) {
        const float sum = whole[o / 2][r][o % 2];
        y[o] = product.bias == nullptr ? sum : sum + product.bias[out + o];
      }
    }
  }
}

// `steps` steps of `wanted` outputs, an even number: zeros past the matrix's end.
void FillPanel(const Matrix& w, size_t out, size_t wanted, size_t first_step, size_t steps,
               uint8_t* panel) {
  const size_t outs = std::min(wanted, w.out - out);
  const size_t ins = std::min(steps * kStep, w.in - first_step * kStep);
  const auto place = [&](size_t o, size_t i) {
    return panel + (o / 2 * steps + i / kStep) * kStepBytes + i % kStep / 4 * kStepBytes / 2 +
           (o % 2 * 4 + i % 4) * 2;
  };
  if (outs < wanted || ins < steps * kStep)
    __builtin_memset(panel, 0, wanted / 2 * steps * kStepBytes);
  const uint8_t* from = w.data + (w.in_major ? (first_step * kStep * w.out + out) * 2
                                             : (out * w.in + first_step * kStep) * 2);
  if (w.in_major) {
    for (size_t i = 0; i < ins; ++i, from += w.out * 2) {
      for (size_t o = 0; o < outs; ++o) __builtin_memcpy(place(o, i), from + o * 2, 2);
    }
    return;
  }
  for (size_t o = 0; o < outs; ++o, from += w.in * 2) {
    size_t i = 0;
    for (; i + 4 <= ins; i += 4) __builtin_memcpy(place(o, i), from + i * 2, 8);
    for (; i < ins; ++i) __builtin_memcpy(place(o, i), from + i * 2, 2);
  }
}

void MultiplyStored(const Part& part) {
  const Product& product = *part.product;
  const Matrix& w = product.w;
  const size_t whole = w.in / kStep, stride = PairBytes(w);
  alignas(64) uint8_t last[kOutPairs * kStepBytes];
  alignas(64) float sums[kRowsOfAGroup / 2 * kSums] = {};
  const size_t pairs = DivideUp(part.end_row - part.first_row, 2);
  const uint8_t* x = product.packed + part.first_row / 2 * stride;
  for (size_t out = part.first_out; out < part.end_out; out += kOuts) {
    const StoredOuts stored(w, out);
    if (whole < StepsOf(w)) FillPanel(w, out, kOuts, whole, 1, last);
    ForPairs(pairs, [&](auto count, size_t pair) {
      const uint8_t* of_rows = x + pair * stride;
      float* to = sums + pair * kSums;
      Accumulate<count()>(stored, of_rows, stride, whole, false, to);
      if (whole == StepsOf(w)) return;
      Accumulate<count()>(PanelOuts{last, kStepBytes}, of_rows + whole * kStepBytes, stride, 1,
                          true, to);
    });
    Finish(product, sums, part.first_row, pairs, out);
  }
}

void MultiplyPanels(const Part& part, uint8_t* panel) {
  const Product& product = *part.product;
  const Matrix& w = product.w;
  const size_t all = StepsOf(w), stride = PairBytes(w);
  float* const sums = reinterpret_cast<float*>(panel + kPanelBytes);
  const size_t pairs = DivideUp(part.end_row - part.first_row, 2);
  const uint8_t* x = product.packed + part.first_row / 2 * stride;
  for (size_t first = part.first_out; first < part.end_out; first += kPanelOuts) {
    const size_t end = std::min(part.end_out, first + kPanelOuts);
    std::fill_n(sums, pairs * (kPanelOuts / kOuts) * kSums, 0.0f);
    for (size_t step = 0; step < all; step += kPanelSteps) {
      const size_t steps = std::min(all - step, kPanelSteps);
      FillPanel(w, first, kPanelOuts, step, steps, panel);
      for (size_t out = first; out < end; out += kOuts) {
        const uint8_t* of_outs = panel + (out - first) / 2 * steps * kStepBytes;
        float* const of_all = sums + (out - first) / kOuts * pairs * kSums;
        ForPairs(pairs, [&](auto count, size_t pair) {
          Accumulate<count()>(PanelOuts{of_outs, steps * kStepBytes},
                              x + pair * stride + step * kStepBytes, stride, steps, true,
                              of_all + pair * kSums);
        });
      }
    }
    for (size_t out = first; out < end; out += kOuts)
      Finish(product, sums + (out - first) / kOuts * pairs * kSums, part.first_row, pairs, out);
  }
}

void Multiply(PartQueue& queue, uint8_t* scratch) {
  Part part;
  while (TakePart(queue, part)) {
    if (UsesPanels(*part.product)) {
      MultiplyPanels(part, scratch);
    } else {
      MultiplyStored(part);
    }
  }
}

#pragma GCC pop_options

constexpr MatMulKernel kKernel = {"neon_bf16", Handles, PackedBytes, Pack, CutOf, Multiply};

}  // namespace

const MatMulKernel* NeonBf16Kernel() { return HasNeonBf16() ? &kKernel : nullptr; }

#endif

}  // namespace retemper::nn
