// Equal buffers in one piece of memory, aligned for direct transfers, with huge pages where the
// system gives them: transfers then pin few pages, and the first touch is quick.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "core/divide_up.h"
#include "io/direct_io.h"

namespace retemper {

class PageBuffers {
 public:
  PageBuffers(size_t count, size_t bytes) : count_(count), each_(RoundUp(bytes, kDirectAlignment)) {
    constexpr size_t kHuge = size_t{2} << 20;
    const size_t all = RoundUp(count_ * each_, kDirectAlignment);
    if (all == 0) return;
    const bool huge = all >= 2 * kHuge;
    const size_t taken = huge ? RoundUp(all, kHuge) : all;
    void* memory = std::aligned_alloc(huge ? kHuge : kDirectAlignment, taken);
    if (memory == nullptr) throw std::bad_alloc();
    memory_.reset(static_cast<uint8_t*>(memory));
#ifdef MADV_HUGEPAGE
    if (huge) ::madvise(memory, taken, MADV_HUGEPAGE);
#endif
  }
  size_t count() const { return count_; }
  size_t bytes() const { return each_; }
  uint8_t* at(size_t index) const { return memory_.get() + index * each_; }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  size_t count_, each_;
  std::unique_ptr<uint8_t, Free> memory_;
};

}  // namespace retemper
