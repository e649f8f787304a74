// The queues of the devices of a merge, lent to one worker at a time.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cuda/block_queue.h"

namespace retemper {

class DevicePool {
 public:
  explicit DevicePool(BlockQueues queues) : queues_(std::move(queues)) {
    free_.reserve(queues_.queues.size());  // so that giving one back needs no memory
    for (const auto& queue : queues_.queues) free_.push_back(queue.get());
  }

  // Waits for a free queue, of any device or of one. Who holds a queue takes no second one.
  BlockQueue* Take(int device = -1) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      const auto it = std::find_if(free_.begin(), free_.end(), [device](const BlockQueue* queue) {
        return device < 0 || queue->device() == device;
      });
      if (it != free_.end()) {
        BlockQueue* queue = *it;
        free_.erase(it);
        return queue;
      }
      given_.wait(lock);
    }
  }
  void Give(BlockQueue* queue) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      free_.push_back(queue);  // the longest idle one is taken next: devices in turn
    }
    given_.notify_all();
  }

  const std::vector<std::string>& devices() const { return queues_.devices; }
  uint64_t least_elements() const { return queues_.least_elements; }

 private:
  BlockQueues queues_;
  std::mutex mutex_;
  std::condition_variable given_;
  std::vector<BlockQueue*> free_;
};

// A queue for as long as this lives; what is under way when it ends is waited for.
class QueueLease {
 public:
  explicit QueueLease(DevicePool& pool, int device = -1) : pool_(pool), queue_(pool.Take(device)) {}
  ~QueueLease() {
    queue_->Drain();
    pool_.Give(queue_);
  }
  QueueLease(const QueueLease&) = delete;
  QueueLease& operator=(const QueueLease&) = delete;
  BlockQueue* operator->() const { return queue_; }

 private:
  DevicePool& pool_;
  BlockQueue* queue_;
};

// Words of counts on every device of a pool, added up at the end.
class DeviceWords {
 public:
  DeviceWords(DevicePool& pool, size_t count) : pool_(pool), count_(count) {
    words_.reserve(pool.devices().size());
    try {
      for (size_t d = 0; d < pool.devices().size(); ++d) {
        words_.push_back(QueueLease(pool, static_cast<int>(d))->NewWords(count));
      }
    } catch (...) {
      Free();
      throw;
    }
  }
  ~DeviceWords() { Free(); }
  DeviceWords(const DeviceWords&) = delete;
  DeviceWords& operator=(const DeviceWords&) = delete;

  uint64_t* On(int device) const { return words_[static_cast<size_t>(device)]; }
  std::vector<uint64_t> Sum() const {
    std::vector<uint64_t> sum(count_, 0), one(count_);
    for (size_t d = 0; d < words_.size(); ++d) {
      QueueLease(pool_, static_cast<int>(d))->ReadWords(words_[d], count_, one.data());
      for (size_t i = 0; i < count_; ++i) sum[i] += one[i];
    }
    return sum;
  }

 private:
  void Free() {
    for (size_t d = 0; d < words_.size(); ++d) {
      QueueLease(pool_, static_cast<int>(d))->FreeWords(words_[d]);
    }
  }

  DevicePool& pool_;
  size_t count_;
  std::vector<uint64_t*> words_;  // a device
};

}  // namespace retemper
