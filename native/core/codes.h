// Quantised weights as they lie in a file: codes of a few bits, and what makes numbers of them
// (scales, zero points, tables). Plain data; engine/decode_codes.h does the arithmetic. Which file
// has what is decided in lib/checkpoint/formats/quantised.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/range.h"

namespace retemper {

// What a code is by itself: an unsigned number, a signed byte, a float of 8 bits (OCP FP8: E4M3
// without infinities, E5M2), or a place in a table.
enum class CodeKind : uint8_t { kUnsigned, kSigned8, kE4M3, kE5M2, kTable };

// How codes of a matrix are packed: as streams of bits in 32-bit little-endian words, lowest bits
// first, one stream for each row (along the columns) or for each column (along the rows).
struct Packing {
  uint8_t bits = 8;          // 2, 3, 4 or 8
  bool along_rows = false;   // the streams are the columns
  bool high_first = false;   // of two codes in a byte the first is the high one (bitsandbytes)
  bool interleaved = false;  // codes 0, 2, 4, 6, 1, 3, 5, 7 of each eight in turn (AWQ)
  uint64_t step = 4;         // bytes from one word of a stream to the next
  uint64_t pitch = 0;        // bytes from one stream to the next
};

// A number for each block of a matrix: element (r, c) has the one at
// (r / row_block) row_stride + g col_stride, where g is c / col_block or the group of column c.
struct Grid {
  Range range;  // plain elements; where they are packed, its `count` is of bytes
  uint64_t row_block = 1, col_block = 1;
  uint64_t row_stride = 0, col_stride = 0;  // in elements
  std::optional<Packing> packing;           // along the rows; pitch is from one group to the next
  int32_t add = 0;                          // to each packed number
  bool wraps = false;                       // the sum is taken modulo 2^bits
};

// (code + add - zero) scale, rounded to `product`, times `factor`; all in float32.
struct Codes {
  CodeKind kind = CodeKind::kUnsigned;
  Packing packing;
  std::vector<float> table;
  int32_t add = 0;
  uint64_t rows = 0, cols = 0;
  Grid scale;
  std::optional<Grid> zero;
  std::optional<Range> group_of_column;  // I32; else columns are in order of their groups
  uint64_t groups = 1;                   // along the columns
  // Scales that are codes of a byte: table[code] times the one of its block, plus a constant.
  struct Nested {
    Range absmax;
    uint64_t block = 256;
    std::vector<float> table;  // 256
    float plus = 0;
  };
  std::optional<Nested> nested;
  float factor = 1;
  std::optional<Dtype> product;
};

}  // namespace retemper
