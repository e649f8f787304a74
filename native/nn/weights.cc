#include "nn/weights.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "core/status.h"

namespace retemper::nn {
namespace {

// Calls read with the range's bytes, naming the tensor in what goes wrong.
const uint8_t* ReadRange(const StoredRange& range, std::unique_ptr<uint8_t[]>& copy) {
  const size_t element = SizeOf(range.dtype);
  size_t count = 0, size = 0;
  if (__builtin_mul_overflow(range.rows, range.cols, &count) ||
      __builtin_mul_overflow(count, element, &size)) {
    throw Fault(code::kBadInput, "has a shape beyond any file", range.file->path(), range.tensor);
  }
  try {
    if (!range.file->mapped()) copy.reset(new uint8_t[size]);
    const uint8_t* data = range.file->Read(range.offset, size, copy.get());
    if (reinterpret_cast<uintptr_t>(data) % element != 0) {
      copy.reset(new uint8_t[size]);
      std::memcpy(copy.get(), data, size);
      data = copy.get();
    }
    return data;
  } catch (Fault& fault) {
    if (fault.tensor.empty()) fault.tensor = range.tensor;
    throw;
  }
}

}  // namespace

void CopyToMemory(InputFile& file, Pool& pool) {
  file.CopyToMemory([&](size_t pieces, const std::function<void(size_t)>& read) {
    pool.Run(pieces, [&](size_t piece, unsigned) { read(piece); });
  });
}

void MultiplyAll(Pool& pool, Precision precision, std::span<const SharedProduct> products,
                 const float* x, size_t x_stride, size_t rows, const uint32_t* variants) {
  constexpr size_t kMost = 4;
  // How many of the products, from the first one on, have a layer of a kind.
  const auto layers_of = [&](auto& layers, auto layer_of) {
    size_t count = 0;
    for (const SharedProduct& product : products) {
      const auto layer = products.size() <= kMost ? layer_of(*product.weight) : std::nullopt;
      if (!layer) break;
      layers[count] = *layer;
      layers[count].y = product.y;
      layers[count++].y_stride = product.y_stride;
    }
    return count;
  };
  Linear plain[kMost];
  if (layers_of(plain, [](const WeightSource& w) { return w.Plain(); }) == products.size()) {
    MatMul(pool, {plain, products.size()}, x, x_stride, rows, precision);
    return;
  }
  BlockLinear blocks[kMost];
  if (layers_of(blocks, [](const WeightSource& w) { return w.Blocks(); }) == products.size()) {
    BlockMatMul(ChooseBlockKernel(), pool, {blocks, products.size()}, x, x_stride, rows);
    return;
  }
  if (products.size() > 1 && products.front().weight->MultiplyTogether(pool, precision, products, x,
                                                                       x_stride, rows, variants)) {
    return;
  }
  for (const SharedProduct& product : products) {
    product.weight->Multiply(pool, precision, x, x_stride, rows, variants, product.y,
                             product.y_stride);
  }
}

StoredMatrix::StoredMatrix(const StoredRange& range, bool in_major,
                           std::optional<WeightVector> bias)
    : file_(range.file), bias_(std::move(bias)), kernels_(ChooseTarget().f32) {
  if (range.dtype != Dtype::kBF16 && range.dtype != Dtype::kF16 && range.dtype != Dtype::kF32) {
    throw Fault(code::kIncompatible,
                "is stored as " + std::string(NameOf(range.dtype)) +
                    "; matrices are computed with as BF16, F16 or F32",
                range.file->path(), range.tensor, "write the model in one of these dtypes first");
  }
  matrix_.data = ReadRange(range, copy_);
  matrix_.dtype = range.dtype;
  matrix_.out = in_major ? range.cols : range.rows;
  matrix_.in = in_major ? range.rows : range.cols;
  matrix_.in_major = in_major;
  if (bias_ && bias_->size() != matrix_.out) {
    throw Fault(code::kIncompatible,
                "gives " + std::to_string(matrix_.out) + " values, but its bias has " +
                    std::to_string(bias_->size()),
                range.file->path(), range.tensor);
  }
}

void StoredMatrix::Multiply(Pool& pool, Precision precision, const float* x, size_t x_stride,
                            size_t rows, const uint32_t* /*variants*/, float* y,
                            size_t y_stride) const {
  MatMul(pool, matrix_, bias_ ? bias_->Of(0) : nullptr, x, x_stride, rows, y, y_stride, precision);
}

void StoredMatrix::MultiplyBackward(Pool& pool, Precision precision, const float* dy,
                                    size_t dy_stride, size_t rows, const uint32_t* /*variants*/,
                                    float* dx, size_t dx_stride) const {
  MatMulBackward(pool, matrix_, dy, dy_stride, rows, dx, dx_stride, precision);
}

std::optional<Linear> StoredMatrix::Plain() const {
  return Linear{matrix_, bias_ ? bias_->Of(0) : nullptr};
}

void StoredMatrix::Row(size_t row, uint32_t /*variant*/, float* to) const {
  const uint8_t* from = matrix_.data + row * matrix_.in * SizeOf(matrix_.dtype);
  kernels_->load(from, matrix_.dtype, matrix_.in, to);
}

WeightVector::WeightVector(const StoredRange& range, float plus) {
  if (!IsFloat(range.dtype)) {
    throw Fault(code::kIncompatible, "is stored as " + std::string(NameOf(range.dtype)),
                range.file->path(), range.tensor);
  }
  std::unique_ptr<uint8_t[]> copy;
  const uint8_t* data = ReadRange(range, copy);
  std::vector<float> values(range.rows * range.cols);
  ChooseTarget().f32->load(data, range.dtype, values.size(), values.data());
  if (plus != 0.0f) {
    for (float& value : values) value += plus;
  }
  of_ = std::make_shared<std::vector<Values>>(
      1, std::make_shared<const std::vector<float>>(std::move(values)));
}

}  // namespace retemper::nn
