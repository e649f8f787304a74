// Student's t distribution, for intervals with few degrees of freedom.

import { normalQuantile } from "./normalQuantile.js";

/**
 * P(T > t) for t >= 0 with any number of degrees of freedom above 0, whole or not: half the regularised incomplete beta
 * function I_x(df / 2, 1 / 2) at x = df / (df + t²). Relative accuracy about 1e-12.
 */
export function tTail(t: number, df: number): number {
  if (t === Number.POSITIVE_INFINITY) return 0;
  const square = t * t;
  return incompleteBeta(df / (df + square), square / (df + square), df / 2, 0.5) / 2;
}

/** t such that T is below it with probability `p`; of infinitely many degrees of freedom the normal one. */
export function tQuantile(p: number, df: number): number {
  if (!(df > 0)) return Number.NaN;
  if (df > 1e7 || !(p > 0 && p < 1)) return normalQuantile(p);
  if (p < 0.5) return -tQuantile(1 - p, df);
  if (p === 0.5) return 0;
  const tail = 1 - p;
  let [low, high] = [0, 1];
  while (tTail(high, df) > tail) [low, high] = [high, high * 2];
  for (let step = 0; step < 200 && high - low > 1e-15 * high; step++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (tTail(middle, df) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** I_x(a, b); `rest` is 1 - x, which would lose its digits in a subtraction. */
function incompleteBeta(x: number, rest: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(rest));
  return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(rest, b, a)) / b;
}

/** The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's algorithm. */
function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let upper = 1;
  let lower = 1 / away(1 - ((a + b) * x) / (a + 1));
  let product = lower;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    lower = 1 / away(1 + even * lower);
    upper = away(1 + even / upper);
    product *= lower * upper;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    lower = 1 / away(1 + odd * lower);
    upper = away(1 + odd / upper);
    const change = lower * upper;
    product *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return product;
}

/** log of the gamma function for x > 0: Stirling's series (DLMF 5.11.1) at x + 10, brought down by recurrence. */
function logGamma(x: number): number {
  let [shift, at] = [1, x];
  for (; at < x + 10 && at < 20; at += 1) shift *= at;
  const square = 1 / (at * at);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - Math.log(shift);
}
