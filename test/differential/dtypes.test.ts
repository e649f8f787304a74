// The tests' own conversions, checked against typed arrays and by hand before anything is compared with them.

import { expect, test } from "vitest";
import { decode, encode, fromBits16, roundTo, stepsApart, toBits16 } from "./dtypes.js";

test.each(["F16", "BF16"] as const)("%s: every bit pattern survives the way to a number and back", (dtype) => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromBits16(bits, dtype);
    if (Number.isNaN(value)) continue;
    if (toBits16(value, dtype) !== bits || !Object.is(roundTo(value, dtype), value)) {
      expect.fail(`pattern ${bits.toString(16)} became ${toBits16(value, dtype).toString(16)}`);
    }
  }
});

test("bfloat16 is the upper half of float32", () => {
  const float = new Float32Array(1);
  const word = new Uint32Array(float.buffer);
  for (let bits = 0; bits < 0x10000; bits++) {
    word[0] = bits * 0x10000;
    const value = float[0] as number;
    if (!Number.isNaN(value) && !Object.is(fromBits16(bits, "BF16"), value)) expect.fail(bits.toString(16));
  }
});

test("rounds to nearest, ties to the even neighbour", () => {
  const step = 2 ** -7;
  expect(roundTo(1 + step / 2, "BF16")).toBe(1);
  expect(roundTo(1 + 1.5 * step, "BF16")).toBe(1 + 2 * step);
  expect(roundTo(1 + step / 2 + 2 ** -40, "BF16")).toBe(1 + step);
  expect(roundTo(-(1 + step / 2), "BF16")).toBe(-1);
  expect(roundTo(2049, "F16")).toBe(2048);
  expect(roundTo(2051, "F16")).toBe(2052);
});

test("keeps subnormals, signs of zero and the overflow limit", () => {
  expect(roundTo(2 ** -24, "F16")).toBe(2 ** -24);
  expect(roundTo(2 ** -25, "F16")).toBe(0);
  expect(roundTo(1.5 * 2 ** -25, "F16")).toBe(2 ** -24);
  expect(Object.is(roundTo(-(2 ** -26), "F16"), -0)).toBe(true);
  expect(roundTo(2 ** -133, "BF16")).toBe(2 ** -133);
  expect(roundTo(65519.99, "F16")).toBe(65504);
  expect(roundTo(65520, "F16")).toBe(Number.POSITIVE_INFINITY);
  expect(roundTo(-3.4e38, "BF16")).toBe(Number.NEGATIVE_INFINITY);
});

test("bytes are little-endian and NaN stays NaN", () => {
  expect([...encode([1, -2], "BF16")]).toEqual([0x80, 0x3f, 0x00, 0xc0]);
  expect([...encode([1], "F16")]).toEqual([0x00, 0x3c]);
  for (const dtype of ["F64", "F32", "F16", "BF16"] as const) {
    expect([...decode(encode([Number.NaN, Number.NEGATIVE_INFINITY, -0, 1.5], dtype), dtype)]).toEqual([
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      -0,
      1.5,
    ]);
  }
});

test("counts the steps between neighbours through zero", () => {
  expect(stepsApart(0, -0, "F16")).toBe(0);
  expect(stepsApart(2 ** -24, -(2 ** -24), "F16")).toBe(2);
  expect(stepsApart(1, 1 + 2 ** -7, "BF16")).toBe(1);
});
