#include "virtual/varied_matrix.h"

#include <utility>

#include "virtual/sum_matrix.h"

namespace retemper {

VariedMatrix::VariedMatrix(std::shared_ptr<const VirtualTensors> tensors,
                           const nn::StoredRange& range, bool in_major,
                           std::optional<nn::WeightVector> bias)
    : tensors_(std::move(tensors)),
      range_(range),
      in_major_(in_major),
      bias_(std::move(bias)),
      inner_(tensors_->Evaluated(range_, in_major_, bias_)) {
  tensors_->Tell(this);
}

VariedMatrix::~VariedMatrix() { tensors_->TellNoMore(this); }

void VariedMatrix::Set(uint32_t variant) {
  auto* sum = dynamic_cast<SumMatrix*>(inner_.get());
  if (sum != nullptr && sum->Set(range_, in_major_, variant)) return;
  // Without sums a matrix is made in one way, whatever its variants are; nothing of the others
  // changes.
  auto* made = dynamic_cast<VirtualMatrix*>(inner_.get());
  if (made != nullptr && !tensors_->sums()) return made->Set(range_, variant);
  inner_ = tensors_->Evaluated(range_, in_major_, bias_);
}

bool VariedMatrix::MultiplyTogether(nn::Pool& pool, nn::Precision precision,
                                    std::span<const nn::SharedProduct> products, const float* x,
                                    size_t x_stride, size_t rows, const uint32_t* variants) const {
  std::vector<nn::SharedProduct> inner;
  for (const nn::SharedProduct& product : products) {
    const auto* weight = dynamic_cast<const VariedMatrix*>(product.weight);
    if (weight == nullptr) return false;
    inner.push_back({weight->inner_.get(), product.y, product.y_stride});
  }
  return inner_->MultiplyTogether(pool, precision, inner, x, x_stride, rows, variants);
}

}  // namespace retemper
