// The tile loops. No include guard: loops.cc includes this file once per instruction set, inside a
// namespace and a compiler target region of its own, so only standard headers that are already
// included may be used here.

template <class T>
using KeyT = typename KeyOf<T>::Type;

// Each uses what stands above it.
// clang-format off
#include "cpu/load_store-inl.h"
#include "cpu/decode_blocks-inl.h"
#include "cpu/elementwise-inl.h"
#include "cpu/delta_loops-inl.h"
#include "cpu/reductions-inl.h"
#include "cpu/key_loops-inl.h"
#include "cpu/mask_loops-inl.h"
#include "cpu/draw-inl.h"
#include "cpu/sum_loops-inl.h"
#include "cpu/encode-inl.h"
#include "cpu/row_codes-inl.h"
// clang-format on

template <class T>
constexpr Kernels<T> Table() {
  return {
      .load = &Load<T>,
      .store = &Store<T>,
      .decode_blocks = &DecodeBlocks<T>,
      .round_to = &RoundTo<T>,
      .count_non_finite = &CountNonFinite<T>,
      .scaled = &Scaled<T>,
      .add_scaled = &AddScaled<T>,
      .divide = &Divide<T>,
      .scale = &Scale<T>,
      .subtract = &Subtract<T>,
      .add = &Add<T>,
      .multiply = &Multiply<T>,
      .multiply_add = &MultiplyAdd<T>,
      .store_sum = &StoreSum<T>,
      .low_rank = &LowRank<T>,
      .nearswap = &NearswapTile<T>,
      .elect_terms = &ElectTerms<T>,
      .sum_terms = &SumTerms<T>,
      .divide_by = &DivideBy<T>,
      .divide_by_clamped = &DivideByClamped<T>,
      .activity = &ActivityTile<T>,
      .squared_from = &SquaredFrom<T>,
      .elect_scaled = &ElectScaled<T>,
      .count_unique = &CountUnique<T>,
      .scale_unique = &ScaleUnique<T>,
      .dot = &Dot<T>,
      .absolute_sum = &AbsoluteSum<T>,
      .squared_distance = &SquaredDistance<T>,
      .magnitude_keys = &MagnitudeKeys<T>,
      .ordered_keys = &OrderedKeys<T>,
      .key_histogram = &KeyHistogram<T>,
      .count_window = &CountWindow<T>,
      .count_equal = &CountEqual<T>,
      .keep_between = &KeepBetween<T>,
      .keep_from = &KeepFrom<T>,
      .masked = &Masked<T>,
      .absolute_sums = &AbsoluteSums<T>,
      .largest_key = &LargestKey<T>,
      .row_bins = &RowBins<T>,
      .rank_of = &RankOf<T>,
      .exponentials = &Exponentials<T>,
  };
}

constexpr Kernels<float> kF32 = Table<float>();
constexpr Kernels<double> kF64 = Table<double>();
constexpr RowCodeKernels kRowCodes = {&LargestOf, &EncodeRow};
