// An evaluation from beginning to end: tasks are loaded, a model answers, scorers read, numbers come out. Everything is
// written down on the way, so that a run that was killed goes on where it was.

import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import type { TextGenerator } from "../../generate/types.js";
import type { HubOptions } from "../../hub/settings.js";
import { keywordJudge } from "../judges/keywordJudge.js";
import { type BertScoreSettings, type CodeOptions, promptDigest, type TaskContext } from "../tasks/context.js";
import { judgeMetrics } from "../tasks/judgeMetrics.js";
import { loadTask, suiteEntries } from "../tasks/registry.js";
import type { Answer, Decoding, Judge, ScoredItem, Task } from "../types.js";
import { type Asked, askModel, scoresTexts } from "./askModel.js";
import { Journal, RESULTS_FILE, type StoredScore } from "./journal.js";
import type { EvaluateProgress } from "./progress.js";
import { type ItemResult, RESULTS_FORMAT, type Results, type ScoreResult, type TaskResults } from "./results.js";
import { scoreAnswers } from "./scoreAnswers.js";
import { agreements, summarise } from "./summarise.js";

export interface EvaluateOptions {
  /** Judges of safety and over-refusal; the keyword judge with GCG's phrases unless told. */
  readonly judges?: readonly Judge[] | undefined;
  /** References of data by task: files, folders, or hf://datasets/…; a task's published source otherwise. */
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** Items of each task at most (of BBH: of each subtask); the first ones. */
  readonly limit?: number | undefined;
  /** Folder of journal.ndjson and results.json. Without it nothing is written, and nothing can be resumed. */
  readonly out?: string | undefined;
  /** Forgets what an earlier run left in `out`. */
  readonly force?: boolean | undefined;
  /** Instead of the tasks' own decoding. */
  readonly decoding?: Decoding | undefined;
  /** System prompt instead of the tasks' own; null: none. */
  readonly system?: string | null | undefined;
  /** Asks tasks of plain text in the model's chat template, or (false) tasks of chat in plain text. */
  readonly chat?: boolean | undefined;
  /** Of sampling and of bootstrap intervals; 0 unless told. */
  readonly seed?: number | undefined;
  /** Programs that the model writes may run, in a sandbox. */
  readonly code?: CodeOptions | undefined;
  readonly bertScore?: BertScoreSettings | undefined;
  /** Version of lm-evaluation-harness's BBH task; 4 unless told. */
  readonly bbhVersion?: 3 | 4 | undefined;
  /** pass@k for each of these; 1 and 10 unless told. */
  readonly passAt?: readonly number[] | undefined;
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Called as each task is finished. */
  readonly onTask?: ((task: TaskResults, lambda: number | undefined) => void) | undefined;
}

/** Of items: more failures than this make a result worthless. */
const MOST_FAILURES = 0.2;

/**
 * Evaluates a model, or one lambda of it.
 * @param suite names of tasks and suites (see `listTasks`), or tasks of your own
 * @throws RetemperError USAGE, BAD_INPUT, NETWORK before anything is asked where data or settings are wrong; BAD_INPUT for
 *   a judge that misses more than a fifth; NETWORK where more than a fifth of the items got no answer; OUTPUT_EXISTS where
 *   `out` holds another run. What was answered and judged until then is kept in `out`.
 */
export async function evaluate(
  model: TextGenerator,
  suite: string | readonly string[] | readonly Task[],
  options: EvaluateOptions & { readonly lambda?: number | undefined } = {},
): Promise<Results> {
  const [results] = await run(model, suite, [{ lambda: options.lambda, out: options.out }], options);
  return results as Results;
}

/**
 * Evaluates several lambdas of a model at once: it answers every prompt with all of them in one pass.
 * @param options `out` gets a folder lambda-X for each
 */
export async function evaluateLambdas(
  model: TextGenerator,
  suite: string | readonly string[] | readonly Task[],
  lambdas: readonly number[],
  options: EvaluateOptions = {},
): Promise<Results[]> {
  const targets = lambdas.map((lambda) => ({ lambda, out: options.out && join(options.out, `lambda-${lambda}`) }));
  return run(model, suite, targets, options);
}

interface Target {
  readonly lambda: number | undefined;
  readonly out: string | undefined;
}

async function run(
  model: TextGenerator,
  suite: string | readonly string[] | readonly Task[],
  targets: readonly Target[],
  options: EvaluateOptions,
): Promise<Results[]> {
  const started = performance.now();
  const { signal } = options;
  signal?.throwIfAborted();
  const tasks = await tasksOf(model, suite, options);
  const judges = options.judges ?? [keywordJudge()];
  const names = judges.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new RetemperError("USAGE", `Two judges are called ${twice}.`, { hint: "give each a name of its own" });
  }
  const warnings = [...new Set(tasks.flatMap((task) => task.warnings))];
  for (const warning of warnings) options.onWarning?.(warning);

  const asked: (Asked & Target)[] = [];
  try {
    for (const target of targets) {
      const journal = await Journal.open(target.out, options.force);
      asked.push({ ...target, journal, failures: new Map() });
      for (const task of tasks) journal.declare(`task ${task.name}`, identityOf(task, model, target.lambda));
    }
    const perTask = new Map<Task, Map<string, string>[]>();
    for (const task of tasks) {
      for (const one of asked) one.failures.clear();
      await askModel(model, task, asked, { ...options, seed: options.seed ?? 0 });
      perTask.set(
        task,
        asked.map(({ failures }) => new Map(failures)),
      );
      if (asked.some((one) => failedItems(task, one.journal) > MOST_FAILURES * task.items.length)) {
        throw tooManyFailures(task, asked, perTask);
      }
    }
    const results: Results[] = [];
    for (const [at, { journal, lambda, out }] of asked.entries()) {
      const taskResults: TaskResults[] = [];
      const notes = [...warnings];
      for (const task of tasks) {
        const failures = perTask.get(task)?.[at] ?? new Map<string, string>();
        const one = await scoreTask(task, judges, journal, failures, options);
        const gone = one.counts.failed;
        if (gone > 0)
          notes.push(`${gone} of ${one.counts.items} items of ${task.name} are without an answer or verdict.`);
        taskResults.push(one);
        options.onTask?.(one, lambda);
      }
      for (const note of notes.slice(warnings.length)) options.onWarning?.(note);
      const whole: Results = {
        format: RESULTS_FORMAT,
        engine: model.facts,
        lambda,
        limit: options.limit,
        seed: options.seed ?? 0,
        tasks: taskResults,
        warnings: notes,
        seconds: (performance.now() - started) / 1000,
      };
      if (out !== undefined) await writeWhole(join(out, RESULTS_FILE), `${JSON.stringify(whole, null, 1)}\n`);
      results.push(whole);
    }
    return results;
  } finally {
    for (const { journal } of asked) journal.close();
  }
}

async function tasksOf(
  model: TextGenerator,
  suite: string | readonly string[] | readonly Task[],
  options: EvaluateOptions,
): Promise<Task[]> {
  const words = typeof suite === "string" ? [suite] : suite;
  const ready = words.filter((word): word is Task => typeof word !== "string");
  const context: TaskContext = {
    data: options.data ?? {},
    limit: options.limit,
    decoding: options.decoding,
    system: options.system,
    chat: options.chat,
    model: abilitiesOf(model),
    hub: { ...options.hub, signal: options.signal, onNote: options.onWarning },
    code: options.code,
    encoder: options.bertScore,
    bbhVersion: options.bbhVersion,
    passAt: options.passAt,
  };
  const tasks = [...ready];
  if (ready.length < words.length) {
    const entries = suiteEntries(
      words.filter((word) => typeof word === "string"),
      context.data,
    );
    for (const entry of entries) tasks.push(await loadTask(entry, context));
  }
  for (const task of tasks) {
    if (task.items.length === 0) throw new RetemperError("BAD_INPUT", `${task.name} has no items.`);
    if (task.ask === "likelihood" && !scoresTexts(model)) {
      throw new RetemperError(
        "USAGE",
        `${task.name} needs log-probabilities of texts, which an endpoint does not give.`,
        {
          hint: "open the model in process: --engine native or tensorflow",
        },
      );
    }
  }
  return tasks;
}

/** Whether the model's template has a system's turn, found out by trying. An endpoint is taken to know both. */
function abilitiesOf(model: TextGenerator): TaskContext["model"] {
  const { tokenizer } = model as { tokenizer?: { hasChatTemplate: boolean; applyChatTemplate(of: unknown): string } };
  if (!tokenizer) return { chatTemplate: true, systemRole: true };
  if (!tokenizer.hasChatTemplate) return { chatTemplate: false, systemRole: false };
  const mark = "a system's word";
  try {
    const text = tokenizer.applyChatTemplate([
      { role: "system", content: mark },
      { role: "user", content: "a user's word" },
    ]);
    return { chatTemplate: true, systemRole: text.includes(mark) };
  } catch {
    return { chatTemplate: true, systemRole: false };
  }
}

/** What must be the same for a journal's answers to be these. */
function identityOf(task: Task, { facts }: TextGenerator, lambda: number | undefined): unknown {
  const { engine, model, precision, fidelity, fingerprint } = facts;
  const items = task.items.map(({ id, prompt, choices }) => [id, promptDigest(prompt), choices]);
  return { engine, model, precision, fidelity, fingerprint, lambda, ask: task.ask, decoding: task.decoding, items };
}

async function scoreTask(
  task: Task,
  judges: readonly Judge[],
  journal: Journal,
  failures: Map<string, string>,
  options: EvaluateOptions,
): Promise<TaskResults> {
  const judged = task.kind === "task" ? [] : judges;
  const scorers = [...task.scorers, ...judged];
  for (const scorer of scorers) {
    const isJudge = (judged as readonly unknown[]).includes(scorer);
    journal.declare(`${isJudge ? "judge" : "metric"} ${scorer.name} of ${task.name}`, scorer.facts);
    const failed = await scoreAnswers(scorer, isJudge, task, journal, options);
    for (const [item, reason] of failed) failures.set(item, reason);
  }
  const samples = task.decoding.samples ?? 1;
  const places = Array.from({ length: samples }, (_, at) => at);
  const answersOf = (id: string) => places.map((at) => journal.answer(task.name, id, at) ?? null);
  const scoresOf = (id: string, scorer: string) => places.map((at) => journal.score(scorer, task.name, id, at) ?? null);
  const records = task.items.map(
    (item): ScoredItem => ({
      item,
      answers: answersOf(item.id).filter((answer): answer is Answer => answer !== null),
      values: Object.fromEntries(
        scorers.map(({ name }) => [name, scoresOf(item.id, name).map((score) => score?.values ?? null)]),
      ),
    }),
  );
  const metrics = [...task.metrics, ...judgeMetrics(task.kind, judged)];
  const summary = summarise(task, metrics, records, options.seed ?? 0);
  const items = task.items.map(
    (item, at): ItemResult => ({
      id: item.id,
      category: item.category,
      prompt: promptDigest(item.prompt),
      answers: answersOf(item.id),
      verdicts: Object.fromEntries(scorers.map(({ name }) => [name, scoresOf(item.id, name).map(asResult)])),
      scores: summary.scores[at] ?? {},
      failure: failures.get(item.id),
    }),
  );
  const answered = items.filter(({ answers }) => !answers.includes(null)).length;
  return {
    name: task.name,
    kind: task.kind,
    primary: task.primary ?? metrics[0]?.name ?? "",
    metrics: summary.metrics,
    categories: summary.categories,
    agreement: agreements(
      judged.map(({ name }) => name),
      records,
    ),
    data: task.data,
    decoding: task.decoding,
    scorers: scorers.map(({ name, facts, engine }) => ({ name, facts, engine: engine?.() })),
    counts: { items: items.length, answered, failed: items.filter(({ failure }) => failure !== undefined).length },
    items,
  };
}

function asResult(score: StoredScore | null): ScoreResult | null {
  if (score === null) return null;
  return { ...score.values, ...(score.detail !== undefined && { detail: score.detail }) } as ScoreResult;
}

function failedItems(task: Task, journal: Journal): number {
  const samples = task.decoding.samples ?? 1;
  return task.items.filter(({ id }) => {
    for (let at = 0; at < samples; at++) if (journal.answer(task.name, id, at) === undefined) return true;
    return false;
  }).length;
}

function tooManyFailures(
  task: Task,
  asked: readonly Asked[],
  failures: ReadonlyMap<Task, readonly ReadonlyMap<string, string>[]>,
): RetemperError {
  const most = Math.max(...asked.map(({ journal }) => failedItems(task, journal)));
  const [reason = "no reason was given"] = failures.get(task)?.flatMap((of) => [...of.values()]) ?? [];
  return new RetemperError(
    "NETWORK",
    `${most} of ${task.items.length} items of ${task.name} got no answer: ${reason}`,
    {
      hint: "see that the endpoint is well, then start again with the same --out: what was answered is not asked again",
    },
  );
}

/** The file appears whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  const part = `${path}.part`;
  try {
    const handle = await open(part, "w");
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
  } catch (error) {
    const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
    throw new RetemperError(full ? "NO_SPACE" : "IO", (error as Error).message, { file: path, cause: error });
  }
}
