// What one thread does for the linear combinations, nearswap and RAM. A body is called with the
// number of its element (or lane) and returns two counts (element.h); a launch adds them up. The
// order of operations of an element is that of the CPU's tasks (engine/tasks).
#pragma once

#include "cuda/element.h"
#include "ops/elementwise.h"

namespace retemper::block {

// The operands of a method whose vectors are its sources, or their differences from source 0.
template <class T>
struct Vectors {
  Operand sources[kMaxOperands];
  int count = 0;
  bool from_base = false;

  RETEMPER_HD T Base(uint64_t i) const { return Load<T>(sources[0], i); }
  RETEMPER_HD T At(int vector, T base, uint64_t i) const {
    return from_base ? Load<T>(sources[vector + 1], i) - base : Load<T>(sources[vector], i);
  }
};

// sum over k of coefficients[k] vector[k], divided, plus the base.
template <class T>
struct Combine {
  Vectors<T> vectors;
  T coefficients[kMaxOperands];
  bool divides = false;
  T divisor = 1;
  int only = -1;  // this vector as it is
  Output out;

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const T base = vectors.from_base ? vectors.Base(i) : T(0);
    T sum;
    if (only >= 0) {
      sum = vectors.At(only, base, i);
    } else {
      sum = coefficients[0] * vectors.At(0, base, i);
      for (int k = 1; k < vectors.count; ++k) sum = sum + coefficients[k] * vectors.At(k, base, i);
      if (divides) sum = sum / divisor;
      if (vectors.from_base) sum = sum + base;
    }
    return Counts(Store(sum, out, i), false);
  }
};

// One lane of one inner product: `thread` is pair * kSumLanes + lane, pairs (i, j) with j >= i in
// rows. Lanes are summed in order, an element after the other, as on the CPU.
template <class T>
struct GramLane {
  Vectors<T> vectors;
  uint64_t elements = 0;
  double* lanes = nullptr;

  RETEMPER_HD uint64_t operator()(uint64_t thread) const {
    int a = 0, left = static_cast<int>(thread / kSumLanes);
    while (left >= vectors.count - a) left -= vectors.count - a++;
    const int b = a + left;
    double sum = 0;
    for (uint64_t i = thread % kSumLanes; i < elements; i += kSumLanes) {
      const T base = vectors.from_base ? vectors.Base(i) : T(0);
      sum = sum + static_cast<double>(vectors.At(a, base, i)) *
                      static_cast<double>(vectors.At(b, base, i));
    }
    lanes[thread] = sum;
    return 0;
  }
};

template <class T>
struct Swap {
  Operand a, b;
  T t = 0;
  Output out;

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const ops::Nearswap<T> op{t};
    return Counts(Store(op(Load<T>(a, i), Load<T>(b, i)), out, i), false);
  }
};

// RAM: how many models change an element, and the sum of their deltas.
template <class T>
struct Activities {
  Vectors<T> vectors;
  T epsilon = 0;

  RETEMPER_HD void Sum(T base, uint64_t i, T& count, T& sum) const {
    const ops::Activity<T> active{epsilon};
    count = T(0);
    sum = T(0);
    for (int m = 0; m < vectors.count; ++m) {
      const T delta = vectors.At(m, base, i);
      const bool is = active(delta);
      count = count + (is ? T(1) : T(0));
      sum = sum + (is ? delta : T(0));
    }
  }
  RETEMPER_HD bool Active(int m, T base, uint64_t i) const {
    return ops::Activity<T>{epsilon}(vectors.At(m, base, i));
  }
};

// Counts where model m is the only active one (low), and one of several (high).
template <class T>
struct RamCount {
  Activities<T> models;
  int model = 0;
  Output out;  // counts only

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const T base = models.vectors.Base(i);
    T count, sum;
    models.Sum(base, i, count, sum);
    const bool active = models.Active(model, base, i);
    return Counts(active && count == T(1), active && !(count == T(1)));
  }
};

template <class T>
struct RamMerge {
  Activities<T> models;
  bool scales = false;    // RAM+
  T factors[kMaxModels];  // of what a model alone changes
  Output out;

  RETEMPER_HD uint64_t operator()(uint64_t i) const {
    const T base = models.vectors.Base(i);
    T count, sum;
    models.Sum(base, i, count, sum);
    for (int m = 0; scales && m < models.vectors.count; ++m) {
      if (count == T(1) && models.Active(m, base, i)) sum = sum * factors[m];
    }
    sum = sum / (count == T(0) ? T(1) : count);
    return Counts(Store(sum + base, out, i), false);
  }
};

}  // namespace retemper::block
