// Chooses the kernel, packs the activations and hands out parts of products.
#include "nn/matmul.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "cpu/kernels.h"
#include "nn/matmul_amx.h"
#include "nn/matmul_kernel.h"
#include "nn/matmul_lanes.h"

namespace retemper::nn {

namespace {

// A part should last some microseconds, and there should be enough of them for threads of unequal
// speed to end together.
constexpr size_t kLeastBytesOfAPart = 32 * 1024;
constexpr size_t kMostBytesOfAPart = 256 * 1024;
constexpr size_t kPartsAThread = 8;
// Below these many multiplications, or values to pack, another thread is not worth the wait.
constexpr size_t kFewMultiplications = 64 * 1024;
constexpr size_t kFewToPack = 64 * 1024;

size_t DivideUp(size_t a, size_t b) { return (a + b - 1) / b; }
size_t RoundUp(size_t a, size_t b) { return DivideUp(a, b) * b; }

const MatMulKernel& Choose(Dtype dtype, Precision precision) {
  static const std::vector<const MatMulKernel*> allowed = [] {
    const char* forced = std::getenv("RETEMPER_FORCE_TARGET");
    const std::vector<const MatMulKernel*>& all = AvailableMatMulKernels();
    if (forced == nullptr || *forced == '\0' || CudaIsForced()) return all;
    const std::string_view name = ChooseTarget().name;
    for (const MatMulKernel* kernel : all) {
      if (kernel->name == name) return std::vector{kernel};
    }
    return std::vector{all.front()};
  }();
  return **std::find_if(allowed.rbegin(), allowed.rend(), [&](const MatMulKernel* kernel) {
    return kernel->handles(dtype, precision);
  });
}

// A product with its place among all parts.
struct Task {
  Product product;
  const MatMulKernel* kernel;
  Cut cut;
  size_t first_part;
  size_t row_parts;
  size_t out_step;

  size_t parts() const { return row_parts * DivideUp(product.w.out, out_step); }
  void Run(size_t part, uint8_t* scratch) const {
    // Neighbouring parts have the same rows, which stay in the cache.
    const size_t out_parts = DivideUp(product.w.out, out_step);
    const size_t row = part / out_parts * cut.row_step, out = part % out_parts * out_step;
    kernel->multiply(product, row, std::min(product.rows, row + cut.row_step), out,
                     std::min(product.w.out, out + out_step), scratch);
  }
};

Task TaskOf(const MatMulKernel* kernel, const Product& product, unsigned threads) {
  Task task = {product, kernel, kernel->cut(product), 0, 0, 0};
  task.row_parts = DivideUp(product.rows, task.cut.row_step);
  const size_t out_bytes = std::max<size_t>(product.w.in * SizeOf(product.w.dtype), 1);
  const size_t share = product.w.out * out_bytes * task.row_parts / (threads * kPartsAThread);
  const size_t bytes = std::clamp(share, kLeastBytesOfAPart, kMostBytesOfAPart);
  task.out_step = RoundUp(std::max<size_t>(bytes / out_bytes, 1), task.cut.out_step);
  return task;
}

void MatMulOf(Pool& pool, const MatMulKernel* forced, std::span<const Linear> layers,
              const float* x, size_t x_stride, size_t rows, Precision precision) {
  if (rows == 0) return;
  // Activations are packed once for each kernel and dtype.
  struct Packing {
    const MatMulKernel* kernel;
    const Matrix* w;
    size_t offset;
  };
  std::vector<Packing> packings;
  std::vector<Task> tasks;
  std::vector<size_t> packing_of;
  size_t packed_bytes = 0, scratch_bytes = 0, parts = 0, multiplications = 0;
  for (const Linear& layer : layers) {
    if (layer.w.out == 0) continue;
    const MatMulKernel* kernel = forced ? forced : &Choose(layer.w.dtype, precision);
    size_t index = 0;
    while (index < packings.size() &&
           (packings[index].kernel != kernel || packings[index].w->dtype != layer.w.dtype)) {
      ++index;
    }
    if (index == packings.size()) {
      packings.push_back({kernel, &layer.w, packed_bytes});
      packed_bytes += RoundUp(kernel->packed_bytes(layer.w, rows, precision), 64);
    }
    Task task = TaskOf(kernel, {layer.w, layer.bias, layer.y, layer.y_stride, rows, precision},
                       pool.threads());
    task.first_part = parts;
    parts += task.parts();
    multiplications += layer.w.out * layer.w.in * rows;
    scratch_bytes = std::max(scratch_bytes, RoundUp(task.cut.scratch_bytes, 64));
    tasks.push_back(task);
    packing_of.push_back(index);
  }
  if (tasks.empty()) return;

  uint8_t* const scratch = pool.Scratch(packed_bytes + scratch_bytes * pool.threads());
  const size_t groups = DivideUp(rows, kRowsOfAGroup);
  for (const Packing& packing : packings) {
    const auto pack = [&](size_t group, unsigned) {
      packing.kernel->pack(*packing.w, x, x_stride, rows, precision, group,
                           scratch + packing.offset);
    };
    if (rows * packing.w->in <= kFewToPack) {
      for (size_t group = 0; group < groups; ++group) pack(group, 0);
    } else {
      pool.Run(groups, pack);
    }
  }
  for (size_t i = 0; i < tasks.size(); ++i) {
    tasks[i].product.packed = scratch + packings[packing_of[i]].offset;
  }
  const auto run = [&](size_t part, unsigned thread) {
    size_t i = tasks.size() - 1;
    while (part < tasks[i].first_part) --i;
    tasks[i].Run(part - tasks[i].first_part, scratch + packed_bytes + thread * scratch_bytes);
  };
  if (multiplications <= kFewMultiplications) {
    for (size_t part = 0; part < parts; ++part) run(part, 0);
  } else {
    pool.Run(parts, run);
  }
}

}  // namespace

const std::vector<const MatMulKernel*>& AvailableMatMulKernels() {
  static const std::vector<const MatMulKernel*> kernels = [] {
    std::vector<const MatMulKernel*> all = LaneKernels();
    if (const MatMulKernel* amx = AmxKernel()) all.push_back(amx);
    return all;
  }();
  return kernels;
}

void MatMulWith(const MatMulKernel& kernel, Pool& pool, std::span<const Linear> layers,
                const float* x, size_t x_stride, size_t rows, Precision precision) {
  MatMulOf(pool, &kernel, layers, x, x_stride, rows, precision);
}

void MatMul(Pool& pool, std::span<const Linear> layers, const float* x, size_t x_stride,
            size_t rows, Precision precision) {
  MatMulOf(pool, nullptr, layers, x, x_stride, rows, precision);
}

void MatMul(Pool& pool, const Matrix& w, const float* bias, const float* x, size_t x_stride,
            size_t rows, float* y, size_t y_stride, Precision precision) {
  const Linear layer = {w, bias, y, y_stride};
  MatMulOf(pool, nullptr, {&layer, 1}, x, x_stride, rows, precision);
}

void MatMulBackward(Pool& pool, const Matrix& w, const float* dy, size_t dy_stride, size_t rows,
                    float* dx, size_t dx_stride, Precision precision) {
  MatMul(pool, Transposed(w), nullptr, dy, dy_stride, rows, dx, dx_stride, precision);
}

}  // namespace retemper::nn
