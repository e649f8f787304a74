#include "engine/run_plan.h"

#include <chrono>

#include "core/status.h"
#include "engine/check_plan.h"
#include "engine/decode_range.h"
#include "engine/memory.h"
#include "engine/open_inputs.h"
#include "engine/scheduler.h"

namespace retemper {
namespace {

Writing WritingOf(const Plan& plan, const OutputSpec& output) {
  constexpr uint64_t kLeastDirect = 1 << 20;
  if (plan.writing == WritingChoice::kAuto)
    return plan.fsync && output.size >= kLeastDirect ? Writing::kDirect : Writing::kCached;
  return plan.writing == WritingChoice::kDirect ? Writing::kDirect : Writing::kCached;
}

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

// What a source is made from: of gathered parts the rows that are taken, otherwise whole parts with
// what is added to them.
uint64_t BytesOf(const Source& source) {
  uint64_t bytes = 0;
  if (source.gather) {
    for (const uint32_t p : source.gather->part) {
      if (p >= source.parts.size()) continue;
      const Part& part = source.parts[p];
      bytes += part.rows == 0 ? 0 : StoredBytes(part.range) / part.rows;
    }
    return bytes;
  }
  for (const Part& part : source.parts) {
    bytes += StoredBytes(part.range);
    if (part.low_rank) {
      bytes += StoredBytes(part.low_rank->left) + StoredBytes(part.low_rank->right);
      if (part.low_rank->magnitude) bytes += StoredBytes(*part.low_rank->magnitude);
    }
    if (part.add) bytes += StoredBytes(*part.add);
  }
  return bytes;
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

  ByteBudget kept(0);  // before the tasks, too
  environment.kept = &kept;

  std::vector<std::unique_ptr<Task>> tasks;
  tasks.reserve(plan.tensors.size());
  // Buffers are as large as the largest block of any task.
  size_t variants = 1;
  uint64_t largest = 1;
  for (const TensorSpec& tensor : plan.tensors) {
    tasks.push_back(tensor.scales_of ? MakeScales(tensor, *tasks[*tensor.scales_of])
                                     : MakeTask(tensor, environment));
    variants = std::max(variants, tensor.variants.size());
    if (tensor.Elements() > 0)
      largest = std::max(
          largest, tasks.back()->LargestWrite() * SizeOf(tensor.out_dtype) + tensor.form.padding);
  }
  const Memory memory = ShareMemory(plan, environment.workers, variants, largest, pinned);
  environment.workers = memory.workers;
  kept.Give(memory.kept_bytes);

  BufferPool pool(variants * (environment.workers + 4) + memory.in_writing, largest);
  IoPool threads(kIoThreads);
  ReadAhead reads(inputs, threads, memory.ahead_bytes / AheadBuffer(plan), AheadBuffer(plan));
  std::vector<std::unique_ptr<OutputStream>> outputs;
  Report report;
  try {
    uint64_t total = 0;
    outputs.reserve(plan.outputs.size());  // a file that was made is always among them
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
      // A flush cannot be stopped, but the next one need not begin.
      if (cancelled.load(std::memory_order_relaxed)) throw Fault(code::kCancelled, "cancelled");
      if (plan.fsync) output->Sync();
    }
    report.bytes_written = total;
    for (const auto& task : tasks) task->AddFacts(report.facts);
    for (const TensorSpec& tensor : plan.tensors) {
      for (const Source& source : tensor.sources) report.bytes_read += BytesOf(source);
    }
    if (devices) report.device = ReportDevices(*devices, tasks);
    report.threads = environment.workers;
    report.target = devices ? "cuda" : environment.target->name;
  } catch (...) {
    for (const auto& output : outputs) output->Remove();
    throw;
  }
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

}  // namespace retemper
