// The records of the methods made for safety. A is the aligned model (`base_model`), F the fine-tuned one, U the model that A
// was aligned from (`unaligned_model`); D = F - A, V = A - U. What each makes of them is in lib/merge/prepared.

import type { MethodRecord, ParameterRecord } from "./methodRecord.js";

const number = (value: number, min?: number): ParameterRecord => {
  return { type: "number", required: false, default: value, ...(min !== undefined && { min }) };
};
/** One value for all tensors. */
const one = (record: ParameterRecord): ParameterRecord => ({ ...record, constant: true });
const lambda = number(1);

const ONE_TUNED = {
  perModel: {},
  baseIsInput: false,
  base: "required",
  inputs: { min: 2, max: 2 },
  nonBase: { min: 1, max: 1 },
  optionalTensor: "drop",
  lambda: "lambda",
} as const satisfies Partial<MethodRecord>;

export const SAFETY_METHODS = {
  // A + lambda D + gamma V. density: the share of V that DARE keeps.
  resta: {
    ...ONE_TUNED,
    title: "RESTA",
    source: "https://arxiv.org/abs/2402.11746",
    global: { lambda, gamma: number(0.5), density: number(1) },
    safer: { lambda: "smaller", gamma: "larger" },
    prepared: { unaligned: true, safe: false, gates: false },
  },
  // A + lambda C D where rho <= threshold, else A + lambda D. number: the threshold is the number-th smallest rho.
  safe_lora: {
    ...ONE_TUNED,
    title: "Safe LoRA",
    source: "https://arxiv.org/abs/2405.16833",
    global: { lambda, threshold: one(number(0.5)), number: one({ type: "integer", required: false, min: 1 }) },
    safer: { lambda: "smaller", threshold: "larger", number: "larger" },
    prepared: { unaligned: true, safe: false, gates: true },
  },
  // A + lambda ((1 - alpha) D + alpha D_S) where rho < threshold, else A + lambda D. S is `safe_model`.
  safemerge: {
    ...ONE_TUNED,
    title: "SafeMERGE",
    source: "https://arxiv.org/abs/2503.17239",
    global: { lambda, threshold: one(number(0.35)), alpha: one(number(0.2)) },
    safer: { lambda: "smaller", threshold: "larger", alpha: "larger" },
    prepared: { unaligned: true, safe: true, gates: true },
  },
  // A + coefficient V_k, V_k the nearest matrix of rank k to V; k = 0: V itself. There is no fine-tuned model.
  lox: {
    title: "LoX",
    source: "https://arxiv.org/abs/2506.15606",
    global: { k: one({ type: "integer", required: false, default: 6, min: 0 }), coefficient: number(1.25) },
    perModel: {},
    baseIsInput: false,
    base: "required",
    inputs: { min: 1, max: 1 },
    optionalTensor: "drop",
    safer: { coefficient: "larger" },
    prepared: { unaligned: true, safe: false, gates: false },
  },
  // A + lambda D + alpha P V, P on as many left singular vectors of V as their entropy's share eta needs.
  lssf: {
    ...ONE_TUNED,
    title: "LSSF",
    source: "https://arxiv.org/abs/2602.00038",
    global: { lambda, eta: one(number(0.9, 0)), alpha: number(1) },
    safer: { lambda: "smaller", alpha: "larger" },
    prepared: { unaligned: true, safe: false, gates: false },
  },
  // A + lambda of what is kept of D. s: how much may be kept; rows: a file of safe rows.
  safe_delta: {
    ...ONE_TUNED,
    title: "Safe Delta",
    source: "https://arxiv.org/abs/2505.12038",
    global: { lambda, s: one(number(0.1, 0)), rows: one({ type: "text", required: true }) },
    safer: { lambda: "smaller", s: "smaller" },
    prepared: { unaligned: false, safe: false, gates: false },
  },
} as const satisfies Readonly<Record<string, MethodRecord>>;
