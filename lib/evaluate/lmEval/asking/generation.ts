// generation_kwargs as decoding.

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
  const { until, do_sample, temperature = 0, top_p, top_k, repetition_penalty } = generation;
  const length = LENGTHS.map((key) => generation[key]).find((value) => value !== undefined && value !== null);
  const stop = (Array.isArray(until) ? until : [until]).filter(
    (text): text is string => typeof text === "string" && text !== "",
  );
  return {
    maxNewTokens: length === undefined ? NEW_TOKENS : Number(length),
    temperature: do_sample === false ? 0 : Number(temperature),
    ...(stop.length > 0 && { stop }),
    ...(top_p !== undefined && do_sample !== false && { topP: Number(top_p) }),
    ...(top_k !== undefined && do_sample !== false && { topK: Number(top_k) }),
    ...(repetition_penalty !== undefined && { repetitionPenalty: Number(repetition_penalty) }),
    ...(config.repeats > 1 && { samples: config.repeats }),
  };
}

/** What changes nothing. */
function isNothing(key: string, value: unknown): boolean {
  return (key === "num_beams" || key === "num_return_sequences") && value === 1;
}
