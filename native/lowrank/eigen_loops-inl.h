// The loops of eigen_loops.cc, compiled once per instruction set: no include guard, no includes.
// Each value is computed by itself, in one order, so that wider registers change no bit.

void AddTimes(double* to, const double* from, double times, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] += times * from[i];
}

void TakeTwo(double* row, const double* p, const double* v, double by_p, double by_v,
             size_t count) {
  for (size_t i = 0; i < count; ++i) row[i] -= by_p * p[i] + by_v * v[i];
}

void RotateRows(double* band, const Turn* turns, size_t count) {
  for (size_t at = 0; at < count; ++at) {
    const auto& [row, sine, cosine] = turns[at];
    double* x = band + row * kBandColumns;
    double* y = x + kBandColumns;
    for (size_t k = 0; k < kBandColumns; ++k) {
      const double old = y[k];
      y[k] = sine * x[k] + cosine * old;
      x[k] = cosine * x[k] - sine * old;
    }
  }
}

constexpr EigenLoops kLoops = {&AddTimes, &TakeTwo, &RotateRows};
