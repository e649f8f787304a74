// An output file that is written in blocks from many threads and digested in order.
//
// Blocks may arrive in any order; each is written at once, by threads that wait for the disk where
// writing waits, and its buffer kept until it has been digested, after the bytes before it. One
// thread at a time digests, so the others go on computing. The pool of buffers bounds what waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/sha256.h"
#include "io/atomic_output.h"
#include "io/io_pool.h"
#include "io/page_buffers.h"

namespace retemper {

// A fixed set of equal buffers. A pointer anywhere into the first kDirectAlignment bytes of one
// stands for it.
class BufferPool {
 public:
  BufferPool(size_t count, size_t bytes);
  // Waits for a free one; nullptr after Stop.
  uint8_t* Take();
  void Give(uint8_t* buffer);
  void Stop();

  // Moves a pointer to a buffer to where the bytes of a file from `offset` on are to lie, so that
  // they can be written directly.
  static uint8_t* At(uint8_t* buffer, uint64_t offset) {
    return Start(buffer) + offset % kDirectAlignment;
  }

 private:
  static uint8_t* Start(uint8_t* pointer) {
    return pointer - reinterpret_cast<uintptr_t>(pointer) % kDirectAlignment;
  }
  PageBuffers memory_;
  std::mutex mutex_;
  std::condition_variable free_or_stopped_;
  std::vector<uint8_t*> free_;
  bool stopped_ = false;
};

class OutputStream {
 public:
  // Creates the file with its header.
  OutputStream(const OutputSpec& spec, Writing writing, BufferPool& buffers, IoPool& threads);
  ~OutputStream();  // waits for what is being written
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  // Writes size bytes at offset; takes the buffer over and gives it back to the pool, after Digest
  // has come to it. Throws what an earlier write threw.
  void Submit(uint64_t offset, uint8_t* buffer, size_t size);
  // Digests what was submitted to any of these streams and can be digested; two at a time, for that
  // takes hardly longer. Whoever has submitted calls this.
  static void Digest(const std::vector<OutputStream*>& streams);
  // After the last Submit: the digest of the whole file, when all is written. Throws INTERNAL if
  // bytes are missing.
  std::string Finish();
  void Sync() { file_.Sync(); }
  void Remove() noexcept { file_.Remove(); }

 private:
  struct Block {
    uint8_t* buffer;
    size_t size;
    bool digested = false, written = false;
  };
  using Blocks = std::map<uint64_t, Block>;

  void Write(Blocks::iterator block);
  // Takes the block that is to be digested next, if it is there and nobody else digests; and gives
  // it back.
  std::optional<Blocks::iterator> BeginDigest();
  void EndDigest(Blocks::iterator block);
  // With the lock held, when one of the two uses of a block has ended.
  void Done(Blocks::iterator block);

  OutputFile file_;
  BufferPool& buffers_;
  IoPool& threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Sha256 digest_;
  uint64_t next_;          // to be digested
  uint64_t flushing_ = 0;  // up to here the system was asked to write back
  size_t writing_ = 0;     // blocks
  bool digesting_ = false;
  Blocks blocks_;  // those in use, by offset
  std::exception_ptr fault_;
};

}  // namespace retemper
