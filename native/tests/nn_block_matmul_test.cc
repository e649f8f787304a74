// Products with stored blocks: against sums in float64 over the decoded weights, once with the
// activations as they are and once with those that were rounded; and the same bits on every
// instruction set, in any batch and on any number of threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "core/convert.h"
#include "cpu/kernels.h"
#include "nn/block_matmul.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::nn {
namespace {

constexpr BlockFormat kFormats[] = {
    BlockFormat::kQ8_0,    BlockFormat::kQ4_0,    BlockFormat::kQ4_1,     BlockFormat::kQ5_0,
    BlockFormat::kQ5_1,    BlockFormat::kQ4_K,    BlockFormat::kQ5_K,     BlockFormat::kQ6_K,
    BlockFormat::kInt8_32, BlockFormat::kInt8_64, BlockFormat::kInt8_128, BlockFormat::kInt4_32,
    BlockFormat::kInt4_64, BlockFormat::kInt4_128};

// Bytes that end where a page ends that cannot be read.
class Guarded {
 public:
  explicit Guarded(const std::vector<uint8_t>& bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t used = (bytes.size() + page - 1) / page * page;
    size_ = used + page;
    memory_ = static_cast<uint8_t*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(memory_ != MAP_FAILED);
    CHECK_EQ(mprotect(memory_ + used, page, PROT_NONE), 0);
    data_ = memory_ + used - bytes.size();
    std::memcpy(data_, bytes.data(), bytes.size());
  }
  ~Guarded() { munmap(memory_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  const uint8_t* data() const { return data_; }

 private:
  uint8_t* memory_;
  uint8_t* data_;
  size_t size_;
};

// Where a format has its scales of 16 bits in a block.
std::vector<size_t> HalvesOf(BlockFormat format) {
  switch (format) {
    case BlockFormat::kQ8_0:
    case BlockFormat::kQ4_0:
    case BlockFormat::kQ5_0:
      return {0};
    case BlockFormat::kQ6_K:
      return {208};
    default:
      if (OfAnyDtype(format)) return {0};
      return {0, 2};
  }
}

// A matrix of random bits: every code and every scale of a group occurs.
struct Stored {
  std::vector<uint8_t> bytes;
  Guarded guarded;
  BlockRows rows;
  std::vector<float> values;  // [out, in], in the order in which rows are stored

  Stored(BlockFormat format, size_t out, size_t in, uint64_t seed)
      : bytes(Bytes(format, out, in, seed)), guarded(bytes), values(out * in) {
    rows = {guarded.data(), format, out, in, 0};
    const size_t blocks = values.size() / FactsOf(format).elements;
    ChooseTarget().f32->decode_blocks(bytes.data(), format, blocks, values.data());
  }
  static std::vector<uint8_t> Bytes(BlockFormat format, size_t out, size_t in, uint64_t seed) {
    const BlockFormatFacts& facts = FactsOf(format);
    std::vector<uint8_t> bytes(out * in / facts.elements * facts.bytes);
    test::Random random(seed);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    for (size_t at = 0; at < bytes.size(); at += facts.bytes) {
      for (const size_t half : HalvesOf(format)) {
        const float value = random.Normal() * 0.01f;
        const uint16_t scale = OfAnyDtype(format) ? FloatToBf16(value) : FloatToF16(value);
        std::memcpy(bytes.data() + at + half, &scale, 2);
      }
    }
    return bytes;
  }
};

std::vector<float> Multiply(const BlockKernel& kernel, Pool& pool, const BlockRows& w,
                            const float* bias, const float* x, size_t x_stride, size_t rows) {
  std::vector<float> y(rows * w.out, std::numeric_limits<float>::quiet_NaN());
  const BlockLinear layer = {w, bias, y.data(), w.out};
  BlockMatMul(kernel, pool, {&layer, 1}, x, x_stride, rows);
  return y;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

[[noreturn]] void Wrong(const BlockKernel& kernel, BlockFormat format, const std::string& what) {
  test::Fail(__FILE__, __LINE__,
             std::string(NameOf(kernel)) + " " + std::string(FactsOf(format).name) + ": " + what);
}

// What rounding to 8 bits makes of a row, by its definition.
std::vector<double> Rounded(const float* x, size_t in) {
  std::vector<double> rounded(in);
  for (size_t block = 0; block < in; block += 32) {
    float most = 0;
    for (size_t i = 0; i < 32; ++i) most = std::fmax(most, std::fabs(x[block + i]));
    if (most == 0) continue;
    const float factor = 127.0f / most, d = most / 127.0f;
    for (size_t i = 0; i < 32; ++i) {
      rounded[block + i] = static_cast<double>(d) * std::nearbyint(x[block + i] * factor);
    }
  }
  return rounded;
}

struct Shape {
  size_t out, in;
};
// Inputs in blocks of 256: all formats have such rows; those of 32 have others, too.
constexpr Shape kShapes[] = {{1, 256}, {7, 512}, {8, 256}, {17, 768}, {33, 2048}, {70, 256}};
constexpr Shape kSmallBlocks[] = {{1, 32}, {16, 64}, {19, 96}, {40, 576}, {5, 1056}, {9, 384}};

// Calls body(format, shape).
template <class Body>
void ForEachCase(Body body) {
  for (const BlockFormat format : kFormats) {
    for (const Shape& shape : kShapes) body(format, shape);
    for (const Shape& shape : kSmallBlocks) {
      if (shape.in % FactsOf(format).elements == 0) body(format, shape);
    }
  }
}

TEST("a product is the sum over the decoded weights, to what rounding activations takes") {
  Pool pool(1);
  uint64_t seed = 1;
  ForEachCase([&](BlockFormat format, const Shape& shape) {
    const auto [out, in] = shape;
    const Stored w(format, out, in, ++seed);
    test::Random random(++seed);
    const size_t rows = 3, stride = in + 5;
    const std::vector<float> x = random.Normals(rows * stride), bias = random.Normals(out);
    for (const BlockKernel* kernel : AvailableBlockKernels()) {
      const std::vector<float> y =
          Multiply(*kernel, pool, w.rows, bias.data(), x.data(), stride, rows);
      for (size_t r = 0; r < rows; ++r) {
        const float* row = x.data() + r * stride;
        const std::vector<double> rounded = Rounded(row, in);
        for (size_t o = 0; o < out; ++o) {
          double plain = bias[o], exact = bias[o], taken = 0, magnitude = std::fabs(bias[o]);
          for (size_t block = 0; block < in; block += 32) {
            float most = 0;
            double weights = 0;
            for (size_t i = block; i < block + 32; ++i) {
              const double value = w.values[o * in + i];
              plain += value * row[i];
              exact += value * rounded[i];
              weights += std::fabs(value);
              most = std::fmax(most, std::fabs(row[i]));
            }
            // Half a step each; a minimum and what is taken from it may be larger than the weights.
            taken += weights * most / 254;
            magnitude += weights * most;
            if (format == BlockFormat::kQ4_1 || format == BlockFormat::kQ5_1 ||
                format == BlockFormat::kQ4_K || format == BlockFormat::kQ5_K) {
              magnitude += 32 * 3 * most;
            }
          }
          const double own = static_cast<double>(in / 32 + 8) * 0x1p-24 * magnitude;
          const double got = y[r * out + o];
          if (!(std::fabs(got - exact) <= own)) {
            Wrong(
                *kernel, format,
                std::to_string(got) + " for the rounded activations, not " + std::to_string(exact));
          }
          if (!(std::fabs(got - plain) <= own + taken * 1.001)) {
            Wrong(*kernel, format, std::to_string(got) + ", not " + std::to_string(plain));
          }
        }
      }
    }
  });
}

TEST("the bits are the same on every instruction set, in any batch and on any number of threads") {
  uint64_t seed = 1000;
  std::vector<std::unique_ptr<Pool>> pools;
  for (const unsigned threads : {1u, 2u, 5u}) pools.push_back(std::make_unique<Pool>(threads));
  ForEachCase([&](BlockFormat format, const Shape& shape) {
    const auto [out, in] = shape;
    const Stored w(format, out, in, ++seed);
    test::Random random(++seed);
    const size_t rows = 45;
    const std::vector<float> x = random.Normals(rows * in);
    const BlockKernel& first = *AvailableBlockKernels().front();
    const std::vector<float> expected =
        Multiply(first, *pools[0], w.rows, nullptr, x.data(), in, rows);
    for (const BlockKernel* kernel : AvailableBlockKernels()) {
      for (const auto& pool : pools) {
        if (!SameBits(Multiply(*kernel, *pool, w.rows, nullptr, x.data(), in, rows), expected)) {
          Wrong(*kernel, format, "other bits with " + std::to_string(pool->threads()) + " threads");
        }
      }
      for (const size_t batch : {1, 2, 3, 7, 16}) {
        const size_t from = batch % 5;
        const std::vector<float> some =
            Multiply(*kernel, *pools[1], w.rows, nullptr, x.data() + from * in, in, batch);
        if (std::memcmp(some.data(), expected.data() + from * out, some.size() * 4) != 0) {
          Wrong(*kernel, format, "other bits in a batch of " + std::to_string(batch));
        }
      }
    }
  });
}

TEST("a product that several parts and several rows of activations make has the same bits") {
  Pool one(1), four(4);
  const Stored w(BlockFormat::kQ8_0, 150, 4096, 7);
  test::Random random(8);
  const size_t rows = 150;  // more than a part's activations
  const std::vector<float> x = random.Normals(rows * 4096);
  const std::vector<const BlockKernel*> kernels = AvailableBlockKernels();
  const std::vector<float> expected =
      Multiply(*kernels.back(), one, w.rows, nullptr, x.data(), 4096, rows);
  CHECK(SameBits(Multiply(*kernels.back(), four, w.rows, nullptr, x.data(), 4096, rows), expected));
  for (const BlockKernel* kernel : kernels) {
    const std::vector<float> last =
        Multiply(*kernel, four, w.rows, nullptr, x.data() + 149 * 4096, 4096, 1);
    CHECK_EQ(std::memcmp(last.data(), expected.data() + 149 * 150, 150 * 4), 0);
  }
}

TEST("layers of several formats share their activations") {
  Pool pool(3);
  const Stored a(BlockFormat::kQ4_K, 40, 512, 21), b(BlockFormat::kQ6_K, 9, 512, 22),
      c(BlockFormat::kQ8_0, 64, 512, 23);
  test::Random random(24);
  const size_t rows = 5;
  const std::vector<float> x = random.Normals(rows * 512), bias = random.Normals(9);
  for (const BlockKernel* kernel : AvailableBlockKernels()) {
    std::vector<float> y(rows * 120, -1);
    const BlockLinear layers[] = {{a.rows, nullptr, y.data(), 120},
                                  {b.rows, bias.data(), y.data() + 40, 120},
                                  {c.rows, nullptr, y.data() + 49, 120}};
    BlockMatMul(*kernel, pool, layers, x.data(), 512, rows);
    const std::vector<float> parts[] = {
        Multiply(*kernel, pool, a.rows, nullptr, x.data(), 512, rows),
        Multiply(*kernel, pool, b.rows, bias.data(), x.data(), 512, rows),
        Multiply(*kernel, pool, c.rows, nullptr, x.data(), 512, rows)};
    for (size_t r = 0; r < rows; ++r) {
      CHECK_EQ(std::memcmp(&y[r * 120], &parts[0][r * 40], 40 * 4), 0);
      CHECK_EQ(std::memcmp(&y[r * 120 + 40], &parts[1][r * 9], 9 * 4), 0);
      CHECK_EQ(std::memcmp(&y[r * 120 + 49], &parts[2][r * 64], 64 * 4), 0);
      for (size_t i = 113; i < 120; ++i) CHECK_EQ(y[r * 120 + i], -1.0f);
    }
  }
}

TEST("rows that are stored in turn give the outputs in order") {
  Pool pool(2);
  const size_t group = 12;
  const Stored w(BlockFormat::kQ5_0, 3 * group, 96, 31);
  const std::vector<float> x = test::Random(32).Normals(96);
  BlockRows turned = w.rows;
  turned.interleave = group;
  for (const BlockKernel* kernel : AvailableBlockKernels()) {
    const std::vector<float> stored = Multiply(*kernel, pool, w.rows, nullptr, x.data(), 96, 1);
    const std::vector<float> y = Multiply(*kernel, pool, turned, nullptr, x.data(), 96, 1);
    for (size_t o = 0; o < w.rows.out; ++o) {
      const size_t place = o % group;
      const size_t row = o - place + (place < group / 2 ? 2 * place : 2 * (place - group / 2) + 1);
      CHECK_EQ(y[o], stored[row]);
    }
  }
}

// Packed rows for a kernel, in memory that ends where they end.
struct Packed {
  std::vector<uint8_t> bytes;
  std::unique_ptr<Guarded> guarded;
  BlockRows rows;

  Packed(const BlockKernel& kernel, Pool& pool, const BlockRows& from)
      : bytes(PackedBlockBytes(kernel, from)), rows(from) {
    PackBlocks(kernel, pool, from, bytes.data());
    guarded = std::make_unique<Guarded>(bytes);
    rows.data = guarded->data();
    rows.interleave = 0;
    rows.packed = true;
  }
};

TEST("packed rows give the bits of stored ones, in any batch and on any number of threads") {
  uint64_t seed = 2000;
  std::vector<std::unique_ptr<Pool>> pools;
  for (const unsigned threads : {1u, 2u, 3u}) pools.push_back(std::make_unique<Pool>(threads));
  ForEachCase([&](BlockFormat format, const Shape& shape) {
    const auto [out, in] = shape;
    const Stored w(format, out, in, ++seed);
    test::Random random(++seed);
    const std::vector<float> x = random.Normals(33 * in), bias = random.Normals(out);
    const std::vector<float> expected = Multiply(*AvailableBlockKernels().front(), *pools[0],
                                                 w.rows, bias.data(), x.data(), in, 33);
    for (const BlockKernel* kernel : AvailableBlockKernels()) {
      for (const auto& pool : pools) {
        const Packed packed(*kernel, *pool, w.rows);
        for (const size_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33}) {
          const size_t from = 33 - rows;
          const std::vector<float> y =
              Multiply(*kernel, *pool, packed.rows, bias.data(), x.data() + from * in, in, rows);
          if (std::memcmp(y.data(), expected.data() + from * out, y.size() * 4) != 0) {
            Wrong(*kernel, format,
                  "other bits packed, for " + std::to_string(rows) + " rows with " +
                      std::to_string(pool->threads()) + " threads");
          }
        }
      }
    }
  });
}

TEST("packed rows keep the bytes of every output, in place and of rows stored in turn too") {
  Pool pool(3);
  uint64_t seed = 3000;
  ForEachCase([&](BlockFormat format, const Shape& shape) {
    const Stored w(format, shape.out, shape.in, ++seed);
    BlockRows from = w.rows;
    for (const size_t group : {size_t{0}, shape.out % 2 == 0 ? shape.out : 0}) {
      from.interleave = group;
      for (const BlockKernel* kernel : AvailableBlockKernels()) {
        const Packed packed(*kernel, pool, from);
        std::vector<uint8_t> row(from.RowBytes());
        for (size_t o = 0; o < shape.out; ++o) {
          const size_t half = group / 2;
          const size_t stored = group == 0 ? o : o < half ? 2 * o : 2 * (o - half) + 1;
          UnpackBlockRow(*kernel, packed.rows, o, row.data());
          if (std::memcmp(row.data(), from.data + stored * row.size(), row.size()) != 0)
            Wrong(*kernel, format, "other bytes of output " + std::to_string(o));
        }
        if (group != 0) continue;
        std::vector<uint8_t> place = w.bytes;
        place.resize(packed.bytes.size());
        BlockRows own = from;
        own.data = place.data();
        PackBlocks(*kernel, pool, own, place.data());
        if (place != packed.bytes) Wrong(*kernel, format, "other bytes in place");
      }
    }
  });
}

TEST("zeros, tiny and huge activations stay what they are, and what is not finite is NaN") {
  Pool pool(1);
  const Stored w(BlockFormat::kQ4_1, 9, 64, 41);
  const float scales[] = {0, 1e-44f, 1e-37f, 1e-28f, 1e30f};
  for (const BlockKernel* kernel : AvailableBlockKernels()) {
    for (const float scale : scales) {
      std::vector<float> x = test::Random(42).Normals(64);
      for (float& value : x) value *= scale;
      for (const float value : Multiply(*kernel, pool, w.rows, nullptr, x.data(), 64, 1)) {
        CHECK(std::isfinite(value));
        if (scale < 1e-30f) CHECK_EQ(value, 0.0f);
      }
    }
    for (const float bad :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> x = test::Random(43).Normals(128);
      x[40] = bad;
      const std::vector<float> y = Multiply(*kernel, pool, w.rows, nullptr, x.data(), 64, 2);
      for (size_t o = 0; o < 9; ++o) CHECK(std::isnan(y[o]));
      for (size_t o = 9; o < 18; ++o) CHECK(std::isfinite(y[o]));
    }
  }
}

TEST("no rows, no outputs and no layers are nothing to do") {
  Pool pool(2);
  const Stored w(BlockFormat::kQ8_0, 4, 32, 51);
  const std::vector<float> x = test::Random(52).Normals(32);
  for (const BlockKernel* kernel : AvailableBlockKernels()) {
    CHECK(Multiply(*kernel, pool, w.rows, nullptr, x.data(), 32, 0).empty());
    BlockRows none = w.rows;
    none.out = 0;
    CHECK(Multiply(*kernel, pool, none, nullptr, x.data(), 32, 1).empty());
    BlockMatMul(*kernel, pool, {}, x.data(), 32, 1);
  }
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
