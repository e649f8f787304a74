// What controls do to the change of one tensor, in place: the same length in a random direction, or the same entries elsewhere.

/**
 * A random direction of the same Euclidean length: normal numbers (Box and Muller, Annals of Mathematical Statistics 29,
 * 1958), whose direction is uniform, scaled in float64. What does not change stays as it is.
 * @param word unsigned 32-bit words
 */
export function toRandomDirection(delta: Float32Array, word: () => number): void {
  const wanted = lengthOf(delta);
  if (wanted === 0) return;
  for (let at = 0; at < delta.length; at += 2) {
    const radius = Math.sqrt(-2 * Math.log((word() + 0.5) / 2 ** 32));
    const angle = (2 * Math.PI * word()) / 2 ** 32;
    delta[at] = radius * Math.cos(angle);
    if (at + 1 < delta.length) delta[at + 1] = radius * Math.sin(angle);
  }
  const scale = wanted / lengthOf(delta);
  for (let at = 0; at < delta.length; at++) delta[at] = scale * (delta[at] as number);
}

/** A random order of the entries (Fisher and Yates). @param word unsigned 32-bit words */
export function shuffleEntries(delta: Float32Array, word: () => number): void {
  for (let last = delta.length - 1; last > 0; last--) {
    const other = below(last + 1, word);
    const held = delta[last] as number;
    delta[last] = delta[other] as number;
    delta[other] = held;
  }
}

/**
 * For each of `count` places another one: uniform among the orders in which nothing stays where it is. Of one place, itself.
 * @param word unsigned 32-bit words
 */
export function everyOneElsewhere(count: number, word: () => number): number[] {
  const order = Array.from({ length: count }, (_, at) => at);
  if (count < 2) return order;
  // more than a third of all orders are such
  do {
    for (let last = count - 1; last > 0; last--) {
      const other = below(last + 1, word);
      [order[last], order[other]] = [order[other] as number, order[last] as number];
    }
  } while (order.some((to, at) => to === at));
  return order;
}

/** A whole number from 0 to limit - 1, of 53 bits. */
function below(limit: number, word: () => number): number {
  const [high, low] = [word(), word()];
  return Math.floor((((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53) * limit);
}

function lengthOf(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
