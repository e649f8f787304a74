// Products of many columns of activations on the tile unit: weights are copied, two panels of 16
// outputs and some blocks at once, which stay in the first-level cache while activations stream by
// from the second; meanwhile the next ones are copied, and those after them fetched from memory.
#pragma once

#include <cstdint>

#include "nn/amx_unit.h"
#include "nn/matmul_kernel.h"

#ifdef RETEMPER_AMX

namespace retemper::nn::amx {

// MatMulKernel's, for products of more than kFewColumnTiles tiles of columns.
Cut CutMany(const Product& product);
void MultiplyMany(PartQueue& queue, uint8_t* scratch);

}  // namespace retemper::nn::amx

#endif
