// Weights of a model, as the operations see them: something that multiplies rows, or gives its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "cpu/kernels.h"
#include "io/mapping.h"
#include "nn/block_matmul.h"
#include "nn/matmul.h"

namespace retemper::nn {

struct SharedProduct;

// A two-dimensional weight. Rows of activations may belong to different variants of a model (the
// lambdas of a virtual merge); what lies in a checkpoint is the same for all.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual size_t out() const = 0;
  virtual size_t in() const = 0;
  // y[r * y_stride + o] = sum_i W(variants[r])[o][i] x[r * x_stride + i] (+ bias(variants[r])[o])
  // for r < rows. `variants` may be null: all 0. x and y do not overlap.
  virtual void Multiply(Pool& pool, Precision precision, const float* x, size_t x_stride,
                        size_t rows, const uint32_t* variants, float* y, size_t y_stride) const = 0;
  // The gradient of x: dx[r] = W(variants[r])^T dy[r].
  virtual void MultiplyBackward(Pool& pool, Precision precision, const float* dy, size_t dy_stride,
                                size_t rows, const uint32_t* variants, float* dx,
                                size_t dx_stride) const = 0;
  // Several products with the same x, the first of which is this weight's, with the bits that each
  // has alone. False, and nothing is done, where they share no work.
  virtual bool MultiplyTogether(Pool&, Precision, std::span<const SharedProduct>,
                                const float* /*x*/, size_t /*x_stride*/, size_t /*rows*/,
                                const uint32_t* /*variants*/) const {
    return false;
  }
  // What multiplies rows of any variant alike, if it is a plain matrix; y is left out.
  virtual std::optional<Linear> Plain() const { return std::nullopt; }
  // Likewise, if it is stored in blocks that are multiplied as they are.
  virtual std::optional<BlockLinear> Blocks() const { return std::nullopt; }
  // W(variant)[row] as float32.
  virtual void Row(size_t row, uint32_t variant, float* to) const = 0;
};

// One of several products with the same x.
struct SharedProduct {
  const WeightSource* weight = nullptr;
  float* y = nullptr;
  size_t y_stride = 0;
};
// All of them, with the bits that WeightSource::Multiply gives; sooner, where they are alike.
void MultiplyAll(Pool& pool, Precision precision, std::span<const SharedProduct> products,
                 const float* x, size_t x_stride, size_t rows, const uint32_t* variants);

class WeightMaker;

// InputFile::CopyToMemory on the pool's threads.
void CopyToMemory(InputFile& file, Pool& pool);

// Where a weight lies: `rows` x `cols` elements from `offset` on. Or, where `maker` is not null, a
// weight that lies in no file: rows [first_row, first_row + rows) of what the maker knows by name.
struct StoredRange {
  const WeightMaker* maker = nullptr;
  size_t first_row = 0;
  std::shared_ptr<const InputFile> file;
  std::string tensor;  // for messages
  Dtype dtype = Dtype::kBF16;
  uint64_t offset = 0;
  size_t rows = 0;
  size_t cols = 0;
};

// A one-dimensional weight (of a norm, or a bias) as float32: small, so converted once. Copies
// share what is set.
class WeightVector {
 public:
  // Any floating-point dtype; throws as StoredMatrix does. `plus` is added to each element.
  explicit WeightVector(const StoredRange& range, float plus = 0.0f);
  explicit WeightVector(std::vector<float> values)
      : WeightVector({std::make_shared<const std::vector<float>>(std::move(values))}) {}
  using Values = std::shared_ptr<const std::vector<float>>;
  // By variant, at least one; all of one size.
  explicit WeightVector(std::vector<Values> values)
      : of_(std::make_shared<std::vector<Values>>(std::move(values))) {}

  size_t size() const { return of_->front()->size(); }
  // For rows of a variant. One is the same for all.
  const float* Of(uint32_t variant) const { return (*of_)[of_->size() == 1 ? 0 : variant]->data(); }
  // Of a variant that may be a new one.
  void Set(uint32_t variant, Values values) {
    if (variant >= of_->size()) of_->resize(variant + 1, of_->front());
    (*of_)[variant] = std::move(values);
  }

 private:
  std::shared_ptr<std::vector<Values>> of_;
};

// Gives the weights of a virtual merge (virtual/).
class WeightMaker {
 public:
  virtual ~WeightMaker() = default;
  // `range` as StoredRange says. Throws what StoredMatrix throws.
  virtual std::unique_ptr<WeightSource> Matrix(const StoredRange& range, bool in_major,
                                               std::optional<WeightVector> bias) const = 0;
  // A one-dimensional weight of every variant, as float32.
  virtual WeightVector Vector(const StoredRange& range, float plus) const = 0;
  // As Context has them.
  virtual void CheckFaults() const = 0;
  virtual void CheckUnchanged() const = 0;
};

// A weight of a checkpoint, used where it lies in the mapping. (Only where the system cannot map
// the file, or the tensor is not aligned to its elements, it is read into memory.) [out, in], or
// [in, out] where `in_major`. Throws BAD_INPUT for a range outside of the file or one that changed,
// IO, OUT_OF_MEMORY, and INCOMPATIBLE for a dtype that is not bf16, f16 or f32 and for a bias of
// another length.
class StoredMatrix : public WeightSource {
 public:
  StoredMatrix(const StoredRange& range, bool in_major, std::optional<WeightVector> bias = {});

  size_t out() const override { return matrix_.out; }
  size_t in() const override { return matrix_.in; }
  void Multiply(Pool& pool, Precision precision, const float* x, size_t x_stride, size_t rows,
                const uint32_t* variants, float* y, size_t y_stride) const override;
  void MultiplyBackward(Pool& pool, Precision precision, const float* dy, size_t dy_stride,
                        size_t rows, const uint32_t* variants, float* dx,
                        size_t dx_stride) const override;
  std::optional<Linear> Plain() const override;
  // Of a matrix that is not in_major.
  void Row(size_t row, uint32_t variant, float* to) const override;

 private:
  std::shared_ptr<const InputFile> file_;
  std::unique_ptr<uint8_t[]> copy_;
  Matrix matrix_;
  std::optional<WeightVector> bias_;
  const Kernels<float>* kernels_;  // for conversions
};

}  // namespace retemper::nn
