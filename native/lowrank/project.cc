#include "lowrank/project.h"

#include <algorithm>
#include <cmath>

#include "core/divide_up.h"
#include "core/status.h"
#include "lowrank/panel_packing.h"

namespace retemper::lowrank {

namespace {

// Columns of a square that are computed at a time: what is above the diagonal is left out but for
// the half of each one's own rows.
constexpr size_t kSquareBand = 256;

// V V^T, [rows, rows].
std::vector<float> SquareOfRows(const Dense& v, nn::Pool& pool, const std::function<void()>& next) {
  std::vector<float> square(v.rows * v.rows), packed, product;
  for (size_t first = 0; first < v.rows; first += kSquareBand) {
    next();
    // Both halves have the same values: a band's rows are those from its first column on.
    const size_t count = std::min(kSquareBand, v.rows - first);
    const Dense rest = {v.data + first * v.cols, v.rows - first, v.cols};
    PackRows(v, first, count, packed, pool);
    product.resize(Panels(count) * rest.rows * kPanel);
    Times(rest, packed.data(), count, product.data(), pool);
    Unpacked(product, rest.rows, count, pool,
             [&](size_t row, size_t column, const float* values, size_t some) {
               std::copy_n(values, some, &square[(first + row) * v.rows + first + column]);
             });
  }
  pool.Run(DivideUp(v.rows, kSquareBand), [&](size_t band, unsigned) {
    const size_t end = std::min(v.rows, (band + 1) * kSquareBand);
    for (size_t row = band * kSquareBand; row < end; ++row)
      for (size_t column = end; column < v.rows; ++column)
        square[row * v.rows + column] = square[column * v.rows + row];
  });
  return square;
}

double Finite(double square, const char* what) {
  if (!std::isfinite(square))
    throw Fault(code::kBadInput, std::string(what) + " has NaN or infinite values");
  return square;
}

}  // namespace

Projected Project(const MatrixRows& change, const MatrixRows& d, nn::Pool& pool,
                  const std::atomic<bool>& cancelled,
                  const std::function<void(size_t, size_t)>& report) {
  if (change.rows != d.rows) throw Fault(code::kUsage, "both changes must have as many rows");
  const bool tall = change.rows > change.cols;
  const size_t bands = DivideUp(d.cols, kBand) + (tall ? 0 : DivideUp(change.rows, kSquareBand));
  size_t done = 0;
  const auto next = [&] {
    if (cancelled.load(std::memory_order_relaxed))
      throw Fault(code::kCancelled, "the product was cancelled");
    report(done++, bands);
  };
  Projected made;
  std::vector<float> square;
  const HeldMatrix held(change, pool);
  const Dense& v = held.View();
  made.norm = std::sqrt(Finite(SquaredRest(v, nullptr, nullptr, 0, pool), "the aligning change"));
  made.values.assign(d.rows * d.cols, 0.0f);
  Dense outer = v;
  if (!tall && made.norm > 0) {
    square = SquareOfRows(v, pool, next);
    outer = {square.data(), v.rows, v.rows};
  }
  std::vector<float> own(d.rows * std::min(kBand, d.cols)), packed, inner, product;
  std::vector<double> squares, dots;
  for (size_t first = 0; first < d.cols; first += kBand) {
    next();
    const size_t count = std::min(kBand, d.cols - first);
    d.FillColumns(first, count, own.data(), pool);
    const Dense band = {own.data(), d.rows, count};
    made.square += Finite(SquaredRest(band, nullptr, nullptr, 0, pool), "the change");
    if (made.norm == 0) continue;
    PackColumns(band, 0, count, packed, pool);
    if (tall) {
      inner.resize(Panels(count) * v.cols * kPanel);
      TransposedTimes(v, packed.data(), count, inner.data(), pool);
      packed.swap(inner);
    }
    product.resize(Panels(count) * d.rows * kPanel);
    Times(outer, packed.data(), count, product.data(), pool);
    squares.assign(d.rows, 0.0);
    dots.assign(d.rows, 0.0);
    Unpacked(product, d.rows, count, pool,
             [&](size_t row, size_t column, const float* values, size_t some) {
               float* to = &made.values[row * d.cols + first + column];
               const float* before = &own[row * count + column];
               for (size_t i = 0; i < some; ++i) {
                 const double value = values[i] / made.norm;
                 to[i] = static_cast<float>(value);
                 squares[row] += value * value;
                 dots[row] += value * before[i];
               }
             });
    for (const double one : squares) made.projected += one;
    for (const double one : dots) made.dot += one;
  }
  report(bands, bands);
  return made;
}

}  // namespace retemper::lowrank
