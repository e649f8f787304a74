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
import { askTasks } from "./askTasks.js";
import { calibrateBy, requireRequests } from "./calibrate.js";
import { correctMeasures, uselessJudges } from "./correctMeasures.js";
import type { EvaluateOptions } from "./evaluateOptions.js";
import { FileJournal, RESULTS_FILE } from "./fileJournal.js";
import { judgeAlarms } from "./judgeAlarms.js";
import { loadSuite, type Suite } from "./loadSuite.js";
import { RESULTS_FORMAT, type Results, type TaskResults } from "./results.js";
import { scorersOf, scoreTask } from "./scoreTask.js";
import { taskNotes } from "./taskNotes.js";
import { taskResults } from "./taskResults.js";
import { variantRates } from "./variantRates.js";

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
  const { lambdas = [], variants = 1 } = model.facts;
  if (variants > 1) {
    throw new RetemperError("USAGE", `The model was opened with ${variants} variants.`, {
      hint: "open the recipe of one, and evaluate that",
    });
  }
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

  const asked: (Target & { readonly journal: FileJournal })[] = [];
  try {
    for (const target of targets) {
      const journal = await FileJournal.open(target.out, options.force);
      asked.push({ ...target, journal });
      for (const task of tasks) journal.declare(`task ${task.name}`, identityOf(task, model, target.lambda));
    }
    const failures = await askTasks(model, tasks, asked, { ...options, seed: options.seed ?? 0 });
    const [first] = asked;
    if (labelled) {
      for (const judge of judges) first?.journal.declare(`judge ${judge.name} of labelled answers`, judge.facts);
    }
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
      const found: TaskResults[] = [];
      for (const task of tasks) {
        for (const { scorer, isJudge } of scorersOf(task, judges)) {
          journal.declare(`${isJudge ? "judge" : "metric"} ${scorer.name} of ${task.name}`, scorer.facts);
        }
        const misses = await scoreTask(task, judges, journal, options);
        const missing = new Map([...(failures.get(task)?.[at] ?? []), ...misses]);
        const scored = taskResults(task, judges, journal, missing, options);
        const labels = task.items.map(({ request }, place) => {
          const text = scored.items[place]?.answers[0]?.text;
          return text === undefined ? undefined : labelFor?.(request, text);
        });
        const one = calibration ? correctMeasures(scored, calibration, labels) : scored;
        found.push(one);
        options.onTask?.(one, lambda);
      }
      const notes = found.flatMap((one, place) => taskNotes(one, (tasks[place] as Task).ask));
      for (const note of notes) options.onWarning?.(note);
      const variants = variantRates(found, options.seed);
      const whole: Results = {
        format: RESULTS_FORMAT,
        engine: model.facts,
        lambda,
        limit: options.limit,
        seed: options.seed ?? 0,
        tasks: found,
        warnings: [...warnings, ...notes],
        ...(variants.length > 0 && { variants }),
        calibration,
        alarms: judgeAlarms([{ name: model.facts.model, results: [{ tasks: found }] }]),
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
  const { engine, model, precision, cache, weights, fidelity, fingerprint } = facts;
  const numbers = { precision, cache, weights, fidelity };
  const items = task.items.map(({ id, prompt, choices, continuations }) => [
    ...[id, promptDigest(prompt), choices],
    ...(continuations ? [promptDigest(JSON.stringify(continuations))] : []),
  ]);
  return { engine, model, ...numbers, fingerprint, lambda, ask: task.ask, decoding: task.decoding, items };
}
