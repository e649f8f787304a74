#include "lowrank/safe_delta.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/divide_up.h"
#include "core/status.h"
#include "lowrank/inverse_root.h"
#include "lowrank/panel_packing.h"

namespace retemper::lowrank {

namespace {

constexpr size_t kColumns = 2048;  // of a block
constexpr size_t kTogether = 4;    // columns whose errors are made good at once
constexpr size_t kRows = 16;       // of a task

// Which entries of a block stay: those of the first columns of `order` whole, of the next one the
// first rows.
struct Kept {
  std::vector<uint32_t> rows;  // for each column of the block, how many of its first rows stay
  uint64_t count = 0;
};

Kept Choose(const std::vector<double>& w, const Dense& tuned, size_t first, size_t count,
            const std::vector<double>& d, double s, nn::Pool& pool) {
  const size_t rows = tuned.rows, cols = tuned.cols;
  const auto loss = [&](size_t row, size_t j) {
    const double change = tuned.data[row * cols + j] - w[row * cols + j];
    return change * change / (d[j] * d[j]);
  };
  std::vector<double> sums(count);
  pool.Run(DivideUp(count, size_t{8}), [&](size_t task, unsigned) {
    const size_t end = std::min(count, (task + 1) * 8);
    for (size_t row = 0; row < rows; ++row)
      for (size_t j = task * 8; j < end; ++j) sums[j] += loss(row, first + j);
  });
  double mean = 0;
  for (size_t j = 0; j < count; ++j) mean += 1 / (d[first + j] * d[first + j]);
  mean /= static_cast<double>(count);
  const double most = mean * s * static_cast<double>(rows) / 4096 / 2;
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t x, size_t y) { return d[first + x] > d[first + y]; });
  Kept kept;
  kept.rows.assign(count, 0);
  uint64_t left = rows * count - static_cast<uint64_t>(0.15 * static_cast<double>(rows * count));
  double sum = 0;
  for (size_t at = 0; at < count;) {
    // Columns of one importance, as those without activation are: row by row.
    size_t end = at;
    double whole = 0;
    while (end < count && d[first + order[end]] == d[first + order[at]])
      whole += sums[order[end++]];
    const uint64_t entries = static_cast<uint64_t>(rows) * (end - at);
    uint64_t stay = 0;
    if (sum + whole <= most && entries <= left) {
      stay = entries;
      sum += whole;
    } else {
      for (size_t row = 0; row < rows && stay == row * (end - at); ++row) {
        for (size_t i = at; i < end && stay < left; ++i, ++stay) {
          sum += loss(row, first + order[i]);
          if (!(sum <= most)) break;
        }
      }
    }
    for (size_t i = at; i < end; ++i) {
      const uint64_t over = i - at < stay % (end - at) ? 1 : 0;
      kept.rows[order[i]] = static_cast<uint32_t>(stay / (end - at) + over);
    }
    kept.count += stay;
    left -= stay;
    if (stay < entries) break;
    at = end;
  }
  return kept;
}

}  // namespace

KeptDelta KeepSafeDelta(const Dense& aligned, const Dense& tuned, const std::vector<double>& u,
                        double s, nn::Pool& pool, const std::atomic<bool>& cancelled,
                        const std::function<void(size_t, size_t)>& report) {
  const size_t rows = aligned.rows, cols = aligned.cols;
  if (tuned.rows != rows || tuned.cols != cols || u.size() != cols * cols)
    throw Fault(code::kUsage, "the weights and the products of their inputs must fit each other");
  const auto check = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "Safe Delta was cancelled");
  };
  if (!std::isfinite(SquaredRest(aligned, nullptr, nullptr, 0, pool)) ||
      !std::isfinite(SquaredRest(tuned, nullptr, nullptr, 0, pool)))
    throw Fault(code::kBadInput, "a weight has NaN or infinite values");
  const size_t blocks = DivideUp(cols, kColumns);
  std::vector<double> d(cols);
  for (size_t j = 0; j < cols; ++j) d[j] = u[j * cols + j];

  std::vector<double> w(aligned.data, aligned.data + rows * cols);
  KeptDelta made;
  for (size_t block = 0; block < blocks; ++block) {
    report(block, blocks);
    check();
    const size_t first = block * kColumns, count = std::min(kColumns, cols - first);
    const Kept kept = Choose(w, tuned, first, count, d, s, pool);
    made.kept += kept.count;
    pool.Run(DivideUp(rows, kRows), [&](size_t task, unsigned) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const size_t begin = task * kRows, end = std::min(rows, begin + kRows);
      for (size_t j = first; j < first + count; j += kTogether) {
        const size_t next = std::min(j + kTogether, first + count);
        for (size_t row = begin; row < end; ++row) {
          double* x = &w[row * cols];
          double errors[kTogether] = {};
          bool any = false;
          for (size_t k = j; k < next; ++k) {
            if (row >= kept.rows[k - first]) continue;
            const double changed = tuned.data[row * cols + k];
            errors[k - j] = (x[k] - changed) / d[k];
            x[k] = changed;
            any = any || errors[k - j] != 0;
          }
          if (!any) continue;
          for (size_t k = j; k < next; ++k) {
            const double* from = &u[k * cols];
            const double error = errors[k - j];
            for (size_t i = next; i < cols; ++i) x[i] -= error * from[i];
          }
        }
      }
    });
  }
  check();
  made.values.assign(w.begin(), w.end());
  report(blocks, blocks);
  return made;
}

std::vector<double> SafeDeltaRoot(std::vector<double> h, size_t cols, nn::Pool& pool,
                                  const std::function<void()>& check) {
  double mean = 0;
  for (size_t j = 0; j < cols; ++j) {
    double& own = h[j * cols + j];
    if (!std::isfinite(own))
      throw Fault(code::kBadInput, "the layer's inputs have NaN or infinite values");
    if (own == 0) own = 1;
    mean += own;
  }
  mean /= static_cast<double>(cols);
  for (size_t j = 0; j < cols; ++j) h[j * cols + j] += 0.01 * mean;
  return InverseRoot(std::move(h), cols, pool, check);
}

std::vector<double> InputProducts(const Dense& x, nn::Pool& pool,
                                  const std::function<void()>& check) {
  constexpr size_t kTokens = 2048;
  std::vector<double> sum(x.cols * x.cols, 0.0);
  std::vector<float> turned;
  for (size_t first = 0; first < x.rows; first += kTokens) {
    const size_t count = std::min(kTokens, x.rows - first);
    turned.resize(x.cols * count);
    Transpose({x.data + first * x.cols, count, x.cols}, turned.data(), pool);
    const std::vector<double> some = Gram({turned.data(), x.cols, count}, pool, check);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += 2 * some[i];
  }
  return sum;
}

}  // namespace retemper::lowrank
