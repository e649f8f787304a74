// Puts stored blocks into the order in which block_formats-inl.h reads them. No include guard, part
// of block_products-inl.h, once per instruction set.

// Of each row, the 32 bytes from `at` on.
#if RETEMPER_LANES == 16

[[gnu::always_inline]] inline void Transpose32(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[kQuads]) {
  __m512i a[8], b[8];
  // Rows i and i + 8, then transposed by words within the halves of 256 bits.
  for (size_t i = 0; i < 8; ++i) {
    const auto load = [&](size_t row) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[row] + at));
    };
    a[i] = _mm512_mask_broadcast_i64x4(_mm512_castsi256_si512(load(i)), 0xf0, load(i + 8));
  }
  for (size_t i = 0; i < 8; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (size_t i = 0; i < 8; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  for (size_t i = 0; i < 4; ++i) {
    to[i] = _mm512_permutex2var_epi64(a[i], low, a[i + 4]);
    to[i + 4] = _mm512_permutex2var_epi64(a[i], high, a[i + 4]);
  }
}

#elif RETEMPER_LANES == 8

[[gnu::always_inline]] inline void Transpose32(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[kQuads]) {
  __m256i a[8], b[8];
  for (size_t i = 0; i < 8; ++i)
    a[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i] + at));
  for (size_t i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (size_t i = 0; i < 8; i += 4) {
    a[i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm256_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm256_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  for (size_t i = 0; i < 4; ++i) {
    to[i] = _mm256_permute2x128_si256(a[i], a[i + 4], 0x20);
    to[i + 4] = _mm256_permute2x128_si256(a[i], a[i + 4], 0x31);
  }
}

#elif RETEMPER_LANES == 0

inline void Transpose32(const uint8_t* const* rows, size_t at, Ints (&to)[kQuads]) {
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t q = 0; q < kQuads; ++q) __builtin_memcpy(&to[q].v[i], rows[i] + at + 4 * q, 4);
  }
}

#endif

// Of each row, the 16 bytes from `at` on.
#if RETEMPER_LANES >= 8

[[gnu::always_inline]] inline void Transpose16(const uint8_t* const* rows, size_t at,
                                               Ints (&to)[4]) {
  const auto load = [&](size_t row) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row] + at));
  };
  // Rows i, i + 4 and so on, transposed by words within pieces of 128 bits.
#if RETEMPER_LANES == 16
  __m512i a[4];
  for (size_t i = 0; i < 4; ++i) {
    a[i] = _mm512_mask_broadcast_i32x4(_mm512_castsi128_si512(load(i)), 0xf0, load(i + 4));
    a[i] = _mm512_mask_broadcast_i32x4(a[i], 0xf00, load(i + 8));
    a[i] = _mm512_mask_broadcast_i32x4(a[i], 0xf000, load(i + 12));
  }
  const __m512i b[4] = {_mm512_unpacklo_epi32(a[0], a[1]), _mm512_unpackhi_epi32(a[0], a[1]),
                        _mm512_unpacklo_epi32(a[2], a[3]), _mm512_unpackhi_epi32(a[2], a[3])};
  for (size_t i = 0; i < 2; ++i) {
    to[2 * i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    to[2 * i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
  }
#else
  __m256i a[4];
  for (size_t i = 0; i < 4; ++i)
    a[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load(i)), load(i + 4), 1);
  const __m256i b[4] = {_mm256_unpacklo_epi32(a[0], a[1]), _mm256_unpackhi_epi32(a[0], a[1]),
                        _mm256_unpacklo_epi32(a[2], a[3]), _mm256_unpackhi_epi32(a[2], a[3])};
  for (size_t i = 0; i < 2; ++i) {
    to[2 * i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
    to[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
  }
#endif
}

#elif RETEMPER_LANES == 0

inline void Transpose16(const uint8_t* const* rows, size_t at, Ints (&to)[4]) {
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t q = 0; q < 4; ++q) __builtin_memcpy(&to[q].v[i], rows[i] + at + 4 * q, 4);
  }
}

#endif

// --- panels ---

// Of each output from `first` on, its stored row. Lanes without an output repeat the last one.
struct StoredRows {
  const uint8_t* at[kOutputs];

  StoredRows(const BlockRows& w, size_t first) {
    for (size_t i = 0; i < kOutputs; ++i)
      at[i] = w.data + StoredRow(w, std::min(first + i, w.out - 1)) * w.RowBytes();
  }
};

template <size_t kBytes>
[[gnu::always_inline]] inline void PackField(const uint8_t* const* rows, size_t at, uint8_t* to) {
  for (size_t i = 0; i < kOutputs; ++i) __builtin_memcpy(to + i * kBytes, rows[i] + at, kBytes);
}
template <size_t kWords>
[[gnu::always_inline]] inline void StoreWords(const Ints (&words)[kWords], uint8_t* to) {
  for (size_t q = 0; q < kWords; ++q) StoreInts(to + q * sizeof(Ints), words[q]);
}

// `blocks` blocks of F's in the order of a panel.
template <class F>
inline void PackRows(const uint8_t* const* rows, size_t blocks, uint8_t* to) {
  constexpr size_t kBytes = FactsOf(F::kFormat).bytes, kHalves = LeadingHalves(F::kFormat);
  for (size_t b = 0; b < blocks; ++b, to += kBytes * kOutputs) {
    const size_t at = b * kBytes;
    if constexpr (kHalves > 0) {
      Ints head[4];
      Transpose16(rows, at, head);
      StoreHalves(to, head[0]);
      if constexpr (kHalves == 2) StoreHalves(to + 2 * kOutputs, ShiftRight(head[0], 16));
    }
    size_t i = 2 * kHalves;
    for (; i + 32 <= kBytes; i += 32) {
      Ints words[kQuads];
      Transpose32(rows, at + i, words);
      StoreWords(words, to + i * kOutputs);
    }
    for (; i + 16 <= kBytes; i += 16) {
      Ints words[4];
      Transpose16(rows, at + i, words);
      StoreWords(words, to + i * kOutputs);
    }
    for (; i + 4 <= kBytes; i += 4) PackField<4>(rows, at + i, to + i * kOutputs);
    for (; i < kBytes; i += 2) PackField<2>(rows, at + i, to + i * kOutputs);
    if constexpr (HasFifthBits(F::kFormat)) {
      uint8_t* const words = to + 2 * kHalves * kOutputs;
      for (size_t lane = 0; lane < kOutputs; ++lane) SwapFifthBitsAt(words + 4 * lane);
    }
  }
}

// The panel whose first output is `first`.
void PackPanel(const BlockRows& w, size_t first, uint8_t* to) {
  const StoredRows rows(w, first);
  OfFormat(w.format,
           [&]<class F>(F) { PackRows<F>(rows.at, w.in / FactsOf(F::kFormat).elements, to); });
}
