// The host in the place of a GPU: queues that run the bodies of the kernels in loops. Nothing
// happens before Wait, threads run in no helpful order, and fresh memory is full of rubbish, so
// what would be a race or a missing transfer on a GPU shows here as wrong bytes.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "core/status.h"
#include "cuda/block_queue.h"

namespace retemper::test {

class HostQueue final : public BlockQueue {
 public:
  // Fails like a broken device after `launches` launches.
  explicit HostQueue(int device, uint64_t launches = UINT64_MAX)
      : device_(device), launches_left_(launches) {}

  Buffer Reserve(size_t index, size_t bytes) override {
    if (index >= pairs_.size()) pairs_.resize(index + 1);
    Pair& pair = pairs_[index];
    if (pair.bytes < bytes) {
      Wait();
      pair.host = Fresh(bytes);
      pair.device = Fresh(bytes);
      pair.bytes = bytes;
    }
    return At(index);
  }
  void Upload(size_t index, size_t bytes) override {
    const Buffer buffer = At(index);
    later_.push_back([=] { std::memcpy(buffer.device, buffer.host, bytes); });
  }
  void Download(size_t index, size_t bytes) override {
    const Buffer buffer = At(index);
    later_.push_back([=] { std::memcpy(buffer.host, buffer.device, bytes); });
  }
  void Zero(size_t index, size_t bytes) override {
    const Buffer buffer = At(index);
    later_.push_back([=] { std::memset(buffer.device, 0, bytes); });
  }
  void Launch(const BlockBody& body, uint64_t threads) override {
    if (launches_left_-- == 0) throw Fault(code::kDevice, "the device fell off the bus");
    later_.push_back([=] {
      std::visit(
          [threads](const auto& one) {
            uint64_t counts = 0;
            for (uint64_t i = threads; i > 0; --i) counts += one(i - 1);
            if (uint64_t* const total = CountsOf(one)) *total += counts;
          },
          body);
    });
  }
  void Wait() override {
    for (const auto& work : later_) work();
    later_.clear();
  }
  void Drain() noexcept override { later_.clear(); }

  int device() const override { return device_; }
  uint64_t* NewWords(size_t count) override {
    auto* words = new uint64_t[count];
    std::memset(words, 0, count * sizeof(uint64_t));
    return words;
  }
  void ReadWords(const uint64_t* words, size_t count, uint64_t* to) override {
    Wait();
    std::memcpy(to, words, count * sizeof(uint64_t));
  }
  void FreeWords(uint64_t* words) noexcept override { delete[] words; }

 private:
  using Memory = std::unique_ptr<uint64_t[]>;
  struct Pair {
    Memory host, device;
    size_t bytes = 0;
  };
  static Memory Fresh(size_t bytes) {
    Memory memory(new uint64_t[(bytes + 7) / 8]);
    std::memset(memory.get(), 0xa5, (bytes + 7) / 8 * 8);
    return memory;
  }
  Buffer At(size_t index) const {
    return {reinterpret_cast<uint8_t*>(pairs_[index].host.get()),
            reinterpret_cast<uint8_t*>(pairs_[index].device.get())};
  }

  const int device_;
  uint64_t launches_left_;
  std::vector<Pair> pairs_;
  std::vector<std::function<void()>> later_;
};

}  // namespace retemper::test
