// The paged cache: what forks share, what they do not, and what it refuses; and the rows of a step.
#include <cstring>
#include <vector>

#include "nn/context.h"
#include "nn/paged_cache.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::nn {
namespace {

constexpr size_t kPage = kPagePositions;

PagedCache Cache(size_t slots, size_t tokens) {
  return PagedCache({{1, 16}, {2, 24}}, slots, tokens, CacheElements::kFloat32);
}

// Appends positions to both layers and fills their keys and values with a number of their own.
void Append(PagedCache& cache, size_t slot, size_t begin, size_t count, float tag) {
  for (size_t layer = 0; layer < cache.layers(); ++layer) {
    cache.Extend(layer, {{slot, begin, count, 0}});
    const size_t dim = cache.layer(layer).head_dim, stride = cache.ValueStride(layer);
    for (size_t p = begin; p < begin + count; ++p) {
      for (size_t h = 0; h < cache.layer(layer).kv_heads; ++h) {
        auto* keys = reinterpret_cast<float*>(cache.KeysOf(slot, p / kPage, layer, h));
        auto* values = reinterpret_cast<float*>(cache.ValuesOf(slot, p / kPage, layer, h));
        for (size_t i = 0; i < dim; ++i) {
          keys[i * kPage + p % kPage] = tag + static_cast<float>(p);
          values[p % kPage * stride + i] = -tag - static_cast<float>(p);
        }
      }
    }
  }
}

void CheckHolds(PagedCache& cache, size_t slot, size_t begin, size_t end, float tag) {
  for (size_t layer = 0; layer < cache.layers(); ++layer) {
    const size_t dim = cache.layer(layer).head_dim, stride = cache.ValueStride(layer);
    for (size_t p = begin; p < end; ++p) {
      for (size_t h = 0; h < cache.layer(layer).kv_heads; ++h) {
        const auto* keys = reinterpret_cast<float*>(cache.KeysOf(slot, p / kPage, layer, h));
        const auto* values = reinterpret_cast<float*>(cache.ValuesOf(slot, p / kPage, layer, h));
        for (size_t i = 0; i < dim; ++i) {
          CHECK_EQ(keys[i * kPage + p % kPage], tag + static_cast<float>(p));
          CHECK_EQ(values[p % kPage * stride + i], -tag - static_cast<float>(p));
        }
      }
    }
  }
}

TEST("forks share whole pages, copy the last one, and go their own ways") {
  PagedCache cache = Cache(4, 1000);
  Append(cache, 0, 0, 2 * kPage + 5, 1000);
  const size_t before = cache.free_pages();
  cache.Fork(0, 1, 2 * kPage + 5);
  cache.Fork(0, 2, kPage);
  cache.Fork(0, 3, 0);
  CHECK_EQ(before - cache.free_pages(), size_t{1});  // only slot 1 has a partial page
  Append(cache, 0, 2 * kPage + 5, 10, 1000);
  Append(cache, 1, 2 * kPage + 5, 10, 2000);
  Append(cache, 2, kPage, 3 * kPage, 3000);
  Append(cache, 3, 0, 7, 4000);
  CheckHolds(cache, 0, 0, 2 * kPage + 15, 1000);
  CheckHolds(cache, 1, 0, 2 * kPage + 5, 1000);
  CheckHolds(cache, 1, 2 * kPage + 5, 2 * kPage + 15, 2000);
  CheckHolds(cache, 2, 0, kPage, 1000);
  CheckHolds(cache, 2, kPage, 4 * kPage, 3000);
  CheckHolds(cache, 3, 0, 7, 4000);
}

TEST("a page is free once the last sequence that shares it is released") {
  PagedCache cache = Cache(3, 500);
  const size_t all = cache.free_pages();
  Append(cache, 0, 0, 2 * kPage, 1);
  cache.Fork(0, 1, 2 * kPage);
  cache.Fork(1, 2, kPage);
  cache.Release(0);
  cache.Release(0);  // an empty slot stays empty
  CHECK_EQ(cache.free_pages(), all - 2);
  CheckHolds(cache, 1, 0, 2 * kPage, 1);
  cache.Release(1);
  CHECK_EQ(cache.free_pages(), all - 1);
  CheckHolds(cache, 2, 0, kPage, 1);
  cache.Release(2);
  CHECK_EQ(cache.free_pages(), all);
  Append(cache, 0, 0, 1, 1);
}

TEST("any sequences fit whose tokens do, and one page more is OUT_OF_MEMORY and changes nothing") {
  PagedCache cache = Cache(3, 3 * kPage);
  Append(cache, 0, 0, kPage + 1, 1);
  Append(cache, 1, 0, 1, 2);
  Append(cache, 2, 0, 2 * kPage - 2, 3);
  CHECK_EQ(cache.free_pages(), size_t{1});
  CHECK_FAULT("OUT_OF_MEMORY", "the cache is full",
              cache.Extend(0, {{0, kPage + 1, kPage, 0}, {1, 1, kPage, 0}}));
  CHECK_EQ(cache.free_pages(), size_t{1});
  Append(cache, 0, kPage + 1, kPage, 1);
  cache.Release(1);
  CHECK_EQ(cache.free_pages(), size_t{1});
  cache.Fork(0, 1, 5);
  cache.Release(1);
  Append(cache, 1, 0, 1, 2);
  cache.Release(2);
  cache.Fork(0, 2, 5);
  CheckHolds(cache, 2, 0, 5, 1);
}

TEST("refuses gaps, repetitions, slots that there are not, and forks of what is not there") {
  PagedCache cache = Cache(2, 200);
  Append(cache, 0, 0, 10, 1);
  CHECK_FAULT("USAGE", "holds 10 positions", cache.Extend(0, {{0, 11, 1, 0}}));
  CHECK_FAULT("USAGE", "holds 10 positions", cache.Extend(1, {{0, 9, 1, 0}}));
  CHECK_FAULT("USAGE", "has no slot 2", cache.Extend(0, {{2, 0, 1, 0}}));
  CHECK_FAULT("USAGE", "has no slot 2", cache.Release(2));
  CHECK_FAULT("USAGE", "not 11", cache.Fork(0, 1, 11));
  CHECK_FAULT("USAGE", "into itself", cache.Fork(0, 0, 1));
  CHECK_FAULT("USAGE", "has no slot 9", cache.Fork(9, 1, 1));
  cache.Extend(0, {{0, 10, 1, 0}});  // one layer only, as when a step ends in the middle
  CHECK_FAULT("USAGE", "not 11", cache.Fork(0, 1, 11));
  Append(cache, 1, 0, 1, 1);
  CHECK_FAULT("USAGE", "is in use", cache.Fork(0, 1, 5));
}

TEST("says how much memory it takes, and that a cache beyond all memory cannot be had") {
  const std::vector<CacheLayer> layers = {{2, 24}, {1, 64}};
  // Values are padded from 24 to 32.
  CHECK_EQ(PagedCache::BytesOfToken(layers, CacheElements::kFloat32),
           size_t{(2 * (24 + 32) + 2 * 64) * 4});
  CHECK_EQ(PagedCache::BytesOfToken(layers, CacheElements::kBfloat16),
           size_t{(2 * (24 + 32) + 2 * 64) * 2});
  // And two scales of each of three heads.
  CHECK_EQ(PagedCache::BytesOfToken(layers, CacheElements::kInt8),
           size_t{2 * (24 + 32) + 2 * 64 + 3 * 8});
  for (const CacheElements elements : {CacheElements::kBfloat16, CacheElements::kInt8}) {
    const PagedCache cache(layers, 3, 100, elements);
    CHECK_EQ(cache.bytes(), (2 + 3) * kPage * PagedCache::BytesOfToken(layers, elements));
  }
  CHECK_FAULT("OUT_OF_MEMORY", "", PagedCache(layers, 1, size_t{1} << 45, CacheElements::kFloat32));
  CHECK_FAULT("OUT_OF_MEMORY", "", PagedCache(layers, 1, size_t{1} << 62, CacheElements::kFloat32));
}

struct Rows {
  std::vector<int32_t> ids, positions, slots, variants;
};

void SetRows(Context& context, const Rows& rows) {
  context.SetStep(rows.ids.data(), rows.positions.data(), rows.slots.data(), rows.variants.data(),
                  nullptr, rows.ids.size());
}

TEST("takes the rows of a step, or says which one is wrong and has none") {
  Context context(1, Precision::kFloat32);
  SetRows(context, {{5, 6, 7, 8}, {0, 1, 9, 2}, {3, 3, 0, 1}, {0, 0, 0, 0}});
  CHECK_EQ(context.step.rows(), size_t{4});
  CHECK_EQ(context.step.runs.size(), size_t{3});
  CHECK_EQ(context.step.runs[0].count, size_t{2});
  CHECK_EQ(context.step.contexts[0], 2);
  CHECK_EQ(context.step.contexts[2], 10);
  SetRows(context, {});
  CHECK_EQ(context.step.rows(), size_t{0});
  CHECK_FAULT("USAGE", "negative id", SetRows(context, {{-1}, {0}, {0}, {0}}));
  CHECK_FAULT("USAGE", "negative position", SetRows(context, {{1}, {-1}, {0}, {0}}));
  CHECK_FAULT("USAGE", "negative slot", SetRows(context, {{1}, {0}, {-1}, {0}}));
  CHECK_FAULT("USAGE", "variant 1", SetRows(context, {{1}, {0}, {0}, {1}}));
  CHECK_FAULT("USAGE", "row 1", SetRows(context, {{1, 1}, {0, 2}, {0, 0}, {0, 0}}));
  CHECK_FAULT("USAGE", "side by side",
              SetRows(context, {{1, 1, 1}, {0, 0, 1}, {0, 1, 0}, {0, 0, 0}}));
  CHECK_EQ(context.step.rows(), size_t{0});
  CHECK(context.step.runs.empty());
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
