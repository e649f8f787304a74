// The loops of eigen_loops.cc, compiled once per instruction set: no include guard, no includes.
// Each value is computed in one order, so that wider registers change no bit.

// Eight values, whatever the registers are; operations on them are element by element.
typedef double Eight __attribute__((vector_size(64), aligned(8)));
constexpr size_t kEight = 8;

inline void Load(const double* from, Eight& x) { __builtin_memcpy(&x, from, sizeof(x)); }
inline void Store(double* to, const Eight& x) { __builtin_memcpy(to, &x, sizeof(x)); }
inline double Sum(const Eight& x) {
  double sum = 0;
  for (size_t lane = 0; lane < kEight; ++lane) sum += x[lane];
  return sum;
}

double Dot(const double* x, const double* y, size_t count) {
  constexpr size_t kChains = 4;
  Eight sums[kChains] = {};
  size_t i = 0;
  for (; i + kChains * kEight <= count; i += kChains * kEight) {
    for (size_t c = 0; c < kChains; ++c) {
      Eight a, b;
      Load(x + i + c * kEight, a);
      Load(y + i + c * kEight, b);
      sums[c] += a * b;
    }
  }
  double sum = Sum(sums[0] + sums[1] + (sums[2] + sums[3]));
  for (; i < count; ++i) sum += x[i] * y[i];
  return sum;
}

// Rows share what is read of x and of p.
template <size_t kRows>
inline void AddUpperRows(const double* a, size_t stride, size_t cols, const double* x, double* p) {
  double own[kRows] = {};
  for (size_t r = 0; r < kRows; ++r) {
    own[r] += a[r * stride + r] * x[r];
    for (size_t c = r + 1; c < kRows; ++c) {
      own[r] += a[r * stride + c] * x[c];
      own[c] += a[r * stride + c] * x[r];
    }
  }
  Eight sums[kRows] = {};
  size_t c = kRows;
  for (; c + kEight <= cols; c += kEight) {
    Eight y, mirrored;
    Load(x + c, y);
    Load(p + c, mirrored);
    for (size_t r = 0; r < kRows; ++r) {
      Eight value;
      Load(a + r * stride + c, value);
      sums[r] += value * y;
      mirrored += value * x[r];
    }
    Store(p + c, mirrored);
  }
  for (; c < cols; ++c) {
    for (size_t r = 0; r < kRows; ++r) {
      own[r] += a[r * stride + c] * x[c];
      p[c] += a[r * stride + c] * x[r];
    }
  }
  for (size_t r = 0; r < kRows; ++r) p[r] += own[r] + Sum(sums[r]);
}

void AddUpper(const double* a, size_t stride, size_t rows, size_t cols, const double* x,
              double* p) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) AddUpperRows<4>(a + r * stride + r, stride, cols - r, x + r, p + r);
  for (; r < rows; ++r) AddUpperRows<1>(a + r * stride + r, stride, cols - r, x + r, p + r);
}

template <size_t kRows, size_t kGroups>
inline void TakePairsOf(double* rows, size_t stride, const double* v, const double* w,
                        const Pairs& pairs, const Pairs& by, size_t first) {
  Eight values[kRows][kGroups];
  for (size_t r = 0; r < kRows; ++r)
    for (size_t g = 0; g < kGroups; ++g) Load(rows + r * stride + g * kEight, values[r][g]);
  for (size_t q = 0; q < pairs.count; ++q) {
    for (size_t g = 0; g < kGroups; ++g) {
      Eight x, y;
      Load(v + q * pairs.stride + g * kEight, x);
      Load(w + q * pairs.stride + g * kEight, y);
      for (size_t r = 0; r < kRows; ++r) {
        values[r][g] -= by.v[q * by.stride + first + r] * y + by.w[q * by.stride + first + r] * x;
      }
    }
  }
  for (size_t r = 0; r < kRows; ++r)
    for (size_t g = 0; g < kGroups; ++g) Store(rows + r * stride + g * kEight, values[r][g]);
}

template <size_t kRows>
inline void TakePairsOfRows(double* rows, size_t stride, size_t cols, const Pairs& pairs,
                            const Pairs& by, size_t first) {
  size_t j = 0;
  for (; j + 2 * kEight <= cols; j += 2 * kEight)
    TakePairsOf<kRows, 2>(rows + j, stride, pairs.v + j, pairs.w + j, pairs, by, first);
  for (; j < cols; ++j) {
    for (size_t r = 0; r < kRows; ++r) {
      double value = rows[r * stride + j];
      for (size_t q = 0; q < pairs.count; ++q) {
        value -= by.v[q * by.stride + first + r] * pairs.w[q * pairs.stride + j] +
                 by.w[q * by.stride + first + r] * pairs.v[q * pairs.stride + j];
      }
      rows[r * stride + j] = value;
    }
  }
}

void TakePairs(double* rows, size_t stride, size_t count, size_t cols, const Pairs& pairs,
               const Pairs& by) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) TakePairsOfRows<4>(rows + r * stride, stride, cols, pairs, by, r);
  for (; r < count; ++r) TakePairsOfRows<1>(rows + r * stride, stride, cols, pairs, by, r);
}

void ReflectBand(double* band, const double* v, size_t count) {
  constexpr size_t kGroups = kBandColumns / kEight, kChains = 4;
  Eight sums[kChains][kGroups] = {};
  size_t i = 0;
  for (; i + kChains <= count; i += kChains) {
    for (size_t c = 0; c < kChains; ++c) {
      for (size_t g = 0; g < kGroups; ++g) {
        Eight x;
        Load(band + (i + c) * kBandColumns + g * kEight, x);
        sums[c][g] += v[i + c] * x;
      }
    }
  }
  for (; i < count; ++i) {
    for (size_t g = 0; g < kGroups; ++g) {
      Eight x;
      Load(band + i * kBandColumns + g * kEight, x);
      sums[0][g] += v[i] * x;
    }
  }
  Eight twice[kGroups];
  for (size_t g = 0; g < kGroups; ++g)
    twice[g] = 2 * (sums[0][g] + sums[1][g] + (sums[2][g] + sums[3][g]));
  for (i = 0; i < count; ++i) {
    for (size_t g = 0; g < kGroups; ++g) {
      Eight x;
      Load(band + i * kBandColumns + g * kEight, x);
      x -= v[i] * twice[g];
      Store(band + i * kBandColumns + g * kEight, x);
    }
  }
}

constexpr EigenLoops kLoops = {&AddUpper, &TakePairs, &Dot, &ReflectBand};
