#include "engine/scheduler.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "core/status.h"

namespace retemper {
namespace {

struct Step {
  size_t task = 0;
  int phase = 0;
  size_t units = 0;
  uint64_t first_unit = 0;  // counted over all steps
  bool last = false;        // of its task: this step writes
  size_t finished = 0;
  bool begun = false;
};

// The order of steps. Phase p of task i has slot i + p, so that a later tensor's reduction stands
// before an earlier tensor's write; writes keep the order of the tensors, for the outputs are
// digested front to back.
std::vector<Step> MakeSteps(const std::vector<std::unique_ptr<Task>>& tasks) {
  struct Placed {
    size_t slot;
    Step step;
  };
  std::vector<Placed> placed;
  size_t last_write = 0;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i]->elements == 0) continue;
    const int phases = tasks[i]->Phases();
    last_write = std::max(last_write, i + static_cast<size_t>(phases) - 1);
    for (int p = 0; p < phases; ++p) {
      const bool last = p + 1 == phases;
      placed.push_back(
          {last ? last_write : i + static_cast<size_t>(p),
           {.task = i, .phase = p, .units = tasks[i]->Units(p), .first_unit = 0, .last = last}});
    }
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.slot < b.slot; });
  std::vector<Step> steps;
  steps.reserve(placed.size());
  uint64_t units = 0;
  for (const Placed& p : placed) {
    steps.push_back(p.step);
    steps.back().first_unit = units;
    units += p.step.units;
  }
  return steps;
}

class Schedule {
 public:
  static constexpr size_t kNoStep = SIZE_MAX;

  Schedule(const std::vector<std::unique_ptr<Task>>& tasks,
           std::vector<std::unique_ptr<OutputStream>>& outputs, BufferPool* pool,
           size_t buffers_each, ReadAhead& reads)
      : tasks_(tasks),
        outputs_(outputs),
        pool_(pool),
        buffers_each_(buffers_each),
        reads_(reads),
        steps_(MakeSteps(tasks)),
        phases_done_(tasks.size(), 0) {
    for (const Step& step : steps_) total_ += step.units;
    reads_.Start(total_, [this](uint64_t unit) { return ReadsOf(unit); });
  }

  // Throws nothing: what goes wrong is kept for Rethrow.
  void Work(unsigned index) {
    Worker worker(index);
    size_t step_index = kNoStep, unit = 0;
    try {
      worker.out.assign(buffers_each_, nullptr);
      // Buffers are taken before a unit is claimed: whoever has the lowest unit can always finish
      // it.
      while (TakeBuffers(worker) && Claim(step_index, unit)) {
        Step& step = steps_[step_index];
        Task& task = *tasks_[step.task];
        if (!WaitForTurn(step, task, unit)) break;
        reads_.Take(step.first_unit + unit, worker);
        if (step.last) PlaceBuffers(task, unit, worker);
        task.Run(step.phase, unit, worker);
        reads_.Release(step.first_unit + unit, worker);
        if (step.last) Submit(task, unit, worker);
        Finish(step, task);
      }
    } catch (...) {
      Fail(std::current_exception(), step_index);
    }
    for (uint8_t* buffer : worker.out) {
      if (buffer != nullptr) pool_->Give(buffer);
    }
  }

  // Returns when all is done or stopped.
  void Watch(const ScheduleOptions& options) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_ && done_ < total_) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
      const double share =
          total_ == 0 ? 1.0 : static_cast<double>(done_) / static_cast<double>(total_);
      lock.unlock();
      if (options.progress) options.progress(share);
      if (options.cancelled != nullptr && options.cancelled->load(std::memory_order_relaxed))
        Stop();
      lock.lock();
    }
  }

  void Stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
    }
    if (pool_ != nullptr) pool_->Stop();
    changed_.notify_all();
  }

  void Rethrow(bool cancelled) {
    if (fault_ == nullptr) {
      if (done_ < total_ && cancelled) throw Fault(code::kCancelled, "cancelled");
      return;
    }
    try {
      std::rethrow_exception(fault_);
    } catch (Fault& fault) {
      if (fault.tensor.empty() && fault.file.empty() && faulty_ != kNoStep)
        fault.tensor = tasks_[steps_[faulty_].task]->spec.name;
      throw;
    }
  }

 private:
  bool TakeBuffers(Worker& worker) {
    for (uint8_t*& buffer : worker.out) {
      if (buffer == nullptr && (buffer = pool_->Take()) == nullptr) return false;
    }
    return true;
  }
  bool Claim(size_t& step, size_t& unit) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return false;
    while (cursor_step_ < steps_.size() && cursor_unit_ == steps_[cursor_step_].units) {
      ++cursor_step_;
      cursor_unit_ = 0;
    }
    if (cursor_step_ == steps_.size()) return false;
    step = cursor_step_;
    unit = cursor_unit_++;
    return true;
  }
  // A phase begins when the one before it is done, and that of scales when their rows are; the
  // holder of unit 0 begins it.
  bool WaitForTurn(Step& step, Task& task, size_t unit) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto ready = [&] {
      const std::optional<uint32_t> rows = task.spec.scales_of;
      if (rows && phases_done_[*rows] < tasks_[*rows]->Phases()) return false;
      return phases_done_[step.task] >= step.phase;
    };
    changed_.wait(lock, [&] { return stopped_ || (unit == 0 ? ready() : step.begun); });
    if (stopped_) return false;
    if (unit != 0) return true;
    lock.unlock();
    task.Begin(step.phase);
    lock.lock();
    step.begun = true;
    lock.unlock();
    changed_.notify_all();
    return true;
  }
  UnitReads ReadsOf(uint64_t unit) const {
    const auto after = std::upper_bound(
        steps_.begin(), steps_.end(), unit,
        [](uint64_t wanted, const Step& step) { return wanted < step.first_unit; });
    const Step& step = *std::prev(after);
    UnitReads reads;
    reads.once = step.last;
    tasks_[step.task]->AddReads(step.phase, unit - step.first_unit, reads.ranges);
    return reads;
  }
  static uint64_t PlaceOf(const Task& task, size_t variant, size_t unit) {
    return task.spec.variants[variant].offset + task.spec.StoredBytes(task.Written(unit).first);
  }
  static void PlaceBuffers(const Task& task, size_t unit, Worker& worker) {
    for (size_t v = 0; v < task.spec.variants.size(); ++v)
      worker.out[v] = BufferPool::At(worker.out[v], PlaceOf(task, v, unit));
  }
  void Submit(Task& task, size_t unit, Worker& worker) {
    const uint64_t bytes = task.Finish(unit, worker);
    std::vector<OutputStream*> streams;
    for (size_t v = 0; v < task.spec.variants.size(); ++v) {
      uint8_t* buffer = std::exchange(worker.out[v], nullptr);
      streams.push_back(outputs_[task.spec.variants[v].output].get());
      streams.back()->Submit(PlaceOf(task, v, unit), buffer, bytes);
    }
    OutputStream::Digest(streams);
  }
  void Finish(Step& step, Task& task) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (++step.finished < step.units) {
        ++done_;
        return;
      }
    }
    task.End(step.phase);
    if (step.last) task.Release();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      phases_done_[step.task] = step.phase + 1;
      ++done_;
    }
    changed_.notify_all();
  }
  void Fail(std::exception_ptr fault, size_t step) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (fault_ == nullptr) {
        fault_ = std::move(fault);
        faulty_ = step;
      }
    }
    Stop();
  }

  const std::vector<std::unique_ptr<Task>>& tasks_;
  std::vector<std::unique_ptr<OutputStream>>& outputs_;
  BufferPool* pool_;
  const size_t buffers_each_;
  ReadAhead& reads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Step> steps_;
  std::vector<int> phases_done_;  // a task
  size_t cursor_step_ = 0, cursor_unit_ = 0;
  uint64_t done_ = 0, total_ = 0;  // units
  bool stopped_ = false;
  std::exception_ptr fault_;
  size_t faulty_ = kNoStep;
};

}  // namespace

void RunTasks(const std::vector<std::unique_ptr<Task>>& tasks,
              std::vector<std::unique_ptr<OutputStream>>& outputs, BufferPool* pool,
              size_t buffers_each, ReadAhead& reads, const ScheduleOptions& options) {
  Schedule schedule(tasks, outputs, pool, buffers_each, reads);
  std::vector<std::thread> threads;
  threads.reserve(options.workers);
  // Fewer threads than asked for still do the work; none cannot.
  try {
    for (unsigned i = 0; i < options.workers; ++i) {
      threads.emplace_back([&schedule, i] { schedule.Work(i); });
    }
  } catch (const std::bad_alloc&) {
    if (threads.empty()) throw;
  } catch (const std::system_error&) {
    if (threads.empty()) {
      throw Fault(code::kOutOfMemory, "could not start a thread", {}, {},
                  "raise the limit on processes (ulimit -u) or free memory");
    }
  }
  try {
    schedule.Watch(options);
  } catch (...) {  // of the caller's progress
    schedule.Stop();
    for (std::thread& thread : threads) thread.join();
    throw;
  }
  const bool cancelled =
      options.cancelled != nullptr && options.cancelled->load(std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  schedule.Rethrow(cancelled);
  if (options.progress) options.progress(1.0);
}

}  // namespace retemper
