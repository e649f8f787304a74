// The recipe's parameters for one output tensor, as the numbers that the engine's operation takes.

import type { NativeParams } from "../addon/nativePlan.js";
import { RetemperError } from "../errors.js";
import type { TaskArithmeticRecord } from "../recipe/methodRecord.js";
import { METHODS, type MethodName } from "../recipe/methods.js";
import type { ParameterReader } from "../recipe/parameters.js";
import type { OutputSlot } from "./layers.js";
import type { Operand } from "./operands.js";

/** Reads the parameters of one slot: shared ones by the output's name, a model's own by the input's. */
export class SlotParameters {
  readonly #reader: ParameterReader;
  readonly #slot: OutputSlot;

  constructor(reader: ParameterReader, slot: OutputSlot) {
    this.#reader = reader;
    this.#slot = slot;
  }

  number(name: string): number {
    return this.#reader.globalNumber(name, this.#slot.name, this.#slot.t);
  }

  boolean(name: string): boolean {
    return this.#reader.globalBoolean(name, this.#slot.name, this.#slot.t);
  }

  text(name: string): string {
    return this.#reader.globalText(name, this.#slot.name, this.#slot.t);
  }

  /** One value for each operand. */
  each(name: string, operands: readonly Operand[]): number[] {
    return operands.map(({ input, name: tensor }) =>
      this.#reader.sourceNumber(input.source, name, tensor, this.#slot.t),
    );
  }

  /** The same for a parameter that may be unset. */
  eachOr(name: string, operands: readonly Operand[], otherwise: number): number[] {
    return operands.map((operand) => {
      const value = this.#reader.forSource(operand.input.source, name, operand.name, this.#slot.t);
      return value === undefined ? otherwise : (this.each(name, [operand])[0] ?? otherwise);
    });
  }
}

/**
 * The operation of a method on its operands.
 * @param base the base model's operand, which is then the first source and has no weight
 * @param others the operands that have per-model parameters, in the recipe's order
 */
export function methodParams(
  method: MethodName,
  parameters: SlotParameters,
  base: Operand | undefined,
  others: readonly Operand[],
): NativeParams {
  const family = METHODS[method].taskArithmetic;
  if (family) return taskArithmetic(family, parameters, others);
  switch (method) {
    case "linear":
      return { op: "linear", weights: parameters.each("weight", others), normalize: parameters.boolean("normalize") };
    case "slerp":
      return { op: "slerp", t: parameters.number("t"), threshold: parameters.number("slerp_threshold") };
    case "nuslerp":
      return {
        op: "nuslerp",
        weights: parameters.each("weight", others),
        hasBase: base !== undefined,
        axis: nuslerpAxis(parameters),
      };
    case "multislerp":
      return {
        op: "multislerp",
        weights: parameters.each("weight", others),
        normalizeWeights: parameters.boolean("normalize_weights"),
        eps: parameters.number("eps"),
        hasBase: base !== undefined,
      };
    case "karcher":
      return { op: "karcher", maxIter: parameters.number("max_iter"), tol: parameters.number("tol") };
    case "nearswap":
      return { op: "nearswap", t: parameters.number("t") };
    case "arcee_fusion":
      return { op: "arcee_fusion" };
    case "passthrough":
      return { op: "linear", weights: parameters.eachOr("scale", others, 1), normalize: false };
    case "model_stock":
      return { op: "model_stock", filterWise: parameters.boolean("filter_wise") };
    case "sce":
      return { op: "sce", selectTopk: parameters.number("select_topk") };
    case "ram":
      // Without the rescaling of the unique part, RAM+ is RAM.
      return { op: "ram", epsilon: parameters.number("epsilon"), r: 0, alpha: 0 };
    case "ramplus_tl":
      return {
        op: "ram",
        epsilon: parameters.number("epsilon"),
        r: parameters.number("r"),
        alpha: parameters.number("alpha"),
      };
    default:
      throw new RetemperError("INTERNAL", `the method ${method} has no operation`);
  }
}

function nuslerpAxis(parameters: SlotParameters): "flat" | "last" | "first" {
  if (parameters.boolean("nuslerp_flatten")) return "flat";
  return parameters.boolean("nuslerp_row_wise") ? "first" : "last";
}

function taskArithmetic(
  family: TaskArithmeticRecord,
  parameters: SlotParameters,
  others: readonly Operand[],
): NativeParams {
  const mode = parameters.text("rescale_mode") === "inverse_density" ? "inverse_density" : "l1";
  return {
    op: "task_arithmetic",
    sparsifier: family.sparsifier,
    election: family.election,
    normalize: parameters.boolean("normalize"),
    rescale: parameters.boolean("rescale") && family.sparsifier !== "none" ? mode : "none",
    lambda: parameters.number("lambda"),
    weights: parameters.each("weight", others),
    densities: family.sparsifier === "none" ? others.map(() => 1) : parameters.each("density", others),
    gammas: family.sparsifier === "outliers" ? parameters.each("gamma", others) : others.map(() => 0),
    epsilons: family.sparsifier === "ranked" ? parameters.each("epsilon", others) : others.map(() => 0),
  };
}
