// Tensors of a plan as float32 matrices whose rows are made when a job wants them: nothing is
// written.
#pragma once

#include <memory>
#include <vector>

#include "core/plan.h"
#include "core/status.h"
#include "lowrank/matrix_rows.h"
#include "nn/pool.h"
#include "virtual/virtual_tensors.h"

namespace retemper {

class MadeMatrices {
 public:
  // Opens the inputs. Throws what a merge throws.
  MadeMatrices(const Plan& plan, nn::Pool& pool)
      : tensors_(std::make_shared<const VirtualTensors>(plan, false, false, false, false, nullptr,
                                                        pool)) {}

  // The tensor with this number, as [first dimension, all others]. Valid as long as this is.
  lowrank::MatrixRows Of(size_t index) const {
    const TensorSpec& spec = tensors_->task(index).spec;
    if (spec.out_dtype != Dtype::kF32 || spec.FirstDim() == 0 || spec.Elements() == 0)
      throw Fault(code::kUsage, "a matrix must be float32 and have values", {}, spec.name);
    const size_t cols = spec.Elements() / spec.FirstDim();
    const auto make = [this, index](size_t first, size_t count, float* to) {
      const VirtualTensors::Lease lease(*tensors_);
      tensors_->Make(index, {first, count}, {reinterpret_cast<uint8_t*>(to)}, *lease);
      tensors_->CheckFaults();
    };
    return {spec.FirstDim(), cols, make};
  }
  // Throws where an input is no longer what it was.
  void CheckUnchanged() const { tensors_->CheckUnchanged(); }

 private:
  std::shared_ptr<const VirtualTensors> tensors_;
};

}  // namespace retemper
