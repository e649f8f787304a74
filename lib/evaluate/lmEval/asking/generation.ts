// generation_kwargs as decoding.

import { RetemperError } from "../../../errors.js";
import type { Decoding } from "../../types.js";
import { type TaskConfig, unsupported } from "../files/taskConfig.js";

/** New tokens at most, where a task says nothing. */
const NEW_TOKENS = 256;
const LENGTHS = ["max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"];
const KNOWN = new Set([...LENGTHS, "until", "do_sample", "temperature", "top_p", "top_k", "repetition_penalty"]);

/** @throws RetemperError INCOMPATIBLE for a setting that is not known here */
export function decodingOfTask(config: TaskConfig): Decoding {
  const { generation } = config;
  const odd = Object.entries(generation).find(
    ([key, value]) => !KNOWN.has(key) && value !== null && !isNothing(key, value),
  );
  if (odd) throw unsupported(config, `generation_kwargs.${odd[0]}`, String(odd[1]));
  const number = (key: string): number | undefined => {
    const value = generation[key] ?? undefined;
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    throw new RetemperError("BAD_INPUT", `${config.name}: generation_kwargs.${key} is no number`, {
      file: config.file,
    });
  };
  const { until, do_sample } = generation;
  const [topP, topK, repetitionPenalty] = ["top_p", "top_k", "repetition_penalty"].map(number);
  const length = LENGTHS.map(number).find((value) => value !== undefined);
  const stop = (Array.isArray(until) ? until : [until]).filter(
    (text): text is string => typeof text === "string" && text !== "",
  );
  return {
    maxNewTokens: length ?? NEW_TOKENS,
    temperature: do_sample === false ? 0 : (number("temperature") ?? 0),
    ...(stop.length > 0 && { stop }),
    ...(topP !== undefined && do_sample !== false && { topP }),
    ...(topK !== undefined && do_sample !== false && { topK }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
    ...(config.repeats > 1 && { samples: config.repeats }),
  };
}

/** What changes nothing. */
function isNothing(key: string, value: unknown): boolean {
  return (key === "num_beams" || key === "num_return_sequences") && value === 1;
}
