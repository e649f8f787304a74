// The table of generation's kernels on vectors: one entry a loop, filled once per instruction set.
//
// The result of a row or of a query depends on its own inputs alone, to the bit: loops have a fixed
// order, tails run through the same vector code as the rest. Targets differ in their last bits,
// because some fuse products into sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace retemper::nn {

enum class Activation { kSilu, kGelu, kGeluTanh, kRelu };

// Positions of the cache that lie side by side in memory, and that attention takes in one go.
inline constexpr size_t kPagePositions = 64;
inline constexpr size_t kChunkPages = 4;
inline constexpr size_t kChunkPositions = kPagePositions * kChunkPages;
// Rows of values and of results in attention are padded to a multiple of this.
inline constexpr size_t kValueAlignment = 16;
// Queries that share one pass over keys and values.
inline constexpr size_t kTileQueries = 30;

// What keys and values are kept as. kInt8: codes q of each head's vector, with d = max |x| / 127 in
// float32 and q = x (127 / max |x|) to nearest even; a vector of less than 2^-100 is zero, one
// that is not finite is NaN.
enum class CacheElements { kFloat32, kBfloat16, kInt8 };

constexpr size_t SizeOf(CacheElements elements) {
  return elements == CacheElements::kFloat32 ? 4 : elements == CacheElements::kBfloat16 ? 2 : 1;
}

// Softmax over a part of a query's positions before it is divided by its sum: e^(score - maximum)
// summed, alone and times the values. sum = 0 where no position was seen.
struct AttentionState {
  float maximum;
  float sum;
};

// Queries against the positions of one chunk, for one key/value head.
struct AttentionChunk {
  size_t queries = 0;            // at most kTileQueries
  const float* query = nullptr;  // [queries, head_dim]
  size_t head_dim = 0;
  size_t value_stride = 0;  // head_dim, padded
  // Query i sees the positions [begin[i], end[i]) of the chunk, 0 <= begin, end <= kChunkPositions.
  const uint32_t* begin = nullptr;
  const uint32_t* end = nullptr;
  // Of each page that a query sees: keys [head_dim, kPagePositions], values [kPagePositions,
  // value_stride], as `elements`; of kInt8 the scales of keys and of values, [2, kPagePositions].
  const uint8_t* keys[kChunkPages] = {};
  const uint8_t* values[kChunkPages] = {};
  const float* scales[kChunkPages] = {};
  CacheElements elements = CacheElements::kFloat32;
  float scale = 1;
  float softcap = 0;        // cap tanh(score / cap), 0: none
  float* scores = nullptr;  // scratch [queries, kChunkPositions]
  // Results: a state and a row [value_stride] a query; rows of queries that see nothing are left.
  AttentionState* states = nullptr;
  float* sums = nullptr;
};

struct VectorKernels {
  const char* name;

  // y = x / sqrt(mean(x^2) + epsilon) * weight
  void (*rms_norm)(const float* x, const float* weight, float epsilon, size_t n, float* y);
  // y = (x - mean) / sqrt(variance + epsilon) * weight + bias (which may be null)
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon,
                     size_t n, float* y);
  // Turns x[i] with x[i + half]: (a cos - b sin, b cos + a sin). In place.
  void (*rotate)(const float* cosines, const float* sines, size_t half, float* x);
  // x = f(x)
  void (*activate)(Activation f, size_t n, float* x);
  // out = f(gate) * up
  void (*gate)(Activation f, const float* gate, const float* up, size_t n, float* out);
  // x = cap tanh(x / cap)
  void (*softcap)(float cap, size_t n, float* x);
  void (*add)(const float* a, const float* b, size_t n, float* out);
  void (*scale)(float factor, size_t n, float* x);
  void (*to_bfloat16)(const float* x, size_t n, uint16_t* out);
  // The lowest index of the greatest element; NaN is never it (all NaN: 0). n < 2^31.
  size_t (*arg_max)(const float* x, size_t n);
  // log(sum(e^x))
  double (*log_sum_exp)(const float* x, size_t n);

  void (*attend)(const AttentionChunk& chunk);
  // Adds the state of later positions to that of earlier ones. n: value_stride.
  void (*merge)(const AttentionState& later, const float* later_sums, size_t n,
                AttentionState& state, float* sums);
  // out = sums / state.sum
  void (*finish)(const AttentionState& state, const float* sums, size_t n, float* out);
};

// The tables that this processor runs, slowest first, under the names of cpu/kernels.h.
std::vector<const VectorKernels*> AvailableVectorKernels();
// The one of the target that ChooseTarget picks, or the next slower one.
const VectorKernels& ChooseVectorKernels();

}  // namespace retemper::nn
