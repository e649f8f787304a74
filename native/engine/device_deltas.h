// The part of task arithmetic that runs on devices: the same phases as on the CPU
// (tasks/task_arithmetic.cc), a block at a time.
//
// Where magnitudes are ordered and a block has a NaN, the answer is "no": the bits of a NaN depend
// on the processor, so that block is computed on the CPU.
#pragma once

#include <optional>
#include <vector>

#include "engine/band.h"
#include "engine/cuda_backend.h"
#include "engine/rank_select.h"

namespace retemper {

// Counts NaN differences of the models that are loaded; read by block.High(word).
template <class T>
size_t CountNans(DeviceBlock<T>& block, const block::Vectors<T>& vectors) {
  const size_t word = block.NewCount();
  for (int m = 0; m < vectors.count; ++m) {
    if (vectors.sources[m + 1].bytes == nullptr) continue;
    block.Count(word, block::NanCount<T>{vectors, m, {}});
  }
  return word;
}

// The radix histograms of a RankSelect, kept on the devices during a pass.
template <class T>
class DeviceHistograms {
 public:
  void Begin(DevicePool& pool, const RankSelect<T>& select) {
    bins_.emplace(pool, select.groups() * RankSelect<T>::kBins);
  }
  bool Add(DeviceBlock<T>& block, int pass, const RankSelect<T>& select) const {
    block::Histogram<T> body;
    for (size_t g = 0; g < select.groups(); ++g) block.AddModel(body.vectors, select.stream(g));
    const size_t nans = CountNans(block, body.vectors);
    body.nans = block.Counting(nans).counts;
    body.shift = RankSelect<T>::Shift(pass);
    body.all = pass == 0;
    for (size_t g = 0; g < select.groups(); ++g) {
      body.model = static_cast<int>(select.stream(g));
      body.prefix = select.prefix(g);
      body.bins = bins_->On(block.device()) + g * RankSelect<T>::kBins;
      block.Launch(body, block.count());
    }
    block.Finish();
    return block.High(nans) == 0;
  }
  void End(RankSelect<T>& select) {
    select.AddCounts(bins_->Sum());
    bins_.reset();
  }

 private:
  std::optional<DeviceWords> bins_;
};

// What a band keeps, for a block whose equal elements start at the cursor.
template <class T>
block::Sparse<T> SparseBand(const Band<T>& band, BandCursor cursor) {
  block::Sparse<T> sparse;
  sparse.keep = block::Keep::kBand;
  sparse.low = band.low;
  sparse.high = band.high;
  sparse.simple = band.simple;
  sparse.low_from = band.low_from;
  sparse.low_to = band.low_to;
  sparse.high_to = band.high_to;
  sparse.lows_before = cursor.low;
  sparse.highs_before = cursor.high;
  return sparse;
}

// Counts a model's equal elements before each chunk, where its band needs them.
template <class T>
void PlaceOrdinals(DeviceBlock<T>& block, block::Deltas<T>& deltas, size_t model) {
  block::Sparse<T>& sparse = deltas.sparse[model];
  if (sparse.keep != block::Keep::kBand || sparse.simple) return;
  uint32_t* lows = block.Ordinals(model);
  uint32_t* highs = lows + block.chunks();
  block::ChunkCount<T> count{deltas, static_cast<int>(model), block.count(), lows, highs};
  block.Launch(count, block.chunks());
  block.Launch(block::ChunkScan{lows, block.chunks()}, 2);
  sparse.lows = lows;
  sparse.highs = highs;
}

}  // namespace retemper
