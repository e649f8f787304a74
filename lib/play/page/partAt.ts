// Where two answers part.

export interface WrittenAnswer {
  readonly tokens: readonly { readonly id: number }[];
  /** Whether no token comes any more by itself: it ended, or had its number of tokens. */
  readonly complete: boolean;
}

/**
 * The place of the first token of `other` that is another than that of `first`: behind the last one where an answer ends before
 * the other does.
 * @returns undefined where they are the same as far as both are written
 */
export function partAt(first: WrittenAnswer, other: WrittenAnswer): number | undefined {
  const both = Math.min(first.tokens.length, other.tokens.length);
  for (let at = 0; at < both; at++) if (first.tokens[at]?.id !== other.tokens[at]?.id) return at;
  const shorter = first.tokens.length < other.tokens.length ? first : other;
  return first.tokens.length !== other.tokens.length && shorter.complete ? both : undefined;
}
