// A virtual merge, which has no files: the tasks of its tensors, all phases done but the last,
// which is run whenever values are needed. The inputs stay mapped.
//
// A plan has one output for each variant (a point of a sweep); what it says of files is left alone.
// A tensor may be made by several tasks, each for some of the variants: where lambda is 0 or 1, the
// result is a copy.
//
// Variants may be added while it is open, by plans of one output each, with tasks of their own, and
// later ones may take their places. Weights that were given out know them from then on.
//
// Where weights are held, all matrices are made once, when the merge is opened, and kept in memory:
// for methods whose last phase is dear. Those that the plan puts into blocks of GGUF's formats are
// then made so, by the code that writes such files, and multiplied as blocks. Where products may
// be summed, it is the matrices of the inputs that are put into blocks, each once for all variants.
//
// What products read in every step is copied into memory of large pages where that is asked for:
// whole files; or, where any of it is blocks, the matrices that are used, blocks in the order in
// which products read them (WeightRoom).
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/plan.h"
#include "engine/task.h"
#include "nn/pool.h"
#include "nn/weights.h"
#include "virtual/weight_room.h"

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
  nn::AlignedBytes rows_in, rows_out, products, terms, packed;
};

// What is held, as a file: made by one opening and mapped by the others.
struct HeldFile {
  std::string path;
  bool is_there = false;  // else it is written, and must not exist
};

class VariedMatrix;

class VirtualTensors final : public nn::WeightMaker,
                             public std::enable_shared_from_this<VirtualTensors> {
 public:
  // Runs all phases but the last ones on the pool: methods whose coefficients follow from the
  // tensors read them here. `sums`: products may be summed instead of the weights, where that is
  // the same but for rounding. `holds`: matrices are made now and kept. `blocks`: those that are
  // blocks are multiplied as blocks, from a file or held. `copies`: what is read in every step is
  // copied into memory, and blocks are packed. `file`: where matrices that are held lie, or are
  // written to; whether it is of this plan, the caller knows. The pool is used as long as weights
  // are asked for. Throws what a merge throws, and BAD_INPUT for a file of another size.
  VirtualTensors(Plan plan, bool sums, bool holds, bool blocks, bool copies, const HeldFile* file,
                 nn::Pool& pool);

  // Adds a variant, or puts another one in the place of one that was added: the only output of
  // `plan`, whose inputs are the first plan's and may be more. What depends on the tensors is found
  // here. Values that were held for others are made for each product. Between steps only, while no
  // row is of the variant. Throws what a merge throws, and INCOMPATIBLE where the result is put
  // into blocks; the variant is then not to be used before it was set.
  void SetVariant(uint32_t variant, Plan plan, nn::Pool& pool);

  uint32_t variants() const { return variants_; }
  bool sums() const { return sums_; }
  bool blocks() const { return blocks_; }
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
  // All values of a variant of a task's tensor, where they are held, as the task's form has them,
  // or, of blocks that WeightRoom has packed, where they lay; or null.
  const uint8_t* Held(Made made) const;
  // What `source` is as blocks, where products of it are summed, likewise; else null.
  const uint8_t* SourceBlocks(const Range& source, BlockFormat format) const;

  // A maker that is free, for as long as the lease lives. From any thread.
  class Lease {
   public:
    explicit Lease(const VirtualTensors& tensors);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Maker& operator*() const { return *maker_; }

   private:
    const VirtualTensors& tensors_;
    std::unique_ptr<Maker> maker_;
  };
  ProductScratch& scratch() const { return scratch_; }
  WeightRoom& room() const { return room_; }

  std::unique_ptr<nn::WeightSource> Matrix(const nn::StoredRange& range, bool in_major,
                                           std::optional<nn::WeightVector> bias) const override;
  nn::WeightVector Vector(const nn::StoredRange& range, float plus) const override;
  void CheckFaults() const override;
  void CheckUnchanged() const override;

  // A matrix as its variants are evaluated now.
  std::unique_ptr<nn::WeightSource> Evaluated(const nn::StoredRange& range, bool in_major,
                                              std::optional<nn::WeightVector> bias) const;
  // Matrices that hear of variants, as long as they are there.
  void Tell(VariedMatrix* matrix) const { matrices_.push_back(matrix); }
  void TellNoMore(VariedMatrix* matrix) const { std::erase(matrices_, matrix); }

 private:
  // What is made for one variant that was added.
  struct Addition {
    Plan plan;  // the tasks' specs
    std::vector<size_t> tasks;
  };
  struct Given {
    std::string tensor;
    float plus;
    nn::WeightVector vector;
  };
  void OpenInputs(const std::vector<InputSpec>& inputs);
  void Prepare(std::span<const std::unique_ptr<Task>> tasks, nn::Pool& pool) const;
  // The task and variant of the first plan that copies the same.
  std::optional<Made> CopyAlike(const TensorSpec& spec) const;
  // Gives a variant its tasks, or the copies that are there, and tells the weights.
  void Put(uint32_t variant, std::vector<std::unique_ptr<Task>> tasks,
           const std::vector<std::optional<Made>>& copies, nn::Pool& pool);
  // Takes a variant's tasks away: what asks for it gets the first one.
  void Clear(uint32_t variant);
  // The number of a task from now on.
  size_t Take(std::unique_ptr<Task> task);
  nn::WeightVector::Values VectorOf(const Made& made, float plus) const;
  // A matrix of an input, put into blocks.
  struct SourceTask {
    TensorSpec spec;
    std::unique_ptr<Task> task;
  };
  struct Values {
    uint8_t* own = nullptr;         // where they are made here
    const uint8_t* data = nullptr;  // these, or in a file
  };
  // A task whose values are kept: for each variant, or one for all.
  struct Holding {
    Task* task;
    std::vector<Values>* to;
    std::unique_ptr<SourceTask> own;  // where it is no task of the merge's
  };
  using SourceKey = std::tuple<uint32_t, uint64_t, BlockFormat>;  // input, offset
  void HoldMatrices(bool holds, const HeldFile* file, nn::Pool& pool);
  void HoldBlocks(const Addition& addition, nn::Pool& pool);
  void MakeHeld(const std::vector<Holding>& holdings, nn::Pool& pool);
  // Matrices in their order, each from a multiple of 64 on.
  static uint64_t FileBytes(const std::vector<Holding>& holdings);
  void MapHeld(const std::vector<Holding>& holdings, InputFile file);
  static void WriteHeld(const std::vector<Holding>& holdings, const std::string& path);
  // Whether a task's result is a sum of products with blocks; then those not yet there are added.
  bool SumsBlocks(const TensorSpec& spec, std::vector<Holding>& holdings);
  void HoldUnit(const Holding& holding, size_t unit) const;
  // Bytes of a mapped file that are not read again: the process keeps no pages of them.
  void Drop(const uint8_t* data, size_t bytes) const;

  const Plan plan_;
  const bool sums_, blocks_;
  uint32_t variants_;
  std::vector<InputFile> inputs_;
  std::optional<InputFile> held_file_;
  SharedFactors factors_;
  Environment environment_;
  std::vector<std::unique_ptr<Task>> tasks_;  // null where a variant left
  std::vector<size_t> free_tasks_;
  std::vector<std::unique_ptr<Addition>> additions_;  // by variant, after the first plan's
  std::unordered_map<std::string, std::vector<Made>> by_name_;
  mutable WeightRoom room_;  // also what is held and lies in no file
  // By task and variant, one for all where it is a copy; empty: not held.
  std::vector<std::vector<Values>> held_;
  std::map<SourceKey, std::vector<Values>> source_blocks_;  // one each
  mutable std::vector<VariedMatrix*> matrices_;
  mutable std::vector<Given> vectors_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Maker>> free_;
  mutable size_t makers_ = 0;  // free or lent
  mutable ProductScratch scratch_;
};

inline bool InBlocks(const TensorSpec& spec) { return spec.form.blocks != BlockFormat::kNone; }

// Whether all variants of a task have the values of its source.
inline bool IsCopy(const TensorSpec& spec) {
  return std::holds_alternative<CopyParams>(spec.variants[0].params);
}

// How a tensor is evaluated, in the words of lib/addon/nativeRuntime.ts; and of methods that may
// take a straight line, how many of its vectors do, and all of them.
struct TensorDescription {
  std::string name;
  const char* how = "";
  std::optional<uint64_t> straight, vectors;
};

// Every tensor, in the plan's order.
std::vector<TensorDescription> DescribeMerge(const VirtualTensors& tensors);

}  // namespace retemper
