// Chooses the kernel, packs the activations and hands out parts of products.
#include "nn/matmul.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/divide_up.h"
#include "cpu/kernels.h"
#include "nn/matmul_amx.h"
#include "nn/matmul_kernel.h"
#include "nn/matmul_lanes.h"
#include "nn/matmul_neon_bf16.h"
#include "nn/part_bytes.h"
#include "nn/step_times.h"

namespace retemper::nn {

namespace {

// Below these many multiplications, or values to pack, another thread is not worth the wait.
constexpr size_t kFewMultiplications = 64 * 1024;
constexpr size_t kFewToPack = 64 * 1024;

const MatMulKernel& Choose(Dtype dtype, Precision precision) {
  static const std::vector<const MatMulKernel*> allowed = [] {
    const char* forced = std::getenv("RETEMPER_FORCE_TARGET");
    const std::vector<const MatMulKernel*>& all = AvailableMatMulKernels();
    if (forced == nullptr || *forced == '\0' || CudaIsForced()) return all;
    ChooseTarget();  // refuses what this machine does not have
    // Some multiply only some dtypes: what is slower stays, for the others.
    for (auto at = all.begin(); at != all.end(); ++at) {
      if (std::strcmp((*at)->name, forced) == 0) return std::vector(all.begin(), at + 1);
    }
    return std::vector{all.front()};
  }();
  return **std::find_if(allowed.rbegin(), allowed.rend(), [&](const MatMulKernel* kernel) {
    return kernel->handles(dtype, precision);
  });
}

}  // namespace

class PartQueue {
 public:
  // Returns how much scratch memory each thread needs for the parts of `product`.
  size_t Add(const MatMulKernel& kernel, const Product& product, unsigned threads) {
    const Cut cut = kernel.cut(product);
    const size_t out_bytes = std::max<size_t>(product.w.in * SizeOf(product.w.dtype), 1);
    Task task = {product, cut.row_step, cut.out_step, 0, parts_};
    // Kernels have scratch memory for each output of a part of weights that lie in-major.
    if (!product.w.in_major) {
      const size_t bytes = BytesOfAPart(product.w.out * out_bytes, product.rows, threads);
      task.out_step *= std::max<size_t>(bytes / (out_bytes * cut.out_step), 1);
    }
    task.out_parts = DivideUp(product.w.out, task.out_step);
    parts_ += DivideUp(product.rows, cut.row_step) * task.out_parts;
    tasks_.push_back(task);
    return cut.scratch_bytes;
  }
  void SetPacked(const uint8_t* packed) {
    for (Task& task : tasks_) task.product.packed = packed;
  }
  size_t parts() const { return parts_; }
  const Product& First() const { return tasks_.front().product; }

  bool Take(Part& part) {
    const size_t number = taken_.fetch_add(1, std::memory_order_relaxed);
    if (number >= parts_) return false;
    const Task* task = &tasks_.back();
    while (number < task->first_part) --task;
    // Neighbouring parts have the same rows, which stay in the cache.
    const size_t index = number - task->first_part, rows = task->product.rows;
    const size_t row = index / task->out_parts * task->row_step;
    const size_t out = index % task->out_parts * task->out_step;
    part = {&task->product, row, std::min(rows, row + task->row_step), out,
            std::min(task->product.w.out, out + task->out_step)};
    return true;
  }

 private:
  struct Task {
    Product product;
    size_t row_step, out_step, out_parts, first_part;
  };
  std::vector<Task> tasks_;
  size_t parts_ = 0;
  std::atomic<size_t> taken_{0};
};

bool TakePart(PartQueue& queue, Part& part) { return queue.Take(part); }
const Product& FirstProduct(const PartQueue& queue) { return queue.First(); }

namespace {

void PackWith(Pool& pool, const MatMulKernel& kernel, const Matrix& w, const float* x,
              size_t x_stride, size_t rows, Precision precision, uint8_t* packed) {
  const size_t groups = DivideUp(rows, kRowsOfAGroup);
  const auto pack = [&](size_t group, unsigned) {
    kernel.pack(w, x, x_stride, rows, precision, group, packed);
  };
  if (rows * w.in <= kFewToPack) {
    for (size_t group = 0; group < groups; ++group) pack(group, 0);
  } else {
    pool.Run(groups, pack);
  }
}

// Layers that one kernel multiplies by activations in one form: all of one dtype.
void MultiplyAlike(Pool& pool, const MatMulKernel& kernel, std::span<const Linear> layers,
                   const float* x, size_t x_stride, size_t rows, Precision precision) {
  PartQueue queue;
  size_t scratch_bytes = 0, multiplications = 0;
  for (const Linear& layer : layers) {
    if (layer.w.out == 0) continue;
    const Product product = {layer.w, layer.bias, layer.y, layer.y_stride, rows, precision};
    scratch_bytes =
        std::max(scratch_bytes, RoundUp(queue.Add(kernel, product, pool.threads()), 64));
    multiplications += layer.w.out * layer.w.in * rows;
  }
  if (queue.parts() == 0) return;
  const Matrix& w = layers.front().w;
  const size_t packed_bytes = RoundUp(kernel.packed_bytes(w, rows, precision), 64);
  uint8_t* const packed = pool.Scratch(packed_bytes + scratch_bytes * pool.threads());
  queue.SetPacked(packed);
  PackWith(pool, kernel, w, x, x_stride, rows, precision, packed);
  const bool few = multiplications <= kFewMultiplications;
  pool.Run(few ? 1 : std::min<size_t>(queue.parts(), pool.threads()), [&](size_t, unsigned thread) {
    kernel.multiply(queue, packed + packed_bytes + thread * scratch_bytes);
  });
}

void MatMulOf(Pool& pool, const MatMulKernel* kernel, std::span<const Linear> layers,
              const float* x, size_t x_stride, size_t rows, Precision precision) {
  if (rows == 0) return;
  const Stopwatch stopwatch(&StepTimes::products);
  while (!layers.empty()) {
    const Dtype dtype = layers.front().w.dtype;
    size_t n = 1;
    while (n < layers.size() && layers[n].w.dtype == dtype) ++n;
    MultiplyAlike(pool, kernel != nullptr ? *kernel : Choose(dtype, precision), layers.first(n), x,
                  x_stride, rows, precision);
    layers = layers.subspan(n);
  }
}

}  // namespace

const std::vector<const MatMulKernel*>& AvailableMatMulKernels() {
  static const std::vector<const MatMulKernel*> kernels = [] {
    std::vector<const MatMulKernel*> all = LaneKernels();
    if (const MatMulKernel* amx = AmxKernel()) all.push_back(amx);
    if (const MatMulKernel* neon = NeonBf16Kernel()) all.push_back(neon);
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

size_t PackedRowsBytes(const Matrix& w, size_t rows, Precision precision) {
  return RoundUp(Choose(w.dtype, precision).packed_bytes(w, rows, precision), 64);
}

void PackRows(Pool& pool, const Matrix& w, const float* x, size_t x_stride, size_t rows,
              Precision precision, uint8_t* packed) {
  PackWith(pool, Choose(w.dtype, precision), w, x, x_stride, rows, precision, packed);
}

void MatMulAlone(const Matrix& w, const float* bias, const uint8_t* packed, size_t rows, float* y,
                 size_t y_stride, Precision precision, AlignedBytes& scratch) {
  if (rows == 0 || w.out == 0) return;
  const MatMulKernel& kernel = Choose(w.dtype, precision);
  PartQueue queue;
  const size_t scratch_bytes = queue.Add(kernel, {w, bias, y, y_stride, rows, precision}, 1);
  queue.SetPacked(packed);
  kernel.multiply(queue, scratch.Reserve(std::max<size_t>(1, scratch_bytes)));
}

const char* MatMulTarget(Dtype dtype, Precision precision) { return Choose(dtype, precision).name; }

void MatMulBackward(Pool& pool, const Matrix& w, const float* dy, size_t dy_stride, size_t rows,
                    float* dx, size_t dx_stride, Precision precision) {
  MatMul(pool, Transposed(w), nullptr, dy, dy_stride, rows, dx, dx_stride, precision);
}

}  // namespace retemper::nn
