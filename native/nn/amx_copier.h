// Copies weights to where the tile unit reads them again and again, a little at each step of other
// work: the vector unit has time while tiles are multiplied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/divide_up.h"
#include "nn/amx_unit.h"

#ifdef RETEMPER_AMX

namespace retemper::nn::amx {

// `panels` times 16 rows of `blocks` lines (64 bytes: 32 weights) each, `stride` bytes apart, to
// tiles [block][panel], over `steps` steps. The processor must have AVX-512.
class Copier {
 public:
  Copier() = default;
  Copier(const uint8_t* from, size_t stride, size_t panels, size_t blocks, size_t steps,
         uint8_t* to)
      : from_(from),
        to_(to),
        row_end_(to + panels * blocks * kTileBytes),
        from_jump_(stride - 64 * blocks),
        to_step_(panels * kTileBytes),
        to_jump_(panels * blocks * kTileBytes - 64),
        rows_(blocks == 0 ? 0 : panels * kTileRows),
        lines_(DivideUp(panels * kTileRows * blocks, steps)) {}
  [[gnu::always_inline]] void Step() {
    for (size_t i = 0; i < lines_ && rows_ > 0; ++i) CopyLine();
  }
  void Finish() {
    while (rows_ > 0) CopyLine();
  }

 private:
  [[gnu::always_inline]] void CopyLine() {
    CopyBytes(from_, to_);
    from_ += 64;
    to_ += to_step_;
    if (to_ < row_end_) return;
    from_ += from_jump_;
    to_ -= to_jump_;
    row_end_ += 64;
    --rows_;
  }
  // Code that is compiled for any processor does not use register 31.
  [[gnu::always_inline]] static void CopyBytes(const uint8_t* from, uint8_t* to) {
    asm volatile("vmovdqu64 (%0), %%zmm31\n\tvmovdqa64 %%zmm31, (%1)" ::"r"(from), "r"(to)
                 : "memory");
  }

  const uint8_t* from_ = nullptr;
  uint8_t* to_ = nullptr;
  uint8_t* row_end_ = nullptr;
  size_t from_jump_ = 0, to_step_ = 0, to_jump_ = 0, rows_ = 0, lines_ = 0;
};

}  // namespace retemper::nn::amx

#endif
