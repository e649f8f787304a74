// The value at a given rank of a tensor of any size, without a sort and without an array of
// indices: a radix histogram fixes 16 bits of the key in each streaming pass (two passes for
// float32, four for float64).
//
// Usage: AddTarget for each wanted rank; then for each pass Begin, Add from any thread for every
// element, End.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels.h"

namespace retemper {

template <class T>
class RankSelect {
 public:
  using Key = typename KeyOf<T>::Type;
  static constexpr int kPasses = 8 * sizeof(T) / 16;
  static constexpr size_t kBins = 1 << 16;

  struct Target {
    size_t stream = 0;
    uint64_t rank = 0;   // from 0, in ascending order of keys
    Key key = 0;         // found: the key at that rank,
    uint64_t below = 0;  // how many keys are smaller,
    uint64_t equal = 0;  // and how many are equal
  };

  size_t AddTarget(size_t stream, uint64_t rank) {
    targets_.push_back({stream, rank});
    return targets_.size() - 1;
  }
  // Ranks may depend on what pass 0 counts (sce): allowed until End(0).
  void SetRank(size_t target, uint64_t rank) { targets_[target].rank = rank; }
  // A target that was found in another way.
  void SetFound(size_t target, Key key, uint64_t below, uint64_t equal) {
    targets_[target].key = key;
    targets_[target].below = below;
    targets_[target].equal = equal;
  }
  const Target& target(size_t index) const { return targets_[index]; }
  bool empty() const { return targets_.empty(); }

  void Begin(unsigned workers) {
    bins_.resize(workers);
    groups_.clear();
    group_of_.clear();
    for (const Target& target : targets_) {
      size_t g = 0;
      while (g < groups_.size() &&
             !(groups_[g].stream == target.stream && groups_[g].prefix == target.key))
        ++g;
      if (g == groups_.size()) groups_.push_back({target.stream, target.key});
      group_of_.push_back(g);
    }
    for (auto& bins : bins_) bins.counts.clear();
  }

  void Add(int pass, unsigned worker, size_t stream, const Key* keys, size_t n,
           const Kernels<T>& kernels) {
    Bins& bins = bins_[worker];
    if (bins.counts.empty()) {
      bins.counts.assign(groups_.size() * kBins, 0);
      bins.seen = 0;
    }
    if (bins.seen + n > UINT32_MAX) Spill(bins);  // 32-bit counts cannot overflow
    bins.seen += n;
    const int shift = Shift(pass);
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (groups_[g].stream == stream) {
        kernels.key_histogram(keys, n, shift, groups_[g].prefix, bins.counts.data() + g * kBins);
      }
    }
  }

  // For histograms that are made elsewhere: the groups of the pass, kBins counts each.
  static int Shift(int pass) { return 8 * static_cast<int>(sizeof(T)) - 16 * (pass + 1); }
  size_t groups() const { return groups_.size(); }
  size_t stream(size_t group) const { return groups_[group].stream; }
  Key prefix(size_t group) const { return groups_[group].prefix; }
  void AddCounts(const std::vector<uint64_t>& counts) {
    std::vector<uint64_t>& sums = bins_[0].spilled;
    sums.resize(counts.size(), 0);
    for (size_t i = 0; i < counts.size(); ++i) sums[i] += counts[i];
  }

  void End() {
    std::vector<uint64_t> totals(groups_.size() * kBins, 0);
    for (Bins& bins : bins_) {
      for (size_t i = 0; i < bins.counts.size(); ++i) totals[i] += bins.counts[i];
      for (size_t i = 0; i < bins.spilled.size(); ++i) totals[i] += bins.spilled[i];
      bins = {};
    }
    for (size_t t = 0; t < targets_.size(); ++t) {
      Target& target = targets_[t];
      const uint64_t* counts = totals.data() + group_of_[t] * kBins;
      size_t bin = 0;
      while (bin + 1 < kBins && target.below + counts[bin] <= target.rank)
        target.below += counts[bin++];
      target.key = static_cast<Key>(target.key << 16 | bin);
      target.equal = counts[bin];
    }
  }

 private:
  struct Group {
    size_t stream;
    Key prefix;
  };
  struct Bins {
    std::vector<uint32_t> counts;
    std::vector<uint64_t> spilled;
    uint64_t seen = 0;
  };
  static void Spill(Bins& bins) {
    bins.spilled.resize(bins.counts.size());
    for (size_t i = 0; i < bins.counts.size(); ++i) bins.spilled[i] += bins.counts[i];
    bins.counts.assign(bins.counts.size(), 0);
    bins.seen = 0;
  }

  std::vector<Target> targets_;
  std::vector<Group> groups_;
  std::vector<size_t> group_of_;
  std::vector<Bins> bins_;  // one a worker: counts are whole numbers, so their sum has no order
};

}  // namespace retemper
