// A CUDA runtime on the host, for tests of cuda/device.cu and cuda/pinned_ring.cu: devices of
// separate memory, streams that do nothing before they are waited for, and errors on demand. It
// refuses what the real one refuses: another device's stream, memory of the wrong kind.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorIllegalAddress = 700
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventBlockingSync = 1,
                          cudaEventDisableTiming = 2;

struct FakeStream {
  int device;
  std::vector<std::function<void()>> pending;
};
struct FakeEvent {
  FakeStream* stream = nullptr;
};
using cudaStream_t = FakeStream*;
using cudaEvent_t = FakeEvent*;

struct cudaDeviceProp {
  char name[256];
  int major, minor;
  size_t totalGlobalMem;
};

// The machine that the tests set up.
struct FakeCuda {
  struct Device {
    std::string name;
    int major = 9;
    size_t memory = size_t{80} << 30;
    size_t used = 0;
  };
  struct Block {
    int device;  // -1: pinned memory
    size_t bytes;
  };
  std::recursive_mutex mutex;
  int driver = 13000;
  cudaError_t start = cudaSuccess;  // what cudaGetDeviceCount answers
  std::vector<Device> devices;
  std::map<const char*, Block> blocks;
  std::vector<FakeStream*> streams;
  size_t events = 0;
  int launches_until_fault = -1;  // the launch that breaks the context
  int launches_until_full = -1;   // and the one after which memory is full
  cudaError_t broken = cudaSuccess;

  static FakeCuda& Get() {
    static FakeCuda machine;
    return machine;
  }
  // The block that a pointer lies in must be of this device and reach far enough.
  bool Holds(const void* at, size_t bytes, int device) {
    auto it = blocks.upper_bound(static_cast<const char*>(at));
    if (it == blocks.begin()) return false;
    --it;
    const size_t offset = static_cast<size_t>(static_cast<const char*>(at) - it->first);
    return it->second.device == device && offset + bytes <= it->second.bytes;
  }
  static void Run(FakeStream* stream) {
    for (const auto& work : stream->pending) work();
    stream->pending.clear();
  }
  size_t PinnedBytes() const {
    size_t sum = 0;
    for (const auto& [at, block] : blocks) sum += block.device < 0 ? block.bytes : 0;
    return sum;
  }
};

inline thread_local int fake_current_device = 0;
#define RETEMPER_FAKE_CUDA                                           \
  FakeCuda& cuda = FakeCuda::Get();                                  \
  const std::lock_guard<std::recursive_mutex> fake_lock(cuda.mutex); \
  if (cuda.broken != cudaSuccess) return cuda.broken

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorInvalidValue:
      return "invalid argument";
    default:
      return "another error";
  }
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = FakeCuda::Get().driver;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  RETEMPER_FAKE_CUDA;
  *count = static_cast<int>(cuda.devices.size());
  return cuda.start;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* facts, int device) {
  RETEMPER_FAKE_CUDA;
  const FakeCuda::Device& one = cuda.devices[static_cast<size_t>(device)];
  std::memcpy(facts->name, one.name.c_str(), one.name.size() + 1);
  facts->major = one.major;
  facts->minor = 0;
  facts->totalGlobalMem = one.memory;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  RETEMPER_FAKE_CUDA;
  fake_current_device = device;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceSynchronize() {
  RETEMPER_FAKE_CUDA;
  for (FakeStream* stream : cuda.streams) FakeCuda::Run(stream);
  return cudaSuccess;
}

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  RETEMPER_FAKE_CUDA;
  *stream = new FakeStream{fake_current_device, {}};
  cuda.streams.push_back(*stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  RETEMPER_FAKE_CUDA;
  FakeCuda::Run(stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  FakeCuda& cuda = FakeCuda::Get();
  const std::lock_guard<std::recursive_mutex> lock(cuda.mutex);
  std::erase(cuda.streams, stream);
  delete stream;
  return cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  RETEMPER_FAKE_CUDA;
  *event = new FakeEvent;
  ++cuda.events;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  RETEMPER_FAKE_CUDA;
  if (stream->device != fake_current_device) return cudaErrorInvalidResourceHandle;
  event->stream = stream;
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  RETEMPER_FAKE_CUDA;
  if (event->stream != nullptr) FakeCuda::Run(event->stream);
  return cuda.broken;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  FakeCuda& cuda = FakeCuda::Get();
  const std::lock_guard<std::recursive_mutex> lock(cuda.mutex);
  --cuda.events;
  delete event;
  return cudaSuccess;
}

template <class T>
cudaError_t FakeAllocate(T** at, size_t bytes, int device) {
  RETEMPER_FAKE_CUDA;
  if (device >= 0) {
    FakeCuda::Device& one = cuda.devices[static_cast<size_t>(device)];
    if (one.used + bytes > one.memory) return cudaErrorMemoryAllocation;
    one.used += bytes;
  }
  char* fresh = new char[bytes];
  std::memset(fresh, 0xa5, bytes);
  cuda.blocks[fresh] = {device, bytes};
  *at = reinterpret_cast<T*>(fresh);
  return cudaSuccess;
}
template <class T>
cudaError_t cudaMalloc(T** at, size_t bytes) {
  return FakeAllocate(at, bytes, fake_current_device);
}
template <class T>
cudaError_t cudaMallocHost(T** at, size_t bytes) {
  return FakeAllocate(at, bytes, -1);
}
inline cudaError_t cudaFree(void* at) {
  FakeCuda& cuda = FakeCuda::Get();
  const std::lock_guard<std::recursive_mutex> lock(cuda.mutex);
  const auto it = cuda.blocks.find(static_cast<char*>(at));
  if (at == nullptr) return cudaSuccess;
  if (it == cuda.blocks.end()) return cudaErrorInvalidValue;
  for (FakeStream* stream : cuda.streams) FakeCuda::Run(stream);  // as the real one waits
  if (it->second.device >= 0)
    cuda.devices[static_cast<size_t>(it->second.device)].used -= it->second.bytes;
  cuda.blocks.erase(it);
  delete[] static_cast<char*>(at);
  return cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* at) { return cudaFree(at); }

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                                   cudaStream_t stream) {
  RETEMPER_FAKE_CUDA;
  const bool up = kind == cudaMemcpyHostToDevice;
  if (stream->device != fake_current_device) return cudaErrorInvalidResourceHandle;
  if (!cuda.Holds(up ? to : from, bytes, stream->device)) return cudaErrorInvalidValue;
  stream->pending.push_back([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* at, int value, size_t bytes, cudaStream_t stream) {
  RETEMPER_FAKE_CUDA;
  if (stream->device != fake_current_device) return cudaErrorInvalidResourceHandle;
  if (!cuda.Holds(at, bytes, stream->device)) return cudaErrorInvalidValue;
  stream->pending.push_back([=] { std::memset(at, value, bytes); });
  return cudaSuccess;
}
