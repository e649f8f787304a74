// A task's numbers of its items: which of them have an interval.

import { describe, expect, it } from "vitest";
import { summarise } from "../../../../lib/evaluate/run/summarise.js";
import type { MetricOfItem, ScoredItem } from "../../../../lib/evaluate/types.js";

describe("the mean over categories", () => {
  it("has no interval where the categories' numbers are no means of their items' numbers", () => {
    const items = Array.from(
      { length: 20 },
      (_, at): ScoredItem => ({
        item: { id: String(at), prompt: "a", request: "a", category: at < 15 ? "large" : "small" },
        answers: [{ text: "a", tokens: 1 }],
        values: {},
      }),
    );
    const share = ({ item: { id } }: ScoredItem) => Number(Number(id) % 3 === 0);
    const metrics: MetricOfItem[] = [
      { name: "mean", better: "high", of: share },
      { name: "root", better: "high", of: share, total: (all) => Math.sqrt(all.reduce((s, one) => s + share(one), 0)) },
    ];
    const { macro_mean: mean, macro_root: root } = summarise({ macro: true }, metrics, items, 0).metrics;
    expect(mean).toMatchObject({ value: (5 / 15 + 2 / 5) / 2, interval: "bootstrap" });
    expect(root).toMatchObject({ interval: "none", low: null, high: null, n: 20, missing: 0 });
    expect(root?.value).toBeCloseTo((Math.sqrt(5) + Math.sqrt(2)) / 2, 12);
  });
});
