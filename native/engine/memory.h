// What a merge may take of memory, before it starts: how many workers a limit allows, and what is
// then left for what makes it faster.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan.h"

namespace retemper {

// Threads that wait for the disk.
inline constexpr unsigned kIoThreads = 8;

struct Memory {
  unsigned workers = 1;
  uint64_t in_writing = 0;   // buffers beyond those of the workers that may wait for the disk
  uint64_t ahead_bytes = 0;  // for what is read ahead
  uint64_t kept_bytes = 0;   // for what phases keep for later ones, of all tensors together
};

// `variants` buffers of `largest` bytes are what a unit writes, `pinned` bytes are taken already.
// Throws OUT_OF_MEMORY where the plan's limit is too small for one worker.
Memory ShareMemory(const Plan& plan, unsigned workers, size_t variants, uint64_t largest,
                   uint64_t pinned);

// Bytes of a buffer that holds what a unit reads of any source.
uint64_t AheadBuffer(const Plan& plan);

}  // namespace retemper
