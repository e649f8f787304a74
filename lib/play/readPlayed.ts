// What can be played: an experiment's folder, as the series of its choice and its curve; a recipe; a model, with an adapter or alone.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { type MergeSeries, mergeSeries } from "../experiment/candidates/merges.js";
import { candidateOf } from "../experiment/settings/declaredSeries.js";
import { loadExperiment } from "../experiment/settings/load.js";
import { tunedIn } from "../experiment/steps/tunedIn.js";
import { recipeOf } from "../generate/virtual/recipeOf.js";
import { loadRecipe } from "../recipe/load.js";
import { parseModelReference } from "../recipe/modelReference.js";
import type { Recipe } from "../recipe/types.js";
import { LAMBDAS, lambdaFault, suppliedBy } from "../recipe/vary.js";
import { readExperiment } from "../report/report.js";
import type { ExperimentResults, Measured, MeasuredCandidate } from "../report/types.js";
import { candidateId, nameOf, seriesOf } from "../select/names.js";
import type { Quantity } from "../select/types.js";
import type { PlayCandidate, PlayEstimate, PlayResults } from "./types.js";

/** What `retemper play` opens, for `openModel` and `playPage`. */
export interface Played {
  readonly source: string | Recipe;
  /** That it is opened with: of an experiment the aligned model's, the candidates' and the fine-tuned model's. */
  readonly lambdas?: readonly number[] | undefined;
  /** Of the method's random masks. */
  readonly seed?: number | undefined;
  /** Of an experiment. */
  readonly results?: PlayResults | undefined;
  /** Of an experiment: what its report shows answers to. */
  readonly prompts?: readonly string[] | undefined;
}

/** Where nothing says which lambdas are of interest. */
const USUAL_LAMBDAS = [0, 0.5, 1];

/** Methods that give the fine-tuned model itself at lambda 1. */
const STRAIGHT: ReadonlySet<string> = new Set(["linear", "slerp", "nuslerp", "task_arithmetic"]);

/**
 * @param path folder of a run that has ended, recipe, or what else `openModel` opens. A recipe may leave its weights to lambda, and a
 *   model with an adapter is their linear merge.
 * @throws RetemperError BAD_INPUT for results that cannot be read, and where no merge has a lambda; BAD_RECIPE
 * @example
 * ```ts
 * import { readPlayed } from "retemper";
 *
 * const { source, lambdas } = await readPlayed("models/aligned+models/adapter");
 * console.log(typeof source, lambdas); // object [ 0, 0.5, 1 ]
 * ```
 */
export async function readPlayed(path: string): Promise<Played> {
  const file = join(path, "experiment.json");
  if (existsSync(file) && existsSync(join(path, "results.json"))) return ofExperiment(path, file);
  const recipe = recipeOf(path);
  if (recipe === undefined) return { source: path };
  if (typeof recipe === "object") {
    const { path: base, revision } = parseModelReference(path);
    const aligned = revision === undefined ? base : `${base}@${revision}`;
    const source = { merge_method: "linear", models: [{ model: aligned }, { model: path }] };
    return { source, lambdas: USUAL_LAMBDAS };
  }
  const open = await loadRecipe(recipe, { supplied: suppliedBy([LAMBDAS]) });
  const isComplete = await loadRecipe(recipe).then(
    () => true,
    () => false,
  );
  return isComplete || lambdaFault(open) ? { source: path } : { source: path, lambdas: USUAL_LAMBDAS };
}

async function ofExperiment(folder: string, file: string): Promise<Played> {
  const results = await readExperiment(folder);
  const settings = await loadExperiment(file);
  const all = mergeSeries(settings, await tunedIn(resolve(folder), settings));
  const { series, candidates } = playable(all, results, folder);
  const { seed } = results.shipped ?? {};
  const merge = series.merges.find((one) => one.seed === seed) ?? series.merges[0];
  const own = candidates.map(({ lambda }) => lambda as number);
  const { overall } = results.selection;
  const chosen = overall.candidate && candidateId(overall.candidate);
  const shown = (measured: Measured, label: string, lambda: number, isChosen = false): PlayCandidate => ({
    point: { lambda },
    label,
    chosen: isChosen,
    attackSuccessRate: estimate(measured.asr),
    task: { name: results.labels.score, ...estimate(measured.score) },
  });
  const { aligned, tuned } = results.validation;
  const played: PlayResults = {
    title: results.name,
    x: "lambda",
    candidates: candidates.map((one) => shown(one, nameOf(one), one.lambda as number, candidateId(one) === chosen)),
    aligned: shown(aligned, "aligned", 0),
    ...(STRAIGHT.has(series.method) && { fineTuned: shown(tuned, "fine-tuned", 1) }),
  };
  return {
    source: (merge as { recipe: Recipe }).recipe,
    lambdas: [...new Set([0, ...own, 1])].sort((a, b) => a - b),
    seed: (merge as { maskSeed: number }).maskSeed,
    results: played,
    prompts: [...new Set(results.examples.flatMap(({ request }) => request ?? []))],
  };
}

/** The series of the choice, of what would have been chosen, or the first one that has lambdas; with what was measured of it. */
function playable(
  all: readonly MergeSeries[],
  { selection: { overall }, validation: { candidates } }: ExperimentResults,
  file: string,
): { readonly series: MergeSeries; readonly candidates: readonly MeasuredCandidate[] } {
  const wanted = overall.candidate ?? overall.nearest?.candidate;
  const found = all
    .filter(({ values, varied }) => values !== undefined && varied === undefined)
    .map((series) => {
      const name = seriesOf(candidateOf(series, undefined));
      return { series, name, candidates: candidates.filter((one) => seriesOf(one) === name && !one.unfinished) };
    })
    .filter((one) => one.candidates.length > 0);
  const best = found.find(({ name }) => wanted !== undefined && name === seriesOf(wanted)) ?? found[0];
  if (best) return best;
  throw new RetemperError("BAD_INPUT", "no merge of this experiment has a lambda that could be moved", { file });
}

/** An interval that was not taken is the value itself. */
function estimate({ value, low = value, high = value }: Quantity): PlayEstimate {
  return { value, low, high };
}
