// What a merge does to one tensor of the model that an adapter lies on: nothing, a sum of low-rank terms, or anything.
// Decided from the plan alone, by the same sources and weights that a written merge is made of.

import { layerOf } from "../../checkpoint/families.js";
import type { Checkpoint, LowRankTerm, StoredTensor } from "../../checkpoint/types.js";
import type { BuiltPlan } from "../../plan/build.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { AdapterBase } from "./adapterBase.js";
import { coefficients } from "./coefficients.js";

/** `factor` times the product of PEFT's B and A of an adapter. */
export interface Term {
  readonly checkpoint: Checkpoint;
  readonly a: StoredTensor;
  readonly b: StoredTensor;
  readonly rank: number;
  /** The term's own scale included. */
  readonly factor: number;
  /** The base stores the product's transpose: GPT-2's layers, embeddings. */
  readonly transposed: boolean;
}

export type TensorChange =
  | { readonly kind: "none" }
  /** Base + the sum of the terms, exactly. */
  | { readonly kind: "terms"; readonly terms: readonly Term[] }
  /** Other values. `why` says what they are made of. */
  | {
      readonly kind: "other";
      readonly why: string;
      /** The one source whose values they are, where there is one. */
      readonly source: number | undefined;
      /** One model's values as they are, or a weighted sum of some that an adapter holds whole. */
      readonly saved: boolean;
    };

/** Weights that add up to 1 but for this are taken to. */
const ROUNDING = 1e-12;

/**
 * @param draft a tensor of the merge's plan
 * @param inputs the plan's files
 * @param checkpoints by reference text
 */
export function tensorChange(
  { name, params, sources, models }: DraftTensor,
  inputs: BuiltPlan["inputs"],
  base: AdapterBase,
  checkpoints: ReadonlyMap<string, Checkpoint>,
): TensorChange {
  const stored = base.checkpoint.tensors.get(name);
  const weights = coefficients(params, sources.length);
  const plain = sources.every(({ gather, parts }) => !gather && parts.length === 1);
  // The base's own bytes, whatever an adapter adds to them.
  const file = stored && base.checkpoint.files[stored.file]?.path;
  const lies = sources.map(({ parts: [part] }) => {
    return plain && part !== undefined && part.offset === stored?.offset && inputs[part.input]?.path === file;
  });
  const effects = models.map((model) => checkpoints.get(model)?.adapter?.effects.get(name));
  const changed = lies.some((on, at) => !on || effects[at] !== undefined);
  if (!changed) return weightsKeep(weights) ? { kind: "none" } : { kind: "other", ...scaled(weights) };
  if (typeof weights === "string") {
    return { kind: "other", why: `the method ${weights}`, source: undefined, saved: false };
  }
  const [used] = [...weights.keys()].filter((at) => weights[at] !== 0);
  const single = weights.filter((weight) => weight !== 0).length === 1 && weights[used ?? 0] === 1;
  const other = (why: string, saved: boolean): TensorChange => {
    return { kind: "other", why, source: single ? used : undefined, saved };
  };
  const terms: Term[] = [];
  for (const [at, weight] of weights.entries()) {
    if (weight === 0) continue;
    const [effect, model] = [effects[at], models[at] as string];
    const checkpoint = checkpoints.get(model) as Checkpoint;
    if (effect?.kind === "replace" || checkpoint.adapter?.added.has(name))
      return other(`${model} replaces it whole`, true);
    if (effect?.kind === "add") return other(`${model} adds to a bias (lora_bias)`, true);
    if (!lies[at]) return other(`${model} is a model of its own`, false);
    if (effect === undefined) continue;
    if (effect.base) return other(`${model} replaces it whole`, true);
    if (effect.term.dora) return other(`${model} is a DoRA adapter, whose weights are divided by their norms`, false);
    if (effect.term.experts) return other(`${model} adapts all experts of a layer as one parameter`, false);
    terms.push(termOf(checkpoint, effect.term, weight));
  }
  if (!weightsKeep(weights)) return { kind: "other", ...scaled(weights) };
  return terms.length > 0 ? { kind: "terms", terms } : { kind: "none" };
}

/** True for a matrix inside of a layer, the only ones whose change is approximated; all others are kept whole. */
export function isLayerMatrix(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && shape.every((size) => size > 1) && name.endsWith(".weight") && layerOf(name) !== null;
}

function weightsKeep(weights: readonly number[] | string): boolean {
  // The same bytes from every model: methods other than sums give them back, up to rounding.
  return typeof weights === "string" || Math.abs(weights.reduce((sum, one) => sum + one, 0) - 1) <= ROUNDING;
}

function scaled(weights: readonly number[] | string) {
  const sum = typeof weights === "string" ? 0 : weights.reduce((total, one) => total + one, 0);
  return {
    why: `the weights of the models add up to ${sum}, so that the base is scaled too`,
    source: undefined,
    saved: false,
  };
}

function termOf(checkpoint: Checkpoint, term: LowRankTerm, weight: number): Term {
  const { left, right, leftTransposed: transposed, rank, scale } = term;
  const [a, b] = transposed ? [left, right] : [right, left];
  return { checkpoint, a, b, rank, factor: weight * scale, transposed };
}
