// slerp: along the great circle of the un-normalised vectors; a straight line where they are nearly parallel.

import { at, dot, type Expected, norm, type Operands, source } from "./operands.js";

const SMALLEST_NORM = 1e-8;

export function slerp(operands: Operands, t: number, threshold: number): Expected {
  const a = source(operands, 0);
  const b = source(operands, 1);
  return { values: along(a, b, t, Math.abs(cosine(a, b)) > threshold, cosine(a, b)) };
}

/** Cosine of the angle between the flattened vectors; vectors of no length count as they are. */
export function cosine(a: Float64Array, b: Float64Array): number {
  return dot(unit(a), unit(b));
}

function unit(x: Float64Array): Float64Array {
  const length = norm(x);
  return length > SMALLEST_NORM ? x.map((value) => value / length) : x;
}

/** (1-t) a + t b, or the same on the circle with angle acos(c). */
export function along(a: Float64Array, b: Float64Array, t: number, straight: boolean, c: number): Float64Array {
  const angle = Math.acos(c);
  const left = straight ? 1 - t : Math.sin((1 - t) * angle) / Math.sin(angle);
  const right = straight ? t : Math.sin(t * angle) / Math.sin(angle);
  return a.map((value, i) => left * value + right * at(b, i));
}
