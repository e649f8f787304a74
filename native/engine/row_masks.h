// What DELLA (Deep et al., arXiv 2406.11617) keeps of each row: the probability of an element grows
// linearly with the rank of its magnitude in its row.
//
// A mask decides two phases: the sums that the rescaling needs, and the result. Masks of the first
// are kept for the second, a bit an element, as far as the merge's budget for them goes; the others
// are made again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/counter_rng.h"
#include "cpu/kernels.h"
#include "engine/byte_budget.h"
#include "engine/row_ranks.h"

namespace retemper {

template <class T>
class RowMasks {
 public:
  // Slots are numbered variant * models + model.
  RowMasks(uint64_t length, size_t models, size_t slots)
      : length_(length), words_((length + 63) / 64), models_(models), slots_(slots) {}
  ~RowMasks() { Release(); }
  RowMasks(const RowMasks&) = delete;
  RowMasks& operator=(const RowMasks&) = delete;

  void SetSlot(size_t slot, RngKey key, double density, double epsilon) {
    slots_[slot] = {true, key, density, epsilon, {}, {}};
    ++active_;
  }
  size_t words() const { return words_; }

  // Before the first phase: the threshold of each rank, density - epsilon for the smallest
  // magnitude of a row, density + epsilon for the largest; a row of one element has the density.
  void Begin(size_t units, ByteBudget* budget) {
    budget_ = budget;
    kept_.resize(units);
    for (Slot& slot : slots_) {
      if (!slot.active) continue;
      const bool single = length_ == 1;
      const double least = single ? slot.density : slot.density - slot.epsilon;
      const double slope = single ? 0.0 : 2.0 * slot.epsilon / (static_cast<double>(length_) - 1.0);
      slot.of_rank.resize(length_);
      for (uint64_t rank = 0; rank < length_; ++rank) {
        const uint64_t threshold = KeepThreshold(least + slope * static_cast<double>(rank));
        slot.of_rank[rank] = static_cast<uint32_t>(std::min<uint64_t>(threshold, UINT32_MAX));
      }
      const auto [low, high] = std::minmax(slot.of_rank.front(), slot.of_rank.back());
      slot.thresholds = {slot.of_rank.data(), low, high};
    }
  }
  void Release() {
    for (Kept& kept : kept_) Drop(kept);
    kept_ = std::vector<Kept>();
    for (Slot& slot : slots_) slot.of_rank = {};
  }

  // Room for the masks of a unit of `rows` rows that the next phase will find; nullptr when the
  // budget is used up.
  uint64_t* Reserve(size_t unit, uint64_t rows) {
    const uint64_t words = rows * active_ * words_;
    if (budget_ == nullptr || !budget_->Take(words * sizeof(uint64_t))) return nullptr;
    kept_[unit].words = words;
    kept_[unit].memory = std::make_unique_for_overwrite<uint64_t[]>(words);
    return kept_[unit].memory.get();
  }
  const uint64_t* Find(size_t unit) const { return kept_[unit].memory.get(); }
  void Drop(size_t unit) { Drop(kept_[unit]); }

  // Words of the masks of one row, those of all active slots one after the other.
  size_t RowWords() const { return active_ * words_; }
  // Where a slot's mask starts in them.
  size_t Place(size_t slot) const {
    size_t place = 0;
    for (size_t s = 0; s < slot; ++s) place += slots_[s].active ? words_ : 0;
    return place;
  }

  static size_t ScratchBytes(size_t length) {
    return RowRanks<T>::Bytes(length) + length * sizeof(uint32_t);
  }
  // Makes the masks of a row, of which `deltas` holds one vector a model, one after the other.
  // `scratch` is aligned to 64 bytes.
  void Make(uint64_t row, const T* deltas, uint64_t* masks, void* scratch,
            const Target& target) const {
    auto* draws =
        reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(scratch) + RowRanks<T>::Bytes(length_));
    RowRanks<T> ranks(length_, scratch, target);
    for (size_t m = 0; m < models_; ++m) {
      bool set = false;
      for (size_t s = m; s < slots_.size(); s += models_) {
        if (!slots_[s].active) continue;
        if (!set) ranks.Set(deltas + m * length_);
        set = true;
        target.draw(slots_[s].key, row * length_, length_, draws);
        ranks.Keep(draws, slots_[s].thresholds, masks + Place(s));
      }
    }
  }

 private:
  struct Slot {
    bool active = false;
    RngKey key;
    double density = 0, epsilon = 0;
    std::vector<uint32_t> of_rank;
    RankThresholds thresholds;
  };
  struct Kept {
    uint64_t words = 0;
    std::unique_ptr<uint64_t[]> memory;
  };
  void Drop(Kept& kept) {
    if (kept.memory == nullptr) return;
    kept.memory.reset();
    budget_->Give(kept.words * sizeof(uint64_t));
  }

  uint64_t length_;
  size_t words_, models_, active_ = 0;
  std::vector<Slot> slots_;
  ByteBudget* budget_ = nullptr;
  std::vector<Kept> kept_;  // a unit
};

}  // namespace retemper
