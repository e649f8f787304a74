// Where a model lies on the line that an adapter or a fine-tuned model draws from its origin: the least-squares scale s of
// B - O = s (E - O) + rest, from squared distances alone: <B - O, E - O> = (|B - O|^2 + |E - O|^2 - |B - E|^2) / 2.

import type { LineFit } from "../types.js";
import type { MeasuredTensor } from "./measureTensors.js";

/** Places in the list of measured models. */
export interface LinePlaces {
  readonly origin: number;
  readonly end: number;
  readonly other: number;
}

/** Undefined where the end is the origin. */
export function fitLine(
  tensors: readonly MeasuredTensor[],
  { origin, end, other }: LinePlaces,
  { what, expected }: Pick<LineFit, "what" | "expected">,
): LineFit | undefined {
  const sums = { product: 0, change2: 0, moved2: 0, norm2: 0, elements: 0 };
  const still = { count: 0, equal: 0, moved2: 0, norm2: 0 };
  for (const tensor of tensors) {
    const change2 = tensor.distance2(origin, end);
    const moved2 = tensor.distance2(origin, other);
    if (change2 === 0) {
      still.count += 1;
      if (moved2 === 0) still.equal += 1;
      still.moved2 += moved2;
      still.norm2 += tensor.norm2(origin);
      continue;
    }
    sums.product += (moved2 + change2 - tensor.distance2(end, other)) / 2;
    sums.change2 += change2;
    sums.moved2 += moved2;
    sums.norm2 += tensor.norm2(origin);
    sums.elements += tensor.elements;
  }
  if (sums.change2 === 0) return undefined;
  const scale = sums.product / sums.change2;
  const rest2 = Math.max(0, sums.moved2 - scale * sums.product);
  return {
    what,
    scale,
    // Of a least-squares slope, the rest taken as independent noise of one variance.
    error: Math.sqrt(rest2 / sums.elements / sums.change2),
    expected,
    rest: share(rest2, sums.norm2),
    change: share(sums.change2, sums.norm2),
    untouched: still.count,
    untouchedEqual: still.equal,
    untouchedDistance: share(still.moved2, still.norm2),
  };
}

/** Places of two bases and of each with its own adapter. */
export interface ChangePlaces {
  readonly origin: number;
  readonly end: number;
  readonly otherOrigin: number;
  readonly otherEnd: number;
}

/**
 * The scale of one adapter's change in another's: q = s p + rest with p = E - O and q = E' - O', by
 * <p, q> = (|E - O'|^2 + |O - E'|^2 - |E - E'|^2 - |O - O'|^2) / 2. What is untouched are the bases, whole.
 */
export function fitChanges(tensors: readonly MeasuredTensor[], places: ChangePlaces): LineFit | undefined {
  const { origin, end, otherOrigin, otherEnd } = places;
  const sums = { product: 0, change2: 0, other2: 0, norm2: 0, elements: 0, equal: 0, apart2: 0 };
  for (const tensor of tensors) {
    const apart2 = tensor.distance2(origin, otherOrigin);
    const crossed = tensor.distance2(end, otherOrigin) + tensor.distance2(origin, otherEnd);
    sums.product += (crossed - tensor.distance2(end, otherEnd) - apart2) / 2;
    sums.change2 += tensor.distance2(origin, end);
    sums.other2 += tensor.distance2(otherOrigin, otherEnd);
    sums.norm2 += tensor.norm2(origin);
    sums.elements += tensor.elements;
    sums.apart2 += apart2;
    if (apart2 === 0) sums.equal += 1;
  }
  if (sums.change2 === 0) return undefined;
  const scale = sums.product / sums.change2;
  const rest2 = Math.max(0, sums.other2 - scale * sums.product);
  return {
    what: "adapter",
    scale,
    error: Math.sqrt(rest2 / sums.elements / sums.change2),
    expected: 1,
    rest: share(rest2, sums.norm2),
    change: share(sums.change2, sums.norm2),
    untouched: tensors.length,
    untouchedEqual: sums.equal,
    untouchedDistance: share(sums.apart2, sums.norm2),
  };
}

function share(part2: number, whole2: number): number {
  if (part2 === 0) return 0;
  return whole2 === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(part2 / whole2);
}
