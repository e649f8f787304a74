// Derivatives of losses by a coefficient a tensor, of whatever a tuning is: of an adapter by the kernels that train adapters, which is as
// fast as a training's step; of other models a product with D for each of the model's, in ordinary operations.

import { loadAddon } from "../addon/load.js";
import { RetemperError } from "../errors.js";
import { modelParts } from "../experiment/settings/modelParts.js";
import { type AdapterGradients, MOST_TOKENS, openAdapterGradients } from "../tune/coefficients/openAdapterGradients.js";
import { coefficientGradients } from "./coefficientGradients.js";

/** Ids whose first `promptLength` are no part of the loss. */
export interface AnswerRow {
  readonly inputIds: readonly number[];
  readonly promptLength: number;
}

export interface PointLoss {
  readonly rows: readonly AnswerRow[];
  /** All coefficients there. */
  readonly at: number;
}

/**
 * Of the mean loss of an answer's token, by the name of each tensor that the tuning changes.
 * @param tuned a whole model, or the aligned one + an adapter
 * @returns one for each of `losses`
 * @throws RetemperError as `coefficientGradients` does
 */
export async function derivativesOf(
  aligned: string,
  tuned: string,
  losses: readonly PointLoss[],
  options: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<ReadonlyMap<string, number>[]> {
  const gradients = await opened(tuned, options);
  const found: ReadonlyMap<string, number>[] = [];
  try {
    for (const { rows, at } of losses) {
      if (gradients && rows.every(({ inputIds }) => inputIds.length <= MOST_TOKENS)) {
        const examples = rows.map(({ inputIds: ids, promptLength }) => ({
          ids,
          learned: ids.map((_, i) => i >= promptLength),
        }));
        const { byTensor, tokens } = await gradients.at(() => at, examples);
        found.push(new Map([...byTensor].map(([name, sum]) => [name, sum / tokens])));
      } else {
        const { tensors } = await coefficientGradients(aligned, tuned, rows, { at, ...options });
        found.push(new Map(tensors.map(({ name, gradient }) => [name, gradient])));
      }
    }
    return found;
  } finally {
    gradients?.close();
  }
}

/** undefined for a model that is no adapter of low-rank terms alone. */
async function opened(
  tuned: string,
  options: Parameters<typeof derivativesOf>[3],
): Promise<AdapterGradients | undefined> {
  const [base, lora] = modelParts(tuned);
  if (!lora) return undefined;
  try {
    return await openAdapterGradients({ text: tuned, ...base, lora }, { addon: loadAddon(), ...options });
  } catch (error) {
    if (error instanceof RetemperError && error.code === "INCOMPATIBLE") return undefined;
    throw error;
  }
}
