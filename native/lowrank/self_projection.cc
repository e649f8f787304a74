// Compiles the loops once per instruction set and picks one at run time, as panel_products.cc does.
#include "lowrank/self_projection.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/status.h"
#include "cpu/kernels.h"

namespace retemper::lowrank {

namespace {

// Columns of a thin matrix come in groups: [row, group, kGroup], the last one filled up with zeros.
constexpr size_t kGroup = 8;
// A task's rows or columns: a multiple of the four that are summed at once, so that who sums what
// decides nothing.
constexpr size_t kTask = 32;

struct Loops {
  void (*rows)(const Dense&, size_t, size_t, const double*, size_t, double*);
  void (*columns)(const Dense&, size_t, size_t, const double*, size_t, double*);
  double (*squares)(const Dense&, size_t, size_t);
};

namespace first_loops {
#include "lowrank/self_projection-inl.h"
}  // namespace first_loops

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_LOOPS 1
#pragma GCC push_options
#pragma GCC target("avx2,prefer-vector-width=256")
namespace avx2_loops {
#include "lowrank/self_projection-inl.h"
}  // namespace avx2_loops
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
namespace avx512_loops {
#include "lowrank/self_projection-inl.h"
}  // namespace avx512_loops
#pragma GCC pop_options
#endif

const Loops& Choose() {
#if defined(RETEMPER_X86_LOOPS)
  const std::string_view name = ChooseTarget().name;
  if (name.starts_with("avx512")) return avx512_loops::kLoops;
  if (name.starts_with("avx2")) return avx2_loops::kLoops;
#endif
  return first_loops::kLoops;
}

size_t Tasks(size_t count) { return (count + kTask - 1) / kTask; }

// sums[k, l] = sum over i of x[i, k] y[i, l]: both [count, rank].
std::vector<double> Gram(const double* x, const double* y, size_t count, size_t rank) {
  std::vector<double> sums(rank * rank, 0.0);
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < rank; ++k) {
      const double value = x[i * rank + k];
      for (size_t l = 0; l < rank; ++l) sums[k * rank + l] += value * y[i * rank + l];
    }
  }
  return sums;
}

double Inner(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

}  // namespace

SelfProjected SelfProject(const Dense& v, bool transposed, const float* b, const float* a,
                          size_t rank, double least, nn::Pool& pool,
                          const std::atomic<bool>& cancelled) {
  const auto check = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the projection was cancelled");
  };
  const Loops& loops = Choose();
  const size_t outputs = transposed ? v.cols : v.rows, inputs = transposed ? v.rows : v.cols;
  const size_t groups = (rank + kGroup - 1) / kGroup, width = groups * kGroup;
  SelfProjected made;
  std::vector<double> squares(Tasks(v.rows));
  pool.Run(squares.size(), [&](size_t task, unsigned) {
    squares[task] = loops.squares(v, task * kTask, std::min(v.rows, (task + 1) * kTask));
  });
  double square = 0;
  for (const double sum : squares) square += sum;
  made.norm = std::sqrt(square);
  if (!std::isfinite(made.norm))
    throw Fault(code::kBadInput, "the difference of the models has NaN or infinite values");
  made.left.assign(outputs * rank, 0.0);
  if (made.norm < least) return made;
  check();

  std::vector<double> thin(outputs * width, 0.0), inner(inputs * width, 0.0);
  for (size_t i = 0; i < outputs; ++i)
    for (size_t k = 0; k < rank; ++k) thin[i * width + k] = b[i * rank + k];
  const auto along_rows = [&](const std::vector<double>& x, std::vector<double>& out) {
    pool.Run(Tasks(v.rows), [&](size_t task, unsigned) {
      loops.rows(v, task * kTask, std::min(v.rows, (task + 1) * kTask), x.data(), groups,
                 out.data());
    });
  };
  const auto along_columns = [&](const std::vector<double>& x, std::vector<double>& out) {
    pool.Run(Tasks(v.cols), [&](size_t task, unsigned) {
      loops.columns(v, task * kTask, std::min(v.cols, (task + 1) * kTask), x.data(), groups,
                    out.data());
    });
  };
  if (transposed) {
    along_rows(thin, inner);
    check();
    along_columns(inner, thin);
  } else {
    along_columns(thin, inner);
    check();
    along_rows(inner, thin);
  }
  for (size_t i = 0; i < outputs; ++i)
    for (size_t k = 0; k < rank; ++k) made.left[i * rank + k] = thin[i * width + k] / made.norm;

  // <X A, Y A> is the inner product of X^T Y and A A^T.
  std::vector<double> before(outputs * rank), right(inputs * rank);
  for (size_t i = 0; i < before.size(); ++i) before[i] = b[i];
  for (size_t k = 0; k < rank; ++k)
    for (size_t j = 0; j < inputs; ++j) right[j * rank + k] = a[k * inputs + j];
  const std::vector<double> gram = Gram(right.data(), right.data(), inputs, rank);
  const auto dot = [&](const std::vector<double>& x, const std::vector<double>& y) {
    return Inner(Gram(x.data(), y.data(), outputs, rank), gram);
  };
  const double both = dot(made.left, before);
  const double lengths = std::sqrt(std::max(dot(made.left, made.left), 0.0)) *
                         std::sqrt(std::max(dot(before, before), 0.0));
  made.cosine = lengths > 0 ? both / lengths : 0;
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!finite(both) || !finite(lengths) || !std::all_of(made.left.begin(), made.left.end(), finite))
    throw Fault(code::kBadInput, "the adapter has NaN or infinite values");
  return made;
}

}  // namespace retemper::lowrank
