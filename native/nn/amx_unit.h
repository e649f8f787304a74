// The tile unit of recent Intel processors (AMX): eight registers of 16 rows of 64 bytes. Inline
// assembly rather than the compiler's intrinsics, which do not say what memory they read.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_AMX 1

namespace retemper::nn::amx {

inline constexpr size_t kTileRows = 16;
inline constexpr size_t kTileBytes = 1024;
inline constexpr size_t kTileFloats = 256;

// Tiles of 16 rows; with fewer than 16 columns, tiles other than `whole` have 4 * columns bytes a
// row. Without tiles in use a switch of threads has less to save: whoever configures releases.
class TilesInUse {
 public:
  explicit TilesInUse(size_t columns = 16, int whole = 4) {
    struct alignas(64) {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (int tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = static_cast<uint16_t>(tile == whole ? 64 : columns * 4);
      config.rows[tile] = kTileRows;
    }
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  ~TilesInUse() { asm volatile("tilerelease"); }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
};

template <int kTile>
inline void Load(const void* from, size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
}
// The same for what streams by: it leaves the first-level cache to what is used again.
template <int kTile>
inline void LoadOnce(const void* from, size_t stride) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline void Store(void* to, size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline void Zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
// sum[m][n] += the 32 products of row m of the weights and column n of the activations.
template <int kSum, int kWeights, int kActivations>
inline void Multiply() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kWeights),
               "i"(kActivations));
}

}  // namespace retemper::nn::amx

#endif
