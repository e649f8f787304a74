// One record a merge method: which parameters it takes, with which defaults, and which models it needs.
// The recipe reader checks against these records and the planner reads its defaults from them; the arithmetic is
// in the native engine.

import type { MethodRecord, ParameterRecord, ParameterType } from "./methodRecord.js";
import { SAFETY_METHODS } from "./safetyMethods.js";
import { taskArithmeticMethod } from "./taskArithmetic.js";

export const METHOD_NAMES = [
  "linear",
  "slerp",
  "nuslerp",
  "multislerp",
  "karcher",
  "nearswap",
  "arcee_fusion",
  "passthrough",
  "task_arithmetic",
  "ties",
  "dare_linear",
  "dare_ties",
  "breadcrumbs",
  "breadcrumbs_ties",
  "della",
  "della_linear",
  "model_stock",
  "sce",
  "ram",
  "ramplus_tl",
  "resta",
  "safe_lora",
  "safemerge",
  "lox",
  "lssf",
  "safe_delta",
] as const;

export type MethodName = (typeof METHOD_NAMES)[number];

const required = (type: ParameterType): ParameterRecord => ({ type, required: true });
const optional = (type: ParameterType, value: number | boolean, min?: number): ParameterRecord => ({
  type,
  required: false,
  default: value,
  ...(min === undefined ? {} : { min }),
});

const weight = required("number");

export const METHODS: Readonly<Record<MethodName, MethodRecord>> = {
  linear: {
    title: "weighted average",
    source: "https://arxiv.org/abs/2203.05482",
    global: { normalize: optional("boolean", true) },
    perModel: { weight },
    baseIsInput: true,
    base: "ignored",
    inputs: { min: 1 },
    optionalTensor: "drop",
    lambda: "weight",
  },
  slerp: {
    title: "spherical interpolation",
    source: "https://doi.org/10.1145/325334.325242",
    // slerp_threshold: |cosine| above which the straight line is taken.
    global: { t: required("number"), slerp_threshold: optional("number", 0.9995) },
    perModel: {},
    baseIsInput: true,
    base: "required",
    inputs: { min: 2, max: 2 },
    optionalTensor: "passthrough",
    lambda: "t",
  },
  nuslerp: {
    title: "weighted spherical interpolation",
    global: { nuslerp_flatten: optional("boolean", true), nuslerp_row_wise: optional("boolean", false) },
    perModel: { weight },
    baseIsInput: false,
    base: "optional",
    inputs: { min: 2, max: 3 },
    nonBase: { min: 2, max: 2 },
    optionalTensor: "passthrough",
    lambda: "weight",
  },
  multislerp: {
    title: "spherical interpolation of several models",
    source: "https://goddard.blog/posts/multislerp-wow-what-a-cool-idea",
    global: { normalize_weights: optional("boolean", true), eps: optional("number", 1e-8, 0) },
    perModel: { weight },
    baseIsInput: false,
    base: "optional",
    inputs: { min: 1 },
    nonBase: { min: 1 },
    optionalTensor: "drop",
  },
  karcher: {
    title: "Karcher mean",
    source: "https://arxiv.org/abs/2603.04972",
    global: { max_iter: optional("integer", 10, 0), tol: optional("number", 1e-5, 0) },
    perModel: {},
    baseIsInput: true,
    base: "ignored",
    inputs: { min: 1 },
    optionalTensor: "drop",
  },
  nearswap: {
    title: "interpolation where the models are near",
    source: "https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
    global: { t: required("number") },
    perModel: {},
    baseIsInput: true,
    base: "required",
    inputs: { min: 2, max: 2 },
    optionalTensor: "passthrough_base",
  },
  arcee_fusion: {
    title: "fusion of the most important changes",
    source: "https://arcee.ai",
    global: {},
    perModel: {},
    baseIsInput: true,
    base: "required",
    inputs: { min: 2, max: 2 },
    optionalTensor: "passthrough",
  },
  passthrough: {
    title: "copy",
    global: {},
    perModel: { scale: { type: "number", required: false } },
    baseIsInput: true,
    base: "ignored",
    inputs: { min: 1, max: 1 },
    optionalTensor: "drop",
  },
  task_arithmetic: taskArithmeticMethod("task arithmetic", "https://arxiv.org/abs/2212.04089", {
    sparsifier: "none",
    election: false,
    normalize: false,
    rescale: false,
  }),
  ties: taskArithmeticMethod("TIES", "https://arxiv.org/abs/2306.01708", {
    sparsifier: "magnitude",
    election: true,
    normalize: true,
    rescale: false,
  }),
  dare_linear: taskArithmeticMethod("DARE", "https://arxiv.org/abs/2311.03099", {
    sparsifier: "random",
    election: false,
    normalize: false,
    rescale: true,
  }),
  dare_ties: taskArithmeticMethod("DARE with TIES", "https://arxiv.org/abs/2311.03099", {
    sparsifier: "random",
    election: true,
    normalize: false,
    rescale: true,
  }),
  breadcrumbs: taskArithmeticMethod("Model Breadcrumbs", "https://arxiv.org/abs/2312.06795", {
    sparsifier: "outliers",
    election: false,
    normalize: false,
    rescale: false,
  }),
  breadcrumbs_ties: taskArithmeticMethod("Model Breadcrumbs with TIES", "https://arxiv.org/abs/2312.06795", {
    sparsifier: "outliers",
    election: true,
    normalize: false,
    rescale: false,
  }),
  della: taskArithmeticMethod("DELLA", "https://arxiv.org/abs/2406.11617", {
    sparsifier: "ranked",
    election: true,
    normalize: true,
    rescale: true,
  }),
  della_linear: taskArithmeticMethod("DELLA without election", "https://arxiv.org/abs/2406.11617", {
    sparsifier: "ranked",
    election: false,
    normalize: false,
    rescale: true,
  }),
  model_stock: {
    title: "Model Stock",
    source: "https://arxiv.org/abs/2403.19522",
    global: { filter_wise: optional("boolean", false) },
    perModel: {},
    baseIsInput: false,
    base: "required",
    inputs: { min: 3 },
    optionalTensor: "base",
  },
  sce: {
    title: "SCE",
    source: "https://arxiv.org/abs/2408.07990",
    global: { select_topk: optional("number", 1), int8_mask: optional("boolean", false) },
    perModel: {},
    baseIsInput: false,
    base: "required",
    inputs: { min: 1 },
    optionalTensor: "drop",
  },
  ram: {
    title: "Reinforced Agent Merging",
    source: "https://arxiv.org/abs/2601.13572",
    global: { epsilon: optional("number", 1e-5) },
    perModel: {},
    baseIsInput: false,
    base: "required",
    inputs: { min: 1 },
    optionalTensor: "drop",
  },
  ramplus_tl: {
    title: "Reinforced Agent Merging Plus, tensor by tensor",
    source: "https://arxiv.org/abs/2601.13572",
    global: { r: optional("number", 0.1), alpha: optional("number", 0.2), epsilon: optional("number", 1e-5) },
    perModel: {},
    baseIsInput: false,
    base: "required",
    inputs: { min: 1 },
    optionalTensor: "drop",
  },
  ...SAFETY_METHODS,
};

const everyParameter = new Set(
  Object.values(METHODS).flatMap((method) => [...Object.keys(method.global), ...Object.keys(method.perModel)]),
);

/** The names of all parameters that any method has. */
export const PARAMETER_NAMES: readonly string[] = [...everyParameter];

/** True if any method has a parameter of this name. */
export function isKnownParameter(name: string): boolean {
  return everyParameter.has(name);
}

/** The record of one parameter of a method and whether it is set per model; undefined if the method has none. */
export function findParameter(
  method: MethodName,
  name: string,
): { readonly record: ParameterRecord; readonly perModel: boolean } | undefined {
  const { global, perModel } = METHODS[method];
  const own = Object.hasOwn(perModel, name) ? perModel[name] : undefined;
  if (own !== undefined) return { record: own, perModel: true };
  const shared = Object.hasOwn(global, name) ? global[name] : undefined;
  return shared === undefined ? undefined : { record: shared, perModel: false };
}
