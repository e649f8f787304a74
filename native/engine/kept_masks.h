// Masks that one phase makes and a later one finds, a bit an element, as far as the merge's budget
// for them goes. Whoever does not find its own makes it again: the bits are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/byte_budget.h"

namespace retemper {

class KeptMasks {
 public:
  KeptMasks() = default;
  ~KeptMasks() { Release(); }
  KeptMasks(const KeptMasks&) = delete;
  KeptMasks& operator=(const KeptMasks&) = delete;

  void Begin(size_t units, ByteBudget* budget) {
    budget_ = budget;
    kept_.resize(units);
  }
  // Room for the masks of a unit; nullptr when the budget is used up.
  uint64_t* Reserve(size_t unit, size_t words) {
    if (budget_ == nullptr || !budget_->Take(words * sizeof(uint64_t))) return nullptr;
    kept_[unit].words = words;
    kept_[unit].memory = std::make_unique_for_overwrite<uint64_t[]>(words);
    return kept_[unit].memory.get();
  }
  // nullptr: there are none.
  const uint64_t* Find(size_t unit) const {
    return kept_.empty() ? nullptr : kept_[unit].memory.get();
  }
  void Drop(size_t unit) {
    if (Find(unit) == nullptr) return;
    kept_[unit].memory.reset();
    budget_->Give(kept_[unit].words * sizeof(uint64_t));
  }
  void Release() {
    for (size_t unit = 0; unit < kept_.size(); ++unit) Drop(unit);
    kept_ = std::vector<Kept>();
  }

 private:
  struct Kept {
    uint64_t words = 0;
    std::unique_ptr<uint64_t[]> memory;
  };
  ByteBudget* budget_ = nullptr;
  std::vector<Kept> kept_;
};

}  // namespace retemper
