// The tile loops. No include guard: loops.cc includes this file once per instruction set, inside a
// namespace and a compiler target region of its own, so only standard headers that are already
// included may be used here.

template <class T>
using KeyT = typename KeyOf<T>::Type;

inline float LoadFloat(const uint8_t* p) {
  float v;
  __builtin_memcpy(&v, p, 4);
  return v;
}
inline uint16_t LoadHalf(const uint8_t* p) {
  uint16_t v;
  __builtin_memcpy(&v, p, 2);
  return v;
}
inline double LoadDouble(const uint8_t* p) {
  double v;
  __builtin_memcpy(&v, p, 8);
  return v;
}

// Of 16-bit elements: those of a cache line, and how far ahead they are sent for: a tile is loaded,
// worked on for long, and then the next one is wanted.
constexpr size_t kLine = 32, kAhead = kTile;
template <class T>
void Load(const uint8_t* __restrict from, Dtype dtype, size_t n, T* __restrict to) {
  switch (dtype) {
    case Dtype::kBF16: {
      size_t i = 0;
      for (; i + kLine <= n; i += kLine) {
        __builtin_prefetch(from + 2 * (i + kAhead), 0, 2);
        for (size_t l = 0; l < kLine; ++l) to[i + l] = Bf16ToFloat(LoadHalf(from + 2 * (i + l)));
      }
      for (; i < n; ++i) to[i] = Bf16ToFloat(LoadHalf(from + 2 * i));
      return;
    }
    case Dtype::kF16:
      for (size_t i = 0; i < n; ++i) to[i] = F16ToFloat(LoadHalf(from + 2 * i));
      return;
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) to[i] = LoadFloat(from + 4 * i);
      return;
    case Dtype::kF64:
      for (size_t i = 0; i < n; ++i) to[i] = static_cast<T>(LoadDouble(from + 8 * i));
      return;
    default:
      for (size_t i = 0; i < n; ++i)
        to[i] = T(0);  // integers are copied, never loaded: run_plan refuses them
  }
}

inline float ToFloat(float x) { return x; }
inline float ToFloat(double x) { return DoubleToFloatOdd(x); }
// One NaN for all.
inline float Canonical(float x) {
  return std::bit_cast<float>(x != x ? 0x7fc00000u : std::bit_cast<uint32_t>(x));
}
inline double Canonical(double x) {
  return std::bit_cast<double>(x != x ? 0x7ff8000000000000u : std::bit_cast<uint64_t>(x));
}

template <class T>
uint64_t CountNonFinite(const uint8_t* from, size_t n, Dtype dtype) {
  uint32_t bad = 0;
  switch (dtype) {
    case Dtype::kBF16:
      for (size_t i = 0; i < n; ++i) bad += (LoadHalf(from + 2 * i) & 0x7f80u) == 0x7f80u;
      return bad;
    case Dtype::kF16:
      for (size_t i = 0; i < n; ++i) bad += (LoadHalf(from + 2 * i) & 0x7c00u) == 0x7c00u;
      return bad;
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) {
        bad += (std::bit_cast<uint32_t>(LoadFloat(from + 4 * i)) & 0x7f800000u) == 0x7f800000u;
      }
      return bad;
    case Dtype::kF64:
      for (size_t i = 0; i < n; ++i) {
        bad += (std::bit_cast<uint64_t>(LoadDouble(from + 8 * i)) & 0x7ff0000000000000u) ==
               0x7ff0000000000000u;
      }
      return bad;
    default:
      return 0;
  }
}

template <class T>
uint64_t Store(const T* __restrict from, size_t n, Dtype dtype, uint8_t* __restrict to) {
  uint32_t bad = 0;  // a tile is far below 2^32 elements
  switch (dtype) {
    case Dtype::kBF16:
      for (size_t i = 0; i < n; ++i) {
        const uint16_t half = FloatToBf16(Canonical(ToFloat(from[i])));
        bad += (half & 0x7f80u) == 0x7f80u;
        __builtin_memcpy(to + 2 * i, &half, 2);
      }
      return bad;
    case Dtype::kF16:
      for (size_t i = 0; i < n; ++i) {
        const uint16_t half = FloatToF16(Canonical(ToFloat(from[i])));
        bad += (half & 0x7c00u) == 0x7c00u;
        __builtin_memcpy(to + 2 * i, &half, 2);
      }
      return bad;
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) {
        const float value = Canonical(static_cast<float>(from[i]));
        const uint32_t bits = std::bit_cast<uint32_t>(value);
        bad += (bits & 0x7f800000u) == 0x7f800000u;
        __builtin_memcpy(to + 4 * i, &value, 4);
      }
      return bad;
    case Dtype::kF64:
      for (size_t i = 0; i < n; ++i) {
        const double value = Canonical(static_cast<double>(from[i]));
        bad += (std::bit_cast<uint64_t>(value) & 0x7ff0000000000000u) == 0x7ff0000000000000u;
        __builtin_memcpy(to + 8 * i, &value, 8);
      }
      return bad;
    default:
      return 0;
  }
}

template <class T>
void RoundTo(T* x, size_t n, Dtype dtype) {
  switch (dtype) {
    case Dtype::kBF16:
      for (size_t i = 0; i < n; ++i) x[i] = Bf16ToFloat(FloatToBf16(ToFloat(x[i])));
      return;
    case Dtype::kF16:
      for (size_t i = 0; i < n; ++i) x[i] = F16ToFloat(FloatToF16(ToFloat(x[i])));
      return;
    case Dtype::kF32:
      for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i]);
      return;
    default:
      return;
  }
}

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
void ElectScaled(T w, const T* __restrict d, const T* __restrict sum, T* __restrict kept,
                 T* __restrict weight, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const bool keep = ops::Election<T>::Agrees(d[i], sum[i]);
    kept[i] = kept[i] + (keep ? w * d[i] : T(0));
    weight[i] = weight[i] + (keep ? w : T(0));
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
void KeepFrom(T* __restrict x, const KeyT<T>* __restrict keys, size_t n, KeyT<T> low) {
  for (size_t i = 0; i < n; ++i) x[i] = keys[i] >= low ? x[i] : T(0);
}

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

template <class T>
inline KeyT<T> MagnitudeKey(T x) {
  return std::bit_cast<KeyT<T>>(x) & (~KeyT<T>{0} >> 1);
}
template <class T>
void MagnitudeKeys(const T* __restrict x, size_t n, KeyT<T>* __restrict keys) {
  for (size_t i = 0; i < n; ++i) keys[i] = MagnitudeKey(x[i]);
}
template <class T>
void OrderedKeys(const T* __restrict x, size_t n, KeyT<T>* __restrict keys) {
  constexpr int kTop = 8 * sizeof(T) - 1;
  constexpr KeyT<T> kSign = KeyT<T>{1} << kTop;
  for (size_t i = 0; i < n; ++i) {
    const KeyT<T> bits = std::bit_cast<KeyT<T>>(x[i] + T(0));  // -0 and +0 are one key
    keys[i] = (bits & kSign) != 0 ? ~bits : bits | kSign;
  }
}
template <class T>
void KeyHistogram(const KeyT<T>* __restrict keys, size_t n, int shift, KeyT<T> prefix,
                  uint32_t* __restrict bins) {
  constexpr int kBits = 8 * sizeof(T);
  if (shift + 16 >= kBits) {
    for (size_t i = 0; i < n; ++i) ++bins[keys[i] >> shift];
    return;
  }
  // Few keys have the prefix: look at kLanes at a time.
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    uint32_t any = 0;
    for (size_t l = 0; l < kLanes; ++l) any |= (keys[i + l] >> (shift + 16)) == prefix ? 1u : 0u;
    if (any == 0) continue;
    for (size_t l = 0; l < kLanes; ++l) {
      if ((keys[i + l] >> (shift + 16)) == prefix) ++bins[(keys[i + l] >> shift) & 0xffff];
    }
  }
  for (; i < n; ++i) {
    if ((keys[i] >> (shift + 16)) == prefix) ++bins[(keys[i] >> shift) & 0xffff];
  }
}
// Appends the keys between low and high, neither included, to `inside`; there is room for n.
template <class Key>
size_t CollectBetween(const Key* __restrict keys, size_t n, Key low, Key high,
                      Key* __restrict inside) {
  size_t found = 0, i = 0;
#if RETEMPER_LANES == 16
  if constexpr (sizeof(Key) == 4) {
    const __m512i l = _mm512_set1_epi32(static_cast<int>(low)),
                  h = _mm512_set1_epi32(static_cast<int>(high));
    for (; i + kLanes <= n; i += kLanes) {
      const __m512i key = _mm512_loadu_si512(keys + i);
      const __mmask16 between =
          _mm512_mask_cmplt_epu32_mask(_mm512_cmpgt_epu32_mask(key, l), key, h);
      // Stores 16 lanes, of which only the first few count: found <= i, so they are inside the
      // buffer.
      _mm512_storeu_si512(inside + found, _mm512_maskz_compress_epi32(between, key));
      found += static_cast<size_t>(__builtin_popcount(between));
    }
  }
#endif
  for (; i + kLanes <= n; i += kLanes) {
    uint32_t any = 0;
    for (size_t k = 0; k < kLanes; ++k)
      any += static_cast<uint32_t>((keys[i + k] > low) & (keys[i + k] < high));
    if (any == 0) continue;
    for (size_t k = 0; k < kLanes; ++k) {
      inside[found] = keys[i + k];
      found += static_cast<size_t>((keys[i + k] > low) & (keys[i + k] < high));
    }
  }
  for (; i < n; ++i) {
    if (keys[i] > low && keys[i] < high) inside[found++] = keys[i];
  }
  return found;
}
template <class T>
size_t CountWindow(const KeyT<T>* __restrict keys, size_t n, KeyT<T> low, KeyT<T> high,
                   uint64_t* __restrict sums, KeyT<T>* __restrict inside) {
  KeyT<T> below = 0, at_low = 0, at_high = 0;  // one loop each: so they vectorise
  for (size_t i = 0; i < n; ++i) below += keys[i] < low ? 1 : 0;
  for (size_t i = 0; i < n; ++i) at_low += keys[i] == low ? 1 : 0;
  for (size_t i = 0; i < n; ++i) at_high += keys[i] == high ? 1 : 0;
  sums[0] += below;
  sums[1] += at_low;
  sums[2] += low == high ? 0 : at_high;
  return CollectBetween(keys, n, low, high, inside);
}
template <class T>
uint64_t CountEqual(const KeyT<T>* __restrict keys, size_t n, KeyT<T> key) {
  uint32_t count = 0;
  for (size_t i = 0; i < n; ++i) count += keys[i] == key ? 1u : 0u;
  return count;
}
template <class T>
uint64_t KeepBetween(T* x, size_t n, KeyT<T> low, KeyT<T> high) {
  uint32_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    const KeyT<T> key = MagnitudeKey(x[i]);
    const bool keep = (key >= low) & (key <= high);
    count += keep ? 1u : 0u;
    x[i] = keep ? x[i] : T(0);
  }
  return count;
}
// All ones where a lane's bit is set, for masks that no branch predicts.
constexpr uint32_t kLaneBit[kLanes] = {1u << 0,  1u << 1,  1u << 2,  1u << 3, 1u << 4,  1u << 5,
                                       1u << 6,  1u << 7,  1u << 8,  1u << 9, 1u << 10, 1u << 11,
                                       1u << 12, 1u << 13, 1u << 14, 1u << 15};
template <class T>
void Masked(const T* __restrict x, const uint64_t* __restrict bits, size_t n, T* __restrict out) {
  size_t i = 0;
#if RETEMPER_LANES == 16
  if constexpr (sizeof(T) == 4) {
    for (; i + kLanes <= n; i += kLanes) {
      const auto lanes = static_cast<__mmask16>(bits[i / 64] >> i % 64);
      _mm512_storeu_ps(out + i, _mm512_maskz_loadu_ps(lanes, x + i));
    }
  }
#elif RETEMPER_LANES == 8
  if constexpr (sizeof(T) == 4) {
    const __m256i bit = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    for (; i + 8 <= n; i += 8) {
      const __m256i lanes = _mm256_set1_epi32(static_cast<int>(bits[i / 64] >> i % 64 & 255));
      const __m256i keep = _mm256_cmpeq_epi32(_mm256_and_si256(lanes, bit), bit);
      _mm256_storeu_ps(out + i, _mm256_and_ps(_mm256_loadu_ps(x + i), _mm256_castsi256_ps(keep)));
    }
  }
#endif
  for (; i + kLanes <= n; i += kLanes) {
    const auto lanes = static_cast<uint32_t>(bits[i / 64] >> i % 64);
    KeyT<T> keep[kLanes];
    for (size_t l = 0; l < kLanes; ++l)
      keep[l] = KeyT<T>{0} - static_cast<KeyT<T>>((lanes & kLaneBit[l]) != 0);
    for (size_t l = 0; l < kLanes; ++l)
      out[i + l] = std::bit_cast<T>(std::bit_cast<KeyT<T>>(x[i + l]) & keep[l]);
  }
  for (; i < n; ++i) {
    const KeyT<T> keep = KeyT<T>{0} - static_cast<KeyT<T>>(bits[i / 64] >> i % 64 & 1);
    out[i] = std::bit_cast<T>(std::bit_cast<KeyT<T>>(x[i]) & keep);
  }
}
template <class T>
void AbsoluteSums(const T* x, const uint64_t* bits, size_t n, double* __restrict all,
                  double* __restrict kept) {
  AbsoluteSum(x, n, all);
  T some[256];
  for (size_t i = 0; i < n; i += 256) {
    const size_t length = n - i < 256 ? n - i : 256;
    Masked(x + i, bits + i / 64, length, some);
    AbsoluteSum(some, length, kept);
  }
}
template <class T>
KeyT<T> LargestKey(const T* x, size_t n) {
  KeyT<T> largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const KeyT<T> key = MagnitudeKey(x[i]);
    largest = key > largest ? key : largest;
  }
  return largest;
}
template <class T>
void RowBins(const T* __restrict x, size_t n, KeyT<T> base, uint16_t* __restrict bins) {
  constexpr int kShift = (sizeof(T) == 4 ? 23 : 52) - kBinBits;
  constexpr KeyT<T> kLow = (KeyT<T>{1} << kShift) - 1;  // base has zeros there
  for (size_t i = 0; i < n; ++i) {
    const KeyT<T> key = MagnitudeKey(x[i]);
    const auto bin = static_cast<uint16_t>(2 + 2 * ((key - base) >> kShift) +
                                           ((key & kLow) != 0 ? KeyT<T>{1} : KeyT<T>{0}));
    bins[i] = key < base ? static_cast<uint16_t>(key != 0 ? 1 : 0) : bin;
  }
}
template <class T>
uint32_t RankOf(const T* x, size_t n, size_t at) {
  const KeyT<T> key = MagnitudeKey(x[at]);
  KeyT<T> smaller = 0, equal = 0;
  for (size_t i = 0; i < n; ++i) smaller += MagnitudeKey(x[i]) < key ? 1 : 0;
  for (size_t i = 0; i < at; ++i) equal += MagnitudeKey(x[i]) == key ? 1 : 0;
  return static_cast<uint32_t>(smaller + equal);
}
template <class T>
void Exponentials(const T* __restrict x, T shift, size_t n, double* __restrict out) {
  for (size_t i = 0; i < n; ++i)
    out[i] = exact::Exp(static_cast<double>(x[i]) - static_cast<double>(shift));
}

// One group: kRngLanes counters, four words each. The generic loop multiplies 32 by 32 bits in
// 64-bit lanes, which compilers do not turn into the instruction for it; the two wide targets name
// it.
#if RETEMPER_LANES == 16
inline void DrawGroup(RngKey key, uint64_t group, uint32_t* out) {
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const uint64_t counter =
      group * kRngLanes;  // a multiple of 16: the low word does not carry within a group
  __m512i c0 = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(counter)), lanes);
  __m512i c1 = _mm512_set1_epi32(static_cast<int>(counter >> 32));
  __m512i c2 = _mm512_setzero_si512(), c3 = c2;
  const __m512i m0 = _mm512_set1_epi32(static_cast<int>(kPhiloxM0)),
                m1 = _mm512_set1_epi32(static_cast<int>(kPhiloxM1));
  uint32_t k0 = key.low, k1 = key.high;
  const auto multiply = [](__m512i x, __m512i m, __m512i& high, __m512i& low) {
    const __m512i even = _mm512_mul_epu32(x, m);
    const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), m);
    high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  };
  for (int round = 0; round < kRngRounds; ++round) {
    __m512i high0, low0, high1, low1;
    multiply(c0, m0, high0, low0);
    multiply(c2, m1, high1, low1);
    c0 = _mm512_xor_si512(_mm512_xor_si512(high1, c1), _mm512_set1_epi32(static_cast<int>(k0)));
    c2 = _mm512_xor_si512(_mm512_xor_si512(high0, c3), _mm512_set1_epi32(static_cast<int>(k1)));
    c1 = low1;
    c3 = low0;
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
  _mm512_storeu_si512(out, c0);
  _mm512_storeu_si512(out + kRngLanes, c1);
  _mm512_storeu_si512(out + 2 * kRngLanes, c2);
  _mm512_storeu_si512(out + 3 * kRngLanes, c3);
}
#elif RETEMPER_LANES == 8
inline void DrawGroup(RngKey key, uint64_t group, uint32_t* out) {
  const auto multiply = [](__m256i x, __m256i m, __m256i& high, __m256i& low) {
    const __m256i even = _mm256_mul_epu32(x, m);
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), m);
    high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  };
  const uint64_t counter = group * kRngLanes;
  const __m256i m0 = _mm256_set1_epi32(static_cast<int>(kPhiloxM0)),
                m1 = _mm256_set1_epi32(static_cast<int>(kPhiloxM1));
  for (int half = 0; half < kRngLanes; half += 8) {
    const __m256i lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    __m256i c0 = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(counter) + half), lanes);
    __m256i c1 = _mm256_set1_epi32(static_cast<int>(counter >> 32));
    __m256i c2 = _mm256_setzero_si256(), c3 = c2;
    uint32_t k0 = key.low, k1 = key.high;
    for (int round = 0; round < kRngRounds; ++round) {
      __m256i high0, low0, high1, low1;
      multiply(c0, m0, high0, low0);
      multiply(c2, m1, high1, low1);
      c0 = _mm256_xor_si256(_mm256_xor_si256(high1, c1), _mm256_set1_epi32(static_cast<int>(k0)));
      c2 = _mm256_xor_si256(_mm256_xor_si256(high0, c3), _mm256_set1_epi32(static_cast<int>(k1)));
      c1 = low1;
      c3 = low0;
      k0 += kPhiloxW0;
      k1 += kPhiloxW1;
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + half), c0);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + kRngLanes + half), c1);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 2 * kRngLanes + half), c2);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 3 * kRngLanes + half), c3);
  }
}
#else
inline void DrawGroup(RngKey key, uint64_t group, uint32_t* __restrict out) {
  uint32_t c0[kRngLanes], c1[kRngLanes], c2[kRngLanes], c3[kRngLanes];
  for (int l = 0; l < kRngLanes; ++l) {
    const uint64_t counter = group * kRngLanes + static_cast<uint64_t>(l);
    c0[l] = static_cast<uint32_t>(counter);
    c1[l] = static_cast<uint32_t>(counter >> 32);
    c2[l] = 0;
    c3[l] = 0;
  }
  uint32_t k0 = key.low, k1 = key.high;
  for (int round = 0; round < kRngRounds; ++round) {
    for (int l = 0; l < kRngLanes; ++l) {
      const uint64_t p0 = static_cast<uint64_t>(kPhiloxM0) * c0[l];
      const uint64_t p1 = static_cast<uint64_t>(kPhiloxM1) * c2[l];
      const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1[l] ^ k0;
      const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3[l] ^ k1;
      c1[l] = static_cast<uint32_t>(p1);
      c3[l] = static_cast<uint32_t>(p0);
      c0[l] = n0;
      c2[l] = n2;
    }
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
  for (int l = 0; l < kRngLanes; ++l) {
    out[l] = c0[l];
    out[kRngLanes + l] = c1[l];
    out[2 * kRngLanes + l] = c2[l];
    out[3 * kRngLanes + l] = c3[l];
  }
}
#endif
inline void Draw(RngKey key, uint64_t first, size_t n, uint32_t* out) {
  uint32_t group[kRngGroup];
  size_t done = 0;
  while (done < n) {
    const uint64_t index = first + done;
    const size_t skip = index % kRngGroup;
    const size_t take = n - done < kRngGroup - skip ? n - done : kRngGroup - skip;
    if (take == kRngGroup) {
      DrawGroup(key, index / kRngGroup, out + done);
    } else {
      DrawGroup(key, index / kRngGroup, group);
      for (size_t i = 0; i < take; ++i) out[done + i] = group[skip + i];
    }
    done += take;
  }
}

#include "cpu/sum_loops-inl.h"

template <class T>
constexpr Kernels<T> Table() {
  return {
      .load = &Load<T>,
      .store = &Store<T>,
      .round_to = &RoundTo<T>,
      .count_non_finite = &CountNonFinite<T>,
      .scaled = &Scaled<T>,
      .add_scaled = &AddScaled<T>,
      .divide = &Divide<T>,
      .scale = &Scale<T>,
      .subtract = &Subtract<T>,
      .add = &Add<T>,
      .multiply = &Multiply<T>,
      .multiply_add = &MultiplyAdd<T>,
      .store_sum = &StoreSum<T>,
      .low_rank = &LowRank<T>,
      .nearswap = &NearswapTile<T>,
      .elect_terms = &ElectTerms<T>,
      .sum_terms = &SumTerms<T>,
      .divide_by = &DivideBy<T>,
      .divide_by_clamped = &DivideByClamped<T>,
      .activity = &ActivityTile<T>,
      .squared_from = &SquaredFrom<T>,
      .elect_scaled = &ElectScaled<T>,
      .count_unique = &CountUnique<T>,
      .scale_unique = &ScaleUnique<T>,
      .dot = &Dot<T>,
      .absolute_sum = &AbsoluteSum<T>,
      .squared_distance = &SquaredDistance<T>,
      .magnitude_keys = &MagnitudeKeys<T>,
      .ordered_keys = &OrderedKeys<T>,
      .key_histogram = &KeyHistogram<T>,
      .count_window = &CountWindow<T>,
      .count_equal = &CountEqual<T>,
      .keep_between = &KeepBetween<T>,
      .keep_from = &KeepFrom<T>,
      .masked = &Masked<T>,
      .absolute_sums = &AbsoluteSums<T>,
      .largest_key = &LargestKey<T>,
      .row_bins = &RowBins<T>,
      .rank_of = &RankOf<T>,
      .exponentials = &Exponentials<T>,
  };
}

constexpr Kernels<float> kF32 = Table<float>();
constexpr Kernels<double> kF64 = Table<double>();
