// Causal attention as training runs it: forward, and the gradient of what enters it. What the way
// back needs of the way forward is computed again, so nothing is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nn/attend.h"
#include "nn/context.h"

namespace retemper::nn {

// Attention within sequences that lie one after the other, each from position 0: AttendSpec but for
// the cache. x: queries, keys and values side by side, [rows, in]; y: [rows, out].
class TrainedAttention {
 public:
  // Throws USAGE for numbers that do not fit together.
  TrainedAttention(Context& context, AttendSpec spec);
  size_t in() const { return (spec_.heads + 2 * spec_.kv_heads) * spec_.head_dim; }
  size_t out() const { return spec_.heads * spec_.head_dim; }

  // lengths: of the sequences; they sum to the rows.
  void Forward(Context& context, const float* x, std::span<const int32_t> lengths, float* y) const;
  void Backward(Context& context, const float* x, std::span<const int32_t> lengths, const float* dy,
                float* dx) const;

 private:
  class Part;
  template <class Compute>
  void EachPart(Context& context, const float* x, std::span<const int32_t> lengths,
                Compute compute) const;

  AttendSpec spec_;
  RopeTable* rope_ = nullptr;       // of the context
  RopeTable* long_rope_ = nullptr;  // likewise
};

}  // namespace retemper::nn
