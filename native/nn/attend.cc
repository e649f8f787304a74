#include "nn/attend.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "core/convert.h"
#include "core/divide_up.h"
#include "core/status.h"
#include "nn/step_times.h"

namespace retemper::nn {
namespace {

// CacheElements::kInt8: gives the scale.
float ToCodes(const float* x, size_t n, int8_t* codes) {
  uint32_t most = 0;
  for (size_t i = 0; i < n; ++i) most = std::max(most, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  const float largest = std::bit_cast<float>(most);
  if (!std::isfinite(largest) || largest < 0x1p-100f) {
    std::fill_n(codes, n, int8_t{0});
    return std::isfinite(largest) ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  }
  const float factor = 127.0f / largest;
  // Below 2^22, adding 1.5 x 2^23 rounds to a whole number, to nearest even.
  for (size_t i = 0; i < n; ++i) {
    codes[i] =
        static_cast<int8_t>(std::bit_cast<int32_t>(x[i] * factor + 12582912.0f) - 0x4b400000);
  }
  return largest / 127.0f;
}

}  // namespace

// Queries of one run for one key/value head: row by row, and of each row the heads of the group.
struct Attend::Part {
  const CacheRun* run;
  size_t kv_head;
  size_t first;  // query of the run
  size_t count;
  size_t first_chunk;
  size_t end_chunk;
};

Attend::Attend(Context& context, AttendSpec spec) : spec_(std::move(spec)) {
  const auto check = [](bool right, const char* what) {
    if (!right) throw Fault(code::kUsage, what);
  };
  check(spec_.kv_heads > 0 && spec_.head_dim > 0, "attention needs heads of at least one value");
  check(spec_.heads > 0 && spec_.heads % spec_.kv_heads == 0,
        "the number of heads must be a multiple of that of key/value heads");
  for (const std::optional<Norm>* norm : {&spec_.query_norm, &spec_.key_norm}) {
    check(!*norm || (*norm)->size() == spec_.head_dim, "a head's norm must have its size");
  }
  if (!spec_.rope) return;
  const RopeSpec& rope = *spec_.rope;
  check(!rope.inverse_frequencies.empty() && 2 * rope.inverse_frequencies.size() <= spec_.head_dim,
        "a head cannot turn more values than it has");
  rope_ = &context.RopeOf(rope.inverse_frequencies, rope.magnitude);
  if (rope.long_inverse_frequencies.empty()) return;
  check(rope.long_inverse_frequencies.size() == rope.inverse_frequencies.size(),
        "long and short frequencies must be equally many");
  long_rope_ = &context.RopeOf(rope.long_inverse_frequencies, rope.magnitude);
}

// Norms and turns one row's queries and keys, and puts its keys and values into the cache.
// queries: [kv_heads][rows of the step][group][head_dim]; key: [head_dim], scratch.
void Attend::Prepare(const Context& context, PagedCache& cache, const float* x, size_t row,
                     float* queries, float* key) const {
  const auto& [layer, heads, kv_heads, dim, scale, softcap, window, rope, query_norm, key_norm] =
      spec_;
  const VectorKernels& kernels = context.kernels;
  const CacheRun& run = context.step.runs[context.step.run_of[row]];
  const size_t position = run.begin + (row - run.row), group = heads / kv_heads;
  const uint32_t variant = context.step.variants[row];
  const bool is_long = long_rope_ != nullptr && context.step.contexts[row] > rope->long_from;
  const RopeTable* table = is_long ? long_rope_ : rope_;
  const float* from = x + row * in();
  const auto turn = [&](const std::optional<Norm>& norm, const float* head, float* to) {
    if (norm) {
      norm->Apply(kernels, head, variant, to);
    } else {
      std::memcpy(to, head, dim * sizeof(float));
    }
    if (table != nullptr) {
      kernels.rotate(table->Cosines(position), table->Sines(position), table->half(), to);
    }
  };
  for (size_t h = 0; h < heads; ++h) {
    const size_t place = (h / group * context.step.rows() + row) * group + h % group;
    turn(query_norm, from + h * dim, queries + place * dim);
  }
  const size_t page = position / kPagePositions, column = position % kPagePositions;
  const size_t stride = cache.ValueStride(layer);
  for (size_t h = 0; h < kv_heads; ++h) {
    turn(key_norm, from + (heads + h) * dim, key);
    const float* value = from + (heads + kv_heads + h) * dim;
    if (cache.elements() == CacheElements::kInt8) {
      float* scales = cache.ScalesOf(run.slot, page, layer, h);
      auto* keys = reinterpret_cast<int8_t*>(cache.KeysOf(run.slot, page, layer, h));
      auto* codes = reinterpret_cast<int8_t*>(key);  // narrower, so none overtakes what is read
      scales[column] = ToCodes(key, dim, codes);
      for (size_t i = 0; i < dim; ++i) keys[i * kPagePositions + column] = codes[i];
      auto* values = reinterpret_cast<int8_t*>(cache.ValuesOf(run.slot, page, layer, h));
      scales[kPagePositions + column] = ToCodes(value, dim, values + column * stride);
      std::fill(values + column * stride + dim, values + (column + 1) * stride, int8_t{0});
    } else if (cache.elements() == CacheElements::kBfloat16) {
      auto* keys = reinterpret_cast<uint16_t*>(cache.KeysOf(run.slot, page, layer, h));
      for (size_t i = 0; i < dim; ++i) keys[i * kPagePositions + column] = FloatToBf16(key[i]);
      auto* values = reinterpret_cast<uint16_t*>(cache.ValuesOf(run.slot, page, layer, h));
      kernels.to_bfloat16(value, dim, values + column * stride);
      std::fill(values + column * stride + dim, values + (column + 1) * stride, uint16_t{0});
    } else {
      auto* keys = reinterpret_cast<float*>(cache.KeysOf(run.slot, page, layer, h));
      for (size_t i = 0; i < dim; ++i) keys[i * kPagePositions + column] = key[i];
      auto* values = reinterpret_cast<float*>(cache.ValuesOf(run.slot, page, layer, h));
      std::memcpy(values + column * stride, value, dim * sizeof(float));
      std::fill(values + column * stride + dim, values + (column + 1) * stride, 0.0f);
    }
  }
}

void Attend::RunChunk(const Context& context, PagedCache& cache, const Part& part, size_t chunk,
                      const float* queries, float* scores, AttentionState* states,
                      float* sums) const {
  const size_t group = spec_.heads / spec_.kv_heads, dim = spec_.head_dim;
  const CacheRun& run = *part.run;
  const size_t start = chunk * kChunkPositions;
  uint32_t begin[kTileQueries], end[kTileQueries];
  for (size_t i = 0; i < part.count; ++i) {
    const size_t position = run.begin + (part.first + i) / group;
    const size_t low =
        spec_.window != 0 && position + 1 > spec_.window ? position + 1 - spec_.window : 0;
    const auto inside = [start](size_t at) {
      return static_cast<uint32_t>(std::clamp(at, start, start + kChunkPositions) - start);
    };
    begin[i] = inside(low);
    end[i] = inside(position + 1);
  }
  AttentionChunk call;
  call.queries = part.count;
  call.query =
      queries + ((part.kv_head * context.step.rows() + run.row) * group + part.first) * dim;
  call.head_dim = dim;
  call.value_stride = cache.ValueStride(spec_.layer);
  call.begin = begin;
  call.end = end;
  const size_t first_page = chunk * kChunkPages;
  const size_t pages = DivideUp(run.begin + run.count, kPagePositions);
  for (size_t p = 0; p < kChunkPages && first_page + p < pages; ++p) {
    call.keys[p] = cache.KeysOf(run.slot, first_page + p, spec_.layer, part.kv_head);
    call.values[p] = cache.ValuesOf(run.slot, first_page + p, spec_.layer, part.kv_head);
    if (cache.elements() == CacheElements::kInt8)
      call.scales[p] = cache.ScalesOf(run.slot, first_page + p, spec_.layer, part.kv_head);
  }
  call.elements = cache.elements();
  call.scale = spec_.scale;
  call.softcap = spec_.softcap;
  call.scores = scores;
  call.states = states;
  call.sums = sums;
  context.kernels.attend(call);
}

void Attend::Run(Context& context, PagedCache& cache, const float* x, size_t rows, float* y) const {
  const Stopwatch stopwatch(&StepTimes::attention);
  const Step& step = context.step;
  if (rows != step.rows()) {
    throw Fault(code::kUsage, "attention got " + std::to_string(rows) + " rows in a step of " +
                                  std::to_string(step.rows()));
  }
  const size_t layer = spec_.layer, kv_heads = spec_.kv_heads, dim = spec_.head_dim;
  if (layer >= cache.layers() || cache.layer(layer) != CacheLayer{kv_heads, dim}) {
    throw Fault(code::kUsage,
                "the cache's layer " + std::to_string(layer) + " is not one of this model");
  }
  cache.Extend(layer, step.runs);
  size_t positions = 0;
  for (const CacheRun& run : step.runs) positions = std::max(positions, run.begin + run.count);
  if (rope_ != nullptr) rope_->Grow(positions);
  if (long_rope_ != nullptr) long_rope_->Grow(positions);

  const size_t group = spec_.heads / kv_heads;
  float* queries = context.scratch[Context::kQuery].Floats(rows * (spec_.heads + 1) * dim);
  float* keys = queries + rows * spec_.heads * dim;
  context.ForRows(rows, 4 * in(), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) Prepare(context, cache, x, r, queries, keys + r * dim);
  });

  // The last tiles of a run see the most: they come first.
  std::vector<Part> parts;
  size_t chunks = 0, products = 0;
  for (const CacheRun& run : step.runs) {
    const size_t all = run.count * group;
    for (size_t tile = DivideUp(all, kTileQueries); tile-- > 0;) {
      const size_t first = tile * kTileQueries, count = std::min(kTileQueries, all - first);
      const size_t lowest = run.begin + first / group;
      const size_t highest = run.begin + (first + count - 1) / group;
      const size_t low =
          spec_.window != 0 && lowest + 1 > spec_.window ? lowest + 1 - spec_.window : 0;
      const size_t first_chunk = low / kChunkPositions;
      const size_t end_chunk = highest / kChunkPositions + 1;
      for (size_t h = 0; h < kv_heads; ++h) {
        parts.push_back({&run, h, first, count, first_chunk, end_chunk});
        chunks += end_chunk - first_chunk;
        products += count * (highest + 1 - low) * dim;
      }
    }
  }
  const size_t stride = cache.ValueStride(layer);
  // Of one chunk: its results. Of one thread: scores, and the results of two chunks.
  const size_t chunk_floats = kTileQueries * (stride + 2);
  const size_t thread_floats = kTileQueries * kChunkPositions + 2 * chunk_floats;
  float* of_threads =
      context.scratch[Context::kThreads].Floats(context.pool.threads() * thread_floats);
  const auto states_of = [](float* floats) { return reinterpret_cast<AttentionState*>(floats); };
  const auto sums_of = [](float* floats) { return floats + 2 * kTileQueries; };
  const auto finish = [&](const Part& part, const AttentionState* states, const float* sums) {
    for (size_t i = 0; i < part.count; ++i) {
      const size_t row = part.run->row + (part.first + i) / group;
      const size_t head = part.kv_head * group + (part.first + i) % group;
      context.kernels.finish(states[i], sums + i * stride, dim,
                             y + (row * spec_.heads + head) * dim);
    }
  };
  const auto merge = [&](const Part& part, float* later, float* all) {
    for (size_t i = 0; i < part.count; ++i) {
      context.kernels.merge(states_of(later)[i], sums_of(later) + i * stride, stride,
                            states_of(all)[i], sums_of(all) + i * stride);
    }
  };

  // Few queries over a long context: chunks are shared out too, and added up afterwards.
  constexpr size_t kPartsOfThread = 2;
  if (parts.size() < kPartsOfThread * context.pool.threads() && chunks > parts.size()) {
    float* of_chunks = context.scratch[Context::kStates].Floats(chunks * chunk_floats);
    std::vector<std::pair<const Part*, size_t>> work;
    for (const Part& part : parts) {
      for (size_t c = part.first_chunk; c < part.end_chunk; ++c) work.emplace_back(&part, c);
    }
    context.pool.Run(work.size(), [&](size_t index, unsigned thread) {
      float* own = of_chunks + index * chunk_floats;
      RunChunk(context, cache, *work[index].first, work[index].second, queries,
               of_threads + thread * thread_floats, states_of(own), sums_of(own));
    });
    float* all = of_chunks;
    for (const Part& part : parts) {
      const size_t count = part.end_chunk - part.first_chunk;
      for (size_t c = 1; c < count; ++c) merge(part, all + c * chunk_floats, all);
      finish(part, states_of(all), sums_of(all));
      all += count * chunk_floats;
    }
    return;
  }
  const auto run_part = [&](size_t index, unsigned thread) {
    const Part& part = parts[index];
    float* scores = of_threads + thread * thread_floats;
    float* all = scores + kTileQueries * kChunkPositions;
    float* later = all + chunk_floats;
    RunChunk(context, cache, part, part.first_chunk, queries, scores, states_of(all), sums_of(all));
    for (size_t c = part.first_chunk + 1; c < part.end_chunk; ++c) {
      RunChunk(context, cache, part, c, queries, scores, states_of(later), sums_of(later));
      merge(part, later, all);
    }
    finish(part, states_of(all), sums_of(all));
  };
  constexpr size_t kAlone = size_t{1} << 15;
  if (products < kAlone) {
    for (size_t index = 0; index < parts.size(); ++index) run_part(index, 0);
  } else {
    context.pool.Run(parts.size(), run_part);
  }
}

}  // namespace retemper::nn
