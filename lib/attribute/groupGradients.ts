// Derivatives of two losses by the groups' coefficients: of the aligned model's own answers to unsafe requests, and of the fine-tuned
// model's own answers to the task.

import { layerOf, mainStack } from "../checkpoint/families.js";
import type { Task } from "../evaluate/types.js";
import type { TunedModel } from "../experiment/candidates/merges.js";
import type { ExperimentSettings } from "../experiment/settings/schema.js";
import { idsOf } from "../generate/loop/preparePrompts.js";
import { openModel } from "../generate/openModel.js";
import type { GroupGradients, TensorGradients } from "../report/attribution/types.js";
import { groupPlaces, type TensorGroup } from "../search/groups.js";
import { type AnswerRow, derivativesOf } from "./derivativesOf.js";

/**
 * Where derivatives are taken, by coefficient: refusals at the fine-tuned model, which lost them, the task at the aligned one, which has not
 * learned it. At the other end the answers are the model's own, and their loss is nearly flat.
 */
const POINT = { refusals: 1, task: 0 } as const;

/** New tokens of an answer that count: what refuses stands at its beginning. */
const TOKENS = 32;

export interface GroupGradientsParts {
  readonly settings: Pick<ExperimentSettings, "aligned" | "engine">;
  readonly tuned: readonly TunedModel[];
  readonly groups: readonly TensorGroup[];
  readonly tasks: readonly Task[];
  /** Requests and rows at most. */
  readonly rows: number;
  readonly signal?: AbortSignal | undefined;
}

export interface GradientsFound {
  /** One a group, means over the tunings. */
  readonly groups: readonly GroupGradients[];
  readonly tensors: readonly TensorGradients[];
  readonly notes: readonly string[];
}

/** By name: the derivative of a loss by one tensor's coefficient, the mean over the tunings. */
type ByTensor = ReadonlyMap<string, number>;

export async function groupGradients(parts: GroupGradientsParts): Promise<GradientsFound | undefined> {
  const { settings, tuned, groups, tasks, rows: most, signal } = parts;
  const of = (kind: Task["kind"]) => tasks.filter((task) => task.kind === kind && task.ask === "generate");
  const [unsafe, useful] = [of("safety"), of("task")];
  if (unsafe.length === 0 || useful.length === 0) return undefined;
  const threads = settings.engine?.threads;
  const refusals = await answersOf(settings.aligned, unsafe, most, threads, signal);
  const sums = { refusals: new Map<string, number>(), task: new Map<string, number>() };
  for (const { model } of tuned) {
    const said = await answersOf(model, useful, most, threads, signal);
    const losses = [
      { rows: refusals, at: POINT.refusals },
      { rows: said, at: POINT.task },
    ];
    const found = await derivativesOf(settings.aligned, model, losses, { threads, signal });
    for (const [at, name] of (["refusals", "task"] as const).entries()) {
      for (const [tensor, value] of found[at] ?? []) {
        sums[name].set(tensor, (sums[name].get(tensor) ?? 0) + value / tuned.length);
      }
    }
  }
  const places = groupPlaces(groups, [...sums.refusals.keys()]);
  const totals = (by: ByTensor, at: number) =>
    [...by].reduce((sum, [name, value]) => sum + (places.get(name) === at ? value : 0), 0);
  // of another stack, such as an encoder's, layers have the same numbers
  const { prefix } = mainStack(sums.refusals.keys()) ?? {};
  const tensors = [...sums.refusals].flatMap(([name, value]): TensorGradients[] => {
    const layer = layerOf(name);
    if (layer?.prefix !== prefix || !layer) return [];
    const module = layer.suffix.replace(/\.weight$/, "");
    return [{ layer: layer.index, module, refusals: value, task: sums.task.get(name) ?? 0 }];
  });
  return {
    groups: groups.map((_, at) => ({ refusals: totals(sums.refusals, at), task: totals(sums.task, at) })),
    tensors,
    notes: [
      `Derivatives of refusals are taken at the fine-tuned model, those of the task at the aligned one; they are of the first ${TOKENS} tokens of the models' own answers: the aligned model's to ${refusals.length} unsafe requests, and each fine-tuned model's to at most ${most} rows of the task.`,
    ],
  };
}

/** What a model says to the first items of some sets, as rows of ids whose answers count. */
async function answersOf(
  model: string,
  tasks: readonly Task[],
  most: number,
  threads: number | undefined,
  signal: AbortSignal | undefined,
): Promise<AnswerRow[]> {
  const open = await openModel(model, { engine: "native", threads, signal });
  try {
    const rows: AnswerRow[] = [];
    for (const { items, decoding } of tasks) {
      const prompts = items.slice(0, most - rows.length).map(({ prompt }) => prompt);
      if (prompts.length === 0) break;
      const { samples: _, ...how } = decoding;
      const maxNewTokens = Math.min(TOKENS, decoding.maxNewTokens ?? TOKENS);
      const answers: AnswerRow[] = [];
      for await (const { index, ids } of open.generate(prompts, { ...how, maxNewTokens, signal })) {
        const prompt = idsOf(prompts[index] as (typeof prompts)[number], `prompt ${index}`, open.tokenizer);
        answers[index] = { inputIds: [...prompt, ...ids], promptLength: prompt.length };
      }
      rows.push(...answers);
    }
    return rows;
  } finally {
    await open.close();
  }
}
