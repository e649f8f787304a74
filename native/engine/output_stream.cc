#include "engine/output_stream.h"

#include "core/status.h"

namespace retemper {

BufferPool::BufferPool(size_t count, size_t bytes) {
  for (size_t i = 0; i < count; ++i) {
    memory_.push_back(std::make_unique<Arena>());
    free_.push_back(static_cast<uint8_t*>(memory_.back()->Reserve(bytes)));
  }
}

uint8_t* BufferPool::Take() {
  std::unique_lock<std::mutex> lock(mutex_);
  free_or_stopped_.wait(lock, [this] { return stopped_ || !free_.empty(); });
  if (stopped_) return nullptr;
  uint8_t* buffer = free_.back();
  free_.pop_back();
  return buffer;
}

void BufferPool::Give(uint8_t* buffer) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(buffer);
  }
  free_or_stopped_.notify_one();
}

void BufferPool::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  free_or_stopped_.notify_all();
}

OutputStream::OutputStream(const OutputSpec& spec, BufferPool& pool)
    : file_(spec.path, spec.size, spec.header), pool_(&pool), next_(spec.header.size()) {
  digest_.Update(spec.header.data(), spec.header.size());
}

void OutputStream::Submit(uint64_t offset, uint8_t* buffer, size_t size) {
  file_.WriteAt(offset, buffer, size);
  file_.StartWriteback(offset, size);
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_.emplace(offset, Block{buffer, size});
  if (digesting_) return;
  digesting_ = true;
  for (auto it = waiting_.begin(); it != waiting_.end() && it->first == next_;
       it = waiting_.begin()) {
    const Block block = it->second;
    waiting_.erase(it);
    lock.unlock();
    digest_.Update(block.buffer, block.size);
    pool_->Give(block.buffer);
    lock.lock();
    next_ += block.size;
  }
  digesting_ = false;
}

std::string OutputStream::Finish() {
  if (next_ != file_.size() || !waiting_.empty()) {
    throw Fault(code::kInternal,
                "the plan does not fill the file: " + std::to_string(next_) + " of " +
                    std::to_string(file_.size()) + " bytes were written in order",
                file_.path());
  }
  return digest_.FinishHex();
}

}  // namespace retemper
