// The inner loop of products by vectors: lanes of some rows by some outputs, and the ends of sums.
// No include guard, part of matmul_lanes-inl.h.

// kSubsAtOnce registers of the lanes of some rows by some outputs.
template <size_t kRows, size_t kOuts, size_t kSubsAtOnce>
using Sums = Vec[kRows][kOuts][kSubsAtOnce];

// From memory, where lanes of row r and output o begin at (r * kOuts + o) * 16; or zeros.
template <size_t kRows, size_t kOuts, size_t kSubsAtOnce>
[[gnu::always_inline]] inline void LoadSums(Sums<kRows, kOuts, kSubsAtOnce>& sum, bool add,
                                            const float* sums) {
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t o = 0; o < kOuts; ++o) {
#pragma GCC unroll 8
      for (size_t s = 0; s < kSubsAtOnce; ++s) {
        sum[r][o][s] = add ? LoadVec(sums + (r * kOuts + o) * kLanes + s * kVec) : ZeroVec();
      }
    }
  }
}

// sum (+)= the lanes of row r and output o over `blocks` blocks, of registers from `first_sub` on.
// Strides in bytes and in floats. Where kAhead, as many bytes as are read are asked for from
// `ahead` on.
template <class W, size_t kRows, size_t kOuts, size_t kSubsAtOnce, bool kAhead>
[[gnu::always_inline]] inline void AddBlocks(Sums<kRows, kOuts, kSubsAtOnce>& sum, const uint8_t* w,
                                             size_t w_stride, const float* x, size_t x_stride,
                                             size_t blocks, size_t first_sub,
                                             [[maybe_unused]] const uint8_t* ahead) {
  for (size_t block = 0; block < blocks; ++block) {
    if constexpr (kAhead) {
#pragma GCC unroll 16
      for (size_t line = 0; line < kOuts * W::kBlockBytes; line += 64) {
        __builtin_prefetch(ahead + line);
      }
      ahead += kOuts * W::kBlockBytes;
    }
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
#pragma GCC unroll 8
      for (size_t s = 0; s < kSubsAtOnce; ++s) {
        Vec of_rows[kRows];
#pragma GCC unroll 8
        for (size_t r = 0; r < kRows; ++r) {
          of_rows[r] = LoadVec(x + r * x_stride + half * kLanes + (first_sub + s) * kVec);
        }
#pragma GCC unroll 8
        for (size_t o = 0; o < kOuts; ++o) {
          const Vec weights = W::Weights(w + o * w_stride, half, first_sub + s);
#pragma GCC unroll 8
          for (size_t r = 0; r < kRows; ++r) {
            sum[r][o][s] = MultiplyAdd(of_rows[r], weights, sum[r][o][s]);
          }
        }
      }
    }
    w += W::kBlockBytes;
    x += kBlockFloats;
  }
}

// sums[(r * kOuts + o) * 16 ...] (+)= AddBlocks.
template <class W, size_t kRows, size_t kOuts, size_t kSubsAtOnce, bool kAhead>
inline void Accumulate(const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                       size_t blocks, size_t first_sub, bool add, float* sums,
                       const uint8_t* ahead) {
  Sums<kRows, kOuts, kSubsAtOnce> sum;
  sums += first_sub * kVec;
  LoadSums<kRows, kOuts, kSubsAtOnce>(sum, add, sums);
  AddBlocks<W, kRows, kOuts, kSubsAtOnce, kAhead>(sum, w, w_stride, x, x_stride, blocks, first_sub,
                                                  ahead);
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t o = 0; o < kOuts; ++o) {
#pragma GCC unroll 8
      for (size_t s = 0; s < kSubsAtOnce; ++s) {
        StoreVec(sums + (r * kOuts + o) * kLanes + s * kVec, sum[r][o][s]);
      }
    }
  }
}

template <class W, size_t kRows, size_t kOuts>
void AccumulateAll(const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                   size_t blocks, bool add, float* sums, const uint8_t* ahead) {
  // One row reads each weight once and has registers to spare; more rows use them all up.
  constexpr size_t kSubsAtOnce = kRows == 1 ? kSubs : 1;
  for (size_t sub = 0; sub < kSubs; sub += kSubsAtOnce) {
    if (sub == 0 && ahead != nullptr) {
      Accumulate<W, kRows, kOuts, kSubsAtOnce, true>(w, w_stride, x, x_stride, blocks, sub, add,
                                                     sums, ahead);
    } else {
      Accumulate<W, kRows, kOuts, kSubsAtOnce, false>(w, w_stride, x, x_stride, blocks, sub, add,
                                                      sums, nullptr);
    }
  }
}

template <class W, size_t kOuts, size_t kRows = kMaxRows>
void AccumulateRows(size_t rows, const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                    size_t blocks, bool add, float* sums, const uint8_t* ahead = nullptr) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return AccumulateRows<W, kOuts, kRows - 1>(rows, w, w_stride, x, x_stride, blocks, add, sums,
                                                 ahead);
    }
  }
  AccumulateAll<W, kRows, kOuts>(w, w_stride, x, x_stride, blocks, add, sums, ahead);
}

// --- the ends of sums ---

inline float AddLanes(const float* lanes) {
  float t[8];
  for (size_t l = 0; l < 8; ++l) t[l] = lanes[l] + lanes[l + 8];
  for (size_t l = 0; l < 4; ++l) t[l] += t[l + 4];
  return (t[0] + t[2]) + (t[1] + t[3]);
}

#if RETEMPER_LANES == 16

// Two registers of lanes to one with half of the lanes of each.
inline __m512 Fold8(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}
inline __m512 Fold4(__m512 a, __m512 b) {
  const __m512i swapped =
      _mm512_set_epi32(27, 26, 25, 24, 15, 14, 13, 12, 19, 18, 17, 16, 7, 6, 5, 4);
  return _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_permutex2var_ps(a, swapped, b));
}
inline __m512 Fold2(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
}
inline __m512 Fold1(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
}
// The sums of kCount <= 16 times 16 lanes, and zeros.
template <size_t kCount>
inline __m512 AddLanesOf(const float* lanes) {
  __m512 v[16];
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) {
    v[i] = i < kCount ? _mm512_load_ps(lanes + 16 * i) : _mm512_setzero_ps();
  }
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; ++i) v[i] = Fold8(v[i], v[i + 8]);
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) v[i] = Fold4(v[i], v[i + 4]);
#pragma GCC unroll 2
  for (size_t i = 0; i < 2; ++i) v[i] = Fold2(v[i], v[i + 2]);
  // Quarters hold sums of i, i + 4, i + 8, i + 12, and pairs in them those of i, i + 2.
  const __m512i order = _mm512_set_epi32(15, 13, 14, 12, 11, 9, 10, 8, 7, 5, 6, 4, 3, 1, 2, 0);
  return _mm512_permutexvar_ps(order, Fold1(v[0], v[1]));
}

// Finish for kMaxRows rows by kOutsAtOnce outputs, 24 sums in registers.
[[gnu::always_inline]] inline void FinishWhole(const Product& product,
                                               const Sums<kMaxRows, kOutsAtOnce, 1>& sum,
                                               size_t row, size_t out) {
  const auto at = [&](size_t i) { return sum[i / kOutsAtOnce][i % kOutsAtOnce][0]; };
  __m512 v[8];
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; ++i) v[i] = Fold8(at(i), at(i + 8));
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) v[i] = Fold4(v[i], v[i + 4]);
  const __m512 first = Fold1(Fold2(v[0], v[2]), Fold2(v[1], v[3]));
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) v[i] = Fold8(at(i + 16), at(i + 20));
  const __m512 pairs = Fold2(Fold4(v[0], v[2]), Fold4(v[1], v[3]));
  // Quarters hold sums of i, i + 2, i + 1, i + 3 of the first 16; of the last 8, two, twice.
  const __m512 second = Fold1(pairs, pairs);
  const auto store = [&](size_t r, int a, int b, int c, int d, int e, int f) {
    const __m512i places = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, f, e, d, c, b, a);
    constexpr __mmask16 kSums = (1u << kOutsAtOnce) - 1;
    __m512 sums = _mm512_permutex2var_ps(first, places, second);
    if (product.bias != nullptr) {
      sums = _mm512_add_ps(sums, _mm512_maskz_loadu_ps(kSums, product.bias + out));
    }
    _mm512_mask_storeu_ps(product.y + (row + r) * product.y_stride + out, kSums, sums);
  };
  store(0, 0, 2, 1, 3, 4, 6);
  store(1, 5, 7, 8, 10, 9, 11);
  store(2, 12, 14, 13, 15, 16, 17);
  store(3, 20, 21, 24, 25, 28, 29);
}

#elif RETEMPER_LANES == 8

inline __m256 AddHalves(__m256 a, __m256 b) {
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
// The sums of four times 16 lanes, those of the first and third and of the second and fourth apart.
inline __m256 FoldLanes(const float* lanes) {
  __m256 v[4];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    v[i] = _mm256_add_ps(_mm256_load_ps(lanes + 16 * i), _mm256_load_ps(lanes + 16 * i + 8));
  }
  const __m256 a = AddHalves(v[0], v[1]), b = AddHalves(v[2], v[3]);
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
}

// Finish for kMaxRows = 3 rows by kOutsAtOnce = 4 outputs.
inline void FinishWhole(const Product& product, const float* lanes, size_t row, size_t out) {
  constexpr size_t kStep = kOutsAtOnce * kLanes;
  const __m256 last = FoldLanes(lanes + 2 * kStep);
  const __m256 sums = _mm256_hadd_ps(FoldLanes(lanes), FoldLanes(lanes + kStep));
  const __m256 third = _mm256_hadd_ps(last, last);
  const auto store = [&](size_t r, __m128 of_row) {
    if (product.bias != nullptr) of_row = _mm_add_ps(of_row, _mm_loadu_ps(product.bias + out));
    _mm_storeu_ps(product.y + (row + r) * product.y_stride + out, of_row);
  };
  const __m128 even = _mm256_castps256_ps128(sums), odd = _mm256_extractf128_ps(sums, 1);
  store(0, _mm_unpacklo_ps(even, odd));
  store(1, _mm_unpackhi_ps(even, odd));
  store(2, _mm_unpacklo_ps(_mm256_castps256_ps128(third), _mm256_extractf128_ps(third, 1)));
}

#endif

// n times 16 lanes to n sums.
inline void AddAllLanes(const float* lanes, size_t n, float* sums) {
#if RETEMPER_LANES == 16
  for (; n >= 16; n -= 16, lanes += 256, sums += 16) _mm512_storeu_ps(sums, AddLanesOf<16>(lanes));
  for (; n >= kOutsAtOnce; n -= kOutsAtOnce, lanes += kOutsAtOnce * kLanes, sums += kOutsAtOnce) {
    _mm512_mask_storeu_ps(sums, (1u << kOutsAtOnce) - 1, AddLanesOf<kOutsAtOnce>(lanes));
  }
#endif
  for (; n > 0; --n, lanes += kLanes) *sums++ = AddLanes(lanes);
}

// Writes rows by outputs: y = sum + bias.
template <size_t kOuts>
inline void Finish(const Product& product, const float* lanes, size_t row, size_t rows,
                   size_t out) {
#if RETEMPER_LANES == 8
  if constexpr (kOuts == kOutsAtOnce) {
    if (rows == kMaxRows) return FinishWhole(product, lanes, row, out);
  }
#endif
  float sums[kMaxRows * kOuts];
  AddAllLanes(lanes, rows * kOuts, sums);
  float* y = product.y + row * product.y_stride + out;
  for (size_t r = 0; r < rows; ++r, y += product.y_stride) {
    for (size_t o = 0; o < kOuts; ++o) {
      y[o] = product.bias == nullptr ? sums[r * kOuts + o]
                                     : sums[r * kOuts + o] + product.bias[out + o];
    }
  }
}

// AccumulateRows, and Finish where `finish`: as many sums as fit stay in registers in between.
template <class W, size_t kOuts>
inline void MultiplyRows(const Product& product, size_t row, size_t rows, size_t out,
                         const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                         size_t blocks, bool add, bool finish, float* sums,
                         const uint8_t* ahead = nullptr) {
#if RETEMPER_LANES == 16
  if constexpr (kOuts == kOutsAtOnce) {
    if (finish && rows == kMaxRows) {
      Sums<kMaxRows, kOuts, 1> sum;
      LoadSums<kMaxRows, kOuts, 1>(sum, add, sums);
      if (ahead != nullptr) {
        AddBlocks<W, kMaxRows, kOuts, 1, true>(sum, w, w_stride, x, x_stride, blocks, 0, ahead);
      } else {
        AddBlocks<W, kMaxRows, kOuts, 1, false>(sum, w, w_stride, x, x_stride, blocks, 0, nullptr);
      }
      return FinishWhole(product, sum, row, out);
    }
  }
#endif
  AccumulateRows<W, kOuts>(rows, w, w_stride, x, x_stride, blocks, add, sums, ahead);
  if (finish) Finish<kOuts>(product, sums, row, rows, out);
}
