// The low-rank terms that are trained: for each module A and B (and DoRA's magnitude), as float32 arrays that the optimiser
// changes.

import type { FloatTensor } from "../../checkpoint/tensorFile.js";
import { RetemperError } from "../../errors.js";
import type { TuneSettings } from "../settings.js";
import { DRAW, uniforms } from "../training/random.js";
import type { LinearModule } from "./modules.js";

/** One array that is trained. */
export interface Parameter {
  /** Its key in adapter_model.safetensors. */
  readonly key: string;
  readonly shape: readonly number[];
  /** Changed in place by the optimiser. */
  readonly values: Float32Array;
}

/** W becomes W + scale * B A; with a magnitude m, each row of that is brought to the length m. */
export interface Term {
  readonly module: LinearModule;
  /** Its place among the terms: keys its dropout. */
  readonly index: number;
  readonly scale: number;
  /** [rank, in] */
  readonly a: Parameter;
  /** [out, rank] */
  readonly b: Parameter;
  /** [out] */
  readonly magnitude?: Parameter | undefined;
}

/** Lengths of W's rows, for DoRA. */
export type RowNorms = (module: LinearModule) => Float32Array;

/**
 * New terms: A uniform in ±1 / sqrt(in) (PyTorch's Kaiming initialisation as PEFT uses it), B zero, unless `stored` has them.
 * @throws RetemperError INCOMPATIBLE where `stored` lacks a module, or has another shape
 */
export function makeTerms(
  modules: readonly LinearModule[],
  settings: Pick<TuneSettings, "rank" | "alpha" | "rslora" | "dora" | "seed">,
  rowNorms: RowNorms,
  stored?: { readonly tensors: ReadonlyMap<string, FloatTensor>; readonly file: string },
): Term[] {
  const { rank, alpha, rslora, dora, seed } = settings;
  const taken = (key: string, shape: readonly number[], needed: boolean): Float32Array | undefined => {
    const found = stored?.tensors.get(key) ?? stored?.tensors.get(`${key}.weight`);
    if (!stored || (!found && !needed)) return undefined;
    if (found && found.shape.join() === shape.join()) return found.values.slice();
    const what = found ? `is [${found.shape.join(", ")}], not [${shape.join(", ")}]` : "is missing";
    throw new RetemperError("INCOMPATIBLE", `${key} ${what}: the adapter does not fit the model and the settings`, {
      file: stored.file,
    });
  };
  return modules.map((module, index) => {
    const key = (name: string) => `base_model.model.${module.name}.${name}`;
    const aShape = [rank, module.in];
    const bShape = [module.out, rank];
    const a = taken(key("lora_A.weight"), aShape, true) ?? initial(rank * module.in, module.in, seed, index);
    const b = taken(key("lora_B.weight"), bShape, false) ?? new Float32Array(module.out * rank);
    const name = key("lora_magnitude_vector");
    const lengths = dora ? (taken(name, [module.out], false) ?? rowNorms(module)) : undefined;
    return {
      module,
      index,
      scale: alpha / (rslora ? Math.sqrt(rank) : rank),
      a: { key: key("lora_A.weight"), shape: aShape, values: a },
      b: { key: key("lora_B.weight"), shape: bShape, values: b },
      magnitude: lengths && { key: name, shape: [module.out], values: lengths },
    };
  });
}

export function parametersOf({ a, b, magnitude }: Term): Parameter[] {
  return magnitude ? [a, b, magnitude] : [a, b];
}

function initial(size: number, inputs: number, seed: number, index: number): Float32Array {
  const next = uniforms(seed, DRAW.initialise, index);
  const bound = 1 / Math.sqrt(inputs);
  return Float32Array.from({ length: size }, () => (2 * next() - 1) * bound);
}
