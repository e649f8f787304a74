// Asks for memory ahead of time, a little at each step of other work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/divide_up.h"

namespace retemper::nn {

// The cache lines of `rows` pieces of `row_bytes` bytes, `stride` apart, over `steps` steps.
// kWrite and kLocality are those of the compiler's __builtin_prefetch.
template <int kWrite, int kLocality>
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const void* from, size_t row_bytes, size_t stride, size_t rows, size_t steps)
      : line_(static_cast<const uint8_t*>(from)),
        row_end_(line_ + row_bytes),
        stride_(stride),
        row_bytes_(row_bytes),
        rows_(rows),
        lines_(DivideUp(rows * DivideUp(row_bytes, 64), steps)) {}
  [[gnu::always_inline]] void Step() {
    for (size_t i = 0; i < lines_ && rows_ > 0; ++i) {
      __builtin_prefetch(line_, kWrite, kLocality);
      line_ += 64;
      if (line_ < row_end_) continue;
      row_end_ += stride_;
      line_ = row_end_ - row_bytes_;
      --rows_;
    }
  }

 private:
  const uint8_t* line_ = nullptr;
  const uint8_t* row_end_ = nullptr;
  size_t stride_ = 0, row_bytes_ = 0, rows_ = 0, lines_ = 0;
};

// For reading by this core alone: into the second-level cache. For writing: into the first.
using ReadAhead = Prefetcher<0, 2>;
using WriteAhead = Prefetcher<1, 3>;

}  // namespace retemper::nn
