// Stored floats as float32, in plain JavaScript.

/**
 * Little-endian values of a dtype as float32.
 * @param bytes F32, F16 or BF16 values, whole
 */
export function widen(bytes: Uint8Array, dtype: string): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = dtype === "F32" ? 4 : 2;
  const values = new Float32Array(bytes.byteLength / size);
  if (dtype === "BF16") {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  } else if (dtype === "F16") {
    for (let i = 0; i < values.length; i++) values[i] = half(view.getUint16(2 * i, true));
  } else {
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
  }
  return values;
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
