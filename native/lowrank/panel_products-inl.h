// The loops of panel_products.cc, compiled once per instruction set: no include guard, no includes.

// 16 values, whatever the registers are; operations on them are element by element.
typedef float Lanes __attribute__((vector_size(64), aligned(4)));

// Eight rows at a time share what is read of q.
template <size_t kRows>
inline void RowBlock(const float* d, size_t stride, size_t count, const float* q, float* out,
                     size_t out_stride) {
  Lanes sums[kRows] = {};
  for (size_t j = 0; j < count; ++j) {
    Lanes x;
    __builtin_memcpy(&x, q + j * kPanel, sizeof(x));
    for (size_t r = 0; r < kRows; ++r) sums[r] += d[r * stride + j] * x;
  }
  for (size_t r = 0; r < kRows; ++r) {
    Lanes before;
    __builtin_memcpy(&before, out + r * out_stride, sizeof(before));
    before += sums[r];
    __builtin_memcpy(out + r * out_stride, &before, sizeof(before));
  }
}

void RowsTimes(const Dense& d, size_t first, size_t last, const float* q, size_t panels,
               float* out) {
  for (size_t p = 0; p < panels; ++p) {
    float* to = out + (p * d.rows + first) * kPanel;
    __builtin_memset(to, 0, (last - first) * kPanel * sizeof(float));
  }
  for (size_t j = 0; j < d.cols; j += kChunk) {
    const size_t count = j + kChunk < d.cols ? kChunk : d.cols - j;
    for (size_t p = 0; p < panels; ++p) {
      const float* x = q + (p * d.cols + j) * kPanel;
      size_t row = first;
      for (; row + 8 <= last; row += 8) {
        RowBlock<8>(d.data + row * d.cols + j, d.cols, count, x, out + (p * d.rows + row) * kPanel,
                    kPanel);
      }
      for (; row < last; ++row) {
        RowBlock<1>(d.data + row * d.cols + j, d.cols, count, x, out + (p * d.rows + row) * kPanel,
                    kPanel);
      }
    }
  }
}

// Eight columns at a time share what is read of q. Their values lie in rows of eight.
template <size_t kColumns>
inline void ColumnBlock(const float* d, size_t count, const float* q, float* out) {
  Lanes sums[kColumns] = {};
  for (size_t i = 0; i < count; ++i) {
    Lanes x;
    __builtin_memcpy(&x, q + i * kPanel, sizeof(x));
    for (size_t c = 0; c < kColumns; ++c) sums[c] += d[i * 8 + c] * x;
  }
  for (size_t c = 0; c < kColumns; ++c) {
    Lanes before;
    __builtin_memcpy(&before, out + c * kPanel, sizeof(before));
    before += sums[c];
    __builtin_memcpy(out + c * kPanel, &before, sizeof(before));
  }
}

// Two columns of eight rows of d, whose values of q are in registers.
template <size_t kRows, size_t kColumns>
inline void AddRows(const float* d, size_t stride, const Lanes* x, float* sums) {
  Lanes own[kColumns];
  for (size_t c = 0; c < kColumns; ++c) __builtin_memcpy(&own[c], sums + c * kPanel, sizeof(Lanes));
  for (size_t r = 0; r < kRows; ++r)
    for (size_t c = 0; c < kColumns; ++c) own[c] += d[r * stride + c] * x[r];
  for (size_t c = 0; c < kColumns; ++c) __builtin_memcpy(sums + c * kPanel, &own[c], sizeof(Lanes));
}

// ColumnsTimes of one panel, row after row as they lie: the same sums. `work` has room for those of
// a chunk.
template <size_t kRows>
inline void AddRowsOf(const float* d, size_t stride, size_t columns, const float* q, float* sums) {
  Lanes x[kRows];
  __builtin_memcpy(x, q, sizeof(x));
  size_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    if (c % 16 == 0)
      for (size_t r = 0; r < kRows; ++r) __builtin_prefetch(d + (kRows + r) * stride + c);
    AddRows<kRows, 4>(d + c, stride, x, sums + c * kPanel);
  }
  for (; c < columns; ++c) AddRows<kRows, 1>(d + c, stride, x, sums + c * kPanel);
}

void ColumnsTimesThin(const Dense& d, size_t first, size_t last, const float* q, float* out,
                      float* work) {
  const size_t columns = last - first;
  for (size_t i = 0; i < d.rows; i += kChunk) {
    const size_t end = i + kChunk < d.rows ? i + kChunk : d.rows;
    __builtin_memset(work, 0, columns * kPanel * sizeof(float));
    size_t row = i;
    for (; row + 8 <= end; row += 8)
      AddRowsOf<8>(d.data + row * d.cols + first, d.cols, columns, q + row * kPanel, work);
    for (; row < end; ++row)
      AddRowsOf<1>(d.data + row * d.cols + first, d.cols, columns, q + row * kPanel, work);
    for (size_t k = 0; k < columns * kPanel; ++k) out[first * kPanel + k] += work[k];
  }
}

// Adds to out. At most kTask columns; `work` has room for a chunk of rows of them: rows of a matrix
// whose sides are powers of two lie in the same few places of a cache.
void ColumnsTimes(const Dense& d, size_t first, size_t last, const float* q, size_t panels,
                  float* out, float* work) {
  const size_t whole = (last - first) / 8 * 8;
  for (size_t i = 0; i < d.rows; i += kChunk) {
    const size_t count = i + kChunk < d.rows ? kChunk : d.rows - i;
    for (size_t row = 0; row < count; ++row) {
      const float* from = d.data + (i + row) * d.cols + first;
      // Each row lies in a page of its own, which no processor foresees.
      if (row + 16 < count)
        for (size_t c = 0; c < last - first; c += 16) __builtin_prefetch(from + 16 * d.cols + c);
      for (size_t c = 0; c < whole; c += 8)
        __builtin_memcpy(work + c * kChunk + row * 8, from + c, 8 * sizeof(float));
      for (size_t c = whole; c < last - first; ++c)
        work[whole * kChunk + row * 8 + c - whole] = from[c];
    }
    for (size_t p = 0; p < panels; ++p) {
      const float* x = q + (p * d.rows + i) * kPanel;
      float* to = out + (p * d.cols + first) * kPanel;
      for (size_t c = 0; c < whole; c += 8)
        ColumnBlock<8>(work + c * kChunk, count, x, to + c * kPanel);
      for (size_t c = whole; c < last - first; ++c)
        ColumnBlock<1>(work + whole * kChunk + c - whole, count, x, to + c * kPanel);
    }
  }
}

// Adds the squares of 16 columns of the rest of `kRows` rows to lanes: rows share what is read of
// the right factor.
template <size_t kRows>
inline void AddRest(const float* d, size_t stride, const float* left, const float* right,
                    size_t rank, double* lanes) {
  Lanes sums[kRows] = {};
  for (size_t k = 0; k < rank; ++k) {
    Lanes x;
    __builtin_memcpy(&x, right + k * stride, sizeof(x));
    for (size_t r = 0; r < kRows; ++r) sums[r] += left[r * rank + k] * x;
  }
  for (size_t r = 0; r < kRows; ++r) {
    Lanes value;
    __builtin_memcpy(&value, d + r * stride, sizeof(value));
    value -= sums[r];
    float rest[kPanel];
    __builtin_memcpy(rest, &value, sizeof(rest));
    for (size_t lane = 0; lane < kPanel; ++lane)
      lanes[lane] += static_cast<double>(rest[lane]) * static_cast<double>(rest[lane]);
  }
}

double RowsRest(const Dense& d, size_t first, size_t last, const float* left, const float* right,
                size_t rank) {
  double lanes[kPanel] = {}, total = 0;
  const size_t whole = d.cols / kPanel * kPanel;
  size_t row = first;
  for (; row + 4 <= last; row += 4)
    for (size_t j = 0; j < whole; j += kPanel)
      AddRest<4>(d.data + row * d.cols + j, d.cols, left + row * rank, right + j, rank, lanes);
  for (; row < last; ++row)
    for (size_t j = 0; j < whole; j += kPanel)
      AddRest<1>(d.data + row * d.cols + j, d.cols, left + row * rank, right + j, rank, lanes);
  for (row = first; row < last; ++row) {
    for (size_t j = whole; j < d.cols; ++j) {
      float sum = 0;
      for (size_t k = 0; k < rank; ++k) sum += left[row * rank + k] * right[k * d.cols + j];
      const double rest = d.data[row * d.cols + j] - sum;
      total += rest * rest;
    }
  }
  for (const double lane : lanes) total += lane;
  return total;
}

// Eight of them.
typedef double DoubleLanes __attribute__((vector_size(64), aligned(8)));

template <size_t kRows>
inline void DoubleBlock(const double* d, size_t stride, size_t count, const double* q, double* out,
                        size_t out_stride) {
  DoubleLanes sums[kRows] = {};
  for (size_t j = 0; j < count; ++j) {
    DoubleLanes x;
    __builtin_memcpy(&x, q + j * kDoublePanel, sizeof(x));
    for (size_t r = 0; r < kRows; ++r) sums[r] += d[r * stride + j] * x;
  }
  for (size_t r = 0; r < kRows; ++r) {
    DoubleLanes before;
    __builtin_memcpy(&before, out + r * out_stride, sizeof(before));
    before += sums[r];
    __builtin_memcpy(out + r * out_stride, &before, sizeof(before));
  }
}

// Rows [first, last) of d, at most kTask, against the rows of d in q; `work` has room for a chunk.
void RowsByRows(const Dense& d, size_t first, size_t last, const double* q, size_t panels,
                double* out, size_t stride, double* work) {
  for (size_t row = first; row < last; ++row)
    __builtin_memset(out + row * stride, 0, panels * kDoublePanel * sizeof(double));
  for (size_t j = 0; j < d.cols; j += kChunk) {
    const size_t count = j + kChunk < d.cols ? kChunk : d.cols - j;
    for (size_t row = first; row < last; ++row) {
      const float* from = d.data + row * d.cols + j;
      double* to = work + (row - first) * kChunk;
      for (size_t i = 0; i < count; ++i) to[i] = from[i];
    }
    for (size_t p = 0; p < panels; ++p) {
      const double* x = q + (p * d.cols + j) * kDoublePanel;
      size_t row = first;
      for (; row + 8 <= last; row += 8) {
        DoubleBlock<8>(work + (row - first) * kChunk, kChunk, count, x,
                       out + row * stride + p * kDoublePanel, stride);
      }
      for (; row < last; ++row) {
        DoubleBlock<1>(work + (row - first) * kChunk, kChunk, count, x,
                       out + row * stride + p * kDoublePanel, stride);
      }
    }
  }
}

constexpr Loops kLoops = {&RowsTimes, &ColumnsTimes, &ColumnsTimesThin, &RowsRest, &RowsByRows};
