// What every decoder of tokenizer.json does while it decodes a text.

/** One decoder while it decodes one text. */
export interface DecoderStep {
  /** What a token makes certain: tokens, or, once tokens have been fused, more text of the one that there is. */
  push(token: string): string[];
  /** What remains if these are the last tokens. Changes nothing: others may still come. */
  rest(last: readonly string[]): string[];
}
