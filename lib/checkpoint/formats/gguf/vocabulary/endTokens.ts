// Which tokens end an answer. llama.cpp goes by the metadata and by names, since files often name only one.

import type { Vocabulary } from "./readVocabulary.js";

/** Ends of turns and of texts, whatever the metadata say. */
const NAMES: ReadonlySet<string> = new Set([
  ...["<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>"],
  ...["<|eom_id|>", "<|end_of_text|>", "<end_of_utterance>", "<EOT>", "_<EOT>"],
]);
const NORMAL = 1;

/** Ids, the metadata's end of text first. */
export function endTokens({ tokens, types, special }: Vocabulary): number[] {
  const ends = new Set([special.eos, special.eot, special.eom].filter((id) => id !== undefined));
  tokens.forEach((token, id) => {
    if (NAMES.has(token) && (types[id] ?? NORMAL) !== NORMAL) ends.add(id);
  });
  return [...ends];
}
