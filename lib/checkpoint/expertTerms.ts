// Low-rank terms of stacks of experts. PEFT keeps the factors of all experts in two matrices: A [experts r, in], whose rows are
// those of one expert after the other, and B [out, r experts], whose columns are those of all experts for each of the r.
//
// W[e, o, i] += scale sum_j B[o, j experts + e] A[e r + j, i], or W[e, i, o] where the model stores experts turned (PEFT,
// tuners/lora/layer.py, ParamWrapper.get_delta_weight).

import { elementsOf } from "./elementsOf.js";
import type { ExpertStack } from "./expertStacks.js";
import type { LowRankTerm, StoredTensor } from "./types.js";
import { viewEncoding } from "./viewEncoding.js";

export interface ExpertFactors {
  /** lora_A [experts rank, in] */
  readonly a: StoredTensor;
  /** lora_B [out, rank experts] */
  readonly b: StoredTensor;
  /** Of each expert. */
  readonly rank: number;
  readonly scale: number;
}

type Sides = readonly (readonly [length: number, stride: number])[];

/** How the factors fit a stack: "plain": rows are outputs; "turned": columns are; undefined: not. */
export function expertOrientation(
  { experts, rows, columns }: ExpertStack,
  { a, b, rank }: Pick<ExpertFactors, "a" | "b" | "rank">,
  turned: boolean,
): "plain" | "turned" | undefined {
  const [stacked, inputs] = a.shape;
  const [outputs, beside] = b.shape;
  if (experts * rows * columns === 0) return undefined;
  if (a.shape.length !== 2 || b.shape.length !== 2 || stacked !== experts * rank || beside !== stacked)
    return undefined;
  const plain = outputs === rows && inputs === columns;
  const other = outputs === columns && inputs === rows;
  if (plain && other) return turned ? "turned" : "plain";
  return plain ? "plain" : other ? "turned" : undefined;
}

/** The term of each stored tensor of the stack, by its name. */
export function expertTerms(
  { experts, rows, columns, stored }: ExpertStack,
  { a, b, rank, scale }: ExpertFactors,
  orientation: "plain" | "turned",
): Map<string, LowRankTerm> {
  const all = experts * rank;
  const shared = { leftTransposed: false, rightTransposed: false, rank, scale } as const;
  // of B, one output further is a row further, one expert further a column
  const bOut = (length: number) => [length, all] as const;
  const bRank = [rank, experts] as const;
  const [aCols] = a.shape.slice(1) as [number];
  const aRank = [rank, aCols] as const;
  if (!Array.isArray(stored)) {
    const [left, right] =
      orientation === "plain"
        ? [view(b, 0, [[experts, 1], bOut(rows), bRank]), view(a, 0, [[experts, rank * aCols], aRank, [columns, 1]])]
        : [view(a, 0, [[experts, rank * aCols], [rows, 1], aRank]), view(b, 0, [[experts, 1], bRank, bOut(columns)])];
    return new Map([[(stored as StoredTensor).name, { left, right, ...shared, experts: "stack" }]]);
  }
  const slices = stored as Exclude<ExpertStack["stored"], StoredTensor>;
  return new Map(
    slices.map(({ tensor, expert, firstRow }) => {
      const own = tensor.shape[0] ?? 0;
      const place = expert * rank * aCols;
      const [left, right] =
        orientation === "plain"
          ? [view(b, firstRow * all + expert, [bOut(own), bRank]), view(a, place, [aRank, [columns, 1]])]
          : [view(a, place + firstRow, [[own, 1], aRank]), view(b, expert, [bRank, bOut(columns)])];
      return [tensor.name, { left, right, ...shared, experts: "slice" }];
    }),
  );
}

/** Some elements of a matrix that is stored whole and in order. */
function view(tensor: StoredTensor, first: number, sides: Sides): StoredTensor {
  const shape = sides.map(([length]) => length);
  const width = tensor.bytes / elementsOf(tensor);
  const encoding = viewEncoding({ shape, strides: sides.map(([, stride]) => stride) });
  return {
    ...tensor,
    shape,
    offset: tensor.offset + first * width,
    bytes: elementsOf({ shape }) * width,
    ...(encoding && { encoding }),
  };
}
