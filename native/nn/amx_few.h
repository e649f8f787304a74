// Products of few columns of activations on the tile unit: weights come from memory straight into
// tiles, once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/amx_unit.h"
#include "nn/matmul_kernel.h"

#ifdef RETEMPER_AMX

namespace retemper::nn::amx {

// The most tiles of columns that MultiplyFew multiplies by: one register for each one's sums.
inline constexpr size_t kFewColumnTiles = 6;

// MatMulKernel's, for products of at most kFewColumnTiles.
Cut CutFew(const Product& product);
void MultiplyFew(PartQueue& queue, uint8_t* scratch);

}  // namespace retemper::nn::amx

#endif
