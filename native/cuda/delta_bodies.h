// What one thread does for the methods on task vectors (TIES, DARE, breadcrumbs and the like):
// histograms of magnitudes, sparsifying, sign election. As bodies.h.
#pragma once

#include <cmath>

#include "core/counter_rng.h"
#include "cuda/bodies.h"

namespace retemper::block {

// Elements of a chunk, for the ordinals of equal magnitudes.
inline constexpr uint64_t kChunk = 256;

enum class Keep : uint8_t { kAll, kNone, kBand, kDrawn };

// What of one model's delta is kept: engine/band.h or a draw per element.
template <class T>
struct Sparse {
  Keep keep = Keep::kAll;
  T factor = 1;
  RngKey key;
  uint32_t limit = 0;  // draws below it are kept
  Key<T> low = 0, high = 0;
  bool simple = true;
  uint64_t low_from = 0, low_to = 0, high_to = 0;
  // Elements of this tensor before this block that equal a border, and those of this block before
  // each chunk (unless simple).
  uint64_t lows_before = 0, highs_before = 0;
  const uint32_t* lows = nullptr;
  const uint32_t* highs = nullptr;
};

template <class T>
struct Deltas {
  Vectors<T> vectors;  // from the base
  Sparse<T> sparse[kMaxModels];
  uint64_t first = 0;  // number of the block's first element in its tensor

  RETEMPER_HD Key<T> KeyAt(int m, uint64_t i) const {
    return MagnitudeKey(vectors.At(m, vectors.Base(i), i));
  }
  // How many elements of i's chunk before i have the key.
  RETEMPER_HD uint64_t EqualBefore(int m, uint64_t i, Key<T> key) const {
    uint64_t count = 0;
    for (uint64_t j = i / kChunk * kChunk; j < i; ++j) count += KeyAt(m, j) == key ? 1 : 0;
    return count;
  }
  RETEMPER_HD bool Keeps(int m, T delta, uint64_t i) const {
    const Sparse<T>& s = sparse[m];
    if (s.keep == Keep::kAll) return true;
    if (s.keep == Keep::kNone) return false;
    if (s.keep == Keep::kDrawn) return DrawOne(s.key, first + i) < s.limit;
    const Key<T> key = MagnitudeKey(delta);
    if (s.simple) return key >= s.low && key <= s.high;
    if (key == s.low) {
      const uint64_t ordinal = s.lows_before + s.lows[i / kChunk] + EqualBefore(m, i, key);
      return ordinal >= s.low_from && ordinal < s.low_to;
    }
    if (key == s.high)
      return s.highs_before + s.highs[i / kChunk] + EqualBefore(m, i, key) < s.high_to;
    return key > s.low && key < s.high;
  }
};

// Counts NaN deltas (high) of one model.
template <class T>
struct NanCount {
  Vectors<T> vectors;
  int model = 0;
  Output out;  // counts only

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const T delta = vectors.At(model, vectors.Base(i), i);
    return Counts(false, delta != delta);
  }
};

// One pass of a radix histogram over one model's magnitudes, unless the block has NaNs.
template <class T>
struct Histogram {
  Vectors<T> vectors;
  int model = 0;
  int shift = 0;
  bool all = false;  // the first pass: no prefix
  Key<T> prefix = 0;
  const uint64_t* nans = nullptr;  // counts of NanCount
  uint64_t* bins = nullptr;

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    if (*nans != 0) return 0;
    const Key<T> key = MagnitudeKey(vectors.At(model, vectors.Base(i), i));
    if (all) {
      AtomicAdd(bins + (key >> shift), 1);
    } else if ((key >> (shift + 16)) == prefix) {
      AtomicAdd(bins + ((key >> shift) & 0xffff), 1);
    }
    return 0;
  }
};

// Counts the deltas of one model that equal its band's low (low) and high border (high).
template <class T>
struct EqualCount {
  Deltas<T> deltas;
  int model = 0;
  Output out;  // counts only

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const Key<T> key = deltas.KeyAt(model, i);
    return Counts(key == deltas.sparse[model].low, key == deltas.sparse[model].high);
  }
};

// Thread c counts the elements of chunk c that equal the borders.
template <class T>
struct ChunkCount {
  Deltas<T> deltas;
  int model = 0;
  uint64_t elements = 0;
  uint32_t* lows = nullptr;
  uint32_t* highs = nullptr;

  RETEMPER_HD uint64_t operator()(uint64_t c) const {
    const Key<T> low = deltas.sparse[model].low, high = deltas.sparse[model].high;
    uint32_t at_low = 0, at_high = 0;
    for (uint64_t i = c * kChunk; i < elements && i < (c + 1) * kChunk; ++i) {
      const Key<T> key = deltas.KeyAt(model, i);
      at_low += key == low ? 1 : 0;
      at_high += key == high ? 1 : 0;
    }
    lows[c] = at_low;
    highs[c] = at_high;
    return 0;
  }
};

// Thread k turns counts k into the sums before each chunk.
struct ChunkScan {
  uint32_t* counts = nullptr;  // of two kinds, `chunks` each
  uint64_t chunks = 0;

  RETEMPER_HD uint64_t operator()(uint64_t k) const {
    uint32_t sum = 0;
    for (uint64_t c = 0; c < chunks; ++c) {
      uint32_t& count = counts[k * chunks + c];
      const uint32_t here = count;
      count = sum;
      sum += here;
    }
    return 0;
  }
};

// One lane of the sums of |delta| and of |delta| where kept: `thread` is (model * 2 + which) *
// kSumLanes + lane.
template <class T>
struct SumLane {
  Deltas<T> deltas;
  uint64_t elements = 0;
  double* lanes = nullptr;

  RETEMPER_HD uint64_t operator()(uint64_t thread) const {
    const int m = static_cast<int>(thread / (2 * kSumLanes));
    const bool kept_only = thread / kSumLanes % 2 == 1;
    double sum = 0;
    for (uint64_t i = thread % kSumLanes; i < elements; i += kSumLanes) {
      const T delta = deltas.vectors.At(m, deltas.vectors.Base(i), i);
      const T x = !kept_only || deltas.Keeps(m, delta, i) ? delta : T(0);
      sum = sum + std::fabs(static_cast<double>(x));
    }
    lanes[thread] = sum;
    return 0;
  }
};

// Counts the deltas of one model that are kept (high).
template <class T>
struct KeptCount {
  Deltas<T> deltas;
  int model = 0;
  Output out;  // counts only

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const T delta = deltas.vectors.At(model, deltas.vectors.Base(i), i);
    return Counts(false, deltas.Keeps(model, delta, i));
  }
};

// base + lambda combine(w sparsify(delta)).
template <class T>
struct DeltaMerge {
  Deltas<T> deltas;
  T weights[kMaxModels];
  bool election = false, normalizes = false;  // of the election: by the weights that took part
  bool divides = false;                       // without election: by the sum of the weights
  T divisor = 1;
  bool scales = false;
  T lambda = 1;
  int end = -1;  // this source as it is
  Output out;

  RETEMPER_HD T Term(int m, T base, uint64_t i) const {
    const T delta = deltas.vectors.At(m, base, i);
    T x = deltas.Keeps(m, delta, i) ? delta : T(0);
    if (deltas.sparse[m].factor != T(1)) x = x * deltas.sparse[m].factor;
    return election ? x * weights[m] : x;
  }
  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    if (end >= 0) return Counts(Store(Load<T>(deltas.vectors.sources[end], i), out, i), false);
    const T base = deltas.vectors.Base(i);
    T sum = 0;
    for (int m = 0; m < deltas.vectors.count; ++m) {
      const T term = Term(m, base, i);
      sum = election ? sum + term : sum + weights[m] * term;
    }
    T result = sum;
    if (election) {
      T kept = 0, weight = 0;
      for (int m = 0; m < deltas.vectors.count; ++m) {
        const T term = Term(m, base, i);
        const bool agrees = ops::Election<T>::Agrees(term, sum);
        kept = kept + (agrees ? term : T(0));
        weight = weight + (agrees ? weights[m] : T(0));
      }
      result = normalizes ? kept / (weight == T(0) ? T(1) : weight) : kept;
    } else if (divides) {
      result = result / divisor;
    }
    if (scales) result = result * lambda;
    return Counts(Store(result + base, out, i), false);
  }
};

}  // namespace retemper::block
