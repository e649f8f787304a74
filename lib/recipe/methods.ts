// One record a merge method: which parameters it takes, with which defaults, and which models it needs.

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
] as const;

export type MethodName = (typeof METHOD_NAMES)[number];
