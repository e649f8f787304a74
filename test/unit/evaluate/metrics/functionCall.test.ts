// Calls of functions: what is the same call, and what is none.

import { describe, expect, it } from "vitest";
import { parseFunctionCall, sameCall } from "../../../../lib/evaluate/metrics/functionCall.js";
import fc from "../../../properties.js";

describe("sameCall", () => {
  it.each([
    ["f(a=1, b='x')", 'f( b="x",a=1 )'],
    ["uber.ride(loc='Oxley', type=\"plus\", time=10)", 'uber.ride(time=10, loc="Oxley", type="plus")'],
    ["f(x={'a': [1, 2], 'b': None})", 'f(x={"b": null, "a": [1, 2.0]})'],
    ["f(x='it\\'s')", 'f(x="it\'s")'],
    ["f(True, -1.5e3)", "f(true, -1500)"],
    ["```python\nf(a=1)\n```", "f(a=1)"],
    ["order(item: pears, count: 3)", "order(count: 3, item: pears)"],
    ["f('a' 'b')", "f('ab')"],
    ["f(x=g(y=1, z=2))", "f(x=g(z=2, y=1))"],
    ["f(('a'))", "f('a')"],
    ["f({3, 1})", "f({1, 3})"],
    ["f(a=1);", "f(a=1)"],
    ["not a  call", "not a call"],
  ])("takes %s and %s for the same", (a, b) => {
    expect(sameCall(a, b)).toBe(true);
    expect(sameCall(b, a)).toBe(true);
  });

  it.each([
    ["f(a=1)", "g(a=1)"],
    ["f(a=1)", "f(a='1')"],
    ["f(a=1)", "f(b=1)"],
    ["f(1, 2)", "f(2, 1)"],
    ["f(a=[1, 2])", "f(a=[2, 1])"],
    ["f(a=1)", "f(a=1, b=2)"],
    ["f(a=1) g(b=2)", "f(a=1)"],
    ["The call is f(a=1)", "f(a=1)"],
    ["f('a',)", "f(('a',))"],
    ["f(x=name)", "f(x='name')"],
    ["f(a=1", "f(a=1)"],
  ])("tells %s from %s", (a, b) => {
    expect(sameCall(a, b)).toBe(false);
  });
});

describe("parseFunctionCall", () => {
  it("takes no more than one call", () => {
    for (const text of [
      "",
      "f",
      "f(",
      "f(a=)",
      "1",
      "f(a b)",
      "(f)(1)",
      "f(a=1)(b=2)",
      `${"f(".repeat(60)}${")".repeat(60)}`,
    ]) {
      expect(parseFunctionCall(text), text).toBeUndefined();
    }
  });

  it("ends on any text", () => {
    const pieces = fc.constantFrom(..."f(){}[],=:'\"\\ a1.-\n");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        parseFunctionCall(parts.join(""));
        expect(sameCall(parts.join(""), parts.join(""))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("does not mistake an argument for a property of all objects", () => {
    expect(sameCall("f(__proto__=1)", "f(__proto__=2)")).toBe(false);
  });
});
