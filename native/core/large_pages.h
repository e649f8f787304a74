// Memory in large pages where the system gives them: what is gone through again and again has its
// translations at hand, and is there after fewer faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core/divide_up.h"

namespace retemper {

inline constexpr size_t kLargePage = 2 << 20;

struct FreeLargePages {
  void operator()(uint8_t* p) const { ::operator delete[](p, std::align_val_t{kLargePage}); }
};
using LargePages = std::unique_ptr<uint8_t[], FreeLargePages>;

// At least `bytes`, in whole pages; not initialised. Throws std::bad_alloc.
inline LargePages AllocateLargePages(size_t bytes) {
  bytes = RoundUp(bytes, kLargePage);
  LargePages made(static_cast<uint8_t*>(::operator new[](bytes, std::align_val_t{kLargePage})));
#if defined(__linux__)
  madvise(made.get(), bytes, MADV_HUGEPAGE);
#endif
  return made;
}

}  // namespace retemper
