// One tensor of a merge as phases of independent units of work. The scheduler runs all units of a
// phase, in any order and on any thread, before the next phase begins; the last phase writes.
//
// What a unit computes may depend on its number only, never on the thread that runs it or on what
// ran before it: then the bytes do not depend on the number of threads. Partial sums are kept per
// unit and added in unit order.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "core/plan.h"
#include "core/report.h"
#include "cpu/kernels.h"
#include "engine/byte_budget.h"
#include "engine/cuda_backend.h"
#include "engine/source_reader.h"
#include "engine/worker.h"

namespace retemper {

inline constexpr uint64_t kBlock = 128 << 10;  // elements of a unit, about

struct Environment {
  const Target* target = nullptr;
  const std::vector<InputFile>* inputs = nullptr;
  uint64_t seed = 0;
  unsigned workers = 1;
  DevicePool* device = nullptr;      // where blocks are computed, if the method can; else here
  SharedFactors* factors = nullptr;  // of tasks that are there at once; nullptr: each has its own
  ByteBudget* kept = nullptr;  // for what one phase may keep for a later one; nullptr: nothing
};

struct Extent {
  uint64_t first = 0, count = 0;  // elements
};

class Task {
 public:
  // `target` encodes, where the tensor is written in codes.
  explicit Task(const TensorSpec& spec, const Target* target = nullptr)
      : spec(spec),
        elements(spec.Elements()),
        target_(target),
        bad_in_codes_(spec.variants.size()) {
    if (spec.form.e4m3) {
      scales_.assign(spec.variants.size(),
                     std::vector<uint8_t>(spec.FirstDim() * SizeOf(spec.out_dtype)));
    }
  }
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  virtual int Phases() const = 0;
  virtual size_t Units(int phase) const = 0;
  virtual void Begin(int /*phase*/) {}  // once, before the units of the phase
  virtual void Run(int phase, size_t unit, Worker& worker) = 0;
  virtual void End(int /*phase*/) {}  // once, after them
  // Adds what a unit will read from front to back; asked from any thread, before the unit runs.
  virtual void AddReads(int /*phase*/, size_t /*unit*/, std::vector<ReadRange>& /*ranges*/) const {}
  // The elements that `unit` of the last phase puts into worker.out[variant].
  virtual Extent Written(size_t unit) const = 0;
  // The largest Written().count.
  virtual uint64_t LargestWrite() const = 0;
  virtual void Release() {}
  // After a unit of the last phase: its values in worker.out become what the file holds. Returns
  // how many bytes that is, padding after the tensor included.
  uint64_t Finish(size_t unit, Worker& worker);
  // Makes the values of `extent` in `out` what the file holds of them, in place: of block formats
  // and of rows of codes, the extent is of whole ones. Extents apart may be encoded at once.
  void Encode(Extent extent, uint32_t variant, uint8_t* out);
  // For virtual merges, whose results are made again for each product: what the last phase does for
  // `extent`, into worker.out[variant] from its start, for the variants whose buffer is not null.
  // All other phases are done. Any extent where TakesAnyExtent(), else units of the last phase
  // only, by Run.
  virtual bool TakesAnyExtent() const { return false; }
  virtual void Make(Extent /*extent*/, Worker& /*worker*/) {}
  // One factor a source where the result is the sum of the sources by these factors, but for
  // rounding. Once all phases but the last are done.
  virtual std::optional<std::vector<double>> Factors(uint32_t /*variant*/) const {
    return std::nullopt;
  }
  virtual void AddFacts(std::vector<Facts>& facts) const = 0;
  // Of rows of codes: their scales, as out_dtype stores them. Complete after the last phase, and
  // there until they are let go of.
  const std::vector<uint8_t>& Scales(uint32_t variant) const { return scales_[variant]; }
  void ReleaseScales() { scales_ = {}; }
  // Why a merge with a device computes this tensor on the CPU; nullptr where it does not.
  virtual const char* OnCpuBecause() const { return "copied"; }

  const TensorSpec& spec;
  const uint64_t elements;

 protected:
  // What Facts::non_finite says of a variant, of whose values `written` were not finite: of codes
  // it is what they decode to that counts.
  uint64_t NonFinite(uint32_t variant, uint64_t written) const {
    if (spec.form.blocks == BlockFormat::kNone && !spec.form.e4m3) return written;
    return bad_in_codes_[variant].load(std::memory_order_relaxed);
  }

 private:
  // Of whole rows, in place.
  void EncodeRows(Extent extent, uint32_t variant, uint8_t* out);

  const Target* const target_;
  std::vector<std::atomic<uint64_t>> bad_in_codes_;
  std::vector<std::vector<uint8_t>> scales_;
};

// What all methods share: readers of the operands, the preparation of adapters, blocks, storing,
// counting.
template <class T>
class MethodTask : public Task {
 public:
  MethodTask(const TensorSpec& spec, const Environment& environment)
      : Task(spec, environment.target),
        env_(environment),
        k_(KernelsOf<T>(*environment.target)),
        block_(BlockOf(spec)),
        non_finite_(spec.variants.size()) {
    const uint64_t cols =
        spec.FirstDim() == 0
            ? 1
            : std::max<uint64_t>(1, elements / std::max<uint64_t>(1, spec.FirstDim()));
    for (size_t i = 0; i < spec.sources.size(); ++i) {
      readers_.emplace_back(spec.sources[i], cols, *environment.inputs, k_, i, environment.factors);
      if (spec.form.Rearranges())
        readers_.back().Rearrange(spec.form, spec.FirstDim(), spec.sources.size() + i);
      norm_units_ += readers_.back().NormUnits();
      mean_units_ += readers_.back().MeanUnits();
    }
  }

  int Phases() const final { return MethodPhases() + Shift(); }
  size_t Units(int phase) const final {
    if (phase < Shift()) return IsNorms(phase) ? norm_units_ : mean_units_;
    return MethodUnits(phase - Shift());
  }
  void Begin(int phase) final {
    if (phase == 0) {
      for (SourceReader<T>& reader : readers_) reader.Prepare();
    }
    if (phase >= Shift()) MethodBegin(phase - Shift());
  }
  void Run(int phase, size_t unit, Worker& worker) final {
    if (phase >= Shift()) return MethodRun(phase - Shift(), unit, worker);
    size_t index = 0;
    if (IsNorms(phase)) {
      while (unit >= readers_[index].NormUnits()) unit -= readers_[index++].NormUnits();
      readers_[index].ComputeNorms(unit, worker);
    } else {
      while (unit >= readers_[index].MeanUnits()) unit -= readers_[index++].MeanUnits();
      readers_[index].ComputeMeans(unit, worker);
    }
  }
  void End(int phase) final {
    if (phase >= Shift()) MethodEnd(phase - Shift());
  }
  void AddReads(int phase, size_t unit, std::vector<ReadRange>& ranges) const final {
    if (phase < Shift()) return;
    const Extent extent = MethodReads(phase - Shift(), unit);
    for (const SourceReader<T>& reader : readers_)
      reader.AddReads(extent.first, extent.count, ranges);
  }
  Extent Written(size_t unit) const override { return Block(unit); }
  uint64_t LargestWrite() const override { return std::min(elements, block_); }
  void Release() override {
    for (SourceReader<T>& reader : readers_) reader.Release();
  }
  const char* OnCpuBecause() const final { return on_cpu_because_; }
  void AddFacts(std::vector<Facts>& facts) const override {
    for (uint32_t v = 0; v < spec.variants.size(); ++v) {
      Facts fact;
      fact.name = spec.name;
      fact.variant = v;
      fact.non_finite = NonFinite(v, non_finite_[v].load(std::memory_order_relaxed));
      Describe(v, fact);
      facts.push_back(std::move(fact));
    }
  }

 protected:
  virtual int MethodPhases() const = 0;
  virtual size_t MethodUnits(int /*phase*/) const { return Blocks(); }
  // The elements that a unit reads of every operand from front to back; none where it reads others.
  virtual Extent MethodReads(int /*phase*/, size_t unit) const { return Block(unit); }
  virtual void MethodBegin(int /*phase*/) {}
  virtual void MethodRun(int phase, size_t unit, Worker& worker) = 0;
  virtual void MethodEnd(int /*phase*/) {}
  virtual void Describe(uint32_t /*variant*/, Facts& /*fact*/) const {}

  size_t Blocks() const { return (elements + block_ - 1) / block_; }
  Extent Block(size_t unit) const {
    const uint64_t first = unit * block_;
    return {first, std::min(block_, elements - first)};
  }
  // Calls tile(first, n) over an extent.
  template <class Tile>
  void EachTile(Extent extent, Tile tile) const {
    for (uint64_t done = 0; done < extent.count; done += kTile) {
      tile(extent.first + done,
           static_cast<size_t>(std::min<uint64_t>(kTile, extent.count - done)));
    }
  }
  // A merge that is written wants all of them.
  static bool Wants(uint32_t variant, const Worker& worker) {
    return worker.out[variant] != nullptr;
  }
  // Writes n finished elements at `at` elements from the start of the worker's buffer of `variant`.
  void Emit(uint32_t variant, const T* values, uint64_t at, size_t n, Worker& worker) {
    if (!Wants(variant, worker)) return;
    const uint64_t bad =
        k_.store(values, n, spec.out_dtype, worker.out[variant] + at * SizeOf(spec.out_dtype));
    if (bad != 0) non_finite_[variant].fetch_add(bad, std::memory_order_relaxed);
  }
  // The same of a sum of n elements.
  void EmitSum(uint32_t variant, const WeightedSum<T>& sum, uint64_t at, size_t n, Worker& worker) {
    if (!Wants(variant, worker)) return;
    const uint64_t bad =
        k_.store_sum(sum, n, spec.out_dtype, worker.out[variant] + at * SizeOf(spec.out_dtype));
    if (bad != 0) non_finite_[variant].fetch_add(bad, std::memory_order_relaxed);
  }
  // For constructors of methods that have code for devices.
  void AllowDevice() {
    if (elements < (env_.device == nullptr ? 0 : env_.device->least_elements())) {
      on_cpu_because_ = "too small for the way to a device and back";
    } else if (spec.sources.size() > block::kMaxOperands) {
      on_cpu_because_ = "more models than a kernel takes";
    } else if (block_ > kBlock) {
      on_cpu_because_ = "a row is larger than a block";
    } else if (spec.form.Rearranges()) {
      on_cpu_because_ = "its rows are written in another order";
    } else {
      on_cpu_because_ = nullptr;
    }
  }
  bool UsesDevice() const { return env_.device != nullptr && on_cpu_because_ == nullptr; }
  // A block on a device, or nullptr where it is computed here.
  std::unique_ptr<DeviceBlock<T>> OnDevice(Extent extent, Worker& worker) const {
    if (!UsesDevice()) return nullptr;
    return std::make_unique<DeviceBlock<T>>(*env_.device, spec, readers_, *env_.inputs,
                                            extent.first, extent.count, worker);
  }
  // Waits for a block that writes, and counts what Emit counts.
  void Collect(DeviceBlock<T>& block) {
    block.Finish();
    CountWritten(block);
  }
  void CountWritten(const DeviceBlock<T>& block) {
    block.EachNonFinite([this](uint32_t variant, uint64_t bad) {
      if (bad != 0) non_finite_[variant].fetch_add(bad, std::memory_order_relaxed);
    });
  }
  // The phases that prepare operands, before those of the method.
  int Shift() const { return (norm_units_ > 0 ? 1 : 0) + (mean_units_ > 0 ? 1 : 0); }
  bool IsNorms(int phase) const { return phase == 0 && norm_units_ > 0; }

  const Environment& env_;
  const Kernels<T>& k_;
  std::vector<SourceReader<T>> readers_;

 private:
  // Rows of codes are finished whole where their scale is the row's.
  static uint64_t BlockOf(const TensorSpec& spec) {
    if (!spec.form.EncodesRows()) return kBlock;
    const uint64_t length = std::max<uint64_t>(1, spec.LastDim());
    return std::max<uint64_t>(1, kBlock / length) * length;
  }

  const uint64_t block_;  // elements of a unit
  const char* on_cpu_because_ = "its method has no code for devices";
  size_t norm_units_ = 0, mean_units_ = 0;
  std::vector<std::atomic<uint64_t>> non_finite_;
};

// Rows along the last dimension, grouped into units of about kBlock elements; for methods that
// treat each row as a vector of its own.
struct RowGroups {
  explicit RowGroups(const TensorSpec& spec)
      : length(std::max<uint64_t>(1, spec.LastDim())),
        rows(spec.Elements() / std::max<uint64_t>(1, spec.LastDim())),
        group(std::max<uint64_t>(1, kBlock / length)) {}
  size_t Units() const { return (rows + group - 1) / group; }
  uint64_t First(size_t unit) const { return unit * group; }
  uint64_t Count(size_t unit) const { return std::min(group, rows - First(unit)); }
  Extent Elements(size_t unit) const { return {First(unit) * length, Count(unit) * length}; }

  uint64_t length, rows, group;
};

inline double SumOf(const double* lanes) {
  double sum = 0;
  for (size_t l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

// The task of a tensor's method; throws a Fault (INTERNAL) if the plan is inconsistent.
std::unique_ptr<Task> MakeTask(const TensorSpec& spec, const Environment& environment);

// One factory a file of engine/tasks.
std::unique_ptr<Task> MakeCopy(const TensorSpec& spec, const Environment& environment);
std::unique_ptr<Task> MakeCombination(const TensorSpec& spec, const Environment& environment);
std::unique_ptr<Task> MakeTaskArithmetic(const TensorSpec& spec, const Environment& environment);
std::unique_ptr<Task> MakeNearswap(const TensorSpec& spec, const Environment& environment);
std::unique_ptr<Task> MakeArceeFusion(const TensorSpec& spec, const Environment& environment);
std::unique_ptr<Task> MakeSce(const TensorSpec& spec, const Environment& environment);
std::unique_ptr<Task> MakeRam(const TensorSpec& spec, const Environment& environment);
// `rows`: the task of the tensor whose rows' scales these are; it outlives this one.
std::unique_ptr<Task> MakeScales(const TensorSpec& spec, Task& rows);

// Makes Method<float> or Method<double>.
template <template <class> class Method>
std::unique_ptr<Task> MakeFor(const TensorSpec& spec, const Environment& environment) {
  if (spec.f64) return std::make_unique<Method<double>>(spec, environment);
  return std::make_unique<Method<float>>(spec, environment);
}

}  // namespace retemper
