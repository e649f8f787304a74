// Asks a model a few of a task's prompts, as a run will ask them, to see how long answers are and how long they take.

import { askModel, scoresTexts } from "../../evaluate/run/askModel.js";
import { FileJournal } from "../../evaluate/run/fileJournal.js";
import type { Decoding, Item, Task } from "../../evaluate/types.js";
import type { TextGenerator } from "../../generate/types.js";
import { type BegunAnswer, expectedTokens } from "./expectedTokens.js";

/** What an item of a task costs where many are asked at once. */
export interface TaskCost {
  /** To read its prompt; of likelihoods, the whole item. */
  readonly secondsPerPrompt: number;
  /** 0 for likelihoods. */
  readonly promptTokens: number;
  /** For each new token; 0 for likelihoods. */
  readonly secondsPerToken: number;
  /** New tokens of an answer, on the average; of likelihoods, tokens that are scored. */
  readonly tokens: number;
}

/** A first look: prompts, and new tokens at most. */
const FIRST = { prompts: 8, tokens: 16 };
/** The second one: prompts at most, and fewer where the model is slow. */
const SECOND = [16, 8];
/** Where a task does not say it. */
const NEW_TOKENS = 256;

/**
 * @param budget seconds that it may take, about
 * @returns undefined for a task without items, and for likelihoods of a model that gives none
 */
export async function probeTask(
  model: TextGenerator,
  task: Task,
  { budget, signal }: { readonly budget: number; readonly signal?: AbortSignal | undefined },
): Promise<TaskCost | undefined> {
  if (task.items.length === 0) return undefined;
  if (task.ask === "likelihood") return probeLikelihoods(model, task, { budget, signal });
  const most = task.decoding.maxNewTokens ?? NEW_TOKENS;
  const first = await look(model, task, FIRST.prompts, Math.min(most, FIRST.tokens), signal);
  for (const prompts of SECOND) {
    const affordable = Math.floor((budget / prompts - first.secondsPerPrompt) / Math.max(first.secondsPerToken, 1e-9));
    const tokens = Math.min(most, affordable);
    const enough = tokens >= Math.min(most, prompts === SECOND.at(-1) ? 2 * FIRST.tokens : 4 * FIRST.tokens);
    if (enough) return costOf(await look(model, task, prompts, tokens, signal), most);
  }
  return costOf(first, most);
}

/** A few items, and more where they are quick: the more texts are scored at once, the less time each takes. */
async function probeLikelihoods(
  model: TextGenerator,
  task: Task,
  { budget, signal }: { readonly budget: number; readonly signal?: AbortSignal | undefined },
): Promise<TaskCost | undefined> {
  if (!scoresTexts(model)) return undefined;
  const few = await scored(model, task, FEW_ITEMS, signal);
  const more = Math.min(MORE_ITEMS, task.items.length, Math.floor(budget / Math.max(few.secondsPerPrompt, 1e-9)));
  return more > FEW_ITEMS ? scored(model, task, more, signal) : few;
}

const [FEW_ITEMS, MORE_ITEMS] = [2, 16];

async function scored(
  model: TextGenerator,
  task: Task,
  count: number,
  signal: AbortSignal | undefined,
): Promise<TaskCost> {
  const items = spread(task.items, count);
  const journal = await FileJournal.open(undefined);
  const part = { ...task, items };
  const started = performance.now();
  await askModel(model, part, [{ lambda: undefined, journal, failures: new Map() }], { seed: 0, signal });
  const seconds = (performance.now() - started) / 1000;
  const tokens = items.reduce((sum, item) => sum + (journal.answer(part, item, 0)?.tokens ?? 0), 0);
  return {
    ...{ secondsPerPrompt: seconds / items.length, promptTokens: 0, secondsPerToken: 0 },
    tokens: tokens / items.length,
  };
}

interface Look extends Omit<TaskCost, "tokens"> {
  readonly answers: readonly BegunAnswer[];
}

function costOf({ answers, ...times }: Look, most: number): TaskCost {
  return { ...times, tokens: expectedTokens(answers, most) };
}

async function look(
  model: TextGenerator,
  task: Task,
  prompts: number,
  maxNewTokens: number,
  signal: AbortSignal | undefined,
): Promise<Look> {
  const items = spread(task.items, prompts);
  const { samples: _, ...decoding }: Decoding = task.decoding;
  const begun = new Set<number>();
  const answers: BegunAnswer[] = [];
  let [read, promptTokens] = [0, 0];
  const started = performance.now();
  const asked = items.map(({ prompt }) => prompt);
  const onToken = ({ index }: { readonly index: number }) => {
    if (begun.has(index)) return;
    begun.add(index);
    read = performance.now(); // in the end: when the last prompt was read
  };
  for await (const one of model.generate(asked, { ...decoding, maxNewTokens, seed: 0, signal, onToken })) {
    answers.push({ tokens: one.ids.length, ended: one.finish === "stop" });
    promptTokens += one.promptTokens;
  }
  const ended = performance.now();
  const tokens = answers.reduce((sum, one) => sum + one.tokens, 0);
  const written = Math.max(1, tokens - items.length); // the first ones come with the prompts
  return {
    answers,
    secondsPerPrompt: (read - started) / 1000 / items.length,
    promptTokens: promptTokens / items.length,
    secondsPerToken: (ended - read) / 1000 / written,
  };
}

/** Some items, evenly spaced: sets may be in the order of their categories. */
function spread(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, at) => items[Math.floor((at * items.length) / count)] as Item);
}
