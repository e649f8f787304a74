#include "engine/task.h"

#include <cstring>

namespace retemper {

uint64_t Task::Finish(size_t unit, Worker& worker) {
  const Extent extent = Written(unit);
  const OutputForm& form = spec.form;
  const uint64_t bytes = spec.StoredBytes(extent.count);
  // Padding belongs to the unit at the end: units lie in the file in the order of their elements.
  const uint64_t padding = extent.first + extent.count == elements ? form.padding : 0;
  for (uint32_t v = 0; v < spec.variants.size(); ++v) {
    uint8_t* const out = worker.out[v];
    if (form.Encodes()) {
      // Block formats are narrower than floats, so what is written never overtakes what is read.
      alignas(64) float tile[kTile];
      for (uint64_t done = 0; done < extent.count; done += kTile) {
        const size_t n = std::min<uint64_t>(kTile, extent.count - done);
        std::memcpy(tile, out + done * sizeof(float), n * sizeof(float));
        if (form.plus != 0) {
          for (size_t i = 0; i < n; ++i) tile[i] += form.plus;
        }
        uint8_t* const to = out + spec.StoredBytes(done);
        if (form.blocks == BlockFormat::kNone) {
          std::memcpy(to, tile, n * sizeof(float));
        } else if (const uint64_t bad = encode_(tile, n, form.blocks, to)) {
          bad_in_blocks_[v].fetch_add(bad, std::memory_order_relaxed);
        }
      }
    }
    std::memset(out + bytes, 0, padding);
  }
  return bytes + padding;
}

}  // namespace retemper
