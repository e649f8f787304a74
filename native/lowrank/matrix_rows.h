// A large matrix as methods go through it: in memory, or made a few rows at a time, so that it lies
// nowhere as a whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/large_pages.h"
#include "lowrank/panel_products.h"
#include "nn/pool.h"

namespace retemper::lowrank {

struct MatrixRows {
  // `make(first, count, to)` writes elements [first, first + count), row after row, to `to`; it is
  // called by any number of threads at once.
  using Make = std::function<void(size_t first, size_t count, float* to)>;
  MatrixRows(size_t rows_, size_t cols_, Make make_)
      : rows(rows_), cols(cols_), make(std::move(make_)) {}
  // One that lies in memory.
  MatrixRows(const Dense& d) : rows(d.rows), cols(d.cols), data(d.data) {}

  size_t rows, cols;
  const float* data = nullptr;
  Make make;  // where there is no `data`

  // Rows [first, first + count) where they are, or in `buffer`.
  const float* Rows(size_t first, size_t count, std::vector<float>& buffer) const {
    if (data != nullptr) return data + first * cols;
    buffer.resize(count * cols);
    make(first * cols, count * cols, buffer.data());
    return buffer.data();
  }
  // Rows [first, first + count) into `to`, by all threads.
  void Fill(size_t first, size_t count, float* to, nn::Pool& pool) const {
    EachPiece(count, pool, [&](size_t begin, size_t some) {
      Copy((first + begin) * cols, some * cols, to + begin * cols);
    });
  }
  // Columns [first, first + count) into `to` [rows, count], by all threads.
  void FillColumns(size_t first, size_t count, float* to, nn::Pool& pool) const {
    EachPiece(rows, pool, [&](size_t begin, size_t some) {
      for (size_t row = begin; row < begin + some; ++row)
        Copy(row * cols + first, count, to + row * count);
    });
  }

 private:
  void Copy(size_t first, size_t count, float* to) const {
    if (data != nullptr) {
      std::copy_n(data + first, count, to);
    } else {
      make(first, count, to);
    }
  }
  // body(first row, rows) for 16 rows at a time.
  template <class Body>
  static void EachPiece(size_t count, nn::Pool& pool, Body body) {
    constexpr size_t kRows = 16;
    pool.Run((count + kRows - 1) / kRows, [&](size_t piece, unsigned) {
      body(piece * kRows, std::min(kRows, count - piece * kRows));
    });
  }
};

// The values of a matrix in memory: where they lie, or made.
class HeldMatrix {
 public:
  HeldMatrix(const MatrixRows& d, nn::Pool& pool) : view_{d.data, d.rows, d.cols} {
    if (d.data != nullptr) return;
    values_ = AllocateLargePages(d.rows * d.cols * sizeof(float));
    auto* const values = reinterpret_cast<float*>(values_.get());
    d.Fill(0, d.rows, values, pool);
    view_.data = values;
  }
  const Dense& View() const { return view_; }

 private:
  LargePages values_;
  Dense view_;
};

}  // namespace retemper::lowrank
