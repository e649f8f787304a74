// How checkpoints differ: as a merge, without an output.
#include "core/let_go.h"
#include "core/status.h"
#include "engine/check_plan.h"
#include "engine/memory.h"
#include "engine/open_inputs.h"
#include "engine/run_plan.h"
#include "engine/scheduler.h"

namespace retemper {

namespace {

// Some sums over the elements of a tensor's sources; writes nothing.
template <class T>
class Sums : public MethodTask<T> {
 public:
  Sums(const TensorSpec& spec, const Environment& environment, size_t count)
      : MethodTask<T>(spec, environment), count_(count) {}
  Extent Written(size_t) const override { return {}; }
  uint64_t LargestWrite() const override { return 0; }

 protected:
  // Adds what n elements of each source give, tile by tile from `tiles`, to `lanes`: kLanes a sum.
  virtual void AddTile(T* tiles, size_t n, double* lanes) = 0;
  // Tiles that AddTile may write, behind those of the sources.
  virtual size_t MoreTiles() const { return 0; }

  int MethodPhases() const override { return 1; }
  void MethodBegin(int) override { partial_.assign(this->Blocks() * count_, 0.0); }
  void MethodRun(int, size_t unit, Worker& worker) override {
    T* tiles = worker.Tiles<T>(this->spec.sources.size() + MoreTiles());
    std::vector<double> lanes(count_ * kLanes, 0.0);
    this->EachTile(this->Block(unit), [&](uint64_t first, size_t n) {
      for (size_t i = 0; i < this->readers_.size(); ++i)
        this->readers_[i].Load(first, n, tiles + i * kTile, worker);
      AddTile(tiles, n, lanes.data());
    });
    for (size_t p = 0; p < count_; ++p)
      partial_[unit * count_ + p] = SumOf(lanes.data() + p * kLanes);
  }
  void MethodEnd(int) override {
    sums_.assign(count_, 0.0);
    for (size_t i = 0; i < partial_.size(); ++i) sums_[i % count_] += partial_[i];
    LetGo(partial_);
  }
  std::vector<double> Result() const {
    std::vector<double> sums = sums_;
    sums.resize(count_, 0.0);  // a tensor without elements has no phases
    return sums;
  }

 private:
  size_t count_;
  std::vector<double> partial_, sums_;
};

// Squared differences between each pair of the sources.
class Distance final : public Sums<float> {
 public:
  Distance(const TensorSpec& spec, const Environment& environment)
      : Sums<float>(spec, environment, spec.sources.size() * (spec.sources.size() - 1) / 2) {}
  using Sums<float>::Result;

 protected:
  void AddTile(float* tiles, size_t n, double* lanes) override {
    for (size_t i = 0; i < readers_.size(); ++i) {
      for (size_t j = i + 1; j < readers_.size(); ++j, lanes += kLanes)
        k_.squared_distance(tiles + i * kTile, tiles + j * kTile, n, lanes);
    }
  }
};

// What run_plan.h says of Changes().
template <class T>
class Change final : public Sums<T> {
 public:
  Change(const TensorSpec& spec, const Environment& environment)
      : Sums<T>(spec, environment, spec.sources.size() > 2 ? 8 : 4) {}
  using Sums<T>::Result;

 protected:
  size_t MoreTiles() const override { return 2; }
  void AddTile(T* tiles, size_t n, double* lanes) override {
    const size_t sources = this->spec.sources.size();
    const T *a = tiles, *f = tiles + kTile;
    T *d = tiles + sources * kTile, *v = d + kTile;
    const Kernels<T>& k = this->k_;
    k.subtract(f, a, d, n);
    k.dot(a, a, n, lanes);
    k.dot(f, f, n, lanes + kLanes);
    k.dot(a, f, n, lanes + 2 * kLanes);
    k.dot(d, d, n, lanes + 3 * kLanes);
    if (sources < 3) return;
    k.subtract(a, tiles + 2 * kTile, v, n);
    k.dot(v, v, n, lanes + 4 * kLanes);
    k.dot(d, v, n, lanes + 5 * kLanes);
    uint64_t both = 0, same = 0;
    for (size_t i = 0; i < n; ++i) {
      const bool changes = d[i] != 0 && v[i] != 0;
      both += changes;
      same += changes && (d[i] > 0) == (v[i] > 0);
    }
    lanes[6 * kLanes] += static_cast<double>(both);
    lanes[7 * kLanes] += static_cast<double>(same);
  }
};

// Runs one task for each tensor of a plan, and gives what `result` says of each.
template <class Make, class Result>
std::vector<std::vector<double>> SumTensors(const Plan& plan, const std::atomic<bool>& cancelled,
                                            const ProgressFunction& progress, Make make,
                                            Result result) {
  CheckPlan(plan);
  const std::vector<InputFile> inputs = OpenInputs(plan);
  Environment environment;
  environment.target = &ChooseTarget();
  environment.inputs = &inputs;
  environment.workers = WorkerCount(plan.threads);
  std::vector<std::unique_ptr<Task>> tasks;
  for (const TensorSpec& tensor : plan.tensors) tasks.push_back(make(tensor, environment));
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
  ReadAhead reads(inputs, threads, ShareMemory(plan, 1, 0, 1, 0).ahead_bytes / AheadBuffer(plan),
                  AheadBuffer(plan));
  RunTasks(tasks, outputs, nullptr, 0, reads, options);
  for (const InputFile& input : inputs) input.CheckUnchanged();
  std::vector<std::vector<double>> sums;
  for (const auto& task : tasks) sums.push_back(result(*task));
  return sums;
}

}  // namespace

std::vector<std::vector<double>> Compare(const Plan& plan, const std::atomic<bool>& cancelled,
                                         const ProgressFunction& progress) {
  return SumTensors(
      plan, cancelled, progress,
      [](const TensorSpec& tensor, const Environment& environment) {
        return std::make_unique<Distance>(tensor, environment);
      },
      [](const Task& task) { return static_cast<const Distance&>(task).Result(); });
}

std::vector<std::vector<double>> Changes(const Plan& plan, const std::atomic<bool>& cancelled,
                                         const ProgressFunction& progress) {
  for (const TensorSpec& tensor : plan.tensors) {
    if (tensor.sources.size() != 2 && tensor.sources.size() != 3)
      throw Fault(code::kUsage, "two or three sources are compared", "", tensor.name);
  }
  return SumTensors(
      plan, cancelled, progress,
      [](const TensorSpec& tensor, const Environment& environment) {
        return MakeFor<Change>(tensor, environment);
      },
      [](const Task& task) {
        return task.spec.f64 ? static_cast<const Change<double>&>(task).Result()
                             : static_cast<const Change<float>&>(task).Result();
      });
}

}  // namespace retemper
