#include "engine/run_plan.h"

#include <chrono>
#include <thread>

#include "core/status.h"
#include "engine/check_plan.h"
#include "engine/row_masks.h"
#include "engine/scheduler.h"

namespace retemper {
namespace {

Reading ReadingOf(ReadingChoice choice) {
  switch (choice) {
    case ReadingChoice::kMap:
      return Reading::kMap;
    case ReadingChoice::kPread:
      return Reading::kPread;
    case ReadingChoice::kDirect:
      return Reading::kDirect;
    case ReadingChoice::kUncached:
      return Reading::kUncached;
    default:
      return Reading::kAuto;
  }
}

std::vector<InputFile> OpenInputs(const Plan& plan) {
  std::vector<InputFile> inputs;
  inputs.reserve(plan.inputs.size());
  for (const InputSpec& spec : plan.inputs) {
    inputs.push_back(InputFile::Open(spec.path, FileIdentity{spec.size, spec.inode, spec.mtime_ns},
                                     ReadingOf(plan.reading)));
  }
  return inputs;
}

Writing WritingOf(const Plan& plan, const OutputSpec& output) {
  constexpr uint64_t kLeastDirect = 1 << 20;
  if (plan.writing == WritingChoice::kAuto)
    return plan.fsync && output.size >= kLeastDirect ? Writing::kDirect : Writing::kCached;
  return plan.writing == WritingChoice::kDirect ? Writing::kDirect : Writing::kCached;
}

// Threads that wait for the disk, and memory that what they read ahead may take.
constexpr unsigned kIoThreads = 8;
constexpr uint64_t kAheadBytes = 32 << 20;

// Bytes of a buffer that holds what a unit reads of any source.
uint64_t AheadBuffer(const Plan& plan) {
  uint64_t element = 1;
  for (const TensorSpec& tensor : plan.tensors) {
    for (const Source& source : tensor.sources) {
      for (const Part& part : source.parts)
        element = std::max<uint64_t>(element, SizeOf(part.range.dtype));
    }
  }
  return kBlock * element + 2 * kDirectAlignment;
}

unsigned WorkerCount(unsigned asked) {
  if (asked > 0) return std::min(asked, 1024u);
  return std::max(1u, std::thread::hardware_concurrency());
}

// Bytes of anonymous memory a worker and its share of the buffers take, at most.
uint64_t WorkerBytes(const Plan& plan, size_t buffers, uint64_t buffer_bytes) {
  size_t sources = 1;
  uint64_t row = 0;  // bytes that a row as a whole takes
  for (const TensorSpec& tensor : plan.tensors) {
    sources = std::max(sources, tensor.sources.size());
    const auto* params = std::get_if<TaskArithmeticParams>(&tensor.variants[0].params);
    if (params == nullptr || params->sparsifier != Sparsifier::kRanked) continue;
    const uint64_t length = tensor.LastDim();
    const uint64_t scratch =
        tensor.f64 ? RowMasks<double>::ScratchBytes(length) : RowMasks<float>::ScratchBytes(length);
    row = std::max(row, scratch + length * tensor.sources.size() * (tensor.f64 ? 8 : 4));
  }
  const uint64_t tiles = (2 * sources + 8) * kTile * sizeof(double);
  const uint64_t windows = plan.reading == ReadingChoice::kPread ? sources * (256 << 10) : 0;
  const uint64_t histograms = sources * (uint64_t{1} << 16) * sizeof(uint32_t) * 2;
  return tiles + windows + histograms + row + 2 * buffers * buffer_bytes + (1 << 20);
}

// Buffers beyond those of the workers that may wait for the disk.
constexpr uint64_t kBuffersInWriting = 12;

// What all tensors together may keep of one phase for a later one, whatever the model's size.
constexpr uint64_t kKeptBytes = 64 << 20;

constexpr unsigned kLeastDeviceWorkers = 4;  // so that transfers and kernels overlap
constexpr unsigned kMostQueues = 8;          // a device

// The devices of a merge that asks for them; nullptr for one on the CPU.
std::unique_ptr<DevicePool> OpenDevices(const Plan& plan, Environment& environment,
                                        const DeviceFunction& open, uint64_t& pinned) {
  const bool forced = CudaIsForced();
  if (plan.device != DeviceChoice::kCuda && !forced) return nullptr;
  if (plan.threads == 0) environment.workers = std::max(environment.workers, kLeastDeviceWorkers);
  CudaOptions options;
  options.all_devices = plan.all_devices;
  options.queues = std::min(environment.workers, kMostQueues);
  options.buffer_bytes = DeviceBufferBytes(plan, kBlock);
  options.word_bytes = DeviceWordBytes(plan);
  uint64_t each = 0;
  for (const size_t bytes : options.buffer_bytes) each += bytes;
  if (plan.max_memory > 0) {  // pinned memory may take a quarter
    options.queues =
        std::clamp<size_t>(plan.max_memory / 4 / std::max<uint64_t>(1, each), 1, options.queues);
  }
  BlockQueues queues = open(options);
  if (forced) queues.least_elements = 0;  // whether it pays or not
  pinned = queues.queues.size() * each;
  return std::make_unique<DevicePool>(std::move(queues));
}

DeviceReport ReportDevices(const DevicePool& pool,
                           const std::vector<std::unique_ptr<Task>>& tasks) {
  DeviceReport report;
  report.names = pool.devices();
  for (const auto& task : tasks) {
    const char* reason = task->elements == 0 ? "empty" : task->OnCpuBecause();
    if (reason == nullptr) {
      ++report.tensors;
      continue;
    }
    auto it = std::find_if(report.on_cpu.begin(), report.on_cpu.end(),
                           [reason](const auto& other) { return other.reason == reason; });
    if (it == report.on_cpu.end()) it = report.on_cpu.insert(it, {reason, 0});
    ++it->tensors;
  }
  return report;
}

}  // namespace

Report RunPlan(const Plan& plan, const std::atomic<bool>& cancelled,
               const ProgressFunction& progress, const DeviceFunction& open_device) {
  const auto started = std::chrono::steady_clock::now();
  CheckPlan(plan);
  const std::vector<InputFile> inputs = OpenInputs(plan);

  Environment environment;
  environment.target = &ChooseTarget();
  environment.inputs = &inputs;
  environment.seed = plan.seed;
  environment.workers = WorkerCount(plan.threads);
  // Before the tasks, so that it outlives them.
  uint64_t pinned = 0;
  const std::unique_ptr<DevicePool> devices = OpenDevices(plan, environment, open_device, pinned);
  environment.device = devices.get();

  // Buffers are as large as the largest block of any task; sizes do not depend on the number of
  // workers.
  size_t variants = 1;
  uint64_t largest = 1;
  {
    Environment probe = environment;
    probe.workers = 1;
    for (const TensorSpec& tensor : plan.tensors) {
      variants = std::max(variants, tensor.variants.size());
      if (tensor.Elements() > 0) {
        largest =
            std::max(largest, MakeTask(tensor, probe)->LargestWrite() * SizeOf(tensor.out_dtype));
      }
    }
  }
  const uint64_t each = WorkerBytes(plan, variants, largest);
  uint64_t in_writing = kBuffersInWriting, kept_bytes = kKeptBytes, ahead_bytes = kAheadBytes;
  if (plan.max_memory > 0) {
    const uint64_t fixed = 4 * variants * largest + pinned;
    while (environment.workers > 1 && fixed + environment.workers * each > plan.max_memory)
      --environment.workers;
    if (fixed + each > plan.max_memory) {
      throw Fault(code::kOutOfMemory,
                  "the merge needs at least " +
                      std::to_string((fixed + each + (1 << 20) - 1) >> 20) + " MB of memory, and " +
                      std::to_string((plan.max_memory + (1 << 20) - 1) >> 20) + " MB are allowed",
                  {}, {}, "raise --max-memory");
    }
    uint64_t left = plan.max_memory - fixed - environment.workers * each;
    const auto take = [&left](uint64_t wanted) {
      const uint64_t taken = std::min(wanted, left);
      left -= taken;
      return taken;
    };
    in_writing = take(in_writing * largest) / largest;
    ahead_bytes = take(ahead_bytes);
    kept_bytes = take(kept_bytes);
  }
  ByteBudget kept(kept_bytes);
  environment.kept = &kept;

  std::vector<std::unique_ptr<Task>> tasks;
  tasks.reserve(plan.tensors.size());
  for (const TensorSpec& tensor : plan.tensors) tasks.push_back(MakeTask(tensor, environment));

  BufferPool pool(variants * (environment.workers + 4) + in_writing, largest);
  IoPool threads(kIoThreads);
  ReadAhead reads(inputs, threads, ahead_bytes / AheadBuffer(plan), AheadBuffer(plan));
  std::vector<std::unique_ptr<OutputStream>> outputs;
  Report report;
  try {
    uint64_t total = 0;
    for (const OutputSpec& spec : plan.outputs) {
      outputs.push_back(std::make_unique<OutputStream>(spec, WritingOf(plan, spec), pool, threads));
      total += spec.size;
    }
    ScheduleOptions options;
    options.workers = environment.workers;
    options.cancelled = &cancelled;
    options.progress = [&](double share) {
      if (progress) progress(share * static_cast<double>(total), static_cast<double>(total));
    };
    RunTasks(tasks, outputs, &pool, variants, reads, options);
    for (const InputFile& input : inputs) input.CheckUnchanged();
    for (const auto& output : outputs) {
      report.sha256.push_back(output->Finish());
      if (plan.fsync) output->Sync();
    }
    report.bytes_written = total;
  } catch (...) {
    for (const auto& output : outputs) output->Remove();
    throw;
  }
  for (const auto& task : tasks) task->AddFacts(report.facts);
  for (const TensorSpec& tensor : plan.tensors) {
    for (const Source& source : tensor.sources) {
      for (const Part& part : source.parts)
        report.bytes_read += part.range.count * SizeOf(part.range.dtype);
    }
  }
  if (devices) report.device = ReportDevices(*devices, tasks);
  report.threads = environment.workers;
  report.target = devices ? "cuda" : environment.target->name;
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

namespace {

// Sums of squared differences between the sources of a tensor; writes nothing.
class Distance final : public MethodTask<float> {
 public:
  Distance(const TensorSpec& spec, const Environment& environment)
      : MethodTask<float>(spec, environment),
        pairs_(spec.sources.size() * (spec.sources.size() - 1) / 2) {}
  Extent Written(size_t) const override { return {}; }
  uint64_t LargestWrite() const override { return 0; }
  std::vector<double> Sums() const { return sums_; }

 protected:
  int MethodPhases() const override { return 1; }
  void MethodBegin(int) override { partial_.assign(Blocks() * pairs_, 0.0); }
  void MethodRun(int, size_t unit, Worker& worker) override {
    float* tiles = worker.Tiles<float>(spec.sources.size());
    std::vector<double> lanes(pairs_ * kLanes, 0.0);
    EachTile(Block(unit), [&](uint64_t first, size_t n) {
      for (size_t i = 0; i < readers_.size(); ++i)
        readers_[i].Load(first, n, tiles + i * kTile, worker);
      double* at = lanes.data();
      for (size_t i = 0; i < readers_.size(); ++i) {
        for (size_t j = i + 1; j < readers_.size(); ++j, at += kLanes) {
          k_.squared_distance(tiles + i * kTile, tiles + j * kTile, n, at);
        }
      }
    });
    for (size_t p = 0; p < pairs_; ++p)
      partial_[unit * pairs_ + p] = SumOf(lanes.data() + p * kLanes);
  }
  void MethodEnd(int) override {
    sums_.assign(pairs_, 0.0);
    for (size_t i = 0; i < partial_.size(); ++i) sums_[i % pairs_] += partial_[i];
    partial_ = {};
  }

 private:
  size_t pairs_;
  std::vector<double> partial_, sums_;
};

}  // namespace

std::vector<std::vector<double>> Compare(const Plan& plan, const std::atomic<bool>& cancelled,
                                         const ProgressFunction& progress) {
  CheckPlan(plan);
  const std::vector<InputFile> inputs = OpenInputs(plan);
  Environment environment;
  environment.target = &ChooseTarget();
  environment.inputs = &inputs;
  environment.workers = WorkerCount(plan.threads);
  std::vector<std::unique_ptr<Task>> tasks;
  for (const TensorSpec& tensor : plan.tensors)
    tasks.push_back(std::make_unique<Distance>(tensor, environment));
  std::vector<std::unique_ptr<OutputStream>> outputs;
  ScheduleOptions options;
  options.workers = environment.workers;
  options.cancelled = &cancelled;
  double total = 0;
  for (const TensorSpec& tensor : plan.tensors) total += static_cast<double>(tensor.Elements());
  options.progress = [&](double share) {
    if (progress) progress(share * total, total);
  };
  IoPool threads(kIoThreads);
  ReadAhead reads(inputs, threads, kAheadBytes / AheadBuffer(plan), AheadBuffer(plan));
  RunTasks(tasks, outputs, nullptr, 0, reads, options);
  for (const InputFile& input : inputs) input.CheckUnchanged();
  std::vector<std::vector<double>> sums;
  for (const auto& task : tasks) {
    std::vector<double> one = static_cast<Distance&>(*task).Sums();
    one.resize(task->spec.sources.size() * (task->spec.sources.size() - 1) / 2, 0.0);
    sums.push_back(std::move(one));
  }
  return sums;
}

}  // namespace retemper
