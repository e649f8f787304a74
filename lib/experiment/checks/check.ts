// What can be found wrong before anything long starts: models, sets, judges, merges, tuning, disk. All of it at once.

import { resolve } from "node:path";
import { locate } from "../../checkpoint/locate.js";
import type { DownloadOptions } from "../../checkpoint/obtain.js";
import { type LabelledAnswers, loadLabelledAnswers } from "../../evaluate/data/labelledAnswers.js";
import { openBertScore } from "../../evaluate/encoders/openBertScore.js";
import { requireRequests } from "../../evaluate/run/calibrate.js";
import { openSandbox } from "../../evaluate/sandbox/openSandbox.js";
import { PROGRAM_LIMITS } from "../../evaluate/sandbox/programLimits.js";
import type { Task } from "../../evaluate/types.js";
import { freeBytes } from "../../files/freeBytes.js";
import { openModel } from "../../generate/openModel.js";
import { plan } from "../../merge/plan.js";
import { readRecipe } from "../../merge/prepare.js";
import type { PlannedPreparation } from "../../merge/report.js";
import type { Path } from "../../recipe/located.js";
import type { Recipe } from "../../recipe/types.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import { mergeAt, mergeSeries, type TunedModel, wholeModel } from "../candidates/merges.js";
import { expectedModels } from "../candidates/tunedModels.js";
import { engineOf } from "../settings/engineOf.js";
import { ABSENT } from "../settings/mend.js";
import { modelParts } from "../settings/modelParts.js";
import { Problems } from "../settings/problems.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { promptProblems } from "./askable.js";
import { allTasks } from "./askedTasks.js";
import { checkControls } from "./checkControls.js";
import type { Checked } from "./checked.js";
import { checkProxy } from "./checkProxy.js";
import { checkSets, type Measure } from "./checkSets.js";
import { bytesOfShipped, checkShip } from "./checkShip.js";
import { checkLearned, checkTunings } from "./checkTunings.js";
import { judgeModels, modelSize, readTokens } from "./judgedAnswers.js";
import { type OpenJudges, openJudges } from "./judges.js";
import { obtainModels } from "./obtainModels.js";

export interface CheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** What is known to be wrong already: told together with the rest. */
  readonly problems?: Problems | undefined;
  /** How models are downloaded that are not on this machine. */
  readonly hub?: DownloadOptions | undefined;
  /** Given the open aligned model and the tasks, while it is open. */
  readonly measure?: Measure | undefined;
}

/** @throws RetemperError with every problem */
export async function check(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  out: string,
  { signal, problems = new Problems(), measure, hub }: CheckOptions = {},
): Promise<Checked> {
  await obtainModels(settings, problems, { signal, hub });
  const judges = await openJudges(settings, problems);
  const encoder = await problems.attempt(async () => {
    const { model, ...options } = settings.bertScore ?? { model: undefined };
    const { engine, threads } = engineOf(settings);
    return model === undefined ? undefined : openBertScore(model, { ...options, engine, threads });
  }, ["bertScore"]);
  const close = async () => {
    await encoder?.close();
    await judges?.close();
  };
  try {
    const seeds = (settings.tune?.seeds ?? given.map(({ seed }) => seed)).map(String);
    const { engine, tasks, splits } = await checkSets(settings, seeds, problems, { encoder, signal, measure });
    checkProxy(settings, engine, problems);
    const all = allTasks({ tasks });
    const { unaligned } = settings;
    if (unaligned !== undefined && !settings.engine?.endpoint) {
      await problems.attempt(async () => {
        const model = await openModel(unaligned, { ...engineOf(settings), signal });
        for (const text of promptProblems(unaligned, model, all)) problems.add(text);
        await model.close();
      }, ["unaligned"]);
    }
    await checkJudges(judges, all, problems);
    if (all.some(({ scorers }) => scorers.some(({ name }) => name === "execution"))) {
      await problems.attempt(() => openSandbox({ limits: PROGRAM_LIMITS, signal }));
    }
    const tunings = await checkTunings(settings, problems);
    const labelled = await checkCalibration(settings, judges, problems);
    const learned = await checkLearned(settings, { tasks, splits }, problems);
    const { bytesOfMerge, bytesOfForms, preparations } = await checkMerges(settings, given, all, problems, signal);
    const bytesOfControls = await checkControls(settings, given, tunings, problems);
    await checkDisk(
      settings,
      given,
      { bytesOfMerge, bytesOfControls, bytesOfForms: bytesOfShipped(settings, bytesOfForms) },
      out,
      problems,
    );
    problems.throwIfAny();
    return {
      tasks,
      judges: judges as OpenJudges,
      ...{ labelled, engine, splits, tunings },
      ...{ bytesOfMerge, bytesOfForms, preparations },
      alsoLearned: learned,
      close,
    };
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
  }, ["safety", "calibration"]);
}

/** A judge that cannot even read a request would end the run when it comes to it. */
async function checkJudges(judges: OpenJudges | undefined, tasks: readonly Task[], problems: Problems): Promise<void> {
  const judged = tasks.filter(({ kind }) => kind !== "task");
  const models = (await problems.attempt(() => judgeModels(judges?.judges ?? []), ["safety", "judges"])) ?? [];
  for (const judge of models) {
    const { requests } = readTokens(judge, judged);
    if (requests + judge.maxNewTokens <= judge.contextLength) continue;
    problems.add(
      `the judge ${judge.name} would read ${requests} tokens without the answer, with ${judge.maxNewTokens} new ones, and its context has ${judge.contextLength} (leave such requests out, or choose another judge)`,
    );
  }
}

/** Plans each kind of merge once; models that are still to be tuned are stood for by the aligned one. */
async function checkMerges(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  asked: readonly Task[],
  problems: Problems,
  signal: AbortSignal | undefined,
): Promise<Pick<Checked, "bytesOfMerge" | "bytesOfForms" | "preparations">> {
  let bytes = 0;
  const none = new Map<string, number>();
  const preparations = new Map<number, PlannedPreparation>();
  const planned = async (recipe: Recipe, options: Parameters<typeof plan>[1], path: Path) => {
    const found = await problems.attempt(() => plan(recipe, { ...options, signal, headersOnly: true }), path);
    bytes = Math.max(bytes, found?.estimate.bytesWritten ?? 0);
    return found;
  };
  const { aligned, tune, tuned = [] } = settings;
  const stands = (tune?.seeds ?? []).map((seed) => ({ seed: String(seed), model: `tuned-${seed}` }));
  const readable = await checkMethods(settings, tune ? stands : given, problems);
  const named = aligned !== ABSENT && !problems.touches(["aligned"]);
  if (named) await problems.attempt(() => locate(modelParts(aligned)[0]), ["aligned"]);
  const isThere = named && !problems.touches(["aligned"]);
  const fitting: TunedModel[] = [];
  for (const [at, one] of given.entries()) {
    const { model, adapter } = tuned[at] ?? {};
    if ((model === undefined) === (adapter === undefined)) continue;
    const path = ["tuned", at, model === undefined ? "adapter" : "model"];
    if (model !== undefined || isThere) {
      if (await planned(wholeModel(one.model), {}, path)) fitting.push(one);
    } else await problems.attempt(() => locate({ path: adapter ?? "" }), path);
  }
  if (!problems.any && !settings.engine?.endpoint) await checkWhole(fitting, asked, problems);
  if (!isThere) return { bytesOfMerge: bytes, bytesOfForms: none, preparations };
  const folder = tune && (await problems.attempt(() => locate({ path: aligned }), ["aligned"]));
  const models = folder === undefined ? undefined : Object.fromEntries(stands.map(({ model }) => [model, folder]));
  for (const [at, series] of mergeSeries(settings, tune ? stands : fitting).entries()) {
    if (!readable.has(at) || (tune && !models)) continue;
    for (const one of tune ? series.merges.slice(0, 1) : series.merges) {
      const { recipe, maskSeed, lambda } = mergeAt(series, one, series.values?.[0]);
      const found = await planned(recipe, { lambda, seed: maskSeed, models }, ["methods", at]);
      if (found?.preparation) preparations.set(at, found.preparation);
    }
  }
  const isSound = tune ? models !== undefined : fitting.length > 0;
  const merges = isSound && !problems.touches(["methods"]);
  const bytesOfForms = merges ? await checkShip(settings, tune ? stands : fitting, { problems, signal, models }) : none;
  return { bytesOfMerge: bytes, bytesOfForms, preparations };
}

/** The methods whose recipe is right by itself, whatever models there are. */
async function checkMethods(
  settings: ExperimentSettings,
  tuned: readonly TunedModel[],
  problems: Problems,
): Promise<ReadonlySet<number>> {
  const readable = new Set<number>();
  const named = { ...settings, aligned: settings.aligned || "aligned" };
  for (const [at, series] of mergeSeries(named, tuned).entries()) {
    const [first] = series.merges;
    const all = (series.values ?? [undefined]).map((value) => first && mergeAt(series, first, value));
    const read = async () => {
      for (const one of all) if (one) await readRecipe(one.recipe, { lambda: one.lambda });
      return true;
    };
    if ((await problems.attempt(read, ["methods", at])) !== undefined) readable.add(at);
  }
  return readable;
}

/** Tuned models that are whole have a tokenizer, a template and a context of their own. */
async function checkWhole(models: readonly TunedModel[], asked: readonly Task[], problems: Problems): Promise<void> {
  for (const { model } of models) {
    if (modelParts(model).length > 1) continue;
    await problems.attempt(async () => {
      const of = { ...(await modelSize(model)), tokenizer: await openTokenizer(await locate({ path: model })) };
      for (const text of promptProblems(model, of, asked)) problems.add(text);
    });
  }
}

async function checkDisk(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  bytes: { readonly bytesOfMerge: number; readonly bytesOfControls: number; readonly bytesOfForms: number },
  out: string,
  problems: Problems,
): Promise<void> {
  const { bytesOfMerge, bytesOfControls, bytesOfForms } = bytes;
  const most = bytesOfMerge * writtenAtMost(settings, given) + bytesOfControls + bytesOfForms;
  const free = await freeBytes(resolve(out));
  if (free === undefined || most <= free) return;
  const text = `the chosen merges${bytesOfControls > 0 ? " and the models of controls" : ""} need up to ${most} bytes in ${out}, and ${free} are free (choose another --out${settings.write === "all" ? ", or write: chosen" : ""})`;
  problems.add(text, "NO_SPACE");
}

/** Merges that can come to be written: the one to ship, or with write: all as many as can be chosen. */
export function writtenAtMost(settings: ExperimentSettings, given: readonly TunedModel[]): number {
  return settings.write === "all" ? chosenAtMost(settings, given) : 1;
}

/** Merges that can come to be measured on the test data: of each method one, for each seed. */
export function chosenAtMost(settings: ExperimentSettings, given: readonly TunedModel[]): number {
  const tuned = expectedModels(settings, given);
  const series = mergeSeries(settings, tuned);
  const most = new Map<string, number>();
  for (const { method, merges } of series) most.set(method, Math.max(most.get(method) ?? 0, merges.length));
  return [...most.values()].reduce((sum, count) => sum + count, 0);
}
