// Operands as the engine wants them: matrices with rows and columns, roundings.

import type { Dtype } from "../addon/dtype.js";
import type { NativePart, NativeSource } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import type { Checkpoint, LowRankTerm, StoredTensor } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { isFloat, rounds } from "./dtypes.js";
import type { InputFiles } from "./inputFiles.js";
import type { Operand } from "./operands.js";
import type { VocabularyPlan } from "./request.js";

export interface RoundingRules {
  /** The recipe's `dtype`. */
  readonly dtype: Dtype | undefined;
  /** For base + adapter, which is never rounded otherwise. */
  readonly loraMergeDtype: Dtype | undefined;
}

/** [rows, columns] of a tensor: vectors are columns, everything beyond the first dimension is one row. */
export function matrixOf(shape: readonly number[]): { readonly rows: number; readonly cols: number } {
  const [rows = 1, ...rest] = shape;
  return { rows, cols: elementsOf({ shape: rest }) };
}

/** One operand as a matrix of its own. */
export function partOf(operand: Operand, files: InputFiles, rules: RoundingRules): NativePart {
  const { checkpoint } = operand.input;
  const { stored, from } = operand.tensor;
  const castTo = operand.adapted ? rules.loraMergeDtype : rules.dtype;
  const from32 = operand.effect ? "F32" : stored.dtype; // a sum with an adapter's term is float32 before it is rounded
  const round = castTo !== undefined && isFloat(stored.dtype) && rounds(from32, castTo);
  const { effect } = operand;
  return {
    ...files.range(checkpoint, from, stored),
    ...matrixOf(stored.shape),
    ...(round && { castTo }),
    ...(effect?.kind === "lowRank" && { lowRank: lowRank(effect.term, checkpoint, files) }),
    ...(effect?.kind === "add" && {
      add: { range: files.range(checkpoint, "adapter", effect.tensor), scale: effect.scale },
    }),
  };
}

function lowRank(term: LowRankTerm, checkpoint: Checkpoint, files: InputFiles): NonNullable<NativePart["lowRank"]> {
  const range = (tensor: StoredTensor) => files.range(checkpoint, "adapter", tensor);
  return {
    left: range(term.left),
    leftTransposed: term.leftTransposed,
    right: range(term.right),
    rightTransposed: term.rightTransposed,
    rank: term.rank,
    scale: term.scale,
    ...(term.experts === "stack" && { groups: term.left.shape[0] ?? 0 }),
    ...(term.dora && { dora: { magnitude: range(term.dora.magnitude), axis: term.dora.axis } }),
  };
}

/**
 * An operand as a source. Where the vocabulary changes, its rows are gathered from its own and other models' tensors of
 * the same slot.
 */
export function sourceOf(
  operand: Operand,
  files: InputFiles,
  rules: RoundingRules,
  vocabulary: VocabularyPlan | undefined,
  byModel: ReadonlyMap<string, Operand>,
): NativeSource {
  const gather = vocabulary?.gathers.get(operand.input.source.model.text);
  if (!gather) return { parts: [partOf(operand, files, rules)] };
  const parts = gather.models.map((model) => {
    const other = model === operand.input.source.model.text ? operand : byModel.get(model);
    if (!other) {
      throw new RetemperError("INCOMPATIBLE", `the new vocabulary takes rows from ${model}, which has no such tensor`, {
        tensor: operand.name,
        hint: "choose another source for these tokens",
      });
    }
    return partOf(other, files, rules);
  });
  return { parts, gather: { start: gather.start, part: gather.part, row: gather.row, meanRows: gather.meanRows } };
}
