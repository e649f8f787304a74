// Evaluates models and merges, each once. A merge that is only measured is written into its step's folder and removed.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { evaluate } from "../evaluate/run/evaluate.js";
import { readResults } from "../evaluate/run/readResults.js";
import type { Results } from "../evaluate/run/results.js";
import type { Task } from "../evaluate/types.js";
import { openModel } from "../generate/openModel.js";
import { merge } from "../merge/merge.js";
import type { Recipe } from "../recipe/types.js";
import type { Checked } from "./check.js";
import { type OpenJudges, openJudges } from "./judges.js";
import type { ExperimentSettings } from "./schema.js";
import type { StepFacts, Steps } from "./steps.js";

/** A folder, or a merge that is made for the evaluation. */
export type Evaluated =
  | { readonly folder: string }
  | { readonly recipe: Recipe; readonly lambda?: number | undefined; readonly maskSeed: number };

export interface Evaluation {
  readonly results: Results;
  readonly straightShare?: number | undefined;
}

export class Evaluations {
  readonly #settings: ExperimentSettings;
  readonly #tasks: Checked["tasks"];
  readonly #steps: Steps;
  readonly #digests: ReadonlyMap<string, string>;
  readonly #judges: OpenJudges;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    settings: ExperimentSettings,
    tasks: Checked["tasks"],
    steps: Steps,
    digests: ReadonlyMap<string, string>,
    judges: OpenJudges,
    signal: AbortSignal | undefined,
  ) {
    this.#settings = settings;
    this.#tasks = tasks;
    this.#steps = steps;
    this.#digests = digests;
    this.#judges = judges;
    this.#signal = signal;
  }

  static async open(
    settings: ExperimentSettings,
    { tasks }: Checked,
    steps: Steps,
    digests: ReadonlyMap<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Evaluations> {
    return new Evaluations(settings, tasks, steps, digests, await openJudges(settings), signal);
  }

  close(): Promise<void> {
    return this.#judges.close();
  }

  /**
   * @param part "validation": the safety sets and the task's validation; "test": those of the test
   * @param digest of a folder's files; a merge's inputs have theirs already
   */
  async evaluate(name: string, part: "validation" | "test", model: Evaluated, digest?: string): Promise<Evaluation> {
    const { safety, task, decoding, limit, engine } = this.#settings;
    const suite =
      part === "validation" ? [...safety.sets, ...task.validation] : [...(safety.test ?? safety.sets), ...task.test];
    const tasks =
      part === "validation"
        ? [...this.#tasks.safety, ...this.#tasks.validation]
        : [...this.#tasks.safetyTest, ...this.#tasks.test];
    const inputs = {
      model: "folder" in model ? digest : [model, [...this.#digests]],
      tasks: tasks.map(identity),
      judges: this.#judges.judges.map(({ name: of, facts }) => [of, facts]),
      suite,
      limit,
      decoding,
      engine: [engine?.engine, engine?.precision],
    };
    const step = await this.#steps.do(`${part} ${name}`, inputs, (folder) => this.#measure(folder, model, suite));
    return { results: await readResults(step.folder), straightShare: step.straightShare };
  }

  async #measure(folder: string, model: Evaluated, suite: readonly string[]): Promise<StepFacts> {
    const signal = this.#signal;
    const { engine, limit, decoding } = this.#settings;
    let source = "folder" in model ? model.folder : join(folder, "model");
    let [bytesWritten, straightShare]: [number, number | undefined] = [0, undefined];
    if ("recipe" in model) {
      // one that a killed run left is whole, but what the merge said of it is lost: made anew, and so are its answers
      const { lambda, maskSeed: seed, recipe } = model;
      const made = await merge(recipe, source, {
        lambda,
        seed,
        signal,
        force: existsSync(source),
        writeModelCard: false,
      });
      bytesWritten = made.bytesWritten;
      straightShare = made.tensors.straightShare;
      source = made.out;
    }
    const open = await openModel(source, { ...engine, signal });
    try {
      const options = { judges: this.#judges.judges, limit, decoding, out: folder, signal };
      const results = await evaluate(open, suite, { ...options, force: "recipe" in model });
      const answers = results.tasks.flatMap(({ items }) => items.flatMap((item) => item.answers));
      const newTokens = answers.reduce((sum, answer) => sum + (answer?.tokens ?? 0), 0);
      return { newTokens, bytesWritten, straightShare };
    } finally {
      await open.close();
    }
  }
}

/** What decides an evaluation's outcome of a task. */
function identity({ name, kind, data, decoding, primary, items }: Task): unknown {
  return [name, kind, data.map(({ files }) => files.map(({ sha256 }) => sha256)), decoding, primary, items.length];
}
