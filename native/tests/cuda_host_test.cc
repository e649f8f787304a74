// The code of the GPU on the host: the bodies of the kernels, the engine's way with blocks, uploads
// and results are those of a GPU; only the launches and copies are the host's (host_queue.h). Every
// method must write the bytes that it writes on the CPU.
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/counter_rng.h"
#include "cpu/kernels.h"
#include "engine/run_plan.h"
#include "engine/task.h"
#include "io/file.h"
#include "tests/check.h"
#include "tests/host_queue.h"
#include "tests/temp_folder.h"

namespace retemper {
namespace {

using test::HostQueue;
using test::TempFolder;

const std::atomic<bool> kNever{false};

struct Stream {
  uint64_t state;
  uint64_t Next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

BlockQueues OpenHost(size_t queues, int devices, uint64_t launches = UINT64_MAX) {
  BlockQueues opened;
  opened.least_elements = 0;
  for (size_t i = 0; i < queues; ++i) {
    opened.queues.push_back(std::make_unique<HostQueue>(static_cast<int>(i) % devices, launches));
  }
  for (int d = 0; d < devices; ++d) opened.devices.push_back("host " + std::to_string(d));
  return opened;
}

// --- single elements ---------------------------------------------------------------------------

template <class T>
std::vector<T> Values(size_t n, uint64_t seed) {
  using L = std::numeric_limits<T>;
  const T special[] = {T(0),           -T(0),           L::infinity(), -L::infinity(),
                       L::quiet_NaN(), L::denorm_min(), -L::min(),     L::max(),
                       T(1),           T(65520),        T(1e-8)};
  Stream stream{seed};
  std::vector<T> values(n);
  for (T& value : values) {
    const uint64_t word = stream.Next();
    value = word % 29 == 0
                ? special[(word >> 8) % std::size(special)]
                : static_cast<T>((static_cast<double>(word >> 11) * 0x1p-53 - 0.5) * 0.25);
  }
  return values;
}

template <class T>
void CheckElements() {
  const Kernels<T>& kernels = KernelsOf<T>(*AvailableTargets().back());
  const std::vector<T> x = Values<T>(kTile, 1);
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16, Dtype::kF32, Dtype::kF64}) {
    std::vector<uint64_t> there(kTile), here(kTile);
    auto* to = reinterpret_cast<uint8_t*>(here.data());
    const uint64_t bad =
        kernels.store(x.data(), kTile, dtype, reinterpret_cast<uint8_t*>(there.data()));
    uint64_t counted = 0;
    for (size_t i = 0; i < kTile; ++i)
      counted += block::Store(x[i], block::Output{to, dtype, nullptr}, i) ? 1 : 0;
    CHECK_EQ(counted, bad);
    CHECK(here == there);

    std::vector<T> loaded(kTile), rounded(kTile);
    kernels.load(to, dtype, kTile, loaded.data());
    for (const Dtype round_to : {Dtype::kBF16, Dtype::kF16, Dtype::kF32}) {
      rounded = loaded;
      kernels.round_to(rounded.data(), kTile, round_to);
      for (size_t i = 0; i < kTile; ++i) {
        const T plain = block::Load<T>({to, dtype, false, Dtype::kF32}, i);
        const T other = block::Load<T>({to, dtype, true, round_to}, i);
        CHECK(std::memcmp(&plain, &loaded[i], sizeof(T)) == 0);
        CHECK(std::memcmp(&other, &rounded[i], sizeof(T)) == 0);
      }
    }
  }
}

TEST("reads, rounds, writes and counts single elements as the tile loops do") {
  CheckElements<float>();
  CheckElements<double>();
}

TEST("draws for one element what the tile loops draw for many") {
  const RngKey key = MakeRngKey(42, "model.layers.0.mlp.up_proj.weight", 1);
  for (const uint64_t first : {uint64_t{0}, uint64_t{77}, (uint64_t{1} << 34) - 100}) {
    std::vector<uint32_t> draws(500);
    AvailableTargets().back()->draw(key, first, draws.size(), draws.data());
    for (size_t i = 0; i < draws.size(); ++i) CHECK_EQ(DrawOne(key, first + i), draws[i]);
  }
}

// --- whole plans -------------------------------------------------------------------------------

constexpr uint64_t kLengths[] = {1, 15, 17, 2047, kBlock, kBlock + 333};
constexpr uint64_t kLongest = kBlock + 333;
constexpr int kInputs = 4;

// What a file holds: ordinary values; values on a coarse grid, so that thousands of differences are
// equal; or values with every special one among them.
enum class Content { kPlain, kTies, kSpecial };

InputSpec WriteInput(const TempFolder& folder, int number, Dtype dtype, Content content) {
  const std::vector<double> special = Values<double>(kLongest, 900 + static_cast<uint64_t>(number));
  Stream base{5}, change{static_cast<uint64_t>(number) + 100};
  std::vector<double> values(kLongest);
  for (size_t i = 0; i < kLongest; ++i) {
    double x = (static_cast<double>(base.Next() >> 11) * 0x1p-53 - 0.5) * 0.1;
    double d = (static_cast<double>(change.Next() >> 11) * 0x1p-53 - 0.5) * 0.02;
    if (content == Content::kTies) {
      x = std::round(x * 256) / 256;
      d = std::round(d * 1024) / 1024;
    }
    values[i] = number == 0 ? x : x + d;
    // Special values in the middle only: blocks with and without them.
    if (content == Content::kSpecial && i > 3000 && i < kBlock) values[i] = special[i];
  }
  std::string bytes(kLongest * SizeOf(dtype), '\0');
  KernelsOf<double>(*AvailableTargets()[0])
      .store(values.data(), kLongest, dtype, reinterpret_cast<uint8_t*>(bytes.data()));
  const std::string path = folder.Write(std::string(NameOf(dtype)) + std::to_string(number), bytes);
  const FileIdentity identity = File::OpenForReading(path).Identity();
  return {path, identity.size, identity.inode, identity.mtime_ns};
}

struct Method {
  const char* name;
  int sources;
  std::vector<Params> variants;
};

std::vector<Method> Methods() {
  const auto deltas = [](Sparsifier sparsifier, Rescale rescale, bool election, bool normalize,
                         double lambda, std::vector<double> densities) {
    TaskArithmeticParams p;
    p.sparsifier = sparsifier;
    p.rescale = rescale;
    p.election = election;
    p.normalize = normalize;
    p.lambda = lambda;
    p.weights = {0.5, -0.25, 0.75};
    p.densities = std::move(densities);
    p.gammas = {0.05, 0.1, 0.02};
    p.epsilons = {0.1, 0.1, 0.1};
    return Params{p};
  };
  TaskArithmeticParams one;
  one.weights = {1};
  one.densities = {1};
  one.gammas = {0};
  one.epsilons = {0};
  TaskArithmeticParams none = one;
  none.weights = {0};
  TaskArithmeticParams half = one;
  half.weights = {0.5};
  const std::vector<double> mixed = {0.5, 0.03, 0.9}, ends = {1, 0, 0.4}, all = {1, 1, 1};
  using enum Sparsifier;
  return {
      {"linear",
       3,
       {LinearParams{{0.2, 0.3, 0.4}, true}, LinearParams{{0.2, 0.3, 0.4}, false},
        LinearParams{{0, 1, 0}, true}}},
      {"slerp", 2, {SlerpParams{0.3}, SlerpParams{0}, SlerpParams{1}, SlerpParams{0.3, 0.5}}},
      {"nuslerp", 2, {NuslerpParams{{0.3, 0.7}, false, Axis::kFlat}}},
      {"nuslerp from a base", 3, {NuslerpParams{{0.3, 0.7}, true, Axis::kFlat}}},
      {"multislerp", 4, {MultislerpParams{{1, 2, 3, 4}, true, 1e-8, false}}},
      {"multislerp from a base", 4, {MultislerpParams{{1, 2, 3}, true, 1e-8, true}}},
      {"karcher", 3, {KarcherParams{}}},
      {"model_stock", 3, {ModelStockParams{false}}},
      {"nearswap", 2, {NearswapParams{0.001}, NearswapParams{0.1}}},
      {"ram", 4, {RamParams{1e-3, 0, 0}, RamParams{5e-3, 0, 0}}},
      {"ramplus", 4, {RamParams{1e-3, 0.1, 0.2}, RamParams{5e-3, 0.3, 1}}},
      {"task_arithmetic",
       4,
       {deltas(kNone, Rescale::kNone, false, false, 1, all),
        deltas(kNone, Rescale::kNone, false, true, 0.7, all),
        deltas(kNone, Rescale::kNone, true, true, 1, all)}},
      {"the ends of task_arithmetic", 2, {one, none, half}},
      {"ties",
       4,
       {deltas(kMagnitude, Rescale::kNone, true, true, 1, mixed),
        deltas(kMagnitude, Rescale::kNone, true, false, 0.3, ends)}},
      {"ties with L1", 4, {deltas(kMagnitude, Rescale::kL1, true, true, 1.1, mixed)}},
      {"dare",
       4,
       {deltas(kRandom, Rescale::kInverseDensity, false, false, 1, mixed),
        deltas(kRandom, Rescale::kInverseDensity, true, true, 0.5, ends)}},
      {"dare with L1", 4, {deltas(kRandom, Rescale::kL1, false, false, 1, mixed)}},
      {"breadcrumbs",
       4,
       {deltas(kOutliers, Rescale::kNone, false, false, 1, mixed),
        deltas(kOutliers, Rescale::kNone, true, true, 1, ends)}},
      // These have no code for devices and run on the CPU in the middle of the others.
      {"della", 4, {deltas(kRanked, Rescale::kInverseDensity, false, false, 1, mixed)}},
      {"sce", 3, {SceParams{0.4}}},
      {"arcee_fusion", 2, {ArceeFusionParams{}}},
      {"model_stock by rows", 3, {ModelStockParams{true}}},
  };
}

struct Kind {
  Dtype in, out;
  bool f64;
  Content content;
};

// Every method at every length, each variant with an output of its own.
Plan EveryMethod(const TempFolder& folder, const Kind& kind) {
  Plan plan;
  for (int i = 0; i < kInputs; ++i)
    plan.inputs.push_back(WriteInput(folder, i, kind.in, kind.content));
  plan.inputs.push_back(WriteInput(folder, kInputs, Dtype::kF32, Content::kPlain));  // adapters
  for (int v = 0; v < 4; ++v)
    plan.outputs.push_back(
        {folder.Path("out" + std::to_string(v)), 64, std::vector<uint8_t>(64, ' ')});
  for (const Method& method : Methods()) {
    for (const uint64_t length : kLengths) {
      TensorSpec tensor;
      tensor.name = std::string(method.name) + " of " + std::to_string(length);
      tensor.shape = {length};
      tensor.f64 = kind.f64;
      tensor.out_dtype = kind.out;
      for (int s = 0; s < method.sources; ++s) {
        Part part;
        part.range = {static_cast<uint32_t>(s), 0, kind.in, length};
        part.rows = length;
        part.cols = 1;
        if (s == 1) part.cast_to = Dtype::kF16;
        if (s == 2 && length < kBlock) {  // a LoRA of rank 2: put together on the CPU
          LowRank term;
          term.rank = 2;
          term.left = {kInputs, 0, Dtype::kF32, length * term.rank};
          term.right = {kInputs, 64, Dtype::kF32, term.rank};
          term.scale = 0.5;
          part.low_rank = term;
        }
        retemper::Source source;
        source.parts.push_back(part);
        tensor.sources.push_back(std::move(source));
        tensor.model_keys.push_back(static_cast<uint32_t>(s));
      }
      for (uint32_t v = 0; v < method.variants.size(); ++v) {
        tensor.variants.push_back({v, plan.outputs[v].size, method.variants[v]});
        plan.outputs[v].size += length * SizeOf(kind.out);
      }
      plan.tensors.push_back(std::move(tensor));
    }
  }
  plan.fsync = false;
  plan.device = DeviceChoice::kCuda;
  return plan;
}

std::string ReadAll(const std::string& path, uint64_t size) {
  std::string bytes(size, '\0');
  const InputFile file = InputFile::Open(path, std::nullopt, Reading::kPread);
  file.Read(0, size, bytes.data());
  return bytes;
}

void RemoveOutputs(const Plan& plan) {
  for (const OutputSpec& output : plan.outputs) std::filesystem::remove(output.path);
}

void CheckSameFacts(const Report& there, const Report& here) {
  CHECK_EQ(there.facts.size(), here.facts.size());
  for (size_t i = 0; i < here.facts.size(); ++i) {
    const Facts &a = there.facts[i], &b = here.facts[i];
    CHECK_EQ(a.name, b.name);
    CHECK(a.non_finite == b.non_finite && a.straight == b.straight && a.vectors == b.vectors);
    const auto same = [](std::optional<double> x, std::optional<double> y) {
      return x.has_value() == y.has_value() && (!x || *x == *y || (*x != *x && *y != *y));
    };
    CHECK(same(a.t, b.t) && same(a.cosine, b.cosine) && same(a.kept, b.kept));
  }
}

// The first tensor that differs, for the message.
void CheckSameBytes(const Plan& plan, const std::vector<std::string>& expected) {
  for (uint32_t o = 0; o < plan.outputs.size(); ++o) {
    const std::string actual = ReadAll(plan.outputs[o].path, plan.outputs[o].size);
    if (actual == expected[o]) continue;
    for (const TensorSpec& tensor : plan.tensors) {
      for (const Variant& variant : tensor.variants) {
        const size_t size = SizeOf(tensor.out_dtype), bytes = tensor.Elements() * size;
        if (variant.output != o) continue;
        for (size_t i = 0; i < bytes; i += size) {
          if (actual.compare(variant.offset + i, size, expected[o], variant.offset + i, size) != 0)
            throw std::runtime_error(tensor.name + " differs in variant " + std::to_string(o) +
                                     " at element " + std::to_string(i / size));
        }
      }
    }
    throw std::runtime_error("the outputs differ outside the tensors");
  }
}

void CheckPlan(const Kind& kind) {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, kind);
  plan.device = DeviceChoice::kCpu;
  plan.threads = 2;
  const Report on_cpu = RunPlan(plan, kNever, nullptr);
  CHECK(!on_cpu.device.has_value());
  std::vector<std::string> expected;
  for (const OutputSpec& output : plan.outputs)
    expected.push_back(ReadAll(output.path, output.size));
  RemoveOutputs(plan);

  plan.device = DeviceChoice::kCuda;
  struct Setting {
    unsigned threads;
    size_t queues;
    int devices;
  };
  for (const Setting& setting : {Setting{1, 1, 1}, Setting{3, 2, 2}}) {
    if (setting.threads == 1 && kind.content != Content::kPlain) continue;  // one is enough
    plan.threads = setting.threads;
    const Report report = RunPlan(plan, kNever, nullptr, [&](const CudaOptions&) {
      return OpenHost(setting.queues, setting.devices);
    });
    CheckSameBytes(plan, expected);
    CHECK(report.sha256 == on_cpu.sha256);
    CheckSameFacts(report, on_cpu);
    CHECK_EQ(report.device->names.size(), static_cast<size_t>(setting.devices));
    // All but della, sce and arcee_fusion; model_stock by rows has one row here.
    CHECK_EQ(report.device->tensors, std::size(kLengths) * (Methods().size() - 3));
    CHECK_EQ(report.device->on_cpu.size(), size_t{1});
    RemoveOutputs(plan);
  }
}

TEST("writes on a device the bytes that the CPU writes, bfloat16 values") {
  CheckPlan({Dtype::kBF16, Dtype::kBF16, false, Content::kPlain});
}
TEST("writes on a device the bytes that the CPU writes, where thousands of differences are equal") {
  CheckPlan({Dtype::kF32, Dtype::kF32, false, Content::kTies});
}
TEST("writes on a device the bytes that the CPU writes, with NaN, infinities and subnormals") {
  CheckPlan({Dtype::kF32, Dtype::kF16, false, Content::kSpecial});
}
TEST("writes on a device the bytes that the CPU writes, computing in float64") {
  CheckPlan({Dtype::kF64, Dtype::kF64, true, Content::kTies});
  if (test::Long()) CheckPlan({Dtype::kF64, Dtype::kBF16, true, Content::kSpecial});
}

TEST("fails with DEVICE, leaves no file and stops all threads when a device fails in the middle") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, {Dtype::kBF16, Dtype::kBF16, false, Content::kPlain});
  plan.threads = 3;
  for (const uint64_t launches : {0, 1, 40, 300}) {
    CHECK_FAULT(code::kDevice, "fell off the bus",
                RunPlan(plan, kNever, nullptr,
                        [&](const CudaOptions&) { return OpenHost(2, 2, launches); }));
    for (const OutputSpec& output : plan.outputs) CHECK(!std::filesystem::exists(output.path));
  }
}

TEST("fails before it writes when there is no device, and asks for none unless the plan does") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, {Dtype::kBF16, Dtype::kBF16, false, Content::kPlain});
  plan.tensors.resize(1);
  plan.outputs.resize(3);
  for (OutputSpec& output : plan.outputs) output.size = 64 + SizeOf(Dtype::kBF16);
  const auto none = [](const CudaOptions&) -> BlockQueues {
    throw Fault(code::kDevice, "there is no CUDA device: it went home");
  };
  CHECK_FAULT(code::kDevice, "it went home", RunPlan(plan, kNever, nullptr, none));
  CHECK(!std::filesystem::exists(plan.outputs[0].path));
  for (const DeviceChoice choice : {DeviceChoice::kAuto, DeviceChoice::kCpu}) {
    plan.device = choice;
    CHECK(!RunPlan(plan, kNever, nullptr, none).device.has_value());
    RemoveOutputs(plan);
  }
}

TEST("asks for as many queues as threads use and a memory limit allows, with room for each block") {
  const TempFolder folder;
  Plan plan = EveryMethod(folder, {Dtype::kBF16, Dtype::kBF16, false, Content::kPlain});
  size_t queues = 0, bytes = 0;
  const auto look = [&](const CudaOptions& options) {
    queues = options.queues;
    bytes = 0;
    for (const size_t size : options.buffer_bytes) bytes += size;
    return OpenHost(options.queues, 1);
  };
  plan.threads = 5;
  RunPlan(plan, kNever, nullptr, look);
  CHECK_EQ(queues, size_t{5});
  CHECK(bytes > 4 * kBlock * 2 && bytes < (16 << 20));
  RemoveOutputs(plan);
  plan.max_memory = 12 * bytes;
  RunPlan(plan, kNever, nullptr, look);
  CHECK_EQ(queues, size_t{3});
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
