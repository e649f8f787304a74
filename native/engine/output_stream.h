// An output file that is written in blocks from many threads and digested in order.
//
// Blocks may arrive in any order; each is written at once and its buffer kept until the bytes
// before it have been digested. One thread at a time digests, so the others go on computing. The
// pool of buffers bounds what waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/plan.h"
#include "core/sha256.h"
#include "engine/worker.h"
#include "io/atomic_output.h"

namespace retemper {

// A fixed set of equal buffers.
class BufferPool {
 public:
  BufferPool(size_t count, size_t bytes);
  // Waits for a free one; nullptr after Stop.
  uint8_t* Take();
  void Give(uint8_t* buffer);
  void Stop();

 private:
  std::mutex mutex_;
  std::condition_variable free_or_stopped_;
  std::vector<std::unique_ptr<Arena>> memory_;
  std::vector<uint8_t*> free_;
  bool stopped_ = false;
};

class OutputStream {
 public:
  // Creates the file with its header.
  OutputStream(const OutputSpec& spec, BufferPool& pool);
  // Writes size bytes at offset; takes the buffer over and gives it back to the pool.
  void Submit(uint64_t offset, uint8_t* buffer, size_t size);
  // After the last Submit: the digest of the whole file. Throws INTERNAL if bytes are missing.
  std::string Finish();
  void Sync() { file_.Sync(); }
  void Remove() noexcept { file_.Remove(); }

 private:
  struct Block {
    uint8_t* buffer;
    size_t size;
  };
  OutputFile file_;
  BufferPool* pool_;
  std::mutex mutex_;
  Sha256 digest_;
  uint64_t next_;
  bool digesting_ = false;
  std::map<uint64_t, Block> waiting_;
};

}  // namespace retemper
