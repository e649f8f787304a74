// Causes where answers end, and where tokens are drawn: stop tokens and the defaults of sampling.

import type { JsonObject } from "../../checkpoint/json.js";
import type { Generation } from "../../generate/types.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { Cause } from "../types.js";
import type { Findings } from "./findings.js";

export function endingCauses({ a, b, answers }: Findings): Cause[] {
  const [of, ofOther] = [new Set(a.stopTokens), new Set(b.stopTokens)];
  const onlyA = [...of].filter((id) => !ofOther.has(id));
  const onlyB = [...ofOther].filter((id) => !of.has(id));
  if (onlyA.length + onlyB.length === 0) return [];
  // More special tokens that end an answer, as GGUF readers add them, end it nowhere else than where a text ends anyway.
  const harmless = onlyA.length === 0 && onlyB.every((id) => b.tokenizer.specialIds.has(id));
  if (harmless && !answers.a.some((one, at) => endsEarly(one, answers.b[at]))) return [];
  const evidence = [
    `A stops at ${shown([...of], a.tokenizer)}, B at ${shown([...ofOther], b.tokenizer)} (eos_token_id of generation_config.json, else of config.json)`,
  ];
  const on = answers.a.filter((one, at) => {
    const other = answers.b[at];
    return one && other && one.finish === "stop" && goesOn(one.ids, other.ids);
  }).length;
  if (on > 0) evidence.push(`in ${on} answers B goes on where A ends`);
  const back = answers.b.filter((one, at) => {
    const other = answers.a[at];
    return one && other && one.finish === "stop" && goesOn(one.ids, other.ids);
  }).length;
  if (back > 0) evidence.push(`in ${back} answers A goes on where B ends`);
  return [
    {
      name: "stop-tokens",
      sure: "certain",
      summary: "Other tokens end an answer.",
      evidence,
      remedy: "Give B the eos_token_id of A, in generation_config.json (a list, where several end an answer).",
      numeric: false,
    },
  ];
}

/** Whether B's answer ends where A's goes on. */
function endsEarly(a: Generation | undefined, b: Generation | undefined): boolean {
  return a !== undefined && b?.finish === "stop" && goesOn(b.ids, a.ids);
}

/** Whether the longer ids begin with the shorter ones. */
export function goesOn(shorter: readonly number[], longer: readonly number[]): boolean {
  return shorter.length < longer.length && shorter.every((id, at) => id === longer[at]);
}

function shown(ids: readonly number[], tokenizer: Tokenizer): string {
  return ids.length === 0 ? "none" : ids.map((id) => `${tokenizer.decode([id])} (${id})`).join(", ");
}

/** What transformers takes where generation_config.json does not say. */
const DEFAULTS: JsonObject = {
  do_sample: false,
  temperature: 1,
  top_k: 50,
  top_p: 1,
  min_p: null,
  typical_p: 1,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
};

export function samplingCauses({ a, b }: Findings): Cause[] {
  const of = (generation: JsonObject, key: string) => generation[key] ?? DEFAULTS[key];
  const evidence = Object.keys(DEFAULTS).flatMap((key) => {
    const [one, other] = [of(a.generation, key), of(b.generation, key)];
    return one === other ? [] : [`${key} is ${String(one)} in A and ${String(other)} in B`];
  });
  return evidence.length === 0 ? [] : [samplingCause("certain", evidence)];
}

export function samplingCause(sure: Cause["sure"], evidence: readonly string[]): Cause {
  return {
    name: "sampling-defaults",
    sure,
    summary: "Where a request says nothing, tokens are drawn in another way.",
    evidence,
    remedy:
      "Give B the generation_config.json of A (vLLM and transformers follow it), or say temperature and top_p in each request.",
    numeric: false,
  };
}
