// What is left of answers and verdicts: those that the store does not hold. A run asks by the same journals.

import { samplesOf } from "../../evaluate/run/samplesOf.js";
import { scorersOf } from "../../evaluate/run/scoreTask.js";
import type { Judge, Task } from "../../evaluate/types.js";
import type { EngineName } from "../../generate/types.js";
import { isSummed } from "../candidates/openVirtual.js";
import type { Digest } from "../digests/digestOf.js";
import type { StoreJournal } from "../store/storeJournal.js";
import { answerKey } from "../store/unitKeys.js";
import type { Remains } from "./step.js";
import type { Subject } from "./subjects.js";

/** One lambda of a subject that is to be asked, or the model itself. */
export interface LeftTarget {
  readonly digest: Digest<"answerer">;
  readonly journal: StoreJournal;
}

/** @param counted answers that other steps ask for already; gets these */
export function answersLeft(
  subject: Subject,
  tasks: readonly Task[],
  targets: readonly LeftTarget[],
  engine: EngineName,
  counted: Set<string>,
): Remains {
  let [pending, models, all] = [false, 0, 0];
  const sums = tasks.map((task) => ({ task, prompts: 0, answers: 0 }));
  for (const { digest, journal } of targets) {
    let own = 0;
    for (const sum of sums) {
      for (const item of sum.task.items) {
        let fresh = 0;
        for (const sample of samplesOf(sum.task)) {
          const isMissing = !journal.answer(sum.task, item, sample);
          pending ||= isMissing;
          if (!isNew(counted, `${digest} ${answerKey(sum.task, item, sample)}`)) continue;
          all += 1;
          fresh += isMissing ? 1 : 0;
        }
        sum.prompts += fresh > 0 ? 1 : 0;
        sum.answers += fresh;
        own += fresh;
      }
    }
    models += own > 0 ? 1 : 0;
  }
  const units = sums.reduce((all, { answers }) => all + answers, 0);
  if (models === 0) return { units, all, pending };
  // merges that are sums answer at once; of others each has weights of its own
  const summed =
    subject.kind === "merge" && !subject.form && !subject.weights && engine === "native" && isSummed(subject.recipe);
  const made = subject.kind === "merge" && !summed ? models : 0;
  const weights = subject.kind === "served" ? undefined : subject.weights;
  return { answers: sums, weights, units, all, pending, opened: subject.kind === "served" ? 0 : 1, made };
}

export function verdictsLeft(
  tasks: readonly Task[],
  judges: readonly Judge[],
  { digest, journal }: LeftTarget,
  counted: Set<string>,
): Remains {
  let [pending, all] = [false, 0];
  const verdicts = tasks.flatMap((task) =>
    scorersOf(task, judges).map(({ scorer }) => {
      const items = task.items.flatMap((item) =>
        samplesOf(task).flatMap((sample) => {
          const isMissing = !journal.score(scorer, task, item, sample);
          pending ||= isMissing;
          if (!isNew(counted, `${digest} ${scorer.name} ${answerKey(task, item, sample)}`)) return [];
          all += 1;
          return isMissing ? [item] : [];
        }),
      );
      return { scorer: scorer.name, task, items };
    }),
  );
  return { verdicts, units: verdicts.reduce((sum, { items }) => sum + items.length, 0), all, pending };
}

function isNew(counted: Set<string>, unit: string): boolean {
  if (counted.has(unit)) return false;
  counted.add(unit);
  return true;
}
