// GenerateOptions with their defaults, checked: plain data that can cross to a model's thread.

import { RetemperError } from "../errors.js";
import type { GenerateOptions } from "./types.js";

export interface GenerateSettings {
  readonly maxNewTokens: number;
  /** Whether the caller insists on `maxNewTokens`: the default gives way to the model's longest context, a wish does not. */
  readonly maxNewTokensTold: boolean;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly repetitionPenalty: number;
  readonly n: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly stopTokens: readonly number[];
  readonly ignoreEos: boolean;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
  readonly batch: number | undefined;
}

/** What `generate` does by default. */
export const DEFAULT_MAX_NEW_TOKENS = 256;

const MOST_NEW_TOKENS = 10_000_000;
const MOST_SAMPLES = 1_000_000;
const MOST_SEQUENCES = 65_536;
const MOST_TOP_LOGPROBS = 100;

/**
 * The options with their defaults.
 * @throws RetemperError USAGE that names the option and what it may be.
 */
export function settingsOf(options: GenerateOptions): GenerateSettings {
  const topLogprobs = whole("topLogprobs", options.topLogprobs, 0, MOST_TOP_LOGPROBS) ?? 0;
  if (topLogprobs > 0 && options.logprobs !== true) {
    throw new RetemperError("USAGE", "topLogprobs is only for logprobs: true");
  }
  return {
    maxNewTokens: whole("maxNewTokens", options.maxNewTokens, 1, MOST_NEW_TOKENS) ?? DEFAULT_MAX_NEW_TOKENS,
    maxNewTokensTold: options.maxNewTokens !== undefined && options.fitContext !== true,
    temperature: between("temperature", options.temperature, (value) => value >= 0, "0 (greedy) or more") ?? 0,
    topK: whole("topK", options.topK, 0, Number.MAX_SAFE_INTEGER) ?? 0,
    topP: between("topP", options.topP, (value) => value > 0 && value <= 1, "above 0 and at most 1") ?? 1,
    repetitionPenalty: between("repetitionPenalty", options.repetitionPenalty, (value) => value > 0, "above 0") ?? 1,
    n: whole("n", options.n, 1, MOST_SAMPLES) ?? 1,
    seed: whole("seed", options.seed, 0, Number.MAX_SAFE_INTEGER) ?? 0,
    stop: stopTexts(options.stop),
    stopTokens: stopTokens(options.stopTokens),
    ignoreEos: options.ignoreEos === true,
    logprobs: options.logprobs === true,
    topLogprobs,
    batch: whole("batch", options.batch, 1, MOST_SEQUENCES),
  };
}

function whole(name: string, value: number | undefined, least: number, most: number): number | undefined {
  const limit = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return between(name, value, (is) => Number.isSafeInteger(is) && is >= least && is <= most, `a whole number ${limit}`);
}

function between(
  name: string,
  value: number | undefined,
  fits: (value: number) => boolean,
  wanted: string,
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && fits(value)) return value;
  throw new RetemperError("USAGE", `${name} must be ${wanted}, not ${String(value)}`);
}

function stopTexts(stop: readonly string[] = []): readonly string[] {
  if (!Array.isArray(stop)) throw new RetemperError("USAGE", "stop must be a list of texts");
  for (const text of stop) {
    if (typeof text === "string" && text !== "") continue;
    throw new RetemperError("USAGE", `a stop must be a text that is not empty, not ${JSON.stringify(text)}`);
  }
  return [...stop];
}

function stopTokens(ids: readonly number[] = []): readonly number[] {
  if (!Array.isArray(ids)) throw new RetemperError("USAGE", "stopTokens must be a list of token ids");
  for (const id of ids) {
    if (Number.isSafeInteger(id) && id >= 0) continue;
    throw new RetemperError("USAGE", `a stop token must be a token id, not ${String(id)}`);
  }
  return [...ids];
}
