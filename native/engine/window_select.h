// The value at a given rank in one streaming pass instead of several: a sample places a narrow
// window of keys around the rank, the pass counts what lies below the window and keeps the few keys
// inside it, and the exact value is picked from those. The sample only decides how much work it is:
// where it missed the rank, the caller falls back on RankSelect, so the result never depends on it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/let_go.h"
#include "cpu/kernels.h"

namespace retemper {

template <class T>
class WindowSelect {
 public:
  using Key = typename KeyOf<T>::Type;

  // Tensors below this size are not worth a sample.
  static constexpr uint64_t kLeastElements = 1 << 20;
  static constexpr size_t kSampleChunks = 512, kSampleChunk = 256;
  static constexpr double kMargin = 0.006;  // of all ranks, to either side
  // Keys kept at most, as a share of the elements: more than the window should hold, little enough
  // for memory.
  static constexpr uint64_t kKeptShare = 16;

  struct Found {
    Key key = 0;
    uint64_t below = 0, equal = 0;
    std::vector<uint32_t> equal_in_unit;
  };

  size_t AddTarget(size_t stream, uint64_t rank) {
    targets_.push_back({stream, rank, 0, 0});
    return targets_.size() - 1;
  }
  void SetRank(size_t target, uint64_t rank) { targets_[target].rank = rank; }
  size_t targets() const { return targets_.size(); }
  size_t StreamOf(size_t target) const { return targets_[target].stream; }

  // Places the windows of a stream's targets by a sample of its keys.
  void Place(size_t stream, std::vector<Key>& sample, uint64_t elements) {
    const auto at = [&](double share) {
      const double last = static_cast<double>(sample.size() - 1);
      const auto index = static_cast<ptrdiff_t>(std::clamp(share * last, 0.0, last));
      std::nth_element(sample.begin(), sample.begin() + index, sample.end());
      return sample[static_cast<size_t>(index)];
    };
    for (Target& target : targets_) {
      if (target.stream != stream) continue;
      const double share = static_cast<double>(target.rank) / static_cast<double>(elements);
      // At the ends the window reaches to the smallest or largest key there can be.
      target.low = share <= kMargin ? 0 : at(share - kMargin);
      target.high = share >= 1 - kMargin ? ~Key{0} >> 1 : at(share + kMargin);
    }
  }

  void Begin(size_t units, uint64_t elements) {
    units_ = units;
    limit_ = elements / units / kKeptShare + 64;
    counts_.assign(targets_.size() * units, {});
  }
  // Adds a tile of a unit; one thread at a time for each unit. `scratch` holds n keys.
  void Add(size_t unit, size_t target, const Key* keys, size_t n, Key* scratch,
           const Kernels<T>& kernels) {
    Count& count = counts_[target * units_ + unit];
    const Target& t = targets_[target];
    const size_t inside = kernels.count_window(keys, n, t.low, t.high, count.sums, scratch);
    if (count.inside.size() + inside > limit_) {
      count.overflow = true;
    } else {
      count.inside.insert(count.inside.end(), scratch, scratch + inside);
    }
  }
  // What was found, a target; empty when a window missed its rank.
  std::vector<Found> End() {
    std::vector<Found> all(targets_.size());
    for (size_t t = 0; t < targets_.size(); ++t) {
      if (!Find(t, all[t])) {
        all.clear();
        break;
      }
    }
    LetGo(counts_);
    return all;
  }

 private:
  struct Target {
    size_t stream;
    uint64_t rank;
    Key low, high;
  };
  struct Count {
    uint64_t sums[3] = {};  // below low, equal to low, equal to high
    bool overflow = false;
    std::vector<Key> inside;  // between, neither end included
  };

  bool Find(size_t t, Found& found) const {
    const Target& target = targets_[t];
    uint64_t below = 0, low = 0, high = 0;
    std::vector<Key> inside;
    const Count* counts = counts_.data() + t * units_;
    for (size_t u = 0; u < units_; ++u) {
      if (counts[u].overflow) return false;
      below += counts[u].sums[0];
      low += counts[u].sums[1];
      high += counts[u].sums[2];
      inside.insert(inside.end(), counts[u].inside.begin(), counts[u].inside.end());
    }
    if (target.rank < below) return false;
    uint64_t rank = target.rank - below;
    if (rank < low) {
      found.key = target.low;
      found.below = below;
      found.equal = low;
    } else if ((rank -= low) < inside.size()) {
      std::nth_element(inside.begin(), inside.begin() + static_cast<ptrdiff_t>(rank), inside.end());
      found.key = inside[rank];
      found.below = below + low;
      for (const Key key : inside) {
        found.below += key < found.key ? 1 : 0;
        found.equal += key == found.key ? 1 : 0;
      }
    } else if (rank - inside.size() < high) {
      found.key = target.high;
      found.below = below + low + inside.size();
      found.equal = high;
    } else {
      return false;
    }
    for (size_t u = 0; u < units_; ++u) {
      uint64_t equal = found.key == target.low    ? counts[u].sums[1]
                       : found.key == target.high ? counts[u].sums[2]
                                                  : 0;
      for (const Key key : counts[u].inside) equal += key == found.key ? 1 : 0;
      found.equal_in_unit.push_back(static_cast<uint32_t>(equal));
    }
    return true;
  }

  std::vector<Target> targets_;
  size_t units_ = 1;
  uint64_t limit_ = 0;
  std::vector<Count> counts_;  // [target, unit]
};

}  // namespace retemper
