// Collects everything that keeps the models from fitting each other, so that the user sees all of it at once.

import type { NativeParams } from "../addon/nativePlan.js";
import { RetemperError } from "../errors.js";
import { METHODS, type MethodName } from "../recipe/methods.js";
import { sumIsZero } from "../recipe/rules.js";
import { isFloat } from "./dtypes.js";
import type { OutputSlot } from "./layers.js";
import type { Operand } from "./operands.js";
import { isBuffer } from "./operands.js";

export class Misfits {
  readonly #missing: string[] = [];
  readonly #shapes: string[] = [];
  readonly #kinds: string[] = [];
  readonly #heights: string[] = [];

  /** A tensor that must be everywhere and is not. */
  missing(slot: OutputSlot, operands: readonly (Operand | undefined)[]): void {
    const without = slot.inputs.filter((_, at) => !operands[at]).map(({ source }) => source.model.text);
    this.#missing.push(`${slot.name} is not in ${[...new Set(without)].join(", ")}`);
  }

  shapes(slot: OutputSlot, operands: readonly Operand[]): void {
    this.#shapes.push(`${slot.name}: ${describe(operands, ({ shape }) => `[${shape.join(", ")}]`)}`);
  }

  dtypes(slot: OutputSlot, operands: readonly Operand[]): void {
    this.#kinds.push(`${slot.name}: ${describe(operands, ({ dtype }) => dtype)}`);
  }

  vocabularies(slot: OutputSlot, operands: readonly Operand[]): void {
    this.#heights.push(`${slot.name}: ${describe(operands, ({ shape }) => `${shape[0]} rows`)}`);
  }

  /** @throws RetemperError INCOMPATIBLE with the whole list */
  refuse(): void {
    const { length: heights } = this.#heights;
    const sections = [
      section(this.#missing, "tensors are missing from some models"),
      section(this.#shapes, "tensors have different shapes"),
      section(this.#kinds, "tensors are floating-point in some models only, or integers of different types"),
      section(this.#heights, "tensors have one row for each token, and the vocabularies differ"),
    ].filter((text) => text !== "");
    if (sections.length === 0) return;
    const hint =
      heights > 0
        ? "give the recipe a tokenizer, for example tokenizer: {source: base}, or cut to the common rows with --unsafe-truncate-embeddings"
        : "merge models of the same architecture and size";
    throw new RetemperError("INCOMPATIBLE", `the models do not fit each other\n${sections.join("\n")}`, { hint });
  }
}

/** Buffers may be absent; so may everything that is no floating-point number. */
export function mayBeMissing(name: string, operands: readonly (Operand | undefined)[]): boolean {
  return isBuffer(name) || operands.every((operand) => !operand || !isFloat(operand.tensor.stored.dtype));
}

/**
 * Values that make an operation meaningless or surprising.
 * @throws RetemperError BAD_RECIPE
 */
export function checkParams(
  method: MethodName,
  params: NativeParams,
  tensor: string,
  warn: (text: string) => void,
): void {
  const setting = normalizing(params);
  if (setting !== undefined && "weights" in params && sumIsZero(params.weights)) {
    throw new RetemperError("BAD_RECIPE", "the weights sum to zero, so they cannot be normalised", {
      tensor,
      hint: `change the weights, or set ${setting}: false`,
    });
  }
  if (params.op !== "task_arithmetic" || METHODS[method].taskArithmetic?.sparsifier === "none") return;
  params.densities.forEach((density, at) => {
    if (density <= 0) warn(`a density of ${density} leaves nothing of a model's changes`);
    else if (density > 1) warn(`a density of ${density} keeps everything, as 1 does`);
    else if (density < 1 && params.sparsifier === "ranked") {
      const epsilon = params.epsilons[at] ?? 0;
      if (density - epsilon > 0 && density + epsilon < 1) return;
      throw new RetemperError(
        "BAD_RECIPE",
        `density ${density} with epsilon ${epsilon} gives probabilities outside (0, 1)`,
        {
          tensor,
          hint: "choose density and epsilon so that density - epsilon > 0 and density + epsilon < 1",
        },
      );
    }
  });
}

/** The parameter by which the operation divides by the sum of the weights; undefined where it does not. */
function normalizing(params: NativeParams): string | undefined {
  if (params.op === "linear" && params.normalize) return "normalize";
  // multislerp of one model is that model.
  if (params.op === "multislerp" && params.normalizeWeights && params.weights.length > 1) return "normalize_weights";
  return undefined;
}

function section(items: readonly string[], what: string): string {
  return items.length === 0 ? "" : `${items.length} ${what}:\n${items.map((item) => `  ${item}`).join("\n")}`;
}

function describe(operands: readonly Operand[], show: (stored: Operand["tensor"]["stored"]) => string): string {
  return operands.map(({ input, tensor }) => `${input.source.model.text} ${show(tensor.stored)}`).join(", ");
}
