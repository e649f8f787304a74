// The arithmetic of the methods, one element at a time, shared by the CPU loops and the CUDA loops.
// Each product and each sum rounds once; none is fused.
#pragma once

#include "core/host_device.h"

namespace retemper::ops {

// nearswap: w = clamp(t / max(|a - b|, 1e-6), 0, 1); y = w b + (1 - w) a. Method of the mergekit
// project.
template <class T>
struct Nearswap {
  T t;
  RETEMPER_HD T operator()(T a, T b) const {
    const T difference = a - b;
    T distance = difference < 0 ? -difference : difference;
    distance = distance > T(1e-6) ? distance : (distance != distance ? distance : T(1e-6));
    T w = t / distance;
    w = w < T(0) ? T(0) : w;
    w = w > T(1) ? T(1) : w;
    return w * b + (T(1) - w) * a;
  }
};

// The sign election of TIES (Yadav et al., arXiv 2306.01708): a weighted delta takes part where its
// sign is that of the sum over models; a sum of zero counts as positive, a zero delta never takes
// part. A NaN always does: it must not be outvoted, so that the result shows it.
template <class T>
struct Election {
  // Without branches, so that loops over it vectorise.
  RETEMPER_HD static bool Agrees(T delta, T sum) {
    return static_cast<bool>(((sum >= 0) & (delta > 0)) | (!(sum >= 0) & (delta < 0)) |
                             (delta != delta));
  }
};

// RAM: a model is active where its delta is larger than epsilon.
template <class T>
struct Activity {
  T epsilon;
  RETEMPER_HD bool operator()(T delta) const { return (delta < 0 ? -delta : delta) > epsilon; }
};

}  // namespace retemper::ops
