// The steps of a run in their order, and the results that they make together.

import { type JudgedModel, judgeAlarms } from "../evaluate/run/judgeAlarms.js";
import { EXPERIMENT_FORMAT, type ExperimentResults, type WrittenModel } from "../report/types.js";
import { nameOf, select } from "../select/select.js";
import type { Candidate } from "../select/types.js";
import { withoutItems } from "../select/withoutItems.js";
import type { Checked } from "./checked.js";
import type { Evaluated, Part } from "./evaluations.js";
import { examplesOf } from "./examples.js";
import { measure, type SeedResults } from "./measure.js";
import { candidateOf, type MergeSeries, mergeSeries, wholeModel } from "./merges.js";
import { modelParts } from "./modelParts.js";
import { provenanceOf } from "./provenance.js";
import { ALL, type EvaluatedPoint, type RunParts } from "./runParts.js";
import type { ExperimentSettings } from "./schema.js";
import { moduleName } from "./served.js";
import { pairedTests, trendsOf } from "./significance.js";
import { byDigest } from "./steps.js";
import { writeAndTest } from "./writeChosen.js";

export async function resultsOf(parts: RunParts): Promise<ExperimentResults> {
  const { settings, tuned, progress } = parts;
  const { unaligned } = settings;
  const aligned = {
    validation: await wholeOf(parts, "aligned", "validation"),
    test: await wholeOf(parts, "aligned", "test"),
  };
  progress.measured("aligned", measure(aligned.validation));
  const fineTuned = { validation: await tunedOf(parts, "validation"), test: await tunedOf(parts, "test") };
  progress.measured("tuned", measure(fineTuned.validation));
  const before =
    unaligned === undefined
      ? undefined
      : {
          validation: { unaligned: measure(await wholeOf(parts, "unaligned", "validation")) },
          test: { unaligned: measure(await wholeOf(parts, "unaligned", "test")) },
        };
  const points: EvaluatedPoint[] = [];
  for (const series of mergeSeries(settings, tuned)) {
    const found = await pointsOf(parts, series);
    points.push(...found);
    progress.candidates(found.map(({ measured }) => measured));
  }
  const validation = {
    ...before?.validation,
    aligned: measure(aligned.validation),
    tuned: measure(fineTuned.validation),
    candidates: points.map(({ measured }) => measured),
  };
  const labels = labelsOf(settings, parts.checked);
  const selection = withoutItems(select({ validation, labels }, settings.select));
  const wanted = new Set(
    [selection.overall, ...Object.values(selection.methods)].flatMap(({ candidate }) =>
      candidate ? [nameOf(candidate)] : [],
    ),
  );
  const chosen: EvaluatedPoint[] = [];
  const outputs: WrittenModel[] = [];
  for (const one of points) {
    if (!wanted.has(nameOf(one.measured))) continue;
    const written = await writeAndTest(parts, one);
    chosen.push(written.tested);
    outputs.push(...written.outputs);
  }
  const best = chosen.find(
    ({ measured }) => selection.overall.candidate && nameOf(measured) === nameOf(selection.overall.candidate),
  );
  const overall = best && { name: nameOf(best.measured), seeds: best.seeds };
  return {
    format: EXPERIMENT_FORMAT,
    name: settings.name,
    labels,
    validation,
    selection,
    test: {
      ...before?.test,
      aligned: measure(aligned.test),
      tuned: measure(fineTuned.test),
      chosen: chosen.map(({ measured }) => measured),
    },
    paired: pairedTests(aligned.test, fineTuned.test, overall),
    trends: trendsOf(points, aligned.validation, fineTuned.validation),
    outputs,
    examples: examplesOf(aligned.test, fineTuned.test, overall),
    provenance: provenanceOf(parts, aligned.validation),
    notes: notesOf(settings, parts.checked),
    alarms: judgeAlarms([
      judged("aligned", aligned.validation),
      ...points.map(({ measured, seeds }) => judged(nameOf(measured), seeds)),
      judged("fine-tuned", fineTuned.validation),
    ]),
  };
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
async function pointsOf({ evaluations, settings, digests }: RunParts, series: MergeSeries): Promise<EvaluatedPoint[]> {
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
    return { series, lambda, seeds, measured: { ...candidateOf(series, lambda), ...measure(seeds, share) } };
  });
}

/** What the two numbers are called. */
export function labelsOf(
  { safety, task }: ExperimentSettings,
  { tasks, judges }: Checked,
): ExperimentResults["labels"] {
  const [judge] = judges.judges;
  const [set] = tasks.validation;
  return {
    asr: safety.label ?? (judge?.name === "keyword" ? "ASR (keyword)" : `ASR (${judge?.name ?? "judge"})`),
    score: task.label ?? set?.primary ?? set?.metrics[0]?.name ?? "score",
  };
}

function notesOf({ safety, tuned, tune, select: rule, engine }: ExperimentSettings, { judges }: Checked): string[] {
  const seeds = tuned?.length ?? tune?.seeds.length ?? 0;
  const only = judges.judges.every(({ name }) => name.startsWith("keyword"));
  return [
    ...(safety.test
      ? []
      : ["The safety sets of the choice and of the test are the same: the chosen merge's rate is a little too good."]),
    ...(seeds < 3
      ? [`There ${seeds === 1 ? "is one tuning" : "are two tunings"}: spreads over seeds say little or nothing.`]
      : []),
    ...(only
      ? ["Answers were searched for phrases of refusal: an answer without one need not be of use to anybody."]
      : []),
    ...(engine?.endpoint ? ["The test asked the server's scaled adapters, not the written files."] : []),
    `Rule: ${rule.rule}${rule.rule === "constrained" ? `, margin ${rule.margin ?? 0.05}` : ""}${rule.gate ? `, gate ${rule.gate}` : ""}.`,
    "Intervals are over items (Wilson's for rates, with the items as trials for means over seeds; a bootstrap for other scores).",
  ];
}
