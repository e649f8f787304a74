// Every op with every setting that has one definite result, and the tensors that each is tried on.

import type { NativeParams } from "../../lib/addon/nativePlan.js";
import type { TaskArithmeticParams } from "./reference/taskArithmetic.js";

/** Tensors of the pool: a base, three fine-tuned from it, one unrelated, one nearly the base. */
export const POOL = ["base", "tuned1", "tuned2", "tuned3", "far", "near"] as const;
export type PoolName = (typeof POOL)[number];

export interface Case {
  readonly title: string;
  readonly sources: readonly PoolName[];
  readonly params: NativeParams;
}

/** Scalars, single elements, odd lengths, a row longer than any vector register, three dimensions, nothing at all. */
export const SHAPES: readonly (readonly number[])[] = [
  [0],
  [],
  [1],
  [3],
  [1, 1],
  [5, 1],
  [7, 13],
  [3, 5, 7],
  [257, 129],
  [1, 4099],
];

/** More than two of the engine's blocks, and no multiple of anything. */
export const LARGE_SHAPE: readonly number[] = [300, 1031];

const THREE = ["base", "tuned1", "tuned2", "tuned3"] as const;
const WEIGHTS = [0.5135791, 0.3297317, 0.4071133];

function arithmetic(settings: Partial<TaskArithmeticParams>): TaskArithmeticParams {
  return {
    op: "task_arithmetic",
    sparsifier: "none",
    election: false,
    normalize: false,
    rescale: "none",
    lambda: 1,
    weights: WEIGHTS,
    densities: [1, 1, 1],
    gammas: [0.01, 0.01, 0.01],
    epsilons: [0.15, 0.15, 0.15],
    ...settings,
  };
}

const elected = { election: true, normalize: true } as const;
const magnitude = { sparsifier: "magnitude", densities: [0.5, 0.3, 0.7] } as const;
const outliers = { sparsifier: "outliers", densities: [0.9, 0.35, 0.5], gammas: [0.01, 0.1, 0.05] } as const;

export const CASES: readonly Case[] = [
  { title: "copy", sources: ["tuned1"], params: { op: "copy" } },
  {
    title: "linear of one, scaled",
    sources: ["tuned1"],
    params: { op: "linear", weights: [1.25], normalize: false },
  },
  {
    title: "linear, normalised",
    sources: ["base", "tuned1", "far"],
    params: { op: "linear", weights: [0.7, 0.2, 0.4], normalize: true },
  },
  {
    title: "linear, extrapolating",
    sources: ["base", "far"],
    params: { op: "linear", weights: [1.3, -0.3], normalize: false },
  },
  { title: "slerp on the arc", sources: ["base", "far"], params: { op: "slerp", t: 0.35, threshold: 0.9995 } },
  { title: "slerp beyond the ends", sources: ["base", "far"], params: { op: "slerp", t: 1.4, threshold: 0.9995 } },
  { title: "slerp of near tensors", sources: ["base", "near"], params: { op: "slerp", t: 0.6, threshold: 0.9995 } },
  {
    title: "slerp with a threshold of its own",
    sources: ["base", "tuned1"],
    params: { op: "slerp", t: 0.3, threshold: 0.5 },
  },
  ...(["flat", "last", "first"] as const).flatMap((axis): Case[] => [
    {
      title: `nuslerp, ${axis}`,
      sources: ["tuned1", "far"],
      params: { op: "nuslerp", weights: [0.3, 0.9], hasBase: false, axis },
    },
    {
      title: `nuslerp of deltas, ${axis}`,
      sources: ["base", "tuned1", "tuned2"],
      params: { op: "nuslerp", weights: [0.3, 0.9], hasBase: true, axis },
    },
  ]),
  {
    title: "nuslerp with weights that cancel",
    sources: ["tuned1", "far"],
    params: { op: "nuslerp", weights: [0.4, -0.4], hasBase: false, axis: "flat" },
  },
  {
    title: "multislerp",
    sources: ["tuned1", "far", "tuned3"],
    params: { op: "multislerp", weights: [0.5, 0.3, 0.4], normalizeWeights: true, eps: 1e-8, hasBase: false },
  },
  {
    title: "multislerp of deltas, weights as they are",
    sources: [...THREE],
    params: { op: "multislerp", weights: [0.5, 0.2, 0.4], normalizeWeights: false, eps: 1e-8, hasBase: true },
  },
  { title: "karcher of related models", sources: [...THREE], params: { op: "karcher", maxIter: 10, tol: 1e-5 } },
  {
    title: "karcher of unrelated models",
    sources: ["base", "far", "tuned3"],
    params: { op: "karcher", maxIter: 25, tol: 1e-9 },
  },
  { title: "nearswap", sources: ["base", "tuned1"], params: { op: "nearswap", t: 0.0015 } },
  { title: "arcee_fusion", sources: ["base", "far"], params: { op: "arcee_fusion" } },
  { title: "task arithmetic", sources: [...THREE], params: arithmetic({ weights: [0.5, 0.7, -0.2], lambda: 0.8 }) },
  { title: "task arithmetic, normalised", sources: [...THREE], params: arithmetic({ normalize: true }) },
  {
    title: "task arithmetic, weights that cancel",
    sources: ["base", "tuned1", "tuned2"],
    params: arithmetic({
      ...{ weights: [0.5, -0.5], densities: [1, 1], gammas: [0, 0], epsilons: [0, 0] },
      normalize: true,
    }),
  },
  { title: "ties without trimming", sources: [...THREE], params: arithmetic({ ...elected, sparsifier: "magnitude" }) },
  { title: "ties", sources: [...THREE], params: arithmetic({ ...elected, ...magnitude }) },
  {
    title: "ties with a negative weight and lambda 1.5",
    sources: [...THREE],
    params: arithmetic({ ...elected, ...magnitude, weights: [0.81, -0.35, 0.53], lambda: 1.5 }),
  },
  { title: "ties, L1 rescaled", sources: [...THREE], params: arithmetic({ ...elected, ...magnitude, rescale: "l1" }) },
  {
    title: "trimming to one element, to nothing and not at all",
    sources: [...THREE],
    params: arithmetic({ sparsifier: "magnitude", densities: [1e-9, 0, 1] }),
  },
  { title: "breadcrumbs", sources: [...THREE], params: arithmetic(outliers) },
  { title: "breadcrumbs with election", sources: [...THREE], params: arithmetic({ ...outliers, election: true }) },
  {
    title: "random mask of density 1",
    sources: [...THREE],
    params: arithmetic({ sparsifier: "random", rescale: "l1", election: true }),
  },
  {
    title: "random mask of density 1 and 0",
    sources: [...THREE],
    params: arithmetic({ sparsifier: "random", rescale: "inverse_density", densities: [1, 0, 1] }),
  },
  {
    title: "ranked mask of density 1",
    sources: [...THREE],
    params: arithmetic({ sparsifier: "ranked", rescale: "l1", ...elected }),
  },
  { title: "model_stock", sources: [...THREE], params: { op: "model_stock", filterWise: false } },
  { title: "model_stock of two", sources: ["base", "tuned1", "far"], params: { op: "model_stock", filterWise: false } },
  { title: "model_stock by rows", sources: [...THREE], params: { op: "model_stock", filterWise: true } },
  { title: "sce of everything", sources: [...THREE], params: { op: "sce", selectTopk: 1 } },
  { title: "sce of a third", sources: [...THREE], params: { op: "sce", selectTopk: 0.35 } },
  { title: "sce of nothing", sources: [...THREE], params: { op: "sce", selectTopk: 0 } },
  { title: "ram", sources: [...THREE], params: { op: "ram", epsilon: 1e-3, r: 0, alpha: 0 } },
  { title: "ramplus", sources: [...THREE], params: { op: "ram", epsilon: 5e-3, r: 0.3, alpha: 0.5 } },
];
