// What an adapter out of a merge keeps, in a few lines.

import type { AdapterReport } from "../entries/merge.js";
import { formatCount } from "./quantities.js";

/** Tensors with the largest error that are shown to people; --json has them all. */
const SHOWN = 5;

/** One line, and the worst tensors of an approximation. */
export function adapterText({ base, tensors, whole, kept, error }: AdapterReport): string {
  const ranks = tensors.map(({ rank }) => rank);
  const [low, high] = [Math.min(...ranks), Math.max(...ranks)];
  const rank = low === high ? `rank ${low}` : `ranks ${low} to ${high}`;
  const saved = whole.length === 0 ? "" : `, ${formatCount(whole.length)} tensors whole`;
  const head = `an adapter of ${base}: ${formatCount(tensors.length)} products of ${rank}${saved}`;
  if (error === 0) return `${head}; exact but for float32's rounding`;
  const worst = tensors.toSorted((a, b) => b.error - a.error).slice(0, SHOWN);
  return [
    `${head}; ${percent(kept)} of the squared norm of the change is kept, relative error ${error.toPrecision(3)}`,
    ...worst.map(
      (one) => `  ${one.name}: rank ${one.rank} keeps ${percent(one.kept)}, error ${one.error.toPrecision(3)}`,
    ),
  ].join("\n");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
