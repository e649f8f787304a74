// Answers side by side: of tasks that were answered, and not of those that were only scored.

import { expect, it } from "vitest";
import type { Results } from "../../../lib/evaluate/run/results.js";
import type { Task } from "../../../lib/evaluate/types.js";
import { examplesOf } from "../../../lib/experiment/results/examples.js";
import type { SeedResults } from "../../../lib/experiment/tables/measure.js";

function seedWith(text: string, score: number): SeedResults {
  const of = (name: string, answer: object) => ({
    ...{ name, kind: "task", primary: "score", categories: {}, metrics: {} },
    items: [{ id: "0", scores: { score }, answers: [answer] }],
  });
  const tasks = [of("exact", { text, tokens: 1 }), of("loss", { text: "", tokens: 4, logLikelihoods: [-score] })];
  return { seed: "42", results: { tasks } as unknown as Results };
}

const asked = [
  {
    name: "exact",
    items: [{ id: "0", prompt: "Q: 1 + 1?", request: "1 + 1?", references: ["2", "two".repeat(2000)] }],
  },
] as unknown as Task[];

it("examples show what was asked and the right answers, and cut what is long", () => {
  const [example] = examplesOf([seedWith("No", 0)], [seedWith("Yes", 1)], undefined, asked);
  expect(example?.request).toBe("1 + 1?");
  expect(example?.expected?.[0]).toBe("2");
  expect(example?.expected?.[1]).toMatch(/^(two)+t … \(2000 characters more\)$/);
});

it("examples show answers where the score changed, and nothing of a loss, which has no text", () => {
  const examples = examplesOf([seedWith("No", 0)], [seedWith("Yes", 1)], undefined, asked);
  expect(examples.map(({ task, answers }) => [task, answers.map(({ text }) => text)])).toEqual([
    ["exact", ["No", "Yes"]],
  ]);
});
