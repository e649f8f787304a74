// The tokenizer of a judge's model, where it has one.

import type { TextGenerator, Tokenizer } from "../../generate/types.js";

/** undefined for a model behind a server. */
export function tokenizerOf(model: TextGenerator): Tokenizer | undefined {
  return "tokenizer" in model ? (model.tokenizer as Tokenizer) : undefined;
}
