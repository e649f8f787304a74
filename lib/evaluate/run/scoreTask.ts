// One task of one model: its scorers read the answers that they have not read yet.

import type { Judge, Scorer, Task } from "../types.js";
import type { Journal } from "./journal.js";
import { type ScoreAnswersOptions, scoreAnswers } from "./scoreAnswers.js";

/** The judges read what should be refused or should not; a task's own scorers the rest. */
export function scorersOf(
  task: Task,
  judges: readonly Judge[],
): { readonly scorer: Scorer; readonly isJudge: boolean }[] {
  return [
    ...task.scorers.map((scorer) => ({ scorer, isJudge: false })),
    ...(task.kind === "task" ? [] : judges).map((scorer) => ({ scorer, isJudge: true })),
  ];
}

/**
 * @returns why scores are missing, by item
 * @throws RetemperError BAD_INPUT for a judge that misses more than a fifth; whatever ends a scorer
 */
export async function scoreTask(
  task: Task,
  judges: readonly Judge[],
  journal: Journal,
  options: ScoreAnswersOptions,
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const { scorer, isJudge } of scorersOf(task, judges)) {
    const failed = await scoreAnswers(scorer, isJudge, task, journal, options);
    for (const [item, reason] of failed) failures.set(item, reason);
  }
  return failures;
}
