// Logarithms of factorials, of which sums over binomial distributions are made.

/** Of 0 to n. */
export function logFactorials(n: number): Float64Array {
  const logs = new Float64Array(n + 1);
  for (let at = 1; at <= n; at++) logs[at] = (logs[at - 1] as number) + Math.log(at);
  return logs;
}
