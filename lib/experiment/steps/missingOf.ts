// What a model's tables lack: items without an answer, or without a word of a judge or metric.

import { samplesOf } from "../../evaluate/run/samplesOf.js";
import { scorersOf } from "../../evaluate/run/scoreTask.js";
import type { Judge, Task } from "../../evaluate/types.js";
import type { StoreJournal } from "../store/storeJournal.js";

/** The same words whenever it is read: why one is missing is known only to the run that asked. */
export function missingOf(task: Task, judges: readonly Judge[], journal: StoreJournal): Map<string, string> {
  const samples = samplesOf(task);
  const scorers = scorersOf(task, judges).map(({ scorer }) => scorer);
  return new Map(
    task.items.flatMap((item): [string, string][] => {
      if (samples.some((sample) => !journal.answer(task, item, sample))) return [[item.id, "no answer"]];
      const silent = scorers.find((scorer) => samples.some((sample) => !journal.score(scorer, task, item, sample)));
      return silent ? [[item.id, `no verdict of ${silent.name}`]] : [];
    }),
  );
}
