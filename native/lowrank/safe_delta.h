// How much of a change of a linear layer may stay, by what it does to the layer's outputs on safe
// text.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "lowrank/panel_products.h"

namespace retemper::lowrank {

struct KeptDelta {
  std::vector<float> values;  // the layer's weight [out, in]
  uint64_t kept = 0;          // entries of the change that stayed
};

// Safe Delta (https://arxiv.org/abs/2505.12038): of D = F - A, in blocks of 2,048 input columns,
// one after the other. U is the upper triangular root of the inverse of H, the products of the
// layer's inputs on safe text with a hundredth of their mean diagonal on the diagonal, and d_j =
// U_jj. In a block the entries of D stay in ascending 1 / d_j^2 (rows in order within a column),
// without the last 15 % of them (rounded down), while the sum of D^2 / d^2 is at most mean(1 / d^2)
// s rows / 4096 / 2. The other entries are A's. What the entries that stay change of the layer's
// outputs is made good in the later columns of A, four columns at a time (Frantar and Alistarh,
// SparseGPT, ICML 2023): D is the difference from A as compensated so far.
//
// `root` is U [in, in], of SafeDeltaRoot; both weights are [out, in]. In float64, the same bits for
// any number of threads. Throws CANCELLED; BAD_INPUT for what is not finite.
KeptDelta KeepSafeDelta(const Dense& aligned, const Dense& tuned, const std::vector<double>& root,
                        double s, nn::Pool& pool, const std::atomic<bool>& cancelled,
                        const std::function<void(size_t, size_t)>& report);

// U of H [cols, cols], which is given without what is put on its diagonal; columns without
// activation get 1. It is the same for all layers that take the same inputs. Throws BAD_INPUT for
// what is not finite, and what `check` throws.
std::vector<double> SafeDeltaRoot(std::vector<double> h, size_t cols, nn::Pool& pool,
                                  const std::function<void()>& check);

// 2 X^T X of the inputs X [tokens, in], some thousand tokens at a time; of what is left of the
// diagonal, most is zeros.
std::vector<double> InputProducts(const Dense& inputs, nn::Pool& pool,
                                  const std::function<void()>& check);

}  // namespace retemper::lowrank
