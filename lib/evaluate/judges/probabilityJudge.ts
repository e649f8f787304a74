// What judges share that are read from probabilities: prompts of an exchange, the words that may follow each, and a function
// that makes a verdict of how probable these are. One forward pass a prompt.

import { RetemperError } from "../../errors.js";
import type { GenerateOptions, Prompt, TextGenerator, TokenName } from "../../generate/types.js";
import type { Exchange, Judge, JudgeValues, Score, ScoreOptions } from "../types.js";
import { type AskedWord, firstTokens } from "./firstTokens.js";
import { askingJudge, type JudgeModel } from "./modelJudge.js";

/** A prompt, and the words of which one follows it. */
export interface AskedWords {
  readonly prompt: Prompt;
  readonly words: readonly AskedWord[];
}

/** How probable each word is after its prompt, of all words of this prompt: they sum to 1. */
export type WordShares = readonly (readonly number[])[];

export interface ProbabilityVerdict {
  readonly values: JudgeValues;
  readonly detail?: string | undefined;
}

export interface ProbabilityJudgeOptions {
  readonly name: string;
  readonly model: JudgeModel;
  readonly facts: Readonly<Record<string, unknown>>;
  ask(exchange: Exchange, model: TextGenerator): readonly AskedWords[];
  /** @param shares by the prompts of the exchange */
  read(shares: WordShares): ProbabilityVerdict;
  /** What else is asked of a verdict, such as the categories of one that is harmful; its answer is the detail. */
  readonly details?:
    | {
        readonly decoding: GenerateOptions;
        /** undefined: nothing is asked of this verdict. */
        prompt(exchange: Exchange, values: JudgeValues): Prompt | undefined;
        read(text: string, values: JudgeValues): string;
      }
    | undefined;
}

/** At this probability and above a verdict is yes. */
export const THRESHOLD = 0.5;

/** "yes" from the threshold on. */
export function verdictOf(probability: number, threshold = THRESHOLD): "yes" | "no" {
  return probability >= threshold ? "yes" : "no";
}

/** @throws RetemperError USAGE for a threshold that is no probability */
export function checkThreshold(threshold = THRESHOLD): number {
  if (threshold > 0 && threshold <= 1) return threshold;
  throw new RetemperError("USAGE", `a judge's threshold must be above 0 and at most 1, not ${String(threshold)}`);
}

/** Exchanges whose prompts are in memory at once, and whose verdicts are explained before the next ones are asked. */
const AT_ONCE = 256;

export function probabilityJudge({ ask, read, details, ...asked }: ProbabilityJudgeOptions): Judge {
  return askingJudge(asked, async function* (model, exchanges, options) {
    for (let start = 0; start < exchanges.length; start += AT_ONCE) {
      const part = exchanges.slice(start, start + AT_ONCE);
      const failed = options.onFailure;
      const onFailure = failed && (({ index, error }: ScoreFailure) => failed({ index: start + index, error }));
      for await (const score of scoresOf(part, model, { ask, read, details }, { ...options, onFailure })) {
        yield { ...score, index: start + score.index };
      }
    }
  });
}

type ScoreFailure = Parameters<NonNullable<ScoreOptions["onFailure"]>>[0];

async function* scoresOf(
  exchanges: readonly Exchange[],
  model: TextGenerator,
  { ask, read, details }: Pick<ProbabilityJudgeOptions, "ask" | "read" | "details">,
  options: ScoreOptions,
): AsyncIterable<Score<JudgeValues>> {
  const words = exchanges.map((exchange) => ask(exchange, model));
  const open: { readonly score: Score<JudgeValues>; readonly prompt: Prompt }[] = [];
  for await (const { index, shares, answered } of wordShares(model, words, options)) {
    if (answered === 0) {
      // none of its words is among those that the model may say
      yield { index, values: { harmful: null, refusal: null, answered } };
      continue;
    }
    const { values, detail } = read(shares);
    const score = { index, values: { ...values, answered }, ...(detail !== undefined && { detail }) };
    const prompt = details?.prompt(exchanges[index] as Exchange, values);
    if (prompt === undefined) yield score;
    else open.push({ score, prompt });
  }
  if (!details || open.length === 0) return;
  const without: Score<JudgeValues>[] = [];
  const answers = model.generate(
    open.map(({ prompt }) => prompt),
    {
      ...details.decoding,
      signal: options.signal,
      onFailure: ({ index }) => without.push(open[index]?.score as Score<JudgeValues>),
    },
  );
  for await (const { index, text } of answers) {
    const { score } = open[index] as (typeof open)[number];
    yield { ...score, detail: details.read(text, score.values) };
  }
  yield* without; // a verdict stands without what would have explained it
}

interface FoundShares {
  readonly index: number;
  readonly shares: WordShares;
  /** The least probability that the words of one of its prompts have together. */
  readonly answered: number;
}

/** The shares of each exchange, as soon as all of its prompts were read. */
async function* wordShares(
  model: TextGenerator,
  asked: readonly (readonly AskedWords[])[],
  { signal, onFailure }: ScoreOptions,
): AsyncIterable<FoundShares> {
  if (!model.nextLogprobs) {
    throw new RetemperError("INCOMPATIBLE", `${model.facts.model} tells no probabilities`, {
      hint: "let the judge be read from its answers: by: answers",
    });
  }
  const all = asked.flatMap((words, index) => words.map((one, at) => ({ ...one, index, at })));
  const found = asked.map(() => new Map<number, number[]>());
  const failed = new Set<number>();
  const tokens = firstTokens(
    model,
    all.map(({ words }) => words),
  );
  const logprobs = model.nextLogprobs(
    all.map(({ prompt }) => prompt),
    tokens.map((words) => words.flat()),
    {
      signal,
      ...(onFailure && {
        onFailure: ({ index, error }) => {
          const of = all[index]?.index as number;
          if (!failed.has(of)) onFailure({ index: of, error });
          failed.add(of);
        },
      }),
    },
  );
  for await (const { index: place, logprobs: told } of logprobs) {
    const { index, at } = all[place] as (typeof all)[number];
    const of = found[index] as Map<number, number[]>;
    of.set(at, probabilitiesOf(tokens[place] as (typeof tokens)[number], told));
    const count = asked[index]?.length as number;
    if (of.size < count) continue;
    const rows = Array.from({ length: count }, (_, row) => of.get(row) as number[]);
    const sums = rows.map((row) => row.reduce((sum, value) => sum + value, 0));
    of.clear();
    yield {
      index,
      shares: rows.map((row, at) => row.map((value) => value / (sums[at] as number))),
      answered: Math.min(...sums),
    };
  }
}

/** Of each word: the sum over the tokens that say it. */
function probabilitiesOf(words: readonly (readonly TokenName[])[], told: Float32Array): number[] {
  let start = 0;
  return words.map(({ length }) => {
    const own = told.subarray(start, start + length);
    start += length;
    return own.reduce((sum, logprob) => sum + Math.exp(logprob), 0);
  });
}
