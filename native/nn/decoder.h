// A decoder: its operations one after the other, so that a whole step is one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/attend.h"
#include "nn/context.h"
#include "nn/operations.h"
#include "nn/paged_cache.h"

namespace retemper::nn {

class Decoder {
 public:
  struct Layer {
    Project project;
    Attend attend;
    Output output;
    Mlp mlp;
  };

  // Throws USAGE for an operation that takes rows of another width than the one before it gives.
  Decoder(Embed embed, std::vector<Layer> layers, Head head);

  size_t out() const { return head_.out(); }
  // The rows of the context's step: appends their keys and values to the cache, and gives the
  // logits of those that `wanted` lists, y: [count, out]. Throws what the operations throw.
  void Run(Context& context, PagedCache& cache, const int32_t* wanted, size_t count,
           float* y) const;

 private:
  Embed embed_;
  std::vector<Layer> layers_;
  Head head_;
};

}  // namespace retemper::nn
