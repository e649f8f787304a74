// Products, and the gradients of norms, activations and softmax. No include guard: see lanes-inl.h.

// A block of c: kRows rows, kCols vectors a row, summed over all of k in registers.
template <size_t kRows, size_t kCols>
inline void MultiplyBlock(bool turned, bool add, size_t k, const float* a, size_t a_stride,
                          const float* b, size_t b_stride, float* c, size_t c_stride) {
  F sums[kRows][kCols] = {};
  if (add) {
    for (size_t i = 0; i < kRows; ++i) {
      for (size_t j = 0; j < kCols; ++j) sums[i][j] = Load(c + i * c_stride + j * kLanes);
    }
  }
  const size_t row_step = turned ? 1 : a_stride, step = turned ? a_stride : 1;
  for (size_t t = 0; t < k; ++t) {
    F right[kCols];
    for (size_t j = 0; j < kCols; ++j) right[j] = Load(b + t * b_stride + j * kLanes);
    for (size_t i = 0; i < kRows; ++i) {
      const F left = Set(a[i * row_step + t * step]);
      for (size_t j = 0; j < kCols; ++j) sums[i][j] = Fma(left, right[j], sums[i][j]);
    }
  }
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t j = 0; j < kCols; ++j) Store(c + i * c_stride + j * kLanes, sums[i][j]);
  }
}

// The last columns, fewer than a vector.
inline void MultiplyRest(bool turned, bool add, size_t m, size_t n, size_t k, const float* a,
                         size_t a_stride, const float* b, size_t b_stride, float* c,
                         size_t c_stride) {
  const size_t row_step = turned ? 1 : a_stride, step = turned ? a_stride : 1;
  for (size_t i = 0; i < m; ++i) {
    F sum = add ? LoadPart(c + i * c_stride, n) : F{};
    for (size_t t = 0; t < k; ++t) {
      sum = Fma(Set(a[i * row_step + t * step]), LoadPart(b + t * b_stride, n), sum);
    }
    StorePart(c + i * c_stride, sum, n);
  }
}

template <size_t kCols>
inline void MultiplyColumns(bool turned, bool add, size_t m, size_t k, const float* a,
                            size_t a_stride, const float* b, size_t b_stride, float* c,
                            size_t c_stride) {
  const size_t row_step = turned ? 1 : a_stride;
  size_t i = 0;
  if constexpr (kLanes == 16) {  // 32 registers
    for (; i + 8 <= m; i += 8) {
      MultiplyBlock<8, kCols>(turned, add, k, a + i * row_step, a_stride, b, b_stride,
                              c + i * c_stride, c_stride);
    }
  }
  for (; i + 4 <= m; i += 4) {
    MultiplyBlock<4, kCols>(turned, add, k, a + i * row_step, a_stride, b, b_stride,
                            c + i * c_stride, c_stride);
  }
  for (; i < m; ++i) {
    MultiplyBlock<1, kCols>(turned, add, k, a + i * row_step, a_stride, b, b_stride,
                            c + i * c_stride, c_stride);
  }
}

void Multiply(bool turned, bool add, size_t m, size_t n, size_t k, const float* a, size_t a_stride,
              const float* b, size_t b_stride, float* c, size_t c_stride) {
  constexpr size_t kCols = 3;
  size_t j = 0;
  for (; j + kCols * kLanes <= n; j += kCols * kLanes) {
    MultiplyColumns<kCols>(turned, add, m, k, a, a_stride, b + j, b_stride, c + j, c_stride);
  }
  for (; j + kLanes <= n; j += kLanes) {
    MultiplyColumns<1>(turned, add, m, k, a, a_stride, b + j, b_stride, c + j, c_stride);
  }
  if (j < n) MultiplyRest(turned, add, m, n - j, k, a, a_stride, b + j, b_stride, c + j, c_stride);
}

double Dot(const float* a, const float* b, size_t n) {
  double sum = 0;
  constexpr size_t kBlock = 4096;  // long rows keep their small terms
  for (size_t start = 0; start < n; start += kBlock) {
    const size_t end = n - start < kBlock ? n : start + kBlock;
    F sums[2] = {};
    size_t i = start;
    for (; i + 2 * kLanes <= end; i += 2 * kLanes) {
      sums[0] = Fma(Load(a + i), Load(b + i), sums[0]);
      sums[1] = Fma(Load(a + i + kLanes), Load(b + i + kLanes), sums[1]);
    }
    for (; i < end; i += kLanes) {
      sums[0] = Fma(LoadUpTo(a + i, end - i), LoadUpTo(b + i, end - i), sums[0]);
    }
    sum += SumLanes(sums[0] + sums[1]);
  }
  return sum;
}

// The lanes' sum, halves added to each other.
inline float FoldLanes(F v) {
  float lanes[kLanes];
  Store(lanes, v);
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <size_t kRows, size_t kCols>
inline void LowerBlock(size_t n, size_t rank, float factor, const float* x, size_t x_stride,
                       const float* a, float* low) {
  F sums[kRows][kCols] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    F left[kRows];
    for (size_t r = 0; r < kRows; ++r) left[r] = Load(x + r * x_stride + i);
    for (size_t j = 0; j < kCols; ++j) {
      const F right = Load(a + j * n + i);
      for (size_t r = 0; r < kRows; ++r) sums[r][j] = Fma(left[r], right, sums[r][j]);
    }
  }
  if (i < n) {
    F left[kRows];
    for (size_t r = 0; r < kRows; ++r) left[r] = LoadPart(x + r * x_stride + i, n - i);
    for (size_t j = 0; j < kCols; ++j) {
      const F right = LoadPart(a + j * n + i, n - i);
      for (size_t r = 0; r < kRows; ++r) sums[r][j] = Fma(left[r], right, sums[r][j]);
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t j = 0; j < kCols; ++j) low[r * rank + j] = factor * FoldLanes(sums[r][j]);
  }
}

template <size_t kRows>
inline void LowerRows(size_t n, size_t rank, float factor, const float* x, size_t x_stride,
                      const float* a, float* low) {
  constexpr size_t kMost = kLanes == 16 ? 8 : 4;  // registers
  size_t j = 0;
  for (; j + kMost <= rank; j += kMost) {
    LowerBlock<kRows, kMost>(n, rank, factor, x, x_stride, a + j * n, low + j);
  }
  for (; j + 4 <= rank; j += 4) {
    LowerBlock<kRows, 4>(n, rank, factor, x, x_stride, a + j * n, low + j);
  }
  for (; j < rank; ++j) LowerBlock<kRows, 1>(n, rank, factor, x, x_stride, a + j * n, low + j);
}

void Lower(size_t rows, size_t n, size_t rank, float factor, const float* x, size_t x_stride,
           const float* a, float* low) {
  size_t r = 0;
  for (; r + 3 <= rows; r += 3) {
    LowerRows<3>(n, rank, factor, x + r * x_stride, x_stride, a, low + r * rank);
  }
  for (; r < rows; ++r) {
    LowerRows<1>(n, rank, factor, x + r * x_stride, x_stride, a, low + r * rank);
  }
}

void Drop(const Dropout& dropout, size_t first, size_t n, const float* x, float* to) {
  constexpr uint32_t kStep = 0x9e3779b9u;
  const U steps = (U)LaneIndex() * kStep;
  const F kept = Set(dropout.kept);
  ForEach(x, n, to, [=](size_t i, F v) {
    const U state = steps + (dropout.state + kStep * static_cast<uint32_t>(first + i + 1));
    U z = (state ^ (state >> 16)) * 0x21f0aaadu;
    z = (z ^ (z >> 15)) * 0x735a2d97u;
    z = z ^ (z >> 15);
    return z < dropout.limit ? F{} : v * kept;
  });
}

// Plain loops: compilers make vectors of them, and each step is rounded as it stands.
void Adam(const AdamStep& step, size_t n, const float* gradient, float* values, float* first,
          float* second) {
  const float factor = step.factor, beta1 = step.beta1, beta2 = step.beta2;
  const float rest1 = step.rest1, rest2 = step.rest2, inverse = 1.0f / step.root;
  const float kept = step.kept, stride = step.stride, epsilon = step.epsilon;
  for (size_t i = 0; i < n; ++i) {
    const float g = gradient[i] * factor;
    const float m = first[i] * beta1 + g * rest1;
    const float v = second[i] * beta2 + g * g * rest2;
    first[i] = m;
    second[i] = v;
    values[i] = values[i] * kept - stride * m / (std::sqrt(v) * inverse + epsilon);
  }
}

// With y = x s w and s = 1 / sqrt(mean(x^2) + epsilon): dx = s (w dy) - x s^3 sum(x w dy) / n.
void RmsNormBackward(const float* x, const float* weight, float epsilon, const float* dy, size_t n,
                     float* dx) {
  const auto count = static_cast<double>(n);
  const double squares = SumOf(x, n, AddSquare());
  const double scale = 1.0 / std::sqrt(squares / count + static_cast<double>(epsilon));
  F sums = {};
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t left = n - i;
    sums = Fma(LoadUpTo(x + i, left) * LoadUpTo(weight + i, left), LoadUpTo(dy + i, left), sums);
  }
  const double along = SumLanes(sums);
  const F s = Set(static_cast<float>(scale));
  const F back = Set(static_cast<float>(scale * scale * scale * along / count));
  ForEach(dx, n, dx, [=](size_t i, F v) {
    const size_t left = n - i;
    return v + s * LoadUpTo(weight + i, left) * LoadUpTo(dy + i, left) -
           back * LoadUpTo(x + i, left);
  });
}

// With h = (x - mean) s: dx = s (w dy - mean(w dy) - h mean(h w dy)).
void LayerNormBackward(const float* x, const float* weight, float epsilon, const float* dy,
                       size_t n, float* dx) {
  const auto count = static_cast<double>(n);
  const double mean = SumOf(x, n, AddUp()) / count;
  double squares = 0, sum = 0, along = 0;
  for (size_t i = 0; i < n; ++i) {
    const double h = static_cast<double>(x[i]) - mean;
    const double g = static_cast<double>(weight[i]) * static_cast<double>(dy[i]);
    squares += h * h;
    sum += g;
    along += g * h;
  }
  const double scale = 1.0 / std::sqrt(squares / count + static_cast<double>(epsilon));
  for (size_t i = 0; i < n; ++i) {
    const double h = static_cast<double>(x[i]) - mean;
    const double g = static_cast<double>(weight[i]) * static_cast<double>(dy[i]);
    dx[i] += static_cast<float>(scale * (g - sum / count - h * scale * scale * along / count));
  }
}

// Each with its value and its derivative.
struct SiluSlope {
  F value, slope;
  explicit SiluSlope(F x) {
    const F s = Set(1.0f) / (Set(1.0f) + Exp(-x));
    value = x * s;
    slope = s * (Set(1.0f) + x * (Set(1.0f) - s));
  }
};
struct GeluSlope {  // Phi(x) + x phi(x)
  F value, slope;
  explicit GeluSlope(F x) {
    value = Gelu(x);
    const F density = Set(0.398942280f) * Exp(Set(-0.5f) * x * x);
    const F tiny = x * x < Set(1e-12f) ? Set(0.5f) : value / x;
    slope = tiny + x * density;
  }
};
struct GeluTanhSlope {
  F value, slope;
  explicit GeluTanhSlope(F x) {
    const F square = x * x;
    const F t = Tanh(Set(0.797884561f) * x * Fma(square, Set(0.044715f), Set(1.0f)));
    value = Set(0.5f) * x * (Set(1.0f) + t);
    const F inner = Set(0.797884561f) * Fma(square, Set(3.0f * 0.044715f), Set(1.0f));
    slope = Set(0.5f) * (Set(1.0f) + t) + Set(0.5f) * x * (Set(1.0f) - t * t) * inner;
  }
};
struct ReluSlope {
  F value, slope;
  explicit ReluSlope(F x) {
    value = Relu(x);
    slope = x > F{} ? Set(1.0f) : F{};
  }
};

template <class Slope>
inline void GateBackwardOf(const float* up, size_t n, float* gate, float* dy) {
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t left = n - i;
    const Slope at(LoadUpTo(gate + i, left));
    const F d = LoadUpTo(dy + i, left);
    const F inner = up == nullptr ? d * at.slope : d * LoadUpTo(up + i, left) * at.slope;
    const F outer = up == nullptr ? d : d * at.value;
    if (left >= kLanes) {
      Store(gate + i, inner);
      Store(dy + i, outer);
    } else {
      StorePart(gate + i, inner, left);
      StorePart(dy + i, outer, left);
    }
  }
}

void GateBackward(Activation f, const float* up, size_t n, float* gate, float* dy) {
  switch (f) {
    case Activation::kSilu:
      return GateBackwardOf<SiluSlope>(up, n, gate, dy);
    case Activation::kGelu:
      return GateBackwardOf<GeluSlope>(up, n, gate, dy);
    case Activation::kGeluTanh:
      return GateBackwardOf<GeluTanhSlope>(up, n, gate, dy);
    case Activation::kRelu:
      return GateBackwardOf<ReluSlope>(up, n, gate, dy);
  }
}

double Exponentials(float shift, size_t n, float* x) {
  const F s = Set(shift);
  ForEach(x, n, x, [=](size_t, F v) { return Exp(v - s); });
  double sum = 0;
  constexpr size_t kBlock = 4096;
  for (size_t i = 0; i < n; i += kBlock)
    sum += SumOf(x + i, n - i < kBlock ? n - i : kBlock, AddUp());
  return sum;
}

void SoftmaxBackward(const float* probabilities, float dot, size_t n, float* d) {
  const F shift = Set(dot);
  ForEach(d, n, d, [=](size_t i, F v) { return (v - shift) * LoadUpTo(probabilities + i, n - i); });
}
