// The block formats of GGUF files: elements in blocks of fixed size, each with scales of its own.
// One table for those who read (decode_block.h) and those who write.
//
// Layouts: the struct definitions of ggml (ggml-common.h), little-endian throughout.
//
// INT8 and INT4 are ours, for weights that are put into blocks when a model is opened; no file has
// them. A block is a bfloat16 scale d, then its codes q of each 32 elements: 32 signed bytes, or 16
// bytes with q + 8 in four bits, the first half of the elements in the low ones. An element is d q.
// INT4: d = max |x| / 7 of the block. INT8: d = max |x| / 127 of the whole row, the same in each of
// its blocks. d is rounded to bfloat16 first, then q = x / d to the nearest whole number, halves to
// the even one, and no further from 0 than 7 or 127. Largest magnitudes below 2^-100 are zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace retemper {

enum class BlockFormat : uint8_t {
  kNone,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kInt8_32,
  kInt8_64,
  kInt8_128,
  kInt4_32,
  kInt4_64,
  kInt4_128,
};

struct BlockFormatFacts {
  std::string_view name;  // as GGUF's types are called, or our own
  BlockFormat format;
  uint16_t elements;  // of a block
  uint16_t bytes;     // of a block
  uint8_t gguf_type;  // the type's number in a GGUF file, where that has it
};

inline constexpr BlockFormatFacts kBlockFormats[] = {
    {"", BlockFormat::kNone, 1, 0, 0},
    {"Q8_0", BlockFormat::kQ8_0, 32, 34, 8},
    {"Q4_0", BlockFormat::kQ4_0, 32, 18, 2},
    {"Q4_1", BlockFormat::kQ4_1, 32, 20, 3},
    {"Q5_0", BlockFormat::kQ5_0, 32, 22, 6},
    {"Q5_1", BlockFormat::kQ5_1, 32, 24, 7},
    {"Q4_K", BlockFormat::kQ4_K, 256, 144, 12},
    {"Q5_K", BlockFormat::kQ5_K, 256, 176, 13},
    {"Q6_K", BlockFormat::kQ6_K, 256, 210, 14},
    {"INT8_32", BlockFormat::kInt8_32, 32, 34, 0},
    {"INT8_64", BlockFormat::kInt8_64, 64, 66, 0},
    {"INT8_128", BlockFormat::kInt8_128, 128, 130, 0},
    {"INT4_32", BlockFormat::kInt4_32, 32, 18, 0},
    {"INT4_64", BlockFormat::kInt4_64, 64, 34, 0},
    {"INT4_128", BlockFormat::kInt4_128, 128, 66, 0},
};

constexpr const BlockFormatFacts& FactsOf(BlockFormat format) {
  return kBlockFormats[static_cast<size_t>(format)];
}

// Whether the scales are those of whole rows.
constexpr bool ScalesRows(BlockFormat format) {
  return format >= BlockFormat::kInt8_32 && format <= BlockFormat::kInt8_128;
}
// Whether values are rounded to the dtype of the result before they are encoded: formats of no
// file, which stand for a file of that dtype.
constexpr bool OfAnyDtype(BlockFormat format) { return format >= BlockFormat::kInt8_32; }

// None for an unknown name; "" is no name.
inline std::optional<BlockFormat> BlockFormatNamed(std::string_view name) {
  for (const BlockFormatFacts& facts : kBlockFormats) {
    if (!name.empty() && facts.name == name) return facts.format;
  }
  return std::nullopt;
}

}  // namespace retemper
