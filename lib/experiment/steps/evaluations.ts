// Evaluates models and merges, each once. A merge that is only measured is not written, where the engine can run it so;
// else it is written into its step's folder and removed.

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { evaluate, evaluateLambdas } from "../../evaluate/run/evaluate.js";
import type { EvaluateOptions } from "../../evaluate/run/evaluateOptions.js";
import type { EvaluateProgress } from "../../evaluate/run/progress.js";
import { readResults } from "../../evaluate/run/readResults.js";
import type { Calibration, Results } from "../../evaluate/run/results.js";
import type { Scorer, Task } from "../../evaluate/types.js";
import { openModel } from "../../generate/openModel.js";
import { merge } from "../../merge/merge.js";
import { openVirtual, straightShareOf, type VirtualMergeSource } from "../candidates/openVirtual.js";
import type { Checked } from "../checks/checked.js";
import type { OpenJudges } from "../checks/judges.js";
import { itemsOfSeed } from "../checks/seedSplits.js";
import { engineOf } from "../settings/engineOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { calibrationStep } from "./calibrationStep.js";
import { openServed, type ServedNames } from "./served.js";
import { byDigest, type StepFacts, type Steps } from "./steps.js";

/** A model's folder, a merge at all of its lambdas, or a name on a server. */
export type Evaluated = { readonly folder: string } | VirtualMergeSource | { readonly served: string };

export type Part = "validation" | "test";

/** Of a merge: one for each lambda. */
export interface Evaluation {
  readonly results: readonly Results[];
  readonly straightShare?: number | undefined;
}

export interface EvaluationParts {
  readonly settings: ExperimentSettings;
  readonly checked: Checked;
  readonly steps: Steps;
  /** By model, also those that judge and score: what it holds. */
  readonly digests: ReadonlyMap<string, string>;
  readonly judges: OpenJudges;
  readonly served?: ServedNames | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
}

export class Evaluations {
  readonly #parts: EvaluationParts;
  #calibration: Promise<Calibration | undefined> | undefined;

  constructor(parts: EvaluationParts) {
    this.#parts = parts;
  }

  /** How often the judges err: they are asked of the labelled answers once, when the first model has answered. */
  calibration(): Promise<Calibration | undefined> {
    this.#calibration ??= calibrationStep(this.#parts);
    return this.#calibration;
  }

  /** The safety sets with the task's validation data, or those of the test. @param seed whose split of the validation, if it has one */
  tasksOf(part: Part, seed?: string): readonly Task[] {
    const { tasks, splits } = this.#parts.checked;
    if (part === "test") return [...tasks.safetyTest, ...tasks.test];
    return [...tasks.safety, ...itemsOfSeed(tasks.validation, splits, seed)];
  }

  /**
   * @param digest of a folder's files, or of what a server serves; a merge's inputs have theirs already
   * @param seed of the tuning that the model comes from
   */
  async evaluate(name: string, part: Part, model: Evaluated, digest?: string, seed?: string): Promise<Evaluation> {
    const tasks = this.tasksOf(part, seed);
    const { settings, digests, judges, steps, served, checked } = this.#parts;
    const { engine } = settings;
    const inputs = {
      model: "folder" in model ? digest : [byDigest(model, digests), engine?.fidelity, served?.url, digest],
      tasks: tasks.map((task) => taskIdentity(task, digests)),
      judges: byDigest(judges.judges.map(factsOfScorer), digests),
      engine: [checked.engine, engine?.precision],
      emptyIs: settings.safety.emptyIs,
    };
    const step = await steps.do(`${part} ${name}`, inputs, (folder) => this.#measure(folder, model, tasks));
    const { lambdas } = { lambdas: undefined, ...model } as Partial<VirtualMergeSource>;
    const folders = lambdas?.map((lambda) => join(step.folder, `lambda-${lambda}`)) ?? [step.folder];
    const calibration = await this.calibration();
    const results = (await Promise.all(folders.map(readResults))).map((one) => ({ ...one, calibration }));
    return { results, straightShare: step.straightShare };
  }

  async #measure(folder: string, model: Evaluated, tasks: readonly Task[]): Promise<StepFacts> {
    const { judges, signal, onProgress, served, settings, checked } = this.#parts;
    const { emptyIs } = settings.safety;
    const options: EvaluateOptions = { judges: judges.judges, emptyIs, out: folder, signal, onProgress };
    if ("served" in model) {
      const endpoint = openServed(served as ServedNames, model.served);
      try {
        return factsOf([await evaluate(endpoint, tasks, options)]);
      } finally {
        await endpoint.close();
      }
    }
    if ("folder" in model) {
      const open = await openModel(model.folder, { ...engineOf(settings), signal });
      try {
        return factsOf([await evaluate(open, tasks, options)]);
      } finally {
        await open.close();
      }
    }
    if (checked.engine !== "native") return this.#measureWritten(folder, model, tasks, options);
    const results: Results[] = [];
    let straightShare: number | undefined;
    const { precision, threads } = settings.engine ?? {};
    const exact = settings.engine?.fidelity === "exact";
    const opened = openVirtual(model, checked.bytesOfMerge, { precision, threads, signal }, exact);
    for await (const { model: open, lambdas } of opened) {
      straightShare ??= straightShareOf(open);
      results.push(
        ...(lambdas === undefined
          ? [await evaluate(open, tasks, options)]
          : await evaluateLambdas(open, tasks, lambdas, options)),
      );
    }
    return { ...factsOf(results), straightShare };
  }

  /** For engines that run models from files alone: one lambda after the other. */
  async #measureWritten(
    folder: string,
    { recipe, lambdas, maskSeed: seed }: VirtualMergeSource,
    tasks: readonly Task[],
    options: EvaluateOptions,
  ): Promise<StepFacts> {
    const { settings, signal } = this.#parts;
    const place = join(folder, "model");
    const results: Results[] = [];
    let [bytesWritten, straightShare]: [number, number | undefined] = [0, undefined];
    for (const lambda of lambdas ?? [undefined]) {
      // one that a killed run left is whole, but of no use: its answers are known by the files' time
      const made = await merge(recipe, place, {
        lambda,
        seed,
        signal,
        force: existsSync(place),
        writeModelCard: false,
      });
      bytesWritten += made.bytesWritten;
      straightShare = made.tensors.straightShare;
      const open = await openModel(made.out, { ...engineOf(settings), signal });
      const out = lambda === undefined ? folder : join(folder, `lambda-${lambda}`);
      try {
        results.push(await evaluate(open, tasks, { ...options, out, force: true }));
      } finally {
        await open.close();
      }
    }
    await rm(place, { recursive: true, force: true });
    return { ...factsOf(results), bytesWritten, straightShare };
  }
}

function factsOf(results: readonly Results[]): StepFacts {
  const answers = results.flatMap(({ tasks }) => tasks.flatMap(({ items }) => items.flatMap((item) => item.answers)));
  return { newTokens: answers.reduce((sum, answer) => sum + (answer?.tokens ?? 0), 0), bytesWritten: 0 };
}

/** What decides an evaluation's outcome of a task. */
function taskIdentity(task: Task, digests: ReadonlyMap<string, string>): unknown {
  const { name, kind, ask, data, decoding, primary, macro, metrics, scorers, items } = task;
  const prompts = items.map(({ id, prompt, references, category, choices }) => [
    id,
    prompt,
    references,
    category,
    choices,
  ]);
  return [
    ...[name, kind, ask, data.map(({ files }) => files.map(({ sha256 }) => sha256)), decoding],
    ...[primary, macro, metrics.map((metric) => metric.name)],
    ...(task.selectedBy === undefined ? [] : [task.selectedBy]),
    byDigest(scorers.map(factsOfScorer), digests),
    prompts,
  ];
}

function factsOfScorer({ name, facts }: Scorer): unknown {
  return [name, facts];
}
