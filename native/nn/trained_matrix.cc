#include "nn/trained_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/divide_up.h"

namespace retemper::nn {
namespace {

// to[cols, rows] = from[rows, cols]
void Turn(const float* from, size_t rows, size_t cols, float* to) {
  constexpr size_t kBlock = 16;
  for (size_t r = 0; r < rows; r += kBlock) {
    for (size_t i = r; i < std::min(rows, r + kBlock); ++i) {
      for (size_t j = 0; j < cols; ++j) to[j * rows + i] = from[i * cols + j];
    }
  }
}

// Parts of rows on all threads.
template <class Body>
void ForParts(Context& context, size_t rows, size_t cost, Body body) {
  constexpr size_t kPart = 48, kAlone = size_t{1} << 15;
  if (rows <= kPart || rows * cost <= kAlone) return body(size_t{0}, rows);
  context.pool.Run(DivideUp(rows, kPart), [&](size_t part, unsigned) {
    body(part * kPart, std::min(rows, (part + 1) * kPart));
  });
}

// low[rows, rank] = factor x[rows, n] a[rank, n]^T
void Lower(Context& context, size_t rows, size_t n, size_t rank, float factor, const float* x,
           size_t x_stride, const float* a, float* low) {
  ForParts(context, rows, n * rank / 4, [&](size_t begin, size_t end) {
    context.training.lower(end - begin, n, rank, factor, x + begin * x_stride, x_stride, a,
                           low + begin * rank);
  });
}

// y[rows, n] += low[rows, rank] b[rank, n]
void Raise(Context& context, size_t rows, size_t n, size_t rank, const float* low, const float* b,
           float* y, size_t y_stride) {
  ForParts(context, rows, n * rank / 4, [&](size_t begin, size_t end) {
    context.training.multiply(false, true, end - begin, n, rank, low + begin * rank, rank, b, n,
                              y + begin * y_stride, y_stride);
  });
}

// c[m, n] += a[rows, m]^T b[rows, n], columns in parts on all threads: each element is one sum over
// the rows in their order.
void AddOuter(Context& context, size_t rows, size_t m, size_t n, const float* a, const float* b,
              size_t b_stride, float* c) {
  constexpr size_t kPart = 256, kAlone = size_t{1} << 17;
  const auto part = [&](size_t begin, size_t count) {
    context.training.multiply(true, true, m, count, rows, a, m, b + begin, b_stride, c + begin, n);
  };
  if (rows * m * n <= kAlone) return part(0, n);
  context.pool.Run(DivideUp(n, kPart), [&](size_t index, unsigned) {
    part(index * kPart, std::min(kPart, n - index * kPart));
  });
}

// to = x with what is dropped out as 0 and the rest scaled up.
void Drop(Context& context, const Dropout& dropout, size_t rows, size_t n, const float* x,
          float* to) {
  ForParts(context, rows, n, [&](size_t begin, size_t end) {
    context.training.drop(dropout, begin * n, (end - begin) * n, x + begin * n, to + begin * n);
  });
}

const float* Dropped(Context& context, const LowRank& term, size_t rows, size_t n, const float* x) {
  if (!term.drops()) return x;
  float* dropped = context.scratch[Context::kDropped].Floats(rows * n);
  Drop(context, term.dropout, rows, n, x, dropped);
  return dropped;
}

}  // namespace

const float* TrainedMatrix::bias() const {
  const std::optional<Linear> plain = weight_->Plain();
  return plain ? plain->bias : nullptr;
}

void TrainedMatrix::Bare(Context& context, const float* x, size_t rows, float* to) const {
  weight_->Multiply(context.pool, context.precision, x, in(), rows, nullptr, to, out());
  const float* own = bias();
  if (own == nullptr) return;
  context.ForRows(rows, out(), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      for (size_t o = 0; o < out(); ++o) to[r * out() + o] -= own[o];
    }
  });
}

void TrainedMatrix::BackwardOfWeight(Context& context, const float* dy, size_t dy_stride,
                                     size_t rows, bool add, float* dx) const {
  float* to = add ? context.scratch[Context::kOwn].Floats(rows * in()) : dx;
  weight_->MultiplyBackward(context.pool, context.precision, dy, dy_stride, rows, nullptr, to,
                            in());
  if (!add) return;
  context.ForRows(rows, in(), [&](size_t begin, size_t end) {
    context.kernels.add(dx + begin * in(), to + begin * in(), (end - begin) * in(),
                        dx + begin * in());
  });
}

void TrainedMatrix::Forward(Context& context, const float* x, size_t rows, const LowRank& term,
                            float* y, size_t y_stride) const {
  weight_->Multiply(context.pool, context.precision, x, in(), rows, nullptr, y, y_stride);
  Complete(context, x, rows, term, y, y_stride);
}

void TrainedMatrix::Complete(Context& context, const float* x, size_t rows, const LowRank& term,
                             float* y, size_t y_stride) const {
  if (term.a == nullptr || rows == 0) return;
  const size_t rank = term.rank;
  float* turned_b = context.scratch[Context::kTurnedB].Floats(rank * out());
  float* low = context.scratch[Context::kLow].Floats(rows * rank);
  Turn(term.b, out(), rank, turned_b);
  const float* from = Dropped(context, term, rows, in(), x);
  Lower(context, rows, in(), rank, term.scale, from, in(), term.a, low);
  if (term.magnitudes == nullptr) {
    return Raise(context, rows, out(), rank, low, turned_b, y, y_stride);
  }
  // y += m / c (d + added) - d with d = drop(x) W^T, which makes y the sum in the header
  float* product = context.scratch[Context::kDirected].Floats(rows * out());
  float* both = context.scratch[Context::kDirectedBack].Floats(rows * out());
  Bare(context, from, rows, product);
  std::memcpy(both, product, rows * out() * sizeof(float));
  Raise(context, rows, out(), rank, low, turned_b, both, out());
  context.ForRows(rows, 4 * out(), [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r) {
      float* row = y + r * y_stride;
      for (size_t o = 0; o < out(); ++o) {
        const size_t at = r * out() + o;
        row[o] += both[at] * (term.magnitudes[o] / term.lengths[o]) - product[at];
      }
    }
  });
}

void TrainedMatrix::Backward(Context& context, const float* x, const float* dy, size_t dy_stride,
                             size_t rows, const LowRank& term, bool add, float* dx) const {
  if (rows == 0) return;
  if (term.a == nullptr) return BackwardOfWeight(context, dy, dy_stride, rows, add, dx);
  const size_t rank = term.rank, n = out();
  float* turned_b = context.scratch[Context::kTurnedB].Floats(rank * n);
  float* low = context.scratch[Context::kLow].Floats(rows * rank);
  float* back = context.scratch[Context::kLowBack].Floats(rows * rank);
  Turn(term.b, n, rank, turned_b);
  const float* from = Dropped(context, term, rows, in(), x);
  Lower(context, rows, in(), rank, term.scale, from, in(), term.a, low);
  // dz: the gradient of what the magnitudes multiply
  const float* dz = dy;
  size_t dz_stride = dy_stride;
  float* rest = nullptr;  // with dropout: dz - dy, what goes the way of the dropped x alone
  if (term.magnitudes != nullptr) {
    float* product = context.scratch[Context::kDirected].Floats(rows * n);
    float* scaled = context.scratch[Context::kDirectedBack].Floats(rows * n);
    Bare(context, from, rows, product);
    Raise(context, rows, n, rank, low, turned_b, product, n);
    context.pool.Run(DivideUp(n, 64), [&](size_t part, unsigned) {
      const size_t begin = part * 64, end = std::min(n, begin + 64);
      double sums[64] = {};
      for (size_t r = 0; r < rows; ++r) {
        for (size_t o = begin; o < end; ++o) {
          const size_t at = r * n + o;
          const float d = dy[r * dy_stride + o];
          sums[o - begin] += static_cast<double>(d * product[at]);
          scaled[at] = d * (term.magnitudes[o] / term.lengths[o]);
          product[at] = scaled[at] - d;
        }
      }
      for (size_t o = begin; o < end; ++o) {
        term.d_magnitudes[o] +=
            static_cast<float>(sums[o - begin] / static_cast<double>(term.lengths[o]));
      }
    });
    dz = scaled;
    dz_stride = n;
    rest = product;
  }
  Lower(context, rows, n, rank, term.scale, dz, dz_stride, turned_b, back);
  AddOuter(context, rows, rank, in(), back, from, in(), term.da);
  float* db = turned_b;
  std::fill(db, db + rank * n, 0.0f);
  AddOuter(context, rows, rank, n, low, dz, dz_stride, db);
  for (size_t o = 0; o < n; ++o) {
    for (size_t j = 0; j < rank; ++j) term.db[o * rank + j] += db[j * n + o];
  }
  if (!term.drops()) {
    BackwardOfWeight(context, dz, dz_stride, rows, add, dx);
    return Raise(context, rows, in(), rank, back, term.a, dx, in());
  }
  // dx = dy W + mask (rest W + back A)
  BackwardOfWeight(context, dy, dy_stride, rows, add, dx);
  float* masked = context.scratch[Context::kDropped].Floats(rows * in());
  if (rest != nullptr) {
    BackwardOfWeight(context, rest, n, rows, false, masked);
  } else {
    std::fill(masked, masked + rows * in(), 0.0f);
  }
  Raise(context, rows, in(), rank, back, term.a, masked, in());
  Drop(context, term.dropout, rows, in(), masked, masked);
  context.ForRows(rows, in(), [&](size_t begin, size_t end) {
    context.kernels.add(dx + begin * in(), masked + begin * in(), (end - begin) * in(),
                        dx + begin * in());
  });
}

void TrainedMatrix::Measure(Context& context, const LowRank& term, const float* squares,
                            float* lengths) const {
  const size_t rank = term.rank;
  std::vector<float> crossed(rank * out()), own(rank * rank);
  Bare(context, term.a, rank, crossed.data());
  for (size_t i = 0; i < rank; ++i) {
    for (size_t j = 0; j < rank; ++j) {
      own[i * rank + j] =
          static_cast<float>(context.training.dot(term.a + i * in(), term.a + j * in(), in()));
    }
  }
  const double s = static_cast<double>(term.scale);
  context.ForRows(out(), 8 * rank * rank, [&](size_t begin, size_t end) {
    for (size_t o = begin; o < end; ++o) {
      const float* b = term.b + o * rank;
      double cross = 0, square = 0;
      for (size_t i = 0; i < rank; ++i) {
        double sum = 0;
        for (size_t j = 0; j < rank; ++j) {
          sum += static_cast<double>(b[j]) * static_cast<double>(own[i * rank + j]);
        }
        square += sum * static_cast<double>(b[i]);
        cross += static_cast<double>(b[i]) * static_cast<double>(crossed[i * out() + o]);
      }
      lengths[o] = static_cast<float>(
          std::sqrt(static_cast<double>(squares[o]) + 2 * s * cross + s * s * square));
    }
  });
}

void ForwardAll(Context& context, std::span<const TrainedProduct> products, const float* x,
                size_t rows) {
  if (products.empty()) return;
  std::vector<SharedProduct> shared;
  for (const TrainedProduct& product : products) {
    shared.push_back({&product.matrix->weight(), product.y, product.y_stride});
  }
  MultiplyAll(context.pool, context.precision, shared, x, products.front().matrix->in(), rows,
              nullptr);
  for (const TrainedProduct& product : products) {
    product.matrix->Complete(context, x, rows, *product.term, product.y, product.y_stride);
  }
}

}  // namespace retemper::nn
