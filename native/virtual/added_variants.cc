// Variants that are added to an open merge, each by a plan of one output.
#include <algorithm>
#include <string>
#include <utility>

#include "core/status.h"
#include "engine/check_plan.h"
#include "engine/decode_range.h"
#include "virtual/varied_matrix.h"
#include "virtual/virtual_tensors.h"

namespace retemper {
namespace {

constexpr uint32_t kMostAdded = 1 << 16;

}  // namespace

void VirtualTensors::SetVariant(uint32_t variant, Plan plan, nn::Pool& pool) {
  const auto opened = static_cast<uint32_t>(plan_.outputs.size());
  if (variant < opened || variant >= opened + kMostAdded || plan.outputs.size() != 1)
    throw Fault(code::kUsage, "variant " + std::to_string(variant) + " cannot be set");
  auto addition = std::make_unique<Addition>();
  addition->plan = std::move(plan);
  const Plan& own = addition->plan;
  CheckPlan(own);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (i >= own.inputs.size()) {
      if (i >= plan_.inputs.size()) break;  // another variant's
      throw Fault(code::kUsage, "a variant lacks inputs of the merge");
    }
    const InputSpec& spec = own.inputs[i];
    const FileIdentity identity = {spec.size, spec.inode, spec.mtime_ns};
    if (spec.path != inputs_[i].path() || identity != inputs_[i].identity())
      throw Fault(code::kUsage, "a variant has another file than the merge", spec.path);
  }
  // They know what they have read last by the place of its description, where another may lie soon.
  free_.clear();
  makers_ = 0;
  OpenInputs(own.inputs);
  std::vector<std::unique_ptr<Task>> tasks;
  std::vector<std::optional<Made>> made;
  for (const TensorSpec& spec : own.tensors) {
    if (spec.shape != task(MadeBy(spec.name)[0].task).spec.shape)
      throw Fault(code::kUsage, "has another shape than in the merge", {}, spec.name);
    made.push_back(CopyAlike(spec));
    if (!made.back()) tasks.push_back(MakeTask(spec, environment_));
  }
  Prepare(tasks, pool);
  CheckUnchanged();
  if (variant < variants_)
    Clear(variant);
  else
    additions_.resize(variant + 1 - opened);
  variants_ = std::max(variants_, variant + 1);
  additions_[variant - opened] = std::move(addition);
  try {
    Put(variant, std::move(tasks), made, pool);
  } catch (...) {
    Clear(variant);
    throw;
  }
}

void VirtualTensors::Put(uint32_t variant, std::vector<std::unique_ptr<Task>> tasks,
                         const std::vector<std::optional<Made>>& copies, nn::Pool& pool) {
  Addition& addition = *additions_[variant - plan_.outputs.size()];
  addition.tasks.reserve(tasks.size());
  for (auto& [name, all] : by_name_) all.resize(std::max<size_t>(all.size(), variant + 1), all[0]);
  for (size_t t = 0, next = 0; t < copies.size(); ++t) {
    std::vector<Made>& all = by_name_.at(addition.plan.tensors[t].name);
    if (copies[t]) {
      all[variant] = *copies[t];
    } else {
      addition.tasks.push_back(Take(std::move(tasks[next++])));
      all[variant] = {addition.tasks.back(), 0};
    }
  }
  HoldBlocks(addition, pool);
  for (Given& given : vectors_)
    given.vector.Set(variant, VectorOf(MadeBy(given.tensor)[variant], given.plus));
  for (VariedMatrix* matrix : matrices_) matrix->Set(variant);
}

void VirtualTensors::Clear(uint32_t variant) {
  for (auto& [name, all] : by_name_) {
    if (variant < all.size()) all[variant] = all[0];
  }
  std::unique_ptr<Addition>& addition = additions_[variant - plan_.outputs.size()];
  if (!addition) return;
  for (const size_t task : addition->tasks) {
    tasks_[task].reset();
    free_tasks_.push_back(task);
  }
  addition.reset();
}

std::optional<Made> VirtualTensors::CopyAlike(const TensorSpec& spec) const {
  if (!IsCopy(spec)) return std::nullopt;
  const auto place = [](const TensorSpec& of) -> const Range* {
    const Source& source = of.sources[0];
    const Part& part = source.parts[0];
    const bool plain = source.parts.size() == 1 && !source.gather && !part.low_rank && !part.add;
    return plain && !IsView(part.range) ? &part.range : nullptr;
  };
  const Range* range = place(spec);
  const std::vector<Made>& all = MadeBy(spec.name);
  for (size_t v = 0; range != nullptr && v < plan_.outputs.size(); ++v) {
    const TensorSpec& known = tasks_[all[v].task]->spec;
    const Range* same = IsCopy(known) ? place(known) : nullptr;
    if (same != nullptr && same->input == range->input && same->offset == range->offset &&
        known.out_dtype == spec.out_dtype &&
        known.sources[0].parts[0].cast_to == spec.sources[0].parts[0].cast_to) {
      return all[v];
    }
  }
  return std::nullopt;
}

size_t VirtualTensors::Take(std::unique_ptr<Task> task) {
  if (free_tasks_.empty()) {
    free_tasks_.reserve(tasks_.size() + 1);  // so that giving it back needs no memory
    tasks_.push_back(std::move(task));
    return tasks_.size() - 1;
  }
  const size_t at = free_tasks_.back();
  free_tasks_.pop_back();
  tasks_[at] = std::move(task);
  return at;
}

void VirtualTensors::HoldBlocks(const Addition& addition, nn::Pool& pool) {
  std::vector<Holding> holdings;
  try {
    for (const size_t index : addition.tasks) {
      const TensorSpec& spec = tasks_[index]->spec;
      if (tasks_[index]->elements == 0 || spec.shape.size() != 2 || !InBlocks(spec)) continue;
      if (sums_ && SumsBlocks(spec, holdings)) continue;
      throw Fault(code::kIncompatible,
                  "is put into blocks for each lambda, which is done when the model is opened", {},
                  spec.name, "open the model with this lambda, or without weights in blocks");
    }
    MakeHeld(holdings, pool);
  } catch (...) {
    // What was not made is not found by the next variant.
    for (const Holding& holding : holdings) holding.to->clear();
    std::erase_if(source_blocks_, [](const auto& source) { return source.second.empty(); });
    throw;
  }
}

}  // namespace retemper
