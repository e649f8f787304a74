// What every reference method is given, and the few words they share.
//
// Values are float64 numbers that the stored dtype holds exactly. Where the definition decides by comparing
// (which deltas are largest, what is active), the delta is the one of the compute dtype: float32 unless F64.

export interface Operands {
  /** One array a source, in the recipe's order. */
  readonly x: readonly Float64Array[];
  readonly shape: readonly number[];
  readonly compute: "F32" | "F64";
}

/** The expected tensor, and where rounding may turn a comparison the other way (those elements prove nothing). */
export interface Expected {
  readonly values: Float64Array;
  readonly unsure?: Uint8Array;
}

/** The i-th source; a missing one is the test's mistake. */
export function source({ x }: Operands, index: number): Float64Array {
  const values = x[index];
  if (!values) throw new RangeError(`no source ${index}`);
  return values;
}

/** Elements of the tensor. */
export function elements({ shape }: Pick<Operands, "shape">): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** x - base in the compute dtype, for each source but the first. */
export function deltas(operands: Operands): Float64Array[] {
  const base = source(operands, 0);
  return operands.x.slice(1).map((x) => difference(x, base, operands.compute));
}

/** x - y, rounded once to the compute dtype. */
export function difference(x: Float64Array, y: Float64Array, compute: "F32" | "F64"): Float64Array {
  return x.map((value, i) => {
    const exact = value - (y[i] as number);
    return compute === "F32" ? Math.fround(exact) : exact;
  });
}

export function at(values: ArrayLike<number>, index: number): number {
  return values[index] as number;
}

export function add(x: Float64Array, y: Float64Array): Float64Array {
  return x.map((value, i) => value + at(y, i));
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

export function dot(x: Float64Array, y: Float64Array): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += at(x, i) * at(y, i);
  return total;
}

export function norm(x: Float64Array): number {
  return Math.sqrt(dot(x, x));
}
