// What stands beside a choice: margins that would do what they are said to do, and the next best.

import { expect, it } from "vitest";
import { outlook } from "../../../lib/select/outlook.js";
import { select } from "../../../lib/select/select.js";

const items = (attacks: number) => ({
  value: attacks / 80,
  values: [Array.from({ length: 80 }, (_, item) => (item < attacks ? 1 : 0))],
});
const merge = (lambda: number, attacks: number, score: number) => ({
  ...{ method: "linear", lambda },
  ...{ asr: items(attacks), score: { value: score } },
});
const aligned = { asr: items(2), score: { value: 0.1 } };
const candidates = [merge(0.2, 2, 0.6), merge(0.3, 3, 0.7), merge(0.4, 6, 0.8), merge(0.6, 20, 0.9)];
const table = { aligned, candidates };
const at = (margin: number) => select(table, { rule: "constrained", margin }).overall.candidate?.lambda;

it("the margin of a better score chooses it, and a smaller one does not; so does the least margin of the choice", () => {
  const chosen = candidates[1] ?? null;
  expect(at(0.08)).toBe(0.3);
  const { next, better, margin = 0 } = outlook(table, "constrained:0.08", chosen);
  expect(next?.candidate.lambda).toBe(0.2);
  expect(better?.candidate.lambda).toBe(0.4);
  expect([at(better?.margin ?? 0), at((better?.margin ?? 0) - 1e-3)]).toEqual([0.4, 0.3]);
  expect([at(margin), at(margin - 1e-3)]).toEqual([0.3, 0.2]);
  expect(better?.items).toBeGreaterThan(better?.n ?? 1e9);
});

it("nothing better is named where the choice has the best score, and nothing at all by rules without a margin", () => {
  expect(outlook(table, "constrained:0.9", candidates[3] ?? null).better).toBeUndefined();
  expect(outlook(table, "score", candidates[3] ?? null)).toMatchObject({ next: { candidate: { lambda: 0.4 } } });
  expect(outlook(table, "score", candidates[3] ?? null)).not.toHaveProperty("margin");
});

it("a choice that was not confirmed is told the margin at which it would have been", () => {
  const tested = { aligned: { asr: items(2), score: { value: 0.1 } }, candidate: merge(0.3, 12, 0.7) };
  const { confirm } = outlook(table, "constrained:0.08", candidates[1] ?? null, tested);
  expect(confirm?.margin).toBeCloseTo(confirm?.bound ?? 0, 12);
  expect(confirm?.margin).toBeGreaterThan(0.125);
});
