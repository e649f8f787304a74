// Measures models and merges by small steps: each answer once, each verdict once, whoever wants them.

import type { EvaluateProgress } from "../../evaluate/run/progress.js";
import { type Calibration, RESULTS_FORMAT, type Results } from "../../evaluate/run/results.js";
import { samplesOf } from "../../evaluate/run/samplesOf.js";
import { scorersOf, scoreTask } from "../../evaluate/run/scoreTask.js";
import { taskNotes } from "../../evaluate/run/taskNotes.js";
import { taskResults } from "../../evaluate/run/taskResults.js";
import type { Scorer, Task } from "../../evaluate/types.js";
import { choosingTasks, confirmingTasks } from "../checks/askedTasks.js";
import type { Checked } from "../checks/checked.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Store } from "../store/store.js";
import type { StoreJournal } from "../store/storeJournal.js";
import { answerKey } from "../store/unitKeys.js";
import type { SkillSets } from "../tables/tableItems.js";
import { askSubject } from "./answerBatch.js";
import { KeptModels } from "./keptModels.js";
import { missingOf } from "./missingOf.js";
import { answersLeft, verdictsLeft } from "./remains.js";
import type { ServedNames } from "./served.js";
import { type Batch, defineStep, type Step, type StepRecord } from "./step.js";
import { type Answerer, answerersOf, type Subject } from "./subjects.js";

export type Part = "validation" | "test";

/** Of a merge: one for each lambda or variant. */
export interface Measured {
  readonly results: readonly Results[];
  readonly straightShare?: number | undefined;
}

/** What measures a subject, and what it measured once that is done. */
export interface Measurement {
  readonly batches: readonly Batch[];
  /** Of the steps that must be done before there are results. */
  readonly needs: readonly Digest<"step">[];
  /** @param calibration of the judges, which the results carry */
  read(calibration: Calibration | undefined): Promise<Measured>;
}

export interface MeasuringParts {
  readonly settings: ExperimentSettings;
  readonly checked: Checked;
  readonly store: Store;
  readonly scorerDigest: (scorer: Scorer) => Digest<"scorers">;
  readonly byDigest: (value: unknown) => unknown;
  readonly served?: ServedNames | undefined;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
}

export class Measuring {
  readonly #parts: MeasuringParts;
  readonly #tasks = new Map<string, readonly Task[]>();
  /** Steps that this run has tried: what failed before is tried once more, and not for ever. */
  readonly #tried = new Set<Digest<"step">>();
  readonly #kept = new KeptModels();

  constructor(parts: MeasuringParts) {
    this.#parts = parts;
  }

  /** Which of a part's sets are skills'. */
  skillSets(part: Part): SkillSets {
    const { skillOf = new Map(), skills = [], skillsTest = [] } = this.#parts.checked.tasks;
    const only = new Set((part === "test" ? skillsTest : skills).map(({ name }) => name));
    return { skillOf, only };
  }

  /** The sets of safety and skills with the task's validation data, or those of the test. @param tuning whose split of the validation, if it has one */
  tasksOf(part: Part, tuning?: string): readonly Task[] {
    const key = `${part} ${tuning ?? ""}`;
    const { checked } = this.#parts;
    const known = this.#tasks.get(key) ?? (part === "test" ? confirmingTasks(checked) : choosingTasks(checked, tuning));
    this.#tasks.set(key, known);
    return known;
  }

  /** Whose answers are kept apart, and by what. */
  answerersOf(subject: Subject): Answerer[] {
    const { settings, checked, served, byDigest } = this.#parts;
    const { precision, cache, fidelity } = settings.engine ?? {};
    return answerersOf(subject, { engine: checked.engine, precision, cache, fidelity, url: served?.url, byDigest });
  }

  /**
   * @param name for people
   * @param tasks what it is asked: each task as it is, or some of its items
   * @param part for people: what a plan counts it to
   */
  measure(name: string, subject: Subject, tasks: readonly Task[], part?: string): Measurement {
    const { settings, checked, served } = this.#parts;
    const answerers = this.answerersOf(subject);
    const items = digestOf("items", tasks.map(unitsOf));
    const answers = answerers.map(({ digest, ...which }) =>
      defineStep("answer", named(name, which), { answerer: digest, items }, { work: workOf(tasks) }),
    );
    const targetsOf = (todo: readonly Step[]) =>
      Promise.all(
        todo.map(async (step) => {
          const { digest, ...which } = answerers[answers.indexOf(step)] as Answerer;
          return { step, ...which, digest, journal: await this.journal(digest, tasks) };
        }),
      );
    const asked: Batch = {
      ...{
        key: digestOf(
          "step",
          answers.map(({ key }) => key),
        ),
        // what two parts have in common is asked once
        claim: digestOf(
          "answerer",
          answerers.map(({ digest }) => digest),
        ),
        name,
        part,
        steps: answers,
        needs: [],
      },
      intact: (record, step) => this.#isComplete(record, step),
      remains: async (todo, counted) => answersLeft(subject, tasks, await targetsOf(todo), checked.engine, counted),
      work: async (todo, context) => {
        for (const { key } of todo) this.#tried.add(key);
        const targets = await targetsOf(todo);
        const { bytesOfMerge, engine } = checked;
        const parts = { settings, served, bytesOfMerge, kept: this.#kept, onProgress: this.#parts.onProgress };
        return askSubject(subject, tasks, targets, { ...parts, virtual: engine === "native" }, context);
      },
    };
    const scored = answerers.map(({ digest, ...which }, at) =>
      this.#scoreBatch(named(name, which), digest, answers[at] as Step, tasks, part),
    );
    return {
      batches: [asked, ...scored],
      needs: scored.flatMap(({ steps }) => steps.map(({ key }) => key)),
      read: (calibration) => this.#read(answerers, tasks, calibration),
    };
  }

  #scoreBatch(
    name: string,
    answerer: Digest<"answerer">,
    answers: Step,
    tasks: readonly Task[],
    part: string | undefined,
  ): Batch {
    const { checked, scorerDigest, onProgress } = this.#parts;
    const { judges } = checked.judges;
    const scorers = tasks.map((task) =>
      digestOf(
        "scorers",
        scorersOf(task, judges).map(({ scorer }) => scorerDigest(scorer)),
      ),
    );
    // references are no part of what was asked
    const read = digestOf(
      "items",
      tasks.map(({ items }) => items.map(({ references, request, check }) => [references, request, check])),
    );
    const step = defineStep("score", `verdicts ${name}`, { answers: answers.key, scorers, read });
    return {
      ...{ key: step.key, name: step.name, part, steps: [step], needs: [answers.key] },
      intact: (record) => this.#isComplete(record, step),
      remains: async (_, counted) => {
        const journal = await this.journal(answerer, tasks);
        return verdictsLeft(tasks, judges, { digest: answerer, journal }, counted);
      },
      work: async (_, { signal }) => {
        this.#tried.add(step.key);
        const journal = await this.journal(answerer, tasks);
        await journal.refresh();
        for (const task of tasks) await scoreTask(task, judges, journal, { signal, onProgress });
        journal.sync();
        const failed = tasks.reduce((sum, task) => sum + missingOf(task, judges, journal).size, 0);
        return [{ newTokens: 0, bytesWritten: 0, ...(failed > 0 && { failed }) }];
      },
    };
  }

  /** Closes the models that stayed open. */
  close(): Promise<void> {
    return this.#kept.close();
  }

  async #isComplete({ failed }: StepRecord, { key }: Step): Promise<boolean> {
    return !failed || this.#tried.has(key);
  }

  /** What an answerer said so far. */
  journal(answerer: Digest<"answerer">, tasks: readonly Task[]): Promise<StoreJournal> {
    const { store, checked } = this.#parts;
    const scorers = new Set(
      tasks.flatMap((task) => scorersOf(task, checked.judges.judges).map(({ scorer }) => scorer)),
    );
    return store.journal(answerer, [...scorers]);
  }

  async #read(
    answerers: readonly Answerer[],
    tasks: readonly Task[],
    calibration: Calibration | undefined,
  ): Promise<Measured> {
    const { checked, settings } = this.#parts;
    const { judges } = checked.judges;
    const { emptyIs } = settings.safety;
    const shares: number[] = [];
    const results: Results[] = [];
    for (const { digest, lambda } of answerers) {
      const journal = await this.journal(digest, tasks);
      await journal.refresh();
      const { engine, straightShare } = journal.model ?? {};
      if (straightShare !== undefined) shares.push(straightShare);
      const found = tasks.map((task) => {
        const missing = missingOf(task, judges, journal);
        return taskResults(task, judges, journal, missing, { emptyIs });
      });
      const warnings = [
        ...new Set(tasks.flatMap((task) => task.warnings)),
        ...found.flatMap((one, at) => taskNotes(one, (tasks[at] as Task).ask)),
      ];
      results.push({
        format: RESULTS_FORMAT,
        engine: engine as Results["engine"],
        ...{ lambda, seed: 0, tasks: found, warnings, calibration, seconds: 0 },
      });
    }
    return { results, ...(shares[0] !== undefined && { straightShare: shares[0] }) };
  }
}

function named(name: string, { name: own }: Pick<Answerer, "name">): string {
  return own === undefined ? name : `${name} ${own}`;
}

function unitsOf(task: Task): string[] {
  const samples = samplesOf(task);
  return task.items.flatMap((item) => samples.map((sample) => answerKey(task, item, sample)));
}

/** About the tokens of all answers to these, of one model. */
export function workOf(tasks: readonly Task[]): number {
  return tasks.reduce(
    (sum, { items, decoding }) => sum + items.length * (decoding.maxNewTokens ?? 1) * (decoding.samples ?? 1),
    0,
  );
}
