// Distances between checkpoints: as a merge, without an output.
#include "engine/check_plan.h"
#include "engine/memory.h"
#include "engine/open_inputs.h"
#include "engine/run_plan.h"
#include "engine/scheduler.h"

namespace retemper {

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
  ReadAhead reads(inputs, threads, ShareMemory(plan, 1, 0, 1, 0).ahead_bytes / AheadBuffer(plan),
                  AheadBuffer(plan));
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
