// Magnitudes as integers that are ordered as they are: histograms, windows and ranks of them. No
// include guard, part of loops-inl.h, once per instruction set.

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
template <class T>
void KeepFrom(T* __restrict x, const KeyT<T>* __restrict keys, size_t n, KeyT<T> low) {
  for (size_t i = 0; i < n; ++i) x[i] = keys[i] >= low ? x[i] : T(0);
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
