#include "virtual/weight_room.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>

#include "core/divide_up.h"
#include "core/status.h"

namespace retemper {
namespace {

// Pages are asked for so many bytes at a time; those that are not used take no memory.
constexpr size_t kBytesAtOnce = 64 << 20;
// What a thread copies at once.
constexpr size_t kPiece = 4 * kLargePage;
constexpr size_t kAlignment = 64;

}  // namespace

void WeightRoom::Keep(LargePages pages, const std::vector<Made>& matrices) {
  kept_.push_back(std::move(pages));
  for (const Made& matrix : matrices) made_[matrix.data] = matrix;
}

nn::BlockRows WeightRoom::Pack(const nn::BlockRows& rows) {
  if (!takes_over_) return rows;
  nn::BlockRows packed = rows;
  packed.packed = true;
  packed.interleave = 0;
  const Key key = {rows.data, rows.out * rows.RowBytes()};
  auto known = places_.find(key);
  if (known == places_.end()) {
    const nn::BlockKernel& kernel = nn::ChooseBlockKernel();
    const size_t bytes = nn::PackedBlockBytes(kernel, rows);
    uint8_t* to = PlaceOfMade(key, bytes);
    if (to == nullptr) to = Take(bytes);
    if (to == nullptr) return rows;
    nn::PackBlocks(kernel, pool_, rows, to);
    known = places_.emplace(key, to).first;
  }
  packed.data = known->second;
  if (packed.data != rows.data) drop_(rows.data, key.second);
  return packed;
}

const uint8_t* WeightRoom::Copy(const uint8_t* data, size_t bytes) {
  if (!takes_over_) return data;
  const auto known = places_.find({data, bytes});
  if (known != places_.end()) return known->second;
  uint8_t* const to = Take(bytes);
  if (to == nullptr) return data;
  pool_.Run(DivideUp(bytes, kPiece), [&](size_t piece, unsigned) {
    const size_t at = piece * kPiece;
    std::memcpy(to + at, data + at, std::min(kPiece, bytes - at));
  });
  places_[{data, bytes}] = to;
  drop_(data, bytes);
  return to;
}

uint8_t* WeightRoom::Take(size_t bytes) {
  bytes = RoundUp(bytes, kAlignment);
  if (taken_.empty() || taken_.back().size - used_ < bytes) {
    const size_t size = std::max(bytes, kBytesAtOnce);
    try {
      taken_.push_back({AllocateLargePages(size), size});
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    used_ = 0;
  }
  uint8_t* const at = taken_.back().bytes.get() + used_;
  used_ += bytes;
  return at;
}

uint8_t* WeightRoom::PlaceOfMade(const Key& part, size_t packed) const {
  const auto [data, bytes] = part;
  const auto after = made_.upper_bound(data);
  if (after == made_.begin()) return nullptr;
  const Made& matrix = std::prev(after)->second;
  const size_t at = static_cast<size_t>(data - matrix.data);
  if (at >= matrix.bytes) return nullptr;
  // Of what is packed already, the one that begins here or later, and the one before.
  const auto next = places_.lower_bound({data, 0});
  const auto end_of = [](const Key& key) { return key.first + key.second; };
  if ((next != places_.begin() && end_of(std::prev(next)->first) > data) ||
      (next != places_.end() && next->first.first < data + bytes)) {
    throw Fault(code::kInternal, "weights that were made are cut in two ways");
  }
  const size_t end = at + bytes == matrix.bytes ? matrix.room : at + bytes;
  const bool fits = at % kAlignment == 0 && at + packed <= end;
  return fits ? matrix.data + at : nullptr;
}

}  // namespace retemper
