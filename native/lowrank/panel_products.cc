// Hands out parts of the products to all threads, by loops on the instruction set that there is.
#include "lowrank/panel_products.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/divide_up.h"
#include "cpu/kernels.h"

namespace retemper::lowrank {

namespace {

constexpr size_t kChunk = kBandRows;
// A task's rows or columns: a multiple of the eight that are computed at once, so that who computes
// what decides nothing.
constexpr size_t kTask = 64;
// Columns of a task whose rows are read as they lie: long runs, and sums that fit the first-level
// cache.
constexpr size_t kThinTask = 256;
constexpr size_t kDoublePanel = 8;

struct Loops {
  void (*rows)(const Dense&, size_t, size_t, const float*, size_t, float*);
  void (*columns)(const Dense&, size_t, size_t, const float*, size_t, float*, float*);
  void (*thin_columns)(const Dense&, size_t, size_t, const float*, float*, float*);
  double (*rest)(const Dense&, size_t, size_t, const float*, const float*, size_t);
  void (*rows_by_rows)(const Dense&, size_t, size_t, const double*, size_t, double*, size_t,
                       double*);
};

#define RETEMPER_LOOPS "lowrank/panel_products-inl.h"
#include "lowrank/loops_by_target-inl.h"

size_t Tasks(size_t count) { return (count + kTask - 1) / kTask; }

}  // namespace

void Times(const Dense& d, const float* q, size_t columns, float* out, nn::Pool& pool) {
  const Loops& loops = ChooseLoops();
  pool.Run(Tasks(d.rows), [&](size_t task, unsigned) {
    loops.rows(d, task * kTask, std::min(d.rows, (task + 1) * kTask), q, Panels(columns), out);
  });
}

void TransposedTimes(const Dense& d, const float* q, size_t columns, float* out, nn::Pool& pool) {
  std::fill_n(out, Panels(columns) * d.cols * kPanel, 0.0f);
  AddTransposedTimes(d, q, columns, out, pool);
}

void AddTransposedTimes(const Dense& d, const float* q, size_t columns, float* out,
                        nn::Pool& pool) {
  const Loops& loops = ChooseLoops();
  if (columns <= kPanel) {
    pool.Run(DivideUp(d.cols, kThinTask), [&](size_t task, unsigned) {
      alignas(64) float work[kThinTask * kPanel];
      loops.thin_columns(d, task * kThinTask, std::min(d.cols, (task + 1) * kThinTask), q, out,
                         work);
    });
    return;
  }
  pool.Run(Tasks(d.cols), [&](size_t task, unsigned) {
    alignas(64) float work[kTask * kChunk];
    loops.columns(d, task * kTask, std::min(d.cols, (task + 1) * kTask), q, Panels(columns), out,
                  work);
  });
}

double SquaredRest(const Dense& d, const float* left, const float* right, size_t rank,
                   nn::Pool& pool) {
  const Loops& loops = ChooseLoops();
  std::vector<double> sums(Tasks(d.rows));
  pool.Run(sums.size(), [&](size_t task, unsigned) {
    sums[task] =
        loops.rest(d, task * kTask, std::min(d.rows, (task + 1) * kTask), left, right, rank);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

std::vector<double> Gram(const Dense& d, nn::Pool& pool, const std::function<void()>& check) {
  const Loops& loops = ChooseLoops();
  std::vector<double> gram(d.rows * d.rows);
  std::vector<double> packed, product;
  constexpr size_t kRows = 512;  // whose columns are made at a time
  for (size_t first = 0; first < d.rows; first += kRows) {
    check();
    const size_t count = std::min(kRows, d.rows - first);
    const size_t panels = (count + kDoublePanel - 1) / kDoublePanel;
    packed.assign(panels * kDoublePanel * d.cols, 0.0);
    pool.Run(panels, [&](size_t panel, unsigned) {
      double* to = packed.data() + panel * kDoublePanel * d.cols;
      const size_t some = std::min(kDoublePanel, count - panel * kDoublePanel);
      for (size_t lane = 0; lane < some; ++lane) {
        const float* from = d.data + (first + panel * kDoublePanel + lane) * d.cols;
        for (size_t j = 0; j < d.cols; ++j) to[j * kDoublePanel + lane] = from[j];
      }
    });
    const size_t stride = panels * kDoublePanel;
    product.resize(d.rows * stride);
    const size_t before = first / kTask;
    pool.Run(Tasks(d.rows) - before, [&](size_t part, unsigned) {
      const size_t begin = (before + part) * kTask, last = std::min(d.rows, begin + kTask);
      std::vector<double> work(kTask * kChunk);
      loops.rows_by_rows(d, begin, last, packed.data(), panels, product.data(), stride,
                         work.data());
      for (size_t i = 0; i < count; ++i)
        for (size_t row = begin; row < last; ++row)
          gram[(first + i) * d.rows + row] = product[row * stride + i];
    });
  }
  return gram;
}

}  // namespace retemper::lowrank
