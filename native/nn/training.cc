#include "nn/training.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "core/status.h"

namespace retemper::nn {
namespace {

// to[cols, rows] = from[rows, cols]
void Turn(const float* from, size_t from_stride, size_t rows, size_t cols, float* to,
          size_t to_stride) {
  constexpr size_t kBlock = 16;
  for (size_t r = 0; r < rows; r += kBlock) {
    for (size_t c = 0; c < cols; c += kBlock) {
      for (size_t i = r; i < std::min(rows, r + kBlock); ++i) {
        for (size_t j = c; j < std::min(cols, c + kBlock); ++j) {
          to[j * to_stride + i] = from[i * from_stride + j];
        }
      }
    }
  }
}

}  // namespace

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

TrainedAttention::TrainedAttention(Context& context, AttendSpec spec) : spec_(std::move(spec)) {
  // The checks are those of generation's.
  const Attend checked(context, spec_);
  if (!spec_.rope) return;
  rope_ = &context.RopeOf(spec_.rope->inverse_frequencies, spec_.rope->magnitude);
  if (spec_.rope->long_inverse_frequencies.empty()) return;
  long_rope_ = &context.RopeOf(spec_.rope->long_inverse_frequencies, spec_.rope->magnitude);
}

void TrainedAttention::Forward(Context& context, const float* x, std::span<const int32_t> lengths,
                               float* y) const {
  Run(context, x, lengths, y, nullptr, nullptr);
}

void TrainedAttention::Backward(Context& context, const float* x, std::span<const int32_t> lengths,
                                const float* dy, float* dx) const {
  Run(context, x, lengths, nullptr, dy, dx);
}

// One task: one sequence, and one key/value head with the queries' heads that share it. Queries are
// taken in blocks, so that scores take block x length, not length x length.
void TrainedAttention::Run(Context& context, const float* x, std::span<const int32_t> lengths,
                           float* y, const float* dy, float* dx) const {
  constexpr size_t kBlock = 32;
  const size_t dim = spec_.head_dim, kv_heads = spec_.kv_heads, group = spec_.heads / kv_heads;
  const size_t width = in(),
               longest = static_cast<size_t>(
                   lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end()));
  std::vector<size_t> starts(lengths.size() + 1, 0);
  for (size_t s = 0; s < lengths.size(); ++s) {
    starts[s + 1] = starts[s] + static_cast<size_t>(lengths[s]);
  }
  for (RopeTable* table : {rope_, long_rope_}) {
    if (table != nullptr) table->Grow(longest);
  }
  const TrainingKernels& kernels = context.training;
  const bool backward = dy != nullptr;
  context.pool.Run(lengths.size() * kv_heads, [&](size_t task, unsigned) {
    const size_t sequence = task / kv_heads, kv = task % kv_heads, start = starts[sequence];
    const size_t length = static_cast<size_t>(lengths[sequence]);
    if (length == 0) return;
    const bool is_long =
        long_rope_ != nullptr && static_cast<int32_t>(length) > spec_.rope->long_from;
    RopeTable* table = is_long ? long_rope_ : rope_;

    const auto prepare = [&](size_t column, const std::optional<Norm>& norm, float* to) {
      for (size_t i = 0; i < length; ++i) {
        const float* from = x + (start + i) * width + column;
        float* row = to + i * dim;
        if (norm) {
          norm->Apply(context.kernels, from, 0, row);
        } else {
          std::memcpy(row, from, dim * sizeof(float));
        }
        if (table != nullptr) {
          context.kernels.rotate(table->Cosines(i), table->Sines(i), table->half(), row);
        }
      }
    };
    // The way back: turned the other way, then through the norm.
    const auto give = [&](size_t column, const std::optional<Norm>& norm, float* gradient) {
      std::vector<float> other(table != nullptr ? table->half() : 0);
      for (size_t i = 0; i < length; ++i) {
        float* row = gradient + i * dim;
        if (table != nullptr) {
          for (size_t h = 0; h < other.size(); ++h) other[h] = -table->Sines(i)[h];
          context.kernels.rotate(table->Cosines(i), other.data(), table->half(), row);
        }
        const size_t at = (start + i) * width + column;
        if (norm) {
          std::fill(dx + at, dx + at + dim, 0.0f);
          (norm->layer ? kernels.layer_norm_backward : kernels.rms_norm_backward)(
              x + at, norm->weight.Of(0), norm->epsilon, row, dim, dx + at);
        } else {
          std::memcpy(dx + at, row, dim * sizeof(float));
        }
      }
    };

    const size_t key_column = (spec_.heads + kv) * dim, value_column = key_column + kv_heads * dim;
    std::vector<float> keys(length * dim), turned_keys(dim * length), queries(length * dim);
    prepare(key_column, spec_.key_norm, keys.data());
    Turn(keys.data(), dim, length, dim, turned_keys.data(), length);
    const float* values = x + start * width + value_column;
    std::vector<float> scores(kBlock * length), back, turned_values, d_keys, d_values, d_queries;
    if (backward) {
      back.resize(kBlock * length);
      turned_values.resize(dim * length);
      Turn(values, width, length, dim, turned_values.data(), length);
      d_keys.assign(length * dim, 0.0f);
      d_values.assign(length * dim, 0.0f);
      d_queries.resize(length * dim);
    }
    for (size_t head = kv * group; head < (kv + 1) * group; ++head) {
      prepare(head * dim, spec_.query_norm, queries.data());
      for (size_t begin = 0; begin < length; begin += kBlock) {
        const size_t count = std::min(kBlock, length - begin), end = begin + count;
        const size_t low =
            spec_.window != 0 && begin + 1 > spec_.window ? begin + 1 - spec_.window : 0;
        const size_t seen = end - low;  // positions that the block sees
        kernels.multiply(false, false, count, seen, dim, queries.data() + begin * dim, dim,
                         turned_keys.data() + low, length, scores.data(), seen);
        for (size_t i = 0; i < count; ++i) {
          float* row = scores.data() + i * seen;
          const size_t position = begin + i;
          const size_t first = spec_.window != 0 && position + 1 > spec_.window
                                   ? position + 1 - spec_.window - low
                                   : 0;
          const size_t last = position + 1 - low;
          context.kernels.scale(spec_.scale, last - first, row + first);
          if (spec_.softcap != 0.0f)
            context.kernels.softcap(spec_.softcap, last - first, row + first);
          const float greatest = *std::max_element(row + first, row + last);
          if (backward && spec_.softcap != 0.0f) {
            // kept for the slope: 1 - (capped / cap)^2
            float* slope = back.data() + i * seen;
            for (size_t j = first; j < last; ++j) {
              const float share = row[j] / spec_.softcap;
              slope[j] = 1.0f - share * share;
            }
          }
          const double sum = kernels.exponentials(greatest, last - first, row + first);
          context.kernels.scale(static_cast<float>(1.0 / sum), last - first, row + first);
          std::fill(row, row + first, 0.0f);
          std::fill(row + last, row + seen, 0.0f);
        }
        const size_t out_at = (start + begin) * out() + head * dim;
        if (!backward) {
          kernels.multiply(false, false, count, dim, seen, scores.data(), seen,
                           values + low * width, width, y + out_at, out());
          continue;
        }
        std::vector<float> slopes;
        if (spec_.softcap != 0.0f)
          slopes.assign(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(count * seen));
        const float* own = dy + out_at;
        kernels.multiply(true, true, seen, dim, count, scores.data(), seen, own, out(),
                         d_values.data() + low * dim, dim);
        kernels.multiply(false, false, count, seen, dim, own, out(), turned_values.data() + low,
                         length, back.data(), seen);
        for (size_t i = 0; i < count; ++i) {
          const float* row = scores.data() + i * seen;
          float* d = back.data() + i * seen;
          const auto along = static_cast<float>(kernels.dot(row, d, seen));
          kernels.softmax_backward(row, along, seen, d);
          if (!slopes.empty()) {
            // Where the mask is, d is 0 and the slope was never written.
            for (size_t j = 0; j < seen; ++j)
              d[j] = row[j] == 0.0f ? 0.0f : d[j] * slopes[i * seen + j];
          }
          context.kernels.scale(spec_.scale, seen, d);
        }
        kernels.multiply(false, false, count, dim, seen, back.data(), seen, keys.data() + low * dim,
                         dim, d_queries.data() + begin * dim, dim);
        kernels.multiply(true, true, seen, dim, count, back.data(), seen,
                         queries.data() + begin * dim, dim, d_keys.data() + low * dim, dim);
      }
      if (backward) give(head * dim, spec_.query_norm, d_queries.data());
    }
    if (!backward) return;
    give(key_column, spec_.key_norm, d_keys.data());
    for (size_t i = 0; i < length; ++i) {
      std::memcpy(dx + (start + i) * width + value_column, d_values.data() + i * dim,
                  dim * sizeof(float));
    }
  });
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
