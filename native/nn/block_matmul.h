// y = x W^T for weights in blocks (core/block_format.h), multiplied as they are stored: activations
// are rounded to 8 bits, products are sums of whole numbers, and memory is read as the file has it,
// or in the order in which a kernel multiplies: packed, which is a good deal faster.
//
// What a product is, whichever instruction set computes it. Each row of x is cut into blocks of 32
// values: d = max |x| / 127, q = x (127 / max |x|) rounded to nearest even, s = d sum(q). A block
// that holds no finite maximum is NaN, one whose maximum is below 2^-100 is zero. For every block
// of 32 weights (of larger blocks: a group of 32), with the codes c, the scale f and the minimum m
// that cpu/decode_blocks-inl.h says:
//   Q8_0, Q4_0, Q5_0,
//   INT8, INT4              t = float(sum (c - offset) q) (f d)
//   Q4_1, Q5_1, Q4_K, Q5_K  t = float(sum c q) (f d) + m s
//   Q6_K                    t = float(a sum' (c - 32) q + b sum'' (c - 32) q) (f d)
// with the sums of a block's two halves, their scales a and b, and f the scale of these. All sums
// of whole numbers are exact, all else is float32, each operation rounded once. y is the sum of the
// t from the first block to the last, and the bias then. So the bits are the same for any number of
// rows and threads and on every processor, of packed weights too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/block_format.h"
#include "nn/pool.h"

namespace retemper::nn {

// Rows of whole blocks, one an output, at any alignment; or packed.
struct BlockRows {
  const uint8_t* data = nullptr;
  BlockFormat format = BlockFormat::kNone;
  size_t out = 0;
  size_t in = 0;  // a multiple of the block's elements
  // Of outputs in groups of so many, the rows of the two halves are stored in turn
  // (Encoding::interleave). 0: in order; else even, and it divides `out`.
  size_t interleave = 0;
  // `data` is what PackBlocks wrote for the kernel that multiplies: in the order of the outputs.
  bool packed = false;

  size_t RowBytes() const { return in / FactsOf(format).elements * FactsOf(format).bytes; }
};

// y[r * y_stride + o] for all rows of x. `bias` may be null.
struct BlockLinear {
  BlockRows w;
  const float* bias = nullptr;
  float* y = nullptr;
  size_t y_stride = 0;
};

// What multiplies on an instruction set.
struct BlockKernel;

// Those that this processor runs, slowest first: "baseline", "avx2", "avx_vnni", "avx512_vnni";
// "neon", "neon_dot".
std::vector<const BlockKernel*> AvailableBlockKernels();
const char* NameOf(const BlockKernel& kernel);
// The fastest; or, where RETEMPER_FORCE_TARGET names a target, the fastest that has no more
// instructions than it. "avx512_bf16", "amx" and "neon_bf16" allow all: every processor known to
// have these multiplies bytes too.
const BlockKernel& ChooseBlockKernel();

// Packed rows: panels of so many outputs as the kernel multiplies side by side, in which the same
// parts of a block of each of them lie side by side. As many bytes as the rows have, but the last
// panel is filled up. A kernel reads what was packed for it alone.
size_t PackedBlockBytes(const BlockKernel& kernel, const BlockRows& rows);
// Packs stored rows into `to`, which has PackedBlockBytes bytes, at a multiple of 64. They may be
// those that hold the rows, which then must not be interleaved.
void PackBlocks(const BlockKernel& kernel, Pool& pool, const BlockRows& from, uint8_t* to);
// The stored bytes of one output again, RowBytes in all.
void UnpackBlockRow(const BlockKernel& kernel, const BlockRows& packed, size_t out, uint8_t* to);

// Several layers of the same x, which all have as many inputs; formats may differ. x and the
// outputs do not overlap. Any number of rows; 0 does nothing.
void BlockMatMul(const BlockKernel& kernel, Pool& pool, std::span<const BlockLinear> layers,
                 const float* x, size_t x_stride, size_t rows);

}  // namespace retemper::nn
