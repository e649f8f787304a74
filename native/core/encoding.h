// How a range's bytes become numbers, where they are no plain elements.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/block_format.h"
#include "core/codes.h"

namespace retemper {

enum class EncodingKind : uint8_t { kElements, kBlocks, kCodes };

// A side of a view: so many elements, each so many stored elements behind the one before.
struct ViewSide {
  uint64_t length = 1, stride = 0;
};

// Everything but the formats' arithmetic (cpu/decode_blocks-inl.h); engine/decode_range.h applies
// it.
struct Encoding {
  EncodingKind kind = EncodingKind::kElements;
  BlockFormat blocks = BlockFormat::kNone;  // kBlocks: each stored row is of whole blocks
  uint64_t row = 1;                         // elements of a stored row
  // Of rows in groups of so many, the two halves of a group are stored in turn: row j of its first
  // half, row j of its second. 0: in order.
  uint64_t interleave = 0;
  bool transposed = false;     // the range's columns are the stored rows
  std::vector<ViewSide> view;  // kElements: which stored elements these are; empty: all, in order
  double plus = 0;             // added to each value
  std::optional<Codes> codes;  // kCodes: rows of `row` elements, and nothing else of the above
};

}  // namespace retemper
