// Which elements of a larger run a view has, as the engine takes it: nothing to say where they lie one after the other.

import type { NativeSide } from "../addon/nativePlan.js";
import { elementsOf } from "./elementsOf.js";
import type { StoredEncoding } from "./types.js";

/** Element (i, j, …) is the one at i strides[0] + j strides[1] + …. */
export interface View {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export function viewEncoding(view: View): StoredEncoding | undefined {
  if (view.shape.includes(0)) return undefined;
  const sides = joinedSides(view);
  const [first, last, ...others] = sides;
  if (!first || (sides.length === 1 && first.stride === 1)) return undefined;
  if (last && others.length === 0 && first.stride === 1 && last.stride === first.length) {
    return { kind: "elements", row: first.length, transposed: true };
  }
  return { kind: "elements", row: elementsOf(view), view: sides };
}

/** Sides of more than one element; two of which the inner one goes on where the outer one stands are one. */
function joinedSides({ shape, strides }: View): NativeSide[] {
  const sides: NativeSide[] = [];
  for (const [at, length] of shape.entries()) {
    const stride = strides[at] as number;
    const before = sides.at(-1);
    if (length === 1) continue;
    if (before?.stride === length * stride) sides.splice(-1, 1, { length: before.length * length, stride });
    else sides.push({ length, stride });
  }
  return sides;
}
