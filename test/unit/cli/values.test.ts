// Lists and ranges of numbers, as --lambda and --vary read them.

import { describe, expect, it } from "vitest";
import { parseValues, parseVariation } from "../../../lib/cli/values.js";

describe("values", () => {
  it("are a number, a list, a range, or a mixture", () => {
    expect(parseValues("0.4")).toEqual([0.4]);
    expect(parseValues(".2,.4")).toEqual([0.2, 0.4]);
    expect(parseValues("-1, 1.5e-3 ,2.")).toEqual([-1, 0.0015, 2]);
    expect(parseValues("0:1:0.5,0.7")).toEqual([0, 0.5, 1, 0.7]);
  });

  it("of a range are decimals as one writes them", () => {
    expect(parseValues("0.1:0.9:0.1").map(String)).toEqual("0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9".split(" "));
    expect(parseValues("0:0.06:.02").map(String)).toEqual(["0", "0.02", "0.04", "0.06"]);
    expect(parseValues("1e-3:3e-3:1e-3").map(String)).toEqual(["0.001", "0.002", "0.003"]);
    expect(parseValues("0.7:1.1:0.2").map(String)).toEqual(["0.7", "0.9", "1.1"]);
  });

  it("of a range end before an end that no step reaches", () => {
    expect(parseValues("0:1:0.4")).toEqual([0, 0.4, 0.8]);
    expect(parseValues("0.5:0.5:0.1")).toEqual([0.5]);
  });

  it("of a range may fall", () => {
    expect(parseValues("1:0:-0.5")).toEqual([1, 0.5, 0]);
    expect(parseValues("-0.2:0.2:0.2")).toEqual([-0.2, 0, 0.2]);
  });

  it.each([
    ["", /no number/],
    ["a", /no number/],
    ["0.1,,0.2", /no number/],
    ["0x10", /no number/],
    ["NaN", /no number/],
    ["Infinity", /no number/],
    ["1e999", /no number/],
    ["0.1:0.9", /range such as/],
    ["0:1:0.1:2", /range such as/],
    ["0:1:0", /does not lead/],
    ["1:0:0.1", /does not lead/],
    ["0:1:1e-9", /more than/],
    ["0:1:1e-17", /decimal places/],
    ["0:1e20:1e19", /too many digits/],
  ])("refuse %j", (text, message) => {
    expect(() => parseValues(text)).toThrow(message);
  });
});

describe("a variation", () => {
  it("names a parameter, and adds to those before it", () => {
    expect(parseVariation("t=0:1:0.5")).toEqual({ t: [0, 0.5, 1] });
    expect(parseVariation("density = .5", { t: [1] })).toEqual({ t: [1], density: [0.5] });
  });

  it.each([
    ["density", /NAME=values/],
    ["=1", /NAME=values/],
    ["a b=1", /NAME=values/],
    ["density=", /no number/],
    ["lambdas=1", /--lambda/],
    ["t=2", /twice/],
  ])("refuses %j", (text, message) => {
    expect(() => parseVariation(text, { t: [1] })).toThrow(message);
  });
});
