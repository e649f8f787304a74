// Quantised weights as numbers: every packing, against a reader that takes one bit at a time; no
// byte beside those that belong to the codes is touched; codes that lie are refused; whole merges
// of them have the same bytes for any number of threads. Against the reference libraries:
// test/golden/quantised.
#include "engine/decode_codes.h"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/convert.h"
#include "engine/run_plan.h"
#include "tests/check.h"
#include "tests/every_method.h"
#include "tests/nn_random.h"
#include "tests/temp_folder.h"

namespace retemper {
namespace {

using test::Random;

// A file in memory. Each read is a block of its own size at an odd address, so that a sanitizer
// sees whoever reads past it.
class ExactBytes final : public RangeBytes {
 public:
  explicit ExactBytes(std::vector<uint8_t> file) : file_(std::move(file)) {}
  const uint8_t* Read(uint32_t input, uint64_t offset, size_t size, uint64_t end,
                      size_t channel) override {
    CHECK_EQ(input, 0u);
    CHECK(size > 0 && offset + size <= file_.size());
    CHECK(end >= offset + size && end <= file_.size());
    if (copies_.size() <= channel) copies_.resize(channel + 1);
    copies_[channel].reset(new uint8_t[size + 1]);
    std::memcpy(copies_[channel].get() + 1, file_.data() + offset, size);
    return copies_[channel].get() + 1;
  }
  Worker::Band& band() override { return band_; }
  const std::vector<uint8_t>& file() const { return file_; }

 private:
  std::vector<uint8_t> file_;
  std::vector<std::unique_ptr<uint8_t[]>> copies_;
  Worker::Band band_;
};

// A file that grows by what is put into it, each part at an odd place.
struct Builder {
  explicit Builder(uint64_t seed) : random(seed) {}

  uint64_t Put(const void* bytes, size_t size) {
    while (file.size() % 2 == 0 || file.size() % 3 != 0) file.push_back(0xee);
    const uint64_t at = file.size();
    const auto* from = static_cast<const uint8_t*>(bytes);
    file.insert(file.end(), from, from + size);
    return at;
  }
  Range Noise(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    return {0, Put(bytes.data(), size), Dtype::kU8, size};
  }
  Range Floats(size_t count) {
    const std::vector<float> values = random.Normals(count, 0.01f);
    return {0, Put(values.data(), 4 * count), Dtype::kF32, count};
  }

  Random random;
  std::vector<uint8_t> file;
};

// Code `i` of stream `stream`, one bit at a time.
uint32_t SlowCode(const std::vector<uint8_t>& file, uint64_t start, const Packing& packing,
                  uint64_t stream, uint64_t i) {
  constexpr uint64_t kOrder[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  if (packing.high_first) i ^= 1;
  if (packing.interleaved) {
    uint64_t place = 0;
    while (kOrder[place] != i % 8) ++place;
    i = i / 8 * 8 + place;
  }
  uint32_t code = 0;
  for (unsigned b = 0; b < packing.bits; ++b) {
    const uint64_t bit = i * packing.bits + b;
    const uint64_t byte = start + stream * packing.pitch + bit / 32 * packing.step + bit % 32 / 8;
    code |= (file.at(byte) >> (bit % 8) & 1u) << b;
  }
  return code;
}

float SlowNumber(const std::vector<uint8_t>& file, const Range& range, uint64_t place) {
  CHECK(place < range.count);
  if (range.dtype == Dtype::kU8) return file.at(range.offset + place);
  float value = 0;
  std::memcpy(&value, &file.at(range.offset + 4 * place), 4);
  return value;
}

float SlowGrid(const std::vector<uint8_t>& file, const Grid& grid, uint64_t row, uint64_t group) {
  if (!grid.packing) {
    return SlowNumber(file, grid.range,
                      row / grid.row_block * grid.row_stride + group * grid.col_stride);
  }
  const int64_t code =
      int64_t{SlowCode(file, grid.range.offset, *grid.packing, group, row)} + grid.add;
  return static_cast<float>(grid.wraps ? code & ((1 << grid.packing->bits) - 1) : code);
}

// FP8 as its document has it: sign, exponent with a bias, fraction.
float SlowFp8(uint32_t code, int fraction_bits, int bias) {
  const int exponent = static_cast<int>(code & 0x7f) >> fraction_bits;
  const int fraction = static_cast<int>(code) & ((1 << fraction_bits) - 1);
  const double one = exponent == 0 ? 0 : 1;
  const double value =
      std::ldexp(one + std::ldexp(fraction, -fraction_bits), (exponent == 0 ? 1 : exponent) - bias);
  return static_cast<float>((code & 0x80) != 0 ? -value : value);
}

float SlowValue(const std::vector<uint8_t>& file, const Range& range, uint64_t row, uint64_t col) {
  const Codes& codes = *range.encoding->codes;
  const Packing& packing = codes.packing;
  const uint32_t code = SlowCode(file, range.offset, packing, packing.along_rows ? col : row,
                                 packing.along_rows ? row : col);
  float value = 0;
  switch (codes.kind) {
    case CodeKind::kUnsigned:
      value = static_cast<float>(static_cast<int64_t>(code) + codes.add);
      break;
    case CodeKind::kSigned8:
      value =
          static_cast<float>(code < 128 ? static_cast<int>(code) : static_cast<int>(code) - 256);
      break;
    case CodeKind::kE4M3:
      value = SlowFp8(code, 3, 7);
      break;
    case CodeKind::kE5M2:
      value = SlowFp8(code, 2, 15);
      break;
    case CodeKind::kTable:
      value = codes.table.at(code);
      break;
  }
  uint64_t group = col / codes.scale.col_block;
  if (codes.group_of_column) {
    int32_t listed = 0;
    std::memcpy(&listed, &file.at(codes.group_of_column->offset + 4 * col), 4);
    group = static_cast<uint64_t>(listed);
  }
  float scale = SlowGrid(file, codes.scale, row, group);
  if (codes.nested) {
    const uint64_t place =
        row / codes.scale.row_block * codes.scale.row_stride + group * codes.scale.col_stride;
    const float absmax = SlowNumber(file, codes.nested->absmax, place / codes.nested->block);
    scale = codes.nested->table.at(static_cast<size_t>(scale)) * absmax + codes.nested->plus;
  }
  if (codes.zero) value -= SlowGrid(file, *codes.zero, row, group);
  return value * scale * codes.factor;
}

struct Case {
  std::string name;
  std::vector<uint8_t> file;
  Range range;
};

Codes CodesOf(const Packing& packing, CodeKind kind = CodeKind::kUnsigned) {
  Codes codes;
  codes.packing = packing;
  codes.kind = kind;
  return codes;
}

// Codes of rows x cols, packed so; `more` adds what else they have.
Case Coded(std::string name, uint64_t rows, uint64_t cols, Codes codes, uint64_t group,
           const std::function<void(Codes&, Builder&)>& more = nullptr) {
  Builder build(rows * 1000003 + cols);
  codes.rows = rows;
  codes.cols = cols;
  codes.groups = (cols + group - 1) / group;
  codes.scale = {};
  codes.scale.range = build.Floats(rows * codes.groups);
  codes.scale.col_block = group;
  codes.scale.row_stride = codes.groups;
  codes.scale.col_stride = 1;
  if (more) more(codes, build);
  Range range = build.Noise(CodesBytes(codes));
  range.dtype = Dtype::kF32;
  range.count = rows * cols;
  auto encoding = std::make_shared<Encoding>();
  encoding->kind = EncodingKind::kCodes;
  encoding->row = cols;
  encoding->codes = std::move(codes);
  range.encoding = std::move(encoding);
  return {std::move(name), std::move(build.file), std::move(range)};
}

uint64_t Words(uint64_t codes, uint64_t bits) { return (codes * bits + 31) / 32; }

// Rows whose codes lie together; GPTQ's words, a stream for each row; AWQ's, a stream for each
// column.
Packing InRows(uint8_t bits, uint64_t cols) {
  return {.bits = bits, .pitch = bits == 8 ? cols : 4 * Words(cols, bits)};
}
Packing DownRows(uint8_t bits, uint64_t rows) {
  return {.bits = bits, .step = 4 * rows, .pitch = 4};
}
Packing AcrossRows(uint8_t bits, uint64_t rows, bool interleaved = false) {
  return {
      .bits = bits, .along_rows = true, .interleaved = interleaved, .pitch = 4 * Words(rows, bits)};
}

void AddPackedZeros(Codes& codes, Builder& build, uint8_t bits, bool interleaved) {
  Grid zero;
  zero.packing = AcrossRows(bits, codes.rows, interleaved);
  zero.range = build.Noise(codes.groups * zero.packing->pitch);
  zero.col_block = codes.scale.col_block;
  zero.add = interleaved ? 0 : 1;
  zero.wraps = !interleaved;
  codes.zero = std::move(zero);
}

void AddColumnGroups(Codes& codes, Builder& build) {
  std::vector<int32_t> groups(codes.cols);
  for (int32_t& group : groups) group = static_cast<int32_t>(build.random.Below(codes.groups));
  codes.group_of_column =
      Range{0, build.Put(groups.data(), 4 * groups.size()), Dtype::kI32, groups.size()};
}

void AddNested(Codes& codes, Builder& build) {
  const uint64_t scales = codes.rows * codes.groups;
  codes.scale.range = build.Noise(scales);
  codes.nested = Codes::Nested{.absmax = build.Floats((scales + 6) / 7),
                               .block = 7,
                               .table = build.random.Normals(256),
                               .plus = 0.25f};
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const auto& [rows, cols] :
       std::vector<std::pair<uint64_t, uint64_t>>{{1, 1}, {3, 7}, {70, 33}, {129, 64}}) {
    const std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
    for (const CodeKind kind : {CodeKind::kSigned8, CodeKind::kE4M3, CodeKind::kE5M2}) {
      cases.push_back(Coded("bytes of kind " + std::to_string(static_cast<int>(kind)) + " " + shape,
                            rows, cols, CodesOf(InRows(8, cols), kind), cols));
    }
    for (const uint8_t bits : {2, 3, 4, 8}) {
      const std::string name = std::to_string(bits) + " bits " + shape;
      cases.push_back(Coded("rows, " + name, rows, cols, CodesOf(InRows(bits, cols)), 16,
                            [bits](Codes& codes, Builder&) { codes.add = -(1 << (bits - 1)); }));
      cases.push_back(
          Coded("rows with packed zeros, " + name, rows, cols, CodesOf(InRows(bits, cols)), 16,
                [&](Codes& codes, Builder& build) { AddPackedZeros(codes, build, bits, false); }));
      cases.push_back(Coded("words down the rows, " + name, rows, cols,
                            CodesOf(DownRows(bits, rows)), 16, [&](Codes& codes, Builder& build) {
                              AddPackedZeros(codes, build, bits, false);
                              AddColumnGroups(codes, build);
                            }));
      cases.push_back(
          Coded("words across the rows, " + name, rows, cols, CodesOf(AcrossRows(bits, rows)), 16));
    }
    cases.push_back(
        Coded("interleaved " + shape, rows, cols, CodesOf(AcrossRows(4, rows, true)), 16,
              [](Codes& codes, Builder& build) { AddPackedZeros(codes, build, 4, true); }));
    Codes nf4 = CodesOf(InRows(4, cols), CodeKind::kTable);
    nf4.table = Random(5).Normals(16);
    nf4.packing.high_first = true;
    cases.push_back(Coded("a table " + shape, rows, cols, nf4, 16));
    cases.push_back(
        Coded("a table with scales of scales " + shape, rows, cols, nf4, 16, AddNested));
    cases.push_back(Coded("scales down the rows, and a factor " + shape, rows, cols,
                          CodesOf(InRows(8, cols)), 16, [rows = rows](Codes& codes, Builder&) {
                            codes.factor = 1.5f;
                            codes.scale.row_stride = 1;
                            codes.scale.col_stride = rows;
                          }));
  }
  return cases;
}

// All values, taken in pieces of `piece`; in order, or the last piece first.
template <class T>
std::vector<T> Decoded(const Case& one, size_t piece, bool backwards) {
  ExactBytes bytes(one.file);
  const uint64_t count = one.range.count;
  std::vector<T> out(count);
  const uint64_t pieces = (count + piece - 1) / piece;
  for (uint64_t k = 0; k < pieces; ++k) {
    const uint64_t first = (backwards ? pieces - 1 - k : k) * piece;
    const size_t n = std::min<uint64_t>(piece, count - first);
    std::unique_ptr<T[]> exact(new T[n]);  // so that a sanitizer sees who writes past it
    LoadCodes<T>(one.range, first, n, exact.get(), KernelsOf<T>(ChooseTarget()), bytes);
    std::copy_n(exact.get(), n, out.data() + first);
  }
  return out;
}

bool Same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

TEST("makes the values that a reader of single bits makes, in pieces of any size and order") {
  for (const Case& one : Cases()) {
    if (const char* fault = CodesFault(one.range))
      throw std::runtime_error(one.name + ": " + fault);
    const Codes& codes = *one.range.encoding->codes;
    std::vector<float> expected(one.range.count);
    for (uint64_t i = 0; i < expected.size(); ++i) {
      float value = SlowValue(one.file, one.range, i / codes.cols, i % codes.cols);
      // E4M3 has no infinities, and one NaN
      if (codes.kind == CodeKind::kE4M3 && (one.file.at(one.range.offset + i) & 0x7f) == 0x7f)
        value = std::nanf("");
      // E5M2's highest exponent is of infinities and NaN, as float16's
      if (codes.kind == CodeKind::kE5M2 && (one.file.at(one.range.offset + i) & 0x7c) == 0x7c)
        value = F16ToFloat(static_cast<uint16_t>(one.file.at(one.range.offset + i) << 8)) *
                SlowGrid(one.file, codes.scale, i / codes.cols, 0);
      expected[i] = value;
    }
    for (const size_t piece : {size_t{1}, size_t{5}, size_t{64}, size_t{100000}}) {
      if (piece == 1 && one.range.count > 3000) continue;
      for (const bool backwards : {false, true}) {
        const std::vector<float> got = Decoded<float>(one, piece, backwards);
        const std::vector<double> wide = Decoded<double>(one, piece, backwards);
        for (uint64_t i = 0; i < expected.size(); ++i) {
          if (Same(got[i], expected[i]) && Same(static_cast<float>(wide[i]), expected[i])) continue;
          throw std::runtime_error(one.name + ": value " + std::to_string(i) + " is " +
                                   std::to_string(got[i]) + ", expected " +
                                   std::to_string(expected[i]));
        }
      }
    }
  }
}

TEST("rounds to the dtype of the weights, and before that to the product's") {
  Case one = Coded("rounded", 9, 40, CodesOf(InRows(8, 40)), 8, [](Codes& codes, Builder&) {
    codes.factor = 3;
    codes.product = Dtype::kBF16;
  });
  one.range.dtype = Dtype::kF16;
  const std::vector<float> got = Decoded<float>(one, 13, false);
  Codes plain = *one.range.encoding->codes;
  plain.factor = 1;
  auto encoding = std::make_shared<Encoding>(*one.range.encoding);
  encoding->codes = plain;
  Range unscaled = one.range;
  unscaled.encoding = encoding;
  for (uint64_t i = 0; i < got.size(); ++i) {
    const float product = Bf16ToFloat(FloatToBf16(SlowValue(one.file, unscaled, i / 40, i % 40)));
    CHECK_EQ(got[i], F16ToFloat(FloatToF16(product * 3)));
  }
}

TEST("names the column whose group is none") {
  Case one = Coded("groups", 5, 24, CodesOf(DownRows(4, 5)), 8,
                   [](Codes& codes, Builder& build) { AddColumnGroups(codes, build); });
  const int32_t none = 3;
  std::memcpy(&one.file[one.range.encoding->codes->group_of_column->offset + 4 * 17], &none, 4);
  CHECK_FAULT(code::kBadInput, "puts column 17 into group 3 of 3", Decoded<float>(one, 24, false));
}

TEST("refuses codes that cannot be what they say") {
  const auto refused = [](const char* words, const std::function<void(Codes&)>& change) {
    const Case one =
        Coded("lies", 6, 40, CodesOf(InRows(4, 40)), 8, [](Codes& codes, Builder& build) {
          AddPackedZeros(codes, build, 4, false);
          AddColumnGroups(codes, build);
        });
    CHECK(CodesFault(one.range) == nullptr);
    auto encoding = std::make_shared<Encoding>(*one.range.encoding);
    change(*encoding->codes);
    Range range = one.range;
    range.encoding = encoding;
    const char* fault = CodesFault(range);
    if (fault == nullptr || std::string(fault).find(words) == std::string::npos)
      throw std::runtime_error(std::string(words) + ": " + (fault ? fault : "accepted"));
  };
  refused("rows and columns", [](Codes& codes) { codes.rows = 7; });
  refused("rows and columns", [](Codes& codes) { codes.rows = 0; });
  refused("as no format packs", [](Codes& codes) { codes.packing.bits = 5; });
  refused("as no format packs", [](Codes& codes) { codes.packing.bits = 0; });
  refused("as no format packs", [](Codes& codes) { codes.packing.pitch = ~uint64_t{0}; });
  refused("as no format packs", [](Codes& codes) { codes.packing.interleaved = true; });
  refused("fewer than 8 bits", [](Codes& codes) { codes.kind = CodeKind::kE4M3; });
  refused("not a value for each", [](Codes& codes) {
    codes.kind = CodeKind::kTable;
    codes.table.assign(15, 0.0f);
  });
  refused("no groups", [](Codes& codes) { codes.groups = 0; });
  refused("no groups", [](Codes& codes) { codes.groups = 41; });
  refused("columns have no group", [](Codes& codes) {
    codes.group_of_column.reset();
    codes.groups = 4;
  });
  refused("scales do not fit", [](Codes& codes) { codes.scale.range.count -= 1; });
  refused("scales do not fit", [](Codes& codes) { codes.scale.row_stride = ~uint64_t{0}; });
  refused("scales do not fit", [](Codes& codes) { codes.scale.col_block = 0; });
  refused("no floats", [](Codes& codes) { codes.scale.range.dtype = Dtype::kU8; });
  refused("zero points do not fit", [](Codes& codes) { codes.zero->range.count -= 1; });
  refused("zero points do not fit",
          [](Codes& codes) { codes.zero->packing->pitch = ~uint64_t{0}; });
  refused("no list of groups", [](Codes& codes) { codes.group_of_column->count = 39; });
  refused("scales of scales", [](Codes& codes) {
    codes.scale.range.dtype = Dtype::kU8;
    codes.nested = Codes::Nested{.absmax = codes.scale.range, .block = 7, .table = {}};
  });
}

TEST("merges codes to the same bytes for any number of threads and every way of reading") {
  const test::TempFolder folder;
  Plan plan;
  OutputSpec output{folder.Path("out"), 64, std::vector<uint8_t>(64, ' ')};
  constexpr uint64_t kRows = 200, kCols = 96;
  for (const Packing& packing :
       {InRows(4, kCols), DownRows(4, kRows), AcrossRows(4, kRows, true)}) {
    Case one =
        Coded("merged", kRows, kCols, CodesOf(packing), 32, [](Codes& codes, Builder& build) {
          AddPackedZeros(codes, build, 4, codes.packing.interleaved);
        });
    const uint32_t input = static_cast<uint32_t>(plan.inputs.size());
    const std::string path =
        folder.Write("in" + std::to_string(input), {one.file.begin(), one.file.end()});
    const FileIdentity identity = File::OpenForReading(path).Identity();
    plan.inputs.push_back({path, identity.size, identity.inode, identity.mtime_ns});
    auto encoding = std::make_shared<Encoding>(*one.range.encoding);
    encoding->codes->scale.range.input = encoding->codes->zero->range.input = input;
    one.range.encoding = encoding;
    one.range.input = input;
    TensorSpec tensor;
    tensor.name = "t" + std::to_string(input);
    tensor.shape = {kRows, kCols};
    tensor.out_dtype = Dtype::kF32;
    Source source;
    Part part;
    part.range = one.range;
    part.rows = kRows;
    part.cols = kCols;
    source.parts.push_back(part);
    tensor.sources = {source, source};
    tensor.model_keys = {0, 1};
    tensor.variants.push_back({0, output.size, LinearParams{{0.25, 0.5}, false}});
    output.size += kRows * kCols * 4;
    plan.tensors.push_back(std::move(tensor));
  }
  plan.outputs.push_back(std::move(output));
  plan.fsync = false;
  const std::atomic<bool> never{false};
  std::string expected;
  for (const unsigned threads : {1u, 2u, 5u}) {
    for (const ReadingChoice reading : {ReadingChoice::kMap, ReadingChoice::kPread}) {
      plan.threads = threads;
      plan.reading = reading;
      const Report report = RunPlan(plan, never, nullptr);
      if (expected.empty()) expected = report.sha256[0];
      CHECK_EQ(report.sha256[0], expected);
      std::filesystem::remove(plan.outputs[0].path);
    }
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
