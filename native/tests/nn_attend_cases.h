// Shapes of attention, and sequences that are run through it piece by piece: for the tests.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "core/convert.h"
#include "nn/attend.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper::nn {
struct Shape {
  size_t heads, kv_heads, head_dim;
  float softcap = 0;
  size_t window = 0;
  size_t rotary = 0;
};
inline constexpr Shape kShapes[] = {
    {1, 1, 16},
    {9, 3, 64, 0, 0, 64},
    {4, 1, 24, 5.0f, 6, 24},  // Gemma 2, small
    {8, 2, 80, 0, 100, 32},   // a part of each head turns
    {4, 4, 40, 0, 300, 40},   // a head that is no multiple of a vector
    {7, 1, 128, 0, 0, 128},
    {40, 1, 16, 0, 0, 16},  // more heads of a group than a tile has queries
    {2, 1, 256, 50.0f, 0, 256},
};

inline AttendSpec SpecOf(const Shape& shape) {
  AttendSpec spec;
  spec.heads = shape.heads;
  spec.kv_heads = shape.kv_heads;
  spec.head_dim = shape.head_dim;
  spec.scale = 1 / std::sqrt(static_cast<float>(shape.head_dim));
  spec.softcap = shape.softcap;
  spec.window = shape.window;
  if (shape.rotary > 0) {
    RopeSpec rope;
    for (size_t i = 0; i < shape.rotary / 2; ++i) {
      rope.inverse_frequencies.push_back(static_cast<float>(
          std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(shape.rotary))));
    }
    spec.rope = rope;
  }
  return spec;
}

inline std::unique_ptr<PagedCache> CacheOf(const Shape& shape, size_t slots, size_t tokens,
                                           CacheElements elements = CacheElements::kFloat32) {
  return std::make_unique<PagedCache>(std::vector<CacheLayer>{{shape.kv_heads, shape.head_dim}},
                                      slots, tokens, elements);
}

// A part of a sequence: positions [begin, end) of a slot.
struct Piece {
  size_t slot, begin, end;
};

inline void SetPieces(Context& context, const std::vector<Piece>& pieces) {
  std::vector<int32_t> positions, slots;
  for (const Piece& piece : pieces) {
    for (size_t p = piece.begin; p < piece.end; ++p) {
      positions.push_back(static_cast<int32_t>(p));
      slots.push_back(static_cast<int32_t>(piece.slot));
    }
  }
  const std::vector<int32_t> zeros(positions.size(), 0);
  context.SetStep(zeros.data(), positions.data(), slots.data(), zeros.data(), nullptr,
                  positions.size());
}

// Runs pieces of sequences x[slot] [length, in] as one step; gives their results, row by row.
inline std::vector<float> RunPieces(Context& context, const Attend& attend, PagedCache& cache,
                                    const std::vector<std::vector<float>>& x,
                                    const std::vector<Piece>& pieces) {
  SetPieces(context, pieces);
  std::vector<float> rows;
  for (const Piece& piece : pieces) {
    const std::vector<float>& all = x[piece.slot];
    rows.insert(rows.end(), all.begin() + static_cast<ptrdiff_t>(piece.begin * attend.in()),
                all.begin() + static_cast<ptrdiff_t>(piece.end * attend.in()));
  }
  std::vector<float> y(context.step.rows() * attend.out());
  attend.Run(context, cache, rows.data(), context.step.rows(), y.data());
  return y;
}

inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace retemper::nn
