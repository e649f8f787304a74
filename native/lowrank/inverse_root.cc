#include "lowrank/inverse_root.h"

#include <algorithm>
#include <cmath>

#include "core/divide_up.h"
#include "core/status.h"

namespace retemper::lowrank {

namespace {

constexpr size_t kBlock = 64;

// Both indices counted from the end.
void Flip(std::vector<double>& a, size_t n) { std::reverse(a.begin(), a.begin() + n * n); }

// The rows [first, end) of L beside and within the block of columns that begins at `first`, where
// all earlier columns were taken out.
void FactorBlock(double* a, size_t n, size_t first, size_t end) {
  for (size_t i = first; i < end; ++i) {
    for (size_t j = first; j <= i; ++j) {
      double sum = a[i * n + j];
      for (size_t k = first; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (j < i) {
        a[i * n + j] = sum / a[j * n + j];
      } else {
        if (!(sum > 0))
          throw Fault(code::kBadInput, "the activations' products are not positive definite");
        a[i * n + i] = std::sqrt(sum);
      }
    }
  }
}

// L with L L^T = a, in the lower triangle of a.
void Cholesky(std::vector<double>& a, size_t n, nn::Pool& pool,
              const std::function<void()>& check) {
  std::vector<double> turned;
  for (size_t first = 0; first < n; first += kBlock) {
    check();
    const size_t end = std::min(n, first + kBlock), width = end - first, rest = n - end;
    FactorBlock(a.data(), n, first, end);
    turned.resize(width * rest);
    pool.Run(DivideUp(rest, kBlock), [&](size_t task, unsigned) {
      for (size_t i = task * kBlock; i < std::min(rest, (task + 1) * kBlock); ++i) {
        double* row = &a[(end + i) * n];
        for (size_t j = first; j < end; ++j) {
          double sum = row[j];
          for (size_t k = first; k < j; ++k) sum -= row[k] * a[j * n + k];
          row[j] = sum / a[j * n + j];
          turned[(j - first) * rest + i] = row[j];
        }
      }
    });
    pool.Run(DivideUp(rest, kBlock), [&](size_t task, unsigned) {
      const size_t begin = task * kBlock, last = std::min(rest, begin + kBlock);
      constexpr size_t kColumns = 256;
      for (size_t start = 0; start < last; start += kColumns) {
        for (size_t i = begin; i < last; ++i) {
          const size_t stop = std::min(i + 1, start + kColumns);
          double* row = &a[(end + i) * n + end];
          for (size_t k = 0; k < width; ++k) {
            const double x = turned[k * rest + i];
            const double* y = &turned[k * rest];
            for (size_t j = start; j < stop; ++j) row[j] -= x * y[j];
          }
        }
      }
    });
  }
}

// The inverse of the lower triangle of l, a lower triangle itself; the rest is zeros.
std::vector<double> InverseOfLower(const std::vector<double>& l, size_t n, nn::Pool& pool,
                                   const std::function<void()>& check) {
  std::vector<double> made(n * n, 0.0);
  pool.Run(DivideUp(n, kBlock), [&](size_t task, unsigned thread) {
    if (thread == 0) check();
    const size_t first = task * kBlock, width = std::min(kBlock, n - first);
    // Rows of this band of columns, beside each other.
    std::vector<double> band((n - first) * kBlock, 0.0);
    for (size_t i = first; i < n; ++i) {
      double* to = &band[(i - first) * kBlock];
      if (i - first < width) to[i - first] = 1;
      for (size_t k = first; k < i; ++k) {
        const double x = l[i * n + k];
        const double* from = &band[(k - first) * kBlock];
        for (size_t j = 0; j < kBlock; ++j) to[j] -= x * from[j];
      }
      for (size_t j = 0; j < kBlock; ++j) to[j] /= l[i * n + i];
      std::copy_n(to, width, &made[i * n + first]);
    }
  });
  return made;
}

}  // namespace

std::vector<double> InverseRoot(std::vector<double> h, size_t n, nn::Pool& pool,
                                const std::function<void()>& check) {
  Flip(h, n);
  Cholesky(h, n, pool, check);
  std::vector<double> root = InverseOfLower(h, n, pool, check);
  Flip(root, n);
  return root;
}

}  // namespace retemper::lowrank
