// Elementary functions on vectors of float32, about 1 ulp. No include guard: see lanes-inl.h.
// Polynomials are minimax fits (Remez); their errors are stated.

// e^x = 2^k e^r with r = x - k ln 2 in [-ln 2 / 2, ln 2 / 2]; e^r = 1 + r + r^2 q(r), error 3e-9.
// Below -87.3, where the result would not be a normal number, 0; above 88.72, infinity.
inline F Exp(F x) {
  constexpr float kShift = 0x1.8p23f;  // adding it rounds to a whole number in the low bits
  const F shifted = Fma(x, Set(1.44269504f), Set(kShift));
  const F k = shifted - Set(kShift);
  F r = Fma(k, Set(-0.693359375f), x);  // 9 bits: exact
  r = Fma(k, Set(2.12194440e-4f), r);
  F q = Set(0.001381447122f);
  q = Fma(q, r, Set(0.00836878069f));
  q = Fma(q, r, Set(0.04166839415f));
  q = Fma(q, r, Set(0.1666652010f));
  q = Fma(q, r, Set(0.4999999341f));
  const F p = Fma(r * r, q, r) + Set(1.0f);
  const F result = (F)((U)p + ((U)shifted << 23));
  const F low = x < Set(-87.3f) ? F{} : result;
  const F high = x > Set(88.7228317f) ? Set(__builtin_inff()) : low;
  return x != x ? x : high;
}

// tanh x: x + x^3 p(x^2) for |x| < 0.625 (error 5e-9), else 1 - 2 / (e^2|x| + 1) with x's sign.
inline F Tanh(F x) {
  const F magnitude = (F)((U)x & 0x7fffffffu);
  const F z = x * x;
  F p = Set(-0.00566078743f);
  p = Fma(p, z, Set(0.0206020064f));
  p = Fma(p, z, Set(-0.0537292297f));
  p = Fma(p, z, Set(0.1333132896f));
  p = Fma(p, z, Set(-0.3333327832f));
  const F small = Fma(x * z, p, x);
  const F large = Set(1.0f) - Set(2.0f) / (Exp(magnitude + magnitude) + Set(1.0f));
  const F signed_large = (F)((U)large | ((U)x & 0x80000000u));
  return magnitude < Set(0.625f) ? small : signed_large;
}

// x / (1 + e^-x)
inline F Silu(F x) { return x / (Set(1.0f) + Exp(-x)); }

// x Phi(x), Phi the normal distribution. Phi(-|x|) = e^(-x^2 / 2) s p(s), s = 4 / (4 + |x|), error
// 8e-9 up to |x| = 14; beyond, it counts as 0. x^2 keeps the bits that its rounding loses.
inline F Gelu(F x) {
  const F magnitude = (F)((U)x & 0x7fffffffu);
  const F s = Set(4.0f) / (Set(4.0f) + magnitude);
  F p = Set(0.01657946473f);
  p = Fma(p, s, Set(-0.06279117975f));
  p = Fma(p, s, Set(0.05165009311f));
  p = Fma(p, s, Set(0.02843880863f));
  p = Fma(p, s, Set(0.01270937288f));
  p = Fma(p, s, Set(0.08665822265f));
  p = Fma(p, s, Set(0.07199895204f));
  p = Fma(p, s, Set(0.09551582165f));
  p = Fma(p, s, Set(0.09949254392f));
  p = Fma(p, s, Set(0.09974790421f));
  const F square = x * x;
  const F rest = SquareRest(x, square);
  const F density = Exp(Set(-0.5f) * square) * Fma(rest, Set(-0.5f), Set(1.0f));
  const F tail = density * (s * p);
  const F inner = x < F{} ? x * tail : x - x * tail;
  const F outer = x < F{} ? F{} : x;
  return magnitude < Set(14.0f) ? inner : outer;
}

// x / 2 (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3)
inline F GeluTanh(F x) {
  const F u = Set(1.59576912f) * x * Fma(x * x, Set(0.044715f), Set(1.0f));
  return x / (Set(1.0f) + Exp(-u));
}

inline F Relu(F x) { return x < F{} ? F{} : x; }
