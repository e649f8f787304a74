// Attention of a few queries over one chunk of the cache. No include guard: see lanes-inl.h.
//
// Keys lie transposed in their pages, so scores (queries x keys^T) and results (weights x values)
// are the same product: a few rows a[r][k] times b[k][columns], both summed over k in ascending
// order. The order of a query's sums depends on its own range alone: queries whose ranges differ
// share a product only over the part that all of them see.

#if RETEMPER_LANES == 16
constexpr size_t kPanelColumns = 4;  // vectors of columns at once: 24 sums in 32 registers
#elif defined(__aarch64__)
constexpr size_t kPanelColumns = 4;
#else
constexpr size_t kPanelColumns = 2;  // 12 sums in 16 registers
#endif
constexpr size_t kPanelRows = 6;

// c[r][0 .. kColumns * kLanes) = sum over k in [begin, end) of a[r][k] b[k][...], or added to it.
template <class T, size_t kRows, size_t kColumns>
inline void Panel(const float* a, size_t a_stride, const T* b, size_t b_stride, size_t begin,
                  size_t end, bool accumulate, float* c, size_t c_stride) {
  F sums[kRows][kColumns];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kColumns; ++v) {
      sums[r][v] = accumulate ? Load(c + r * c_stride + v * kLanes) : F{};
    }
  }
  for (size_t k = begin; k < end; ++k) {
    F row[kColumns];
#pragma GCC unroll 4
    for (size_t v = 0; v < kColumns; ++v) row[v] = Load(b + k * b_stride + v * kLanes);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      const F x = Set(a[r * a_stride + k]);
#pragma GCC unroll 4
      for (size_t v = 0; v < kColumns; ++v) sums[r][v] = Fma(x, row[v], sums[r][v]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kColumns; ++v) Store(c + r * c_stride + v * kLanes, sums[r][v]);
  }
}

template <class T, size_t kRows>
inline void PanelRow(const float* a, size_t a_stride, const T* b, size_t b_stride, size_t begin,
                     size_t end, bool accumulate, float* c, size_t c_stride, size_t from,
                     size_t to) {
  constexpr size_t kWide = kPanelColumns * kLanes;
  size_t column = from;
  for (; column + kWide <= to; column += kWide) {
    Panel<T, kRows, kPanelColumns>(a, a_stride, b + column, b_stride, begin, end, accumulate,
                                   c + column, c_stride);
  }
  for (; column < to; column += kLanes) {
    Panel<T, kRows, 1>(a, a_stride, b + column, b_stride, begin, end, accumulate, c + column,
                       c_stride);
  }
}

// The columns [from, to), both multiples of kLanes, of `rows` <= kPanelRows rows.
template <class T>
void Product(size_t rows, const float* a, size_t a_stride, const T* b, size_t b_stride,
             size_t begin, size_t end, bool accumulate, float* c, size_t c_stride, size_t from,
             size_t to) {
  if (begin >= end) return;
  switch (rows) {
    case 1:
      return PanelRow<T, 1>(a, a_stride, b, b_stride, begin, end, accumulate, c, c_stride, from,
                            to);
    case 2:
      return PanelRow<T, 2>(a, a_stride, b, b_stride, begin, end, accumulate, c, c_stride, from,
                            to);
    case 3:
      return PanelRow<T, 3>(a, a_stride, b, b_stride, begin, end, accumulate, c, c_stride, from,
                            to);
    case 4:
      return PanelRow<T, 4>(a, a_stride, b, b_stride, begin, end, accumulate, c, c_stride, from,
                            to);
    case 5:
      return PanelRow<T, 5>(a, a_stride, b, b_stride, begin, end, accumulate, c, c_stride, from,
                            to);
    case 6:
      return PanelRow<T, 6>(a, a_stride, b, b_stride, begin, end, accumulate, c, c_stride, from,
                            to);
    default:
      return;
  }
}

// Scores [begin, end) of one query to e^(score - maximum), 0 around them up to whole vectors.
inline AttentionState Weigh(const AttentionChunk& chunk, size_t begin, size_t end, float* scores) {
  const F scale = Set(chunk.scale), cap = Set(chunk.softcap);
  const I lanes = LaneIndex();
  const size_t first = begin / kLanes * kLanes;
  F greatest = Set(-__builtin_inff());
  for (size_t i = first; i < end; i += kLanes) {
    F score = Load(scores + i) * scale;
    if (chunk.softcap != 0) score = cap * Tanh(score / cap);
    const I index = lanes + static_cast<int32_t>(i);
    const I inside = (index >= static_cast<int32_t>(begin)) & (index < static_cast<int32_t>(end));
    score = inside ? score : Set(-__builtin_inff());
    greatest = Greater(score, greatest);
    Store(scores + i, score);
  }
  const float maximum = GreatestLane(greatest);
  const F shift = Set(maximum);
  F sum = {};
  for (size_t i = first; i < end; i += kLanes) {
    const F weight = Exp(Load(scores + i) - shift);
    sum += weight;
    Store(scores + i, weight);
  }
  return {maximum, static_cast<float>(SumLanes(sum))};
}

// A position of the chunk, counted from a page's first and kept inside the page.
inline size_t WithinPage(size_t position, size_t start) {
  if (position <= start) return 0;
  return position - start < kPagePositions ? position - start : kPagePositions;
}

// Scores or weights of positions times the scales of their keys or values.
inline void ScalePositions(const float* scales, size_t rows, float* scores, size_t from,
                           size_t to) {
  for (size_t i = from; i < to; i += kLanes) {
    const F scale = Load(scales + i);
    for (size_t r = 0; r < rows; ++r) {
      float* score = scores + r * kChunkPositions + i;
      Store(score, Load(score) * scale);
    }
  }
}

template <class T>
void AttendAs(const AttentionChunk& chunk) {
  constexpr bool kCodes = sizeof(T) == 1;
  const size_t dim = chunk.head_dim, stride = chunk.value_stride;
  for (size_t q = 0; q < chunk.queries; q += kPanelRows) {
    const size_t rows = chunk.queries - q < kPanelRows ? chunk.queries - q : kPanelRows;
    float* scores = chunk.scores + q * kChunkPositions;
    float* sums = chunk.sums + q * stride;
    // What any of the queries sees, and what all of them see.
    size_t any_begin = kChunkPositions, any_end = 0, all_begin = 0, all_end = kChunkPositions;
    for (size_t r = q; r < q + rows; ++r) {
      const size_t begin = chunk.begin[r], end = chunk.end[r];
      all_begin = begin > all_begin ? begin : all_begin;
      all_end = end < all_end ? end : all_end;
      if (begin >= end) continue;
      any_begin = begin < any_begin ? begin : any_begin;
      any_end = end > any_end ? end : any_end;
    }
    for (size_t p = any_begin / kPagePositions; p * kPagePositions < any_end; ++p) {
      const size_t start = p * kPagePositions;
      const size_t from = any_begin > start ? (any_begin - start) / kLanes * kLanes : 0;
      const size_t to = any_end - start < kPagePositions
                            ? (any_end - start + kLanes - 1) / kLanes * kLanes
                            : kPagePositions;
      Product<T>(rows, chunk.query + q * dim, dim, reinterpret_cast<const T*>(chunk.keys[p]),
                 kPagePositions, 0, dim, false, scores + start, kChunkPositions, from, to);
      if constexpr (kCodes) ScalePositions(chunk.scales[p], rows, scores + start, from, to);
    }
    for (size_t r = 0; r < rows; ++r) {
      const size_t begin = chunk.begin[q + r], end = chunk.end[q + r];
      if (begin < end) {
        chunk.states[q + r] = Weigh(chunk, begin, end, scores + r * kChunkPositions);
      } else {
        chunk.states[q + r] = {-__builtin_inff(), 0.0f};
      }
      for (size_t i = 0; i < stride; ++i) sums[r * stride + i] = 0.0f;
    }
    for (size_t p = any_begin / kPagePositions; p * kPagePositions < any_end; ++p) {
      const size_t start = p * kPagePositions;
      const auto* values = reinterpret_cast<const T*>(chunk.values[p]);
      float* weights = scores + start;
      if constexpr (kCodes) {
        const float* scales = chunk.scales[p] + kPagePositions;
        ScalePositions(scales, rows, weights, 0, kPagePositions);
      }
      size_t joint_begin = WithinPage(all_begin, start), joint_end = WithinPage(all_end, start);
      if (rows == 1 || joint_begin >= joint_end) joint_begin = joint_end = kPagePositions;
      // Each query alone up to the joint part, all together, each alone after it.
      for (size_t r = 0; r < rows; ++r) {
        const size_t begin = WithinPage(chunk.begin[q + r], start);
        const size_t end = WithinPage(chunk.end[q + r], start);
        Product<T>(1, weights + r * kChunkPositions, kChunkPositions, values, stride, begin,
                   end < joint_begin ? end : joint_begin, true, sums + r * stride, stride, 0,
                   stride);
      }
      Product<T>(rows, weights, kChunkPositions, values, stride, joint_begin, joint_end, true, sums,
                 stride, 0, stride);
      for (size_t r = 0; r < rows; ++r) {
        Product<T>(1, weights + r * kChunkPositions, kChunkPositions, values, stride, joint_end,
                   WithinPage(chunk.end[q + r], start), true, sums + r * stride, stride, 0, stride);
      }
    }
  }
}

void Attend(const AttentionChunk& chunk) {
  switch (chunk.elements) {
    case CacheElements::kFloat32:
      return AttendAs<float>(chunk);
    case CacheElements::kBfloat16:
      return AttendAs<uint16_t>(chunk);
    case CacheElements::kInt8:
      return AttendAs<int8_t>(chunk);
  }
}

void Merge(const AttentionState& later, const float* later_sums, size_t n, AttentionState& state,
           float* sums) {
  if (later.sum == 0) return;
  if (state.sum == 0) {
    state = later;
    __builtin_memcpy(sums, later_sums, n * sizeof(float));
    return;
  }
  const float maximum = later.maximum > state.maximum ? later.maximum : state.maximum;
  const F old_factor = Exp(Set(state.maximum - maximum));
  const F new_factor = Exp(Set(later.maximum - maximum));
  for (size_t i = 0; i < n; i += kLanes) {
    Store(sums + i, Fma(Load(later_sums + i), new_factor, Load(sums + i) * old_factor));
  }
  state = {maximum, state.sum * old_factor[0] + later.sum * new_factor[0]};
}

void Finish(const AttentionState& state, const float* sums, size_t n, float* out) {
  const F divisor = Set(state.sum);
  ForEach(sums, n, out, [=](size_t, F v) { return v / divisor; });
}
