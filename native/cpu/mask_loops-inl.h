// The loops over masks, and over one row's bins and ranks. No include guard, part of loops-inl.h,
// once per instruction set.

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
#elif RETEMPER_LANES == 4
  if constexpr (sizeof(T) == 4) {
    for (; i + kLanes <= n; i += kLanes) {
      const uint32x4_t lanes = vdupq_n_u32(static_cast<uint32_t>(bits[i / 64] >> i % 64));
      for (size_t l = 0; l < kLanes; l += 4) {
        const uint32x4_t keep = vtstq_u32(lanes, vld1q_u32(kLaneBit + l));
        const uint32x4_t value = vreinterpretq_u32_f32(vld1q_f32(x + i + l));
        vst1q_f32(out + i + l, vreinterpretq_f32_u32(vandq_u32(value, keep)));
      }
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

// 64 flags of one byte, 0 or 1, as the bits of a word.
inline uint64_t PackFlags(const uint8_t* flags) {
#if RETEMPER_LANES == 4
  // Flag f moves to bit f % 8 of its byte; three times, neighbours are added.
  const int8x16_t bit = vreinterpretq_s8_u64(vdupq_n_u64(0x0706050403020100u));
  uint8x16_t some[4];
  for (size_t q = 0; q < 4; ++q) some[q] = vshlq_u8(vld1q_u8(flags + 16 * q), bit);
  const uint8x16_t fours = vpaddq_u8(vpaddq_u8(some[0], some[1]), vpaddq_u8(some[2], some[3]));
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(fours, fours)), 0);
#else
  uint64_t word = 0;
  for (size_t byte = 0; byte < 8; ++byte) {
    uint64_t eight;
    __builtin_memcpy(&eight, flags + 8 * byte, 8);
    // Flag f lies at bit 8 f; the product moves it to bit 56 + f, and nothing else gets there.
    word |= (eight * 0x0102040810204080u >> 56) << 8 * byte;
  }
  return word;
#endif
}

inline void KeepBelow(const uint32_t* __restrict draws, size_t n, uint64_t threshold,
                      uint64_t* __restrict bits) {
  const bool all = threshold >> 32 != 0;
  const auto limit = static_cast<uint32_t>(threshold);
  for (size_t at = 0; at < n; at += 64) {
    const size_t length = n - at < 64 ? n - at : 64;
    uint64_t word = 0;
#if RETEMPER_LANES == 16
    const __m512i most = _mm512_set1_epi32(static_cast<int>(limit));
    for (size_t q = 0; q < length; q += 16) {
      const __mmask16 lanes =
          length - q < 16 ? static_cast<__mmask16>((1u << (length - q)) - 1) : 0xffff;
      const __m512i draw = _mm512_maskz_loadu_epi32(lanes, draws + at + q);
      word |= static_cast<uint64_t>(_mm512_mask_cmplt_epu32_mask(lanes, draw, most)) << q;
    }
#else
    uint8_t flags[64] = {};
    for (size_t i = 0; i < length; ++i) flags[i] = draws[at + i] < limit ? 1 : 0;
    word = PackFlags(flags);
#endif
    bits[at / 64] = all ? ~uint64_t{0} >> (64 - length) : word;
  }
}
inline uint64_t CountBits(const uint64_t* bits, size_t n) {
  uint64_t count = 0;
  for (size_t w = 0; w * 64 < n; ++w) count += static_cast<uint64_t>(__builtin_popcountll(bits[w]));
  return count;
}

inline void CountBins(const uint16_t* __restrict bins, size_t n, uint16_t* __restrict counts,
                      uint16_t* __restrict below) {
  // One counter a bin for either half of the row: elements in a row that are in the same bin would
  // wait for each other's count.
  uint16_t* other = counts + kRowBins;
  __builtin_memset(counts, 0, 2 * kRowBins * sizeof(uint16_t));
  const size_t half = n / 2;
  size_t i = 0;
  for (; i + 4 <= half; i += 4) {
    uint64_t x, y;
    __builtin_memcpy(&x, bins + i, 8);
    __builtin_memcpy(&y, bins + half + i, 8);
    for (int s = 0; s < 64; s += 16) {
      ++counts[x >> s & 0xffff];
      ++other[y >> s & 0xffff];
    }
  }
  for (; i < half; ++i) {
    ++counts[bins[i]];
    ++other[bins[half + i]];
  }
  if (n % 2 != 0) ++other[bins[n - 1]];
  below[0] = 0;
  uint16_t sum = 0;
  size_t b = 0;
#if RETEMPER_LANES == 16
  static_assert(kRowBins % 2 == 0);
  __m512i carry = _mm512_setzero_si512();
  const __m512i lane_last = _mm512_broadcast_i32x4(_mm_set1_epi16(0x0f0e));
  const __m512i last = _mm512_set1_epi16(31);
  for (; b + 32 <= kRowBins; b += 32) {
    __m512i x = _mm512_add_epi16(_mm512_loadu_si512(counts + b), _mm512_loadu_si512(other + b));
    // Sums within 128-bit lanes, then over lanes, then over vectors.
    x = _mm512_add_epi16(x, _mm512_bslli_epi128(x, 2));
    x = _mm512_add_epi16(x, _mm512_bslli_epi128(x, 4));
    x = _mm512_add_epi16(x, _mm512_bslli_epi128(x, 8));
    const __m512i zero = _mm512_setzero_si512();
    const __m512i total = _mm512_shuffle_epi8(x, lane_last);
    const __m512i two = _mm512_add_epi16(total, _mm512_alignr_epi64(total, zero, 6));
    const __m512i before =
        _mm512_alignr_epi64(_mm512_add_epi16(two, _mm512_alignr_epi64(two, zero, 4)), zero, 6);
    x = _mm512_add_epi16(x, before);
    _mm512_storeu_si512(below + b + 1, _mm512_add_epi16(x, carry));
    carry = _mm512_add_epi16(carry, _mm512_permutexvar_epi16(last, x));
  }
  sum = static_cast<uint16_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(carry)));
#elif RETEMPER_LANES == 4
  const uint16x8_t zero = vdupq_n_u16(0);
  uint16x8_t carry = zero;
  for (; b + 8 <= kRowBins; b += 8) {
    uint16x8_t x = vaddq_u16(vld1q_u16(counts + b), vld1q_u16(other + b));
    x = vaddq_u16(x, vextq_u16(zero, x, 7));
    x = vaddq_u16(x, vextq_u16(zero, x, 6));
    x = vaddq_u16(x, vextq_u16(zero, x, 4));
    vst1q_u16(below + b + 1, vaddq_u16(x, carry));
    carry = vaddq_u16(carry, vdupq_laneq_u16(x, 7));
  }
  sum = vgetq_lane_u16(carry, 0);
#endif
  // Four counters in a word: a product with ones in every 16 bits is their running sum.
  constexpr uint64_t kOnes = 0x0001000100010001u;
  for (; b + 4 <= kRowBins; b += 4) {
    uint64_t x, y;
    __builtin_memcpy(&x, counts + b, 8);
    __builtin_memcpy(&y, other + b, 8);
    const uint64_t running = (x + y) * kOnes + sum * kOnes;
    __builtin_memcpy(below + b + 1, &running, 8);
    sum = static_cast<uint16_t>(running >> 48);
  }
  for (; b < kRowBins; ++b) {
    sum = static_cast<uint16_t>(sum + counts[b] + other[b]);
    below[b + 1] = sum;
  }
}

// ranks[i] = below[bin] + how many elements before i have its bin, by the counts of CountBins.
inline void CountRanks(const uint16_t* __restrict bins, size_t n, uint16_t* __restrict counts,
                       const uint16_t* __restrict below, uint32_t* __restrict ranks) {
  uint16_t* second = counts + kRowBins;
  for (size_t b = 0; b < kRowBins; ++b) {
    second[b] = static_cast<uint16_t>(below[b] + counts[b]);
    counts[b] = below[b];
  }
  const size_t half = n / 2;
  for (size_t i = 0; i < half; ++i) {
    ranks[i] = counts[bins[i]]++;
    ranks[half + i] = second[bins[half + i]]++;
  }
  if (n % 2 != 0) ranks[n - 1] = second[bins[n - 1]]++;
}

inline uint32_t CountBin(const uint16_t* bins, size_t n, uint16_t bin) {
  uint16_t count = 0;  // n fits
  for (size_t i = 0; i < n; ++i) count = static_cast<uint16_t>(count + (bins[i] == bin ? 1 : 0));
  return count;
}

#if RETEMPER_LANES == 16

inline size_t KeepByBins(const uint16_t* __restrict bins, const uint32_t* __restrict draws,
                         size_t n, const uint16_t* __restrict below,
                         const RankThresholds& thresholds, uint64_t* __restrict bits,
                         uint32_t* __restrict undecided) {
  constexpr size_t kChunk = 512, kWords = kChunk / 64;
  const __m512i least = _mm512_set1_epi32(static_cast<int>(thresholds.least)),
                most = _mm512_set1_epi32(static_cast<int>(thresholds.most)),
                low_half = _mm512_set1_epi32(0xffff), one = _mm512_set1_epi32(1);
  uint32_t open_bins[kChunk + 16], open_draws[kChunk + 16];
  uint16_t kept[kChunk / 16 + 8], unsure[kChunk / 16 + 8];
  // 64 bits of a row of 16-bit groups, from any bit on.
  const auto bits_at = [](const uint16_t* groups, size_t at) {
    uint64_t low, high;
    __builtin_memcpy(&low, reinterpret_cast<const uint8_t*>(groups) + at / 8, 8);
    __builtin_memcpy(&high, reinterpret_cast<const uint8_t*>(groups) + at / 8 + 8, 8);
    return at % 8 == 0 ? low : low >> at % 8 | high << (64 - at % 8);
  };
  size_t found = 0;
  for (size_t first = 0; first < n; first += kChunk) {
    // The draws that no rank of the row changes decide alone; the others are packed together.
    const size_t length = n - first < kChunk ? n - first : kChunk;
    uint64_t open[kWords] = {};
    size_t count = 0;
    for (size_t at = 0; at < length; at += 64) {
      uint64_t sure = 0;
      for (size_t q = 0; q < 64 && at + q < length; q += 16) {
        const size_t i = first + at + q, left = length - at - q;
        const __mmask16 lanes = left < 16 ? static_cast<__mmask16>((1u << left) - 1) : 0xffff;
        const __m512i draw = _mm512_maskz_loadu_epi32(lanes, draws + i);
        const __mmask16 keep = _mm512_mask_cmplt_epu32_mask(lanes, draw, least);
        const __mmask16 is_open =
            _mm512_mask_cmplt_epu32_mask(_kandn_mask16(keep, lanes), draw, most);
        const __m512i bin = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, bins + i));
        _mm512_storeu_si512(open_bins + count, _mm512_maskz_compress_epi32(is_open, bin));
        _mm512_storeu_si512(open_draws + count, _mm512_maskz_compress_epi32(is_open, draw));
        count += static_cast<size_t>(__builtin_popcount(is_open));
        sure |= static_cast<uint64_t>(keep) << q;
        open[at / 64] |= static_cast<uint64_t>(is_open) << q;
      }
      bits[(first + at) / 64] = sure;
    }
    for (size_t j = 0; j < count; j += 16) {
      const __mmask16 lanes =
          count - j < 16 ? static_cast<__mmask16>((1u << (count - j)) - 1) : 0xffff;
      const __m512i zero = _mm512_setzero_si512();
      const __m512i bin = _mm512_loadu_si512(open_bins + j);
      const __m512i draw = _mm512_loadu_si512(open_draws + j);
      // The ranks of a bin: from below[bin] up to below[bin + 1], both in one load.
      const __m512i pair = _mm512_mask_i32gather_epi32(zero, lanes, bin, below, 2);
      const __m512i from = _mm512_and_si512(pair, low_half);
      const __m512i to = _mm512_sub_epi32(_mm512_srli_epi32(pair, 16), one);
      const __m512i a = _mm512_mask_i32gather_epi32(zero, lanes, from, thresholds.of_rank, 4);
      const __m512i b = _mm512_mask_i32gather_epi32(zero, lanes, to, thresholds.of_rank, 4);
      const __mmask16 keep = _mm512_mask_cmplt_epu32_mask(lanes, draw, _mm512_min_epu32(a, b));
      kept[j / 16] = keep;
      unsure[j / 16] =
          _mm512_mask_cmplt_epu32_mask(_kandn_mask16(keep, lanes), draw, _mm512_max_epu32(a, b));
    }
    size_t done = 0;
    for (size_t w = 0; w * 64 < length; ++w) {
      if (open[w] == 0) continue;
      bits[first / 64 + w] |= _pdep_u64(bits_at(kept, done), open[w]);
      uint64_t rest = _pdep_u64(bits_at(unsure, done), open[w]);
      for (; rest != 0; rest &= rest - 1) {
        undecided[found++] =
            static_cast<uint32_t>(first + 64 * w + static_cast<size_t>(__builtin_ctzll(rest)));
      }
      done += static_cast<size_t>(__builtin_popcountll(open[w]));
    }
  }
  return found;
}

#else

inline size_t KeepByBins(const uint16_t* __restrict bins, const uint32_t* __restrict draws,
                         size_t n, const uint16_t* __restrict below,
                         const RankThresholds& thresholds, uint64_t* __restrict bits,
                         uint32_t* __restrict undecided) {
  constexpr size_t kChunk = 512;
  const uint32_t least = thresholds.least, span = thresholds.most - least;
  uint8_t flags[kChunk];
  uint16_t open[kChunk];
  size_t found = 0;
  for (size_t first = 0; first < n; first += kChunk) {
    // The draws that no rank of the row changes decide alone; the others are listed.
    const size_t length = n - first < kChunk ? n - first : kChunk;
    const uint32_t* draw = draws + first;
    for (size_t i = 0; i < length; ++i) flags[i] = draw[i] < least ? 1 : 0;
    for (size_t i = length; i < kChunk; ++i) flags[i] = 0;
    size_t count = 0, listed = 0;
#if RETEMPER_LANES == 4
    constexpr uint16_t kFirst[4] = {0, 1, 2, 3};
    for (; listed + 4 <= length; listed += 4) {
      const uint32x4_t above = vsubq_u32(vld1q_u32(draw + listed), vdupq_n_u32(least));
      const size_t mask = BitsOfMask(vcltq_u32(above, vdupq_n_u32(span)));
      const uint16x4_t index =
          vadd_u16(vld1_u16(kFirst), vdup_n_u16(static_cast<uint16_t>(listed)));
      // Stores four places, of which only the first few count: count <= listed.
      const uint8x8_t packed =
          vtbl1_u8(vreinterpret_u8_u16(index), vld1_u8(kPackedHalves.bytes[mask]));
      vst1_u16(open + count, vreinterpret_u16_u8(packed));
      count += kPackedHalves.count[mask];
    }
#endif
    for (size_t i = listed; i < length; ++i) {
      open[count] = static_cast<uint16_t>(i);
      count += draw[i] - least < span ? 1 : 0;
    }
    for (size_t j = 0; j < count; ++j) {
      const size_t i = open[j], bin = bins[first + i];
      const uint32_t a = thresholds.of_rank[below[bin]];
      const uint32_t b = thresholds.of_rank[below[bin + 1] - 1];
      flags[i] = draw[i] < (a < b ? a : b) ? 1 : 0;
      undecided[found] = static_cast<uint32_t>(first + i);
      found += (draw[i] < a) != (draw[i] < b) ? 1 : 0;
    }
    for (size_t at = 0; at < length; at += 64) bits[(first + at) / 64] = PackFlags(flags + at);
  }
  return found;
}

#endif

inline void KeepByRanks(const uint32_t* __restrict ranks, const uint32_t* __restrict draws,
                        size_t n, const RankThresholds& thresholds, uint64_t* __restrict bits) {
  for (size_t at = 0; at < n; at += 64) {
    uint8_t flags[64] = {};
    const size_t length = n - at < 64 ? n - at : 64;
    for (size_t i = 0; i < length; ++i)
      flags[i] = draws[at + i] < thresholds.of_rank[ranks[at + i]] ? 1 : 0;
    bits[at / 64] = PackFlags(flags);
  }
}

constexpr MaskKernels kMasks = {
    .keep_below = &KeepBelow,
    .count = &CountBits,
    .count_bins = &CountBins,
    .count_ranks = &CountRanks,
    .count_bin = &CountBin,
    .keep_by_bins = &KeepByBins,
    .keep_by_ranks = &KeepByRanks,
};
