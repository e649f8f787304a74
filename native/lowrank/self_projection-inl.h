// The loops of self_projection.cc, compiled once per instruction set: no include guard, no
// includes.

// Eight values, whatever the registers are; operations on them are element by element.
typedef double Wide __attribute__((vector_size(64), aligned(8)));

// By reference: handed over by value, a register that an instruction set lacks changes the ABI.
inline void LoadWide(const double* from, Wide& x) { __builtin_memcpy(&x, from, sizeof(x)); }
inline void StoreWide(double* to, const Wide& x) { __builtin_memcpy(to, &x, sizeof(x)); }

// out[row, group] = sum over j of v[row, j] x[j, group] for rows [first, last); four rows share
// what is read of x.
template <size_t kRows>
inline void SumRows(const float* v, size_t cols, const double* x, size_t groups, double* out) {
  for (size_t g = 0; g < groups; ++g) {
    Wide sums[kRows] = {};
    for (size_t j = 0; j < cols; ++j) {
      Wide q;
      LoadWide(x + (j * groups + g) * kGroup, q);
      for (size_t r = 0; r < kRows; ++r) sums[r] += static_cast<double>(v[r * cols + j]) * q;
    }
    for (size_t r = 0; r < kRows; ++r) StoreWide(out + (r * groups + g) * kGroup, sums[r]);
  }
}

void RowSums(const Dense& v, size_t first, size_t last, const double* x, size_t groups,
             double* out) {
  size_t row = first;
  for (; row + 4 <= last; row += 4)
    SumRows<4>(v.data + row * v.cols, v.cols, x, groups, out + row * groups * kGroup);
  for (; row < last; ++row)
    SumRows<1>(v.data + row * v.cols, v.cols, x, groups, out + row * groups * kGroup);
}

// out[column, group] = sum over i of v[i, column] x[i, group] for columns [first, last).
template <size_t kColumns>
inline void SumColumns(const float* v, size_t rows, size_t cols, const double* x, size_t groups,
                       double* out) {
  for (size_t g = 0; g < groups; ++g) {
    Wide sums[kColumns] = {};
    for (size_t i = 0; i < rows; ++i) {
      Wide q;
      LoadWide(x + (i * groups + g) * kGroup, q);
      for (size_t c = 0; c < kColumns; ++c) sums[c] += static_cast<double>(v[i * cols + c]) * q;
    }
    for (size_t c = 0; c < kColumns; ++c) StoreWide(out + (c * groups + g) * kGroup, sums[c]);
  }
}

void ColumnSums(const Dense& v, size_t first, size_t last, const double* x, size_t groups,
                double* out) {
  size_t column = first;
  for (; column + 4 <= last; column += 4)
    SumColumns<4>(v.data + column, v.rows, v.cols, x, groups, out + column * groups * kGroup);
  for (; column < last; ++column)
    SumColumns<1>(v.data + column, v.rows, v.cols, x, groups, out + column * groups * kGroup);
}

// The sum of the squares of rows [first, last), in eight lanes that are added at the end.
double SquareSum(const Dense& v, size_t first, size_t last) {
  double lanes[kGroup] = {};
  const float* from = v.data + first * v.cols;
  const size_t count = (last - first) * v.cols;
  size_t i = 0;
  for (; i + kGroup <= count; i += kGroup)
    for (size_t l = 0; l < kGroup; ++l)
      lanes[l] += static_cast<double>(from[i + l]) * static_cast<double>(from[i + l]);
  for (size_t l = 0; i + l < count; ++l)
    lanes[l] += static_cast<double>(from[i + l]) * static_cast<double>(from[i + l]);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

constexpr Loops kLoops = {&RowSums, &ColumnSums, &SquareSum};
