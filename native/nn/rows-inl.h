// Norms, rotations, activations and reductions over one row. No include guard: see lanes-inl.h.

// sum(f(x)) over four accumulators, then lanes, in a fixed order.
template <class Map>
inline double SumOf(const float* x, size_t n, Map map) {
  F sums[4] = {};
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (size_t j = 0; j < 4; ++j) sums[j] = map(Load(x + i + j * kLanes), sums[j]);
  }
  for (; i + kLanes <= n; i += kLanes) sums[0] = map(Load(x + i), sums[0]);
  double rest = 0;
  if (i < n) {
    // Lanes beyond the end must not count, whatever the map makes of a zero.
    float lanes[kLanes];
    Store(lanes, map(LoadPart(x + i, n - i), F{}));
    for (size_t j = 0; j < n - i; ++j) rest += static_cast<double>(lanes[j]);
  }
  return SumLanes((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest;
}

// out[i] = map(i, x[i]); x and out may be the same.
template <class Map>
inline void ForEach(const float* x, size_t n, float* out, Map map) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, map(i, Load(x + i)));
  if (i < n) StorePart(out + i, map(i, LoadPart(x + i, n - i)), n - i);
}
// The elements of another row beside them; `left` elements are there.
inline F LoadUpTo(const float* p, size_t left) {
  return left >= kLanes ? Load(p) : LoadPart(p, left);
}

// Not lambdas: the function pointer that one without captures converts to is compiled outside of
// the region, and GCC warns about its vectors.
struct AddSquare {
  F operator()(F v, F sum) const { return Fma(v, v, sum); }
};
struct AddUp {
  F operator()(F v, F sum) const { return sum + v; }
};
struct SiluOf {
  F operator()(F x) const { return Silu(x); }
};
struct GeluOf {
  F operator()(F x) const { return Gelu(x); }
};
struct GeluTanhOf {
  F operator()(F x) const { return GeluTanh(x); }
};
struct ReluOf {
  F operator()(F x) const { return Relu(x); }
};

void RmsNorm(const float* x, const float* weight, float epsilon, size_t n, float* y) {
  const double squares = SumOf(x, n, AddSquare());
  const F scale = Set(static_cast<float>(
      1.0 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(epsilon))));
  ForEach(x, n, y, [=](size_t i, F v) { return v * scale * LoadUpTo(weight + i, n - i); });
}

void LayerNorm(const float* x, const float* weight, const float* bias, float epsilon, size_t n,
               float* y) {
  const auto count = static_cast<double>(n);
  const double mean = SumOf(x, n, AddUp()) / count;
  const F center = Set(static_cast<float>(mean));
  const double squares = SumOf(x, n, [=](F v, F sum) {
    const F d = v - center;
    return Fma(d, d, sum);
  });
  const F scale =
      Set(static_cast<float>(1.0 / std::sqrt(squares / count + static_cast<double>(epsilon))));
  ForEach(x, n, y, [=](size_t i, F v) {
    const F normal = (v - center) * scale * LoadUpTo(weight + i, n - i);
    return bias == nullptr ? normal : normal + LoadUpTo(bias + i, n - i);
  });
}

void Rotate(const float* cosines, const float* sines, size_t half, float* x) {
  for (size_t i = 0; i < half; i += kLanes) {
    const size_t left = half - i;
    const F c = LoadUpTo(cosines + i, left), s = LoadUpTo(sines + i, left);
    const F a = LoadUpTo(x + i, left), b = LoadUpTo(x + half + i, left);
    const F first = a * c - b * s, second = b * c + a * s;
    if (left >= kLanes) {
      Store(x + i, first);
      Store(x + half + i, second);
    } else {
      StorePart(x + i, first, left);
      StorePart(x + half + i, second, left);
    }
  }
}

// Calls body with the function of an activation.
template <class Body>
inline void WithActivation(Activation f, Body body) {
  switch (f) {
    case Activation::kSilu:
      return body(SiluOf());
    case Activation::kGelu:
      return body(GeluOf());
    case Activation::kGeluTanh:
      return body(GeluTanhOf());
    case Activation::kRelu:
      return body(ReluOf());
  }
}

void Activate(Activation f, size_t n, float* x) {
  WithActivation(f, [=](auto map) { ForEach(x, n, x, [=](size_t, F v) { return map(v); }); });
}

void Gate(Activation f, const float* gate, const float* up, size_t n, float* out) {
  WithActivation(f, [=](auto map) {
    ForEach(gate, n, out, [=](size_t i, F v) { return map(v) * LoadUpTo(up + i, n - i); });
  });
}

void Softcap(float cap, size_t n, float* x) {
  const F c = Set(cap);
  ForEach(x, n, x, [=](size_t, F v) { return c * Tanh(v / c); });
}

void Add(const float* a, const float* b, size_t n, float* out) {
  ForEach(a, n, out, [=](size_t i, F v) { return v + LoadUpTo(b + i, n - i); });
}

void Scale(float factor, size_t n, float* x) {
  const F f = Set(factor);
  ForEach(x, n, x, [=](size_t, F v) { return v * f; });
}

void ToBfloat16(const float* x, size_t n, uint16_t* out) {
  for (size_t i = 0; i < n; ++i) out[i] = FloatToBf16(x[i]);
}

size_t ArgMax(const float* x, size_t n) {
  F best = Set(-__builtin_inff());
  I where = {};
  I index = LaneIndex();
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F v = Load(x + i);
    const I better = v > best;
    best = better ? v : best;
    where = better ? index : where;
    index += static_cast<int32_t>(kLanes);
  }
  float greatest = -__builtin_inff();
  size_t at = 0;
  for (size_t j = 0; j < kLanes && j < n; ++j) {
    const auto place = static_cast<size_t>(where[j]);
    // A lane that met nothing above -infinity has place 0, which is right for the lowest index too.
    if (best[j] > greatest || (best[j] == greatest && place < at)) {
      greatest = best[j];
      at = place;
    }
  }
  for (; i < n; ++i) {
    if (x[i] > greatest) {
      greatest = x[i];
      at = i;
    }
  }
  return at;
}

double LogSumExp(const float* x, size_t n) {
  if (n == 0) return -__builtin_inf();
  const float greatest = x[ArgMax(x, n)];
  if (!(greatest > -__builtin_inff() && greatest < __builtin_inff())) {
    return static_cast<double>(greatest);  // infinite, or NaN
  }
  constexpr size_t kBlock = 4096;  // long rows keep their small terms
  const F shift = Set(greatest);
  double sum = 0;
  for (size_t i = 0; i < n; i += kBlock) {
    sum += SumOf(x + i, n - i < kBlock ? n - i : kBlock,
                 [=](F v, F part) { return part + Exp(v - shift); });
  }
  return static_cast<double>(greatest) + std::log(sum);
}
