// What can be found wrong before anything long starts: models, sets, judges, merges, tuning, disk. All of it at once.

import { resolve } from "node:path";
import { locate } from "../checkpoint/locate.js";
import { openEndpoint } from "../endpoint/openEndpoint.js";
import { type LabelledAnswers, loadLabelledAnswers } from "../evaluate/data/labelledAnswers.js";
import { openBertScore } from "../evaluate/encoders/openBertScore.js";
import { requireRequests } from "../evaluate/run/calibrate.js";
import { loadSuite } from "../evaluate/run/loadSuite.js";
import { openSandbox } from "../evaluate/sandbox/openSandbox.js";
import { PROGRAM_LIMITS } from "../evaluate/sandbox/programLimits.js";
import type { BertScoreSettings } from "../evaluate/tasks/context.js";
import type { Task } from "../evaluate/types.js";
import { freeBytes } from "../files/freeBytes.js";
import { openModel } from "../generate/openModel.js";
import type { EngineName, TextGenerator } from "../generate/types.js";
import { plan } from "../merge/plan.js";
import { openTokenizer } from "../tokenizer/openTokenizer.js";
import { planTuning, type TuningPlan } from "../tune/planTuning.js";
import { arrangeTasks } from "./arrangeTasks.js";
import { isAskedModel, promptProblems, setProblems } from "./askable.js";
import type { Checked } from "./checked.js";
import { engineOf } from "./engineOf.js";
import { judgeModels, modelSize, readTokens } from "./judgedAnswers.js";
import { type OpenJudges, openJudges } from "./judges.js";
import { alsoLearned, learnedPrompts } from "./learnedPrompts.js";
import { mergeSeries, type TunedModel, wholeModel } from "./merges.js";
import { modelParts } from "./modelParts.js";
import { Problems } from "./problems.js";
import type { ExperimentSettings } from "./schema.js";
import { isPerSeed, itemsOfSeed, loadSplits, ofSeed } from "./seedSplits.js";
import { suiteOptions } from "./suiteOptions.js";

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
    const all = [...tasks.safety, ...tasks.safetyTest, ...tasks.validation, ...tasks.test];
    const { unaligned } = settings;
    if (unaligned !== undefined) {
      await problems.attempt(async () => {
        const model = await openModel(unaligned, { ...engineOf(settings), signal });
        for (const text of promptProblems(unaligned, model, all)) problems.add(text);
        await model.close();
      });
    }
    await checkJudges(judges, all, problems);
    if (all.some(({ scorers }) => scorers.some(({ name }) => name === "execution"))) {
      await problems.attempt(() => openSandbox({ limits: PROGRAM_LIMITS, signal }));
    }
    const tunings = await checkTunings(settings, problems);
    const labelled = await checkCalibration(settings, judges, problems);
    const learned = await checkLearned(settings, { tasks, splits }, problems);
    const bytesOfMerge = await checkMerges(settings, given, all, problems, signal);
    await checkDisk(settings, given, bytesOfMerge, out, problems);
    problems.throwIfAny();
    return {
      tasks,
      judges: judges as OpenJudges,
      labelled,
      engine,
      bytesOfMerge,
      splits,
      tunings,
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

/** Prompts that choose lambda and are learned too, by seed: refused where the paper is followed, else said in the plan. */
async function checkLearned(
  { preset, tune }: ExperimentSettings,
  { tasks, splits }: Pick<Checked, "tasks" | "splits">,
  problems: Problems,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  if (!tune || problems.texts.length > 0) return counts;
  let learned: ReadonlySet<string> | undefined;
  for (const seed of tune.seeds) {
    const data = ofSeed(tune.data, seed);
    if (learned === undefined || isPerSeed(tune.data)) learned = await learnedPrompts(data);
    const count = alsoLearned(itemsOfSeed(tasks.validation, splits, String(seed)), learned);
    counts.set(String(seed), count);
    if (count > 0 && preset === "paper") {
      problems.add(
        `${count} prompts of task.validation are among the rows that seed ${seed} learns (${data}): hold them out (retemper data does)`,
      );
    }
  }
  return counts;
}

/** A judge that cannot even read a request would end the run when it comes to it. */
async function checkJudges(judges: OpenJudges | undefined, tasks: readonly Task[], problems: Problems): Promise<void> {
  const judged = tasks.filter(({ kind }) => kind !== "task");
  const models = (await problems.attempt(() => judgeModels(judges?.judges ?? []))) ?? [];
  for (const judge of models) {
    const { requests } = readTokens(judge, judged);
    if (requests + judge.maxNewTokens <= judge.contextLength) continue;
    problems.add(
      `the judge ${judge.name} would read ${requests} tokens without the answer, with ${judge.maxNewTokens} new ones, and its context has ${judge.contextLength} (leave such requests out, or choose another judge)`,
    );
  }
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
    if (problems.texts.length === 0) for (const text of [...found, ...setProblems(tasks)]) problems.add(text);
    if (problems.texts.length === 0 && isAskedModel(model)) {
      const all = [...new Set([...tasks.safety, ...tasks.safetyTest, ...tasks.validation, ...tasks.test])];
      for (const text of promptProblems(aligned, model, all)) problems.add(text);
    }
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
  asked: readonly Task[],
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
  if (problems.texts.length === 0 && !settings.engine?.endpoint) await checkWhole(fitting, asked, problems);
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
