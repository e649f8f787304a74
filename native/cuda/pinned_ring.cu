// A queue on a GPU: a stream, an event to wait for, and buffers that exist twice, pinned on the
// host and on the device. The engine uses several in turn, as a ring.
#include <memory>
#include <vector>

#include "cuda/check.h"
#include "cuda/device.h"
#include "cuda/launch.h"

namespace retemper {
namespace {

class CudaQueue final : public BlockQueue {
 public:
  CudaQueue(int device, int position) : device_(device), position_(position) {
    Use();
    CheckCuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
    // A waiting thread sleeps: the processor has the other blocks to read and write.
    const cudaError_t error =
        cudaEventCreateWithFlags(&done_, cudaEventBlockingSync | cudaEventDisableTiming);
    if (error != cudaSuccess) cudaStreamDestroy(stream_);
    CheckCuda(error, "making an event");
  }
  ~CudaQueue() override {
    Drain();
    for (Pair& pair : pairs_) Free(pair);
    cudaEventDestroy(done_);
    cudaStreamDestroy(stream_);
    cudaGetLastError();
  }
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  Buffer Reserve(size_t index, size_t bytes) override {
    if (index >= pairs_.size()) pairs_.resize(index + 1);
    Pair& pair = pairs_[index];
    if (pair.bytes < bytes) {
      Use();
      Wait();
      Free(pair);
      CheckCuda(cudaMallocHost(&pair.buffer.host, bytes), "taking pinned memory");
      CheckCuda(cudaMalloc(&pair.buffer.device, bytes), "taking memory for a block");
      pair.bytes = bytes;
    }
    return pair.buffer;
  }
  void Upload(size_t index, size_t bytes) override {
    Use();
    const Buffer& buffer = pairs_[index].buffer;
    CheckCuda(cudaMemcpyAsync(buffer.device, buffer.host, bytes, cudaMemcpyHostToDevice, stream_),
              "uploading a block");
  }
  void Download(size_t index, size_t bytes) override {
    Use();
    const Buffer& buffer = pairs_[index].buffer;
    CheckCuda(cudaMemcpyAsync(buffer.host, buffer.device, bytes, cudaMemcpyDeviceToHost, stream_),
              "downloading a block");
  }
  void Zero(size_t index, size_t bytes) override {
    Use();
    CheckCuda(cudaMemsetAsync(pairs_[index].buffer.device, 0, bytes, stream_), "clearing memory");
  }
  void Launch(const BlockBody& body, uint64_t threads) override {
    if (threads == 0) return;
    Use();
    LaunchBody(body, threads, stream_);
    CheckCuda(cudaGetLastError(), "starting a kernel");
  }
  void Wait() override {
    Use();
    CheckCuda(cudaEventRecord(done_, stream_), "waiting for a block");
    CheckCuda(cudaEventSynchronize(done_), "computing a block");
  }
  void Drain() noexcept override {
    cudaSetDevice(device_);
    cudaStreamSynchronize(stream_);
    cudaGetLastError();
  }

  int device() const override { return position_; }
  uint64_t* NewWords(size_t count) override {
    Use();
    uint64_t* words = nullptr;
    CheckCuda(cudaMalloc(&words, count * sizeof(uint64_t)), "taking memory for counts");
    // On the stream, and waited for: kernels of other queues may use the words next.
    try {
      CheckCuda(cudaMemsetAsync(words, 0, count * sizeof(uint64_t), stream_), "clearing memory");
      Wait();
    } catch (...) {
      FreeWords(words);
      throw;
    }
    return words;
  }
  void ReadWords(const uint64_t* words, size_t count, uint64_t* to) override {
    Use();
    CheckCuda(cudaMemcpyAsync(to, words, count * sizeof(uint64_t), cudaMemcpyDeviceToHost, stream_),
              "downloading counts");
    Wait();
  }
  void FreeWords(uint64_t* words) noexcept override {
    cudaSetDevice(device_);
    cudaFree(words);
    cudaGetLastError();
  }

 private:
  struct Pair {
    Buffer buffer;
    size_t bytes = 0;
  };
  // The current device belongs to the thread, and threads take queues in turn.
  void Use() const { CheckCuda(cudaSetDevice(device_), "choosing the device"); }
  static void Free(Pair& pair) noexcept {
    cudaFreeHost(pair.buffer.host);
    cudaFree(pair.buffer.device);
    pair = {};
  }

  const int device_, position_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t done_ = nullptr;
  std::vector<Pair> pairs_;
};

}  // namespace

std::unique_ptr<BlockQueue> MakeCudaQueue(int device, int position) {
  return std::make_unique<CudaQueue>(device, position);
}

}  // namespace retemper
