#include "engine/task.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/row_scale.h"

namespace retemper {

uint64_t Task::Finish(size_t unit, Worker& worker) {
  const Extent extent = Written(unit);
  const uint64_t bytes = spec.StoredBytes(extent.count);
  // Padding belongs to the unit at the end: units lie in the file in the order of their elements.
  const uint64_t padding = extent.first + extent.count == elements ? spec.form.padding : 0;
  for (uint32_t v = 0; v < spec.variants.size(); ++v) {
    Encode(extent, v, worker.out[v]);
    std::memset(worker.out[v] + bytes, 0, padding);
  }
  return bytes + padding;
}

void Task::Encode(Extent extent, uint32_t variant, uint8_t* out) {
  const OutputForm& form = spec.form;
  if (form.e4m3) return EncodeRows(extent, variant, out);
  if (!form.Encodes()) return;
  // Block formats are narrower than floats, and those of any dtype than 16 bits, so what is written
  // never overtakes what is read.
  const uint64_t step = ScalesRows(form.blocks) ? spec.LastDim() : kTile;
  std::vector<float> values(std::min(step, extent.count));
  float* const tile = values.data();
  for (uint64_t done = 0; done < extent.count; done += step) {
    const size_t n = std::min(step, extent.count - done);
    target_->f32->load(out + done * SizeOf(spec.out_dtype), spec.out_dtype, n, tile);
    if (form.plus != 0) {
      for (size_t i = 0; i < n; ++i) tile[i] += form.plus;
    }
    uint8_t* const to = out + spec.StoredBytes(done);
    if (form.blocks == BlockFormat::kNone) {
      std::memcpy(to, tile, n * sizeof(float));
    } else if (const uint64_t bad = target_->encode(tile, n, form.blocks, to)) {
      bad_in_codes_[variant].fetch_add(bad, std::memory_order_relaxed);
    }
  }
}

void Task::EncodeRows(Extent extent, uint32_t variant, uint8_t* out) {
  const Dtype dtype = spec.out_dtype;
  const size_t size = SizeOf(dtype);
  const uint64_t length = spec.LastDim();
  alignas(64) float tile[kTile];
  for (uint64_t row = 0; row < extent.count; row += length) {
    const auto each_tile = [&](auto visit) {
      for (uint64_t done = 0; done < length; done += kTile) {
        const size_t n = std::min<uint64_t>(kTile, length - done);
        target_->f32->load(out + (row + done) * size, dtype, n, tile);
        visit(n, out + row + done);
      }
    };
    float largest = 0;
    bool finite = true;
    each_tile([&](size_t n, uint8_t*) {
      const float most = target_->row_codes->largest(tile, n);
      finite = finite && std::isfinite(most);
      largest = std::max(largest, most);
    });
    float scale = std::numeric_limits<float>::quiet_NaN();
    if (finite) scale = RowScale(largest, dtype);
    target_->f32->store(&scale, 1, dtype,
                        scales_[variant].data() + (extent.first + row) / length * size);
    // A row that is not finite decodes to NaN. Codes are narrower than what they are made of, so
    // what is written never overtakes what is read.
    if (!finite) {
      std::memset(out + row, kNaNE4M3, length);
      bad_in_codes_[variant].fetch_add(length, std::memory_order_relaxed);
      continue;
    }
    each_tile(
        [&](size_t n, uint8_t* to) { target_->row_codes->encode(tile, n, scale, dtype, to); });
  }
}

}  // namespace retemper
