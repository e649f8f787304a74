// Asks a model what a task has that no journal holds yet, and writes each answer down as it comes.

import { RetemperError } from "../../errors.js";
import type { ContinuationScore, GenerationFailure, Model, TextGenerator, WhichVariant } from "../../generate/types.js";
import type { ConversationModel } from "../data/encodeConversation.js";
import type { Answer, Item, Task } from "../types.js";
import { drawOf, itemKeys } from "./itemKeys.js";
import type { Journal } from "./journal.js";
import { continuationTokens, type EncodedPair, type ScoredTokens, scoredTokens } from "./likelihood.js";
import { type EvaluateProgress, ProgressCounter } from "./progress.js";
import { wholeAnswer } from "./wholeAnswer.js";

/** One model of those that are asked at once: the model itself, or one lambda or variant of it. */
export interface Asked extends WhichVariant {
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
export type LikelihoodModel = TextGenerator &
  Pick<Model, "logprobs"> &
  Pick<ConversationModel, "tokenizer"> &
  Partial<Pick<Model, "stopTokens" | "contextLength" | "continuations">>;

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
  let done = 0;
  for (const { journal } of asked) {
    for (const item of task.items) {
      for (let sample = 0; sample < samples; sample++) {
        if (journal.answer(task, item, sample) !== undefined) done += 1;
      }
    }
  }
  const counter = new ProgressCounter({ phase: "answers", task: task.name, total }, done, options.onProgress);
  if (done === total) return;
  if (task.ask === "likelihood" && task.items.some(({ continuations }) => continuations)) {
    await scoreContinuations(model as LikelihoodModel, task, asked, counter, options);
  } else if (task.ask === "likelihood") await scoreTexts(model as LikelihoodModel, task, asked, counter, options);
  else await generateAnswers(model, task, asked, counter, options);
  for (const { journal } of asked) journal.sync();
}

/** Draws go by the items' keys: an answer is the same whatever else is asked, and however often a run was stopped. */
async function generateAnswers(
  model: TextGenerator,
  task: Task,
  asked: readonly Asked[],
  counter: ProgressCounter,
  { seed, signal }: AskOptions,
): Promise<void> {
  const { samples = 1, ...decoding } = task.decoding;
  const lambdas = asked.flatMap(({ lambda }) => lambda ?? []);
  const variants = asked.flatMap(({ variant }) => variant ?? []);
  const askedOf = ({ lambda, variant }: WhichVariant) =>
    asked.find((one) => one.lambda === lambda && one.variant === variant) ??
    (asked.length === 1 ? asked[0] : undefined);
  const answers = model.generate(
    task.items.map(({ prompt }) => prompt),
    {
      ...decoding,
      ...(lambdas.length > 0 && { lambda: lambdas }),
      ...(variants.length > 0 && { variant: variants }),
      seed,
      draws: itemKeys(task).map(drawOf),
      n: samples,
      signal,
      skip: ({ index, sample, ...which }) => {
        const item = task.items[index];
        return item !== undefined && askedOf(which)?.journal.answer(task, item, sample) !== undefined;
      },
      onFailure: ({ index, error }: GenerationFailure) => {
        const id = task.items[index]?.id;
        if (id !== undefined) for (const { failures } of asked) failures.set(id, error.message);
      },
    },
  );
  for await (const { index, sample, text, finish, ids, ...which } of answers) {
    const item = task.items[index];
    const of = askedOf(which);
    if (!item || !of || !(sample >= 0 && sample < samples)) {
      throw new RetemperError("INTERNAL", `an answer to nothing that was asked: prompt ${index}, sample ${sample}`);
    }
    const whole = wholeAnswer(item, text, ids, model);
    if (of.journal.addAnswer(task, item, sample, { text: whole, finish, tokens: ids.length })) counter.add(ids.length);
  }
}

/** Texts at once: enough to keep a model busy, few enough to lose little. */
const TEXTS = 16;

async function scoreTexts(
  model: LikelihoodModel,
  task: Task,
  asked: readonly Asked[],
  counter: ProgressCounter,
  { signal }: AskOptions,
): Promise<void> {
  const { tokenizer, stopTokens = [], contextLength = Number.POSITIVE_INFINITY } = model;
  for (const { lambda, variant, journal } of asked) {
    const missing = task.items.filter((item) => journal.answer(task, item, 0) === undefined);
    for (let start = 0; start < missing.length; ) {
      const part: { item: Item; texts: ScoredTokens[] }[] = [];
      for (let count = 0; start < missing.length && count < TEXTS; start++) {
        const item = missing[start] as Item;
        const texts = tokensOf(item, task.name, { tokenizer, stopTokens, contextLength });
        part.push({ item, texts });
        count += texts.length;
      }
      const inputs = part.flatMap(({ texts }) => texts.map(({ ids }) => ids));
      const logprobs = await model.logprobs(inputs, { lambda, variant, signal });
      let at = 0;
      for (const { item, texts } of part) {
        const likelihoods = texts.map(({ scored }) => {
          const all = logprobs[at++] as Float32Array; // of the tokens after the first
          return scored.reduce((sum, place) => sum + (all[place - 1] as number), 0);
        });
        const answer: Answer = {
          text: "",
          ...(texts.some(({ cut }) => cut) && { finish: "length" as const }),
          tokens: texts.reduce((sum, { scored }) => sum + scored.length, 0),
          logLikelihoods: likelihoods,
        };
        if (journal.addAnswer(task, item, 0, answer)) counter.add(answer.tokens);
      }
    }
  }
}

/** Texts of continuations at once: many, since those of an item share its context and all are computed together. */
const CONTINUATIONS = 256;

/** As `scoreTexts`, of items that have continuations. */
async function scoreContinuations(
  model: LikelihoodModel,
  task: Task,
  asked: readonly Asked[],
  counter: ProgressCounter,
  { signal }: AskOptions,
): Promise<void> {
  const { tokenizer, contextLength = Number.POSITIVE_INFINITY } = model;
  const score = model.continuations?.bind(model);
  if (!score) throw new RetemperError("USAGE", `${task.name} needs a model that scores continuations.`);
  for (const { lambda, variant, journal } of asked) {
    const missing = task.items.filter((item) => journal.answer(task, item, 0) === undefined);
    for (let start = 0; start < missing.length; ) {
      const part: { item: Item; texts: EncodedPair[][] }[] = [];
      for (let count = 0; start < missing.length && count < CONTINUATIONS; start++) {
        const item = missing[start] as Item;
        const texts = named(item, task.name, () =>
          (item.continuations ?? []).map((one) => continuationTokens(one, { tokenizer, contextLength })),
        );
        part.push({ item, texts });
        count += texts.length;
      }
      const scores = await score(
        part.flatMap(({ texts }) => texts.flat()),
        { lambda, variant, signal },
      );
      let at = 0;
      for (const { item, texts } of part) {
        const own = texts.map((windows) => windows.map(() => scores[at++] as ContinuationScore));
        const answer: Answer = {
          text: "",
          tokens: own.flat().reduce((sum, { logprobs }) => sum + logprobs.length, 0),
          logLikelihoods: own.map((windows) =>
            windows.reduce((sum, { logprobs }) => logprobs.reduce((s, one) => s + one, sum), 0),
          ),
          greedy: own.map((windows) => windows.every(({ greedy }) => greedy)),
        };
        if (journal.addAnswer(task, item, 0, answer)) counter.add(answer.tokens);
      }
    }
  }
}

/** @throws RetemperError that names the item, such as one with turns that the model's template refuses */
function tokensOf(item: Item, task: string, model: Parameters<typeof scoredTokens>[1]): ScoredTokens[] {
  return named(item, task, () => scoredTokens(item, model));
}

function named<T>(item: Item, task: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RetemperError)) throw cause;
    throw cause.retold(`${task}, item ${item.id}: ${cause.message}`);
  }
}
