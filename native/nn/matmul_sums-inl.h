// The inner loop of products by vectors: lanes of some rows by some outputs, and the ends of sums.
// No include guard, part of matmul_lanes-inl.h.

// sums[(r * kOuts + o) * 16 ...] (+)= the lanes of row r and output o over `blocks` blocks, for
// kSubsAtOnce registers of each sum, from `first_sub` on. Strides in bytes and in floats. Where
// kAhead, as many bytes as are read are asked for from `ahead` on.
template <class W, size_t kRows, size_t kOuts, size_t kSubsAtOnce, bool kAhead>
inline void Accumulate(const uint8_t* w, size_t w_stride, const float* x, size_t x_stride,
                       size_t blocks, size_t first_sub, bool add, float* sums,
                       [[maybe_unused]] const uint8_t* ahead) {
  Vec sum[kRows][kOuts][kSubsAtOnce];
  sums += first_sub * kVec;
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
