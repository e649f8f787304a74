#include "engine/decode_codes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/convert.h"
#include "core/divide_up.h"
#include "core/status.h"

namespace retemper {
namespace {

// What belongs to the codes is read by channels of its own.
enum Channel : size_t { kCodeBytes, kScales, kZeros, kGroups, kNested };

// Rows that are made together where a row's codes do not lie together: whole words of any packing.
constexpr uint64_t kBandRows = 64;
// Codes of an AWQ word, by place: column 1 is the fifth.
constexpr uint32_t kAwqPlace[8] = {0, 4, 1, 5, 2, 6, 3, 7};

float FromE4M3(uint32_t code) {
  const uint32_t magnitude = code & 0x7f;
  if (magnitude == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  const int exponent = static_cast<int>(magnitude >> 3), fraction = static_cast<int>(magnitude & 7);
  const float value = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9)
                                    : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
  return (code & 0x80) != 0 ? -value : value;
}

using ByteTable = std::array<float, 256>;

ByteTable MakeTable(CodeKind kind) {
  ByteTable table{};
  for (uint32_t code = 0; code < 256; ++code) {
    table[code] = kind == CodeKind::kE4M3   ? FromE4M3(code)
                  : kind == CodeKind::kE5M2 ? F16ToFloat(static_cast<uint16_t>(code << 8))
                                            : static_cast<float>(static_cast<int8_t>(code));
  }
  return table;
}

const ByteTable& TableOf(CodeKind kind) {
  static const ByteTable e4m3 = MakeTable(CodeKind::kE4M3), e5m2 = MakeTable(CodeKind::kE5M2),
                         signed8 = MakeTable(CodeKind::kSigned8);
  return kind == CodeKind::kE4M3 ? e4m3 : kind == CodeKind::kE5M2 ? e5m2 : signed8;
}

// A code as the number that is scaled.
class CodeValue {
 public:
  explicit CodeValue(const Codes& codes)
      : table_(codes.kind == CodeKind::kTable      ? codes.table.data()
               : codes.kind == CodeKind::kUnsigned ? nullptr
                                                   : TableOf(codes.kind).data()),
        add_(codes.add) {}
  float operator()(uint32_t code) const {
    return table_ != nullptr ? table_[code] : static_cast<float>(static_cast<int32_t>(code) + add_);
  }

 private:
  const float* table_;
  int32_t add_;
};

uint64_t WordsOf(const Packing& packing, uint64_t length) {
  return DivideUp(length * packing.bits, uint64_t{32});
}

// Code `i` of a stream whose words `word(k)` gives.
template <class Word>
uint32_t CodeAt(const Packing& packing, uint64_t i, Word word) {
  if (packing.interleaved) return word(i / 8) >> (4 * kAwqPlace[i % 8]) & 15u;
  const uint64_t bit = i * packing.bits;
  const unsigned shift = bit % 32, mask = (1u << packing.bits) - 1;
  uint32_t code = word(bit / 32) >> shift;
  if (shift + packing.bits > 32) code |= word(bit / 32 + 1) << (32 - shift);
  return code & mask;
}

bool IsContiguous(const Packing& packing) { return !packing.along_rows && packing.step == 4; }

// Bytes that packed streams take.
uint64_t PackedBytes(const Packing& packing, uint64_t rows, uint64_t cols) {
  const uint64_t streams = packing.along_rows ? cols : rows;
  const uint64_t length = packing.along_rows ? rows : cols;
  if (streams == 0 || length == 0) return 0;
  if (IsContiguous(packing))
    return (streams - 1) * packing.pitch + DivideUp(length * packing.bits, uint64_t{8});
  return (streams - 1) * packing.pitch + (WordsOf(packing, length) - 1) * packing.step + 4;
}

// Codes [col, col + n) of a row that lies together.
void UnpackRow(const Range& range, const Codes& codes, uint64_t row, uint64_t col, size_t n,
               float* out, RangeBytes& bytes) {
  const Packing& packing = codes.packing;
  const CodeValue value(codes);
  const uint64_t end = range.offset + CodesBytes(codes);
  const uint64_t begin = col * packing.bits / 8;
  const uint64_t size = DivideUp((col + n) * packing.bits, uint64_t{8}) - begin;
  const uint8_t* from =
      bytes.Read(range.input, range.offset + row * packing.pitch + begin, size, end, kCodeBytes);
  if (packing.bits == 8) {
    for (size_t i = 0; i < n; ++i) out[i] = value(from[i]);
  } else if (packing.bits == 4) {
    const unsigned first = packing.high_first ? 4 : 0;
    size_t i = 0;
    if (col % 2 != 0) out[i++] = value(*from++ >> (4 - first) & 15u);
    for (; i + 1 < n; i += 2, ++from) {
      out[i] = value(*from >> first & 15u);
      out[i + 1] = value(*from >> (4 - first) & 15u);
    }
    if (i < n) out[i] = value(*from >> first & 15u);
  } else {
    const uint32_t mask = (1u << packing.bits) - 1;
    for (size_t i = 0; i < n; ++i) {
      const uint64_t bit = (col + i) * packing.bits - begin * 8;
      uint32_t code = static_cast<uint32_t>(from[bit / 8]) >> (bit % 8);
      if (bit % 8 + packing.bits > 8)
        code |= static_cast<uint32_t>(from[bit / 8 + 1]) << (8 - bit % 8);
      out[i] = value(code & mask);
    }
  }
}

// Plain elements as T: floats by the kernels, and the bytes that zero points and nested scales are.
template <class T>
void LoadPlain(const uint8_t* from, Dtype dtype, size_t n, T* out, const Kernels<T>& kernels) {
  if (dtype == Dtype::kU8) {
    for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(from[i]);
  } else if (dtype == Dtype::kI8) {
    for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(static_cast<int8_t>(from[i]));
  } else {
    kernels.load(from, dtype, n, out);
  }
}

// Numbers of a grid for rows [row, row + rows) and groups [first, first + groups), a row after the
// other.
template <class T>
std::vector<float> LoadGrid(const Grid& grid, uint64_t row, uint64_t rows, uint64_t first,
                            uint64_t groups, const Kernels<T>& kernels, RangeBytes& bytes,
                            size_t channel) {
  const Range& range = grid.range;
  std::vector<float> out(rows * groups);
  if (grid.packing) {
    const Packing& packing = *grid.packing;
    const uint32_t mask = (1u << packing.bits) - 1;
    const uint64_t begin = row * packing.bits / 32, end = WordsOf(packing, row + rows);
    std::vector<uint32_t> words(end - begin);
    for (uint64_t g = 0; g < groups; ++g) {
      const uint64_t stream = range.offset + (first + g) * packing.pitch;
      const size_t each = packing.step == 4 ? words.size() : 1;
      for (size_t w = 0; w < words.size(); w += each) {
        const uint64_t at = stream + (begin + w) * packing.step;
        std::memcpy(words.data() + w, bytes.Read(range.input, at, each * 4, at + each * 4, channel),
                    each * 4);
      }
      for (uint64_t r = 0; r < rows; ++r) {
        const uint32_t code =
            CodeAt(packing, row + r, [&](uint64_t k) { return words[k - begin]; });
        const uint32_t sum = code + static_cast<uint32_t>(grid.add);
        out[r * groups + g] =
            static_cast<float>(static_cast<int32_t>(grid.wraps ? sum & mask : sum));
      }
    }
    return out;
  }
  // A run of the grid at a time, along whichever side lies together.
  const size_t size = SizeOf(range.dtype);
  const uint64_t end = range.offset + range.count * size;
  const bool down = grid.row_stride == 1 && grid.row_block == 1 && rows > 1;
  const bool across = !down && grid.col_stride == 1;
  std::vector<T> loaded(down ? rows : across ? groups : 1);
  for (uint64_t a = 0; a < (down ? groups : rows); ++a) {
    for (uint64_t b = 0; b < (down || across ? 1 : groups); ++b) {
      const uint64_t place =
          down ? row + (first + a) * grid.col_stride
               : (row + a) / grid.row_block * grid.row_stride + (first + b) * grid.col_stride;
      const uint64_t at = range.offset + place * size, length = loaded.size() * size;
      LoadPlain(bytes.Read(range.input, at, length, across ? end : at + length, channel),
                range.dtype, loaded.size(), loaded.data(), kernels);
      for (size_t k = 0; k < loaded.size(); ++k) {
        const uint64_t r = down ? k : a, g = down ? a : across ? k : b;
        out[r * groups + g] = static_cast<float>(loaded[k]);
      }
    }
  }
  return out;
}

// The scales themselves, where they are codes: `start` is the place of the first in its range.
template <class T>
void LoadNested(const Codes::Nested& nested, uint64_t start, std::vector<float>& scales,
                const Kernels<T>& kernels, RangeBytes& bytes) {
  const size_t size = SizeOf(nested.absmax.dtype);
  for (size_t i = 0; i < scales.size(); ++i) {
    const uint64_t at = nested.absmax.offset + (start + i) / nested.block * size;
    T absmax = 0;
    kernels.load(bytes.Read(nested.absmax.input, at, size, at + size, kNested), nested.absmax.dtype,
                 1, &absmax);
    const float product = nested.table[static_cast<size_t>(scales[i])] * static_cast<float>(absmax);
    scales[i] = product + nested.plus;
  }
}

// Groups of columns [col, col + n), as places in the grid.
std::vector<uint32_t> GroupsOf(const Codes& codes, uint64_t col, size_t n, RangeBytes& bytes) {
  std::vector<uint32_t> groups(n);
  const uint64_t at = codes.group_of_column->offset + col * 4;
  std::memcpy(groups.data(),
              bytes.Read(codes.group_of_column->input, at, n * 4, at + n * 4, kGroups), n * 4);
  for (size_t i = 0; i < n; ++i) {
    if (groups[i] < codes.groups) continue;
    throw Fault(code::kBadInput,
                "its g_idx puts column " + std::to_string(col + i) + " into group " +
                    std::to_string(static_cast<int32_t>(groups[i])) + " of " +
                    std::to_string(codes.groups),
                {}, {}, "download the model again");
  }
  return groups;
}

// What the codes of rows [row, row + rows), columns [col, col + n) are scaled by.
struct Scaling {
  uint64_t first = 0, groups = 0;  // groups along the columns
  std::vector<float> scales, zeros;
  std::vector<uint32_t> group_of_column;  // from `col` on, where it is listed
};

template <class T>
Scaling LoadScaling(const Codes& codes, uint64_t row, uint64_t rows, uint64_t col, size_t n,
                    const Kernels<T>& kernels, RangeBytes& bytes) {
  Scaling scaling;
  const bool listed = codes.group_of_column.has_value();
  scaling.first = listed ? 0 : col / codes.scale.col_block;
  const uint64_t last = listed ? codes.groups - 1 : (col + n - 1) / codes.scale.col_block;
  scaling.groups = last - scaling.first + 1;
  const auto load = [&](const Grid& grid, size_t channel) {
    return LoadGrid(grid, row, rows, scaling.first, scaling.groups, kernels, bytes, channel);
  };
  scaling.scales = load(codes.scale, kScales);
  if (codes.nested) {
    const uint64_t start = row / codes.scale.row_block * codes.scale.row_stride +
                           scaling.first * codes.scale.col_stride;
    LoadNested(*codes.nested, start, scaling.scales, kernels, bytes);
  }
  if (codes.zero) scaling.zeros = load(*codes.zero, kZeros);
  if (listed) scaling.group_of_column = GroupsOf(codes, col, n, bytes);
  return scaling;
}

// (value - zero) scale for columns [col, col + n) of the row that is `row` rows below the
// scaling's.
void Scale(const Codes& codes, const Scaling& scaling, uint64_t row, uint64_t col, size_t n,
           float* values) {
  const float* scales = scaling.scales.data() + row * scaling.groups;
  const float* zeros =
      scaling.zeros.empty() ? nullptr : scaling.zeros.data() + row * scaling.groups;
  if (!scaling.group_of_column.empty()) {
    for (size_t i = 0; i < n; ++i) {
      const uint32_t group = scaling.group_of_column[i];
      const float centred = zeros == nullptr ? values[i] : values[i] - zeros[group];
      values[i] = centred * scales[group];
    }
    return;
  }
  const uint64_t block = codes.scale.col_block;
  for (size_t i = 0; i < n;) {
    const uint64_t group = (col + i) / block;
    const size_t end = std::min<uint64_t>(n, (group + 1) * block - col);
    const float scale = scales[group - scaling.first];
    if (zeros != nullptr) {
      const float zero = zeros[group - scaling.first];
      for (size_t k = i; k < end; ++k) values[k] = (values[k] - zero) * scale;
    } else {
      for (size_t k = i; k < end; ++k) values[k] *= scale;
    }
    i = end;
  }
}

// float32 values as T, rounded as the format rounds.
template <class T>
void Finish(const Range& range, const Codes& codes, const float* values, size_t n, T* out,
            const Kernels<T>& kernels) {
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(values[i]);
  if (codes.product) kernels.round_to(out, n, *codes.product);
  if (codes.factor != 1) {
    for (size_t i = 0; i < n; ++i)
      out[i] = static_cast<T>(static_cast<float>(out[i]) * codes.factor);
  }
  if (range.dtype != Dtype::kF64) kernels.round_to(out, n, range.dtype);
}

// Rows [top, top + count) whole, of codes that do not lie in rows.
template <class T>
void MakeBand(const Range& range, const Codes& codes, uint64_t top, uint64_t count, T* made,
              const Kernels<T>& kernels, RangeBytes& bytes) {
  const Packing& packing = codes.packing;
  const CodeValue value(codes);
  const uint64_t cols = codes.cols;
  std::vector<float> values(count * cols);
  std::vector<uint32_t> words;
  if (packing.along_rows) {
    const uint64_t first = top * packing.bits / 32;  // a band begins with a word
    const uint64_t many = WordsOf(packing, top + count) - first;
    words.resize(many);
    for (uint64_t c = 0; c < cols; ++c) {
      const uint64_t at = range.offset + c * packing.pitch + first * packing.step;
      std::memcpy(words.data(), bytes.Read(range.input, at, many * 4, at + many * 4, kCodeBytes),
                  many * 4);
      for (uint64_t r = 0; r < count; ++r) {
        values[r * cols + c] =
            value(CodeAt(packing, top + r, [&](uint64_t k) { return words[k - first]; }));
      }
    }
  } else {
    const uint64_t many = WordsOf(packing, cols);
    words.resize(many * count);
    for (uint64_t w = 0; w < many; ++w) {
      const uint64_t at = range.offset + w * packing.step + top * packing.pitch;
      std::memcpy(words.data() + w * count,
                  bytes.Read(range.input, at, count * 4, at + count * 4, kCodeBytes), count * 4);
    }
    for (uint64_t r = 0; r < count; ++r) {
      for (uint64_t c = 0; c < cols; ++c) {
        values[r * cols + c] =
            value(CodeAt(packing, c, [&](uint64_t k) { return words[k * count + r]; }));
      }
    }
  }
  const Scaling scaling = LoadScaling(codes, top, count, 0, cols, kernels, bytes);
  for (uint64_t r = 0; r < count; ++r) Scale(codes, scaling, r, 0, cols, values.data() + r * cols);
  Finish(range, codes, values.data(), count * cols, made, kernels);
}

}  // namespace

uint64_t CodesBytes(const Codes& codes) {
  return PackedBytes(codes.packing, codes.rows, codes.cols);
}

bool CodesInRows(const Codes& codes) { return IsContiguous(codes.packing); }

uint64_t CodesBandBytes(const Codes& codes) {
  // the band, the values and the words that it is made from
  return CodesInRows(codes) ? 0 : kBandRows * codes.cols * (sizeof(double) + 2 * sizeof(float));
}

StoredRun RunOfCodes(const Range& range, uint64_t first, uint64_t n) {
  const Codes& codes = *range.encoding->codes;
  const uint64_t row = codes.cols * codes.packing.bits;
  if (n == 0 || !CodesInRows(codes) || row % 8 != 0 ||
      (codes.rows > 1 && codes.packing.pitch != row / 8))
    return {};
  const uint64_t begin = first * codes.packing.bits / 8;
  return {range.offset + begin, DivideUp((first + n) * codes.packing.bits, uint64_t{8}) - begin};
}

std::vector<const Range*> RangesBeside(const Codes& codes) {
  std::vector<const Range*> ranges = {&codes.scale.range};
  if (codes.zero) ranges.push_back(&codes.zero->range);
  if (codes.group_of_column) ranges.push_back(&*codes.group_of_column);
  if (codes.nested) ranges.push_back(&codes.nested->absmax);
  return ranges;
}

namespace {

bool IsSane(const Packing& packing) {
  constexpr uint64_t kMost = uint64_t{1} << 48;
  const bool bits =
      packing.bits == 2 || packing.bits == 3 || packing.bits == 4 || packing.bits == 8;
  if (!bits || packing.pitch > kMost || packing.step > kMost) return false;
  if (packing.high_first && (packing.bits != 4 || !IsContiguous(packing))) return false;
  if (packing.interleaved && (packing.bits != 4 || !packing.along_rows)) return false;
  return !packing.along_rows || packing.step == 4;
}

bool Fits(const Grid& grid, const Codes& codes) {
  constexpr uint64_t kMost = uint64_t{1} << 48;
  if (grid.row_block == 0 || grid.col_block == 0) return false;
  if (grid.range.encoding) return false;
  if (grid.packing) {
    const Packing& packing = *grid.packing;
    if (packing.bits != 2 && packing.bits != 3 && packing.bits != 4 && packing.bits != 8)
      return false;
    if (!packing.along_rows || packing.high_first || packing.pitch > kMost ||
        packing.step > kMost || (packing.interleaved && packing.bits != 4))
      return false;
    return PackedBytes(packing, codes.rows, codes.groups) <= grid.range.count;
  }
  if (grid.row_stride > kMost || grid.col_stride > kMost) return false;
  const uint64_t last =
      (codes.rows - 1) / grid.row_block * grid.row_stride + (codes.groups - 1) * grid.col_stride;
  return last < grid.range.count;
}

}  // namespace

const char* CodesFault(const Range& range) {
  const Codes& codes = *range.encoding->codes;
  constexpr uint64_t kMost = uint64_t{1} << 40;
  if (codes.rows == 0 || codes.cols == 0 || codes.rows > kMost || codes.cols > kMost ||
      range.count / codes.rows != codes.cols || range.count % codes.rows != 0)
    return "codes are not of rows and columns";
  if (!IsSane(codes.packing)) return "codes are packed as no format packs them";
  if (codes.packing.bits != 8 && codes.kind != CodeKind::kUnsigned &&
      codes.kind != CodeKind::kTable)
    return "codes of fewer than 8 bits are no bytes";
  if (codes.kind == CodeKind::kTable && codes.table.size() != size_t{1} << codes.packing.bits)
    return "a table of codes has not a value for each";
  if (codes.groups == 0 || codes.groups > codes.cols) return "codes have no groups";
  if (!codes.group_of_column && (codes.cols - 1) / codes.scale.col_block >= codes.groups)
    return "columns have no group";
  if (!Fits(codes.scale, codes)) return "scales do not fit their codes";
  const auto is_number = [](Dtype dtype) {
    return IsFloat(dtype) || dtype == Dtype::kU8 || dtype == Dtype::kI8;
  };
  if (!is_number(codes.scale.range.dtype) || (codes.zero && !is_number(codes.zero->range.dtype)))
    return "scales or zero points are no numbers";
  if (codes.zero && (codes.zero->col_block != codes.scale.col_block || !Fits(*codes.zero, codes)))
    return "zero points do not fit their codes";
  if (codes.group_of_column &&
      (codes.group_of_column->dtype != Dtype::kI32 || codes.group_of_column->count < codes.cols))
    return "columns have no list of groups";
  if (!codes.nested) return IsFloat(codes.scale.range.dtype) ? nullptr : "scales are no floats";
  const Codes::Nested& nested = *codes.nested;
  if (codes.scale.range.dtype != Dtype::kU8 || nested.table.size() != 256 || nested.block == 0 ||
      !IsFloat(nested.absmax.dtype) || codes.scale.range.count == 0 ||
      (codes.scale.range.count - 1) / nested.block >= nested.absmax.count)
    return "scales of scales do not fit them";
  return nullptr;
}

template <class T>
void LoadCodes(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
               RangeBytes& bytes) {
  const Codes& codes = *range.encoding->codes;
  const uint64_t cols = codes.cols;
  std::vector<float> values;
  while (n > 0) {
    const uint64_t row = first / cols, col = first % cols;
    const size_t take = std::min<uint64_t>(n, cols - col);
    if (CodesInRows(codes)) {
      values.resize(take);
      UnpackRow(range, codes, row, col, take, values.data(), bytes);
      const Scaling scaling = LoadScaling(codes, row, 1, col, take, kernels, bytes);
      Scale(codes, scaling, 0, col, take, values.data());
      Finish(range, codes, values.data(), take, out, kernels);
    } else {
      Worker::Band& band = bytes.band();
      const uint64_t number = row / kBandRows, top = number * kBandRows;
      const uint64_t count = std::min(kBandRows, codes.rows - top);
      T* made = static_cast<T*>(band.memory.Reserve(kBandRows * cols * sizeof(T)));
      if (band.owner != &range || band.number != number) {
        band.owner = nullptr;
        MakeBand(range, codes, top, count, made, kernels, bytes);
        band.owner = &range;
        band.number = number;
      }
      std::copy_n(made + (row - top) * cols + col, take, out);
    }
    out += take;
    first += take;
    n -= take;
  }
}

template void LoadCodes<float>(const Range&, uint64_t, size_t, float*, const Kernels<float>&,
                               RangeBytes&);
template void LoadCodes<double>(const Range&, uint64_t, size_t, double*, const Kernels<double>&,
                                RangeBytes&);

}  // namespace retemper
