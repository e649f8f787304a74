import { describe, expect, it } from "vitest";
import { interpolateGradient } from "../../../lib/recipe/gradient.js";
import fc from "../../properties.js";

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const position = fc.double({ min: 0, max: 1, noNaN: true });

describe("gradients", () => {
  it.each([
    [[0, 0.5, 0.3, 0.7, 1], 0, 0],
    [[0, 0.5, 0.3, 0.7, 1], 0.25, 0.5],
    [[0, 0.5, 0.3, 0.7, 1], 0.375, 0.4],
    [[0, 0.5, 0.3, 0.7, 1], 1, 1],
    [[1, 2, 3], 0.5, 2],
    [[1, 2], 0.5, 1.5],
    [[0.5], 0.7, 0.5],
  ])("%j at t = %d is %d", (values, t, expected) => {
    expect(interpolateGradient(values, t)).toBeCloseTo(expected, 12);
  });

  it("adds the two weighted neighbours, as the reference does to the last bit", () => {
    expect(interpolateGradient([0.1, 0.2], 0.5)).toBe(0.15000000000000002);
  });

  it("steps between booleans and between words", () => {
    const at = (t: number) => interpolateGradient([false, true, false], t);
    expect([0, 0.25, 0.49, 0.5, 0.75, 1].map(at)).toEqual([false, false, false, true, true, false]);
    expect(interpolateGradient(["a", "b"], 0.99)).toBe("a");
    expect(interpolateGradient(["a", "b"], 1)).toBe("b");
  });

  it("steps where numbers are mixed with anything else", () => {
    expect(interpolateGradient([1, true, 3], 0.25)).toBe(1);
  });

  it("clamps positions outside the slice", () => {
    expect(interpolateGradient([1, 2], -3)).toBe(1);
    expect(interpolateGradient([1, 2], 7)).toBe(2);
  });

  it("refuses a gradient without values", () => {
    expect(() => interpolateGradient([], 0)).toThrow(RangeError);
  });

  it("stays between its neighbours at every position", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 12 }), position, (values, t) => {
        const s = t * (values.length - 1);
        const around = [
          values[Math.floor(s)] as number,
          values[Math.min(Math.floor(s) + 1, values.length - 1)] as number,
        ];
        const value = interpolateGradient(values, t) as number;
        const slack = 1e-9 * Math.max(...around.map(Math.abs), 1);
        expect(value).toBeGreaterThanOrEqual(Math.min(...around) - slack);
        expect(value).toBeLessThanOrEqual(Math.max(...around) + slack);
      }),
    );
  });

  it("meets every one of its values at that value's own layer", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 2, maxLength: 40 }), fc.nat(), (values, pick) => {
        const layer = pick % values.length;
        const value = interpolateGradient(values, layer / (values.length - 1)) as number;
        expect(value).toBeCloseTo(values[layer] as number, 6);
      }),
    );
  });

  it("of equal values is that value everywhere", () => {
    fc.assert(
      fc.property(finite, fc.integer({ min: 1, max: 9 }), position, (value, count, t) => {
        const found = interpolateGradient(new Array<number>(count).fill(value), t) as number;
        expect(Math.abs(found - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -51);
      }),
    );
  });
});
