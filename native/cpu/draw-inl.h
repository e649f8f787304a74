// The counter-based generator (core/counter_rng.h), a group of counters at a time. No include
// guard, part of loops-inl.h, once per instruction set.

// One group: kRngLanes counters, four words each. The generic loop multiplies 32 by 32 bits in
// 64-bit lanes, which compilers do not turn into the instruction for it (or, on ARM, in passes over
// memory); the targets with vectors name it.
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
#elif RETEMPER_LANES == 4
inline void DrawGroup(RngKey key, uint64_t group, uint32_t* out) {
  const auto multiply = [](uint32x4_t x, uint32x2_t m, uint32x4_t& high, uint32x4_t& low) {
    const uint32x4_t first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x), m));
    const uint32x4_t last = vreinterpretq_u32_u64(vmull_high_u32(x, vcombine_u32(m, m)));
    low = vuzp1q_u32(first, last);
    high = vuzp2q_u32(first, last);
  };
  const uint64_t counter = group * kRngLanes;
  constexpr uint32_t kFirst[4] = {0, 1, 2, 3};
  const uint32x2_t m0 = vdup_n_u32(kPhiloxM0), m1 = vdup_n_u32(kPhiloxM1);
  for (int quarter = 0; quarter < kRngLanes; quarter += 4) {
    const auto first = static_cast<uint32_t>(counter) + static_cast<uint32_t>(quarter);
    uint32x4_t c0 = vaddq_u32(vdupq_n_u32(first), vld1q_u32(kFirst));
    uint32x4_t c1 = vdupq_n_u32(static_cast<uint32_t>(counter >> 32));
    uint32x4_t c2 = vdupq_n_u32(0), c3 = c2;
    uint32_t k0 = key.low, k1 = key.high;
    for (int round = 0; round < kRngRounds; ++round) {
      uint32x4_t high0, low0, high1, low1;
      multiply(c0, m0, high0, low0);
      multiply(c2, m1, high1, low1);
      c0 = veorq_u32(veorq_u32(high1, c1), vdupq_n_u32(k0));
      c2 = veorq_u32(veorq_u32(high0, c3), vdupq_n_u32(k1));
      c1 = low1;
      c3 = low0;
      k0 += kPhiloxW0;
      k1 += kPhiloxW1;
    }
    vst1q_u32(out + quarter, c0);
    vst1q_u32(out + kRngLanes + quarter, c1);
    vst1q_u32(out + 2 * kRngLanes + quarter, c2);
    vst1q_u32(out + 3 * kRngLanes + quarter, c3);
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
