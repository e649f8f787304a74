// What log-probabilities of tokens say: perplexity, and which of several continuations a model prefers.

/** exp of the mean negative log-probability (natural logarithm) of a text's tokens; NaN for none. */
export function perplexity(logprobs: ArrayLike<number>): number {
  return Math.exp(-sumOf(logprobs) / logprobs.length);
}

export interface ChoiceScore {
  /** Log-likelihood of each continuation. */
  readonly logLikelihoods: readonly number[];
  /** The likeliest one; the first of equals. */
  readonly best: number;
  /** The likeliest one a character of its text: long answers are not at a disadvantage ("acc_norm"). */
  readonly bestByLength: number;
}

/**
 * Which choice a model prefers.
 * @param choices the texts of the continuations
 * @param logprobs of each continuation's tokens, given all before them
 */
export function multipleChoice(choices: readonly string[], logprobs: readonly ArrayLike<number>[]): ChoiceScore {
  const logLikelihoods = logprobs.map(sumOf);
  const byLength = logLikelihoods.map((sum, at) => sum / [...(choices[at] as string)].length);
  return { logLikelihoods, best: largest(logLikelihoods), bestByLength: largest(byLength) };
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] as number;
  return sum;
}

function largest(values: readonly number[]): number {
  return values.reduce((best, value, at) => (value > (values[best] as number) ? at : best), 0);
}
