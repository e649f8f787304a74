// What a run would do, with the bytes, tokens and time of each step; nothing is done but a few answers, to see how fast
// the model is.

import { resolve } from "node:path";
import type { LabelledAnswers } from "../../evaluate/data/labelledAnswers.js";
import type { Task } from "../../evaluate/types.js";
import type { TextGenerator } from "../../generate/types.js";
import { nameOf } from "../../select/select.js";
import type { Candidate } from "../../select/types.js";
import { candidateOf, mergeSeries } from "../candidates/merges.js";
import { tunedModels } from "../candidates/tunedModels.js";
import { check, writtenAtMost } from "../checks/check.js";
import type { Checked } from "../checks/checked.js";
import { modelSize } from "../checks/judgedAnswers.js";
import { itemsOfSeed } from "../checks/seedSplits.js";
import { readExperiment } from "../settings/load.js";
import type { Experiment } from "../settings/schema.js";
import { plannedControls } from "./plannedControls.js";
import { itemsText, knownRate, type PlannedItems, plannedItems } from "./plannedItems.js";
import { JudgeCosts, judgesText, type PlannedJudge } from "./plannedJudges.js";
import { type PlannedRows, plannedRows, rowsText } from "./plannedRows.js";

export interface PlannedStep {
  readonly step: string;
  /** Bytes that are written and stay. */
  readonly bytes: number;
  /** New tokens at most; of a tuning, the tokens that are learned from. */
  readonly tokens: number;
  /** New tokens of the judges, at most. */
  readonly judgeTokens: number;
  /** About, where the model and the judges answer to the longest; from a few answers of the aligned model. */
  readonly seconds: number;
}

export interface PlannedRun {
  readonly steps: readonly PlannedStep[];
  /** That the aligned model gave just now, in a small batch. */
  readonly tokensPerSecond: number;
  /** Judges that are language models. */
  readonly judges: readonly PlannedJudge[];
  /** Of each tuning that the run does. */
  readonly rows: readonly PlannedRows[];
  /** Whether the safety sets have items enough; absent where nothing is compared with the aligned model's rate. */
  readonly items?: PlannedItems | undefined;
  /** What follows from all that, in sentences. */
  readonly notes: readonly string[];
}

export interface PlanRunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly gate?: string | undefined;
  /** As of `run`. */
  readonly store?: string | undefined;
}

/** A step of training computes a token about as often as three steps of reading a prompt, which reads faster than it writes. */
const TUNING_COST = 1;

/**
 * Says what a run would do, with the bytes, tokens and time of each step. Nothing is written; the aligned model gives a few
 * answers, to see how fast it is.
 * @throws RetemperError as `run` does, for all that is wrong before the start
 * @example
 * ```ts
 * import { type Experiment, planRun } from "retemper";
 *
 * const experiment: Experiment = {
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   safety: { sets: ["safety:requests.jsonl"] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 * };
 * const { steps, tokensPerSecond } = await planRun(experiment, "results"); // or the path of an experiment.yml
 * const [first] = steps;
 * console.log(first?.step); // evaluate aligned, validation and test
 * console.log(tokensPerSecond > 0); // true
 * ```
 */
export async function planRun(
  experiment: string | Experiment,
  out: string,
  { signal, gate }: PlanRunOptions = {},
): Promise<PlannedRun> {
  const { settings, problems } = await readExperiment(experiment, { gate });
  const given = tunedModels(settings);
  let tokensPerSecond = 0;
  const checked = await check(settings, given, resolve(out), {
    signal,
    problems,
    measure: async (model, tasks) => {
      if (settings.engine?.endpoint) return; // its server may not be there yet
      tokensPerSecond = await speedOf(model, [...tasks.safety, ...tasks.validation], signal);
    },
  });
  await checked.close();
  const size = settings.engine?.endpoint ? { parameters: 1 } : await modelSize(settings.aligned);
  const costs = await JudgeCosts.open(checked.judges.judges, { ...size, tokensPerSecond });
  const seeds = settings.tune?.seeds.map(String) ?? [];
  const tuned = settings.tune ? seeds.map((seed) => ({ seed, model: settings.aligned })) : given;
  const series = mergeSeries(settings, tuned);
  const written = writtenAtMost(settings, given);
  const controls = await plannedControls(settings, given, checked);
  const { safety, safetyTest, validation, test } = checked.tasks;
  const partOf = (tasks: readonly Task[]) => ({ tokens: tokensOf(tasks), judged: costs.of(tasks) });
  const [safe, last] = [partOf(safety), partOf([...safetyTest, ...test])];
  // of a model of no seed all splits, of a seed's its own
  const first = (seed: string | undefined) => ({
    ...safe,
    tokens: safe.tokens + tokensOf(itemsOfSeed(validation, checked.splits, seed)),
  });
  const calibrating = ({ rows }: LabelledAnswers) => ({ tokens: 0, judged: costs.ofAnswers(rows) });
  const seconds = (tokens: number) => (tokensPerSecond > 0 ? tokens / tokensPerSecond : 0);
  const step = (name: string, bytes: number, parts: readonly ReturnType<typeof partOf>[]): PlannedStep => {
    for (const { judged } of parts) costs.add(judged);
    const sum = (of: (part: ReturnType<typeof partOf>) => number) => parts.reduce((total, part) => total + of(part), 0);
    const tokens = sum((part) => part.tokens);
    return {
      ...{ step: name, bytes, tokens, judgeTokens: sum(({ judged }) => judged.tokens) },
      seconds: seconds(tokens) + sum(({ judged }) => judged.seconds),
    };
  };
  const steps = [
    ...seeds.map((seed): PlannedStep => {
      const tokens = checked.tunings.get(seed)?.tokens ?? 0;
      return { step: `tune seed ${seed}`, bytes: 0, tokens, judgeTokens: 0, seconds: TUNING_COST * seconds(tokens) };
    }),
    step("evaluate aligned, validation and test", 0, [first(undefined), last]),
    ...(settings.unaligned === undefined
      ? []
      : [step("evaluate unaligned, validation and test", 0, [first(undefined), last])]),
    step(
      `evaluate ${tuned.length} fine-tuned, validation and test`,
      0,
      tuned.flatMap(({ seed }) => [first(seed), last]),
    ),
    ...(checked.labelled
      ? [
          step(`calibrate judges on ${checked.labelled.rows.length} labelled answers`, 0, [
            calibrating(checked.labelled),
          ]),
        ]
      : []),
    ...series.map((one) => {
      const parts = one.merges.flatMap(({ tuning }) => (one.lambdas ?? [0]).map(() => first(tuning)));
      const name = nameOf(candidateOf(one, undefined) as Candidate);
      return step(`evaluate ${parts.length} ${name} virtual merges, validation`, 0, parts);
    }),
    ...controls.flatMap(({ name, points, tunings, tested }) => {
      const of = (count: number, part: (seed: string) => ReturnType<typeof partOf>) =>
        tuned.flatMap(({ seed }) => Array.from({ length: count }, () => part(seed)));
      const tokens = tunings * seeds.reduce((sum, seed) => sum + (checked.tunings.get(seed)?.tokens ?? 0), 0);
      const tuning = { bytes: 0, tokens, judgeTokens: 0, seconds: TUNING_COST * seconds(tokens) };
      return [
        ...(tunings > 0 ? [{ step: `tune ${tunings * seeds.length} more, control: ${name}`, ...tuning }] : []),
        step(`evaluate ${points * tuned.length} points of ${name}, a control, validation`, 0, of(points, first)),
        step(
          `test at most ${tested * tuned.length} of them`,
          0,
          of(tested, () => last),
        ),
      ];
    }),
    step(`write what is chosen, at most ${written}`, written * checked.bytesOfMerge, []),
    step(
      `test what was written, at most ${written}`,
      0,
      Array.from({ length: written }, () => last),
    ),
  ];
  const rows = plannedRows(settings, checked);
  const items = plannedItems(settings, checked, series.length, await knownRate(resolve(out), settings));
  const notes = [
    ...scoresText(checked),
    ...(await rowsText(rows, settings)),
    ...itemsText(items, settings, checked),
    ...judgesText(costs.all),
    ...(settings.adaptive
      ? ["adaptive: tokens and times of the merges are what all items would take; most merges are asked a part of them"]
      : []),
  ];
  return { tokensPerSecond, steps, judges: costs.all, rows, ...(items && { items }), notes };
}

/** What numbers the choice and the test are made by: a set that has two is chosen by one. */
function scoresText({ tasks }: Checked): string[] {
  const of = (part: readonly Task[]) =>
    part
      .filter(({ kind }) => kind === "task")
      .map(({ name, metrics, primary = metrics[0]?.name }) => {
        const found = metrics.find((one) => one.name === primary) ?? metrics[0];
        return `${primary} of ${name} (${found?.better === "low" ? "low" : "high"} is better)`;
      })
      .join(", ");
  return [`Lambda is chosen by ${of(tasks.validation)}; the test is by ${of(tasks.test)}.`];
}

const [PROMPTS, TOKENS] = [8, 16];

/** New tokens a second of some prompts at once. */
async function speedOf(model: TextGenerator, tasks: readonly Task[], signal: AbortSignal | undefined): Promise<number> {
  const asked = tasks.filter(({ ask }) => ask === "generate");
  const prompts = asked.flatMap(({ items }) => items.slice(0, PROMPTS).map(({ prompt }) => prompt)).slice(0, PROMPTS);
  if (prompts.length === 0) return 0;
  let tokens = 0;
  const started = performance.now();
  for await (const { ids } of model.generate(prompts, { maxNewTokens: TOKENS, ignoreEos: true, signal })) {
    tokens += ids.length;
  }
  return (1000 * tokens) / (performance.now() - started);
}

function tokensOf(tasks: readonly Task[]): number {
  return tasks.reduce(
    (sum, { items, decoding }) => sum + items.length * (decoding.maxNewTokens ?? 0) * (decoding.samples ?? 1),
    0,
  );
}
