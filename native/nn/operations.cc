#include "nn/operations.h"

#include <cstring>
#include <string>
#include <utility>

#include "core/status.h"
#include "nn/step_times.h"

namespace retemper::nn {
namespace {

void CheckRows(const Context& context, size_t rows) {
  if (rows == context.step.rows()) return;
  throw Fault(code::kUsage, "an operation got " + std::to_string(rows) + " rows in a step of " +
                                std::to_string(context.step.rows()));
}

void CheckSizes(const char* what, size_t actual, size_t expected) {
  if (actual == expected) return;
  throw Fault(code::kUsage, std::string(what) + " has " + std::to_string(actual) +
                                " features where " + std::to_string(expected) + " are needed");
}

// The norm of every row of the step, packed.
const float* Normalize(Context& context, const Norm& norm, const float* x, size_t rows) {
  const size_t n = norm.size();
  float* normal = context.scratch[Context::kNormal].Floats(rows * n);
  context.ForRows(rows, n, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      norm.Apply(context.kernels, x + r * n, context.step.variants[r], normal + r * n);
    }
  });
  return normal;
}

// y = residual + post_norm(y)
void FinishRows(Context& context, const std::optional<Norm>& post_norm, const float* residual,
                size_t rows, size_t n, float* y) {
  context.ForRows(rows, n, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      float* row = y + r * n;
      if (post_norm) post_norm->Apply(context.kernels, row, context.step.variants[r], row);
      context.kernels.add(residual + r * n, row, n, row);
    }
  });
}

}  // namespace

void Norm::Apply(const VectorKernels& kernels, const float* x, uint32_t variant, float* y) const {
  if (layer) {
    kernels.layer_norm(x, weight.Of(variant), bias ? bias->Of(variant) : nullptr, epsilon, size(),
                       y);
  } else {
    kernels.rms_norm(x, weight.Of(variant), epsilon, size(), y);
  }
}

Embed::Embed(std::unique_ptr<WeightSource> table, std::unique_ptr<WeightSource> positions,
             float scale)
    : table_(std::move(table)), positions_(std::move(positions)), scale_(scale) {
  if (positions_) CheckSizes("the table of positions", positions_->in(), table_->in());
}

void Embed::Run(Context& context, float* y) const {
  const Step& step = context.step;
  const size_t n = out();
  for (size_t r = 0; r < step.rows(); ++r) {
    if (static_cast<size_t>(step.ids[r]) >= table_->out()) {
      throw Fault(code::kUsage, "token " + std::to_string(step.ids[r]) +
                                    " is outside of the vocabulary of " +
                                    std::to_string(table_->out()));
    }
    if (positions_ && static_cast<size_t>(step.positions[r]) >= positions_->out()) {
      throw Fault(code::kUsage, "position " + std::to_string(step.positions[r]) +
                                    " is beyond the model's " + std::to_string(positions_->out()));
    }
  }
  float* learned = positions_ ? context.scratch[Context::kNormal].Floats(step.rows() * n) : nullptr;
  context.ForRows(step.rows(), n, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      float* row = y + r * n;
      table_->Row(static_cast<size_t>(step.ids[r]), step.variants[r], row);
      if (scale_ != 1.0f) context.kernels.scale(scale_, n, row);
      if (positions_) {
        float* own = learned + r * n;
        positions_->Row(static_cast<size_t>(step.positions[r]), step.variants[r], own);
        context.kernels.add(row, own, n, row);
      }
    }
  });
}

Project::Project(std::optional<Norm> norm, std::vector<std::unique_ptr<WeightSource>> matrices)
    : norm_(std::move(norm)), matrices_(std::move(matrices)) {
  if (matrices_.empty()) throw Fault(code::kUsage, "a projection needs a matrix");
  for (const auto& matrix : matrices_) {
    CheckSizes("a matrix", matrix->in(), in());
    out_ += matrix->out();
  }
  if (norm_) CheckSizes("a norm", norm_->size(), in());
}

void Project::Run(Context& context, const float* x, size_t rows, float* y) const {
  CheckRows(context, rows);
  if (norm_) x = Normalize(context, *norm_, x, rows);
  std::vector<SharedProduct> products;
  products.reserve(matrices_.size());
  for (const auto& matrix : matrices_) {
    products.push_back({matrix.get(), y, out_});
    y += matrix->out();
  }
  MultiplyAll(context.pool, context.precision, products, x, in(), rows,
              context.step.variants.data());
}

Output::Output(std::unique_ptr<WeightSource> matrix, std::optional<Norm> post_norm)
    : matrix_(std::move(matrix)), post_norm_(std::move(post_norm)) {
  if (post_norm_) CheckSizes("a norm", post_norm_->size(), out());
}

void Output::Run(Context& context, const float* x, const float* residual, size_t rows,
                 float* y) const {
  CheckRows(context, rows);
  matrix_->Multiply(context.pool, context.precision, x, in(), rows, context.step.variants.data(), y,
                    out());
  FinishRows(context, post_norm_, residual, rows, out(), y);
}

Mlp::Mlp(Norm norm, std::unique_ptr<WeightSource> gate, std::unique_ptr<WeightSource> up,
         std::unique_ptr<WeightSource> down, Activation activation, std::optional<Norm> post_norm)
    : norm_(std::move(norm)),
      gate_(std::move(gate)),
      up_(std::move(up)),
      down_(std::move(down)),
      activation_(activation),
      post_norm_(std::move(post_norm)) {
  CheckSizes("the up matrix", up_->in(), size());
  CheckSizes("the down matrix", down_->in(), up_->out());
  CheckSizes("the result of the down matrix", down_->out(), size());
  if (gate_) {
    CheckSizes("the gate matrix", gate_->in(), size());
    CheckSizes("the result of the gate matrix", gate_->out(), up_->out());
  }
  if (post_norm_) CheckSizes("a norm", post_norm_->size(), size());
}

void Mlp::Run(Context& context, const float* x, size_t rows, float* y) const {
  CheckRows(context, rows);
  const size_t n = size(), inner = up_->out();
  const uint32_t* variants = context.step.variants.data();
  const float* normal = Normalize(context, norm_, x, rows);
  float* up = context.scratch[Context::kUp].Floats(rows * inner);
  if (gate_) {
    float* gate = context.scratch[Context::kGate].Floats(rows * inner);
    const SharedProduct products[] = {{gate_.get(), gate, inner}, {up_.get(), up, inner}};
    MultiplyAll(context.pool, context.precision, products, normal, n, rows, variants);
    context.ForRows(rows, 4 * inner, [&](size_t begin, size_t end) {
      const size_t at = begin * inner;
      context.kernels.gate(activation_, gate + at, up + at, (end - begin) * inner, up + at);
    });
  } else {
    up_->Multiply(context.pool, context.precision, normal, n, rows, variants, up, inner);
    context.ForRows(rows, 4 * inner, [&](size_t begin, size_t end) {
      context.kernels.activate(activation_, (end - begin) * inner, up + begin * inner);
    });
  }
  down_->Multiply(context.pool, context.precision, up, inner, rows, variants, y, n);
  FinishRows(context, post_norm_, x, rows, n, y);
}

Head::Head(Norm norm, std::unique_ptr<WeightSource> matrix, float softcap)
    : norm_(std::move(norm)), matrix_(std::move(matrix)), softcap_(softcap) {
  CheckSizes("a norm", norm_.size(), in());
}

void Head::CheckWanted(const int32_t* wanted, size_t count, size_t rows) {
  for (size_t i = 0; i < count; ++i) {
    if (wanted[i] >= 0 && static_cast<size_t>(wanted[i]) < rows) continue;
    throw Fault(code::kUsage, "row " + std::to_string(wanted[i]) + " was wanted of a step of " +
                                  std::to_string(rows));
  }
}

void Head::Run(Context& context, const float* x, size_t rows, const int32_t* wanted, size_t count,
               float* y) const {
  const Stopwatch stopwatch(&StepTimes::head);
  CheckRows(context, rows);
  const size_t n = in();
  CheckWanted(wanted, count, rows);
  float* normal = context.scratch[Context::kNormal].Floats(count * n);
  std::vector<uint32_t> variants(count);
  for (size_t i = 0; i < count; ++i) {
    variants[i] = context.step.variants[static_cast<size_t>(wanted[i])];
  }
  context.ForRows(count, n, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      norm_.Apply(context.kernels, x + static_cast<size_t>(wanted[i]) * n, variants[i],
                  normal + i * n);
    }
  });
  matrix_->Multiply(context.pool, context.precision, normal, n, count, variants.data(), y, out());
  if (softcap_ != 0.0f) {
    context.ForRows(count, 4 * out(), [&](size_t begin, size_t end) {
      context.kernels.softcap(softcap_, (end - begin) * out(), y + begin * out());
    });
  }
}

}  // namespace retemper::nn
