// The numbers of task arithmetic (tasks/task_arithmetic.cc), all known before an element is read:
// for each variant the weights and the divisor of its sum, and for each model of a variant (a slot)
// how many of its differences are kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "core/counter_rng.h"
#include "core/plan.h"
#include "cpu/kernels.h"

namespace retemper {

template <class T>
class DeltaSlots {
 public:
  // One model in one variant.
  struct Slot {
    bool active = false;  // some elements are dropped
    bool zero = false;    // all are
    size_t number = 0;    // among the active ones
    RngKey key;
    uint64_t count = 0;      // that are kept, where they are counted
    uint64_t threshold = 0;  // below which a draw keeps its element, where they are drawn
  };
  // Of one variant.
  struct Numbers {
    std::vector<T> weights, factors;  // a model; factors are of what is kept
    bool divides = false;
    T divisor = 1;
  };

  DeltaSlots(const TensorSpec& spec, uint64_t seed)
      : spec_(spec), models_(spec.sources.size() - 1), slots_(spec.variants.size() * models_) {
    for (size_t v = 0; v < spec.variants.size(); ++v) {
      AddNumbers(v);
      for (size_t m = 0; m < models_; ++m) SetUp(v, m, seed);
    }
  }

  size_t models() const { return models_; }
  size_t size() const { return slots_.size(); }
  // How many slots drop some elements.
  size_t active() const { return active_; }
  const Slot& operator[](size_t slot) const { return slots_[slot]; }
  const Numbers& Of(size_t variant) const { return numbers_[variant]; }
  const TaskArithmeticParams& Params(size_t variant) const {
    return std::get<TaskArithmeticParams>(spec_.variants[variant].params);
  }
  T& Factor(size_t slot) { return numbers_[slot / models_].factors[slot % models_]; }
  T Factor(size_t slot) const { return numbers_[slot / models_].factors[slot % models_]; }

  // Whether a variant drops some elements of this model.
  bool DropsSome(size_t model) const {
    for (size_t s = model; s < slots_.size(); s += models_) {
      if (slots_[s].active) return true;
    }
    return false;
  }

  // With one model and nothing dropped, a weight of exactly 0 gives the base and of exactly 1 the
  // model itself, byte for byte, as the ends of a straight line. Which source that is, or -1.
  int EndPoint(size_t variant) const {
    const TaskArithmeticParams& p = Params(variant);
    if (models_ != 1 || slots_[variant].active || slots_[variant].zero) return -1;
    const double factor = (p.normalize && p.weights[0] != 0 ? 1.0 : p.weights[0]) * p.lambda;
    return factor == 0 ? 0 : factor == 1 ? 1 : -1;
  }

  // One factor a source (Task::Factors); nothing where elements are chosen one by one.
  std::optional<std::vector<double>> SourceFactors(size_t variant) const {
    const TaskArithmeticParams& p = Params(variant);
    if (p.election) return std::nullopt;
    std::vector<double> factors(models_ + 1, 0.0);
    if (const int end = EndPoint(variant); end >= 0) {
      factors[static_cast<size_t>(end)] = 1;
      return factors;
    }
    double divisor = 0, sum = 0;
    for (size_t m = 0; m < models_; ++m) divisor += p.weights[m];
    if (!p.normalize || std::fabs(divisor) < 1e-8) divisor = 1;
    for (size_t m = 0; m < models_; ++m) {
      const Slot& slot = slots_[variant * models_ + m];
      if (slot.active) return std::nullopt;
      if (!slot.zero) factors[m + 1] = p.lambda * p.weights[m] / divisor;
      sum += factors[m + 1];
    }
    factors[0] = 1 - sum;
    return factors;
  }

 private:
  void AddNumbers(size_t variant) {
    const TaskArithmeticParams& p = Params(variant);
    Numbers& numbers = numbers_.emplace_back();
    double sum = 0;
    for (size_t m = 0; m < models_; ++m) {
      numbers.weights.push_back(static_cast<T>(p.weights[m]));
      sum += p.weights[m];
    }
    numbers.factors.assign(models_, T(1));
    numbers.divides = !p.election && p.normalize && std::fabs(sum) >= 1e-8;
    numbers.divisor = static_cast<T>(sum);
  }

  void SetUp(size_t variant, size_t model, uint64_t seed) {
    const TaskArithmeticParams& p = Params(variant);
    if (p.sparsifier == Sparsifier::kNone) return;
    const double density = p.densities[model];
    if (density >= 1) return;
    Slot& slot = slots_[variant * models_ + model];
    const auto n = static_cast<double>(spec_.Elements());
    slot.count = density > 0 ? static_cast<uint64_t>(density * n) : 0;
    if (p.sparsifier == Sparsifier::kMagnitude) slot.count = std::max<uint64_t>(1, slot.count);
    const bool counts =
        p.sparsifier == Sparsifier::kMagnitude || p.sparsifier == Sparsifier::kOutliers;
    if (!(density > 0) || (counts && slot.count == 0)) {
      slot.zero = true;
      return;
    }
    slot.active = true;
    slot.number = active_++;
    slot.key = MakeRngKey(seed, spec_.name, spec_.model_keys[model + 1]);
    slot.threshold = KeepThreshold(density);
    if (!counts && p.rescale == Rescale::kInverseDensity)
      numbers_[variant].factors[model] = static_cast<T>(1.0 / density);
  }

  const TensorSpec& spec_;
  size_t models_;
  std::vector<Slot> slots_;  // [variant, model]
  size_t active_ = 0;
  std::vector<Numbers> numbers_;  // a variant
};

}  // namespace retemper
