// The records of the generalised task arithmetic family, which differ in a sparsifier and three switches only.

import type { MethodRecord, ParameterRecord, TaskArithmeticRecord } from "./methodRecord.js";

/** How a sparsified delta is scaled back: to its own L1 norm, or by 1/density as DARE's paper does. */
export const RESCALE_MODES = ["l1", "inverse_density"] as const;
export type RescaleMode = (typeof RESCALE_MODES)[number];

/** The method record of one member of the family. */
export function taskArithmeticMethod(title: string, source: string, family: TaskArithmeticRecord): MethodRecord {
  const perModel: Record<string, ParameterRecord> = {
    weight: { type: "number", required: true },
    density: { type: "number", required: false, default: 1 },
  };
  // gamma: share of the largest magnitudes that Breadcrumbs drops as outliers.
  if (family.sparsifier === "outliers") perModel.gamma = { type: "number", required: false, default: 0.01 };
  // epsilon: half the spread of DELLA's keep probabilities around the density.
  if (family.sparsifier === "ranked") perModel.epsilon = { type: "number", required: false, default: 0.15 };
  return {
    title,
    source,
    global: {
      normalize: { type: "boolean", required: false, default: family.normalize },
      rescale: { type: "boolean", required: false, default: family.rescale },
      rescale_mode: { type: "choice", required: false, default: "l1", choices: RESCALE_MODES },
      lambda: { type: "number", required: false, default: 1 },
      // Accepted for compatibility; the masks of this engine take no memory.
      int8_mask: { type: "boolean", required: false, default: false },
    },
    perModel,
    baseIsInput: false,
    base: "required",
    inputs: { min: 1 },
    optionalTensor: "drop",
    taskArithmetic: family,
    lambda: "weight",
  };
}
