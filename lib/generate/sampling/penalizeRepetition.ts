// The repetition penalty: tokens that are there already become less likely. Keskar et al., "CTRL", 2019.

/**
 * Divides positive logits of the given ids by the penalty and multiplies the others with it, in place and in float32, as
 * transformers does.
 * @param ids Each once.
 */
export function penalizeRepetition(logits: Float32Array, ids: Iterable<number>, penalty: number): void {
  const factor = Math.fround(penalty);
  for (const id of ids) {
    const logit = logits[id];
    if (logit !== undefined) logits[id] = logit < 0 ? logit * factor : logit / factor;
  }
}
