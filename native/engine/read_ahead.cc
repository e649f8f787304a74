#include "engine/read_ahead.h"

#include <algorithm>
#include <new>
#include <utility>

namespace retemper {

ReadAhead::ReadAhead(const std::vector<InputFile>& inputs, IoPool& pool, size_t buffers,
                     size_t buffer_bytes)
    : inputs_(inputs), pool_(pool), buffers_(buffers), buffer_bytes_(buffer_bytes) {}

ReadAhead::~ReadAhead() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return under_way_ == 0 && !feeding_; });
}

void ReadAhead::Start(uint64_t units, std::function<UnitReads(uint64_t)> describe) {
  std::unique_lock<std::mutex> lock(mutex_);
  describe_ = std::move(describe);
  units_ = units;
  Feed(lock);
}

void ReadAhead::Take(uint64_t unit, Worker& worker) {
  std::unique_lock<std::mutex> lock(mutex_);
  taken_ = std::max(taken_, unit + 1);
  // Whoever feeds does not wait for anything; a unit that it has not come to reads by itself.
  changed_.wait(lock, [&] { return !feeding_ || unit < next_; });
  if (unit >= next_) {
    next_ = unit + 1;
    if (waiting_ && waiting_->unit < next_) waiting_.reset();
  }
  const auto it = entries_.find(unit);
  if (it != entries_.end()) {
    Entry& entry = it->second;
    changed_.wait(lock, [&entry] { return entry.pending == 0; });
    if (entry.fault != nullptr) std::rethrow_exception(entry.fault);
    for (const Item& item : entry.items) {
      worker.Supply(item.range.slot, inputs_[item.range.input], item.range.offset, item.range.size,
                    item.data);
    }
  }
  Feed(lock);
}

void ReadAhead::Release(uint64_t unit, Worker& worker) {
  worker.ClearSupply();
  std::unique_lock<std::mutex> lock(mutex_);
  const auto it = entries_.find(unit);
  if (it == entries_.end()) return;
  for (const Item& item : it->second.items) {
    if (item.buffer != nullptr) free_.push_back(item.buffer);
  }
  entries_.erase(it);
  Feed(lock);
}

void ReadAhead::Feed(std::unique_lock<std::mutex>& lock) {
  if (feeding_) return;
  // However this ends, others do not wait for it any longer.
  struct End {
    ReadAhead& reads;
    std::unique_lock<std::mutex>& lock;
    ~End() {
      if (!lock.owns_lock()) lock.lock();
      reads.feeding_ = false;
      reads.changed_.notify_all();
    }
  } const end{*this, lock};
  feeding_ = true;
  while (next_ < units_ && next_ < taken_ + kUnitsAhead) {
    if (!waiting_) {
      const uint64_t unit = next_;
      lock.unlock();
      Described described = Describe(unit);
      lock.lock();
      waiting_ = std::move(described);
    }
    if (waiting_->copies > 0 && !memory_) TakeMemory();
    if (waiting_->copies > buffers_) {  // more than there will ever be
      std::erase_if(waiting_->entry.items,
                    [](const Item& item) { return item.way == InputFile::Way::kCopy; });
      waiting_->copies = 0;
    }
    if (waiting_->copies > free_.size()) break;
    Described described = std::move(*waiting_);
    waiting_.reset();
    ++next_;
    Begin(std::move(described), lock);
  }
}

void ReadAhead::TakeMemory() {
  try {
    free_.reserve(buffers_);
    memory_.emplace(buffers_, buffer_bytes_);
    for (size_t i = 0; i < buffers_; ++i) free_.push_back(memory_->at(i));
  } catch (const std::bad_alloc&) {
    buffers_ = 0;  // then nothing is read ahead that has to be copied
  }
}

ReadAhead::Described ReadAhead::Describe(uint64_t unit) const {
  Described described;
  described.unit = unit;
  const UnitReads reads = describe_(unit);
  for (const ReadRange& range : reads.ranges) {
    const InputFile& file = inputs_[range.input];
    const InputFile::Way way = file.WayOf(range.offset, range.size, reads.once);
    if (way == InputFile::Way::kCopy) {
      if (range.size + 2 * kDirectAlignment > buffer_bytes_) continue;
      ++described.copies;
    }
    described.entry.items.push_back({range, way, nullptr, nullptr});
  }
  return described;
}

void ReadAhead::Begin(Described described, std::unique_lock<std::mutex>& lock) {
  if (described.entry.items.empty()) return;
  Entry& entry = entries_[described.unit];
  entry = std::move(described.entry);
  for (Item& item : entry.items) {
    if (item.way == InputFile::Way::kMapped) {
      item.data = inputs_[item.range.input].Mapped(item.range.offset);
      continue;
    }
    if (item.way == InputFile::Way::kCopy) {
      item.buffer = free_.back();
      free_.pop_back();
    }
    ++entry.pending;
    ++under_way_;
  }
  // Without the lock: where no thread can be started, the job runs here.
  lock.unlock();
  for (Item& item : entry.items) {
    if (item.way == InputFile::Way::kMapped) continue;
    const auto read = [this, &entry, &item] { Read(entry, item); };
    std::function<void()> job;
    try {
      job = read;
    } catch (const std::bad_alloc&) {
      read();
      continue;
    }
    pool_.Post(std::move(job), false);
  }
  lock.lock();
}

void ReadAhead::Read(Entry& entry, Item& item) {
  const uint8_t* data = nullptr;
  std::exception_ptr fault;
  try {
    const InputFile& file = inputs_[item.range.input];
    data = item.way == InputFile::Way::kCopy
               ? file.ReadInto(item.range.offset, item.range.size, item.buffer)
               : file.Read(item.range.offset, item.range.size, nullptr);
  } catch (...) {
    fault = std::current_exception();
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    item.data = data;
    if (fault != nullptr && entry.fault == nullptr) entry.fault = fault;
    --entry.pending;
    --under_way_;
    changed_.notify_all();
  }
}

}  // namespace retemper
