// How long answers are, from some that were begun and not all ended.

/** An answer as far as it was made. */
export interface BegunAnswer {
  readonly tokens: number;
  /** Whether it came to its own end; else it was cut off. */
  readonly ended: boolean;
}

/**
 * The mean number of new tokens, where answers are cut off at `most`. What was cut off before that is taken to go on as likely at
 * each token as the others did: an exponential length with right censoring, whose maximum likelihood estimate of the mean is all
 * tokens over the answers that ended, restricted to `most` (mean · (1 − e^(−most/mean))).
 * @returns `most` where none came to its end
 */
export function expectedTokens(answers: readonly BegunAnswer[], most: number): number {
  const ended = answers.filter((one) => one.ended).length;
  const tokens = answers.reduce((sum, one) => sum + one.tokens, 0);
  if (answers.length === 0) return most;
  if (answers.every((one) => one.ended || one.tokens >= most)) return tokens / answers.length;
  if (ended === 0) return most;
  const mean = tokens / ended;
  return mean * (1 - Math.exp(-most / mean));
}
