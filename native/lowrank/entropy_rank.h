// The part of a matrix that holds most of the entropy of its singular values.
#pragma once

#include <atomic>

#include "lowrank/factorise.h"

namespace retemper::lowrank {

// P V for P = U_r U_r^T with the first r left singular vectors of V: left x right, of which one
// factor has orthonormal columns or rows. r is the smallest rank with H_r >= share H, where H_r is
// the sum of -p log p over the r largest singular values, p the share of each one's square in the
// sum of all squares, and H the sum over all (the "safety subspace" of
// https://arxiv.org/abs/2602.00038). `lost` is the squared norm of V - P V, by the singular values.
//
// The singular vectors are the eigenvectors of V V^T or V^T V, the smaller one, in float64:
// singular values below a ten-millionth of the largest count as 0. Throws as Factorise does.
Factored FactoriseByEntropy(const MatrixRows& d, double share, nn::Pool& pool,
                            const std::atomic<bool>& cancelled);

}  // namespace retemper::lowrank
