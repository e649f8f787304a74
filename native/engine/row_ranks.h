// Decides by rank within a row without ranking the row: an element is kept where a random draw is
// below a threshold that grows with the rank of its magnitude (DELLA).
//
// Most draws lie below the threshold of every rank or above all of them. For the others a histogram
// of the row bounds the rank, nearly always closely enough; only where the draw falls between the
// thresholds of the first and the last rank of a bin is the exact rank needed. Bins hold one value
// each where models are bfloat16 (cpu/kernels.h), and the rank within such a bin is a count. So the
// result is that of a full, stable sort, at the price of a histogram. Rows that the bins do not
// separate (one huge value beside many that differ by less than 2^-12 of it) are sorted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/kernels.h"

namespace retemper {

// Ranks of a row's keys, ascending, equal keys in the order of their index: a radix sort, least
// digit first, that counts all digits in one sweep and ends by writing ranks instead of a sorted
// list. `scratch` holds 2 n pairs.
template <class Key>
struct KeyIndex {
  Key key;
  uint32_t index;
};
template <class Key>
void RankRow(const Key* keys, size_t n, uint32_t* ranks, KeyIndex<Key>* scratch) {
  constexpr int kDigit = 11, kDigits = (8 * static_cast<int>(sizeof(Key)) + kDigit - 1) / kDigit;
  constexpr size_t kBins = 1 << kDigit;
  const auto digit = [](Key key, int d) {
    return static_cast<size_t>(key >> (kDigit * d)) & (kBins - 1);
  };
  uint32_t starts[kDigits][kBins] = {};
  for (size_t i = 0; i < n; ++i) {
    for (int d = 0; d < kDigits; ++d) ++starts[d][digit(keys[i], d)];
  }
  for (auto& bins : starts) {
    uint32_t sum = 0;
    for (uint32_t& bin : bins) {
      const uint32_t count = bin;
      bin = sum;
      sum += count;
    }
  }
  KeyIndex<Key>* from = scratch;
  KeyIndex<Key>* to = scratch + n;
  for (size_t i = 0; i < n; ++i)
    from[starts[0][digit(keys[i], 0)]++] = {keys[i], static_cast<uint32_t>(i)};
  for (int d = 1; d + 1 < kDigits; ++d) {
    for (size_t i = 0; i < n; ++i) to[starts[d][digit(from[i].key, d)]++] = from[i];
    std::swap(from, to);
  }
  for (size_t i = 0; i < n; ++i)
    ranks[from[i].index] = starts[kDigits - 1][digit(from[i].key, kDigits - 1)]++;
}

template <class T>
class RowRanks {
 public:
  using Key = typename KeyOf<T>::Type;

  // Bytes of scratch for rows of n elements.
  static size_t Bytes(size_t n) { return Layout(n).end; }

  // `scratch` is aligned to 64 bytes and outlives this.
  RowRanks(size_t n, void* scratch, const Target& target)
      : n_(n), kernels_(KernelsOf<T>(target)), loops_(*target.masks) {
    const Layout at(n);
    auto* base = static_cast<uint8_t*>(scratch);
    counts_ = reinterpret_cast<uint16_t*>(base + at.counts);
    below_ = reinterpret_cast<uint16_t*>(base + at.below);
    bins_ = reinterpret_cast<uint16_t*>(base + at.bins);
    ranks_ = reinterpret_cast<uint32_t*>(base + at.ranks);
    undecided_ = reinterpret_cast<uint32_t*>(base + at.undecided);
    keys_ = reinterpret_cast<Key*>(base + at.keys);
    pairs_ = reinterpret_cast<KeyIndex<Key>*>(base + at.pairs);
  }

  // Looks at a row, which stays where it is until the next one.
  void Set(const T* row) {
    row_ = row;
    counted_ = false;
    sorted_ = n_ > kLongestBinnedRow;
    if (sorted_) return Sort();
    constexpr int kMantissa = sizeof(T) == 4 ? 23 : 52;
    const Key top = kernels_.largest_key(row, n_) >> (kMantissa - kBinBits);
    constexpr Key kSteps = Key{kBinOctaves} << kBinBits;
    const Key base = (top >= kSteps ? top - (kSteps - 1) : 0) << (kMantissa - kBinBits);
    kernels_.row_bins(row, n_, base, bins_);
    loops_.count_bins(bins_, n_, counts_, below_);
  }

  // Sets the bits of the elements whose draw is below the threshold of their rank.
  void Keep(const uint32_t* draws, const RankThresholds& thresholds, uint64_t* bits) {
    if (sorted_) return loops_.keep_by_ranks(ranks_, draws, n_, thresholds, bits);
    const size_t count =
        loops_.keep_by_bins(bins_, draws, n_, below_, thresholds, bits, undecided_);
    size_t mixed = 0;
    for (size_t j = 0; j < count; ++j) mixed += bins_[undecided_[j]] & 1;
    if (mixed > 8 + n_ / kMostMixed) {
      Sort();
      return loops_.keep_by_ranks(ranks_, draws, n_, thresholds, bits);
    }
    if (count - mixed > kMostCounted && !counted_) {
      counted_ = true;
      loops_.count_ranks(bins_, n_, counts_, below_, ranks_);
    }
    for (size_t j = 0; j < count; ++j) {
      const size_t i = undecided_[j];
      const bool keep = draws[i] < thresholds.of_rank[RankOf(i)];
      bits[i / 64] |= static_cast<uint64_t>(keep) << i % 64;
    }
  }

 private:
  // More undecided elements than this and one sweep over the row is cheaper than counting for each.
  static constexpr size_t kMostCounted = 64;
  // One element of n / kMostMixed: the sort is cheaper than comparing each with the whole row.
  static constexpr size_t kMostMixed = 64;

  struct Layout {
    explicit Layout(size_t n) {
      const auto take = [this](size_t bytes) {
        const size_t at = end;
        end += (bytes + 63) / 64 * 64;
        return at;
      };
      const size_t binned = std::min(n, kLongestBinnedRow);
      counts = take(2 * kRowBins * sizeof(uint16_t));
      below = take((kRowBins + 8) * sizeof(uint16_t));
      bins = take(binned * sizeof(uint16_t));
      undecided = take(binned * sizeof(uint32_t) + 4);
      ranks = take(n * sizeof(uint32_t));
      keys = take(n * sizeof(Key));
      pairs = take(2 * n * sizeof(KeyIndex<Key>));
    }
    size_t end = 0, counts, below, bins, undecided, ranks, keys, pairs;
  };

  uint32_t RankOf(size_t i) const {
    const uint16_t bin = bins_[i];
    if ((bin & 1) != 0) return kernels_.rank_of(row_, n_, i);
    return counted_ ? ranks_[i] : below_[bin] + loops_.count_bin(bins_, i, bin);
  }
  void Sort() {
    sorted_ = true;
    kernels_.magnitude_keys(row_, n_, keys_);
    RankRow(keys_, n_, ranks_, pairs_);
  }

  size_t n_;
  const Kernels<T>& kernels_;
  const MaskKernels& loops_;
  const T* row_ = nullptr;
  bool sorted_ = false, counted_ = false;  // ranks_ holds all, or those of even bins
  uint16_t *counts_, *below_, *bins_;
  uint32_t *undecided_, *ranks_;
  Key* keys_;
  KeyIndex<Key>* pairs_;
};

}  // namespace retemper
