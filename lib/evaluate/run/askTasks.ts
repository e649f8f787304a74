// Asks one model, or several lambdas of it at once, all that its journals lack.

import { RetemperError } from "../../errors.js";
import type { TextGenerator } from "../../generate/types.js";
import type { Task } from "../types.js";
import { type Asked, type AskOptions, askModel } from "./askModel.js";
import type { Journal } from "./journal.js";
import { samplesOf } from "./samplesOf.js";

/** Of items: more failures than this make a result worthless. */
const MOST_FAILURES = 0.2;

/** By task, for each that was asked: why answers are missing, by item. */
export type Failures = ReadonlyMap<Task, readonly ReadonlyMap<string, string>[]>;

/**
 * @throws RetemperError NETWORK where more than a fifth of a task's items got no answer; whatever ends the generation. What came
 *   before is in the journals.
 */
export async function askTasks(
  model: TextGenerator,
  tasks: readonly Task[],
  asked: readonly Omit<Asked, "failures">[],
  options: AskOptions,
): Promise<Failures> {
  const failures = new Map<Task, readonly Map<string, string>[]>();
  for (const task of tasks) {
    const targets = asked.map((one) => ({ ...one, failures: new Map<string, string>() }));
    await askModel(model, task, targets, options);
    failures.set(
      task,
      targets.map((one) => one.failures),
    );
    const most = Math.max(...asked.map(({ journal }) => unanswered(task, journal)));
    if (most > MOST_FAILURES * task.items.length) throw tooManyFailures(task, most, failures);
  }
  return failures;
}

/** Items that lack an answer. */
export function unanswered(task: Task, journal: Journal): number {
  const samples = samplesOf(task);
  return task.items.filter((item) => samples.some((sample) => journal.answer(task, item, sample) === undefined)).length;
}

function tooManyFailures(task: Task, most: number, failures: Failures): RetemperError {
  const [reason = "no reason was given"] = failures.get(task)?.flatMap((of) => [...of.values()]) ?? [];
  return new RetemperError(
    "NETWORK",
    `${most} of ${task.items.length} items of ${task.name} got no answer: ${reason}`,
    {
      hint: "see that the endpoint is well, then start again with the same --out: what was answered is not asked again",
    },
  );
}
