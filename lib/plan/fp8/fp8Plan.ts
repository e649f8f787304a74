// A merge's plan as FP8 safetensors: the matrices of linear layers as codes, each followed by its scales, everything else as
// it would be.

import { RetemperError } from "../../errors.js";
import type { BuiltPlan } from "../build.js";
import { outputTensor, packShards } from "../shards.js";
import type { DraftTensor } from "../tensors.js";
import { FP8_STEP, linearMatrices } from "./linearMatrices.js";

export interface Fp8Plan {
  readonly built: BuiltPlan;
  /** Modules with a matrix that stays as it is. */
  readonly kept: readonly string[];
}

/** @throws RetemperError INCOMPATIBLE for a model without linear layers */
export function fp8Plan(built: BuiltPlan, outShardSize: number | undefined): Fp8Plan {
  const { codes, misshapen, kept } = linearMatrices(built.tensors);
  if (codes.size === 0) {
    throw new RetemperError(
      "INCOMPATIBLE",
      `the model has no linear layer that FP8 is written for${except(misshapen)}`,
      {
        hint: "write safetensors or, where it is a language model that llama.cpp knows, --format gguf",
      },
    );
  }
  const tensors: DraftTensor[] = [];
  for (const draft of built.tensors) {
    if (!codes.has(draft.name)) {
      tensors.push(draft);
      continue;
    }
    // Scales keep the 16 or 32 bits of the values; there are no codes of float64.
    const outDtype = draft.outDtype === "F64" ? "F32" : draft.outDtype;
    const scaled = { ...draft, outDtype, form: { codes: "F8_E4M3" } } as const;
    tensors.push(scaled, {
      ...scaled,
      name: `${draft.name}_scale`,
      shape: [draft.shape[0] ?? 0, 1],
      form: undefined,
      sources: [],
      identical: [],
      scalesOf: tensors.length,
    });
  }
  const warnings = misshapen.length === 0 ? [] : [stayed(misshapen)];
  return {
    built: {
      ...built,
      tensors,
      layout: packShards(tensors.map(outputTensor), outShardSize),
      warnings: [...built.warnings, ...warnings],
    },
    kept,
  };
}

function except(misshapen: readonly string[]): string {
  return misshapen.length === 0 ? "" : `: rows and columns are no multiples of ${FP8_STEP} (${misshapen[0]})`;
}

function stayed(misshapen: readonly string[]): string {
  const names = misshapen.slice(0, 3).join(", ");
  const more = misshapen.length > 3 ? " and others" : "";
  return `${misshapen.length} matrices stay as they are: their rows or columns, or those of a matrix that servers join with them, are no multiple of ${FP8_STEP} (${names}${more})`;
}
