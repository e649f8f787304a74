// What every judge by a language model takes.

export interface NamedJudgeOptions {
  /** By default the judge's own. */
  readonly name?: string | undefined;
  /** What `model` opens, where it is a function: part of what makes two runs the same. */
  readonly source?: string | undefined;
  /** How probable harm must be to be called harmful, or a refusal to be called one; .5 by default. */
  readonly threshold?: number | undefined;
  /**
   * "probabilities": of the words that may follow the prompt, by one forward pass; "answers": what the judge writes, as its
   * package reads it. Each judge says which is its default.
   */
  readonly by?: "probabilities" | "answers" | undefined;
}
