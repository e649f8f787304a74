// Conversions exhaustively, elementary functions against the C library, and every kernel on every
// instruction set that this machine has: the bits must be those of the first one.
#include "cpu/kernels.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "core/convert.h"
#include "core/exact_math.h"
#include "tests/check.h"

namespace retemper {
namespace {

// A fixed stream of 64-bit words (SplitMix64).
struct Stream {
  uint64_t state;
  uint64_t Next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

// Ordinary values with every kind of special one among them.
template <class T>
std::vector<T> Values(size_t n, uint64_t seed) {
  using L = std::numeric_limits<T>;
  const T special[] = {T(0),           -T(0),           L::infinity(), -L::infinity(),
                       L::quiet_NaN(), L::denorm_min(), -L::min(),     L::max(),
                       T(1),           T(65520),        T(1e-8)};
  Stream stream{seed};
  std::vector<T> values(n);
  for (T& value : values) {
    const uint64_t word = stream.Next();
    value = word % 29 == 0
                ? special[(word >> 8) % std::size(special)]
                : static_cast<T>((static_cast<double>(word >> 11) * 0x1p-53 - 0.5) * 0.25);
  }
  return values;
}

template <class T>
void CheckSameBits(const std::vector<T>& a, const std::vector<T>& b, const char* target,
                   const char* kernel) {
  if (a.size() != b.size() ||
      (!a.empty() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) != 0)) {
    throw std::runtime_error(std::string(kernel) + " differs on " + target);
  }
}

TEST("converts every bfloat16 to float32 and back to the same bits, NaN to a quiet NaN") {
  for (uint32_t h = 0; h < 65536; ++h) {
    const float value = Bf16ToFloat(static_cast<uint16_t>(h));
    const uint16_t back = FloatToBf16(value);
    CHECK_EQ(back, std::isnan(value) ? (h | 0x40u) : h);
  }
}

TEST("converts every float16 to its value and back to the same bits, NaN to a quiet NaN") {
  for (uint32_t h = 0; h < 65536; ++h) {
    const float value = F16ToFloat(static_cast<uint16_t>(h));
    const int exponent = static_cast<int>(h >> 10 & 31), mantissa = static_cast<int>(h & 1023);
    if (exponent < 31) {
      const double magnitude =
          exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
      CHECK_EQ(static_cast<double>(value), (h & 0x8000u) != 0 ? -magnitude : magnitude);
    }
    CHECK_EQ(FloatToF16(value), std::isnan(value) ? (h | 0x200u) : h);
  }
}

TEST("rounds float32 to the nearest 16-bit float, ties to even, at every border") {
  for (uint32_t h = 0; h < 0x7f80; ++h) {  // between neighbours of bfloat16
    const uint32_t bits = h << 16;
    CHECK_EQ(FloatToBf16(std::bit_cast<float>(bits + 0x7fffu)), h);
    CHECK_EQ(FloatToBf16(std::bit_cast<float>(bits + 0x8000u)), h + (h & 1));
    CHECK_EQ(FloatToBf16(std::bit_cast<float>(bits + 0x8001u)), h + 1);
  }
  for (uint32_t h = 0; h < 0x7bff; ++h) {  // and of float16; their midpoints are exact in float32
    const float low = F16ToFloat(static_cast<uint16_t>(h)),
                high = F16ToFloat(static_cast<uint16_t>(h + 1));
    const float middle = low + (high - low) / 2;
    CHECK_EQ(FloatToF16(middle), h + (h & 1));
    CHECK_EQ(FloatToF16(std::nextafter(middle, high)), h + 1);
    CHECK_EQ(FloatToF16(std::nextafter(middle, low)), h);
  }
  CHECK_EQ(FloatToF16(65519.996f), 0x7bff);
  CHECK_EQ(FloatToF16(65520.0f), 0x7c00);
}

TEST("rounds float64 to 16 bits once") {
  // Just above the midpoint of two bfloat16 values, by less than float32 can see.
  const double above = 1.0 + 0x1p-8 + 0x1p-40;
  CHECK_EQ(FloatToBf16(DoubleToFloatOdd(above)), 0x3f81);
  CHECK_EQ(FloatToBf16(DoubleToFloatOdd(1.0 + 0x1p-8)), 0x3f80);
  CHECK_EQ(FloatToF16(DoubleToFloatOdd(1.0 + 0x1p-11 + 0x1p-50)), 0x3c01);
}

TEST("computes exp, log, sin, cos and arccos to a few units in the last place") {
  Stream stream{7};
  for (int i = 0; i < 20000; ++i) {
    const double u = static_cast<double>(stream.Next() >> 11) * 0x1p-53;
    const double x = u * 40 - 20;
    CHECK(std::fabs(exact::Exp(x) - std::exp(x)) <= 4e-16 * std::exp(x));
    CHECK(std::fabs(exact::Log(u + 1e-9) - std::log(u + 1e-9)) <=
          4e-16 * std::fmax(1.0, std::fabs(std::log(u + 1e-9))));
    CHECK(std::fabs(exact::Sin(x) - std::sin(x)) <= 1e-15);
    CHECK(std::fabs(exact::Cos(x) - std::cos(x)) <= 1e-15);
    CHECK(std::fabs(exact::Acos(2 * u - 1) - std::acos(2 * u - 1)) <= 1e-15);
  }
  CHECK_EQ(exact::Acos(1.0), 0.0);
  CHECK(std::fabs(exact::Acos(-1.0) - std::acos(-1.0)) < 1e-15);
  CHECK_EQ(exact::Exp(0.0), 1.0);
}

// Runs `body` for the kernels of every target and several lengths, and compares what it returns.
template <class T, class Body>
void OnEveryTarget(const char* kernel, Body body) {
  for (const size_t n : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{333}, kTile}) {
    const auto expected = body(KernelsOf<T>(*AvailableTargets()[0]), n);
    for (const Target* target : AvailableTargets()) {
      CheckSameBits(body(KernelsOf<T>(*target), n), expected, target->name, kernel);
    }
  }
}

template <class T>
void CheckKernels() {
  using K = const Kernels<T>&;
  using V = std::vector<T>;
  const V x = Values<T>(kTile, 1), y = Values<T>(kTile, 2), z = Values<T>(kTile, 3);
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16, Dtype::kF32, Dtype::kF64}) {
    OnEveryTarget<T>("store and load", [&](K k, size_t n) {
      std::vector<uint8_t> stored(n * 8 + 8);
      const uint64_t bad = k.store(x.data(), n, dtype, stored.data() + 1);  // unaligned on purpose
      uint64_t expected = 0;
      V back(n + 1);
      k.load(stored.data() + 1, dtype, n, back.data());
      for (size_t i = 0; i < n; ++i) expected += std::isfinite(back[i]) ? 0 : 1;
      CHECK_EQ(bad, expected);
      back[n] = static_cast<T>(bad);
      return back;
    });
    OnEveryTarget<T>("round_to", [&](K k, size_t n) {
      V out(x.begin(), x.begin() + static_cast<ptrdiff_t>(n));
      k.round_to(out.data(), n, dtype);
      return out;
    });
  }
  OnEveryTarget<T>("elementwise", [&](K k, size_t n) {
    V out(n), kept(n), weight(n), swapped(n);
    k.scaled(T(0.3), x.data(), out.data(), n);
    k.add_scaled(T(0.7), y.data(), out.data(), n);
    k.divide(T(3), out.data(), n);
    k.scale(T(1.7), out.data(), n);
    k.add(z.data(), out.data(), n);
    k.multiply(y.data(), out.data(), n);
    k.multiply_add(x.data(), z.data(), out.data(), n);
    k.subtract(out.data(), x.data(), out.data(), n);
    const T* deltas[] = {x.data(), y.data(), z.data()};
    const T factors[] = {T(1), T(1.3), T(2)}, weights[] = {T(0.4), T(-0.3), T(0.8)};
    DeltaTerms<T> terms{deltas, factors, weights, 3, true, true, T(0.9), T(1.1), y.data()};
    k.elect_terms(terms, n, kept.data());
    k.sum_terms(terms, n, weight.data());
    k.divide_by(weight.data(), kept.data(), n);
    k.divide_by_clamped(weight.data(), T(1e-6), out.data(), n);
    k.nearswap(T(0.01), x.data(), y.data(), swapped.data(), n);
    k.activity(T(0.05), z.data(), weight.data(), kept.data(), n);
    k.squared_from(x.data(), y.data(), out.data(), n);
    k.elect_scaled(T(0.3), z.data(), y.data(), out.data(), weight.data(), n);
    std::fill_n(weight.begin(), n / 2, T(1));
    k.scale_unique(T(0.02), T(1.1), y.data(), weight.data(), out.data(), n);
    uint64_t counts[2] = {};
    k.count_unique(T(0.02), y.data(), weight.data(), n, counts);
    kept.push_back(static_cast<T>(counts[0]));
    kept.push_back(static_cast<T>(counts[1]));
    out.insert(out.end(), kept.begin(), kept.end());
    out.insert(out.end(), weight.begin(), weight.end());
    out.insert(out.end(), swapped.begin(), swapped.end());
    return out;
  });
  // Shares of models as merges have them: few sums are out of bounds, and pieces without any are
  // stored in another way.
  V calm(kTile), calmer(kTile);
  for (size_t i = 0; i < kTile; ++i) {
    calm[i] = i < kTile / 2 ? T(0.5) + T(0.001) * static_cast<T>(i) : x[i];
    calmer[i] = i < kTile / 2 ? T(-0.25) : y[i];
  }
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16, Dtype::kF32}) {
    for (const size_t count : {1, 2, 3}) {
      for (const bool more : {false, true}) {
        OnEveryTarget<T>("store_sum", [&](K k, size_t n) {
          const T* const vectors[] = {calm.data(), calmer.data(), calm.data() + 0};
          const T shares[] = {T(0.7), T(0.3), T(-1.1)};
          const WeightedSum<T> sum = {vectors, shares, count,
                                      more,    T(0.9), more ? z.data() : nullptr};
          V by_steps(n);
          k.scaled(shares[0], vectors[0], by_steps.data(), n);
          for (size_t i = 1; i < count; ++i)
            k.add_scaled(shares[i], vectors[i], by_steps.data(), n);
          if (more) k.divide(T(0.9), by_steps.data(), n);
          if (more) k.add(z.data(), by_steps.data(), n);
          std::vector<uint8_t> expected(4 * n + 1), stored(4 * n + 1);
          const uint64_t bad = k.store(by_steps.data(), n, dtype, expected.data() + 1);
          CHECK_EQ(k.store_sum(sum, n, dtype, stored.data() + 1), bad);
          CHECK(stored == expected);
          return stored;
        });
      }
    }
  }
  for (const bool is_short : {false, true}) {
    OnEveryTarget<T>("low_rank", [&](K k, size_t n) {
      constexpr size_t kRank = 5, kRows = 11;
      const size_t strips = n / (kRank * kProductStrip), cols = strips * kProductStrip;
      V left(x.begin(), x.begin() + kRows * kRank), right(y.begin(), y.end());
      if (is_short) {  // as bfloat16: no product is rounded
        const auto shorten = [](T& value) {
          value = std::isfinite(value) && std::fabs(value) > T(1e-10) && std::fabs(value) < T(1e10)
                      ? static_cast<T>(Bf16ToFloat(FloatToBf16(static_cast<float>(value))))
                      : T(0);
        };
        std::for_each(left.begin(), left.end(), shorten);
        std::for_each(right.begin(), right.end(), shorten);
      }
      V out(kRows * cols), expected(kRows * cols);
      k.low_rank({left.data(), right.data(), kRank, kRows, strips, cols, is_short}, out.data());
      for (size_t r = 0; r < kRows; ++r) {
        for (size_t c = 0; c < cols; ++c) {
          for (size_t i = 0; i < kRank; ++i) {
            const size_t strip = c / kProductStrip, lane = c % kProductStrip;
            const T product =
                left[r * kRank + i] * right[(strip * kRank + i) * kProductStrip + lane];
            expected[r * cols + c] = expected[r * cols + c] + product;
          }
        }
      }
      CHECK(std::equal(out.begin(), out.end(), expected.begin(),
                       [](T a, T b) { return a == b || (a != a && b != b); }));
      for (T& value : out) value = value != value ? T(0) : value;  // of NaNs, only that they are
      return out;
    });
  }
  OnEveryTarget<T>("sums", [&](K k, size_t n) {
    std::vector<double> lanes(5 * kLanes);
    k.dot(x.data(), y.data(), n, lanes.data());
    k.absolute_sum(y.data(), n, lanes.data() + kLanes);
    k.squared_distance(x.data(), z.data(), n, lanes.data() + 2 * kLanes);
    const std::vector<uint64_t> bits(n / 64 + 1, 0xb6db6db6db6db6dbu);
    k.absolute_sums(y.data(), bits.data(), n, lanes.data() + 3 * kLanes, lanes.data() + 4 * kLanes);
    CHECK(std::equal(&lanes[kLanes], &lanes[2 * kLanes], &lanes[3 * kLanes],
                     [](double a, double b) { return a == b || (a != a && b != b); }));
    return lanes;
  });
  OnEveryTarget<T>("selection", [&](K k, size_t n) {
    std::vector<typename Kernels<T>::Key> keys(2 * n + 2);
    k.magnitude_keys(x.data(), n, keys.data());
    k.ordered_keys(y.data(), n, keys.data() + n);
    V masked(x.begin(), x.begin() + static_cast<ptrdiff_t>(n));
    const auto low = std::bit_cast<typename Kernels<T>::Key>(T(0.03)),
               high = std::bit_cast<typename Kernels<T>::Key>(T(0.09));
    keys[2 * n] =
        static_cast<typename Kernels<T>::Key>(k.keep_between(masked.data(), n, low, high));
    k.keep_from(masked.data(), keys.data(), n, low);
    keys[2 * n + 1] = static_cast<typename Kernels<T>::Key>(k.count_equal(keys.data(), n, 0));
    std::vector<uint64_t> bits(n / 64 + 1, 0x9249249249249249u);
    k.masked(x.data(), bits.data(), n / 2, masked.data());
    std::vector<uint16_t> bins(n);
    k.row_bins(x.data(), n, low >> (sizeof(T) == 4 ? 16 : 45) << (sizeof(T) == 4 ? 16 : 45),
               bins.data());
    keys.insert(keys.end(), bins.begin(), bins.end());
    keys.push_back(k.largest_key(y.data(), n));
    if (n > 0) keys.push_back(k.rank_of(y.data(), n, n - 1));
    uint64_t sums[3] = {};
    std::vector<typename Kernels<T>::Key> inside(n + kLanes);
    inside.resize(k.count_window(keys.data(), n, low, high, sums, inside.data()));
    for (const uint64_t sum : sums) keys.push_back(static_cast<typename Kernels<T>::Key>(sum));
    keys.insert(keys.end(), inside.begin(), inside.end());
    for (const T value : masked) keys.push_back(std::bit_cast<typename Kernels<T>::Key>(value));
    return keys;
  });
  OnEveryTarget<T>("exponentials", [&](K k, size_t n) {
    std::vector<double> out(n);
    V finite(n);
    for (size_t i = 0; i < n; ++i)
      finite[i] = std::isfinite(x[i]) && std::fabs(x[i]) < 100 ? x[i] : T(0);
    k.exponentials(finite.data(), T(0.2), n, out.data());
    return out;
  });
}

TEST("loads every float16 and rounds at every border of them on every instruction set") {
  std::vector<uint16_t> halves(65536), stored;
  std::vector<float> values(halves.size()), around;
  for (size_t h = 0; h < halves.size(); ++h) halves[h] = static_cast<uint16_t>(h);
  for (size_t h = 0; h + 1 < 0x7c00; ++h) {
    const float low = F16ToFloat(halves[h]), middle = low + (F16ToFloat(halves[h + 1]) - low) / 2;
    for (const float value : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)})
      around.insert(around.end(), {value, -value});
  }
  for (const uint32_t bits : {0x7f800001u, 0xff812345u, 0x7fffffffu, 0x477ff000u, 0x477fefffu})
    around.push_back(std::bit_cast<float>(bits));
  around.insert(around.end(),
                {1e9f, -1e9f, 1e-30f, 1e-44f, std::numeric_limits<float>::infinity()});
  stored.resize(around.size());
  for (const Target* target : AvailableTargets()) {
    const Kernels<float>& k = *target->f32;
    k.load(reinterpret_cast<const uint8_t*>(halves.data()), Dtype::kF16, halves.size(),
           values.data());
    for (size_t h = 0; h < halves.size(); ++h)
      CHECK_EQ(std::bit_cast<uint32_t>(values[h]), std::bit_cast<uint32_t>(F16ToFloat(halves[h])));
    uint64_t bad = 0;
    std::vector<float> rounded = around;
    k.round_to(rounded.data(), rounded.size(), Dtype::kF16);
    const uint64_t counted = k.store(around.data(), around.size(), Dtype::kF16,
                                     reinterpret_cast<uint8_t*>(stored.data()));
    for (size_t i = 0; i < around.size(); ++i) {
      const uint16_t half = FloatToF16(around[i]);
      CHECK_EQ(std::bit_cast<uint32_t>(rounded[i]), std::bit_cast<uint32_t>(F16ToFloat(half)));
      CHECK_EQ(stored[i], std::isnan(around[i]) ? 0x7e00 : half);  // one NaN for all
      bad += (half & 0x7c00u) == 0x7c00u ? 1 : 0;
    }
    CHECK_EQ(counted, bad);
  }
}

template <class T>
void CheckHistograms() {
  using Key = typename Kernels<T>::Key;
  constexpr int kTop = 8 * sizeof(T) - 16;
  const std::vector<T> x = Values<T>(kTile, 5);
  for (const size_t n : {size_t{3}, size_t{16}, size_t{333}, kTile}) {
    std::vector<Key> keys(n);
    KernelsOf<T>(*AvailableTargets()[0]).magnitude_keys(x.data(), n, keys.data());
    // Of all keys, of those that share the first one's upper bits, and of none.
    const Key first = keys[0] >> kTop, none = first ^ 1 << 14;
    for (const auto& [shift, prefix] : {std::pair{kTop, Key{0}},
                                        {kTop - 16, first},
                                        {kTop - 16, none},
                                        {kTop - 13, first >> 3}}) {
      std::vector<uint32_t> expected(65536, 1);
      for (const Key key : keys) {
        if (shift == kTop || key >> (shift + 16) == prefix) ++expected[key >> shift & 0xffff];
      }
      for (const Target* target : AvailableTargets()) {
        std::vector<uint32_t> bins(65536, 1);
        KernelsOf<T>(*target).key_histogram(keys.data(), n, shift, prefix, bins.data());
        CheckSameBits(bins, expected, target->name, "key_histogram");
      }
    }
  }
}
TEST("counts keys by any 16 bits on every instruction set") {
  CheckHistograms<float>();
  CheckHistograms<double>();
}

TEST("computes the same bits in float32 on every instruction set") { CheckKernels<float>(); }
TEST("computes the same bits in float64 on every instruction set") { CheckKernels<double>(); }

TEST("draws the same numbers on every instruction set, from any first element") {
  const RngKey key = MakeRngKey(42, "model.layers.0.mlp.up_proj.weight", 1);
  std::vector<uint32_t> expected(1000);
  AvailableTargets()[0]->draw(key, 0, expected.size(), expected.data());
  for (const Target* target : AvailableTargets()) {
    for (const size_t first : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{517}}) {
      std::vector<uint32_t> some(expected.size() - first);
      target->draw(key, first, some.size(), some.data());
      CHECK(std::memcmp(some.data(), expected.data() + first, some.size() * sizeof(uint32_t)) == 0);
    }
  }
}

TEST("masks by draws and counts the same on every instruction set") {
  const size_t n = 1000;
  std::vector<uint32_t> draws(n);
  AvailableTargets()[0]->draw(MakeRngKey(3, "w", 1), 0, n, draws.data());
  draws[5] = 0;
  draws[6] = UINT32_MAX;
  for (const double probability : {0.0, 0.3, 0.999, 1.0}) {
    for (const size_t length : {size_t{1}, size_t{15}, size_t{64}, size_t{65}, n}) {
      const uint64_t threshold = KeepThreshold(probability);
      std::vector<uint64_t> expected((length + 63) / 64, 0);
      uint64_t count = 0;
      for (size_t i = 0; i < length; ++i) {
        if (draws[i] >= threshold) continue;
        expected[i / 64] |= uint64_t{1} << i % 64;
        ++count;
      }
      for (const Target* target : AvailableTargets()) {
        std::vector<uint64_t> bits(expected.size(), 7);
        target->masks->keep_below(draws.data(), length, threshold, bits.data());
        CHECK(bits == expected);
        CHECK_EQ(target->masks->count(bits.data(), length), count);
      }
    }
  }
}

TEST("draws evenly, and differently for another seed, tensor or model") {
  std::vector<uint32_t> draws(1 << 16), other(1 << 16);
  const auto share = [](const std::vector<uint32_t>& a) {
    size_t below = 0;
    for (const uint32_t x : a) below += x < KeepThreshold(0.3) ? 1 : 0;
    return static_cast<double>(below) / static_cast<double>(a.size());
  };
  const Target& target = *AvailableTargets()[0];
  target.draw(MakeRngKey(0, "x", 0), 0, draws.size(), draws.data());
  CHECK(std::fabs(share(draws) - 0.3) < 5 * std::sqrt(0.21 / 65536));
  for (const RngKey key : {MakeRngKey(1, "x", 0), MakeRngKey(0, "y", 0), MakeRngKey(0, "x", 1)}) {
    target.draw(key, 0, other.size(), other.data());
    size_t both = 0;
    for (size_t i = 0; i < draws.size(); ++i) {
      both += draws[i] < KeepThreshold(0.5) && other[i] < KeepThreshold(0.5) ? 1 : 0;
    }
    CHECK(std::fabs(static_cast<double>(both) / 65536 - 0.25) < 5 * std::sqrt(0.1875 / 65536));
  }
}

TEST("decodes blocks that end where memory ends, on every target") {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* memory = static_cast<uint8_t*>(
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(memory != MAP_FAILED);
  CHECK_EQ(mprotect(memory + page, page, PROT_NONE), 0);
  for (const BlockFormatFacts& facts : kBlockFormats) {
    if (facts.format == BlockFormat::kNone) continue;
    for (size_t blocks = 1; blocks * facts.bytes <= page && blocks <= 70; ++blocks) {
      std::vector<float> first;
      for (const Target* target : AvailableTargets()) {
        std::vector<float> values(blocks * facts.elements);
        target->f32->decode_blocks(memory + page - blocks * facts.bytes, facts.format, blocks,
                                   values.data());
        if (first.empty()) first = values;
        CheckSameBits(first, values, target->name, "decode_blocks");
      }
    }
  }
  munmap(memory, 2 * page);
}

TEST("knows Philox4x32-7 by the reference implementation's test vector") {
  // Counter and key zero, from the known-answer tests of the Random123 library.
  std::vector<uint32_t> group(64);
  AvailableTargets()[0]->draw(RngKey{0, 0}, 0, 64, group.data());
  CHECK_EQ(group[0], 0x5f6fb709u);
  CHECK_EQ(group[16], 0x0d893f64u);
  CHECK_EQ(group[32], 0x4f121f81u);
  CHECK_EQ(group[48], 0x4f730a48u);
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
