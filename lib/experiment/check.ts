// What can be found wrong before anything long starts: models, sets, judges, merges, tuning, disk. All of it at once.

import { resolve } from "node:path";
import { locate } from "../checkpoint/locate.js";
import { openEndpoint } from "../endpoint/openEndpoint.js";
import { RetemperError } from "../errors.js";
import { type LabelledAnswers, loadLabelledAnswers } from "../evaluate/data/labelledAnswers.js";
import { openBertScore } from "../evaluate/encoders/openBertScore.js";
import { requireRequests } from "../evaluate/run/calibrate.js";
import { loadSuite } from "../evaluate/run/loadSuite.js";
import type { BertScoreSettings } from "../evaluate/tasks/context.js";
import { freeBytes } from "../files/freeBytes.js";
import { openModel } from "../generate/openModel.js";
import type { EngineName, TextGenerator } from "../generate/types.js";
import { plan } from "../merge/plan.js";
import { planTuning, type TuningPlan } from "../tune/planTuning.js";
import { arrangeTasks } from "./arrangeTasks.js";
import type { Checked } from "./checked.js";
import { engineOf } from "./engineOf.js";
import { type OpenJudges, openJudges } from "./judges.js";
import { wrong } from "./load.js";
import { mergeSeries, type TunedModel, wholeModel } from "./merges.js";
import type { ExperimentSettings } from "./schema.js";
import { isPerSeed, loadSplits, ofSeed } from "./seedSplits.js";
import { suiteOptions } from "./suiteOptions.js";

/** Collects what goes wrong, so that one error tells of all. */
class Problems {
  readonly texts: string[] = [];
  readonly #codes = new Set<RetemperError["code"]>();

  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetemperError) || error.code === "CANCELLED") throw error;
      const text = `${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`;
      this.add(text, error.code);
      return undefined;
    }
  }

  add(text: string, code: RetemperError["code"] = "BAD_INPUT"): void {
    if (!this.texts.includes(text)) this.texts.push(text);
    this.#codes.add(code);
  }

  throwIfAny(): void {
    const [first] = this.texts;
    const [code] = this.#codes;
    if (first === undefined || code === undefined) return;
    throw this.texts.length === 1 ? new RetemperError(code, first) : wrong(this.texts);
  }
}

/**
 * @param measure given the open aligned model and the tasks, while it is open
 * @throws RetemperError with every problem
 */
export async function check(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  out: string,
  signal: AbortSignal | undefined,
  measure?: (model: TextGenerator, tasks: Checked["tasks"]) => Promise<void>,
): Promise<Checked> {
  const problems = new Problems();
  const judges = await problems.attempt(() => openJudges(settings));
  const encoder = await problems.attempt(async () => {
    const { model, ...options } = settings.bertScore ?? { model: undefined };
    const { engine, threads } = engineOf(settings);
    return model === undefined ? undefined : openBertScore(model, { ...options, engine, threads });
  });
  const close = async () => {
    await encoder?.close();
    await judges?.close();
  };
  try {
    const seeds = (settings.tune?.seeds ?? given.map(({ seed }) => seed)).map(String);
    const { engine, tasks, splits } = await checkAligned(settings, seeds, problems, encoder, signal, measure);
    const { unaligned } = settings;
    if (unaligned !== undefined) {
      await problems.attempt(async () => (await openModel(unaligned, { ...engineOf(settings), signal })).close());
    }
    const tunings = await checkTunings(settings, problems);
    const labelled = await checkCalibration(settings, judges, problems);
    const bytesOfMerge = await checkMerges(settings, given, problems, signal);
    await checkDisk(settings, given, bytesOfMerge, out, problems);
    problems.throwIfAny();
    return { tasks, judges: judges as OpenJudges, labelled, engine, bytesOfMerge, splits, tunings, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function checkCalibration(
  { safety: { calibration } }: ExperimentSettings,
  judges: OpenJudges | undefined,
  problems: Problems,
): Promise<LabelledAnswers | undefined> {
  if (calibration === undefined) return undefined;
  return problems.attempt(async () => {
    const labelled = await loadLabelledAnswers(calibration);
    if (judges) requireRequests(judges.judges, labelled);
    return labelled;
  });
}

/** By seed; where all learn the same rows, they are read once. */
async function checkTunings(
  { aligned, tune }: ExperimentSettings,
  problems: Problems,
): Promise<ReadonlyMap<string, TuningPlan>> {
  const plans = new Map<string, TuningPlan>();
  let found: TuningPlan | undefined;
  for (const seed of tune?.seeds ?? []) {
    const { data, options } = tune as NonNullable<typeof tune>;
    if (found === undefined || isPerSeed(data)) {
      found = await problems.attempt(() => planTuning(aligned, ofSeed(data, seed), { ...options, seed }));
    }
    if (found === undefined && !isPerSeed(data)) break;
    if (found) plans.set(String(seed), found);
  }
  return plans;
}

async function checkAligned(
  settings: ExperimentSettings,
  seeds: readonly string[],
  problems: Problems,
  encoder: BertScoreSettings | undefined,
  signal: AbortSignal | undefined,
  measure?: (model: TextGenerator, tasks: Checked["tasks"]) => Promise<void>,
): Promise<{ readonly engine: EngineName } & Pick<Checked, "tasks" | "splits">> {
  const { safety, task, aligned } = settings;
  const endpoint = settings.engine?.endpoint;
  const model: TextGenerator | undefined = await problems.attempt(async () =>
    endpoint
      ? openEndpoint(endpoint.url, { model: endpoint.model ?? aligned })
      : openModel(aligned, { ...engineOf(settings), signal }),
  );
  const none = { safety: [], safetyTest: [], validation: [], test: [] };
  if (!model) return { engine: "native", tasks: none };
  try {
    const options = { ...suiteOptions(settings, encoder), signal };
    const load = async (words: readonly string[]) =>
      (await problems.attempt(() => loadSuite(model, words, options))) ?? [];
    const validation = await loadSplits(task.validation, seeds, load);
    const loaded = {
      safety: await load(safety.sets),
      safetyTest: safety.test && (await load(safety.test)),
      validation: validation.tasks,
      test: await load(task.test),
    };
    const { tasks, problems: found } = arrangeTasks(loaded, settings);
    if (problems.texts.length === 0) for (const text of found) problems.add(text);
    if (problems.texts.length === 0) await measure?.(model, tasks);
    return { engine: model.facts.engine, tasks, splits: validation.splits };
  } finally {
    await model.close();
  }
}

/** Plans each kind of merge once; models that are still to be tuned are stood for by the aligned one. */
async function checkMerges(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  problems: Problems,
  signal: AbortSignal | undefined,
): Promise<number> {
  let bytes = 0;
  const planned = async (recipe: Parameters<typeof plan>[0], options: Parameters<typeof plan>[1]) => {
    const found = await problems.attempt(() => plan(recipe, { ...options, signal }));
    bytes = Math.max(bytes, found?.estimate.bytesWritten ?? 0);
    return found !== undefined;
  };
  const fitting: TunedModel[] = [];
  for (const one of given) if (await planned(wholeModel(one.model), {})) fitting.push(one);
  const { aligned, tune } = settings;
  const stands = (tune?.seeds ?? []).map((seed) => ({ seed: String(seed), model: `tuned-${seed}` }));
  const series = mergeSeries(settings, tune ? stands : fitting);
  const folder = tune && (await problems.attempt(() => locate({ path: aligned })));
  const models = folder === undefined ? undefined : Object.fromEntries(stands.map(({ model }) => [model, folder]));
  for (const { lambdas, merges } of tune && !models ? [] : series) {
    for (const { recipe, maskSeed } of tune ? merges.slice(0, 1) : merges) {
      await planned(recipe, { lambda: lambdas?.[0], seed: maskSeed, models });
    }
  }
  return bytes;
}

async function checkDisk(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  bytesOfMerge: number,
  out: string,
  problems: Problems,
): Promise<void> {
  const most = bytesOfMerge * writtenAtMost(settings, given);
  const free = await freeBytes(resolve(out));
  if (free === undefined || most <= free) return;
  const text = `the chosen merges need up to ${most} bytes in ${out}, and ${free} are free (choose another --out, or fewer methods and seeds)`;
  problems.add(text, "NO_SPACE");
}

/** Merges that can come to be written: of each method one, for each seed. */
export function writtenAtMost(settings: ExperimentSettings, given: readonly TunedModel[]): number {
  const tuned = settings.tune ? settings.tune.seeds.map((seed) => ({ seed: String(seed), model: "" })) : given;
  const series = mergeSeries(settings, tuned);
  const most = new Map<string, number>();
  for (const { method, merges } of series) most.set(method, Math.max(most.get(method) ?? 0, merges.length));
  return [...most.values()].reduce((sum, count) => sum + count, 0);
}
