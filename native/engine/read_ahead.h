// Reads what the next units need while the present ones are computed: what the page cache has is
// left in its mapping, the rest is read in by threads that wait for the disk, as far ahead as a
// fixed set of buffers goes. Only a hint: what is not there when a unit runs, the unit reads by
// itself.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/worker.h"
#include "io/io_pool.h"
#include "io/mapping.h"
#include "io/page_buffers.h"

namespace retemper {

// Stored bytes that a unit reads from front to back, for one of its read windows.
struct ReadRange {
  size_t slot = 0;
  uint32_t input = 0;
  uint64_t offset = 0;
  size_t size = 0;
};

// What one unit reads. `once`: no later unit of this tensor reads it again.
struct UnitReads {
  std::vector<ReadRange> ranges;
  bool once = false;
};

class ReadAhead {
 public:
  // `buffers` of `buffer_bytes` each, taken when a file is not in memory; 0: none.
  ReadAhead(const std::vector<InputFile>& inputs, IoPool& pool, size_t buffers,
            size_t buffer_bytes);
  ~ReadAhead();  // waits for what is under way
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Units are numbered in the order in which they will be taken; `describe` may be called from any
  // thread, one at a time.
  void Start(uint64_t units, std::function<UnitReads(uint64_t unit)> describe);
  // Waits for what was read ahead for a unit and gives it to the worker. Throws what reading threw.
  // Each unit once, from any thread.
  void Take(uint64_t unit, Worker& worker);
  // After the unit: its buffers are used again.
  void Release(uint64_t unit, Worker& worker);

 private:
  static constexpr uint64_t kUnitsAhead = 32;

  struct Item {
    ReadRange range;
    InputFile::Way way;
    uint8_t* buffer = nullptr;
    const uint8_t* data = nullptr;
  };
  struct Entry {
    std::vector<Item> items;
    size_t pending = 0;
    std::exception_ptr fault;
  };
  struct Described {
    uint64_t unit = 0;
    Entry entry;
    size_t copies = 0;
  };

  // Both are called and return with the lock held.
  void Feed(std::unique_lock<std::mutex>& lock);
  void Begin(Described described, std::unique_lock<std::mutex>& lock);
  // The buffers, or none where there is no memory for them; with the lock held.
  void TakeMemory();
  Described Describe(uint64_t unit) const;
  void Read(Entry& entry, Item& item);

  const std::vector<InputFile>& inputs_;
  IoPool& pool_;
  size_t buffers_;
  const size_t buffer_bytes_;
  std::function<UnitReads(uint64_t)> describe_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<PageBuffers> memory_;
  std::vector<uint8_t*> free_;
  std::map<uint64_t, Entry> entries_;
  std::optional<Described> waiting_;  // for buffers
  uint64_t units_ = 0, next_ = 0, taken_ = 0;
  size_t under_way_ = 0;
  bool feeding_ = false;
};

}  // namespace retemper
