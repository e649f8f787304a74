// Vectors of float32 for the kernels of this folder. No include guard: vector_kernels.cc includes
// this file once per instruction set, inside a namespace and a compiler target region of its own
// (see cpu/loops.cc), so only headers that are already included may be used here.
//
// Everything is written over the compiler's own vector types; only the fused multiply-add needs an
// intrinsic, because the build forbids contracting products into sums behind our back.

#if RETEMPER_LANES > 4
constexpr size_t kLanes = RETEMPER_LANES;
#else
constexpr size_t kLanes = 4;
#endif

typedef float F __attribute__((vector_size(4 * kLanes)));
typedef int32_t I __attribute__((vector_size(4 * kLanes)));
typedef uint32_t U __attribute__((vector_size(4 * kLanes)));
typedef uint16_t H __attribute__((vector_size(2 * kLanes)));
typedef int8_t B __attribute__((vector_size(kLanes)));

inline F Load(const float* p) {
  F v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
// Stored bfloat16, widened.
inline F Load(const uint16_t* p) {
  H v;
  __builtin_memcpy(&v, p, sizeof v);
  return (F)(__builtin_convertvector(v, U) << 16);
}
// Codes of 8 bits, as numbers.
inline F Load(const int8_t* p) {
  B v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(__builtin_convertvector(v, I), F);
}
inline void Store(float* p, F v) { __builtin_memcpy(p, &v, sizeof v); }

// The first n < kLanes elements; zeros after them.
inline F LoadPart(const float* p, size_t n) {
  float part[kLanes] = {};
  for (size_t i = 0; i < n; ++i) part[i] = p[i];
  return Load(part);
}
inline void StorePart(float* p, F v, size_t n) {
  float part[kLanes];
  Store(part, v);
  for (size_t i = 0; i < n; ++i) p[i] = part[i];
}

inline F Set(float x) { return x - F{}; }  // not x + 0, which would lose the sign of -0
inline I SetIndex(int32_t x) { return x - I{}; }

// a * b + c, rounded once where the processor can.
inline F Fma(F a, F b, F c) {
#if RETEMPER_LANES == 16
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif RETEMPER_LANES == 8
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (F)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// What rounding took off square = x * x.
inline F SquareRest(F x, F square) {
#if RETEMPER_LANES > 4 || defined(__aarch64__)
  return Fma(x, x, -square);
#else
  const F high = (F)((U)x & 0xfffff000u), low = x - high;  // halves whose products are exact
  return ((high * high - square) + (high + high) * low) + low * low;
#endif
}

inline F Greater(F a, F b) { return a > b ? a : b; }

// 0, 1, 2, ...
inline I LaneIndex() {
  I index;
  for (size_t i = 0; i < kLanes; ++i) index[i] = static_cast<int32_t>(i);
  return index;
}

// In lane order.
inline double SumLanes(F v) {
  float lanes[kLanes];
  Store(lanes, v);
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  return sum;
}
inline float GreatestLane(F v) {
  float lanes[kLanes];
  Store(lanes, v);
  float greatest = lanes[0];
  for (const float lane : lanes) greatest = lane > greatest ? lane : greatest;
  return greatest;
}
