// pass@k: how likely one of k samples is right, estimated from n of them.

import { RetemperError } from "../../errors.js";

/**
 * 1 - C(n - c, k) / C(n, k), without bias, computed as 1 - prod_{i = n-c+1 … n} (1 - k/i); 1 where n - c < k. Chen et al.,
 * "Evaluating Large Language Models Trained on Code" (2021), section 2.1.
 * @param n samples of the problem
 * @param c samples that passed
 * @param k at most n
 * @throws RetemperError USAGE for numbers that cannot be
 * @example
 * ```ts
 * import { passAtK } from "retemper";
 *
 * // 10 of 50 programs passed
 * console.log(passAtK(50, 10, 1).toFixed(2), passAtK(50, 10, 10).toFixed(2)); // 0.20 0.92
 * ```
 */
export function passAtK(n: number, c: number, k: number): number {
  const whole = [n, c, k].every(Number.isInteger);
  if (!whole || n < 1 || c < 0 || c > n || k < 1 || k > n) {
    throw new RetemperError("USAGE", `pass@${k} cannot be had from ${c} of ${n} samples`, {
      hint: `take at least ${Number.isInteger(k) && k > 0 ? k : 1} samples of each problem, and 0 <= c <= n`,
    });
  }
  if (n - c < k) return 1;
  let none = 1;
  for (let i = n - c + 1; i <= n; i++) none *= 1 - k / i;
  return 1 - none;
}
