#include "engine/output_stream.h"

#include <functional>
#include <new>
#include <utility>

#include "core/status.h"

namespace retemper {

namespace {
// How much the system is asked to write back at once: small pieces cost it more than the disk.
constexpr uint64_t kFlush = 8 << 20;
}  // namespace

BufferPool::BufferPool(size_t count, size_t bytes) : memory_(count, bytes + kDirectAlignment) {
  for (size_t i = count; i > 0; --i) free_.push_back(memory_.at(i - 1));
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
    free_.push_back(Start(buffer));
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

OutputStream::OutputStream(const OutputSpec& spec, Writing writing, BufferPool& buffers,
                           IoPool& threads)
    : file_(spec.path, spec.size, spec.header, writing),
      buffers_(buffers),
      threads_(threads),
      next_(spec.header.size()) {
  digest_.Update(spec.header.data(), spec.header.size());
}

OutputStream::~OutputStream() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return writing_ == 0; });
}

void OutputStream::Submit(uint64_t offset, uint8_t* buffer, size_t size) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto [block, fresh] = blocks_.emplace(offset, Block{buffer, size});
  if (!fresh) throw Fault(code::kInternal, "two blocks start at one byte", file_.path());
  ++writing_;
  lock.unlock();
  std::function<void()> job;
  if (file_.direct()) {
    try {
      job = [this, block = block] { Write(block); };
    } catch (const std::bad_alloc&) {
      // This thread writes.
    }
  }
  if (job) {
    threads_.Post(std::move(job), true);
  } else {
    Write(block);
  }
  lock.lock();
  if (fault_ != nullptr) std::rethrow_exception(fault_);
}

void OutputStream::Write(Blocks::iterator block) {
  std::exception_ptr fault;
  try {
    file_.WriteAt(block->first, block->second.buffer, block->second.size);
  } catch (...) {
    fault = std::current_exception();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (fault_ == nullptr) fault_ = fault;
  block->second.written = true;
  Done(block);
  --writing_;
  changed_.notify_all();
}

void OutputStream::Digest(const std::vector<OutputStream*>& streams) {
  struct Taken {
    OutputStream* stream;
    Blocks::iterator block;
  };
  for (;;) {
    std::optional<Taken> waiting;
    bool any = false;
    const auto update = [](const Taken& taken) {
      const Block& block = taken.block->second;
      taken.stream->digest_.Update(block.buffer, block.size);
      taken.stream->EndDigest(taken.block);
    };
    for (OutputStream* stream : streams) {
      const auto block = stream->BeginDigest();
      if (!block) continue;
      any = true;
      const Taken taken = {stream, *block};
      if (!waiting) {
        waiting = taken;
        continue;
      }
      const Block& one = waiting->block->second;
      const Block& other = taken.block->second;
      if (one.size != other.size) {
        update(taken);
        continue;
      }
      Sha256::UpdateTwo(waiting->stream->digest_, one.buffer, stream->digest_, other.buffer,
                        one.size);
      waiting->stream->EndDigest(waiting->block);
      stream->EndDigest(taken.block);
      waiting.reset();
    }
    if (waiting) update(*waiting);
    if (!any) return;
  }
}

std::optional<OutputStream::Blocks::iterator> OutputStream::BeginDigest() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (digesting_) return std::nullopt;
  const auto block = blocks_.find(next_);
  if (block == blocks_.end()) return std::nullopt;
  digesting_ = true;
  return block;
}

void OutputStream::EndDigest(Blocks::iterator block) {
  std::unique_lock<std::mutex> lock(mutex_);
  next_ += block->second.size;
  block->second.digested = true;
  Done(block);
  if (!file_.direct() && next_ - flushing_ >= kFlush) {
    const uint64_t from = std::exchange(flushing_, next_), size = next_ - from;
    lock.unlock();
    file_.StartWriteback(from, size);
    lock.lock();
  }
  digesting_ = false;
}

void OutputStream::Done(Blocks::iterator block) {
  if (!block->second.digested || !block->second.written) return;
  buffers_.Give(block->second.buffer);
  blocks_.erase(block);
}

std::string OutputStream::Finish() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return writing_ == 0; });
  if (fault_ != nullptr) std::rethrow_exception(fault_);
  if (next_ != file_.size() || !blocks_.empty()) {
    throw Fault(code::kInternal,
                "the plan does not fill the file: " + std::to_string(next_) + " of " +
                    std::to_string(file_.size()) + " bytes were written in order",
                file_.path());
  }
  return digest_.FinishHex();
}

}  // namespace retemper
