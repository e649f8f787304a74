// An evaluation from beginning to end: tasks are loaded, a model answers, scorers read, numbers come out. Everything is
// written down on the way, so that a run that was killed goes on where it was.

import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { TextGenerator } from "../../generate/types.js";
import { labelsByAnswer, loadLabelledAnswers } from "../data/labelledAnswers.js";
import { keywordJudge } from "../judges/keywordJudge.js";
import { promptDigest } from "../tasks/context.js";
import type { Task } from "../types.js";
import { type Asked, askModel } from "./askModel.js";
import { calibrateBy, requireRequests } from "./calibrate.js";
import { correctMeasures, uselessJudges } from "./correctMeasures.js";
import type { EvaluateOptions } from "./evaluateOptions.js";
import { Journal, RESULTS_FILE } from "./journal.js";
import { judgeAlarms } from "./judgeAlarms.js";
import { loadSuite, type Suite } from "./loadSuite.js";
import { RESULTS_FORMAT, type Results, type TaskResults } from "./results.js";
import { scoreTask } from "./scoreTask.js";

/** Of items: more failures than this make a result worthless. */
const MOST_FAILURES = 0.2;

/**
 * Evaluates a model, or one lambda of it.
 * @param suite names of tasks and suites (see `listTasks`), or tasks of your own
 * @throws RetemperError USAGE, BAD_INPUT, NETWORK before anything is asked where data or settings are wrong; BAD_INPUT for
 *   a judge that misses more than a fifth; NETWORK where more than a fifth of the items got no answer; OUTPUT_EXISTS where
 *   `out` holds another run. What was answered and judged until then is kept in `out`.
 * @example
 * ```ts
 * import { evaluate, keywordJudge, openModel } from "retemper";
 *
 * const model = await openModel("models/aligned");
 * const results = await evaluate(model, ["safety:requests.jsonl", "exact:questions.jsonl"], {
 *   judges: [keywordJudge({ phrases: "qi" })],
 *   decoding: { maxNewTokens: 32 },
 *   limit: 4, // the first items of each
 *   out: "evaluations/aligned", // an evaluation that was stopped goes on from here
 * });
 * await model.close();
 * console.log(results.tasks.map(({ name, counts }) => [name, counts.answered])); // [ [ 'safety', 4 ], [ 'exact', 4 ] ]
 * ```
 */
export async function evaluate(
  model: TextGenerator,
  suite: Suite,
  options: EvaluateOptions & { readonly lambda?: number | undefined } = {},
): Promise<Results> {
  const { lambdas = [] } = model.facts;
  if (options.lambda === undefined && lambdas.length > 1) {
    throw new RetemperError("USAGE", `The model was opened with ${lambdas.length} lambdas.`, {
      hint: "say which one, or evaluate them all at once: evaluateLambdas()",
    });
  }
  const [results] = await run(model, suite, [{ lambda: options.lambda, out: options.out }], options);
  return results as Results;
}

/**
 * Evaluates several lambdas of a model at once: it answers every prompt with all of them in one pass.
 * @param options `out` gets a folder lambda-X for each
 * @example
 * ```ts
 * import { evaluateLambdas, openModel } from "retemper";
 *
 * const recipe = {
 *   merge_method: "linear",
 *   models: [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }],
 * };
 * const model = await openModel(recipe, { lambdas: [0.2, 0.4] });
 * const results = await evaluateLambdas(model, "exact:questions.jsonl", [0.2, 0.4], { limit: 4 });
 * await model.close();
 * console.log(results.map(({ lambda, tasks }) => [lambda, tasks[0]?.counts.answered])); // [ [ 0.2, 4 ], [ 0.4, 4 ] ]
 * ```
 */
export async function evaluateLambdas(
  model: TextGenerator,
  suite: Suite,
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
  suite: Suite,
  targets: readonly Target[],
  options: EvaluateOptions,
): Promise<Results[]> {
  const started = performance.now();
  const { signal } = options;
  signal?.throwIfAborted();
  const tasks = await loadSuite(model, suite, options);
  const judges = options.judges ?? [keywordJudge()];
  const names = judges.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new RetemperError("USAGE", `Two judges are called ${twice}.`, { hint: "give each a name of its own" });
  }
  const labelled =
    options.calibration === undefined
      ? undefined
      : await loadLabelledAnswers(options.calibration, { hub: options.hub });
  if (labelled) requireRequests(judges, labelled);
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
    const [first] = asked;
    const calibration = labelled && first && (await calibrateBy(judges, labelled, first.journal, options));
    const labelFor = labelled && labelsByAnswer(labelled);
    if (calibration) {
      for (const name of uselessJudges(calibration)) {
        const text = `The judge ${name} is right no more often than chance on the labelled answers: its rates stay as they are.`;
        warnings.push(text);
        options.onWarning?.(text);
      }
    }
    const results: Results[] = [];
    for (const [at, { journal, lambda, out }] of asked.entries()) {
      const taskResults: TaskResults[] = [];
      const notes = [...warnings];
      for (const task of tasks) {
        const failures = perTask.get(task)?.[at] ?? new Map<string, string>();
        const scored = await scoreTask(task, judges, journal, failures, options);
        const labels = task.items.map(({ request }, place) => {
          const text = scored.items[place]?.answers[0]?.text;
          return text === undefined ? undefined : labelFor?.(request, text);
        });
        const one = calibration ? correctMeasures(scored, calibration, labels) : scored;
        const gone = one.counts.failed;
        if (gone > 0)
          notes.push(`${gone} of ${one.counts.items} items of ${task.name} are without an answer or verdict.`);
        if (one.counts.untrusted) {
          notes.push(
            `Programs of ${one.counts.untrusted} items of ${task.name} told their own outcome: not to be trusted.`,
          );
        }
        const cut =
          task.ask === "likelihood" ? one.items.filter(({ answers }) => answers[0]?.finish === "length").length : 0;
        if (cut > 0) {
          notes.push(
            `${cut} of ${one.counts.items} rows of ${task.name} are longer than the model's context: their beginning was scored.`,
          );
        }
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
        calibration,
        alarms: judgeAlarms([{ name: model.facts.model, results: [{ tasks: taskResults }] }]),
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

/** What must be the same for a journal's answers to be these. */
function identityOf(task: Task, { facts }: TextGenerator, lambda: number | undefined): unknown {
  const { engine, model, precision, fidelity, fingerprint } = facts;
  const items = task.items.map(({ id, prompt, choices }) => [id, promptDigest(prompt), choices]);
  return { engine, model, precision, fidelity, fingerprint, lambda, ask: task.ask, decoding: task.decoding, items };
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
