// An experiment's folder as something to talk with: the series of its choice as one recipe, and its curve.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { type MergeSeries, mergeSeries } from "../experiment/candidates/merges.js";
import { candidateOf } from "../experiment/settings/declaredSeries.js";
import { loadExperiment } from "../experiment/settings/load.js";
import { tunedIn } from "../experiment/steps/tunedIn.js";
import type { Recipe } from "../recipe/types.js";
import { readExperiment } from "../report/report.js";
import type { ExperimentResults, Measured, MeasuredCandidate } from "../report/types.js";
import { candidateId, nameOf, seriesOf } from "../select/names.js";
import type { Quantity } from "../select/types.js";
import type { PlayCandidate, PlayEstimate, PlayResults } from "./types.js";

/** What `retemper play` opens of an experiment. */
export interface Played {
  /** The series of the choice, for `openModel`. */
  readonly source: Recipe;
  /** The aligned model's, the candidates' and the fine-tuned model's. */
  readonly lambdas: readonly number[];
  /** Of the method's random masks. */
  readonly seed: number;
  readonly results: PlayResults;
  /** What the report shows answers to. */
  readonly prompts: readonly string[];
}

/** Methods that give the fine-tuned model itself at lambda 1. */
const STRAIGHT: ReadonlySet<string> = new Set(["linear", "slerp", "nuslerp", "task_arithmetic"]);

/**
 * @param folder of a run that has ended
 * @returns undefined where it is something else: a model, or no folder
 * @throws RetemperError BAD_INPUT for results that cannot be read, and where no merge has a lambda
 */
export async function readPlayed(folder: string): Promise<Played | undefined> {
  const file = join(folder, "experiment.json");
  if (!existsSync(file) || !existsSync(join(folder, "results.json"))) return undefined;
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
