// How far two distributions over the tokens of a vocabulary lie apart.

/**
 * The Kullback-Leibler divergence KL(p || q) = sum p (log p - log q), of natural logarithms. A token that p never gives adds
 * nothing, whatever q says of it; one that only q never gives makes it infinite.
 */
export function divergence(p: Float32Array, q: Float32Array): number {
  return p.reduce((sum, logP, at) => {
    const probability = Math.exp(logP);
    return probability === 0 ? sum : sum + probability * (logP - (q[at] as number));
  }, 0);
}
