// One element of a block: how it is read, rounded, written and counted, by a thread of a GPU or, in
// tests, by a loop on the host. Every function gives the bits of its counterpart among the CPU's
// tile loops (cpu/loops-inl.h), with one exception: the bits of a NaN that arithmetic makes are the
// processor's own. They are never written, for one NaN is written for all; where they would steer a
// choice (the order of magnitudes), NaNs are counted and the block is computed on the CPU instead.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "core/convert.h"
#include "core/dtype.h"
#include "core/host_device.h"

namespace retemper::block {

// Limits of what one launch takes as parameters. Tensors with more operands run on the CPU.
inline constexpr int kMaxModels = 16;
inline constexpr int kMaxOperands = kMaxModels + 1;
// Lanes of a sum, as on the CPU.
inline constexpr int kSumLanes = 16;

// The elements of one source in the block, in the device's memory.
struct Operand {
  const uint8_t* bytes = nullptr;
  Dtype dtype = Dtype::kF32;
  bool rounds = false;  // each value is rounded to round_to first
  Dtype round_to = Dtype::kF32;
};

template <class T>
using Key = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

// Two counts in one word, so that a launch sums both at once. A block has far fewer than 2^32
// elements.
RETEMPER_HD uint64_t Counts(bool low, bool high) {
  return (low ? uint64_t{1} : 0) | (high ? uint64_t{1} << 32 : 0);
}

RETEMPER_HD void AtomicAdd(uint64_t* at, uint64_t n) {
#ifdef __CUDA_ARCH__
  atomicAdd(reinterpret_cast<unsigned long long*>(at), static_cast<unsigned long long>(n));
#else
  __atomic_fetch_add(at, n, __ATOMIC_RELAXED);
#endif
}

RETEMPER_HD float ToFloat(float x) { return x; }
RETEMPER_HD float ToFloat(double x) { return DoubleToFloatOdd(x); }

RETEMPER_HD float Canonical(float x) { return x != x ? std::bit_cast<float>(0x7fc00000u) : x; }
RETEMPER_HD double Canonical(double x) {
  return x != x ? std::bit_cast<double>(uint64_t{0x7ff8000000000000u}) : x;
}

template <class T>
RETEMPER_HD T Rounded(T x, Dtype dtype) {
  switch (dtype) {
    case Dtype::kBF16:
      return Bf16ToFloat(FloatToBf16(ToFloat(x)));
    case Dtype::kF16:
      return F16ToFloat(FloatToF16(ToFloat(x)));
    case Dtype::kF32:
      return static_cast<float>(x);
    default:
      return x;
  }
}

template <class T>
RETEMPER_HD T Load(const Operand& operand, uint64_t i) {
  T x;
  switch (operand.dtype) {
    case Dtype::kBF16:
      x = Bf16ToFloat(reinterpret_cast<const uint16_t*>(operand.bytes)[i]);
      break;
    case Dtype::kF16:
      x = F16ToFloat(reinterpret_cast<const uint16_t*>(operand.bytes)[i]);
      break;
    case Dtype::kF32:
      x = reinterpret_cast<const float*>(operand.bytes)[i];
      break;
    case Dtype::kF64:
      x = static_cast<T>(reinterpret_cast<const double*>(operand.bytes)[i]);
      break;
    default:
      x = T(0);  // integers are copied, never loaded
  }
  return operand.rounds ? Rounded(x, operand.round_to) : x;
}

// Where a launch writes, and where it adds up its two counts: of values written that are NaN or
// infinite (the low half), and of another kind that the body says (the high half).
struct Output {
  uint8_t* bytes = nullptr;
  Dtype dtype = Dtype::kF32;
  uint64_t* counts = nullptr;
};

// Returns whether the value written is NaN or infinite.
template <class T>
RETEMPER_HD bool Store(T x, const Output& out, uint64_t i) {
  switch (out.dtype) {
    case Dtype::kBF16: {
      const uint16_t half = FloatToBf16(Canonical(ToFloat(x)));
      reinterpret_cast<uint16_t*>(out.bytes)[i] = half;
      return (half & 0x7f80u) == 0x7f80u;
    }
    case Dtype::kF16: {
      const uint16_t half = FloatToF16(Canonical(ToFloat(x)));
      reinterpret_cast<uint16_t*>(out.bytes)[i] = half;
      return (half & 0x7c00u) == 0x7c00u;
    }
    case Dtype::kF32: {
      const float value = Canonical(static_cast<float>(x));
      reinterpret_cast<float*>(out.bytes)[i] = value;
      return (std::bit_cast<uint32_t>(value) & 0x7f800000u) == 0x7f800000u;
    }
    case Dtype::kF64: {
      const double value = Canonical(static_cast<double>(x));
      reinterpret_cast<double*>(out.bytes)[i] = value;
      return (std::bit_cast<uint64_t>(value) & 0x7ff0000000000000u) == 0x7ff0000000000000u;
    }
    default:
      return false;
  }
}

template <class T>
RETEMPER_HD Key<T> MagnitudeKey(T x) {
  return std::bit_cast<Key<T>>(x) & (~Key<T>{0} >> 1);
}

template <class T>
RETEMPER_HD T Magnitude(T x) {
  return x < 0 ? -x : x;
}

}  // namespace retemper::block
