// What MatMul asks of an instruction set: one record of functions for each way to multiply.
//
// A product is made of three steps. The activations are packed once, in groups of rows, into the
// form in which this kernel reads them. Then blocks of outputs, each for some of the row groups,
// are multiplied by whoever is free. How a product is cut never changes a sum: each y[r][o] is
// summed over all inputs by one thread, in the kernel's fixed order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/matmul.h"

namespace retemper::nn {

struct Product {
  Matrix w;
  const float* bias = nullptr;  // may be null
  float* y = nullptr;
  size_t y_stride = 0;
  size_t rows = 0;
  Precision precision = Precision::kFloat32;
  const uint8_t* packed = nullptr;  // all activations, packed
};

// How to cut a product: a part is `row_step` rows times `out_step` outputs, or a small multiple of
// them (at the ends, fewer).
struct Cut {
  size_t row_step;
  size_t out_step;
  size_t scratch_bytes;  // that each thread needs for any part
};

struct Part {
  const Product* product;
  size_t first_row, end_row, first_out, end_out;
};

// Hands out the parts of some products to all threads.
class PartQueue;
bool TakePart(PartQueue& queue, Part& part);
const Product& FirstProduct(const PartQueue& queue);

struct MatMulKernel {
  const char* name;
  bool (*handles)(Dtype dtype, Precision precision);
  // Rows [16 g, 16 g + 16) of x are packed by pack(..., g, ...), into `packed_bytes` for all rows.
  size_t (*packed_bytes)(const Matrix& w, size_t rows, Precision precision);
  void (*pack)(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision precision,
               size_t group, uint8_t* packed);
  Cut (*cut)(const Product& product);
  // Multiplies parts until none is left.
  void (*multiply)(PartQueue& queue, uint8_t* scratch);
};

inline constexpr size_t kRowsOfAGroup = 16;

// The kernels that this processor runs, slowest first, by name: "baseline", "avx2", "avx512",
// "avx512_bf16", "amx"; "neon", "neon_bf16". The last two of the former and the last of the latter
// handle only what they say, the others everything.
const std::vector<const MatMulKernel*>& AvailableMatMulKernels();

// MatMul on a kernel that handles the layers' dtypes in this precision: for tests and measurements.
void MatMulWith(const MatMulKernel& kernel, Pool& pool, std::span<const Linear> layers,
                const float* x, size_t x_stride, size_t rows, Precision precision);

}  // namespace retemper::nn
