// The files that talk to CUDA, on a runtime that the host plays (fake_cuda/): what is said of each
// kind of machine, what happens when memory runs out or a kernel breaks the context, and merges on
// several devices.
#include <atomic>
#include <filesystem>

#include "cuda/device.cu"       // NOLINT: compiled here as C++
#include "cuda/pinned_ring.cu"  // NOLINT
#include "engine/run_plan.h"
#include "engine/task.h"
#include "io/file.h"
#include "tests/check.h"
#include "tests/temp_folder.h"

namespace retemper {

// In the place of loops.cu.
void LaunchBody(const BlockBody& body, uint64_t threads, cudaStream_t stream) {
  FakeCuda& cuda = FakeCuda::Get();
  const std::lock_guard<std::recursive_mutex> lock(cuda.mutex);
  if (cuda.launches_until_full >= 0 && cuda.launches_until_full-- == 0) cuda.devices[0].memory = 0;
  const bool breaks = cuda.launches_until_fault >= 0 && cuda.launches_until_fault-- == 0;
  stream->pending.push_back([=] {
    if (breaks) FakeCuda::Get().broken = cudaErrorIllegalAddress;
    std::visit(
        [threads](const auto& one) {
          uint64_t counts = 0;
          for (uint64_t i = 0; i < threads; ++i) counts += one(i);
          if (uint64_t* const total = CountsOf(one)) *total += counts;
        },
        body);
  });
}

namespace {

using test::TempFolder;

const std::atomic<bool> kNever{false};
constexpr uint64_t kElements = 300001;

// A fresh machine; only the end of a process repairs a broken context, so the tests play that too.
FakeCuda& Machine(std::vector<FakeCuda::Device> devices) {
  FakeCuda& cuda = FakeCuda::Get();
  cuda.driver = 13000;
  cuda.start = cudaSuccess;
  cuda.devices = std::move(devices);
  cuda.launches_until_fault = cuda.launches_until_full = -1;
  cuda.broken = cudaSuccess;
  broken = cudaSuccess;
  return cuda;
}

Plan TwoTensors(const TempFolder& folder) {
  Plan plan;
  std::string bytes(kElements * 4, '\0');
  for (int input = 0; input < 3; ++input) {
    for (uint64_t i = 0; i < kElements; ++i) {
      const float x =
          static_cast<float>((i * 2654435761u + 97u * i * static_cast<unsigned>(input)) % 10007) *
          1e-5f;
      std::memcpy(bytes.data() + 4 * i, &x, 4);
    }
    const std::string path = folder.Write("in" + std::to_string(input), bytes);
    const FileIdentity identity = File::OpenForReading(path).Identity();
    plan.inputs.push_back({path, identity.size, identity.inode, identity.mtime_ns});
  }
  OutputSpec output{folder.Path("out"), 64, std::vector<uint8_t>(64, ' ')};
  TaskArithmeticParams ties;
  ties.sparsifier = Sparsifier::kMagnitude;
  ties.election = ties.normalize = true;
  ties.weights = {0.5, 0.6};
  ties.densities = {0.5, 0.3};
  ties.gammas = {0, 0};
  ties.epsilons = {0, 0};
  for (const Params& params : {Params{ties}, Params{ModelStockParams{}}}) {
    TensorSpec tensor;
    tensor.name = "t" + std::to_string(plan.tensors.size());
    tensor.shape = {kElements};
    tensor.out_dtype = Dtype::kBF16;
    for (uint32_t i = 0; i < 3; ++i) {
      Part part;
      part.range = {i, 0, Dtype::kF32, kElements};
      part.rows = kElements;
      part.cols = 1;
      tensor.sources.push_back({{part}, {}});
      tensor.model_keys.push_back(i);
    }
    tensor.variants.push_back({0, output.size, params});
    output.size += kElements * 2;
    plan.tensors.push_back(std::move(tensor));
  }
  plan.outputs.push_back(std::move(output));
  plan.fsync = false;
  plan.threads = 4;
  return plan;
}

// The digest of a merge, and no file.
Report Merge(Plan plan, DeviceChoice device) {
  plan.device = device;
  Report report = RunPlan(plan, kNever, nullptr);
  std::filesystem::remove(plan.outputs[0].path);
  return report;
}

TEST("says of each machine why it has no device, and refuses a merge with the same reason") {
  const auto refuses = [](const char* reason) {
    CHECK_EQ(DescribeCuda(), std::string("none: ") + reason);
    const Fault fault = CHECK_FAULT(code::kDevice, reason, OpenCuda({}));
    CHECK(fault.hint.find("--device cpu") != std::string::npos);
  };
  Machine({}).driver = 0;
  refuses("no NVIDIA driver is installed");
  FakeCuda& old = Machine({{"Old"}});
  old.driver = 12040;
  old.start = cudaErrorInsufficientDriver;
  refuses("the NVIDIA driver is too old: it knows CUDA 12.4, CUDA 13.0 is needed");
  Machine({}).start = cudaErrorNoDevice;
  refuses("the NVIDIA driver finds no device");
  Machine({{"Tesla V100", 7}});
  refuses("Tesla V100 (compute 7.0, 80 GB) is too old: compute capability 8.0 is needed");
}

TEST("names the devices that it can use, and takes the first one or all") {
  Machine({{"Tesla V100", 7}, {"A100", 8}, {"H100", 9}});
  CHECK_EQ(DescribeCuda(), "A100 (compute 8.0, 80 GB), H100 (compute 9.0, 80 GB)");
  CHECK_EQ(OpenCuda({}).devices.size(), size_t{1});
  CudaOptions all;
  all.all_devices = true;
  all.queues = 2;
  const BlockQueues opened = OpenCuda(all);
  CHECK_EQ(opened.devices.size(), size_t{2});
  CHECK_EQ(opened.queues.size(), size_t{4});
  CHECK_EQ(opened.queues[1]->device(), 1);
}

TEST("writes the same bytes on one device, on three, and on the CPU, and gives all memory back") {
  const TempFolder folder;
  Plan plan = TwoTensors(folder);
  const Report here = Merge(plan, DeviceChoice::kCpu);
  FakeCuda& cuda = Machine({{"A"}, {"B"}, {"C"}});
  for (const bool all : {false, true}) {
    plan.all_devices = all;
    const Report report = Merge(plan, DeviceChoice::kCuda);
    CHECK(report.sha256 == here.sha256);
    CHECK_EQ(report.device->names.size(), size_t{all ? 3u : 1u});
    CHECK_EQ(report.device->tensors, uint64_t{2});
    CHECK(cuda.blocks.empty() && cuda.streams.empty() && cuda.events == 0);
  }
}

TEST("goes on with fewer queues when the device's memory is short, with the same bytes") {
  const TempFolder folder;
  const Plan plan = TwoTensors(folder);
  const Report here = Merge(plan, DeviceChoice::kCpu);
  size_t each = 0;
  for (const size_t bytes : DeviceBufferBytes(plan, kBlock)) each += bytes;
  FakeCuda& cuda = Machine({{"Small", 9, each + each / 2 + DeviceWordBytes(plan)}});
  CHECK_EQ(
      OpenCuda({false, 4, DeviceBufferBytes(plan, kBlock), DeviceWordBytes(plan)}).queues.size(),
      size_t{1});
  CHECK(Merge(plan, DeviceChoice::kCuda).sha256 == here.sha256);
  CHECK(cuda.blocks.empty() && cuda.devices[0].used == 0);
}

TEST("fails with DEVICE before it writes when not one block fits, and later merges still work") {
  const TempFolder folder;
  const Plan plan = TwoTensors(folder);
  FakeCuda& cuda = Machine({{"Full", 9, 100000}});
  Plan asks = plan;
  asks.device = DeviceChoice::kCuda;
  CHECK_FAULT(code::kDevice, "no memory left", RunPlan(asks, kNever, nullptr));
  CHECK(!std::filesystem::exists(plan.outputs[0].path));
  CHECK(cuda.blocks.empty() && cuda.streams.empty());
  cuda.devices[0].memory = size_t{1} << 30;
  Merge(plan, DeviceChoice::kCuda);
}

TEST("fails with DEVICE, and leaves no file, when memory runs out in the middle") {
  const TempFolder folder;
  Plan plan = TwoTensors(folder);
  FakeCuda& cuda = Machine({{"Shared with others"}});
  cuda.launches_until_full = 1;  // the second pass finds no room for its histograms
  plan.device = DeviceChoice::kCuda;
  const Fault fault = CHECK_FAULT(code::kDevice, "counts", RunPlan(plan, kNever, nullptr));
  CHECK_EQ(fault.tensor, plan.tensors[0].name);
  CHECK(!std::filesystem::exists(plan.outputs[0].path));
  CHECK(cuda.blocks.empty());
}

TEST("never uses a device again after an error that breaks the context, until the process ends") {
  const TempFolder folder;
  Plan plan = TwoTensors(folder);
  const Report here = Merge(plan, DeviceChoice::kCpu);
  for (const int launches : {0, 7, 20}) {
    FakeCuda& cuda = Machine({{"A"}, {"B"}});
    cuda.launches_until_fault = launches;
    plan.device = DeviceChoice::kCuda;
    const Fault fault =
        CHECK_FAULT(code::kDevice, "illegal memory access", RunPlan(plan, kNever, nullptr));
    CHECK(fault.hint.find("start a new process") != std::string::npos);
    CHECK(!std::filesystem::exists(plan.outputs[0].path));
    CHECK_FAULT(code::kDevice, "an earlier CUDA error", RunPlan(plan, kNever, nullptr));
    CHECK(DescribeCuda().find("none: an earlier CUDA error broke") == 0);
    CHECK(Merge(plan, DeviceChoice::kCpu).sha256 == here.sha256);
    CHECK(cuda.blocks.empty());
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
