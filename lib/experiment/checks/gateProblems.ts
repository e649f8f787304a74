// Whether the sets of an experiment measure what its gate asks for: found before the run, and not after it.

import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { Task } from "../../evaluate/types.js";
import { FEWEST_OF_CATEGORY } from "../../select/compareWithGate.js";
import type { Gate } from "../../select/gate.js";
import type { Checked } from "./checked.js";

export interface GateProblem {
  readonly text: string;
  /** Which key of the rule may be what says it, where it is not the gate itself. */
  readonly of?: "overRefusal" | "keep" | undefined;
}

/** What the gate's `overRefusal`, `worstCategory` and skills lack. */
export function gateProblems(
  { metrics, text, skills }: Pick<Gate, "metrics" | "text" | "skills">,
  { safety, safetyTest, split, skillOf }: Pick<Checked["tasks"], "safety" | "safetyTest" | "split" | "skillOf">,
): GateProblem[] {
  const halves = [
    { tasks: safety, part: split ? "the half that chooses" : "safety.sets" },
    { tasks: safetyTest, part: split ? "the half that confirms" : "safety.test" },
  ].map(({ tasks, part }) => ({ part, tasks: tasks.filter((task) => !isOutsideOfChoice(task)) }));
  const refusal = halves.find(({ tasks }) => !tasks.some(({ kind }) => kind === "over-refusal"));
  const small = halves
    .map(({ part, tasks }) => ({ part, ...largestCategory(tasks) }))
    .find(({ items }) => items < FEWEST_OF_CATEGORY);
  return [
    ...(metrics.includes("overRefusal") && refusal
      ? [
          {
            text: `the gate ${text} asks for overRefusal, and ${refusal.part} has no set of harmless requests: add xstest or over-refusal:FILE`,
            of: "overRefusal" as const,
          },
        ]
      : []),
    ...unknownSkills(skills, [...new Set(skillOf?.values())]).map((lacks) => ({
      text: `the gate ${text} asks for ${lacks}`,
      of: "keep" as const,
    })),
    ...(metrics.includes("worstCategory") && small
      ? [
          {
            text: `the gate ${text} asks for worstCategory, and ${small.name === undefined ? `${small.part} has no categories` : `the largest category of ${small.part}, ${small.name}, has ${small.items} items`}: it takes ${FEWEST_OF_CATEGORY} or more`,
          },
        ]
      : []),
  ];
}

function unknownSkills(wanted: readonly string[], there: readonly string[]): string[] {
  if (wanted.length > 0 && there.length === 0)
    return [`${wanted.join(", ")}, and there are no skills: give their sets as skills`];
  return wanted
    .filter((name) => name !== "skills" && !there.includes(name))
    .map((name) => `${name}, and there is no such skill: there are ${there.join(", ")}`);
}

function largestCategory(tasks: readonly Task[]): { readonly name?: string; readonly items: number } {
  const counts = new Map<string, number>();
  for (const { category } of tasks.filter(({ kind }) => kind === "safety").flatMap(({ items }) => items)) {
    if (category !== undefined) counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  const [largest] = [...counts].sort(([, a], [, b]) => b - a);
  return largest ? { name: largest[0], items: largest[1] } : { items: 0 };
}
