// The results of a run, from what was measured, chosen and written. Pure: the same whatever way the run came about.

import { judgeAlarms } from "../../evaluate/run/judgeAlarms.js";
import { judgeDisagreements } from "../../evaluate/run/judgeDisagreements.js";
import type { JudgedModel } from "../../evaluate/run/judgedAnswers.js";
import type { Task } from "../../evaluate/types.js";
import {
  type BesideLinearResults,
  type ControlResults,
  EXPERIMENT_FORMAT,
  type ExperimentResults,
  type Measured,
  type ProxyResults,
  type RefinedResults,
} from "../../report/types.js";
import { candidateId } from "../../select/names.js";
import { nameOf } from "../../select/select.js";
import type { ShareKept } from "../../select/types.js";
import { withoutItems } from "../../select/withoutItems.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import { shareKept } from "../../statistics/shareKept.js";
import { confirmingTasks } from "../checks/askedTasks.js";
import type { Checked } from "../checks/checked.js";
import { exploratoryText } from "../checks/exploratory.js";
import { leavesOut } from "../settings/leavesOut.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Tables } from "../steps/measureStage.js";
import type { Written } from "../steps/writeStage.js";
import { calibrationNotes } from "../tables/correctedQuantity.js";
import type { SeedResults } from "../tables/measure.js";
import { itemNames } from "../tables/tableItems.js";
import { askedSets } from "./askedSets.js";
import { type Choice, endsOf } from "./choose.js";
import { confirmationOf } from "./confirmationOf.js";
import { examplesOf } from "./examples.js";
import { notesOf } from "./notes.js";
import { reliabilityIn } from "./reliabilityIn.js";
import { pairedTests, trendsOf } from "./significance.js";

/** Without what to ship, which is known once it is linked. */
export function resultsOf(
  { aligned, tuned, points, items, ...tables }: Tables,
  { labels, validation, selection, best }: Choice,
  {
    written,
    controls,
    refined,
    besideLinear,
    proxies,
  }: {
    readonly written: readonly Written[];
    readonly controls: ControlResults | undefined;
    readonly refined: RefinedResults | undefined;
    readonly besideLinear: BesideLinearResults | undefined;
    readonly proxies: ProxyResults | undefined;
  },
  settings: ExperimentSettings,
  checked: Checked,
  provenance: ExperimentResults["provenance"],
): Omit<ExperimentResults, "shipped"> {
  const chosen = written.map(({ tested }) => tested);
  const tested = best && chosen.find(({ measured }) => candidateId(measured) === candidateId(best.measured));
  const overall = tested && { name: nameOf(tested.measured), seeds: tested.seeds };
  const test = {
    ...endsOf({ aligned, tuned, points, items, ...tables }, "test", checked),
    chosen: chosen.map(({ measured }) => measured),
  };
  const confirmation = tested && confirmationOf({ ...test, labels: labels.test }, tested.measured, settings.select);
  const kept = tested && keptOf(test, tested.measured);
  const exploratory = exploratoryText(settings, checked.tasks);
  const finished = points.filter(({ measured }) => !measured.unfinished);
  const judgedModels = [
    judged("aligned", aligned.validation),
    ...finished.map(({ measured, seeds }) => judged(nameOf(measured), seeds)),
    judged("fine-tuned", tuned.validation),
  ];
  const disagreements = judgeDisagreements(judgedModels);
  const reliability = reliabilityIn(aligned.validation);
  return {
    format: EXPERIMENT_FORMAT,
    name: settings.name,
    labels: labels.validation,
    testLabels: labels.test,
    parts: {
      split: checked.tasks.split === true,
      selected: safetySets(checked.tasks, ({ selectedBy }) => selectedBy !== undefined),
      stressed: safetySets(checked.tasks, ({ stress }) => stress !== undefined),
      validation: { safety: items.validation.safety.length, task: items.validation.task.length },
      test: { safety: items.test.safety.length, task: items.test.task.length },
      sets: askedSets(checked.tasks, settings.limit),
    },
    items: { validation: itemNames(items.validation), test: itemNames(items.test) },
    validation,
    selection: withoutItems(selection), // the values stand once, in the tables
    test,
    ...(confirmation && { confirmation }),
    ...(kept && { kept }),
    paired: pairedTests([
      { name: "aligned", measured: test.aligned },
      { name: "fine-tuned", measured: test.tuned },
      ...(tested ? [{ name: nameOf(tested.measured), measured: tested.measured }] : []),
    ]),
    ...(refined && { refined }),
    ...(controls && { controls }),
    ...(besideLinear && { besideLinear }),
    ...(proxies && { proxies }),
    // which lambdas were asked to the end depends on what came out: a slope over them would claim too much
    trends: leavesOut(settings) ? [] : trendsOf(points),
    outputs: written.flatMap(({ tested: of, outputs }) =>
      outputs.map((one) => (confirmation && of === tested ? { ...one, confirmed: confirmation.holds } : one)),
    ),
    examples: examplesOf(aligned.test, tuned.test, overall, confirmingTasks(checked)),
    provenance,
    ...(exploratory !== undefined && { exploratory }),
    notes: [...notesOf(settings, checked), ...calibrationNotes(aligned.validation)],
    alarms: judgeAlarms(judgedModels),
    ...(disagreements.length > 0 && { disagreements }),
    ...(reliability.length > 0 && { reliability }),
  };
}

/** Names of the sets of safety, of both parts, that are of a kind. */
function safetySets({ safety, safetyTest }: Checked["tasks"], isOfKind: (task: Task) => boolean): string[] {
  return [...new Set([...safety, ...safetyTest].filter(isOfKind).map(({ name }) => name))];
}

/** The chosen merge's share of the gain; of all seeds it is compared as one model with each of them. */
function keptOf({ better, aligned, tuned }: ExperimentResults["test"], { score }: Measured): ShareKept | undefined {
  const { weights, groups } = aligned.score;
  const [a, f, m] = [aligned, tuned, { score }].map((one) => one.score.values ?? []) as [
    SeedValues,
    SeedValues,
    SeedValues,
  ];
  return shareKept({ aligned: a, tuned: f, merged: m, better, weights, groups });
}

/** What was measured of a model, for what looks at its judges. */
function judged(name: string, seeds: readonly SeedResults[]): JudgedModel {
  return { name, aligned: name === "aligned", results: seeds.map(({ results }) => results) };
}
