// A merge that is never written: the tasks of its tensors, all phases done but the last, which is
// run whenever values are needed. The inputs stay mapped.
//
// A plan has one output for each variant (a point of a sweep); what it says of files is left alone.
// A tensor may be made by several tasks, each for some of the variants: where lambda is 0 or 1, the
// result is a copy.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/plan.h"
#include "engine/task.h"
#include "nn/pool.h"
#include "nn/weights.h"

namespace retemper {

// What one thread needs to make values and to multiply with them.
struct Maker {
  Worker worker{0};
  nn::AlignedBytes values;
  nn::AlignedBytes scratch;
};

// Who makes a variant of a tensor: `variant` is the task's own number of it.
struct Made {
  size_t task = 0;
  uint32_t variant = 0;
};

// Memory for intermediate results of products; one product at a time.
struct ProductScratch {
  nn::AlignedBytes rows_in, rows_out, products, terms;
};

class MergedTensors final : public nn::WeightMaker,
                            public std::enable_shared_from_this<MergedTensors> {
 public:
  // Runs all phases but the last ones on the pool: methods whose coefficients follow from the
  // tensors read them here. `sums`: products may be summed instead of the weights, where that is
  // the same but for rounding. Throws what a merge throws.
  MergedTensors(Plan plan, bool sums, nn::Pool& pool);

  uint32_t variants() const { return static_cast<uint32_t>(plan_.outputs.size()); }
  bool sums() const { return sums_; }
  const Task& task(size_t index) const { return *tasks_[index]; }
  size_t tasks() const { return tasks_.size(); }
  const std::vector<InputFile>& inputs() const { return inputs_; }
  // By variant. Throws BAD_INPUT for a tensor that the merge does not have.
  const std::vector<Made>& MadeBy(const std::string& tensor) const;

  // Makes `extent` of a task's tensor for its variants whose buffer in `out` is not null. Where the
  // task takes units only, they are made whole: buffers must have room for CoveredBy(extent), and
  // begin with its first element.
  void Make(size_t task, Extent extent, const std::vector<uint8_t*>& out, Maker& maker) const;
  Extent CoveredBy(size_t task, Extent extent) const;

  // A maker that is free, for as long as the lease lives. From any thread.
  class Lease {
   public:
    explicit Lease(const MergedTensors& tensors);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Maker& operator*() const { return *maker_; }

   private:
    const MergedTensors& tensors_;
    std::unique_ptr<Maker> maker_;
  };
  ProductScratch& scratch() const { return scratch_; }

  std::unique_ptr<nn::WeightSource> Matrix(const nn::StoredRange& range, bool in_major,
                                           std::optional<nn::WeightVector> bias) const override;
  nn::WeightVector Vector(const nn::StoredRange& range, float plus) const override;
  void CheckFaults() const override;
  void CheckUnchanged() const override;

 private:
  void Prepare(nn::Pool& pool);

  const Plan plan_;
  const bool sums_;
  std::vector<InputFile> inputs_;
  Environment environment_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::unordered_map<std::string, std::vector<Made>> by_name_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Maker>> free_;
  mutable ProductScratch scratch_;
};

// Name and way of evaluation of every tensor, in the plan's order; the words are those of
// lib/addon/nativeRuntime.ts.
std::vector<std::pair<std::string, std::string>> DescribeMerge(const MergedTensors& tensors);

}  // namespace retemper
