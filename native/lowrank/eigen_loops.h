// The inner loops of symmetric_eigen.cc, on the instruction set that there is.
#pragma once

#include <cstddef>

namespace retemper::lowrank {

// Columns that are reflected together.
inline constexpr size_t kBandColumns = 16;

// Pairs of vectors v_q, w_q: value j of vector q is v[q * stride + j].
struct Pairs {
  const double *v = nullptr, *w = nullptr;
  size_t stride = 0, count = 0;
};

struct EigenLoops {
  // p += A x for what the first `rows` rows of a symmetric matrix [cols, cols] have of it right of
  // and on the diagonal, and, mirrored, below.
  void (*add_upper)(const double* a, size_t stride, size_t rows, size_t cols, const double* x,
                    double* p);
  // Row r of rows[count, cols] -= the sum over q of by.v[q, r] w_q + by.w[q, r] v_q.
  void (*take_pairs)(double* rows, size_t stride, size_t count, size_t cols, const Pairs& pairs,
                     const Pairs& by);
  double (*dot)(const double* x, const double* y, size_t count);
  // Takes out of each column of band[count, kBandColumns] twice what it has of v.
  void (*reflect)(double* band, const double* v, size_t count);
};

const EigenLoops& ChooseEigenLoops();

}  // namespace retemper::lowrank
