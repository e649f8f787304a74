// Asks a model what a task has that no journal holds yet, and writes each answer down as it comes.

import { RetemperError } from "../../errors.js";
import type { GenerationFailure, TextGenerator } from "../../generate/types.js";
import type { Answer, Item, Task } from "../types.js";
import type { Journal } from "./journal.js";
import { encodePair } from "./likelihood.js";
import { type EvaluateProgress, ProgressCounter } from "./progress.js";

/** One model of those that are asked at once: the model itself, or one lambda of it. */
export interface Asked {
  readonly lambda: number | undefined;
  readonly journal: Journal;
  /** Why answers are missing, by item. */
  readonly failures: Map<string, string>;
}

export interface AskOptions {
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
}

/** What scoring a text takes of a model. An endpoint cannot do it. */
export type LikelihoodModel = TextGenerator & {
  readonly tokenizer: { encode(text: string, options?: { addSpecialTokens?: boolean | undefined }): number[] };
  logprobs(
    ids: readonly (readonly number[])[],
    options?: { lambda?: number | undefined; signal?: AbortSignal | undefined },
  ): Promise<Float32Array[]>;
};

export function scoresTexts(model: TextGenerator): model is LikelihoodModel {
  return "logprobs" in model && "tokenizer" in model;
}

/** @throws whatever ends the generation; answers that came before are in the journals */
export async function askModel(
  model: TextGenerator,
  task: Task,
  asked: readonly Asked[],
  options: AskOptions,
): Promise<void> {
  const samples = task.decoding.samples ?? 1;
  const total = task.items.length * samples * asked.length;
  const wants = wantedOf(task, asked, samples);
  const missing = wants.reduce((sum, { slots, of }) => sum + slots.length * of.length, 0);
  const counter = new ProgressCounter(
    { phase: "answers", task: task.name, total },
    total - missing,
    options.onProgress,
  );
  if (task.ask === "likelihood") await scoreTexts(model as LikelihoodModel, task, wants, counter, options);
  else for (const group of grouped(wants)) await generateGroup(model, task, group, counter, options);
  for (const { journal } of asked) journal.sync();
}

/** An item with the samples that are missing, and of which of the models. */
interface Want {
  readonly item: Item;
  readonly slots: readonly number[];
  readonly of: readonly Asked[];
}

function wantedOf(task: Task, asked: readonly Asked[], samples: number): Want[] {
  return task.items.flatMap((item) => {
    const bySlots = new Map<string, { slots: number[]; of: Asked[] }>();
    for (const one of asked) {
      const slots = Array.from({ length: samples }, (_, at) => at).filter(
        (at) => one.journal.answer(task.name, item.id, at) === undefined,
      );
      if (slots.length === 0) continue;
      const same = bySlots.get(slots.join());
      if (same) same.of.push(one);
      else bySlots.set(slots.join(), { slots, of: [one] });
    }
    return [...bySlots.values()].map((want) => ({ item, ...want }));
  });
}

/** Wants that one call can ask: the same models, and as many samples of each. */
function grouped(wants: readonly Want[]): Want[][] {
  const groups = new Map<string, Want[]>();
  for (const want of wants) {
    const key = `${want.slots.length} ${want.of.map(({ lambda }) => lambda).join()}`;
    const group = groups.get(key);
    if (group) group.push(want);
    else groups.set(key, [want]);
  }
  return [...groups.values()];
}

async function generateGroup(
  model: TextGenerator,
  task: Task,
  group: readonly Want[],
  counter: ProgressCounter,
  { seed, signal }: AskOptions,
): Promise<void> {
  const [first] = group as [Want];
  const { samples: _, ...decoding } = task.decoding;
  const lambdas = first.of.map(({ lambda }) => lambda);
  const lambda = lambdas.every((one) => one !== undefined) ? { lambda: lambdas } : {};
  const onFailure = ({ index, error }: GenerationFailure) => {
    const { item, of } = group[index] as Want;
    for (const { failures } of of) failures.set(item.id, error.message);
  };
  const answers = model.generate(
    group.map(({ item }) => item.prompt),
    { ...decoding, ...lambda, seed, n: first.slots.length, signal, onFailure },
  );
  for await (const generation of answers) {
    const want = group[generation.index];
    const slot = want?.slots[generation.sample];
    const asked =
      want?.of.find((one) => one.lambda === generation.lambda) ?? (want?.of.length === 1 ? want.of[0] : undefined);
    if (!want || slot === undefined || !asked) {
      throw new RetemperError("INTERNAL", `an answer to nothing that was asked: prompt ${generation.index}`);
    }
    const { text, finish, ids } = generation;
    if (asked.journal.addAnswer(task.name, want.item.id, slot, { text, finish, tokens: ids.length })) counter.add();
  }
}

/** Texts at once: enough to keep a model busy, few enough to lose little. */
const TEXTS = 16;

async function scoreTexts(
  model: LikelihoodModel,
  task: Task,
  wants: readonly Want[],
  counter: ProgressCounter,
  { signal }: AskOptions,
): Promise<void> {
  const jobs = wants.flatMap(({ item, of }) => of.map((asked) => ({ item, asked })));
  for (let start = 0; start < jobs.length; ) {
    const { lambda } = (jobs[start] as (typeof jobs)[number]).asked;
    const part: { item: Item; asked: Asked; pairs: ReturnType<typeof encodePair>[] }[] = [];
    let texts = 0;
    for (; start < jobs.length && (texts === 0 || texts < TEXTS); start++) {
      const { item, asked } = jobs[start] as (typeof jobs)[number];
      if (asked.lambda !== lambda) break;
      const context = typeof item.prompt === "string" ? item.prompt : "";
      const pairs = (item.choices ?? [item.request]).map((text) => encodePair(model.tokenizer, context, text));
      part.push({ item, asked, pairs });
      texts += pairs.length;
    }
    const inputs = part.flatMap(({ pairs }) => pairs.map(({ ids }) => ids));
    const logprobs = await model.logprobs(inputs, { lambda, signal });
    let at = 0;
    for (const { item, asked, pairs } of part) {
      const scored = pairs.map(({ from }) => (logprobs[at++] as Float32Array).subarray(from - 1));
      const answer: Answer = {
        text: "",
        tokens: scored.reduce((sum, of) => sum + of.length, 0),
        logLikelihoods: scored.map((of) => of.reduce((sum, value) => sum + value, 0)),
      };
      if (asked.journal.addAnswer(task.name, item.id, 0, answer)) counter.add();
    }
  }
}
