// The inner loops of symmetric_eigen.cc, on the instruction set that there is.
#pragma once

#include <cstddef>

namespace retemper::lowrank {

// Columns that are turned together.
inline constexpr size_t kBandColumns = 32;

// Row `row` becomes cosine x it - sine x the next one, and that one sine x it + cosine x the next.
struct Turn {
  size_t row;
  double sine, cosine;
};

struct EigenLoops {
  // to += times x from.
  void (*add_times)(double* to, const double* from, double times, size_t count);
  // row -= by_p x p + by_v x v.
  void (*take_two)(double* row, const double* p, const double* v, double by_p, double by_v,
                   size_t count);
  // Turns rows of [rows, kBandColumns], one turn after the other.
  void (*rotate_rows)(double* band, const Turn* turns, size_t count);
};

const EigenLoops& ChooseEigenLoops();

}  // namespace retemper::lowrank
