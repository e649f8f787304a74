// Weights are the tile unit's left operand: 16 outputs by 32 inputs, as they lie in the mapped
// file. The right operand holds up to 16 columns of activations in bfloat16. One instruction adds,
// for every output and column, 32 exact products to a float32 sum, inputs in a fixed order; a
// column's sum does not depend on the others, so neither on how many there are.
//
// In float32, a row is three columns: x = x1 + x2 + x3 exactly, each with the 8 significant bits of
// a bfloat16, so y = w x1 + (w x2 + w x3) has float32's precision at several times the speed of
// float32 instructions. The unit treats subnormal numbers as zero (here: what is below 2^-126, in
// activations and in their parts), and an infinite weight gives NaN where a part of x is zero.
#include "nn/matmul_amx.h"

#include "cpu/product_targets.h"
#include "nn/amx_few.h"
#include "nn/amx_many.h"
#include "nn/amx_pack.h"

namespace retemper::nn {

#ifndef RETEMPER_AMX

const MatMulKernel* AmxKernel() { return nullptr; }

#else

namespace {

bool IsFewTiles(const Product& product) {
  return amx::ColumnTilesOf(product.rows, product.precision) <= amx::kFewColumnTiles;
}

Cut CutOf(const Product& product) {
  return IsFewTiles(product) ? amx::CutFew(product) : amx::CutMany(product);
}

void MultiplyParts(PartQueue& queue, uint8_t* scratch) {
  // All products of a queue have the same rows and precision.
  const bool few = IsFewTiles(FirstProduct(queue));
  (few ? amx::MultiplyFew : amx::MultiplyMany)(queue, scratch);
}

bool Handles(Dtype dtype, Precision) { return dtype == Dtype::kBF16; }

constexpr MatMulKernel kKernel = {"amx",     Handles, amx::PackedBytes,
                                  amx::Pack, CutOf,   MultiplyParts};

}  // namespace

const MatMulKernel* AmxKernel() { return HasAmx() ? &kKernel : nullptr; }

#endif

}  // namespace retemper::nn
