// Weighted sums that are rounded and stored at once, and low-rank products. Part of loops-inl.h,
// whose functions it uses, once per instruction set.

template <class T>
uint64_t StorePiece(const WeightedSum<T>& sum, size_t first, size_t n, Dtype dtype, uint8_t* to) {
  T piece[kPiece];
  const T* x = sum.vectors[0] + first;
  if (sum.count == 2) {
    const T a = sum.coefficients[0], b = sum.coefficients[1];
    const T* y = sum.vectors[1] + first;
    for (size_t i = 0; i < n; ++i) piece[i] = a * x[i] + b * y[i];
  } else {
    Scaled(sum.coefficients[0], x, piece, n);
    for (size_t k = 1; k < sum.count; ++k)
      AddScaled(sum.coefficients[k], sum.vectors[k] + first, piece, n);
  }
  if (sum.divides) Divide(sum.divisor, piece, n);
  if (sum.base != nullptr) Add(sum.base + first, piece, n);
  return Store(piece, n, dtype, to);
}

#if RETEMPER_LANES == 16
// Stores whole pieces of 32 sums as bfloat16 and says whether all of them are finite, before and
// after rounding; where one is not, what is stored is not to be used.
inline bool StoreFiniteBf16(const WeightedSum<float>& sum, size_t first, size_t n, uint8_t* to) {
  const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7fff);
  const __m512i in_order = _mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0);
  const __m512 divisor = _mm512_set1_ps(sum.divisor);
  __m512i largest = _mm512_setzero_si512();
  const auto rounded = [&](size_t i) __attribute__((always_inline)) {
    __m512 x =
        _mm512_mul_ps(_mm512_set1_ps(sum.coefficients[0]), _mm512_loadu_ps(sum.vectors[0] + i));
    for (size_t k = 1; k < sum.count; ++k) {
      x = _mm512_add_ps(x, _mm512_mul_ps(_mm512_set1_ps(sum.coefficients[k]),
                                         _mm512_loadu_ps(sum.vectors[k] + i)));
    }
    if (sum.divides) x = _mm512_div_ps(x, divisor);
    if (sum.base != nullptr) x = _mm512_add_ps(x, _mm512_loadu_ps(sum.base + i));
    const __m512i bits = _mm512_castps_si512(x);
    largest = _mm512_max_epu32(largest, _mm512_slli_epi32(bits, 1));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    return _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, half), odd), 16);
  };
  for (size_t i = 0; i < n; i += 32) {
    const __m512i low = rounded(first + i), high = rounded(first + i + 16);
    _mm512_storeu_si512(to + 2 * i,
                        _mm512_permutexvar_epi64(in_order, _mm512_packus_epi32(low, high)));
  }
  // From here on, a value rounds to infinity, or is infinite, or no number.
  constexpr uint32_t kInfinite = 0x7f7f8000u << 1;
  return _mm512_reduce_max_epu32(largest) < kInfinite;
}
#endif

template <class T>
uint64_t StoreSum(const WeightedSum<T>& sum, size_t n, Dtype dtype, uint8_t* to) {
  uint64_t bad = 0;
  for (size_t i = 0; i < n; i += kPiece) {
    const size_t length = n - i < kPiece ? n - i : kPiece;
    uint8_t* at = to + i * SizeOf(dtype);
#if RETEMPER_LANES == 16
    if constexpr (sizeof(T) == 4) {
      if (dtype == Dtype::kBF16 && length % 32 == 0 && StoreFiniteBf16(sum, i, length, at))
        continue;
    }
#endif
    bad += StorePiece(sum, i, length, dtype, at);
  }
  return bad;
}

#if RETEMPER_LANES > 0
// kRows rows of a product: their sums stay in registers over a strip.
template <size_t kRows, bool kFused>
inline void LowRankRows(const LowRankProduct<float>& product, size_t row, float* out) {
  using Lanes = float __attribute__((vector_size(4 * RETEMPER_LANES), aligned(4)));
  constexpr size_t kVectors = kProductStrip / RETEMPER_LANES;
  const float* left = product.left + row * product.rank;
  const float* right = product.right;
  for (size_t strip = 0; strip < product.strips; ++strip) {
    Lanes sums[kRows][kVectors] = {};
    for (size_t k = 0; k < product.rank; ++k, right += kProductStrip) {
      for (size_t v = 0; v < kVectors; ++v) {
        const Lanes x = *reinterpret_cast<const Lanes*>(right + v * RETEMPER_LANES);
        for (size_t r = 0; r < kRows; ++r) {
          const float w = left[r * product.rank + k];
#if RETEMPER_LANES == 16
          if constexpr (kFused) {
            sums[r][v] = _mm512_fmadd_ps(_mm512_set1_ps(w), x, sums[r][v]);
            continue;
          }
#elif RETEMPER_LANES == 4
          if constexpr (kFused) {
            sums[r][v] = vfmaq_n_f32(sums[r][v], x, w);
            continue;
          }
#endif
          sums[r][v] = sums[r][v] + w * x;
        }
      }
    }
    for (size_t r = 0; r < kRows; ++r) {
      float* to = out + (row + r) * product.out_stride + strip * kProductStrip;
      for (size_t v = 0; v < kVectors; ++v)
        *reinterpret_cast<Lanes*>(to + v * RETEMPER_LANES) = sums[r][v];
    }
  }
}
template <bool kFused>
inline void LowRankOfFloats(const LowRankProduct<float>& product, float* out) {
  constexpr size_t kMost = RETEMPER_LANES == 16 ? 8 : 2;
  size_t row = 0;
  for (; row + kMost <= product.rows; row += kMost) LowRankRows<kMost, kFused>(product, row, out);
  for (; row < product.rows; ++row) LowRankRows<1, kFused>(product, row, out);
}
#endif

template <class T>
void LowRank(const LowRankProduct<T>& product, T* out) {
#if RETEMPER_LANES > 0
  if constexpr (sizeof(T) == 4) {
    return product.exact_products ? LowRankOfFloats<true>(product, out)
                                  : LowRankOfFloats<false>(product, out);
  }
#endif
  for (size_t row = 0; row < product.rows; ++row) {
    const T* right = product.right;
    for (size_t strip = 0; strip < product.strips; ++strip) {
      T sums[kProductStrip] = {};
      for (size_t k = 0; k < product.rank; ++k, right += kProductStrip) {
        const T w = product.left[row * product.rank + k];
        for (size_t c = 0; c < kProductStrip; ++c) sums[c] = sums[c] + w * right[c];
      }
      for (size_t c = 0; c < kProductStrip; ++c)
        out[row * product.out_stride + strip * kProductStrip + c] = sums[c];
    }
  }
}
