// Weights are the tile unit's left operand, straight from the mapped file: 16 outputs by 32 inputs.
// The right operand holds up to 16 columns of activations in bfloat16. One instruction adds, for
// every output and column, 32 exact products to a float32 sum, inputs in a fixed order; a column's
// sum does not depend on the others, so neither on how many there are.
//
// In float32, a row is three columns: x = x1 + x2 + x3 exactly, each with the 8 significant bits of
// a bfloat16, so y = w x1 + (w x2 + w x3) has float32's precision at several times the speed of
// float32 instructions. The unit treats subnormal numbers as zero (here: what is below 2^-126, in
// activations and in their parts), and an infinite weight gives NaN where a part of x is zero.
#include "nn/matmul_amx.h"

#include <algorithm>
#include <cstring>

#include "core/convert.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_AMX 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace retemper::nn {

#ifndef RETEMPER_AMX

const MatMulKernel* AmxKernel() { return nullptr; }

#else

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")

namespace {

constexpr size_t kOuts = 16;    // of a tile of weights
constexpr size_t kInputs = 32;  // of a block: 64 bytes, a row of a tile of weights
constexpr size_t kColumns = 16;
constexpr size_t kTileBytes = 1024;
constexpr size_t kTileFloats = 256;
constexpr size_t kFewOutTiles = 4;

// Packed activations that should stay in the second-level cache while weights pass by.
constexpr size_t kCachedBytes = 896 * 1024;
constexpr size_t kMostColumnTiles = 24;

size_t BlocksOf(size_t in) { return (in + kInputs - 1) / kInputs; }
size_t PartsOf(Precision precision) { return precision == Precision::kFloat32 ? 3 : 1; }
size_t GroupsOf(size_t rows) { return (rows + kRowsOfAGroup - 1) / kRowsOfAGroup; }
// Whether all columns fit one tile, column part * rows + row. Otherwise each group of 16 rows has a
// tile for each part.
bool IsFew(size_t rows, Precision precision) { return rows * PartsOf(precision) <= kColumns; }

// --- the tile unit
// ----------------------------------------------------------------------------------------------

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0 to 3 are sums, 4 and 5 weights, 6 and 7 activations. Without tiles in use, a switch of
// threads has less to save: every part configures, and releases at its end.
struct TilesInUse {
  explicit TilesInUse(size_t columns) {
    TileConfig config;
    for (int tile = 0; tile < 8; ++tile) {
      const bool is_weights = tile == 4 || tile == 5;
      config.row_bytes[tile] = static_cast<uint16_t>(is_weights ? 64 : columns * 4);
      config.rows[tile] = 16;
    }
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  ~TilesInUse() { asm volatile("tilerelease"); }
};

template <int kTile>
inline void TileLoad(const void* from, size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline void TileStore(void* to, size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline void TileZero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
template <int kSum, int kWeights, int kActivations>
inline void TileMultiply() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kWeights),
               "i"(kActivations));
}

// --- activations
// --------------------------------------------------------------------------------------------------

inline __m512i TopHalf(__m512i bits) {
  return _mm512_and_si512(bits, _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
}

// The next bfloat16 of x, by truncation, as float32; x becomes what is left.
inline __m512i TakePart(__m512& x) {
  __m512i part = TopHalf(_mm512_castps_si512(x));
  const __mmask16 special = _mm512_fpclass_ps_mask(x, 0x99);  // NaN or infinite
  // A NaN may have its payload in the lower half only.
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  part = _mm512_mask_or_epi32(part, nan, part, _mm512_set1_epi32(0x400000));
  x = _mm512_maskz_sub_ps(static_cast<__mmask16>(~special), x, _mm512_castsi512_ps(part));
  return part;
}

// x rounded to bfloat16, as float32. FloatToBf16 of core/convert.h.
inline __m512i Round(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return TopHalf(_mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000)));
}

// The upper halves of 32 floats, in order.
inline __m512i UpperHalves(__m512i first, __m512i second) {
  const __m512i odd_words = _mm512_add_epi16(
      _mm512_slli_epi16(_mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17,
                                         16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                        1),
      _mm512_set1_epi16(1));
  return _mm512_permutex2var_epi16(first, odd_words, second);
}

// 32 inputs of one row, those past `n` zero, as bfloat16: one vector a part.
inline void SplitBlock(const float* x, size_t n, Precision precision, __m512i* parts) {
  const uint32_t mask = n >= kInputs ? 0xffffffffu : (1u << n) - 1;
  __m512 first = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), x);
  __m512 second = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), x + 16);
  if (precision == Precision::kBfloat16) {
    parts[0] = UpperHalves(Round(first), Round(second));
    return;
  }
  for (int part = 0; part < 3; ++part) {
    const __m512i a = TakePart(first);
    const __m512i b = TakePart(second);
    parts[part] = UpperHalves(a, b);
  }
}

// 16 vectors of 16 words of 32 bits.
inline void Transpose(__m512i* v) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      v[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      v[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  }
  // v[4 i + j] holds columns j, j + 4, j + 8, j + 12 of rows 4 i to 4 i + 3.
  for (int j = 0; j < 4; ++j) {
    t[j] = _mm512_shuffle_i32x4(v[j], v[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0x88);
    t[8 + j] = _mm512_shuffle_i32x4(v[j], v[4 + j], 0xdd);
    t[12 + j] = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0xdd);
  }
  for (int j = 0; j < 4; ++j) {
    v[j] = _mm512_shuffle_i32x4(t[j], t[4 + j], 0x88);
    v[8 + j] = _mm512_shuffle_i32x4(t[j], t[4 + j], 0xdd);
    v[4 + j] = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0x88);
    v[12 + j] = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0xdd);
  }
}

size_t PackedBytes(const Matrix& w, size_t rows, Precision precision) {
  const size_t blocks = BlocksOf(w.in), parts = PartsOf(precision);
  if (IsFew(rows, precision)) return blocks * 64 * rows * parts;
  return GroupsOf(rows) * parts * blocks * kTileBytes;
}

void PackFew(const float* x, size_t x_stride, size_t rows, size_t in, Precision precision,
             uint8_t* packed) {
  const size_t parts = PartsOf(precision), columns = rows * parts;
  const __m512i places =
      _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                         _mm512_set1_epi32(static_cast<int>(columns)));
  for (size_t first = 0; first < in; first += kInputs) {
    for (size_t row = 0; row < rows; ++row) {
      __m512i split[3];
      SplitBlock(x + row * x_stride + first, in - first, precision, split);
      for (size_t part = 0; part < parts; ++part) {
        uint8_t* to = packed + 4 * (part * rows + row);
        if (columns == 1) {
          _mm512_storeu_si512(to, split[part]);
        } else {
          _mm512_i32scatter_epi32(to, places, split[part], 4);
        }
      }
    }
    packed += 64 * columns;
  }
}

void Pack(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision precision,
          size_t group, uint8_t* packed) {
  if (IsFew(rows, precision)) return PackFew(x, x_stride, rows, w.in, precision, packed);
  const size_t parts = PartsOf(precision), blocks = BlocksOf(w.in);
  const size_t first_row = group * kRowsOfAGroup;
  const size_t n = std::min(rows - first_row, kRowsOfAGroup);
  packed += group * parts * blocks * kTileBytes;
  for (size_t block = 0; block < blocks; ++block) {
    const size_t first = block * kInputs;
    __m512i split[3][16];
    for (size_t row = 0; row < kRowsOfAGroup; ++row) {
      __m512i of_row[3] = {};
      if (row < n) {
        SplitBlock(x + (first_row + row) * x_stride + first, w.in - first, precision, of_row);
      }
      for (size_t part = 0; part < parts; ++part) split[part][row] = of_row[part];
    }
    for (size_t part = 0; part < parts; ++part) {
      Transpose(split[part]);
      uint8_t* to = packed + (part * blocks + block) * kTileBytes;
      for (size_t i = 0; i < 16; ++i) _mm512_store_si512(to + 64 * i, split[part][i]);
    }
  }
}

// --- weights
// --------------------------------------------------------------------------------------------------------

// The weights of 16 outputs: block b's rows lie `stride` apart from base + b * step on. `last`, if
// there is one, is the place of the last block, as a packed tile.
struct Panel {
  const uint8_t* base;
  size_t stride;
  size_t step;
  const uint8_t* last;
};

// Copies up to 16 outputs by up to 32 inputs to a tile, filled up with zeros.
void CopyTile(const Matrix& w, size_t first_out, size_t first_in, uint8_t* tile) {
  const size_t outs = std::min(w.out - first_out, kOuts);
  const size_t ins = std::min(w.in - first_in, kInputs);
  if (!w.in_major) {
    const __mmask32 mask = ins == kInputs ? 0xffffffffu : (1u << ins) - 1;
    const uint8_t* from = w.data + 2 * (first_out * w.in + first_in);
    for (size_t o = 0; o < kOuts; ++o, from += 2 * w.in) {
      const __m512i row = o < outs ? _mm512_maskz_loadu_epi16(mask, from) : _mm512_setzero_si512();
      _mm512_store_si512(tile + 64 * o, row);
    }
    return;
  }
  // Pairs of inputs for 16 outputs, in words of 32 bits, and then transposed.
  const __mmask16 mask = static_cast<__mmask16>((1u << outs) - 1);
  __m512i pairs[16];
  for (size_t pair = 0; pair < 16; ++pair) {
    __m512i halves[2];
    for (size_t i = 0; i < 2; ++i) {
      const size_t in = 2 * pair + i;
      halves[i] = _mm512_setzero_si512();
      if (in >= ins) continue;
      halves[i] = _mm512_cvtepu16_epi32(
          _mm256_maskz_loadu_epi16(mask, w.data + 2 * ((first_in + in) * w.out + first_out)));
    }
    pairs[pair] = _mm512_or_si512(halves[0], _mm512_slli_epi32(halves[1], 16));
  }
  Transpose(pairs);
  for (size_t o = 0; o < kOuts; ++o) _mm512_store_si512(tile + 64 * o, pairs[o]);
}

// The panel of 16 outputs from `first_out` on; what does not lie in the file as tiles need it is
// copied to `room`, which has a tile for each block.
Panel PanelOf(const Matrix& w, size_t first_out, uint8_t* room) {
  const size_t blocks = BlocksOf(w.in);
  if (w.in_major || first_out + kOuts > w.out) {
    for (size_t block = 0; block < blocks; ++block) {
      CopyTile(w, first_out, block * kInputs, room + block * kTileBytes);
    }
    return {room, 64, kTileBytes, nullptr};
  }
  const uint8_t* base = w.data + 2 * first_out * w.in;
  if (w.in % kInputs == 0) return {base, 2 * w.in, 64, nullptr};
  CopyTile(w, first_out, (blocks - 1) * kInputs, room);
  return {base, 2 * w.in, 64, room};
}

// --- products
// -------------------------------------------------------------------------------------------------------

// Adds the bias and writes 16 outputs of some rows; sums[r] are the sums of row r.
inline void StoreRows(const Product& product, size_t first_row, size_t rows, size_t first_out,
                      const __m512* sums) {
  const size_t outs = std::min(product.w.out - first_out, kOuts);
  const __mmask16 mask = static_cast<__mmask16>((1u << outs) - 1);
  __m512 bias = _mm512_setzero_ps();
  if (product.bias != nullptr) bias = _mm512_maskz_loadu_ps(mask, product.bias + first_out);
  float* y = product.y + first_row * product.y_stride + first_out;
  for (size_t row = 0; row < rows; ++row, y += product.y_stride) {
    _mm512_mask_storeu_ps(y, mask,
                          product.bias != nullptr ? _mm512_add_ps(sums[row], bias) : sums[row]);
  }
}

inline __m512 AddParts(__m512 first, __m512 second, __m512 third) {
  return _mm512_add_ps(first, _mm512_add_ps(second, third));
}

// One tile of columns, kTiles panels of weights.
template <size_t kTiles>
void MultiplyFew(const Panel* panels, const uint8_t* packed, size_t columns, size_t blocks,
                 float* sums) {
  TileZero<0>();
  if constexpr (kTiles > 1) TileZero<1>();
  if constexpr (kTiles > 2) TileZero<2>();
  if constexpr (kTiles > 3) TileZero<3>();
  const size_t row_bytes = 4 * columns;
  const size_t direct = panels[0].last != nullptr ? blocks - 1 : blocks;
  const uint8_t *p0 = panels[0].base, *p1 = panels[kTiles > 1 ? 1 : 0].base,
                *p2 = panels[kTiles > 2 ? 2 : 0].base, *p3 = panels[kTiles > 3 ? 3 : 0].base;
  const size_t stride = panels[0].stride, step = panels[0].step;
  for (size_t block = 0; block < direct; ++block) {
    TileLoad<6>(packed + block * 16 * row_bytes, row_bytes);
    TileLoad<4>(p0 + block * step, stride);
    TileMultiply<0, 4, 6>();
    if constexpr (kTiles > 1) {
      TileLoad<5>(p1 + block * step, stride);
      TileMultiply<1, 5, 6>();
    }
    if constexpr (kTiles > 2) {
      TileLoad<4>(p2 + block * step, stride);
      TileMultiply<2, 4, 6>();
    }
    if constexpr (kTiles > 3) {
      TileLoad<5>(p3 + block * step, stride);
      TileMultiply<3, 5, 6>();
    }
  }
  if (direct < blocks) {
    TileLoad<6>(packed + direct * 16 * row_bytes, row_bytes);
    TileLoad<4>(panels[0].last, 64);
    TileMultiply<0, 4, 6>();
    if constexpr (kTiles > 1) {
      TileLoad<5>(panels[1].last, 64);
      TileMultiply<1, 5, 6>();
    }
    if constexpr (kTiles > 2) {
      TileLoad<4>(panels[2].last, 64);
      TileMultiply<2, 4, 6>();
    }
    if constexpr (kTiles > 3) {
      TileLoad<5>(panels[3].last, 64);
      TileMultiply<3, 5, 6>();
    }
  }
  TileStore<0>(sums, 64);
  if constexpr (kTiles > 1) TileStore<1>(sums + kTileFloats, 64);
  if constexpr (kTiles > 2) TileStore<2>(sums + 2 * kTileFloats, 64);
  if constexpr (kTiles > 3) TileStore<3>(sums + 3 * kTileFloats, 64);
}

void MultiplyFewColumns(const Product& product, size_t first_out, size_t end_out,
                        uint8_t* scratch) {
  const Matrix& w = product.w;
  const size_t rows = product.rows, parts = PartsOf(product.precision), columns = rows * parts;
  const size_t blocks = BlocksOf(w.in);
  alignas(64) float sums[kFewOutTiles * kTileFloats];
  const TilesInUse tiles_in_use(columns);
  for (size_t out = first_out; out < end_out;) {
    // Panels of one call lie alike: all in the file, or all copied.
    const bool is_direct = !w.in_major && out + kOuts <= w.out;
    const size_t whole = is_direct ? (std::min(end_out, w.out) - out) / kOuts : 1;
    const size_t tiles = whole >= 4 ? 4 : whole >= 2 ? 2 : 1;
    Panel panels[kFewOutTiles];
    for (size_t tile = 0; tile < tiles; ++tile) {
      panels[tile] = PanelOf(w, out + tile * kOuts, scratch + tile * kTileBytes);
    }
    const auto multiply = tiles == 4   ? MultiplyFew<4>
                          : tiles == 2 ? MultiplyFew<2>
                                       : MultiplyFew<1>;
    multiply(panels, product.packed, columns, blocks, sums);
    for (size_t tile = 0; tile < tiles; ++tile, out += kOuts) {
      __m512i t[16];
      for (size_t o = 0; o < kOuts; ++o)
        t[o] = _mm512_load_si512(sums + tile * kTileFloats + 16 * o);
      Transpose(t);
      __m512 of_rows[16];
      for (size_t row = 0; row < rows; ++row) {
        of_rows[row] = _mm512_castsi512_ps(t[row]);
        if (parts == 3) {
          of_rows[row] = AddParts(of_rows[row], _mm512_castsi512_ps(t[rows + row]),
                                  _mm512_castsi512_ps(t[2 * rows + row]));
        }
      }
      StoreRows(product, 0, rows, out, of_rows);
    }
  }
}

// kOutTiles panels by kColumnTiles tiles of activations (1 or 2 of each), over blocks
// [first, end). Sums of column tile c and panel o at sums + c * column_step + o * kTileFloats.
template <size_t kOutTiles, size_t kColumnTiles>
void MultiplyMany(const Panel* panels, const uint8_t* const* columns, size_t first, size_t end,
                  size_t blocks, float* sums, size_t column_step) {
  float* const s1 = sums + kTileFloats;
  float* const s2 = sums + column_step;
  float* const s3 = s2 + kTileFloats;
  if (first == 0) {
    TileZero<0>();
    if constexpr (kOutTiles > 1) TileZero<1>();
    if constexpr (kColumnTiles > 1) TileZero<2>();
    if constexpr (kOutTiles > 1 && kColumnTiles > 1) TileZero<3>();
  } else {
    TileLoad<0>(sums, 64);
    if constexpr (kOutTiles > 1) TileLoad<1>(s1, 64);
    if constexpr (kColumnTiles > 1) TileLoad<2>(s2, 64);
    if constexpr (kOutTiles > 1 && kColumnTiles > 1) TileLoad<3>(s3, 64);
  }
  const uint8_t *p0 = panels[0].base, *p1 = panels[kOutTiles - 1].base;
  const uint8_t *c0 = columns[0], *c1 = columns[kColumnTiles - 1];
  const size_t stride0 = panels[0].stride, step0 = panels[0].step;
  const size_t stride1 = panels[kOutTiles - 1].stride, step1 = panels[kOutTiles - 1].step;
  const auto multiply = [] {
    TileMultiply<0, 4, 6>();
    if constexpr (kOutTiles > 1) TileMultiply<1, 5, 6>();
    if constexpr (kColumnTiles > 1) TileMultiply<2, 4, 7>();
    if constexpr (kOutTiles > 1 && kColumnTiles > 1) TileMultiply<3, 5, 7>();
  };
  const auto load_columns = [c0, c1](size_t block) {
    TileLoad<6>(c0 + block * kTileBytes, 64);
    if constexpr (kColumnTiles > 1) TileLoad<7>(c1 + block * kTileBytes, 64);
  };
  const bool has_last =
      end == blocks && (panels[0].last != nullptr || panels[kOutTiles - 1].last != nullptr);
  for (size_t block = first; block < (has_last ? end - 1 : end); ++block) {
    load_columns(block);
    TileLoad<4>(p0 + block * step0, stride0);
    if constexpr (kOutTiles > 1) TileLoad<5>(p1 + block * step1, stride1);
    multiply();
  }
  if (has_last) {
    const auto load = [&](const Panel& panel, auto tile) {
      if (panel.last != nullptr) {
        TileLoad<tile()>(panel.last, 64);
      } else {
        TileLoad<tile()>(panel.base + (blocks - 1) * panel.step, panel.stride);
      }
    };
    load_columns(blocks - 1);
    load(panels[0], std::integral_constant<int, 4>());
    if constexpr (kOutTiles > 1) load(panels[1], std::integral_constant<int, 5>());
    multiply();
  }
  TileStore<0>(sums, 64);
  if constexpr (kOutTiles > 1) TileStore<1>(s1, 64);
  if constexpr (kColumnTiles > 1) TileStore<2>(s2, 64);
  if constexpr (kOutTiles > 1 && kColumnTiles > 1) TileStore<3>(s3, 64);
}

void MultiplyPair(const Panel* panels, size_t out_tiles, const uint8_t* packed, size_t column_tiles,
                  size_t first, size_t end, size_t blocks, float* sums, size_t column_step) {
  for (size_t column = 0; column < column_tiles; column += 2) {
    const size_t n = std::min<size_t>(column_tiles - column, 2);
    const uint8_t* columns[2] = {packed + column * blocks * kTileBytes,
                                 packed + (column + n - 1) * blocks * kTileBytes};
    const auto multiply = out_tiles == 2 ? (n == 2 ? MultiplyMany<2, 2> : MultiplyMany<2, 1>)
                                         : (n == 2 ? MultiplyMany<1, 2> : MultiplyMany<1, 1>);
    multiply(panels, columns, first, end, blocks, sums + column * column_step, column_step);
  }
}

// Sums of whole groups of rows, from tiles [column][panel] to y.
void StoreGroups(const Product& product, size_t first_row, size_t end_row, size_t first_out,
                 const float* sums, size_t column_step) {
  const size_t parts = PartsOf(product.precision);
  for (size_t row = first_row; row < end_row; row += kRowsOfAGroup, sums += parts * column_step) {
    __m512i t[16];
    for (size_t o = 0; o < kOuts; ++o) {
      __m512 sum = _mm512_load_ps(sums + 16 * o);
      if (parts == 3) {
        sum = AddParts(sum, _mm512_load_ps(sums + column_step + 16 * o),
                       _mm512_load_ps(sums + 2 * column_step + 16 * o));
      }
      t[o] = _mm512_castps_si512(sum);
    }
    Transpose(t);
    __m512 of_rows[16];
    for (size_t i = 0; i < 16; ++i) of_rows[i] = _mm512_castsi512_ps(t[i]);
    StoreRows(product, row, std::min(end_row - row, kRowsOfAGroup), first_out, of_rows);
  }
}

Cut CutOf(const Product& product) {
  const size_t blocks = BlocksOf(product.w.in), parts = PartsOf(product.precision);
  if (IsFew(product.rows, product.precision)) {
    return {product.rows, kOuts, std::max(blocks, kFewOutTiles) * kTileBytes};
  }
  const size_t row_step = kMostColumnTiles / parts / 2 * 2 * kRowsOfAGroup;
  // Two panels, and the sums of two panels (or of all of a part's, where inputs come in turns).
  return {row_step, 2 * kOuts, 2 * blocks * kTileBytes + 2 * kMostColumnTiles * kTileBytes};
}

void Multiply(const Product& product, size_t first_row, size_t end_row, size_t first_out,
              size_t end_out, uint8_t* scratch) {
  if (IsFew(product.rows, product.precision)) {
    return MultiplyFewColumns(product, first_out, end_out, scratch);
  }
  const Matrix& w = product.w;
  const size_t blocks = BlocksOf(w.in), parts = PartsOf(product.precision);
  const size_t column_tiles = GroupsOf(end_row - first_row) * parts;
  const uint8_t* packed = product.packed + first_row / kRowsOfAGroup * parts * blocks * kTileBytes;
  float* sums = reinterpret_cast<float*>(scratch + 2 * blocks * kTileBytes);
  const TilesInUse tiles_in_use(kColumns);
  for (size_t out = first_out; out < end_out; out += 2 * kOuts) {
    const size_t out_tiles = out + kOuts < std::min(end_out, w.out) ? 2 : 1;
    Panel panels[2];
    for (size_t tile = 0; tile < out_tiles; ++tile) {
      panels[tile] = PanelOf(w, out + tile * kOuts, scratch + tile * blocks * kTileBytes);
    }
    MultiplyPair(panels, out_tiles, packed, column_tiles, 0, blocks, blocks, sums, 2 * kTileFloats);
    for (size_t tile = 0; tile < out_tiles; ++tile) {
      StoreGroups(product, first_row, end_row, out + tile * kOuts, sums + tile * kTileFloats,
                  2 * kTileFloats);
    }
  }
}

bool Handles(Dtype dtype, Precision) { return dtype == Dtype::kBF16; }

constexpr MatMulKernel kKernel = {"amx", Handles, PackedBytes, Pack, CutOf, Multiply};

}  // namespace

#pragma GCC pop_options

const MatMulKernel* AmxKernel() {
  static const bool available = [] {
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
    if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0) return false;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl")) {
      return false;
    }
    // Tiles are a large state, which Linux keeps for those only who asked (in any thread, for all).
    constexpr int kRequestPermission = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return available ? &kKernel : nullptr;
}

#endif

}  // namespace retemper::nn
