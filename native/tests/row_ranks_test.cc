// What a row keeps by rank is what a stable sort of the row says, on every instruction set, whether
// bins decide, counts or the sort; and the number of a row's ranks that bins leave open is small.
#include "engine/row_ranks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/convert.h"
#include "tests/check.h"

namespace retemper {
namespace {

struct Stream {
  uint64_t state;
  uint64_t Next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // Nearly normal, of deviation 1.
  double Normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += Uniform();
    return sum;
  }
};

// Rows of every kind that bins may meet.
template <class T>
std::vector<std::pair<std::string, std::vector<T>>> Rows(size_t n) {
  std::vector<std::pair<std::string, std::vector<T>>> rows;
  Stream stream{n};
  const auto add = [&](const char* name, auto value) {
    std::vector<T> row(n);
    for (size_t i = 0; i < n; ++i) row[i] = static_cast<T>(value(i));
    rows.emplace_back(name, std::move(row));
  };
  const auto bf16 = [](double x) { return Bf16ToFloat(FloatToBf16(static_cast<float>(x))); };
  add("smooth", [&](size_t) { return stream.Normal() * 1e-3; });
  add("differences of bfloat16", [&](size_t) {
    const float base = bf16(stream.Normal() * 0.02);
    return bf16(base + stream.Normal() * 3e-4) - base;
  });
  add("mostly zero", [&](size_t i) {
    return i % 5 == 0 ? stream.Normal() : i % 3 == 0 ? -0.0 : 0;
  });
  add("constant", [](size_t) { return 0.1f; });
  add("constant in bfloat16", [](size_t) { return -0.25; });
  add("zero", [](size_t) { return 0.0; });
  add("one huge", [&](size_t i) { return i == n / 2 ? 1e30 : stream.Normal() * 1e-3; });
  add("many octaves",
      [&](size_t) { return std::ldexp(stream.Normal(), -int(stream.Next() % 60)); });
  add("tiny", [&](size_t) {
    return static_cast<double>(std::numeric_limits<T>::denorm_min()) *
           static_cast<double>(stream.Next() % 9);
  });
  add("not finite", [&](size_t i) {
    using L = std::numeric_limits<T>;
    return i % 7 == 1    ? L::infinity()
           : i % 11 == 3 ? L::quiet_NaN()
                         : static_cast<T>(stream.Normal());
  });
  return rows;
}

template <class T>
std::vector<uint32_t> RanksBySorting(const std::vector<T>& row) {
  using Key = typename KeyOf<T>::Type;
  const auto key = [&](uint32_t i) { return std::bit_cast<Key>(row[i]) & (~Key{0} >> 1); };
  std::vector<uint32_t> order(row.size()), ranks(row.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  for (uint32_t r = 0; r < order.size(); ++r) ranks[order[r]] = r;
  return ranks;
}

template <class T>
void CheckRows() {
  for (const size_t n : {size_t{1}, size_t{2}, size_t{63}, size_t{64}, size_t{1000}, size_t{2048},
                         size_t{8192}, size_t{70000}}) {
    const size_t words = (n + 63) / 64;
    for (const auto& [name, row] : Rows<T>(n)) {
      const std::vector<uint32_t> ranks = RanksBySorting(row);
      std::vector<uint32_t> draws(n), of_rank(n);
      Stream stream{7};
      for (uint32_t& draw : draws) draw = static_cast<uint32_t>(stream.Next());
      for (const double epsilon : {0.15, 0.0, 0.49, -0.2}) {
        for (size_t r = 0; r < n; ++r) {
          const double share = n == 1 ? 0.5 : static_cast<double>(r) / static_cast<double>(n - 1);
          of_rank[r] = static_cast<uint32_t>((0.5 + epsilon * (2 * share - 1)) * 0x1p32);
        }
        const RankThresholds thresholds = {of_rank.data(),
                                           std::min(of_rank.front(), of_rank.back()),
                                           std::max(of_rank.front(), of_rank.back())};
        std::vector<uint64_t> expected(words, 0);
        for (size_t i = 0; i < n; ++i) {
          if (draws[i] < of_rank[ranks[i]]) expected[i / 64] |= uint64_t{1} << i % 64;
        }
        for (const Target* target : AvailableTargets()) {
          void* scratch = std::aligned_alloc(64, (RowRanks<T>::Bytes(n) + 63) / 64 * 64);
          std::vector<uint64_t> bits(words, ~uint64_t{0});
          RowRanks<T> row_ranks(n, scratch, *target);
          row_ranks.Set(row.data());
          row_ranks.Keep(draws.data(), thresholds, bits.data());
          const bool first = bits == expected;
          // Twice: what the first call counted or sorted serves the second.
          row_ranks.Keep(draws.data(), thresholds, bits.data());
          const bool again = bits == expected;
          std::free(scratch);
          if (!first || !again) {
            throw std::runtime_error(name + ", " + std::to_string(n) + " elements, differs on " +
                                     target->name);
          }
        }
      }
    }
  }
}

TEST("keeps what a stable sort of each row of float32 says") { CheckRows<float>(); }
TEST("keeps what a stable sort of each row of float64 says") { CheckRows<double>(); }

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
