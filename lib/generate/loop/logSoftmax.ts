// Log-probabilities of single tokens, from a row of logits.

/**
 * log(softmax(row)[id]) = row[id] - max - log(sum exp(row - max)), summed in float64 in the order of the ids, so that a row
 * gives the same number wherever it is computed.
 */
export function logProbability(row: Float32Array, id: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) if ((row[i] as number) > most) most = row[i] as number;
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i] as number) - most);
  return (row[id] as number) - most - Math.log(sum);
}
