// The way by gradient: coefficients that are learned on a few rows, for several weights of the refusals against the task. Learned
// coefficients are AdaMerging's (arXiv 2310.02575) and Expert Merging's (2509.25712); here the loss is of answers, and its gradient exact.

import { loadAddon } from "../../addon/load.js";
import { locate } from "../../checkpoint/locate.js";
import { RetemperError } from "../../errors.js";
import { digestOf } from "../../experiment/digests/digestOf.js";
import { modelParts } from "../../experiment/settings/modelParts.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import { type AdapterGradients, openAdapterGradients } from "../../tune/coefficients/openAdapterGradients.js";
import type { Example } from "../../tune/data/example.js";
import { groupPlaces, rounded } from "../groups.js";
import type { SearchEnds } from "../measureEnds.js";
import type { OpenSearch } from "../openSearch.js";
import { projectedAdam } from "../optimisers/projectedAdam.js";
import { PASSES, STEPS, WEIGHTS } from "./course.js";
import { examplesOf, gainsOf, refusalsOf } from "./learnedRows.js";
import { learnStep } from "./learnStep.js";

/** Nats a token that a loss changes by at least between the two ends, so that a loss which hardly changes does not count for all. */
const LEAST_CHANGE = 0.01;

/** Of both losses at a point: the mean of an answer's token, and its derivative by each group's coefficient. */
interface Slopes {
  readonly task: Slope;
  readonly safety: Slope;
}

interface Slope {
  readonly loss: number;
  readonly gradient: readonly number[];
}

/** One fine-tuned model, with the rows that are its own. */
interface Tuning {
  readonly gradients: AdapterGradients;
  readonly places: ReadonlyMap<string, number>;
  readonly rows: Readonly<Record<keyof Slopes, readonly Example[]>>;
}

export interface GradientWay {
  /** Of the task, of one tuning at most, and of the refusals. */
  readonly rows: Readonly<Record<keyof Slopes, number>>;
  /**
   * Points along the front of the two losses, rounded, from the one that holds refusals most.
   * @returns with the tokens of prompts and answers that the passes forward and back read, also in a run before
   */
  learn(): Promise<{ readonly points: readonly (readonly number[])[]; readonly learnedTokens: number }>;
}

/**
 * Looks at the adapters and reads the rows. Engines run from the first step of `learn` that is not done to the end of it.
 * @returns why it cannot be, where the models or their answers do not allow it
 */
export async function openGradient(
  { settings, search, tuned, groups, models, graph, records, progress, better }: OpenSearch,
  ends: SearchEnds,
  signal: AbortSignal | undefined,
): Promise<GradientWay | string> {
  const most = search.rows;
  if (most === 0) return "search.rows is 0";
  const { threads, precision } = settings.engine ?? {};
  const tunings: Tuning[] = [];
  try {
    const addon = loadAddon();
    const tokenizer = await openTokenizer(await locate({ path: settings.aligned }));
    for (const { seed, model } of tuned) {
      const [base, lora] = modelParts(model);
      const gradients = await openAdapterGradients(
        { text: model, ...base, lora },
        { addon, threads, precision, signal },
      );
      const asked = ends.tasksOf(seed);
      const rows = {
        task: examplesOf(gainsOf(ends, asked, { seed, better, most }), "task", tokenizer, gradients.stopTokens),
        safety: examplesOf(refusalsOf(ends, asked, most), "safety", tokenizer, gradients.stopTokens),
      };
      tunings.push({ gradients, rows, places: groupPlaces(groups, gradients.tensors) });
      const missing = (["task", "safety"] as const).find((kind) => rows[kind].length === 0);
      if (missing === undefined) continue;
      return missing === "task"
        ? `no row of the set that is searched by is answered in words, and better by the fine-tuned model of seed ${seed}`
        : "the aligned model refuses nothing of the set that is searched by";
    }
  } catch (error) {
    if (error instanceof RetemperError && ["INCOMPATIBLE", "BAD_INPUT"].includes(error.code)) return error.message;
    throw error;
  }

  const inputs = {
    model: [settings.aligned, ...tuned.map(({ model }) => model)].map((model) => models.of(model)),
    rows: digestOf(
      "items",
      tunings.map(({ rows }) => rows),
    ),
    how: digestOf("settings", [groups, precision, search.range, STEPS]),
  };
  const perPass = tunings.reduce(
    (sum, { rows }) => sum + [...rows.task, ...rows.safety].reduce((own, { ids }) => own + ids.length, 0),
    0,
  );
  const [low, high] = search.range;
  const constant = (value: number) => groups.map(() => value);
  return {
    rows: {
      task: Math.max(...tunings.map(({ rows }) => rows.task.length)),
      safety: tunings[0]?.rows.safety.length ?? 0,
    },
    learn: () =>
      learn().finally(() => {
        for (const { gradients } of tunings) gradients.close();
      }),
  };

  async function learn() {
    const [before, after] = await learnStep(
      { graph, records },
      { name: "gradient, both ends", inputs, tokens: 2 * perPass },
      async () => [await slopesAt(tunings, constant(0)), await slopesAt(tunings, constant(1))] as const,
    );
    const scales = {
      task: 1 / Math.max(LEAST_CHANGE, before.task.loss - after.task.loss),
      safety: 1 / Math.max(LEAST_CHANGE, after.safety.loss - before.safety.loss),
    };
    const points: number[][] = [];
    for (const [at, weight] of WEIGHTS.entries()) {
      const start = points.at(-1) ?? constant((low + high) / 2);
      const of = digestOf("settings", { start, weight, scales });
      const tokens = STEPS.steps * perPass;
      let passes = 0;
      const gradientAt = async (point: readonly number[]) => {
        const { task, safety } = await slopesAt(tunings, point);
        passes += 1;
        progress.tell("passes", passes, STEPS.steps, passes * perPass, task.loss);
        return task.gradient.map(
          (value, i) => scales.task * value + weight * scales.safety * (safety.gradient[i] as number),
        );
      };
      const name = `gradient, ${at + 1} of ${WEIGHTS.length} weights`;
      const steps = { ...STEPS, rate: STEPS.rate * (high - low), range: search.range };
      const learned = async () => rounded(await projectedAdam(start, gradientAt, steps));
      points.push(await learnStep({ graph, records }, { name, inputs: { ...inputs, of }, tokens }, learned));
    }
    return { points, learnedTokens: PASSES * perPass };
  }
}

/** Means over the tunings. */
async function slopesAt(tunings: readonly Tuning[], point: readonly number[]): Promise<Slopes> {
  const of = async (kind: keyof Slopes): Promise<Slope> => {
    let loss = 0;
    const gradient = point.map(() => 0);
    for (const { gradients, places, rows } of tunings) {
      const groupOf = (tensor: string) => {
        const group = places.get(tensor) ?? -1;
        if (group < 0) throw new RetemperError("INTERNAL", `${tensor} is in no group of the search`);
        return group;
      };
      const found = await gradients.at((tensor) => point[groupOf(tensor)] as number, rows[kind]);
      const share = 1 / (found.tokens * tunings.length);
      loss += share * found.loss;
      for (const [tensor, value] of found.byTensor) {
        const group = groupOf(tensor);
        gradient[group] = (gradient[group] as number) + share * value;
      }
    }
    return { loss, gradient };
  };
  return { task: await of("task"), safety: await of("safety") };
}
