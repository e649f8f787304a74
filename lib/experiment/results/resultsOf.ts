// The steps of a run in their order, and the results that they make together.

import { judgeAlarms } from "../../evaluate/run/judgeAlarms.js";
import { judgeDisagreements } from "../../evaluate/run/judgeDisagreements.js";
import type { JudgedModel } from "../../evaluate/run/judgedAnswers.js";
import { EXPERIMENT_FORMAT, type ExperimentResults, type Measured, type WrittenModel } from "../../report/types.js";
import { nameOf, select } from "../../select/select.js";
import type { Candidate, ShareKept } from "../../select/types.js";
import { withoutItems } from "../../select/withoutItems.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import { shareKept } from "../../statistics/shareKept.js";
import { candidateOf, type MergeSeries, mergeSeries, wholeModel } from "../candidates/merges.js";
import { modelParts } from "../candidates/modelParts.js";
import { exploratoryText } from "../checks/exploratory.js";
import type { Evaluated, Part } from "../steps/evaluations.js";
import { ALL, type EvaluatedPoint, type RunParts } from "../steps/runParts.js";
import { moduleName } from "../steps/served.js";
import { byDigest } from "../steps/steps.js";
import { writeAndTest } from "../steps/writeChosen.js";
import { askedSets } from "./askedSets.js";
import { confirmationOf } from "./confirmationOf.js";
import { calibrationIn, calibrationNotes } from "./correctedQuantity.js";
import { examplesOf } from "./examples.js";
import { betterOf, labelsOf } from "./labels.js";
import { measure, type SeedResults } from "./measure.js";
import { notesOf } from "./notes.js";
import { provenanceOf } from "./provenance.js";
import { pairedTests, trendsOf } from "./significance.js";
import { itemNames, type TableItems, tableItems } from "./tableItems.js";

export async function resultsOf(parts: RunParts): Promise<ExperimentResults> {
  const { settings, tuned, progress, checked } = parts;
  const aligned = {
    validation: await wholeOf(parts, "aligned", "validation"),
    test: await wholeOf(parts, "aligned", "test"),
  };
  // every model of a table is measured on the items of the aligned one, which was asked all
  const items = { validation: tableItems(aligned.validation[0]?.results), test: tableItems(aligned.test[0]?.results) };
  progress.measured("aligned", measure(aligned.validation, items.validation));
  const fineTuned = { validation: await tunedOf(parts, "validation"), test: await tunedOf(parts, "test") };
  progress.measured("tuned", measure(fineTuned.validation, items.validation));
  const before = settings.unaligned !== undefined && {
    validation: await wholeOf(parts, "unaligned", "validation"),
    test: await wholeOf(parts, "unaligned", "test"),
  };
  const calibration = calibrationIn(aligned.validation);
  const ends = (part: Part) => ({
    better: betterOf(checked.tasks[part]),
    ...(calibration && { calibration }),
    ...(before && { unaligned: measure(before[part], items[part]) }),
    aligned: measure(aligned[part], items[part]),
    tuned: measure(fineTuned[part], items[part]),
  });
  const points: EvaluatedPoint[] = [];
  for (const series of mergeSeries(settings, tuned)) {
    const found = await pointsOf(parts, series, items.validation);
    points.push(...found);
    progress.candidates(found.map(({ measured }) => measured));
  }
  const labels = labelsOf(settings, checked);
  const validation = { ...ends("validation"), candidates: points.map(({ measured }) => measured) };
  const selection = select({ validation, labels: labels.validation }, settings.select);
  const wanted = new Set(
    [selection.overall, ...Object.values(selection.methods)].flatMap(({ candidate }) =>
      candidate ? [nameOf(candidate)] : [],
    ),
  );
  const chosen: EvaluatedPoint[] = [];
  const outputs: WrittenModel[] = [];
  for (const one of points) {
    if (!wanted.has(nameOf(one.measured))) continue;
    const written = await writeAndTest(parts, one, items.test);
    chosen.push(written.tested);
    outputs.push(...written.outputs);
  }
  const best = chosen.find(
    ({ measured }) => selection.overall.candidate && nameOf(measured) === nameOf(selection.overall.candidate),
  );
  const overall = best && { name: nameOf(best.measured), seeds: best.seeds };
  const test = { ...ends("test"), chosen: chosen.map(({ measured }) => measured) };
  const confirmation = best && confirmationOf({ ...test, labels: labels.test }, best.measured, settings.select);
  const kept = best && keptOf(test, best.measured);
  const exploratory = exploratoryText(settings, checked.tasks);
  const judgedModels = [
    judged("aligned", aligned.validation),
    ...points.map(({ measured, seeds }) => judged(nameOf(measured), seeds)),
    judged("fine-tuned", fineTuned.validation),
  ];
  const disagreements = judgeDisagreements(judgedModels);
  return {
    format: EXPERIMENT_FORMAT,
    name: settings.name,
    labels: labels.validation,
    testLabels: labels.test,
    parts: {
      split: checked.tasks.split === true,
      selected: [
        ...new Set(
          [...checked.tasks.safety, ...checked.tasks.safetyTest]
            .filter(({ selectedBy }) => selectedBy !== undefined)
            .map(({ name }) => name),
        ),
      ],
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
      ...(best ? [{ name: nameOf(best.measured), measured: best.measured }] : []),
    ]),
    trends: trendsOf(points),
    outputs: outputs.map((one) =>
      confirmation && one.name === overall?.name ? { ...one, confirmed: confirmation.holds } : one,
    ),
    examples: examplesOf(aligned.test, fineTuned.test, overall, [...checked.tasks.safetyTest, ...checked.tasks.test]),
    provenance: provenanceOf(parts, aligned.validation),
    ...(exploratory !== undefined && { exploratory }),
    notes: [...notesOf(settings, checked), ...calibrationNotes(aligned.validation)],
    alarms: judgeAlarms(judgedModels),
    ...(disagreements.length > 0 && { disagreements }),
  };
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

async function wholeOf(parts: RunParts, role: "aligned" | "unaligned", part: Part): Promise<SeedResults[]> {
  const { evaluations, settings, digests } = parts;
  const endpoint = settings.engine?.endpoint;
  const folder = settings[role] as string;
  const what: Evaluated = endpoint ? { served: endpoint.model ?? folder } : { folder };
  const { results } = await evaluations.evaluate(role, part, what, digests.get(folder));
  return results.map((one) => ({ seed: ALL, results: one }));
}

async function tunedOf({ evaluations, tuned, digests, settings }: RunParts, part: Part): Promise<SeedResults[]> {
  const all: SeedResults[] = [];
  for (const { seed, model } of tuned) {
    const what: Evaluated = settings.engine?.endpoint
      ? { served: moduleName(seed) }
      : modelParts(model).length > 1
        ? { recipe: wholeModel(model), maskSeed: 0 }
        : { folder: model };
    const { results } = await evaluations.evaluate(`fine-tuned seed ${seed}`, part, what, digests.get(model), seed);
    all.push(...results.map((one) => ({ seed, results: one })));
  }
  return all;
}

/** Every lambda of a method, for every seed: the lambdas of one seed in one evaluation. */
async function pointsOf(
  { evaluations, settings, digests }: RunParts,
  series: MergeSeries,
  items: TableItems,
): Promise<EvaluatedPoint[]> {
  const { lambdas } = series;
  const byLambda: SeedResults[][] = (lambdas ?? [0]).map(() => []);
  const shares: number[] = [];
  for (const { seed = ALL, recipe, maskSeed } of series.merges) {
    const name = `${nameOf(candidateOf(series, undefined) as Candidate)} seed ${seed}`;
    if (settings.engine?.endpoint) {
      for (const [at, lambda] of (lambdas ?? []).entries()) {
        const served = moduleName(seed, lambda);
        const what = byDigest(recipe, digests);
        const { results } = await evaluations.evaluate(
          `${name} lambda ${lambda}`,
          "validation",
          { served },
          what,
          seed,
        );
        byLambda[at]?.push(...results.map((one) => ({ seed, results: one })));
      }
      continue;
    }
    const merge = { recipe, maskSeed, ...(lambdas && { lambdas }) };
    const { results, straightShare } = await evaluations.evaluate(name, "validation", merge, undefined, seed);
    for (const [at, one] of results.entries()) byLambda[at]?.push({ seed, results: one });
    if (straightShare !== undefined) shares.push(straightShare);
  }
  const share = shares.length === 0 ? undefined : shares.reduce((sum, one) => sum + one, 0) / shares.length;
  return byLambda.map((seeds, at) => {
    const lambda = lambdas?.[at];
    return { series, lambda, seeds, measured: { ...candidateOf(series, lambda), ...measure(seeds, items, share) } };
  });
}
