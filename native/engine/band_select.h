// Finds the bands of magnitudes that a tensor's slots keep (the k largest, or the ranks between
// two) in streaming passes over keys, without a sort and without an array of indices.
//
// Phases: in large tensors, a sample that places windows around the wanted ranks, and one pass that
// finds them there (engine/window_select.h); where there were none, or where one missed its rank,
// the passes of radix histograms (engine/rank_select.h) and one that counts equal keys. Phases that
// have nothing left to do are idle.
//
// Whoever owns this loads the keys. A stream is one sequence of keys (a model's deltas, say), a
// slot what is kept of it in one variant.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "core/let_go.h"
#include "cpu/kernels.h"
#include "engine/band.h"
#include "engine/rank_select.h"
#include "engine/window_select.h"

namespace retemper {

template <class T>
class BandSelect {
 public:
  using Key = typename KeyOf<T>::Type;

  BandSelect(uint64_t elements, size_t slots) : elements_(elements), slots_(slots) {}

  // Each slot one of these, or none of them; then Fix.
  void KeepLargest(size_t slot, size_t stream, uint64_t count) {
    Slot& s = slots_[slot];
    s.count = count;
    s.first = AddTarget(s, stream, elements_ - count);
  }
  // The int(share n) largest, where n is how many keys are not zero.
  void KeepLargestShare(size_t slot, size_t stream, double share) {
    Slot& s = slots_[slot];
    s.share = share;
    s.first = AddTarget(s, stream, 0);
  }
  // `count` ascending ranks from `first` on.
  void KeepRanks(size_t slot, size_t stream, uint64_t first, uint64_t count) {
    Slot& s = slots_[slot];
    s.between = true;
    s.first = AddTarget(s, stream, first);
    s.last = AddTarget(s, stream, first + count - 1);
  }
  // How many units the tensor has, and whether a sample may be taken: not where histograms are made
  // elsewhere.
  void Fix(size_t units, bool samples) {
    units_ = units;
    if (ranks_.empty()) return;
    counting_ = samples && elements_ >= WindowSelect<T>::kLeastElements ? 2 : 0;
    ties_phase_ = counting_ + RankSelect<T>::kPasses;
  }

  int Phases() const { return ties_phase_ + 1; }
  bool IsSample(int phase) const { return counting_ > 0 && phase == 0; }
  // Does nothing, by what an earlier phase found. May be asked before that phase has ended.
  bool Idle(int phase) const {
    return (windowed_ && phase >= counting_) || (phase == ties_phase_ && bands_made_ && !ties_);
  }
  size_t Units(int phase) const { return IsSample(phase) ? 1 : units_; }

  void Begin(int phase, unsigned workers) {
    if (Idle(phase)) return;
    if (phase == counting_ - 1) windows_.Begin(units_, elements_);
    if (phase == FirstCount()) not_zero_.assign(units_ * slots_.size(), 0);
    if (RadixPass(phase) >= 0) ranks_.Begin(workers);
    if (phase == ties_phase_) cursors_.assign(units_ * slots_.size(), {});
  }
  // `visit(first, count, each)` calls each(stream, keys, n, scratch) for tile after tile of the
  // elements [first, first + count), once for every stream; scratch has room for n keys.
  template <class Visit>
  void Run(int phase, size_t unit, uint64_t first, uint64_t count, unsigned worker,
           const Kernels<T>& kernels, Visit visit) {
    if (Idle(phase)) return;
    if (IsSample(phase)) return Sample(visit);
    visit(first, count, [&](size_t stream, const Key* keys, size_t n, Key* scratch) {
      if (phase == FirstCount()) CountNotZero(unit, stream, keys, n, kernels);
      if (phase < counting_) {
        for (size_t t = 0; t < windows_.targets(); ++t) {
          if (windows_.StreamOf(t) == stream) windows_.Add(unit, t, keys, n, scratch, kernels);
        }
      } else if (phase < ties_phase_) {
        ranks_.Add(phase - counting_, worker, stream, keys, n, kernels);
      } else {
        CountEqual(unit, stream, keys, n, kernels);
      }
    });
  }
  void End(int phase) {
    if (Idle(phase)) return;
    if (phase == FirstCount()) SetShares();
    if (phase == counting_ - 1) {
      TakeWindows();
    } else if (RadixPass(phase) >= 0) {
      ranks_.End();
      if (phase + 1 == ties_phase_) MakeBands();
    } else if (phase == ties_phase_) {
      for (size_t s = 0; s < slots_.size(); ++s) {
        BandCursor sum;
        for (size_t u = 0; u < units_; ++u) {
          BandCursor& at = cursors_[u * slots_.size() + s];
          const BandCursor here = at;
          at = sum;
          sum.low += here.low;
          sum.high += here.high;
        }
      }
    }
  }
  void Release() {
    LetGo(cursors_);
    LetGo(not_zero_);
  }

  // For what is counted elsewhere: which pass of histograms a phase is, or -1; the histograms; and
  // the equal keys of one unit.
  int RadixPass(int phase) const {
    return !windowed_ && phase >= counting_ && phase < ties_phase_ ? phase - counting_ : -1;
  }
  bool IsTies(int phase) const { return phase == ties_phase_ && !Idle(phase); }
  RankSelect<T>& ranks() { return ranks_; }
  BandCursor& EqualIn(size_t unit, size_t slot) { return cursors_[unit * slots_.size() + slot]; }

  // When all phases have ended.
  bool selects() const { return !ranks_.empty(); }
  const Band<T>& band(size_t slot) const { return slots_[slot].band; }
  uint64_t count(size_t slot) const { return slots_[slot].count; }
  // Whether some slot keeps only some of the keys that equal a border of its band.
  bool HasTies() const { return ties_; }
  // How many equal keys lie before a unit.
  BandCursor Before(size_t unit, size_t slot) const {
    return ties_ ? cursors_[unit * slots_.size() + slot] : BandCursor{};
  }

 private:
  struct Slot {
    bool selects = false, between = false;
    size_t stream = 0, first = 0, last = 0;  // targets
    uint64_t count = 0;
    double share = 0;
    Band<T> band;
  };

  size_t AddTarget(Slot& slot, size_t stream, uint64_t rank) {
    slot.selects = true;
    slot.stream = stream;
    windows_.AddTarget(stream, rank);
    return ranks_.AddTarget(stream, rank);
  }
  // The phase that counts, for slots that keep a share, how many keys are not zero.
  int FirstCount() const { return counting_ > 0 ? 1 : 0; }

  // Chunks at even distances: a share of every layer of rows.
  template <class Visit>
  void Sample(Visit visit) {
    constexpr size_t kChunks = WindowSelect<T>::kSampleChunks;
    std::vector<std::vector<Key>> samples;
    for (size_t c = 0; c < kChunks; ++c) {
      visit(elements_ / kChunks * c, WindowSelect<T>::kSampleChunk,
            [&](size_t stream, const Key* keys, size_t n, Key*) {
              if (stream >= samples.size()) samples.resize(stream + 1);
              samples[stream].insert(samples[stream].end(), keys, keys + n);
            });
    }
    for (size_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].share <= 0) continue;
      const std::vector<Key>& sample = samples[slots_[s].stream];
      const auto zeros = static_cast<double>(std::count(sample.begin(), sample.end(), Key{0}));
      SetCount(slots_[s],
               static_cast<double>(elements_) * (1 - zeros / static_cast<double>(sample.size())));
    }
    for (size_t stream = 0; stream < samples.size(); ++stream)
      windows_.Place(stream, samples[stream], elements_);
  }
  void CountNotZero(size_t unit, size_t stream, const Key* keys, size_t n,
                    const Kernels<T>& kernels) {
    for (size_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].share > 0 && slots_[s].stream == stream)
        not_zero_[unit * slots_.size() + s] += n - kernels.count_equal(keys, n, 0);
    }
  }
  void SetShares() {
    for (size_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].share <= 0) continue;
      uint64_t sum = 0;
      for (size_t u = 0; u < units_; ++u) sum += not_zero_[u * slots_.size() + s];
      SetCount(slots_[s], static_cast<double>(sum));
    }
  }
  void SetCount(Slot& slot, double not_zero) {
    slot.count = static_cast<uint64_t>(not_zero * slot.share);
    const uint64_t rank = slot.count == 0 ? 0 : elements_ - slot.count;
    windows_.SetRank(slot.first, rank);
    ranks_.SetRank(slot.first, rank);
  }
  // Takes over what the windows found, unless one missed its rank.
  void TakeWindows() {
    const auto found = windows_.End();
    if (found.empty()) return;
    for (size_t t = 0; t < found.size(); ++t)
      ranks_.SetFound(t, found[t].key, found[t].below, found[t].equal);
    MakeBands();
    cursors_.assign(ties_ ? units_ * slots_.size() : 0, {});
    for (size_t s = 0; s < slots_.size() && ties_; ++s) {
      const Slot& slot = slots_[s];
      if (!slot.selects || slot.band.simple) continue;
      BandCursor sum;
      for (size_t u = 0; u < units_; ++u) {
        cursors_[u * slots_.size() + s] = sum;
        sum.low += found[slot.first].equal_in_unit[u];
        if (slot.between) sum.high += found[slot.last].equal_in_unit[u];
      }
    }
    windowed_ = true;
  }
  void MakeBands() {
    for (Slot& slot : slots_) {
      if (!slot.selects || (slot.share > 0 && slot.count == 0)) continue;
      slot.band = slot.between
                      ? Band<T>::Between(ranks_.target(slot.first), ranks_.target(slot.last))
                      : Band<T>::Largest(ranks_.target(slot.first), elements_, slot.count);
      if (!slot.band.simple) ties_ = true;
    }
    bands_made_ = true;
  }
  void CountEqual(size_t unit, size_t stream, const Key* keys, size_t n,
                  const Kernels<T>& kernels) {
    for (size_t s = 0; s < slots_.size(); ++s) {
      const Slot& slot = slots_[s];
      if (!slot.selects || slot.stream != stream || slot.band.simple) continue;
      BandCursor& at = EqualIn(unit, s);
      at.low += kernels.count_equal(keys, n, slot.band.low);
      at.high += kernels.count_equal(keys, n, slot.band.high);
    }
  }

  uint64_t elements_;
  std::vector<Slot> slots_;
  RankSelect<T> ranks_;
  WindowSelect<T> windows_;
  size_t units_ = 0;
  int counting_ = 0;  // phases before the histograms
  int ties_phase_ = -1;
  // Set by the end of a phase, read while others look ahead.
  std::atomic<bool> windowed_ = false, bands_made_ = false, ties_ = false;
  std::vector<uint64_t> not_zero_;   // [unit, slot]
  std::vector<BandCursor> cursors_;  // [unit, slot]: equal keys in the unit, then before it
};

}  // namespace retemper
