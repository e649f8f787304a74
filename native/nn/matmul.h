// y = x W^T for activations in float32 and weights as they lie in the checkpoint.
//
// Order of summation: every y[r][o] is one dot product over the inputs, summed in an order that
// depends on W's number of inputs and dtype, the precision and the processor: not on how many rows
// there are, how many threads work, or which row this is. So a sequence gives the same logits alone
// and in any batch, and the decoding of a prompt continues exactly where its prefill ended. On
// another kind of processor the last bits may differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

#include "core/dtype.h"
#include "nn/pool.h"

namespace retemper::nn {

enum class Precision {
  kFloat32,   // activations as they are, weights widened: float32 products and sums
  kBfloat16,  // activations rounded to bfloat16 first; products exact, sums in float32
};

// Memory at 64 bytes alignment that grows to what was asked for and stays.
class AlignedBytes {
 public:
  // The contents are lost. Throws std::bad_alloc.
  uint8_t* Reserve(size_t bytes) {
    if (bytes > size_) {
      const size_t rounded = (bytes + 4095) / 4096 * 4096;
      memory_.reset();
      size_ = 0;
      memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(64, rounded)));
      if (memory_ == nullptr) throw std::bad_alloc();
      size_ = rounded;
    }
    return memory_.get();
  }
  size_t size() const { return size_; }
  const uint8_t* data() const { return memory_.get(); }
  uint8_t* data() { return memory_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  size_t size_ = 0;
};

// A weight matrix in a mapped file, [out, in] row-major, or [in, out] where `in_major` (GPT-2).
// `data` may be aligned to its element only.
struct Matrix {
  const uint8_t* data = nullptr;
  Dtype dtype = Dtype::kBF16;  // bf16, f16 or f32
  size_t out = 0;
  size_t in = 0;
  bool in_major = false;
};

// The same bytes as the matrix of the opposite direction.
constexpr Matrix Transposed(const Matrix& w) { return {w.data, w.dtype, w.in, w.out, !w.in_major}; }

// For r < rows, o < w.out: y[r * y_stride + o] = sum_i x[r * x_stride + i] * w[o][i] (+ bias[o]).
// `bias` may be null. x and y do not overlap. Any number of rows; 0 does nothing.
void MatMul(Pool& pool, const Matrix& w, const float* bias, const float* x, size_t x_stride,
            size_t rows, float* y, size_t y_stride, Precision precision);

// A layer's y: as for MatMul.
struct Linear {
  Matrix w;
  const float* bias = nullptr;
  float* y = nullptr;
  size_t y_stride = 0;
};

// Several layers of the same x (query, key and value; gate and up), which all have w.in inputs:
// the same bits as one after the other, but sooner.
void MatMul(Pool& pool, std::span<const Linear> layers, const float* x, size_t x_stride,
            size_t rows, Precision precision);

// MatMul in pieces, with the same bits, for threads of a pool that make pieces of a weight: rows of
// x are packed once, into PackedRowsBytes(w) bytes at 64 bytes alignment, for all pieces of the
// same inputs, dtype and direction as `w`, whose data and outputs do not matter.
size_t PackedRowsBytes(const Matrix& w, size_t rows, Precision precision);
void PackRows(Pool& pool, const Matrix& w, const float* x, size_t x_stride, size_t rows,
              Precision precision, uint8_t* packed);
// By the calling thread alone. `scratch` grows to what is needed.
void MatMulAlone(const Matrix& w, const float* bias, const uint8_t* packed, size_t rows, float* y,
                 size_t y_stride, Precision precision, AlignedBytes& scratch);

// The name of what multiplies weights of this dtype here ("amx", "avx512", ...; the fastest, or as
// RETEMPER_FORCE_TARGET says): with another one, the last bits may differ.
const char* MatMulTarget(Dtype dtype, Precision precision);

// The gradient of the activations: dx[r][i] = sum_o dy[r][o] * w[o][i]. dx is overwritten.
void MatMulBackward(Pool& pool, const Matrix& w, const float* dy, size_t dy_stride, size_t rows,
                    float* dx, size_t dx_stride, Precision precision);

}  // namespace retemper::nn
