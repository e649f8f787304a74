// Blocks of GGUF's formats and our own: the same bytes on every instruction set, codes and scales
// by the definition of the two simple formats, and what becomes of values that are no numbers. Byte
// by byte against the reference implementations: test/differential/gguf.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/convert.h"
#include "cpu/kernels.h"
#include "tests/check.h"

namespace retemper {
namespace {

constexpr BlockFormat kWritten[] = {BlockFormat::kQ8_0, BlockFormat::kQ4_0, BlockFormat::kQ5_0,
                                    BlockFormat::kQ5_1, BlockFormat::kQ4_K, BlockFormat::kQ5_K,
                                    BlockFormat::kQ6_K};
// Of no file.
constexpr BlockFormat kOwn[] = {BlockFormat::kInt8_32,  BlockFormat::kInt8_64,
                                BlockFormat::kInt8_128, BlockFormat::kInt4_32,
                                BlockFormat::kInt4_64,  BlockFormat::kInt4_128};

// Sums of uniform numbers, with blocks of zeros, of one sign, of one value and of tiny values.
std::vector<float> Values(size_t n, uint64_t seed) {
  std::vector<float> values(n);
  uint64_t state = seed;
  for (size_t i = 0; i < n; ++i) {
    float sum = 0;
    for (int k = 0; k < 4; ++k) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<float>(state >> 40) * 0x1p-24f - 0.5f;
    }
    switch (i / 64 % 8) {
      case 1:
        sum = 0;
        break;
      case 3:
        sum = std::fabs(sum);
        break;
      case 4:
        sum = -std::fabs(sum);
        break;
      case 5:
        sum = 0.25f;
        break;
      case 6:
        sum *= 1e-6f;
        break;
      default:
        break;
    }
    values[i] = sum * 0.05f;
  }
  return values;
}

std::vector<uint8_t> Encoded(const Target& target, const std::vector<float>& x, BlockFormat format,
                             uint64_t* bad = nullptr) {
  const BlockFormatFacts& facts = FactsOf(format);
  std::vector<uint8_t> bytes(x.size() / facts.elements * facts.bytes + 1, 0xab);
  const uint64_t count = target.encode(x.data(), x.size(), format, bytes.data());
  if (bad != nullptr) *bad = count;
  CHECK_EQ(static_cast<int>(bytes.back()), 0xab);  // nothing is written past the end
  bytes.pop_back();
  return bytes;
}

TEST("encodes to the same bytes on every instruction set, whatever the number of blocks") {
  for (const BlockFormat format : kWritten) {
    for (const size_t blocks : {1, 2, 3, 8}) {
      const std::vector<float> x = Values(blocks * 256, 7 + blocks);
      const std::vector<uint8_t> first = Encoded(*AvailableTargets().front(), x, format);
      for (const Target* target : AvailableTargets()) {
        if (Encoded(*target, x, format) != first)
          throw std::runtime_error(std::string(FactsOf(format).name) + " on " + target->name);
      }
    }
  }
}

TEST("encodes each block by itself") {
  for (const BlockFormat format : kWritten) {
    const std::vector<float> x = Values(5 * 256, 3);
    const std::vector<uint8_t> all = Encoded(ChooseTarget(), x, format);
    const std::vector<float> last(x.end() - 256, x.end());
    const std::vector<uint8_t> alone = Encoded(ChooseTarget(), last, format);
    CHECK(std::memcmp(alone.data(), all.data() + all.size() - alone.size(), alone.size()) == 0);
  }
}

TEST("Q8_0 scales by the largest magnitude over 127 and rounds halves away from zero") {
  std::vector<float> x(32, 0.0f);
  x[0] = -127;
  x[1] = 2.5f;
  x[2] = -2.5f;
  x[3] = 2.4f;
  const std::vector<uint8_t> bytes = Encoded(ChooseTarget(), x, BlockFormat::kQ8_0);
  uint16_t d = 0;
  std::memcpy(&d, bytes.data(), 2);
  CHECK_EQ(F16ToFloat(d), 1.0f);
  const auto code = [&](size_t i) { return static_cast<int>(static_cast<int8_t>(bytes[2 + i])); };
  CHECK_EQ(code(0), -127);
  CHECK_EQ(code(1), 3);
  CHECK_EQ(code(2), -3);
  CHECK_EQ(code(3), 2);
}

TEST("Q4_0 gives the first value of the largest magnitude the code 0") {
  std::vector<float> x(32, 0.0f);
  x[3] = 8;
  x[20] = -8;
  const std::vector<uint8_t> bytes = Encoded(ChooseTarget(), x, BlockFormat::kQ4_0);
  uint16_t d = 0;
  std::memcpy(&d, bytes.data(), 2);
  CHECK_EQ(F16ToFloat(d), -1.0f);
  CHECK_EQ(static_cast<int>(bytes[2 + 3] & 15), 0);
  CHECK_EQ(static_cast<int>(bytes[2 + 4] >> 4), 15);  // -8 / -1 + 8.5 is cut to 15
}

TEST("blocks with values that are not finite are counted and decode to NaN") {
  for (const BlockFormat format : kWritten) {
    for (const float odd :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = Values(3 * 256, 5);
      x[256 + 40] = odd;
      uint64_t bad = 0;
      const std::vector<uint8_t> bytes = Encoded(ChooseTarget(), x, format, &bad);
      const BlockFormatFacts& facts = FactsOf(format);
      CHECK_EQ(bad, static_cast<uint64_t>(facts.elements));
      uint16_t d = 0;
      const size_t block = (256 + 40) / facts.elements;
      std::memcpy(&d, bytes.data() + block * facts.bytes + (format == BlockFormat::kQ6_K ? 208 : 0),
                  2);
      CHECK_EQ(static_cast<int>(d), 0x7e00);
      CHECK(Encoded(*AvailableTargets().front(), x, format) == bytes);
    }
  }
}

TEST("a scale above float16's largest number is counted") {
  for (const BlockFormat format : kWritten) {
    std::vector<float> x(256, 0.0f);
    x[0] = 1e9f;
    x[1] = -1e9f;
    uint64_t bad = 0;
    Encoded(ChooseTarget(), x, format, &bad);
    CHECK_EQ(bad, static_cast<uint64_t>(FactsOf(format).elements));
  }
}

// By the definition of core/block_format.h, a row at a time.
std::vector<uint8_t> OwnBlocks(const std::vector<float>& x, BlockFormat format) {
  const auto [name, same, elements, bytes, type] = FactsOf(format);
  const bool eight = ScalesRows(format);
  const double most = eight ? 127 : 7;
  std::vector<uint8_t> blocks;
  for (size_t at = 0; at < x.size(); at += elements) {
    float largest = 0;
    const size_t from = eight ? 0 : at, to = eight ? x.size() : at + elements;
    for (size_t i = from; i < to; ++i) largest = std::fmax(largest, std::fabs(x[i]));
    const uint16_t scale =
        largest < 0x1p-100f ? 0 : FloatToBf16(largest / static_cast<float>(most));
    blocks.push_back(scale & 255);
    blocks.push_back(scale >> 8);
    const float d = Bf16ToFloat(scale);
    const auto code = [&](size_t i) {
      const double q = d == 0 ? 0 : std::nearbyint(static_cast<double>(x[i] / d));
      return static_cast<int>(std::fmax(-most, std::fmin(most, q)));
    };
    for (size_t group = at; group < at + elements; group += 32) {
      for (size_t i = group; i < group + (eight ? 32 : 16); ++i) {
        blocks.push_back(eight ? static_cast<uint8_t>(code(i))
                               : static_cast<uint8_t>((code(i) + 8) | (code(i + 16) + 8) << 4));
      }
    }
  }
  return blocks;
}

TEST("INT8 and INT4 are what their definition says, on every instruction set") {
  for (const BlockFormat format : kOwn) {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      std::vector<float> x = Values(6 * 128, seed);
      if (seed == 2) x.assign(x.size(), 0.0f);
      if (seed == 3) x.assign(x.size(), 1e-38f);
      if (seed == 4) x[5] = 3e38f;
      // Halves: of codes of a scale of 1.
      if (seed == 5) {
        for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) / 2 - 3;
        for (size_t i = 0; i < x.size(); i += 32) x[i] = ScalesRows(format) ? 127 : -7;
      }
      const std::vector<uint8_t> expected = OwnBlocks(x, format);
      for (const Target* target : AvailableTargets()) {
        uint64_t bad = 0;
        if (Encoded(*target, x, format, &bad) != expected)
          throw std::runtime_error(std::string(FactsOf(format).name) + " on " + target->name);
        CHECK_EQ(bad, uint64_t{0});
        std::vector<float> back(x.size());
        target->f32->decode_blocks(expected.data(), format, x.size() / FactsOf(format).elements,
                                   back.data());
        float largest = 0;
        for (const float value : x) largest = std::fmax(largest, std::fabs(value));
        // Half a step; 1 / 256 more where the scale was rounded down.
        const float bound = largest / (ScalesRows(format) ? 254 : 14) * 1.01f + 0x1p-100f;
        for (size_t i = 0; i < x.size(); ++i) CHECK(std::fabs(back[i] - x[i]) <= bound);
      }
    }
  }
}

TEST("what is not finite makes its block of INT4, and its row of INT8, no numbers") {
  for (const BlockFormat format : kOwn) {
    for (const float odd :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = Values(4 * 128, 5);
      x[128 + 40] = odd;
      const size_t elements = ScalesRows(format) ? x.size() : FactsOf(format).elements;
      for (const Target* target : AvailableTargets()) {
        uint64_t bad = 0;
        const std::vector<uint8_t> bytes = Encoded(*target, x, format, &bad);
        CHECK_EQ(bad, static_cast<uint64_t>(elements));
        std::vector<float> back(x.size());
        target->f32->decode_blocks(bytes.data(), format, x.size() / FactsOf(format).elements,
                                   back.data());
        for (size_t i = 0; i < x.size(); ++i)
          CHECK_EQ(std::isnan(back[i]), i / elements == (128 + 40) / elements);
      }
    }
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
