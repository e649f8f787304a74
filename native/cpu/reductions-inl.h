// Sums in double precision, in lanes whose order no target changes. No include guard, part of
// loops-inl.h, once per instruction set.

// `term(i)` is added to lane i % kLanes.
template <class Term>
inline void SumLanes(size_t n, double* __restrict lanes, Term term) {
  double local[kLanes];
  for (size_t l = 0; l < kLanes; ++l) local[l] = lanes[l];
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) local[l] = local[l] + term(i + l);
  }
  for (size_t l = 0; i + l < n; ++l) local[l] = local[l] + term(i + l);
  for (size_t l = 0; l < kLanes; ++l) lanes[l] = local[l];
}
template <class T>
void Dot(const T* x, const T* y, size_t n, double* lanes) {
  SumLanes(n, lanes,
           [x, y](size_t i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); });
}
template <class T>
void AbsoluteSum(const T* x, size_t n, double* lanes) {
  SumLanes(n, lanes, [x](size_t i) { return __builtin_fabs(static_cast<double>(x[i])); });
}
template <class T>
void SquaredDistance(const T* x, const T* y, size_t n, double* lanes) {
  SumLanes(n, lanes, [x, y](size_t i) {
    const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    return d * d;
  });
}
