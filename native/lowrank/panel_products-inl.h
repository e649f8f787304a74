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

// Eight columns at a time share what is read of q.
template <size_t kColumns>
inline void ColumnBlock(const float* d, size_t stride, size_t count, const float* q, float* out) {
  Lanes sums[kColumns] = {};
  for (size_t i = 0; i < count; ++i) {
    Lanes x;
    __builtin_memcpy(&x, q + i * kPanel, sizeof(x));
    for (size_t c = 0; c < kColumns; ++c) sums[c] += d[i * stride + c] * x;
  }
  for (size_t c = 0; c < kColumns; ++c) {
    Lanes before;
    __builtin_memcpy(&before, out + c * kPanel, sizeof(before));
    before += sums[c];
    __builtin_memcpy(out + c * kPanel, &before, sizeof(before));
  }
}

void ColumnsTimes(const Dense& d, size_t first, size_t last, const float* q, size_t panels,
                  float* out) {
  for (size_t p = 0; p < panels; ++p) {
    float* to = out + (p * d.cols + first) * kPanel;
    __builtin_memset(to, 0, (last - first) * kPanel * sizeof(float));
  }
  for (size_t i = 0; i < d.rows; i += kChunk) {
    const size_t count = i + kChunk < d.rows ? kChunk : d.rows - i;
    for (size_t p = 0; p < panels; ++p) {
      const float* x = q + (p * d.rows + i) * kPanel;
      size_t column = first;
      for (; column + 8 <= last; column += 8) {
        ColumnBlock<8>(d.data + i * d.cols + column, d.cols, count, x,
                       out + (p * d.cols + column) * kPanel);
      }
      for (; column < last; ++column) {
        ColumnBlock<1>(d.data + i * d.cols + column, d.cols, count, x,
                       out + (p * d.cols + column) * kPanel);
      }
    }
  }
}

double RowsRest(const Dense& d, size_t first, size_t last, const float* left, const float* right,
                size_t rank) {
  double total = 0;
  for (size_t row = first; row < last; ++row) {
    const float* b = left + row * rank;
    size_t j = 0;
    for (; j + kPanel <= d.cols; j += kPanel) {
      Lanes sum = {};
      for (size_t k = 0; k < rank; ++k) {
        Lanes x;
        __builtin_memcpy(&x, right + k * d.cols + j, sizeof(x));
        sum += b[k] * x;
      }
      Lanes value;
      __builtin_memcpy(&value, d.data + row * d.cols + j, sizeof(value));
      value -= sum;
      for (size_t lane = 0; lane < kPanel; ++lane)
        total += static_cast<double>(value[lane]) * value[lane];
    }
    for (; j < d.cols; ++j) {
      float sum = 0;
      for (size_t k = 0; k < rank; ++k) sum += b[k] * right[k * d.cols + j];
      const double rest = d.data[row * d.cols + j] - sum;
      total += rest * rest;
    }
  }
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

constexpr Loops kLoops = {&RowsTimes, &ColumnsTimes, &RowsRest, &RowsByRows};
