// A band of magnitude ranks to keep, where the index decides between equal magnitudes: between
// two keys, and of the elements equal to a border key those with an ordinal in a range. Ordinals
// count equal elements in flat order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/kernels.h"
#include "engine/rank_select.h"

namespace retemper {

template <class T>
struct Band {
  using Key = typename KeyOf<T>::Type;
  static constexpr Key kMaxKey = ~Key{0} >> 1;

  Key low = 0, high = kMaxKey;
  uint64_t low_from = 0, low_to = UINT64_MAX;  // kept ordinals among those equal to low
  uint64_t high_to = UINT64_MAX;  // kept ordinals among those equal to high: below this
  bool simple = true;             // every element equal to a border is kept

  // The k largest; of equal ones those with the lowest index.
  static Band Largest(const typename RankSelect<T>::Target& at, uint64_t elements, uint64_t k) {
    Band band;
    band.low = at.key;
    band.low_to = k - (elements - at.below - at.equal);
    band.simple = band.low_to >= at.equal;
    return band;
  }
  // Ascending ranks [first, last]; of equal ones the lower index has the lower rank.
  static Band Between(const typename RankSelect<T>::Target& first,
                      const typename RankSelect<T>::Target& last) {
    Band band;
    band.low = first.key;
    band.high = last.key;
    band.low_from = first.rank - first.below;
    band.high_to = last.rank + 1 - last.below;
    if (band.low == band.high) {
      band.low_to = band.high_to;
      band.simple = band.low_from == 0 && band.low_to >= first.equal;
    } else {
      band.simple = band.low_from == 0 && band.high_to >= last.equal;
    }
    return band;
  }
};

// Where a thread is among the equal elements of a band.
struct BandCursor {
  uint64_t low = 0, high = 0;
};

// Sets the elements of a tile outside the band to zero; returns how many are kept. `keys` is
// scratch.
template <class T>
uint64_t KeepBand(const Band<T>& band, BandCursor& cursor, T* x, size_t n,
                  typename Band<T>::Key* keys, const Kernels<T>& kernels) {
  using Key = typename Band<T>::Key;
  if (band.simple) return kernels.keep_between(x, n, band.low, band.high);
  kernels.magnitude_keys(x, n, keys);
  const uint64_t lows = kernels.count_equal(keys, n, band.low);
  const uint64_t highs = band.low == band.high ? 0 : kernels.count_equal(keys, n, band.high);
  const uint64_t low = cursor.low, high = cursor.high;
  cursor.low += lows;
  cursor.high += highs;
  const bool all_low = lows == 0 || (low >= band.low_from && low + lows <= band.low_to);
  const bool no_low = low + lows <= band.low_from || low >= band.low_to;
  const bool all_high = highs == 0 || high + highs <= band.high_to;
  const bool no_high = high >= band.high_to;
  if ((all_low || no_low) && (all_high || no_high)) {
    const Key from = all_low ? band.low : band.low + 1;
    const Key to = all_high
                       ? band.high
                       : band.high - 1;  // band.high > band.low >= 0 where it has ties of its own
    if (from <= to) return kernels.keep_between(x, n, from, to);
    std::fill_n(x, n, T(0));
    return 0;
  }
  uint64_t kept = 0, at_low = low, at_high = high;
  for (size_t i = 0; i < n; ++i) {
    bool keep = keys[i] > band.low && keys[i] < band.high;
    if (keys[i] == band.low) {
      keep = at_low >= band.low_from && at_low < band.low_to;
      ++at_low;
    } else if (keys[i] == band.high) {
      keep = at_high < band.high_to;
      ++at_high;
    }
    kept += keep ? 1 : 0;
    if (!keep) x[i] = T(0);
  }
  return kept;
}

}  // namespace retemper
