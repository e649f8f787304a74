// What is wrong with the tunings of an experiment: their options, the rows that they learn, and prompts that choose lambda as well.

import { RetemperError } from "../../errors.js";
import { planTuning, type TuningPlan } from "../../tune/planTuning.js";
import { settingsOf } from "../../tune/settings.js";
import { ABSENT } from "../settings/mend.js";
import type { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Checked } from "./checked.js";
import { alsoLearned, learnedPrompts } from "./learnedPrompts.js";
import { isPerSeed, itemsOfSeed, ofSeed } from "./seedSplits.js";

const DATA = ["tune", "data"];
const OPTIONS = ["tune", "options"];

/** By seed; where all learn the same rows, they are read once. Without the model, options and rows are checked by themselves. */
export async function checkTunings(
  { aligned, tune }: ExperimentSettings,
  problems: Problems,
): Promise<ReadonlyMap<string, TuningPlan>> {
  const plans = new Map<string, TuningPlan>();
  if (!tune) return plans;
  const { data, options, seeds } = tune;
  sayOfOptions(options, problems);
  const alone = problems.touches(OPTIONS) || problems.touches(["aligned"]);
  let found: TuningPlan | boolean | undefined;
  for (const seed of data === ABSENT ? [] : seeds) {
    if (found === undefined || isPerSeed(data)) {
      const own = ofSeed(data, seed);
      found = await problems.attempt<TuningPlan | boolean>(
        () => (alone ? learnedPrompts(own).then(() => true) : planTuning(aligned, own, { ...options, seed })),
        DATA,
      );
    }
    if (found === undefined && !isPerSeed(data)) break;
    if (typeof found === "object") plans.set(String(seed), found);
  }
  return plans;
}

/** Every option that cannot be: the reader of options ends at the first, so it is asked again without that one. */
function sayOfOptions(given: NonNullable<ExperimentSettings["tune"]>["options"], problems: Problems): void {
  for (let options: Record<string, unknown> = { ...given }; ; ) {
    try {
      settingsOf(options);
      return;
    } catch (error) {
      if (!(error instanceof RetemperError)) throw error;
      const { message, hint } = error;
      const key = Object.keys(options).find((name) => message.startsWith(`${name} `));
      problems.add(`tune.options: ${message}`, "BAD_RECIPE", {
        path: key === undefined ? OPTIONS : [...OPTIONS, key],
        hint,
      });
      if (key === undefined) return;
      options = Object.fromEntries(Object.entries(options).filter(([name]) => name !== key));
    }
  }
}

/** Prompts that choose lambda and are learned too, by seed: refused where the paper is followed, else said in the plan. */
export async function checkLearned(
  { preset, tune }: ExperimentSettings,
  { tasks, splits }: Pick<Checked, "tasks" | "splits">,
  problems: Problems,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  if (!tune || problems.touches(DATA) || problems.touches(["task", "validation"])) return counts;
  let learned: ReadonlySet<string> | undefined;
  for (const seed of tune.seeds) {
    const data = ofSeed(tune.data, seed);
    if (learned === undefined || isPerSeed(tune.data)) learned = await learnedPrompts(data);
    const count = alsoLearned(itemsOfSeed(tasks.validation, splits, String(seed)), learned);
    counts.set(String(seed), count);
    if (count > 0 && preset === "paper") {
      const text = `${count} prompts of task.validation are among the rows that seed ${seed} learns (${data}): hold them out (retemper data does)`;
      problems.add(text, "BAD_INPUT", { path: DATA });
    }
  }
  return counts;
}
