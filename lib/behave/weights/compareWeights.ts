// The weights of two models of this machine: how far they lie apart, and where on the other one's line.

import { RetemperError } from "../../errors.js";
import type { LocalSide } from "../sides/side.js";
import type { LineFit, WeightComparison } from "../types.js";
import { fitChanges, fitLine } from "./fitLine.js";
import { type MeasuredTensor, measureTensors } from "./measureTensors.js";

/** Tensors that are listed. */
const LISTED = 5;

export interface WeightFindings {
  readonly weights?: WeightComparison;
  /** All tensors that differ, those that differ most first. */
  readonly differing?: WeightComparison["most"];
  /** Why they could not be compared: other tensors, other shapes. */
  readonly misfit?: string;
  /** Neither has stored tensors to compare with. */
  readonly unknown?: true;
}

/**
 * @param line the side that lies on a line by its own word, "a" or "b"; where both do, A's is taken
 */
export async function compareWeights(
  a: LocalSide,
  b: LocalSide,
  options: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<WeightFindings> {
  const [owner, other] = a.line ? [a, b] : b.line ? [b, a] : [undefined, undefined];
  const line = owner?.line && other?.stored !== undefined ? owner.line : undefined;
  const direct = a.stored !== undefined && b.stored !== undefined;
  if (!direct && line === undefined) return { unknown: true };
  // Of two adapters, each with its base, base and change can be told apart.
  const both = direct && a.line?.what === "adapter" && b.line?.what === "adapter";
  const references = [
    ...(direct ? [a.stored as string, b.stored as string] : []),
    ...(both ? [a.line?.origin as string, b.line?.origin as string] : []),
    ...(line && !both ? [line.origin, line.end, other?.stored as string] : []),
  ];
  let tensors: MeasuredTensor[];
  try {
    tensors = await measureTensors(references, options);
  } catch (error) {
    if (!(error instanceof RetemperError) || error.code !== "INCOMPATIBLE") throw error;
    return { misfit: error.message };
  }
  const from = direct ? 2 : 0;
  const what = line && { what: line.what, expected: line.scale };
  const fit = both
    ? fitChanges(tensors, { origin: 2, end: 0, otherOrigin: 3, otherEnd: 1 })
    : what && fitLine(tensors, { origin: from, end: from + 1, other: from + 2 }, what);
  return direct ? apart(tensors, 0, 1, fit) : onLine(tensors, fit);
}

function apart(tensors: readonly MeasuredTensor[], a: number, b: number, line: LineFit | undefined): WeightFindings {
  const list = tensors.map((tensor) => {
    const distance2 = tensor.distance2(a, b);
    return { name: tensor.name, distance2, norm2: tensor.norm2(a) };
  });
  return summed(list, line);
}

/** Without stored tensors of its own, a merge's distance follows from the line: origin + scale (end - origin). */
function onLine(tensors: readonly MeasuredTensor[], line: LineFit | undefined): WeightFindings {
  const s = line?.expected ?? 0;
  const list = tensors.map((tensor) => {
    const [change2, moved2] = [tensor.distance2(0, 1), tensor.distance2(0, 2)];
    const product = (moved2 + change2 - tensor.distance2(1, 2)) / 2;
    const distance2 = Math.max(0, moved2 - 2 * s * product + s * s * change2);
    return { name: tensor.name, distance2, norm2: tensor.norm2(0) };
  });
  return summed(list, line);
}

interface Apart {
  readonly name: string;
  readonly distance2: number;
  readonly norm2: number;
}

function summed(list: readonly Apart[], line: LineFit | undefined): WeightFindings {
  const share = (part2: number, whole2: number) => (part2 === 0 ? 0 : Math.sqrt(part2 / whole2));
  const total = (key: "distance2" | "norm2") => list.reduce((sum, one) => sum + one[key], 0);
  const differing = list
    .filter(({ distance2 }) => distance2 > 0)
    .map(({ name, distance2, norm2 }) => ({ name, distance: share(distance2, norm2) }))
    .sort((x, y) => y.distance - x.distance);
  const weights = {
    tensors: list.length,
    equal: list.length - differing.length,
    distance: share(total("distance2"), total("norm2")),
    most: differing.slice(0, LISTED),
    ...(line && { line }),
  };
  return { weights, differing };
}
