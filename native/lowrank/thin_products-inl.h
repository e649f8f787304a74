// The loops of thin_products.cc, compiled once per instruction set: no include guard, no includes.

// Eight values, whatever the registers are; operations on them are element by element.
typedef double Wide __attribute__((vector_size(64), aligned(8)));

// By reference: handed over by value, a register that an instruction set lacks changes the ABI.
inline void LoadWide(const double* from, Wide& x) { __builtin_memcpy(&x, from, sizeof(x)); }
inline void StoreWide(double* to, const Wide& x) { __builtin_memcpy(to, &x, sizeof(x)); }

// `kMany` lines at a time share what is read of x.
template <size_t kMany, size_t kGroups>
inline void AddLines(const Lines& v, const ThinRows& x, double* out, size_t stride) {
  Wide sums[kMany][kGroups];
  for (size_t l = 0; l < kMany; ++l)
    for (size_t g = 0; g < kGroups; ++g) LoadWide(out + l * stride + g * kGroup, sums[l][g]);
  for (size_t s = 0; s < v.steps; ++s) {
    Wide q[kGroups];
    for (size_t g = 0; g < kGroups; ++g) LoadWide(x.data + s * x.stride + g * kGroup, q[g]);
    for (size_t l = 0; l < kMany; ++l)
      for (size_t g = 0; g < kGroups; ++g) sums[l][g] += v.data[l * v.line + s * v.step] * q[g];
  }
  for (size_t l = 0; l < kMany; ++l)
    for (size_t g = 0; g < kGroups; ++g) StoreWide(out + l * stride + g * kGroup, sums[l][g]);
}

template <size_t kGroups>
inline void AddAll(Lines v, const ThinRows& x, double* out, size_t stride) {
  for (; v.count >= 4; v.count -= 4, v.data += 4 * v.line, out += 4 * stride)
    AddLines<4, kGroups>(v, x, out, stride);
  for (; v.count > 0; --v.count, v.data += v.line, out += stride)
    AddLines<1, kGroups>(v, x, out, stride);
}

void AddProducts(const Lines& v, const ThinRows& x, double* out, size_t stride) {
  ThinRows rest = x;
  for (; rest.groups >= 2; rest.groups -= 2, rest.data += 2 * kGroup, out += 2 * kGroup)
    AddAll<2>(v, rest, out, stride);
  if (rest.groups > 0) AddAll<1>(v, rest, out, stride);
}

double Widen(const float* from, size_t count, double* to) {
  double lanes[kGroup] = {};
  size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    for (size_t l = 0; l < kGroup; ++l) {
      const double value = from[i + l];
      to[i + l] = value;
      lanes[l] += value * value;
    }
  }
  for (size_t l = 0; i + l < count; ++l) {
    const double value = from[i + l];
    to[i + l] = value;
    lanes[l] += value * value;
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

constexpr ThinLoops kLoops = {&AddProducts, &Widen};
