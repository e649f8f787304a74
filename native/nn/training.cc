#include "nn/training.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/status.h"

namespace retemper::nn {

void NormBackward(Context& context, const Norm& norm, const float* x, const float* dy, size_t rows,
                  float* dx) {
  const size_t n = norm.size();
  const auto backward =
      norm.layer ? context.training.layer_norm_backward : context.training.rms_norm_backward;
  context.ForRows(rows, 2 * n, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      backward(x + r * n, norm.weight.Of(0), norm.epsilon, dy + r * n, n, dx + r * n);
    }
  });
}

namespace {

void CheckSizes(size_t actual, size_t expected) {
  if (actual != expected) throw Fault(code::kUsage, "the matrices of an operation do not fit");
}

const float* Normalized(Context& context, const Norm& norm, const float* x, size_t rows) {
  const size_t n = norm.size();
  float* normal = context.scratch[Context::kNormal].Floats(rows * n);
  context.ForRows(rows, n, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      norm.Apply(context.kernels, x + r * n, 0, normal + r * n);
    }
  });
  return normal;
}

// y = residual + post_norm(y)
void Finish(Context& context, const std::optional<Norm>& post_norm, const float* residual,
            size_t rows, size_t n, float* y) {
  context.ForRows(rows, n, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      float* row = y + r * n;
      if (post_norm) post_norm->Apply(context.kernels, row, 0, row);
      context.kernels.add(residual + r * n, row, n, row);
    }
  });
}

}  // namespace

TrainedProject::TrainedProject(std::optional<Norm> norm, std::vector<TrainedMatrix> matrices)
    : norm_(std::move(norm)), matrices_(std::move(matrices)) {
  if (matrices_.empty()) throw Fault(code::kUsage, "a projection needs a matrix");
  for (const TrainedMatrix& matrix : matrices_) {
    CheckSizes(matrix.in(), in());
    out_ += matrix.out();
  }
  if (norm_) CheckSizes(norm_->size(), in());
}

std::vector<const TrainedMatrix*> TrainedProject::matrices() const {
  std::vector<const TrainedMatrix*> all;
  for (const TrainedMatrix& matrix : matrices_) all.push_back(&matrix);
  return all;
}

void TrainedProject::Forward(Context& context, const float* x, size_t rows,
                             std::span<const LowRank> terms, float* y) const {
  if (norm_) x = Normalized(context, *norm_, x, rows);
  std::vector<TrainedProduct> products;
  for (size_t i = 0; i < matrices_.size(); ++i) {
    products.push_back({&matrices_[i], &terms[i], y, out_});
    y += matrices_[i].out();
  }
  ForwardAll(context, products, x, rows);
}

void TrainedProject::Backward(Context& context, const float* x, size_t rows,
                              std::span<const LowRank> terms, const float* dy, float* dx) const {
  const float* from = norm_ ? Normalized(context, *norm_, x, rows) : x;
  float* to = norm_ ? context.scratch[Context::kNormalBack].Floats(rows * in()) : dx;
  for (size_t i = 0; i < matrices_.size(); ++i) {
    matrices_[i].Backward(context, from, dy, out_, rows, terms[i], i > 0, to);
    dy += matrices_[i].out();
  }
  if (!norm_) return;
  std::fill(dx, dx + rows * in(), 0.0f);
  NormBackward(context, *norm_, x, to, rows, dx);
}

TrainedOutput::TrainedOutput(TrainedMatrix matrix, std::optional<Norm> post_norm)
    : matrix_(std::move(matrix)), post_norm_(std::move(post_norm)) {
  if (post_norm_) CheckSizes(post_norm_->size(), out());
}

void TrainedOutput::Forward(Context& context, const float* x, const float* residual, size_t rows,
                            const LowRank& term, float* y) const {
  matrix_.Forward(context, x, rows, term, y, out());
  Finish(context, post_norm_, residual, rows, out(), y);
}

void TrainedOutput::Backward(Context& context, const float* x, size_t rows, const LowRank& term,
                             const float* dy, float* dx) const {
  if (post_norm_) {
    float* product = context.scratch[Context::kPost].Floats(rows * out());
    float* back = context.scratch[Context::kPostBack].Floats(rows * out());
    matrix_.Forward(context, x, rows, term, product, out());
    std::fill(back, back + rows * out(), 0.0f);
    NormBackward(context, *post_norm_, product, dy, rows, back);
    dy = back;
  }
  matrix_.Backward(context, x, dy, out(), rows, term, false, dx);
}

TrainedMlp::TrainedMlp(Norm norm, std::optional<TrainedMatrix> gate, TrainedMatrix up,
                       TrainedMatrix down, Activation activation, std::optional<Norm> post_norm)
    : norm_(std::move(norm)),
      gate_(std::move(gate)),
      up_(std::move(up)),
      down_(std::move(down)),
      activation_(activation),
      post_norm_(std::move(post_norm)) {
  CheckSizes(up_.in(), size());
  CheckSizes(down_.in(), up_.out());
  CheckSizes(down_.out(), size());
  if (gate_) {
    CheckSizes(gate_->in(), size());
    CheckSizes(gate_->out(), up_.out());
  }
  if (post_norm_) CheckSizes(post_norm_->size(), size());
}

std::vector<const TrainedMatrix*> TrainedMlp::matrices() const {
  if (!gate_) return {&up_, &down_};
  return {&*gate_, &up_, &down_};
}

void TrainedMlp::Forward(Context& context, const float* x, size_t rows,
                         std::span<const LowRank> terms, float* kept, float* y) const {
  const size_t width = up_.out();
  const float* normal = Normalized(context, norm_, x, rows);
  float* up = kept != nullptr ? kept : context.scratch[Context::kUp].Floats(rows * width);
  float* gate = nullptr;
  std::vector<TrainedProduct> products = {{&up_, &terms[gate_ ? 1 : 0], up, width}};
  if (gate_) {
    gate = kept != nullptr ? kept + rows * width
                           : context.scratch[Context::kGate].Floats(rows * width);
    products.push_back({&*gate_, &terms[0], gate, width});
  }
  ForwardAll(context, products, normal, rows);
  const float* product = Product(context, gate, up, rows);
  down_.Forward(context, product, rows, terms.back(), y, size());
  Finish(context, post_norm_, x, rows, size(), y);
}

// f(gate) * up, or f(up)
float* TrainedMlp::Product(Context& context, const float* gate, const float* up,
                           size_t rows) const {
  const size_t width = up_.out();
  float* product = context.scratch[Context::kProduct].Floats(rows * width);
  context.ForRows(rows, 4 * width, [&](size_t begin, size_t end) {
    const size_t at = begin * width, count = (end - begin) * width;
    if (gate != nullptr) {
      context.kernels.gate(activation_, gate + at, up + at, count, product + at);
    } else {
      std::memcpy(product + at, up + at, count * sizeof(float));
      context.kernels.activate(activation_, count, product + at);
    }
  });
  return product;
}

void TrainedMlp::Backward(Context& context, const float* x, size_t rows,
                          std::span<const LowRank> terms, float* kept, const float* dy,
                          float* dx) const {
  const size_t n = size(), width = up_.out();
  float* up = kept;
  float* gate = gate_ ? kept + rows * width : nullptr;
  const float* product = Product(context, gate, up, rows);
  const float* d_out = dy;
  if (post_norm_) {
    float* result = context.scratch[Context::kPost].Floats(rows * n);
    float* back = context.scratch[Context::kPostBack].Floats(rows * n);
    down_.Forward(context, product, rows, terms.back(), result, n);
    std::fill(back, back + rows * n, 0.0f);
    NormBackward(context, *post_norm_, result, dy, rows, back);
    d_out = back;
  }
  float* d_inner = context.scratch[Context::kProductBack].Floats(rows * width);
  down_.Backward(context, product, d_out, n, rows, terms.back(), false, d_inner);
  context.ForRows(rows, 8 * width, [&](size_t begin, size_t end) {
    const size_t at = begin * width, count = (end - begin) * width;
    if (gate != nullptr) {
      context.training.gate_backward(activation_, up + at, count, gate + at, d_inner + at);
    } else {
      context.training.gate_backward(activation_, nullptr, count, up + at, d_inner + at);
    }
  });
  const float* normal = Normalized(context, norm_, x, rows);
  float* d_normal = context.scratch[Context::kNormalBack].Floats(rows * n);
  if (gate_) {
    gate_->Backward(context, normal, gate, width, rows, terms[0], false, d_normal);
    up_.Backward(context, normal, d_inner, width, rows, terms[1], true, d_normal);
  } else {
    up_.Backward(context, normal, up, width, rows, terms[0], false, d_normal);
  }
  std::memcpy(dx, dy, rows * n * sizeof(float));
  NormBackward(context, norm_, x, d_normal, rows, dx);
}

HeadLoss RunHeadLoss(Context& context, const Norm& norm, const WeightSource& matrix, float softcap,
                     const float* x, size_t rows, std::span<const int32_t> wanted,
                     std::span<const int32_t> targets, float weight, float* dx) {
  constexpr size_t kBlock = 128;
  const size_t n = matrix.in(), vocabulary = matrix.out();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] < 0 || static_cast<size_t>(wanted[i]) >= rows || targets[i] < 0 ||
        static_cast<size_t>(targets[i]) >= vocabulary) {
      throw Fault(code::kUsage, "a row or target of the loss is outside of what there is");
    }
  }
  if (dx != nullptr) std::fill(dx, dx + rows * n, 0.0f);
  const size_t block = std::min(kBlock, wanted.size());
  std::vector<float> from(block * n), normal(block * n), logits(block * vocabulary),
      back(dx != nullptr ? block * n : 0), d_from(back.size());
  std::vector<double> losses(block);
  HeadLoss loss;
  for (size_t begin = 0; begin < wanted.size(); begin += block) {
    const size_t count = std::min(block, wanted.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(from.data() + i * n, x + static_cast<size_t>(wanted[begin + i]) * n,
                  n * sizeof(float));
      norm.Apply(context.kernels, from.data() + i * n, 0, normal.data() + i * n);
    }
    matrix.Multiply(context.pool, context.precision, normal.data(), n, count, nullptr,
                    logits.data(), vocabulary);
    context.ForRows(count, 16 * vocabulary, [&](size_t first, size_t last) {
      for (size_t i = first; i < last; ++i) {
        float* row = logits.data() + i * vocabulary;
        if (softcap != 0.0f) context.kernels.softcap(softcap, vocabulary, row);
        const double sum = context.kernels.log_sum_exp(row, vocabulary);
        const auto target = static_cast<size_t>(targets[begin + i]);
        losses[i] = sum - static_cast<double>(row[target]);
        if (dx == nullptr) continue;
        std::vector<float> slopes;
        if (softcap != 0.0f) {
          slopes.resize(vocabulary);
          for (size_t j = 0; j < vocabulary; ++j) {
            const float share = row[j] / softcap;
            slopes[j] = 1.0f - share * share;
          }
        }
        const double total =
            context.training.exponentials(static_cast<float>(sum), vocabulary, row);
        context.kernels.scale(static_cast<float>(static_cast<double>(weight) / total), vocabulary,
                              row);
        row[target] -= weight;
        for (size_t j = 0; j < slopes.size(); ++j) row[j] *= slopes[j];
      }
    });
    for (size_t i = 0; i < count; ++i) loss.sum += losses[i];
    if (dx == nullptr) continue;
    matrix.MultiplyBackward(context.pool, context.precision, logits.data(), vocabulary, count,
                            nullptr, back.data(), n);
    std::fill(d_from.begin(), d_from.end(), 0.0f);
    NormBackward(context, norm, from.data(), back.data(), count, d_from.data());
    for (size_t i = 0; i < count; ++i) {
      context.kernels.add(dx + static_cast<size_t>(wanted[begin + i]) * n, d_from.data() + i * n, n,
                          dx + static_cast<size_t>(wanted[begin + i]) * n);
    }
  }
  return loss;
}

}  // namespace retemper::nn
