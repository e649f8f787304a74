// Magnitudes as integers that are ordered as they are: histograms, windows and ranks of them. No
// include guard, part of loops-inl.h, once per instruction set.

#if RETEMPER_LANES == 4

// NEON has no instruction that packs the lanes of a mask together: by the mask's four bits, the
// bytes of the lanes that are kept, of 4 bytes or of 2, and how many lanes that are; what follows
// them is not to be used.
template <size_t kBytes>
struct PackedLanes {
  uint8_t bytes[16][4 * kBytes];
  uint8_t count[16];
  constexpr PackedLanes() : bytes(), count() {
    for (size_t mask = 0; mask < 16; ++mask) {
      size_t to = 0;
      for (size_t lane = 0; lane < 4; ++lane) {
        if ((mask >> lane & 1) == 0) continue;
        for (size_t b = 0; b < kBytes; ++b)
          bytes[mask][to++] = static_cast<uint8_t>(lane * kBytes + b);
        ++count[mask];
      }
    }
  }
};
constexpr PackedLanes<4> kPackedWords;
constexpr PackedLanes<2> kPackedHalves;

constexpr uint32_t kBitOfLane[4] = {1, 2, 4, 8};
// The four bits of a comparison.
inline size_t BitsOfMask(uint32x4_t mask) {
  return vaddvq_u32(vandq_u32(mask, vld1q_u32(kBitOfLane)));
}
// Four vectors of keys, and whether a lane of four masks is set.
struct SixteenKeys {
  uint32x4_t v[4];
  explicit SixteenKeys(const uint32_t* keys) {
    for (size_t q = 0; q < 4; ++q) v[q] = vld1q_u32(keys + 4 * q);
  }
};
inline bool AnyLane(const uint32x4_t* masks) {
  const uint32x4_t any = vorrq_u32(vorrq_u32(masks[0], masks[1]), vorrq_u32(masks[2], masks[3]));
  return vmaxvq_u32(any) != 0;
}

#endif

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
  const auto any_has_it = [&](const KeyT<T>* some) {
#if RETEMPER_LANES == 4
    if constexpr (sizeof(T) == 4) {
      const SixteenKeys at(some);
      uint32x4_t has[4];
      for (size_t q = 0; q < 4; ++q)
        has[q] = vceqq_u32(vshlq_u32(at.v[q], vdupq_n_s32(-(shift + 16))), vdupq_n_u32(prefix));
      return AnyLane(has);
    }
#endif
    uint32_t any = 0;
    for (size_t l = 0; l < kLanes; ++l) any |= (some[l] >> (shift + 16)) == prefix ? 1u : 0u;
    return any != 0;
  };
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    if (!any_has_it(keys + i)) continue;
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
#elif RETEMPER_LANES == 4
  if constexpr (sizeof(Key) == 4) {
    for (; i + kLanes <= n; i += kLanes) {
      const SixteenKeys at(keys + i);
      uint32x4_t between[4];
      for (size_t q = 0; q < 4; ++q) {
        between[q] =
            vandq_u32(vcgtq_u32(at.v[q], vdupq_n_u32(low)), vcltq_u32(at.v[q], vdupq_n_u32(high)));
      }
      if (!AnyLane(between)) continue;
      for (size_t q = 0; q < 4; ++q) {
        // Stores four lanes, inside the buffer as above.
        const size_t mask = BitsOfMask(between[q]);
        const uint8x16_t packed =
            vqtbl1q_u8(vreinterpretq_u8_u32(at.v[q]), vld1q_u8(kPackedWords.bytes[mask]));
        vst1q_u32(inside + found, vreinterpretq_u32_u8(packed));
        found += kPackedWords.count[mask];
      }
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
