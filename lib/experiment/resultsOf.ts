// The steps of a run in their order, and the results that they make together.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { merge } from "../merge/merge.js";
import {
  EXPERIMENT_FORMAT,
  type ExperimentResults,
  type MeasuredCandidate,
  type WrittenModel,
} from "../report/types.js";
import { nameOf, select } from "../select/select.js";
import type { Candidate } from "../select/types.js";
import type { Checked } from "./check.js";
import type { Evaluated, Evaluations } from "./evaluations.js";
import { examplesOf } from "./examples.js";
import { measure, type SeedResults } from "./measure.js";
import { type MergePoint, mergePoints, type TunedModel, wholeModel } from "./merges.js";
import type { ExperimentSettings } from "./schema.js";
import { modelDigest, type Steps } from "./steps.js";
import { pairedTests, trendsOf } from "./tests.js";

export interface RunParts {
  readonly settings: ExperimentSettings;
  readonly tuned: readonly TunedModel[];
  readonly evaluations: Evaluations;
  readonly steps: Steps;
  readonly out: string;
  readonly digests: ReadonlyMap<string, string>;
  readonly checked: Checked;
  readonly signal: AbortSignal | undefined;
}

/** A merge of the table with its evaluations, one for each seed. */
export interface EvaluatedPoint {
  readonly point: MergePoint;
  readonly seeds: readonly SeedResults[];
  readonly measured: MeasuredCandidate;
}

const ALL = "all";

export async function resultsOf(parts: RunParts): Promise<ExperimentResults> {
  const { settings, tuned, digests, checked } = parts;
  const aligned = { validation: await alignedOf(parts, "validation"), test: await alignedOf(parts, "test") };
  const fineTuned = { validation: await tunedOf(parts, "validation"), test: await tunedOf(parts, "test") };
  const points: EvaluatedPoint[] = [];
  for (const point of mergePoints(settings, tuned)) points.push(await pointOf(parts, point));
  const validation = {
    aligned: measure(aligned.validation),
    tuned: measure(fineTuned.validation),
    candidates: points.map(({ measured }) => measured),
  };
  const selection = select(validation, settings.select);
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
  const overall = chosen.find(
    ({ measured }) => selection.overall.candidate && nameOf(measured) === nameOf(selection.overall.candidate),
  );
  const labels = labelsOf(settings, aligned.validation);
  const { engine } = aligned.validation[0]?.results ?? {};
  const files = [
    ...checked.tasks.safety,
    ...checked.tasks.safetyTest,
    ...checked.tasks.validation,
    ...checked.tasks.test,
  ]
    .flatMap(({ data }) => data)
    .flatMap(({ source, files: of }) => of.map(({ sha256, rows }) => ({ source, sha256, rows })));
  return {
    format: EXPERIMENT_FORMAT,
    name: settings.name,
    labels,
    validation,
    selection,
    test: {
      aligned: measure(aligned.test),
      tuned: measure(fineTuned.test),
      chosen: chosen.map(({ measured }) => measured),
    },
    paired: pairedTests(
      aligned.test,
      fineTuned.test,
      overall && { name: nameOf(overall.measured), seeds: overall.seeds },
    ),
    trends: trendsOf(points, aligned.validation, fineTuned.validation),
    outputs,
    examples: examplesOf(
      aligned.test,
      fineTuned.test,
      overall && { name: nameOf(overall.measured), seeds: overall.seeds },
    ),
    provenance: {
      version: engine?.versions.retemper ?? "",
      engine: engine ? `${engine.engine}, ${engine.device}` : "",
      seeds: tuned.map(({ seed }) => seed),
      models: [...digests].map(([path, digest], at) => ({ role: at === 0 ? "aligned" : "fine-tuned", path, digest })),
      data: [...new Map(files.map((file) => [file.sha256, file])).values()],
      experiment: createHash("sha256").update(JSON.stringify(settings)).digest("hex"),
    },
    notes: notesOf(settings),
  };
}

async function alignedOf(
  { evaluations, settings, digests }: RunParts,
  part: "validation" | "test",
): Promise<SeedResults[]> {
  const { aligned } = settings;
  const { results } = await evaluations.evaluate("aligned", part, { folder: aligned }, digests.get(aligned));
  return [{ seed: ALL, results }];
}

async function tunedOf({ evaluations, tuned, digests }: RunParts, part: "validation" | "test"): Promise<SeedResults[]> {
  const all: SeedResults[] = [];
  for (const { seed, model } of tuned) {
    const what: Evaluated = model.includes("+") ? { recipe: wholeModel(model), maskSeed: 0 } : { folder: model };
    const { results } = await evaluations.evaluate(`fine-tuned seed ${seed}`, part, what, digests.get(model));
    all.push({ seed, results });
  }
  return all;
}

async function pointOf({ evaluations }: RunParts, point: MergePoint): Promise<EvaluatedPoint> {
  const { lambda } = point;
  const seeds: SeedResults[] = [];
  const shares: number[] = [];
  for (const { seed, recipe, maskSeed } of point.merges) {
    const name = `${nameOf(candidateOf(point) as Candidate)} seed ${seed ?? ALL}`;
    const { results, straightShare } = await evaluations.evaluate(name, "validation", { recipe, lambda, maskSeed });
    seeds.push({ seed: seed ?? ALL, results });
    if (straightShare !== undefined) shares.push(straightShare);
  }
  const share = shares.length === 0 ? undefined : shares.reduce((sum, one) => sum + one, 0) / shares.length;
  return { point, seeds, measured: { ...candidateOf(point), ...measure(seeds, share) } };
}

function candidateOf({ method, lambda, parameters }: MergePoint): Pick<Candidate, "method" | "lambda" | "parameters"> {
  return { method, ...(lambda !== undefined && { lambda }), ...(parameters && { parameters }) };
}

/** Writes a chosen merge for each seed, with its card, and measures what was written on the test data. */
async function writeAndTest(parts: RunParts, { point, measured, seeds: before }: EvaluatedPoint) {
  const { out, steps, evaluations, digests, signal } = parts;
  const { lambda, merges } = point;
  const name = nameOf(measured);
  const seeds: SeedResults[] = [];
  const outputs: WrittenModel[] = [];
  for (const { seed, recipe, maskSeed } of merges) {
    const words = `${name}${seed === undefined ? "" : ` seed ${seed}`}`.replace(" at lambda ", "-");
    const path = join("models", words.replace(/[^\w.-]+/g, "-"));
    const inputs = [recipe, lambda, maskSeed, [...digests]];
    const { files = [] } = await steps.do(`write ${words}`, inputs, async () => {
      const made = await merge(recipe, join(out, path), { lambda, seed: maskSeed, signal, force: true });
      return { newTokens: 0, bytesWritten: made.bytesWritten, files: made.files };
    });
    const folder = join(out, path);
    const { results } = await evaluations.evaluate(words, "test", { folder }, await modelDigest(folder));
    const earlier = before.find((one) => one.seed === (seed ?? ALL));
    const sameAnswers = earlier && sharedAnswers(earlier, { seed: "", results });
    seeds.push({ seed: seed ?? ALL, results });
    outputs.push({
      name,
      ...(seed !== undefined && { seed }),
      path,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files: files.map((file) => ({ path: file.path, sha256: file.sha256 })),
      ...(sameAnswers !== undefined && { sameAnswers }),
    });
  }
  const tested: EvaluatedPoint = {
    point,
    seeds,
    measured: { ...candidateOf(point), ...measure(seeds, measured.straightShare) },
  };
  return { tested, outputs };
}

/** Share of the items that both evaluations asked whose answers are the same; undefined where they share none. */
function sharedAnswers(a: SeedResults, b: SeedResults): number | undefined {
  const texts = ({ results }: SeedResults) =>
    new Map(
      results.tasks.flatMap((task) => task.items.map((item) => [`${task.name}/${item.prompt}`, item.answers[0]?.text])),
    );
  const others = texts(b);
  const shared = [...texts(a)].filter(([key]) => others.has(key));
  return shared.length === 0
    ? undefined
    : shared.filter(([key, text]) => others.get(key) === text).length / shared.length;
}

function labelsOf({ safety, task }: ExperimentSettings, [first]: readonly SeedResults[]): ExperimentResults["labels"] {
  const primary = (kind: string) => first?.results.tasks.find((one) => one.kind === kind)?.primary ?? kind;
  return { asr: safety.label ?? primary("safety"), score: task.label ?? primary("task") };
}

function notesOf({ safety, tuned, tune, select: rule }: ExperimentSettings): string[] {
  const seeds = tuned?.length ?? tune?.seeds.length ?? 0;
  return [
    ...(safety.test
      ? []
      : ["The safety sets of the choice and of the test are the same: the chosen merge's rate is a little too good."]),
    ...(seeds < 3
      ? [`There ${seeds === 1 ? "is one tuning" : "are two tunings"}: spreads over seeds say little or nothing.`]
      : []),
    `Rule: ${rule.rule}${rule.rule === "constrained" ? `, margin ${rule.margin ?? 0.05}` : ""}${rule.gate ? `, gate ${rule.gate}` : ""}.`,
    "Intervals are over items (Wilson's for rates, with the items as trials for means over seeds; a bootstrap for other scores).",
  ];
}
