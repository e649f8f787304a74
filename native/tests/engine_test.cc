// Whole plans on small files: the same bytes for any number of threads and every way of reading,
// cancelling at any moment, plans that lie, and faults in the middle. Runs under the thread
// sanitizer too.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "engine/run_plan.h"
#include "io/file.h"
#include "tests/check.h"
#include "tests/every_method.h"
#include "tests/temp_folder.h"

namespace retemper {
namespace {

using test::EveryMethod;
using test::TempFolder;

constexpr uint64_t kRows = 300, kCols = 1031;  // more than two blocks

const std::atomic<bool> kNever{false};

TEST("writes the same bytes for any number of threads and every way of reading and writing") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows, kCols);
  std::string expected;
  for (const unsigned threads : {1u, 2u, 5u}) {
    for (const ReadingChoice reading :
         {ReadingChoice::kAuto, ReadingChoice::kMap, ReadingChoice::kPread, ReadingChoice::kDirect,
          ReadingChoice::kUncached}) {
      plan.threads = threads;
      plan.reading = reading;
      plan.writing = reading == ReadingChoice::kMap || threads == 2 ? WritingChoice::kDirect
                                                                    : WritingChoice::kCached;
      double last = 0;
      const Report report = RunPlan(plan, kNever, [&](double done, double total) {
        CHECK(done >= last && done <= total);
        last = done;
      });
      CHECK_EQ(last, static_cast<double>(plan.outputs[0].size));
      CHECK_EQ(report.facts.size(), plan.tensors.size());
      if (expected.empty()) expected = report.sha256[0];
      CHECK_EQ(report.sha256[0], expected);
      std::filesystem::remove(plan.outputs[0].path);
    }
  }
}

size_t FilesOpen() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

// Cancels a merge at `moments` moments from its first to after its last: reading, computing,
// writing and flushing.
void CancelEverywhere(Plan plan, int moments) {
  using Clock = std::chrono::steady_clock;
  plan.fsync = true;
  const bool countable = std::filesystem::exists("/proc/self/fd");
  const auto exists = [&] {
    return std::any_of(plan.outputs.begin(), plan.outputs.end(), [](const OutputSpec& output) {
      return std::filesystem::exists(output.path);
    });
  };
  const auto remove = [&] {
    for (const OutputSpec& output : plan.outputs) std::filesystem::remove(output.path);
  };
  const Clock::time_point begun = Clock::now();
  const std::vector<std::string> expected = RunPlan(plan, kNever, nullptr).sha256;
  const Clock::duration whole = Clock::now() - begun;
  remove();
  const size_t files = countable ? FilesOpen() : 0;
  int stopped = 0;
  for (int moment = 0; moment < moments; ++moment) {
    std::atomic<bool> cancelled{false};
    std::thread canceller([&] {
      std::this_thread::sleep_for(whole * moment / (moments - 1));
      cancelled = true;
    });
    try {
      CHECK(RunPlan(plan, cancelled, [](double, double) {}).sha256 == expected);
      remove();  // it was faster
    } catch (const Fault& fault) {
      CHECK_EQ(fault.code, std::string(code::kCancelled));
      ++stopped;
    }
    canceller.join();
    CHECK(!exists());
    if (countable) CHECK_EQ(FilesOpen(), files);
  }
  CHECK(stopped > 0);
}

TEST("stops when it is cancelled at any moment of any phase, and leaves no file") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows / 2, kCols);
  plan.threads = 3;
  plan.writing = WritingChoice::kCached;
  CancelEverywhere(plan, 10);
  plan.reading = ReadingChoice::kDirect;
  plan.writing = WritingChoice::kDirect;
  CancelEverywhere(plan, 10);
}

TEST("stops when it is cancelled while several outputs are written and flushed") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows / 2, kCols);
  plan.threads = 3;
  const OutputSpec first = plan.outputs[0];
  for (uint32_t o = 1; o < 4; ++o) {
    plan.outputs.push_back(first);
    plan.outputs.back().path += std::to_string(o);
    for (TensorSpec& tensor : plan.tensors) {
      tensor.variants.push_back({o, tensor.variants[0].offset, tensor.variants[0].params});
    }
  }
  CancelEverywhere(plan, 10);
}

TEST("stops when its caller's progress fails, with that failure") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows / 2, kCols);
  plan.threads = 3;
  for (const bool at_end : {false, true}) {
    CHECK_FAULT(code::kUsage, "enough", RunPlan(plan, kNever, [&](double done, double total) {
                  if (!at_end || done == total) throw Fault(code::kUsage, "enough");
                }));
    CHECK(!std::filesystem::exists(plan.outputs[0].path));
  }
}

TEST("refuses a plan whose ranges, shapes or outputs do not fit") {
  const TempFolder folder;
  const Plan good = EveryMethod(folder, kRows, kCols);
  const auto refuses = [&](auto change, const char* part) {
    Plan plan = good;
    change(plan);
    CHECK_FAULT(code::kInternal, part, RunPlan(plan, kNever, nullptr));
    CHECK(!std::filesystem::exists(good.outputs[0].path));
  };
  refuses([](Plan& p) { p.tensors[0].sources[0].parts[0].range.offset = 4; }, "past the end");
  refuses([](Plan& p) { p.tensors[0].sources[0].parts[0].range.count = UINT64_MAX; }, "64 bits");
  refuses([](Plan& p) { p.tensors[0].sources[0].parts[0].range.input = 9; }, "no such number");
  refuses([](Plan& p) { p.tensors[0].shape = {kRows, kCols + 1}; }, "other columns");
  refuses([](Plan& p) { p.tensors[1].variants[0].offset += 2; }, "gaps or overlap");
  refuses([](Plan& p) { p.outputs[0].size += 2; }, "do not fill");
  refuses([](Plan& p) { p.tensors[0].variants[0].params = SlerpParams{}; }, "number of sources");
  refuses([](Plan& p) { p.tensors[0].sources[0].gather = Gather{{0}, {}, {}}; }, "wrong lengths");
  refuses([](Plan& p) { p.tensors[0].out_dtype = Dtype::kI16; }, "integers");
}

TEST("refuses an input that is another file than when its header was read") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows, kCols);
  plan.inputs[1].mtime_ns += 1;
  CHECK_FAULT(code::kBadInput, "changed", RunPlan(plan, kNever, nullptr));
}

TEST(
    "refuses a memory limit that no number of threads meets, and keeps to one that fewer threads "
    "meet") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows, kCols);
  plan.max_memory = 1 << 20;
  CHECK_FAULT(code::kOutOfMemory, "at least", RunPlan(plan, kNever, nullptr));
  plan.threads = 16;
  plan.max_memory = 24 << 20;
  const Report report = RunPlan(plan, kNever, nullptr);
  CHECK(report.threads < 16);
}

TEST("writes the same bytes when memory is so short that no phase can keep masks for the next") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows, kCols);
  plan.threads = 1;
  const std::string expected = RunPlan(plan, kNever, nullptr).sha256[0];
  std::filesystem::remove(plan.outputs[0].path);
  for (plan.max_memory = 1 << 20;; plan.max_memory += 32 << 10) {
    try {
      CHECK_EQ(RunPlan(plan, kNever, nullptr).sha256[0], expected);
      break;
    } catch (const Fault& fault) {
      CHECK_EQ(fault.code, std::string(code::kOutOfMemory));
    }
  }
}

TEST("fails, and removes what it wrote, when the directions of more than two models cancel out") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kRows, kCols);
  plan.tensors[1].variants[0].params = MultislerpParams{{1, 1, -2}, false, 10.0, false};
  const Fault fault =
      CHECK_FAULT(code::kIncompatible, "multislerp", RunPlan(plan, kNever, nullptr));
  CHECK_EQ(fault.tensor, plan.tensors[1].name);
  CHECK(!std::filesystem::exists(plan.outputs[0].path));
}

// Merges a base of zeros with one model by magnitude and gives back what was kept.
std::vector<float> KeptOf(const std::vector<float>& values, Sparsifier sparsifier, double density,
                          double gamma) {
  const TempFolder folder;
  const size_t bytes = values.size() * 4;
  const auto input = [&](const std::string& name, const void* data) {
    const std::string path = folder.Write(name, std::string(static_cast<const char*>(data), bytes));
    const FileIdentity identity = File::OpenForReading(path).Identity();
    return InputSpec{path, identity.size, identity.inode, identity.mtime_ns};
  };
  Plan plan;
  plan.inputs = {input("base", std::vector<float>(values.size()).data()),
                 input("tuned", values.data())};
  plan.outputs = {{folder.Path("out"), 8 + bytes, std::vector<uint8_t>(8, ' ')}};
  plan.fsync = false;
  TensorSpec tensor;
  tensor.name = "w";
  tensor.shape = {values.size()};
  for (uint32_t i = 0; i < 2; ++i) {
    Part part;
    part.range = {i, 0, Dtype::kF32, values.size()};
    part.rows = values.size();
    part.cols = 1;
    tensor.sources.push_back({{part}, {}});
  }
  tensor.model_keys = {0, 1};
  TaskArithmeticParams params;
  params.sparsifier = sparsifier;
  params.weights = {1};
  params.densities = {density};
  params.gammas = {gamma};
  params.epsilons = {0};
  tensor.variants = {{0, 8, params}};
  plan.tensors = {tensor};
  RunPlan(plan, kNever, nullptr);
  const std::string out = TempFolder::Read(folder.Path("out"));
  std::vector<float> kept(values.size());
  std::memcpy(kept.data(), out.data() + 8, bytes);
  return kept;
}

// The same by sorting everything.
std::vector<float> KeptBySorting(const std::vector<float>& values, Sparsifier sparsifier,
                                 double density, double gamma) {
  const size_t n = values.size();
  std::vector<uint32_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = static_cast<uint32_t>(i);
  const bool largest = sparsifier == Sparsifier::kMagnitude;
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const float x = std::fabs(values[a]), y = std::fabs(values[b]);
    return largest ? x > y : x < y;
  });
  const auto count = static_cast<size_t>(density * static_cast<double>(n));
  const auto top = static_cast<size_t>(gamma * static_cast<double>(n));
  const size_t first = largest ? 0 : n - count - top;
  std::vector<float> kept(n, 0.0f);
  for (size_t r = first; r < first + count; ++r) kept[order[r]] = values[order[r]];
  return kept;
}

TEST("selects by magnitude exactly, whether the sample finds the window or misses it") {
  const size_t n = (1 << 20) + 777;
  std::vector<float> smooth(n), tied(n), misleading(n), constant(n, -0.25f);
  for (size_t i = 0; i < n; ++i) {
    smooth[i] = std::sin(static_cast<float>(i) * 0.37f) * std::cos(static_cast<float>(i) * 0.0011f);
    tied[i] = static_cast<float>(static_cast<int>(i * 2654435761u >> 28) - 8) / 8;
    // The sample's chunks, 256 of every n / 512 elements, hold nothing but large values.
    misleading[i] = i % (n / 512) < 256 ? 100.0f + smooth[i] : smooth[i];
  }
  for (const auto& values : {smooth, tied, misleading, constant}) {
    for (const double density : {0.002, 0.3, 0.5, 0.97}) {
      for (const Sparsifier sparsifier : {Sparsifier::kMagnitude, Sparsifier::kOutliers}) {
        const auto kept = KeptOf(values, sparsifier, density, 0.01);
        const auto expected = KeptBySorting(values, sparsifier, density, 0.01);
        CHECK(kept == expected);
      }
    }
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
