// The block formats of GGUF files: elements in blocks of fixed size, each with scales of its own.
// One table for those who read (decode_block.h) and those who write.
//
// Layouts: the struct definitions of ggml (ggml-common.h), little-endian throughout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace retemper {

enum class BlockFormat : uint8_t { kNone, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4_K, kQ5_K, kQ6_K };

struct BlockFormatFacts {
  std::string_view name;  // as GGUF's types are called
  BlockFormat format;
  uint16_t elements;  // of a block
  uint16_t bytes;     // of a block
  uint8_t gguf_type;  // the type's number in a GGUF file
};

inline constexpr BlockFormatFacts kBlockFormats[] = {
    {"", BlockFormat::kNone, 1, 0, 0},          {"Q8_0", BlockFormat::kQ8_0, 32, 34, 8},
    {"Q4_0", BlockFormat::kQ4_0, 32, 18, 2},    {"Q4_1", BlockFormat::kQ4_1, 32, 20, 3},
    {"Q5_0", BlockFormat::kQ5_0, 32, 22, 6},    {"Q5_1", BlockFormat::kQ5_1, 32, 24, 7},
    {"Q4_K", BlockFormat::kQ4_K, 256, 144, 12}, {"Q5_K", BlockFormat::kQ5_K, 256, 176, 13},
    {"Q6_K", BlockFormat::kQ6_K, 256, 210, 14},
};

constexpr const BlockFormatFacts& FactsOf(BlockFormat format) {
  return kBlockFormats[static_cast<size_t>(format)];
}

// None for an unknown name; "" is no name.
inline std::optional<BlockFormat> BlockFormatNamed(std::string_view name) {
  for (const BlockFormatFacts& facts : kBlockFormats) {
    if (!name.empty() && facts.name == name) return facts.format;
  }
  return std::nullopt;
}

}  // namespace retemper
