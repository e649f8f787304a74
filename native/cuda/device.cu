// Which devices there are, whether they can be used, and what to say when not.
#include <atomic>
#include <memory>

#include "cuda/check.h"
#include "cuda/device.h"

namespace retemper {
namespace {

// Of the whole process, as the context that it speaks of: cudaError_t of the error that broke it.
std::atomic<int> broken{cudaSuccess};

constexpr int kOldestMajor = 8;  // Ampere: see CMAKE_CUDA_ARCHITECTURES

std::string Version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

struct Device {
  int number;
  std::string name;
};

// The usable devices; none, and the reason.
std::vector<Device> FindDevices(std::string& reason) {
  if (const int error = broken.load(); error != cudaSuccess) {
    reason = std::string("an earlier CUDA error broke the device for this process (") +
             cudaGetErrorString(static_cast<cudaError_t>(error)) + "); start a new process";
    return {};
  }
  int driver = 0, runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    cudaGetLastError();
    reason = "no NVIDIA driver is installed";
    return {};
  }
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (error == cudaErrorInsufficientDriver) {
    reason = "the NVIDIA driver is too old: it knows CUDA " + Version(driver) + ", CUDA " +
             Version(runtime) + " is needed";
    return {};
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    reason = "the NVIDIA driver finds no device";
    return {};
  }
  if (error != cudaSuccess) {
    reason = std::string("the NVIDIA driver does not start: ") + cudaGetErrorString(error);
    return {};
  }
  std::vector<Device> devices;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp facts;
    if (cudaGetDeviceProperties(&facts, i) != cudaSuccess) {
      cudaGetLastError();
      continue;
    }
    const std::string name = std::string(facts.name) + " (compute " + std::to_string(facts.major) +
                             "." + std::to_string(facts.minor) + ", " +
                             std::to_string(facts.totalGlobalMem >> 30) + " GB)";
    if (facts.major >= kOldestMajor) {
      devices.push_back({i, name});
    } else if (reason.empty()) {
      reason = name + " is too old: compute capability 8.0 is needed";
    }
  }
  if (devices.empty() && reason.empty()) reason = "no device answers";
  return devices;
}

void Free(void* memory) { cudaFree(memory); }

}  // namespace

void CheckCuda(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // the thread's, or the next call would report it again
  const std::string what = cudaGetErrorString(error);
  if (error == cudaErrorMemoryAllocation) {
    throw Fault(code::kDevice, std::string("CUDA has no memory left, while ") + doing, {}, {},
                "free memory of the GPU, use another one (CUDA_VISIBLE_DEVICES), or merge on the "
                "CPU (--device cpu)");
  }
  // An error that stays is one that every later call answers.
  if (cudaDeviceSynchronize() != cudaSuccess) broken.store(error);
  cudaGetLastError();
  throw Fault(code::kDevice, std::string("CUDA failed while ") + doing + ": " + what, {}, {},
              CudaIsBroken() ? "start a new process; merge on the CPU (--device cpu) if it happens "
                               "again"
                             : "merge on the CPU (--device cpu)");
}

bool CudaIsBroken() { return broken.load() != cudaSuccess; }

std::string DescribeCuda() {
  std::string reason, names;
  for (const Device& device : FindDevices(reason))
    names += (names.empty() ? "" : ", ") + device.name;
  return names.empty() ? "none: " + reason : names;
}

BlockQueues OpenCuda(const CudaOptions& options) {
  std::string reason;
  std::vector<Device> devices = FindDevices(reason);
  if (devices.empty()) {
    throw Fault(code::kDevice, "there is no CUDA device: " + reason, {}, {},
                "merge on the CPU (--device cpu)");
  }
  if (!options.all_devices) devices.resize(1);
  BlockQueues opened;
  // Held while the queues take their memory.
  std::vector<std::unique_ptr<void, decltype(&Free)>> kept_free;
  for (const Device& device : devices) {
    void* words = nullptr;
    CheckCuda(cudaSetDevice(device.number), "choosing the device");
    if (options.word_bytes > 0)
      CheckCuda(cudaMalloc(&words, options.word_bytes), "taking memory for counts");
    kept_free.emplace_back(words, &Free);
  }
  for (size_t round = 0; round < options.queues; ++round) {
    // In turn, so that neighbouring queues, and with them neighbouring blocks, are on different
    // devices.
    for (size_t position = 0; position < devices.size(); ++position) {
      try {
        auto queue = MakeCudaQueue(devices[position].number, static_cast<int>(position));
        for (size_t i = 0; i < options.buffer_bytes.size(); ++i) {
          if (options.buffer_bytes[i] > 0) queue->Reserve(i, options.buffer_bytes[i]);
        }
        opened.queues.push_back(std::move(queue));
      } catch (const Fault&) {
        // Fewer queues do the same work, if each device has one.
        if (CudaIsBroken() || round == 0) throw;
        round = options.queues;
        break;
      }
    }
  }
  for (const Device& device : devices) opened.devices.push_back(device.name);
  return opened;
}

}  // namespace retemper
