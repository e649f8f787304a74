// Squared distances between stored models, tensor by tensor, in one pass over their files. A model of zeros is measured with
// them, so that norms come out as well.

import { runJob } from "../../addon/job.js";
import { loadAddon } from "../../addon/load.js";
import type { NativeCompareTensor, NativeSource } from "../../addon/nativePlan.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import { buildPlan } from "../../plan/build.js";
import { loadRecipe } from "../../recipe/load.js";

export interface MeasuredTensor {
  readonly name: string;
  readonly elements: number;
  /** |x_i - x_j|^2 of the models by their places in the list. */
  distance2(i: number, j: number): number;
  /** |x_i|^2. */
  norm2(i: number): number;
}

/**
 * @param references of models whose tensors are stored, a base with its adapter included; two or more
 * @throws RetemperError INCOMPATIBLE where they do not have the same tensors; what opening them throws
 */
export async function measureTensors(
  references: readonly string[],
  { threads = 0, signal }: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<MeasuredTensor[]> {
  const addon = loadAddon();
  const distinct = [...new Set(references)];
  const recipe = await loadRecipe({
    merge_method: "linear",
    // One model alone is its own neighbour.
    models: (distinct.length > 1 ? distinct : [...distinct, ...distinct]).map((model) => ({
      model,
      parameters: { weight: 1 },
    })),
  });
  const sources = recipe.modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const checkpoints = new Map(
    await Promise.all(
      sources.map(async ({ model }) => [model.text, await openCheckpoint(model, { addon, decodes: true })] as const),
    ),
  );
  const built = buildPlan({ recipe, checkpoints });
  const used = built.tensors.filter((tensor) => tensor.sources.length === sources.length);
  const tensors = used.map(({ name, sources: of, shape }): NativeCompareTensor => {
    return { name, sources: [...of, zeros(of[0] as NativeSource)], count: elementsOf({ shape }) };
  });
  const squares = await runJob(() => addon.compare({ inputs: built.inputs, tensors, threads }), { signal });
  const size = sources.length + 1;
  const place = (reference: number) => distinct.indexOf(references[reference] as string);
  return tensors.map(({ name, count }, at) => {
    const pairs = squares[at] as readonly number[];
    const between = (i: number, j: number) =>
      i === j ? 0 : (pairs[pairOf(Math.min(i, j), Math.max(i, j), size)] ?? 0);
    return {
      name,
      elements: count,
      distance2: (i, j) => between(place(i), place(j)),
      norm2: (i) => between(place(i), size - 1),
    };
  });
}

/** Place of the pair (i, j), i < j, in the order (0, 1), (0, 2), …, (1, 2), … */
function pairOf(i: number, j: number, size: number): number {
  return i * size - (i * (i + 1)) / 2 + (j - i - 1);
}

/** A matrix of zeros like the source's: rows that are means of nothing. */
function zeros({ parts: [part] }: NativeSource): NativeSource {
  if (part === undefined) return { parts: [] };
  const none = new Uint32Array(0);
  return { parts: [part], gather: { start: new Uint32Array(part.rows + 1), part: none, row: none } };
}
