// Whether the sets of an experiment measure what its gate asks for: found before the run, and not after it.

import type { Task } from "../../evaluate/types.js";
import { FEWEST_OF_CATEGORY } from "../../select/compareWithGate.js";
import type { Gate } from "../../select/gate.js";
import type { Checked } from "./checked.js";

/** What the gate's `overRefusal` and `worstCategory` lack. */
export function gateProblems(
  { metrics, text }: Pick<Gate, "metrics" | "text">,
  { safety, safetyTest, split }: Pick<Checked["tasks"], "safety" | "safetyTest" | "split">,
): string[] {
  const halves = [
    { tasks: safety, part: split ? "the half that chooses" : "safety.sets" },
    { tasks: safetyTest, part: split ? "the half that confirms" : "safety.test" },
  ].map(({ tasks, part }) => ({ part, tasks: tasks.filter(({ selectedBy }) => selectedBy === undefined) }));
  const refusal = halves.find(({ tasks }) => !tasks.some(({ kind }) => kind === "over-refusal"));
  const small = halves
    .map(({ part, tasks }) => ({ part, ...largestCategory(tasks) }))
    .find(({ items }) => items < FEWEST_OF_CATEGORY);
  return [
    ...(metrics.includes("overRefusal") && refusal
      ? [
          `the gate ${text} asks for overRefusal, and ${refusal.part} has no set of harmless requests: add xstest or over-refusal:FILE`,
        ]
      : []),
    ...(metrics.includes("worstCategory") && small
      ? [
          `the gate ${text} asks for worstCategory, and ${small.name === undefined ? `${small.part} has no categories` : `the largest category of ${small.part}, ${small.name}, has ${small.items} items`}: it takes ${FEWEST_OF_CATEGORY} or more`,
        ]
      : []),
  ];
}

function largestCategory(tasks: readonly Task[]): { readonly name?: string; readonly items: number } {
  const counts = new Map<string, number>();
  for (const { category } of tasks.filter(({ kind }) => kind === "safety").flatMap(({ items }) => items)) {
    if (category !== undefined) counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  const [largest] = [...counts].sort(([, a], [, b]) => b - a);
  return largest ? { name: largest[0], items: largest[1] } : { items: 0 };
}
