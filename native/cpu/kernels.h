// The table of tile kernels: one entry a loop, filled once per instruction set from loops-inl.h.
//
// Kernels work on tiles that lie in the first-level cache; T is the type that a merge computes in.
// Every entry gives the same bits on every target: elementwise loops have no fused products, and
// sums run in kLanes fixed lanes that are added in lane order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/block_format.h"
#include "core/counter_rng.h"
#include "core/dtype.h"

namespace retemper {

inline constexpr size_t kTile = 2048;  // elements: 8 KiB of float32 an input
inline constexpr size_t kLanes = 16;

template <class T>
struct KeyOf;
template <>
struct KeyOf<float> {
  using Type = uint32_t;
};
template <>
struct KeyOf<double> {
  using Type = uint64_t;
};

// The sparsified deltas of all models at one place of a tensor, and what becomes of them.
template <class T>
struct DeltaTerms {
  const T* const* deltas = nullptr;  // one vector a model
  const T* factors = nullptr;        // each times this, then times its weight
  const T* weights = nullptr;
  size_t models = 0;
  bool normalizes = false;  // election: divided by the sum of the weights that take part, 0 -> 1
  bool divides = false;     // else: by `divisor`
  T divisor = 1;
  T lambda = 1;
  const T* base = nullptr;
};

// A weighted sum of vectors: sum_i coefficients[i] vectors[i], divided by `divisor` (if `divides`),
// plus `base` (if there is one). `count` is 1 at least.
template <class T>
struct WeightedSum {
  const T* const* vectors = nullptr;
  const T* coefficients = nullptr;
  size_t count = 0;
  bool divides = false;
  T divisor = 1;
  const T* base = nullptr;
};

// The columns of a right factor lie in strips, so that a product reads it from front to back:
// [strip, rank, kProductStrip], the last strip filled up with zeros.
inline constexpr size_t kProductStrip = 32;

// out[r][c] = sum_k left[r][k] right[k][c], every product and every sum rounded, in the order of k.
template <class T>
struct LowRankProduct {
  const T* left = nullptr;   // [rows, rank]
  const T* right = nullptr;  // strips
  size_t rank = 0, rows = 0;
  size_t strips = 0;
  size_t out_stride = 0;  // elements of a row of out, at least strips * kProductStrip
  // The products need no rounding: then sums may take them in fused, with the same bits.
  bool exact_products = false;
};

template <class T>
struct Kernels {
  using Key = typename KeyOf<T>::Type;

  // Stored elements to T and back. `store` returns how many NaN or infinite values it wrote; it
  // writes one NaN for all, since processors do not agree on which operand's sign and payload a
  // result inherits.
  void (*load)(const uint8_t* from, Dtype dtype, size_t n, T* to);
  uint64_t (*store)(const T* from, size_t n, Dtype dtype, uint8_t* to);
  // Whole blocks of a block format to T: the bits that PyPI's gguf has for them as float32.
  void (*decode_blocks)(const uint8_t* from, BlockFormat format, size_t blocks, T* to);
  void (*round_to)(T* x, size_t n, Dtype dtype);
  // How many stored elements are NaN or infinite; 0 for integers.
  uint64_t (*count_non_finite)(const uint8_t* from, size_t n, Dtype dtype);

  // Elementwise.
  void (*scaled)(T w, const T* x, T* out, size_t n);               // out = w x
  void (*add_scaled)(T w, const T* x, T* out, size_t n);           // out += w x
  void (*divide)(T divisor, T* x, size_t n);                       // x /= divisor
  void (*scale)(T factor, T* x, size_t n);                         // x *= factor
  void (*subtract)(const T* x, const T* y, T* out, size_t n);      // out = x - y
  void (*add)(const T* x, T* out, size_t n);                       // out += x
  void (*multiply)(const T* x, T* out, size_t n);                  // out *= x
  void (*multiply_add)(const T* w, const T* x, T* out, size_t n);  // out += w x, elementwise w
  // store(the sum), without a stop in memory.
  uint64_t (*store_sum)(const WeightedSum<T>& sum, size_t n, Dtype dtype, uint8_t* to);
  void (*low_rank)(const LowRankProduct<T>& product, T* out);
  void (*nearswap)(T t, const T* a, const T* b, T* out, size_t n);
  // out = base + lambda * what the terms add up to: by sign election over weighted deltas, or all.
  void (*elect_terms)(const DeltaTerms<T>& terms, size_t n, T* out);
  void (*sum_terms)(const DeltaTerms<T>& terms, size_t n, T* out);
  void (*divide_by)(const T* weight, T* x, size_t n);                   // x /= weight, 0 -> 1
  void (*divide_by_clamped)(const T* weight, T least, T* x, size_t n);  // x /= max(weight, least)
  void (*activity)(T epsilon, const T* d, T* count, T* sum, size_t n);  // RAM: where |d| > eps
  void (*squared_from)(const T* x, const T* mean, T* out, size_t n);    // out += (x - mean)^2

  // SCE: where sign(d) agrees with sum, kept += w d and weight += w.
  void (*elect_scaled)(T w, const T* d, const T* sum, T* kept, T* weight, size_t n);
  // RAM+: sums[0] += positions where only this delta is active, sums[1] += those it shares; and x
  // *= factor on the former. `count` says how many deltas are active.
  void (*count_unique)(T epsilon, const T* d, const T* count, size_t n, uint64_t* sums);
  void (*scale_unique)(T epsilon, T factor, const T* d, const T* count, T* x, size_t n);

  // Sums into kLanes lanes; element i of a tile goes to lane i % kLanes.
  void (*dot)(const T* x, const T* y, size_t n, double* lanes);
  void (*absolute_sum)(const T* x, size_t n, double* lanes);
  void (*squared_distance)(const T* x, const T* y, size_t n, double* lanes);

  // Order keys: `magnitude` of |x|, `ordered` of x itself.
  void (*magnitude_keys)(const T* x, size_t n, Key* keys);
  void (*ordered_keys)(const T* x, size_t n, Key* keys);
  // Counts the 16 bits above `shift` of the keys whose higher bits are `prefix`.
  void (*key_histogram)(const Key* keys, size_t n, int shift, Key prefix, uint32_t* bins);
  // Adds to sums how many keys are below low, equal to low and (if that is another) equal to high;
  // writes those between to `inside`, in order, and returns how many.
  size_t (*count_window)(const Key* keys, size_t n, Key low, Key high, uint64_t* sums, Key* inside);
  uint64_t (*count_equal)(const Key* keys, size_t n, Key key);
  // x = 0 where its magnitude key is outside [low, high]. Returns how many are kept.
  uint64_t (*keep_between)(T* x, size_t n, Key low, Key high);

  // x = 0 where the key is below `low`.
  void (*keep_from)(T* x, const Key* keys, size_t n, Key low);

  // out = x where its bit is set, else 0.
  void (*masked)(const T* x, const uint64_t* bits, size_t n, T* out);
  // absolute_sum of all elements, and of those whose bit is set.
  void (*absolute_sums)(const T* x, const uint64_t* bits, size_t n, double* all, double* kept);

  // Ranks within one row (engine/row_ranks.h): the largest magnitude key; the bin of each element;
  // and the rank of one element, counted: equal keys rank in the order of their index.
  Key (*largest_key)(const T* x, size_t n);
  void (*row_bins)(const T* x, size_t n, Key base, uint16_t* bins);
  uint32_t (*rank_of)(const T* x, size_t n, size_t at);
  void (*exponentials)(const T* x, T shift, size_t n, double* out);
};

// The draws of elements [first, first + n).
using DrawFunction = void (*)(RngKey key, uint64_t first, size_t n, uint32_t* out);

// Bins of the magnitudes of a row: 128 an octave over the 12 octaves below the largest, each as a
// pair of one exact value (the key whose low bits are zero, as the differences of bfloat16 models
// nearly all have) and those above it. Bin 0 holds zeros, bin 1 whatever is smaller than all that.
// An even bin therefore holds equal keys only.
inline constexpr int kBinBits = 7;
inline constexpr int kBinOctaves = 12;
inline constexpr size_t kRowBins = 2 + 2 * (size_t{kBinOctaves} << kBinBits);
inline constexpr size_t kLongestBinnedRow = UINT16_MAX;

// How the draws of a row decide, where the threshold of an element depends on its rank.
struct RankThresholds {
  const uint32_t* of_rank = nullptr;  // monotone
  uint32_t least = 0, most = 0;       // of them
};

// Masks have a bit an element in words of 64; the last word's other bits are zero.
struct MaskKernels {
  // Sets the bits of the elements whose draw is below the threshold (core/counter_rng.h).
  void (*keep_below)(const uint32_t* draws, size_t n, uint64_t threshold, uint64_t* bits);
  // How many of n elements have their bit set.
  uint64_t (*count)(const uint64_t* bits, size_t n);

  // What one row's ranks need, of at most kLongestBinnedRow elements.
  // below[b] = how many elements have a bin below b, for b <= kRowBins; `counts` gets 2 kRowBins
  // counters, of either half of the row. `below` has room for 8 more.
  void (*count_bins)(const uint16_t* bins, size_t n, uint16_t* counts, uint16_t* below);
  // ranks[i] = below[bin] + how many elements before i have its bin; uses `counts` up.
  void (*count_ranks)(const uint16_t* bins, size_t n, uint16_t* counts, const uint16_t* below,
                      uint32_t* ranks);
  uint32_t (*count_bin)(const uint16_t* bins, size_t n, uint16_t bin);
  // Sets the bits of the elements whose draw is below the threshold of every rank that their bin
  // has; lists those whose bin has ranks on both sides and returns how many. `undecided` has room
  // for n.
  size_t (*keep_by_bins)(const uint16_t* bins, const uint32_t* draws, size_t n,
                         const uint16_t* below, const RankThresholds& thresholds, uint64_t* bits,
                         uint32_t* undecided);
  // Sets the bits by known ranks; any n.
  void (*keep_by_ranks)(const uint32_t* ranks, const uint32_t* draws, size_t n,
                        const RankThresholds& thresholds, uint64_t* bits);
};

// n floats, whole blocks, to `format`, which is any but Q4_1; one row where ScalesRows(format).
// Returns how many elements are in blocks that decode to no finite numbers: a value is not finite,
// or a scale exceeds float16.
using EncodeFunction = uint64_t (*)(const float* from, size_t n, BlockFormat format, uint8_t* to);

// Rows of FP8 codes (core/row_scale.h).
struct RowCodeKernels {
  // The largest magnitude of n floats; no finite number if one of them is none.
  float (*largest)(const float* x, size_t n);
  // to[i] = the code of x[i] / scale, rounded to `dtype` and cut off at the largest code's value.
  // No x is infinite or a NaN.
  void (*encode)(const float* x, size_t n, float scale, Dtype dtype, uint8_t* to);
};

struct Target {
  const char* name;
  const Kernels<float>* f32;
  const Kernels<double>* f64;
  DrawFunction draw;
  const MaskKernels* masks;
  EncodeFunction encode;
  const RowCodeKernels* row_codes;
};

template <class T>
const Kernels<T>& KernelsOf(const Target& target);
template <>
inline const Kernels<float>& KernelsOf<float>(const Target& target) {
  return *target.f32;
}
template <>
inline const Kernels<double>& KernelsOf<double>(const Target& target) {
  return *target.f64;
}

// The targets that this processor runs, slowest first.
std::vector<const Target*> AvailableTargets();

// Whether RETEMPER_FORCE_TARGET names "cuda": every tensor that can be is computed on a device.
bool CudaIsForced();

// The fastest one, or the one that RETEMPER_FORCE_TARGET names ("cuda": the fastest one, for what
// does not run on a device; one of ProductTargets: the fastest one, beside those products); a name
// that this machine does not have is a Fault with code USAGE.
const Target& ChooseTarget();

}  // namespace retemper
