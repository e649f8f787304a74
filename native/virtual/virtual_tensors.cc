#include "virtual/virtual_tensors.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/divide_up.h"
#include "core/status.h"
#include "engine/check_plan.h"
#include "engine/decode_range.h"
#include "io/atomic_output.h"
#include "virtual/block_matrix.h"
#include "virtual/sum_matrix.h"
#include "virtual/varied_matrix.h"
#include "virtual/virtual_matrix.h"

namespace retemper {
namespace {

// Calls work(); what it throws names the tensor.
template <class Work>
void NameTensor(const Task& task, Work work) {
  try {
    work();
  } catch (Fault& fault) {
    if (fault.tensor.empty() && fault.file.empty()) fault.tensor = task.spec.name;
    throw;
  }
}

// All of a matrix as the model has it.
nn::StoredRange RangeOf(const TensorSpec& spec) {
  nn::StoredRange range;
  range.tensor = spec.name;
  range.rows = spec.form.transposed ? spec.LastDim() : spec.FirstDim();
  range.cols = spec.form.transposed ? spec.FirstDim() : spec.LastDim();
  return range;
}

// Whether anything is stored in blocks, or put into them.
bool HasBlocks(const Plan& plan) {
  const auto is_stored = [](const Part& part) {
    return part.range.encoding && part.range.encoding->kind == EncodingKind::kBlocks;
  };
  return std::ranges::any_of(plan.tensors, [&](const TensorSpec& spec) {
    return InBlocks(spec) || std::ranges::any_of(spec.sources, [&](const Source& source) {
             return std::ranges::any_of(source.parts, is_stored);
           });
  });
}

// Of all values of a variant in memory: blocks may be packed where they lie.
uint64_t RoomOf(const Task& task) {
  const TensorSpec& spec = task.spec;
  if (!InBlocks(spec)) return RoundUp(spec.StoredBytes(task.elements), 64);
  const nn::BlockRows rows = RowsOf(RangeOf(spec), spec.form.transposed, spec.form.blocks);
  return RoundUp(nn::PackedBlockBytes(nn::ChooseBlockKernel(), rows), 64);
}

// As VirtualTensors says of CoveredBy and of Make.
Extent Covering(const Task& task, Extent extent) {
  if (task.TakesAnyExtent() || extent.count == 0) return extent;
  // All units but the last are of one size.
  const uint64_t size = task.Written(0).count;
  const Extent last = task.Written((extent.first + extent.count - 1) / size);
  const uint64_t first = extent.first / size * size;
  return {first, last.first + last.count - first};
}

void MakeOf(Task& task, Extent extent, const std::vector<uint8_t*>& out, Maker& maker) {
  Worker& worker = maker.worker;
  worker.out = out;
  if (task.TakesAnyExtent()) return task.Make(extent, worker);
  const size_t element = SizeOf(task.spec.out_dtype);
  const uint64_t size = task.Written(0).count;
  const Extent covered = Covering(task, extent);
  for (uint64_t at = 0; at < covered.count; at += size) {
    for (size_t v = 0; v < out.size(); ++v) {
      worker.out[v] = out[v] == nullptr ? nullptr : out[v] + at * element;
    }
    task.Run(task.Phases() - 1, (covered.first + at) / size, worker);
  }
}

}  // namespace

VirtualTensors::VirtualTensors(Plan plan, bool sums, bool holds, bool blocks, bool copies,
                               const HeldFile* file, nn::Pool& pool)
    : plan_(std::move(plan)),
      sums_(sums),
      blocks_(blocks),
      variants_(static_cast<uint32_t>(plan_.outputs.size())),
      room_(pool, copies && blocks && HasBlocks(plan_),
            [this](const uint8_t* data, size_t bytes) { Drop(data, bytes); }) {
  CheckPlan(plan_);
  OpenInputs(plan_.inputs);
  for (InputFile& input : inputs_)
    if (copies && !holds && !room_.takes_over()) nn::CopyToMemory(input, pool);
  environment_.target = &ChooseTarget();
  environment_.inputs = &inputs_;
  environment_.seed = plan_.seed;
  environment_.factors = &factors_;
  environment_.workers = 1;  // each task is prepared by one thread
  for (size_t t = 0; t < plan_.tensors.size(); ++t) {
    const TensorSpec& spec = plan_.tensors[t];
    tasks_.push_back(MakeTask(spec, environment_));
    std::vector<Made>& made = by_name_[spec.name];
    made.resize(plan_.outputs.size(), {SIZE_MAX, 0});
    for (uint32_t v = 0; v < spec.variants.size(); ++v) made[spec.variants[v].output] = {t, v};
  }
  for (const auto& [name, made] : by_name_) {
    for (const Made& one : made) {
      if (one.task == SIZE_MAX) {
        throw Fault(code::kInternal, "the plan is inconsistent: a variant lacks the tensor", {},
                    name);
      }
    }
  }
  Prepare(tasks_, pool);
  HoldMatrices(holds, file, pool);
  CheckUnchanged();
}

void VirtualTensors::OpenInputs(const std::vector<InputSpec>& inputs) {
  for (size_t i = inputs_.size(); i < inputs.size(); ++i) {
    const InputSpec& spec = inputs[i];
    inputs_.push_back(
        InputFile::Open(spec.path, FileIdentity{spec.size, spec.inode, spec.mtime_ns}));
  }
}

void VirtualTensors::Prepare(std::span<const std::unique_ptr<Task>> tasks, nn::Pool& pool) const {
  pool.Run(tasks.size(), [&](size_t index, unsigned) {
    Task& task = *tasks[index];
    if (task.elements == 0) return;
    NameTensor(task, [&] {
      Worker worker(0);
      worker.out.assign(task.spec.variants.size(), nullptr);
      const int last = task.Phases() - 1;
      for (int phase = 0; phase <= last; ++phase) {
        task.Begin(phase);
        const size_t units = phase == last ? 0 : task.Units(phase);
        for (size_t unit = 0; unit < units; ++unit) task.Run(phase, unit, worker);
        task.End(phase);
      }
    });
  });
}

void VirtualTensors::HoldMatrices(bool holds, const HeldFile* file, nn::Pool& pool) {
  std::vector<Holding> holdings;
  held_.resize(holds ? tasks_.size() : 0);
  for (size_t index = 0; index < held_.size(); ++index) {
    const TensorSpec& spec = tasks_[index]->spec;
    if (tasks_[index]->elements == 0 || spec.shape.size() != 2 || IsPlainCopy(spec)) continue;
    if (sums_ && InBlocks(spec) && SumsBlocks(spec, holdings)) continue;
    held_[index].resize(IsCopy(spec) ? 1 : spec.variants.size());
    holdings.push_back({tasks_[index].get(), &held_[index], nullptr});
  }
  if (file != nullptr && file->is_there)
    return MapHeld(holdings, InputFile::Open(file->path, std::nullopt, Reading::kMap));
  MakeHeld(holdings, pool);
  if (file != nullptr) WriteHeld(holdings, file->path);
}

void VirtualTensors::MakeHeld(const std::vector<Holding>& holdings, nn::Pool& pool) {
  if (holdings.empty()) return;
  uint64_t bytes = 0;
  for (const Holding& holding : holdings) bytes += holding.to->size() * RoomOf(*holding.task);
  LargePages pages = AllocateLargePages(bytes);
  uint8_t* at = pages.get();
  std::vector<WeightRoom::Made> made;
  // Of all tensors alike: units of one size, so that no thread is left with a large tensor, and no
  // more is ever there as numbers than a unit a thread.
  std::vector<std::pair<const Holding*, size_t>> units;
  for (const Holding& holding : holdings) {
    const Task& task = *holding.task;
    for (Values& values : *holding.to) {
      values.data = values.own = at;
      made.push_back({at, task.spec.StoredBytes(task.elements), RoomOf(task)});
      at += made.back().room;
    }
    for (size_t unit = 0; unit < task.Units(task.Phases() - 1); ++unit)
      units.push_back({&holding, unit});
  }
  pool.Run(units.size(), [&](size_t at, unsigned) {
    const auto [holding, unit] = units[at];
    NameTensor(*holding->task, [&, holding = holding, unit = unit] { HoldUnit(*holding, unit); });
  });
  room_.Keep(std::move(pages), made);
}

uint64_t VirtualTensors::FileBytes(const std::vector<Holding>& holdings) {
  uint64_t bytes = 0;
  for (const auto& [task, to, own] : holdings)
    bytes += to->size() * RoundUp(task->spec.StoredBytes(task->elements), 64);
  return bytes;
}

void VirtualTensors::MapHeld(const std::vector<Holding>& holdings, InputFile file) {
  if (!file.mapped() || file.size() != FileBytes(holdings))
    throw Fault(code::kBadInput, "does not hold what this merge has in blocks", file.path());
  uint64_t at = 0;
  for (const auto& [task, to, own] : holdings) {
    const size_t bytes = task->spec.StoredBytes(task->elements);
    for (Values& values : *to) {
      values.data = file.Mapped(at);
      if (!InBlocks(task->spec)) values.data = room_.Copy(values.data, bytes);
      at += RoundUp(bytes, 64);
    }
  }
  held_file_.emplace(std::move(file));
}

void VirtualTensors::WriteHeld(const std::vector<Holding>& holdings, const std::string& path) {
  OutputFile file(path, FileBytes(holdings), {});
  uint64_t at = 0;
  for (const auto& [task, to, own] : holdings) {
    const uint64_t bytes = task->spec.StoredBytes(task->elements);
    for (const Values& values : *to) {
      file.WriteAt(at, values.data, bytes);
      at += RoundUp(bytes, 64);
    }
  }
  file.Sync();
}

bool VirtualTensors::SumsBlocks(const TensorSpec& spec, std::vector<Holding>& holdings) {
  // What is copied alone needs no sum.
  if (IsCopy(spec) && spec.variants.size() == variants()) return false;
  const auto sum = SumOfProducts::Of(*this, RangeOf(spec), spec.form.transposed);
  if (!sum) return false;
  for (const SumOfProducts::BlockSource& source : sum->blocks) {
    const Range& range = source.part.range;
    std::vector<Values>& to = source_blocks_[{range.input, range.offset, spec.form.blocks}];
    if (!to.empty()) continue;
    auto own = std::make_unique<SourceTask>();
    own->spec.name = spec.name;
    own->spec.shape = spec.shape;
    own->spec.form = spec.form;
    own->spec.sources = {{{source.part}, std::nullopt}};
    own->spec.model_keys = {0};
    own->spec.variants = {{0, 0, CopyParams{}}};
    own->task = MakeTask(own->spec, environment_);
    own->task->Begin(0);
    Task* const task = own->task.get();
    holdings.push_back({task, &to, std::move(own)});
    to.resize(1);
  }
  return true;
}

void VirtualTensors::HoldUnit(const Holding& holding, size_t unit) const {
  Task& task = *holding.task;
  const Extent extent = task.Written(unit);
  const Lease lease(*this);
  const uint64_t bytes = extent.count * SizeOf(task.spec.out_dtype);
  uint8_t* const values = (*lease).values.Reserve(bytes * holding.to->size());
  std::vector<uint8_t*> out(task.spec.variants.size(), nullptr);
  for (size_t v = 0; v < holding.to->size(); ++v) out[v] = values + v * bytes;
  MakeOf(task, extent, out, *lease);
  for (uint32_t v = 0; v < holding.to->size(); ++v) {
    task.Encode(extent, v, out[v]);
    std::memcpy((*holding.to)[v].own + task.spec.StoredBytes(extent.first), out[v],
                task.spec.StoredBytes(extent.count));
  }
  // What was read is not needed again: the process keeps no pages of it beside what is held.
  std::vector<ReadRange> ranges;
  task.AddReads(task.Phases() - 1, unit, ranges);
  for (const ReadRange& range : ranges) inputs_[range.input].Drop(range.offset, range.size);
}

void VirtualTensors::Drop(const uint8_t* data, size_t bytes) const {
  const auto drop = [&](const InputFile& file) {
    if (!file.mapped()) return;
    const uint8_t* const begin = file.Mapped(0);
    if (data >= begin && data < begin + file.size())
      file.Drop(static_cast<uint64_t>(data - begin), bytes);
  };
  for (const InputFile& input : inputs_) drop(input);
  if (held_file_) drop(*held_file_);
}

const uint8_t* VirtualTensors::Held(Made made) const {
  if (made.task >= held_.size() || held_[made.task].empty()) return nullptr;
  const std::vector<Values>& held = held_[made.task];
  return held[held.size() == 1 ? 0 : made.variant].data;
}

const uint8_t* VirtualTensors::SourceBlocks(const Range& source, BlockFormat format) const {
  const auto found = source_blocks_.find({source.input, source.offset, format});
  return found == source_blocks_.end() ? nullptr : found->second[0].data;
}

const std::vector<Made>& VirtualTensors::MadeBy(const std::string& tensor) const {
  const auto found = by_name_.find(tensor);
  if (found == by_name_.end()) {
    throw Fault(code::kBadInput, "is not in the merge", {}, tensor);
  }
  return found->second;
}

Extent VirtualTensors::CoveredBy(size_t index, Extent extent) const {
  return Covering(*tasks_[index], extent);
}

void VirtualTensors::Make(size_t index, Extent extent, const std::vector<uint8_t*>& out,
                          Maker& maker) const {
  MakeOf(*tasks_[index], extent, out, maker);
}

VirtualTensors::Lease::Lease(const VirtualTensors& tensors) : tensors_(tensors) {
  const std::lock_guard<std::mutex> lock(tensors.mutex_);
  if (tensors.free_.empty()) {
    maker_ = std::make_unique<Maker>();
    tensors.free_.reserve(++tensors.makers_);  // so that giving it back needs no memory
  } else {
    maker_ = std::move(tensors.free_.back());
    tensors.free_.pop_back();
  }
}

VirtualTensors::Lease::~Lease() {
  const std::lock_guard<std::mutex> lock(tensors_.mutex_);
  tensors_.free_.push_back(std::move(maker_));
}

std::unique_ptr<nn::WeightSource> VirtualTensors::Matrix(
    const nn::StoredRange& range, bool in_major, std::optional<nn::WeightVector> bias) const {
  return std::make_unique<VariedMatrix>(shared_from_this(), range, in_major, std::move(bias));
}

std::unique_ptr<nn::WeightSource> VirtualTensors::Evaluated(
    const nn::StoredRange& range, bool in_major, std::optional<nn::WeightVector> bias) const {
  const size_t out = in_major ? range.cols : range.rows;
  if (bias && bias->size() != out) {
    throw Fault(code::kIncompatible,
                "gives " + std::to_string(out) + " values, but its bias has " +
                    std::to_string(bias->size()),
                {}, range.tensor);
  }
  auto made = std::make_unique<VirtualMatrix>(shared_from_this(), range, in_major, std::move(bias));
  const bool in_blocks = InBlocks(tasks_[MadeBy(range.tensor)[0].task]->spec);
  if (in_blocks && held_.empty())
    throw Fault(code::kInternal, "is put into blocks, and nothing is held", {}, range.tensor);
  if (blocks_) {
    std::vector<nn::BlockRows> blocks = BlockMatrix::BlocksOf(*this, range, in_major);
    for (nn::BlockRows& rows : blocks) rows = room_.Pack(rows);
    if (!blocks.empty()) return std::make_unique<BlockMatrix>(std::move(made), std::move(blocks));
  }
  if (sums_ && (in_blocks || held_.empty())) {
    std::optional<SumOfProducts> sum = SumOfProducts::Of(*this, range, in_major);
    if (sum) return std::make_unique<SumMatrix>(std::move(made), std::move(*sum));
  }
  if (in_blocks) throw Fault(code::kInternal, "is in blocks of other rows", {}, range.tensor);
  made->ReadIn();
  return made;
}

nn::WeightVector VirtualTensors::Vector(const nn::StoredRange& range, float plus) const {
  std::vector<nn::WeightVector::Values> values;
  for (const Made& made : MadeBy(range.tensor)) {
    if (tasks_[made.task]->elements != range.rows * range.cols) {
      throw Fault(code::kInternal, "has another size than the model wants", {}, range.tensor);
    }
    values.push_back(VectorOf(made, plus));
  }
  const nn::WeightVector vector(std::move(values));
  vectors_.push_back({range.tensor, plus, vector});
  return vector;
}

nn::WeightVector::Values VirtualTensors::VectorOf(const Made& made, float plus) const {
  const Task& task = *tasks_[made.task];
  const Lease lease(*this);
  const size_t size = task.elements,
               bytes = CoveredBy(made.task, {0, size}).count * SizeOf(task.spec.out_dtype);
  std::vector<uint8_t*> out(task.spec.variants.size(), nullptr);
  out[made.variant] = (*lease).values.Reserve(bytes);
  Make(made.task, {0, size}, out, *lease);
  std::vector<float> values(size);
  environment_.target->f32->load(out[made.variant], task.spec.out_dtype, size, values.data());
  if (plus != 0.0f) {
    for (float& value : values) value += plus;
  }
  return std::make_shared<const std::vector<float>>(std::move(values));
}

void VirtualTensors::CheckFaults() const {
  for (const InputFile& input : inputs_) {
    if (input.faulted()) input.CheckUnchanged();
  }
  if (held_file_ && held_file_->faulted()) held_file_->CheckUnchanged();
}

void VirtualTensors::CheckUnchanged() const {
  for (const InputFile& input : inputs_) input.CheckUnchanged();
  if (held_file_) held_file_->CheckUnchanged();
}

std::vector<TensorDescription> DescribeMerge(const VirtualTensors& tensors) {
  std::vector<TensorDescription> described;
  for (size_t t = 0; t < tensors.tasks(); ++t) {
    const TensorSpec& spec = tensors.task(t).spec;
    // A tensor's tasks stand side by side.
    if (!described.empty() && described.back().name == spec.name) continue;
    bool copies = true, any = true, held = true;
    TensorDescription description;
    description.name = spec.name;
    for (const Made& made : tensors.MadeBy(spec.name)) {
      const Task& task = tensors.task(made.task);
      copies &= std::holds_alternative<CopyParams>(task.spec.variants[0].params);
      any &= task.TakesAnyExtent();
      held &= tensors.Held(made) != nullptr || IsPlainCopy(task.spec);
      std::vector<Facts> facts;
      task.AddFacts(facts);
      if (made.variant < facts.size() && !description.vectors) {
        description.straight = facts[made.variant].straight;
        description.vectors = facts[made.variant].vectors;
      }
    }
    const nn::StoredRange range = RangeOf(spec);
    const bool is_matrix = spec.shape.size() == 2;
    const bool blocks = tensors.blocks() && is_matrix &&
                        (!BlockMatrix::BlocksOf(tensors, range, false).empty() ||
                         !BlockMatrix::BlocksOf(tensors, range, true).empty());
    description.how = blocks                      ? "blocks"
                      : copies && !InBlocks(spec) ? "stored"
                      : !is_matrix                ? "combined"
                      : held                      ? "held"
                      : tensors.sums() && SumOfProducts::Of(tensors, range, spec.form.transposed)
                          ? "summed"
                      : any ? "made"
                            : "made in blocks";
    described.push_back(std::move(description));
  }
  return described;
}

}  // namespace retemper
