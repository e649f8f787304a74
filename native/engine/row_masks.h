// What DELLA (Deep et al., arXiv 2406.11617) keeps of each row: the probability of an element grows
// linearly with the rank of its magnitude in its row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/counter_rng.h"
#include "core/let_go.h"
#include "core/plan.h"
#include "cpu/kernels.h"
#include "engine/row_ranks.h"

namespace retemper {

template <class T>
class RowMasks {
 public:
  // Rows of `length`. Slots are numbered variant * models + model.
  RowMasks(const TensorSpec& spec, uint64_t length, size_t models, size_t slots)
      : form_(spec.form),
        length_(length),
        words_((length + 63) / 64),
        models_(models),
        slots_(slots) {}

  // A slot that drops elements; the others have no masks.
  void SetSlot(size_t slot, RngKey key, double density, double epsilon) {
    slots_[slot] = {true, active_++ * words_, key, density, epsilon, {}, {}};
  }
  // Makes the threshold of each rank: density - epsilon for the smallest magnitude of a row,
  // density + epsilon for the largest; a row of one element has the density.
  void Begin() {
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
    for (Slot& slot : slots_) LetGo(slot.of_rank);
  }

  // Words of the masks of one row, those of all slots one after the other; and where a slot's is.
  size_t RowWords() const { return active_ * words_; }
  size_t Place(size_t slot) const { return slots_[slot].place; }

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
        target.draw(slots_[s].key, SourceRow(form_, row) * length_, length_, draws);
        ranks.Keep(draws, slots_[s].thresholds, masks + slots_[s].place);
      }
    }
  }

 private:
  struct Slot {
    bool active = false;
    size_t place = 0;
    RngKey key;
    double density = 0, epsilon = 0;
    std::vector<uint32_t> of_rank;
    RankThresholds thresholds;
  };

  OutputForm form_;
  uint64_t length_;
  size_t words_, models_, active_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace retemper
