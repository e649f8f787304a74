// Sums of weighted differences, as task arithmetic adds them up: of all models, or of those that
// agree on a sign. No include guard, part of loops-inl.h, once per instruction set.

// Terms are added up in pieces that stay in the first-level cache.
constexpr size_t kPiece = 256;
// sum += x * factor * weight; every product is rounded.
template <class T>
void AddTerm(const T* __restrict x, T factor, T weight, size_t n, T* __restrict sum) {
  if (factor != T(1)) {
    for (size_t i = 0; i < n; ++i) sum[i] = sum[i] + x[i] * factor * weight;
  } else {
    for (size_t i = 0; i < n; ++i) sum[i] = sum[i] + x[i] * weight;
  }
}
// Where d = x * factor * weight agrees with the sum, kept += d and weights += weight.
template <class T>
void ElectTerm(const T* __restrict x, T factor, T weight, const T* __restrict sum, size_t n,
               T* __restrict d, T* __restrict kept, T* __restrict weights) {
  for (size_t i = 0; i < n; ++i) d[i] = x[i] * factor * weight;
  for (size_t i = 0; i < n; ++i) {
    const bool keep = ops::Election<T>::Agrees(d[i], sum[i]);
    kept[i] = kept[i] + (keep ? d[i] : T(0));
    weights[i] = weights[i] + (keep ? weight : T(0));
  }
}
template <class T>
void Conclude(const T* __restrict sum, T lambda, const T* __restrict base, size_t n,
              T* __restrict out) {
  if (lambda != T(1)) {
    for (size_t i = 0; i < n; ++i) out[i] = sum[i] * lambda + base[i];
  } else {
    for (size_t i = 0; i < n; ++i) out[i] = sum[i] + base[i];
  }
}
template <class T>
void SumTerms(const DeltaTerms<T>& terms, size_t n, T* __restrict out) {
  T sum[kPiece];
  for (size_t i = 0; i < n; i += kPiece) {
    const size_t length = n - i < kPiece ? n - i : kPiece;
    for (size_t k = 0; k < length; ++k) sum[k] = T(0);
    for (size_t m = 0; m < terms.models; ++m)
      AddTerm(terms.deltas[m] + i, terms.factors[m], terms.weights[m], length, sum);
    if (terms.divides) Divide(terms.divisor, sum, length);
    Conclude(sum, terms.lambda, terms.base + i, length, out + i);
  }
}
#if RETEMPER_LANES == 16
// ElectTerms with its sums in registers, which compilers do not do over a number of models.
inline void ElectLanes(const DeltaTerms<float>& terms, size_t n, float* __restrict out) {
  constexpr size_t kHeld = 8;  // terms that are not made twice
  const __m512 zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = n - i < 16 ? static_cast<__mmask16>((1u << (n - i)) - 1) : 0xffff;
    const auto term = [&](size_t m) {
      const __m512 x = _mm512_maskz_loadu_ps(lanes, terms.deltas[m] + i);
      return _mm512_mul_ps(_mm512_mul_ps(x, _mm512_set1_ps(terms.factors[m])),
                           _mm512_set1_ps(terms.weights[m]));
    };
    __m512 held[kHeld];
    __m512 sum = zero, kept = zero, weights = zero;
    for (size_t m = 0; m < terms.models; ++m) {
      const __m512 d = term(m);
      if (m < kHeld) held[m] = d;
      sum = _mm512_add_ps(sum, d);
    }
    // With its sign turned where the sum is negative, a term agrees unless it is zero or less; a
    // NaN is neither.
    const __mmask16 down = _mm512_cmp_ps_mask(sum, zero, _CMP_NGE_UQ);
    const __m512 turn = _mm512_maskz_mov_ps(down, _mm512_set1_ps(-0.0f));
    for (size_t m = 0; m < terms.models; ++m) {
      const __m512 d = m < kHeld ? held[m] : term(m);
      const __mmask16 agrees = _mm512_cmp_ps_mask(_mm512_xor_ps(d, turn), zero, _CMP_NLE_UQ);
      kept = _mm512_mask_add_ps(kept, agrees, kept, d);
      weights = _mm512_mask_add_ps(weights, agrees, weights, _mm512_set1_ps(terms.weights[m]));
    }
    if (terms.normalizes) {
      const __mmask16 none = _mm512_cmp_ps_mask(weights, zero, _CMP_EQ_OQ);
      kept = _mm512_div_ps(kept, _mm512_mask_blend_ps(none, weights, one));
    }
    if (terms.lambda != 1) kept = _mm512_mul_ps(kept, _mm512_set1_ps(terms.lambda));
    const __m512 base = _mm512_maskz_loadu_ps(lanes, terms.base + i);
    _mm512_mask_storeu_ps(out + i, lanes, _mm512_add_ps(kept, base));
  }
}
#endif
template <class T>
void ElectTerms(const DeltaTerms<T>& terms, size_t n, T* __restrict out) {
#if RETEMPER_LANES == 16
  if constexpr (sizeof(T) == 4) return ElectLanes(terms, n, out);
#endif
  T sum[kPiece], d[kPiece], kept[kPiece], weights[kPiece];
  for (size_t i = 0; i < n; i += kPiece) {
    const size_t length = n - i < kPiece ? n - i : kPiece;
    for (size_t k = 0; k < length; ++k) sum[k] = kept[k] = weights[k] = T(0);
    for (size_t m = 0; m < terms.models; ++m)
      AddTerm(terms.deltas[m] + i, terms.factors[m], terms.weights[m], length, sum);
    for (size_t m = 0; m < terms.models; ++m)
      ElectTerm(terms.deltas[m] + i, terms.factors[m], terms.weights[m], sum, length, d, kept,
                weights);
    if (terms.normalizes) DivideBy(weights, kept, length);
    Conclude(kept, terms.lambda, terms.base + i, length, out + i);
  }
}
template <class T>
void ElectScaled(T w, const T* __restrict d, const T* __restrict sum, T* __restrict kept,
                 T* __restrict weight, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const bool keep = ops::Election<T>::Agrees(d[i], sum[i]);
    kept[i] = kept[i] + (keep ? w * d[i] : T(0));
    weight[i] = weight[i] + (keep ? w : T(0));
  }
}
