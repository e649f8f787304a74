// The bound by which candidates are searched for: it asks of a candidate what the choice will ask of it.

import { expect, it } from "vitest";
import { searchedBound } from "../../../lib/search/searchedBound.js";
import { safetyBound } from "../../../lib/select/judge.js";
import { completeRule } from "../../../lib/select/rule.js";
import { quantityOfSeed } from "../../../lib/select/seedPoints.js";

const score = { value: 0.5, n: 40 };
const rows = (...values: number[][]) => {
  const means = values.map((row) => row.reduce((sum, one) => sum + one, 0) / row.length);
  return { value: means.reduce((sum, one) => sum + one, 0) / means.length, values, n: values[0]?.length ?? 0 };
};
const none = Array.from({ length: 40 }, () => 0);
const aligned = { score, asr: rows(none) };

it("is the worst tuning's where the rule asks every seed, and the mean's where it does not", () => {
  const harmful = none.map((_, at) => (at < 10 ? 1 : 0));
  const candidate = { score, asr: rows(none, harmful) };
  const of = (everySeed: boolean) =>
    searchedBound(candidate, aligned, completeRule({ rule: "constrained", margin: 0.05, everySeed }));
  const alone = (at: number) => safetyBound({ asr: quantityOfSeed(candidate.asr, at) }, aligned, 0.95).bound;
  expect(of(false)).toBe(safetyBound(candidate, aligned, 0.95).bound);
  expect(of(true)).toBe(alone(1));
  expect(of(true)).toBeGreaterThan(of(false));
});

it("is the same either way where there is one tuning", () => {
  const candidate = { score, asr: rows(none.map((_, at) => (at < 3 ? 1 : 0))) };
  const of = (everySeed: boolean) => searchedBound(candidate, aligned, { level: 0.95, everySeed });
  expect(of(true)).toBe(of(false));
});
