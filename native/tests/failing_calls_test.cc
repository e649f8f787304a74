// A merge whose calls for memory, mappings and threads fail, one after the other: it ends well or
// with OUT_OF_MEMORY, never with the process, and its output is whole or absent. Under the address
// sanitizer nothing may leak, under the thread sanitizer nothing may race.
#include "tests/failing_calls.h"

#include <atomic>
#include <filesystem>

#include "engine/run_plan.h"
#include "tests/every_method.h"
#include "tests/temp_folder.h"

namespace retemper {
namespace {

using test::FailEach;
using test::Failing;
using test::TempFolder;

constexpr uint64_t kRows = 6, kCols = 40;
const std::atomic<bool> kNever{false};

// Every method, a source with a low-rank term and one whose rows are gathered.
Plan SmallPlan(const TempFolder& folder) {
  Plan plan = test::EveryMethod(folder, kRows, kCols);
  OutputSpec& output = plan.outputs[0];
  const auto add = [&](const char* name, Source source) {
    TensorSpec tensor;
    tensor.name = name;
    tensor.shape = {kRows, kCols};
    tensor.sources = {test::PlainSource(0, kRows, kCols), std::move(source)};
    tensor.model_keys = {0, 1};
    tensor.variants.push_back({0, output.size, LinearParams{{0.5, 0.5}, true}});
    output.size += kRows * kCols * 4;
    plan.tensors.push_back(std::move(tensor));
  };
  Source adapted = test::PlainSource(1, kRows, kCols);
  LowRank& term = adapted.parts[0].low_rank.emplace();
  term.rank = 2;
  term.left = {2, 0, Dtype::kF32, kRows * 2};
  term.right = {2, 0, Dtype::kF32, 2 * kCols};
  term.right_transposed = true;
  term.magnitude = Range{2, 0, Dtype::kF32, kRows};
  add("adapted", adapted);
  Source gathered = test::PlainSource(1, kRows, kCols);
  gathered.gather = Gather{{0, 1, 3, 3, 4, 5}, {0, 0, 0, 0, 0}, {5, 4, 3, 2, 1}, 1};
  add("gathered", gathered);
  return plan;
}

void FailsWell(Failing kind, bool lasting, ReadingChoice reading, WritingChoice writing,
               bool must_fail) {
  const TempFolder folder;
  Plan plan = SmallPlan(folder);
  plan.threads = 3;
  plan.reading = reading;
  plan.writing = writing;
  const std::string& path = plan.outputs[0].path;
  std::string expected;
  std::atomic<int> threw{0};
  const uint64_t failed = FailEach(
      kind, lasting, false, [&] { RunPlan(plan, kNever, [](double, double) {}); },
      [&](bool failure) {
        CHECK_EQ(std::filesystem::exists(path), !failure);
        if (failure) {
          ++threw;
          return;
        }
        const std::string bytes = TempFolder::Read(path);
        if (expected.empty()) expected = bytes;
        CHECK(bytes == expected);
        std::filesystem::remove(path);
      });
  CHECK(failed > 0);
  if (must_fail) CHECK(threw > 0);
}

TEST("a merge of mapped files ends well or with OUT_OF_MEMORY, whichever allocation fails") {
  FailsWell(Failing::kMemory, false, ReadingChoice::kAuto, WritingChoice::kCached, true);
}

TEST("so does one that reads and writes past the page cache by threads of its own") {
  FailsWell(Failing::kMemory, false, ReadingChoice::kDirect, WritingChoice::kDirect, true);
}

TEST("so does one where all later allocations fail, too") {
  FailsWell(Failing::kMemory, true, ReadingChoice::kDirect, WritingChoice::kDirect, true);
}

TEST("a merge whose files cannot be mapped reads them, and gives the same bytes") {
  FailsWell(Failing::kMapping, false, ReadingChoice::kMap, WritingChoice::kCached, false);
  FailsWell(Failing::kMapping, true, ReadingChoice::kMap, WritingChoice::kCached, false);
}

TEST("a merge that gets fewer threads than it asked for gives the same bytes, or OUT_OF_MEMORY") {
  FailsWell(Failing::kThread, false, ReadingChoice::kDirect, WritingChoice::kDirect, false);
  FailsWell(Failing::kThread, true, ReadingChoice::kDirect, WritingChoice::kDirect, true);
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
