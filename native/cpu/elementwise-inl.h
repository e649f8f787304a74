// Loops that compute each element from those at its place. No include guard, part of loops-inl.h,
// once per instruction set.

template <class T>
void Scaled(T w, const T* __restrict x, T* __restrict out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = w * x[i];
}
template <class T>
void AddScaled(T w, const T* __restrict x, T* __restrict out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = out[i] + w * x[i];
}
template <class T>
void Divide(T divisor, T* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] / divisor;
}
template <class T>
void Scale(T factor, T* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] * factor;
}
template <class T>
void Subtract(const T* x, const T* y, T* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = x[i] - y[i];
}
template <class T>
void Add(const T* __restrict x, T* __restrict out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = out[i] + x[i];
}
template <class T>
void Multiply(const T* __restrict x, T* __restrict out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = out[i] * x[i];
}
template <class T>
void MultiplyAdd(const T* __restrict w, const T* __restrict x, T* __restrict out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = out[i] + w[i] * x[i];
}
template <class T>
void NearswapTile(T t, const T* __restrict a, const T* __restrict b, T* __restrict out, size_t n) {
  const ops::Nearswap<T> op{t};
  for (size_t i = 0; i < n; ++i) out[i] = op(a[i], b[i]);
}
template <class T>
void DivideBy(const T* __restrict weight, T* __restrict x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] / (weight[i] == T(0) ? T(1) : weight[i]);
}
template <class T>
void DivideByClamped(const T* __restrict weight, T least, T* __restrict x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] / (weight[i] > least ? weight[i] : least);
}
template <class T>
void ActivityTile(T epsilon, const T* __restrict d, T* __restrict count, T* __restrict sum,
                  size_t n) {
  const ops::Activity<T> active{epsilon};
  for (size_t i = 0; i < n; ++i) {
    const bool is = active(d[i]);
    count[i] = count[i] + (is ? T(1) : T(0));
    sum[i] = sum[i] + (is ? d[i] : T(0));
  }
}
template <class T>
void SquaredFrom(const T* __restrict x, const T* __restrict mean, T* __restrict out, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const T d = x[i] - mean[i];
    out[i] = out[i] + d * d;
  }
}
template <class T>
void CountUnique(T epsilon, const T* __restrict d, const T* __restrict count, size_t n,
                 uint64_t* sums) {
  const ops::Activity<T> active{epsilon};
  uint32_t unique = 0, all = 0;
  for (size_t i = 0; i < n; ++i) {
    unique += static_cast<uint32_t>(active(d[i]) & (count[i] == T(1)));
    all += static_cast<uint32_t>(active(d[i]));
  }
  sums[0] += unique;
  sums[1] += all - unique;
}
template <class T>
void ScaleUnique(T epsilon, T factor, const T* __restrict d, const T* __restrict count,
                 T* __restrict x, size_t n) {
  const ops::Activity<T> active{epsilon};
  for (size_t i = 0; i < n; ++i) x[i] = (active(d[i]) & (count[i] == T(1))) ? x[i] * factor : x[i];
}
template <class T>
void Exponentials(const T* __restrict x, T shift, size_t n, double* __restrict out) {
  for (size_t i = 0; i < n; ++i)
    out[i] = exact::Exp(static_cast<double>(x[i]) - static_cast<double>(shift));
}
