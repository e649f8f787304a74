#include "nn/context.h"

#include <string>

#include "core/status.h"
#include "nn/weights.h"

namespace retemper::nn {
namespace {

[[noreturn]] void ThrowRow(size_t row, const std::string& what) {
  throw Fault(code::kUsage, "row " + std::to_string(row) + " of the step " + what);
}

}  // namespace

void Context::SetStep(const int32_t* ids, const int32_t* positions, const int32_t* slots,
                      const int32_t* of_variants, const int32_t* contexts, size_t rows) {
  step.ids.clear();  // until all is checked, there is no step
  step.runs.clear();
  std::vector<CacheRun>& runs = step.runs;
  for (size_t i = 0; i < rows; ++i) {
    if (ids[i] < 0) ThrowRow(i, "has a negative id");
    if (positions[i] < 0) ThrowRow(i, "has a negative position");
    if (slots[i] < 0) ThrowRow(i, "has a negative slot");
    if (of_variants[i] < 0 || static_cast<uint32_t>(of_variants[i]) >= variants) {
      ThrowRow(i, "names variant " + std::to_string(of_variants[i]) + ", but there are " +
                      std::to_string(variants));
    }
    const auto slot = static_cast<size_t>(slots[i]), position = static_cast<size_t>(positions[i]);
    if (!runs.empty() && runs.back().slot == slot) {
      if (position != runs.back().begin + runs.back().count) {
        ThrowRow(i, "is not at the position after the row before it");
      }
      if (of_variants[i] != of_variants[i - 1]) ThrowRow(i, "changes the variant of its slot");
      ++runs.back().count;
    } else {
      runs.push_back({.slot = slot, .begin = position, .count = 1, .row = i});
    }
  }
  std::vector<size_t> seen;
  for (const CacheRun& run : runs) seen.push_back(run.slot);
  std::sort(seen.begin(), seen.end());
  const auto twice = std::adjacent_find(seen.begin(), seen.end());
  if (twice != seen.end()) {
    step.runs.clear();
    throw Fault(code::kUsage,
                "the rows of slot " + std::to_string(*twice) + " do not lie side by side");
  }
  step.positions.assign(positions, positions + rows);
  step.variants.assign(of_variants, of_variants + rows);
  step.contexts.resize(rows);
  step.run_of.resize(rows);
  for (const CacheRun& run : runs) {
    for (size_t i = run.row; i < run.row + run.count; ++i) {
      step.contexts[i] =
          contexts == nullptr ? static_cast<int32_t>(run.begin + run.count) : contexts[i];
      step.run_of[i] = static_cast<uint32_t>(&run - runs.data());
    }
  }
  step.ids.assign(ids, ids + rows);
}

RopeTable& Context::RopeOf(const std::vector<float>& inverse_frequencies, float magnitude) {
  for (const auto& rope : ropes_) {
    if (rope->Is(inverse_frequencies, magnitude)) return *rope;
  }
  ropes_.push_back(std::make_unique<RopeTable>(inverse_frequencies, magnitude));
  return *ropes_.back();
}

void Context::CheckFaults() const {
  for (const auto& file : files) {
    if (file->faulted()) file->CheckUnchanged();
  }
  if (maker) maker->CheckFaults();
}

void Context::CheckUnchanged() const {
  for (const auto& file : files) file->CheckUnchanged();
  if (maker) maker->CheckUnchanged();
}

}  // namespace retemper::nn
