// What comes after the choice, as long as there is none: at most.

import { mergeSeries, type TunedModel } from "../candidates/merges.js";
import { expectedModels } from "../candidates/tunedModels.js";
import { choosingTasks, confirmingTasks } from "../checks/askedTasks.js";
import { chosenAtMost, writtenAtMost } from "../checks/check.js";
import type { Checked } from "../checks/checked.js";
import { REFINED } from "../refineStage.js";
import { choosingWeights } from "../settings/engineOf.js";
import { leavesOut } from "../settings/leavesOut.js";
import { refinedPoints } from "../settings/refinedPoints.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { shipForms } from "../settings/shipForms.js";
import { besideLinearAtMost } from "../steps/besideLinearStage.js";
import { COMPARED, formAnswers } from "../steps/compareForm.js";
import { comparedAnswers } from "../steps/confirm.js";
import { seriesLabel } from "../steps/seriesMeasurement.js";
import { FORMS_TESTED, isTested, SHIPPED } from "../steps/shipStage.js";
import type { Remains } from "../steps/step.js";
import { TESTED, WRITTEN } from "../steps/writeStage.js";
import type { LookedAt } from "./lookout.js";
import { wholeRemains } from "./planCosts.js";
import { plannedControls } from "./plannedControls.js";

/** @param seen what the stages told already */
export async function laterSteps(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  checked: Checked,
  { seen, reachedControls }: { readonly seen: readonly LookedAt[]; readonly reachedControls: boolean },
): Promise<LookedAt[]> {
  const { judges } = checked.judges;
  const isSeen = (part: string) => seen.some((one) => one.part === part);
  const written = writtenAtMost(settings, given);
  const chosen = chosenAtMost(settings, given);
  const confirming = confirmingTasks(checked);
  const later: LookedAt[] = [];
  const add = (part: string, remains: readonly Remains[]) => {
    const units = remains.reduce((sum, one) => sum + one.units, 0);
    if (units > 0) later.push({ part, units, missing: units, remains });
  };
  const pending = true;
  const { weights } = choosingWeights(settings);
  const models = expectedModels(settings, given);
  const series = leavesOut(settings) ? mergeSeries(settings, models) : [];
  if (!isSeen(WRITTEN) && !isSeen(TESTED) && !isSeen(REFINED)) {
    for (const { merges, ...of } of series) {
      const each = merges.map(({ tuning }) =>
        wholeRemains(choosingTasks(checked, tuning), judges, of.values?.length ?? 1, weights),
      );
      add(seriesLabel({ merges, ...of }), each);
    }
  }
  const refines = refinedPoints(settings);
  if (refines > 0 && !isSeen(REFINED)) {
    const most = Math.max(
      0,
      ...series.map(({ values = [], varied, merges }) => (values.length > 1 && !varied ? merges.length : 0)),
    );
    const tasks = choosingTasks(checked, models[0]?.seed);
    if (most > 0) add(`${REFINED}, at most ${refines * most}`, [wholeRemains(tasks, judges, refines * most, weights)]);
  }
  if (!isSeen(WRITTEN))
    add(`${WRITTEN}, at most ${written}`, [{ bytes: written * checked.bytesOfMerge, units: written, pending }]);
  if (!isSeen(TESTED)) {
    const compares = checked.engine === "native" && !settings.engine?.endpoint && weights === undefined;
    const questions = comparedAnswers(choosingTasks(checked)).map(({ task, prompts, answers }) => ({
      ...{ task, prompts: written * prompts, answers: written * answers },
    }));
    const compared = { answers: questions, opened: 2 * written, units: written, pending };
    // where one of the refined lambdas is better, both are asked as they were measured, and one by its files as well
    const asked = chosen + (refines > 0 ? 1 + models.length : 0) + besideLinearAtMost(settings) * models.length;
    add(`${TESTED}, at most ${asked}`, [wholeRemains(confirming, judges, asked), ...(compares ? [compared] : [])]);
  }
  const forms = shipForms(settings);
  const made = forms.filter(({ name }) => checked.bytesOfForms.has(name));
  if (!isSeen(SHIPPED) && !isSeen(COMPARED)) {
    const bytes = made.reduce((sum, { name }) => sum + (checked.bytesOfForms.get(name) ?? 0), 0);
    add(`${SHIPPED}, at most ${made.length}`, [{ bytes, units: made.length, pending }]);
  }
  if (!isSeen(COMPARED)) {
    const asked = choosingTasks(checked, models[0]?.seed);
    const each = { answers: formAnswers(asked), opened: 2, units: 1, pending };
    add(
      `${COMPARED}, at most ${forms.length}`,
      forms.map(() => each),
    );
    const tested = forms
      .filter((form) => isTested(form, checked))
      .reduce((sum, { allModels }) => sum + (allModels ? 2 + models.length : 1), 0);
    if (tested > 0) add(`${FORMS_TESTED}, at most ${tested}`, [wholeRemains(confirming, judges, tested)]);
  }
  if (reachedControls) return later;
  const seeds = (settings.tune?.seeds ?? given.map(({ seed }) => seed)).map(String);
  for (const { name, points, tunings, tested } of await plannedControls(settings, given, checked)) {
    const learned = tunings * seeds.reduce((sum, seed) => sum + (checked.tunings.get(seed)?.tokens ?? 0), 0);
    if (tunings > 0)
      add(`tune ${tunings * seeds.length} more, control: ${name}`, [
        { learned, units: tunings * seeds.length, pending },
      ]);
    const chosenBy = seeds.map((seed) => wholeRemains(choosingTasks(checked, seed), judges, points, weights));
    add(`${points * seeds.length} points of ${name}, a control, validation`, chosenBy);
    add(`${name}, test of at most ${tested * seeds.length}`, [wholeRemains(confirming, judges, tested * seeds.length)]);
  }
  return later;
}
