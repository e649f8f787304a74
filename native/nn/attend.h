// Causal attention of a step's rows to their own sequences, over the pages of the cache in place.
//
// A query's positions are taken in chunks of kChunkPositions, counted from the sequence's first
// position: softmax within each chunk, then the chunks' results are added up in ascending order
// (Milakov & Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867). Which
// thread takes which chunk, and what else is in the step, changes nothing: a query gives the same
// bits in the prefill of a prompt and in a step that decodes one token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "nn/context.h"
#include "nn/operations.h"
#include "nn/paged_cache.h"

namespace retemper::nn {

struct RopeSpec {
  std::vector<float> inverse_frequencies;
  float magnitude = 1;
  // For rows of sequences of more than `long_from` tokens: these instead. Empty: none.
  std::vector<float> long_inverse_frequencies;
  int32_t long_from = 0;
};

struct AttendSpec {
  size_t layer = 0;  // of the cache
  size_t heads = 0;
  size_t kv_heads = 0;
  size_t head_dim = 0;
  float scale = 1;
  float softcap = 0;  // 0: none
  size_t window = 0;  // a row sees positions > position - window; 0: all
  std::optional<RopeSpec> rope;
  std::optional<Norm> query_norm;  // over head_dim
  std::optional<Norm> key_norm;
};

class Attend {
 public:
  // Throws USAGE for numbers that do not fit together.
  Attend(Context& context, AttendSpec spec);

  size_t in() const { return (spec_.heads + 2 * spec_.kv_heads) * spec_.head_dim; }
  size_t out() const { return spec_.heads * spec_.head_dim; }
  const AttendSpec& spec() const { return spec_; }

  // x: queries, keys and values side by side, [rows, in]; y: [rows, out]. Appends keys and values
  // to the cache. Throws what PagedCache::Extend throws, and USAGE for the cache of another shape.
  void Run(Context& context, PagedCache& cache, const float* x, size_t rows, float* y) const;

 private:
  struct Part;

  void Prepare(const Context& context, PagedCache& cache, const float* x, size_t row,
               float* queries, float* key) const;
  void RunChunk(const Context& context, PagedCache& cache, const Part& part, size_t chunk,
                const float* queries, float* scores, AttentionState* states, float* sums) const;

  AttendSpec spec_;
  RopeTable* rope_ = nullptr;       // of the context
  RopeTable* long_rope_ = nullptr;  // likewise
};

}  // namespace retemper::nn
