#include "nn/amx_pack.h"

#ifdef RETEMPER_AMX

#include <immintrin.h>

#include <algorithm>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,bmi,bmi2,prefer-vector-width=512")

namespace retemper::nn::amx {

namespace {

// 16 by 16 words of 32 bits; `from` is aligned, its rows lie 64 bytes apart. With kStreams, `to` is
// whole cache lines, which go past the caches.
template <bool kStreams = false>
inline void Transpose(const void* from, void* to, size_t to_stride) {
  const auto* rows = static_cast<const uint8_t*>(from);
  auto* out = static_cast<uint8_t*>(to);
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    // Columns 4 j to 4 j + 3: t[i] has them of rows i, i + 4, i + 8 and i + 12.
    __m512 t[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const auto* p = reinterpret_cast<const float*>(rows + 64 * i + 16 * j);
      t[i] = _mm512_castps128_ps512(_mm_load_ps(p));
      t[i] = _mm512_insertf32x4(t[i], _mm_load_ps(p + 64), 1);
      t[i] = _mm512_insertf32x4(t[i], _mm_load_ps(p + 128), 2);
      t[i] = _mm512_insertf32x4(t[i], _mm_load_ps(p + 192), 3);
    }
    const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(t[0], t[1]));
    const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(t[0], t[1]));
    const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(t[2], t[3]));
    const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(t[2], t[3]));
    const __m512d columns[4] = {_mm512_unpacklo_pd(a, c), _mm512_unpackhi_pd(a, c),
                                _mm512_unpacklo_pd(b, d), _mm512_unpackhi_pd(b, d)};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      auto* column = reinterpret_cast<double*>(out + (4 * j + i) * to_stride);
      if constexpr (kStreams) {
        _mm512_stream_pd(column, columns[i]);
      } else {
        _mm512_storeu_pd(column, columns[i]);
      }
    }
  }
}

// The upper halves of 32 floats, in order.
inline __m512i UpperHalves(__m512i first, __m512i second) {
  const __m512i odd_words =
      _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27,
                       25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(first, odd_words, second);
}

inline __m512i TopHalf(__m512 x) {
  return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
}

// The first parts of special numbers are the numbers, their other parts are zero. (A NaN may have
// its payload in the lower half alone.)
inline __m512i SpecialTop(__m512 x) {
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(TopHalf(x), nan, TopHalf(x), _mm512_set1_epi32(0x400000));
}

// 32 inputs of one row, those past `n` zero, as bfloat16: one vector a part.
template <bool kSplit>
inline void SplitBlock(const float* x, size_t n, __m512i* parts) {
  __m512 a, b;
  if (n >= kInputs) {
    a = _mm512_loadu_ps(x);
    b = _mm512_loadu_ps(x + 16);
  } else {
    const uint32_t mask = (1u << n) - 1;
    a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), x);
    b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), x + 16);
  }
  if constexpr (!kSplit) {
    // Rounds to nearest even; a subnormal becomes zero, as it would in the tile unit.
    parts[0] = __builtin_bit_cast(__m512i, _mm512_cvtne2ps_pbh(b, a));
    return;
  }
  // Each part is truncated, so nothing overflows and what is left is exact.
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i largest = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                           _mm512_and_si512(_mm512_castps_si512(b), magnitude));
  if (_mm512_cmpge_epu32_mask(largest, _mm512_set1_epi32(0x7f800000)) != 0) {
    const __mmask16 keep_a = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(a, 0x99));
    const __mmask16 keep_b = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(b, 0x99));
    const __m512i top_a = SpecialTop(a), top_b = SpecialTop(b);
    parts[0] = UpperHalves(top_a, top_b);
    a = _mm512_maskz_sub_ps(keep_a, a, _mm512_castsi512_ps(top_a));
    b = _mm512_maskz_sub_ps(keep_b, b, _mm512_castsi512_ps(top_b));
  } else {
    parts[0] = UpperHalves(_mm512_castps_si512(a), _mm512_castps_si512(b));
    a = _mm512_sub_ps(a, _mm512_castsi512_ps(TopHalf(a)));
    b = _mm512_sub_ps(b, _mm512_castsi512_ps(TopHalf(b)));
  }
  parts[1] = UpperHalves(_mm512_castps_si512(a), _mm512_castps_si512(b));
  a = _mm512_sub_ps(a, _mm512_castsi512_ps(TopHalf(a)));
  b = _mm512_sub_ps(b, _mm512_castsi512_ps(TopHalf(b)));
  parts[2] = UpperHalves(_mm512_castps_si512(a), _mm512_castps_si512(b));
}

template <bool kSplit>
void PackFew(const float* x, size_t x_stride, size_t rows, size_t in, uint8_t* packed) {
  constexpr size_t kParts = kSplit ? 3 : 1;
  const size_t columns = rows * kParts;
  const __m512i places =
      _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                         _mm512_set1_epi32(static_cast<int>(columns)));
  for (size_t first = 0; first < in; first += kInputs, packed += 64 * columns) {
    for (size_t row = 0; row < rows; ++row) {
      __m512i parts[kParts];
      SplitBlock<kSplit>(x + row * x_stride + first, in - first, parts);
      for (size_t part = 0; part < kParts; ++part) {
        uint8_t* to = packed + 4 * (part * rows + row);
        if (columns == 1) {
          _mm512_storeu_si512(to, parts[part]);
        } else {
          _mm512_i32scatter_epi32(to, places, parts[part], 4);
        }
      }
    }
  }
}

template <bool kSplit>
void PackGroup(const float* x, size_t x_stride, size_t rows, size_t in, uint8_t* packed) {
  constexpr size_t kParts = kSplit ? 3 : 1;
  const size_t blocks = BlocksOf(in);
  alignas(64) uint8_t split[kParts][kTileBytes] = {};
  for (size_t block = 0; block < blocks; ++block) {
    const size_t first = block * kInputs;
    for (size_t row = 0; row < rows; ++row) {
      __m512i parts[kParts];
      SplitBlock<kSplit>(x + row * x_stride + first, in - first, parts);
      for (size_t part = 0; part < kParts; ++part) {
        _mm512_store_si512(split[part] + 64 * row, parts[part]);
      }
    }
    for (size_t part = 0; part < kParts; ++part) {
      Transpose(split[part], packed + (part * blocks + block) * kTileBytes, 64);
    }
  }
}

// Adds the bias to 16 outputs of each row, in place.
inline void AddBias(const Product& product, size_t first_row, size_t rows, size_t first_out,
                    __mmask16 mask) {
  if (product.bias == nullptr) return;
  const __m512 bias = _mm512_maskz_loadu_ps(mask, product.bias + first_out);
  float* y = product.y + first_row * product.y_stride + first_out;
  for (size_t row = 0; row < rows; ++row, y += product.y_stride) {
    _mm512_mask_storeu_ps(y, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y), bias));
  }
}

inline __m512 AddParts(const float* first, const float* second, const float* third) {
  return _mm512_add_ps(_mm512_loadu_ps(first),
                       _mm512_add_ps(_mm512_loadu_ps(second), _mm512_loadu_ps(third)));
}

// Sums [output][row] of up to 16 rows to y.
void StoreTile(const Product& product, size_t first_row, size_t rows, size_t first_out,
               const float* sums) {
  float* y = product.y + first_row * product.y_stride + first_out;
  const size_t outs = std::min(product.w.out - first_out, kOuts);
  const __mmask16 mask = static_cast<__mmask16>((1u << outs) - 1);
  if (outs == kOuts && rows == kRowsOfAGroup) {
    const size_t stride = product.y_stride * sizeof(float);
    (Streams(product) ? Transpose<true> : Transpose<false>)(sums, y, stride);
  } else {
    alignas(64) float turned[kTileFloats];
    Transpose(sums, turned, 64);
    for (size_t row = 0; row < rows; ++row) {
      _mm512_mask_storeu_ps(y + row * product.y_stride, mask, _mm512_load_ps(turned + 16 * row));
    }
  }
  AddBias(product, first_row, rows, first_out, mask);
}

}  // namespace

size_t PackedBytes(const Matrix& w, size_t rows, Precision precision) {
  const size_t blocks = BlocksOf(w.in), parts = PartsOf(precision);
  if (IsFew(rows, precision)) return blocks * 64 * rows * parts;
  return GroupsOf(rows) * parts * blocks * kTileBytes;
}

void Pack(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision precision,
          size_t group, uint8_t* packed) {
  const bool split = precision == Precision::kFloat32;
  if (IsFew(rows, precision)) {
    return (split ? PackFew<true> : PackFew<false>)(x, x_stride, rows, w.in, packed);
  }
  const size_t first_row = group * kRowsOfAGroup;
  (split ? PackGroup<true>
         : PackGroup<false>)(x + first_row * x_stride, x_stride,
                             std::min(rows - first_row, kRowsOfAGroup), w.in,
                             packed + group * PartsOf(precision) * BlocksOf(w.in) * kTileBytes);
}

void CopyTile(const Matrix& w, size_t first_out, size_t out_step, size_t block, uint8_t* tile) {
  const size_t first_in = block * kInputs;
  const size_t outs = out_step > 1 ? kOuts : std::min(w.out - first_out, kOuts);
  const size_t ins = std::min(w.in - first_in, kInputs);
  const size_t stride = 2 * w.in * out_step;
  if (!w.in_major) {
    const uint8_t* from = w.data + 2 * (first_out * w.in + first_in);
    if (outs == kOuts && ins == kInputs) {
      for (size_t o = 0; o < kOuts; ++o, from += stride) {
        _mm512_store_si512(tile + 64 * o, _mm512_loadu_si512(from));
      }
      return;
    }
    const __mmask32 mask = ins == kInputs ? 0xffffffffu : (1u << ins) - 1;
    for (size_t o = 0; o < kOuts; ++o, from += stride) {
      const __m512i row = o < outs ? _mm512_maskz_loadu_epi16(mask, from) : _mm512_setzero_si512();
      _mm512_store_si512(tile + 64 * o, row);
    }
    return;
  }
  // Pairs of inputs for 16 outputs, in words of 32 bits, and then transposed.
  const __mmask16 mask = static_cast<__mmask16>((1u << outs) - 1);
  alignas(64) uint8_t pairs[kTileBytes];
  const uint8_t* from = w.data + 2 * (first_in * w.out + first_out);
  const size_t far = w.in - first_in > 2 * kInputs ? 2 * kInputs * w.out : 0;
  for (size_t in = 0; in < kInputs; in += 2, from += 4 * w.out) {
    __builtin_prefetch(from + far, 0, 2);
    __builtin_prefetch(from + far + 2 * w.out, 0, 2);
    __m256i low = _mm256_setzero_si256(), high = low;
    if (in < ins) low = _mm256_maskz_loadu_epi16(mask, from);
    if (in + 1 < ins) high = _mm256_maskz_loadu_epi16(mask, from + 2 * w.out);
    _mm512_store_si512(pairs + 32 * in,
                       _mm512_or_si512(_mm512_cvtepu16_epi32(low),
                                       _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16)));
  }
  Transpose(pairs, tile, 64);
}

bool Streams(const Product& product) {
  return product.bias == nullptr && product.rows * product.w.out >= kStreamedFloats &&
         reinterpret_cast<uintptr_t>(product.y) % 64 == 0 && product.y_stride % 16 == 0;
}

void StoreFew(const Product& product, size_t first_out, const float* sums) {
  const size_t rows = product.rows;
  alignas(64) float added[kTileFloats];
  if (product.precision == Precision::kFloat32) {
    for (size_t o = 0; o < kOuts; ++o, sums += kColumns) {
      const __mmask16 mask = static_cast<__mmask16>((1u << rows) - 1);
      const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, sums),
                                       _mm512_add_ps(_mm512_maskz_loadu_ps(mask, sums + rows),
                                                     _mm512_maskz_loadu_ps(mask, sums + 2 * rows)));
      _mm512_store_ps(added + 16 * o, sum);
    }
    sums = added;
  }
  StoreTile(product, 0, rows, first_out, sums);
}

void StoreMany(const Product& product, size_t first_row, size_t end_row, size_t first_out,
               float* sums, size_t column_step) {
  const size_t parts = PartsOf(product.precision);
  for (size_t row = first_row; row < end_row; row += kRowsOfAGroup, sums += parts * column_step) {
    if (parts == 3) {
      for (size_t i = 0; i < kTileFloats; i += 16) {
        float* sum = sums + i;
        _mm512_store_ps(sum, AddParts(sum, sum + column_step, sum + 2 * column_step));
      }
    }
    StoreTile(product, row, std::min(end_row - row, kRowsOfAGroup), first_out, sums);
  }
}

}  // namespace retemper::nn::amx

#pragma GCC pop_options

#endif
