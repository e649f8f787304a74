// What one thread of a merge owns: scratch tiles, read windows and the buffers of the block that it
// writes.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "cpu/kernels.h"
#include "io/mapping.h"

namespace retemper {

// Cache-line aligned memory that grows and is reused.
class Arena {
 public:
  void* Reserve(size_t bytes) {
    if (bytes > size_) {
      const size_t rounded = (bytes + 4095) / 4096 * 4096;
      memory_.reset();
      size_ = 0;
      void* fresh = std::aligned_alloc(4096, rounded);
      if (fresh == nullptr) throw std::bad_alloc();
      memory_.reset(fresh);
      size_ = rounded;
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> memory_;
  size_t size_ = 0;
};

class Worker {
 public:
  explicit Worker(unsigned index) : index(index) {}

  // `count` tiles of kTile elements each; the contents of an earlier call are lost.
  template <class T>
  T* Tiles(size_t count) {
    return static_cast<T*>(tiles_.Reserve(count * kTile * sizeof(T)));
  }
  // Whole rows and their ranks, for methods that need a row at once.
  void* Rows(size_t bytes) { return rows_.Reserve(bytes); }
  uint32_t* Draws() { return static_cast<uint32_t*>(draws_.Reserve(kTile * sizeof(uint32_t))); }
  // Scratch of loading: independent of Tiles, one at a time.
  void* Loading(size_t bytes) { return loading_.Reserve(bytes); }

  // What a low-rank product gave for some rows, kept for the tiles that come next, in cells of
  // columns: one set an operand.
  struct Cells {
    uint64_t owner = 0;           // whose they are; 0: nobody's
    std::vector<uint64_t> first;  // the first row of each cell
    Arena memory;
  };
  Cells& CellsOf(size_t slot) {
    if (slot >= cells_.size()) cells_.resize(slot + 1);
    return cells_[slot];
  }

  // Rows of a transposed range, kept for the tiles that come next: one band an operand.
  struct Band {
    const void* owner = nullptr;  // the range; nullptr: nobody's
    uint64_t number = 0;
    Arena memory;
  };
  Band& BandOf(size_t slot) {
    if (slot >= bands_.size()) bands_.resize(slot + 1);
    return bands_[slot];
  }

  // Bytes [offset, offset + size) of `file`, by this thread's window of `slot`: a populated part of
  // the mapping or a buffer. A window reaches ahead up to `end`, so that consecutive tiles cost one
  // system call a window.
  const uint8_t* Fetch(const InputFile& file, size_t slot, uint64_t offset, size_t size,
                       uint64_t end);
  // The same for what belongs to an operand beside its elements (scales): a window for each
  // `channel` from 1 on.
  const uint8_t* FetchBeside(const InputFile& file, size_t slot, size_t channel, uint64_t offset,
                             size_t size, uint64_t end);
  // While one lives, Fetch reads and low-rank products make no more than they are asked for (if
  // `only_asked`).
  class Reach {
   public:
    Reach(Worker& worker, bool only_asked) : worker_(worker), before_(worker.only_asked_) {
      worker_.only_asked_ = only_asked;
    }
    ~Reach() { worker_.only_asked_ = before_; }
    Reach(const Reach&) = delete;
    Reach& operator=(const Reach&) = delete;

   private:
    Worker& worker_;
    const bool before_;
  };
  bool OnlyAsked() const { return only_asked_; }
  // What Fetch finds for a slot without asking the system, until it is cleared.
  void Supply(size_t slot, const InputFile& file, uint64_t offset, size_t size,
              const uint8_t* data) {
    if (slot >= supply_.size()) supply_.resize(slot + 1);
    supply_[slot] = {&file, offset, offset + size, data};
  }
  void ClearSupply() { supply_.clear(); }
  // The bytes, if they were supplied; else nullptr.
  const uint8_t* Supplied(const InputFile& file, size_t slot, uint64_t offset, size_t size) const {
    if (slot >= supply_.size()) return nullptr;
    const Range& s = supply_[slot];
    if (s.file != &file || offset < s.begin || offset + size > s.end) return nullptr;
    return s.data + (offset - s.begin);
  }

  const unsigned index;
  std::vector<uint8_t*> out;  // one buffer a variant

 private:
  struct Range {
    const InputFile* file = nullptr;
    uint64_t begin = 0, end = 0;
    const uint8_t* data = nullptr;
  };
  struct Window {
    const InputFile* file = nullptr;
    uint64_t begin = 0, end = 0;
    const uint8_t* data = nullptr;
    Arena memory;
  };
  const uint8_t* FetchBy(Window& window, const InputFile& file, uint64_t offset, size_t size,
                         uint64_t end);

  Arena tiles_, rows_, draws_, loading_;
  std::vector<Window> windows_;
  std::vector<std::vector<Window>> beside_;
  std::vector<Band> bands_;
  std::vector<Range> supply_;
  std::vector<Cells> cells_;
  bool only_asked_ = false;
};

}  // namespace retemper
