// How a model's answers to the safety sets ended: what stands beside its attack success rate.

import { type AnswerEndings, answerEndings } from "../../evaluate/run/answerEndings.js";
import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { Results } from "../../evaluate/run/results.js";

/** Over all seeds; the sets that were selected by the aligned model's own answers are left out, as in the rate. */
export function endingsOf(seeds: readonly { readonly results: Pick<Results, "tasks"> }[]): Partial<AnswerEndings> {
  const tasks = seeds.flatMap(({ results }) => results.tasks);
  const safety = tasks.filter((task) => task.kind === "safety" && !isOutsideOfChoice(task));
  return answerEndings(safety.flatMap(({ items }) => items.map(({ answers }) => answers[0]))) ?? {};
}
