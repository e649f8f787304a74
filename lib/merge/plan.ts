// `plan`: what a merge would do, from headers and configuration alone.

import { loadAddon } from "../addon/load.js";
import type { OpName } from "../addon/nativePlan.js";
import { INDEX_FILE, type OutputTensor, shardIndex } from "../plan/shards.js";
import type { DraftTensor } from "../plan/tensors.js";
import type { Recipe } from "../recipe/types.js";
import { withInputHeaders } from "./obtainInputs.js";
import type { PlanOptions } from "./options.js";
import { type Prepared, prepare, readRecipe } from "./prepare.js";
import type { MergePlan, PlannedFile, PlannedTensor } from "./report.js";

/**
 * Checks a recipe against its models and says what a merge would read, write and need.
 *
 * @param recipe path of a YAML or JSON file, the text itself, or an object
 * @throws RetemperError BAD_RECIPE, BAD_INPUT, INCOMPATIBLE or IO, as `merge` would before it writes
 * @example
 * ```ts
 * import { plan } from "retemper";
 *
 * const recipe = {
 *   merge_method: "slerp",
 *   base_model: "models/aligned",
 *   models: [{ model: "models/aligned" }, { model: "models/aligned+models/adapter" }],
 * };
 * const { files, estimate } = await plan(recipe, { lambda: 0.4 });
 * console.log(files.map(({ path }) => path)); // [ 'model.safetensors' ]
 * console.log(estimate.bytesWritten < 2_000_000); // true
 * ```
 */
export async function plan(recipe: string | Recipe, options: PlanOptions = {}): Promise<MergePlan> {
  const parsed = await readRecipe(recipe, options);
  const prepared = await withInputHeaders(parsed, options, (models) =>
    prepare(parsed, { ...options, models }, loadAddon()),
  );
  const { built, estimate, warnings } = prepared;
  const operations: Partial<Record<OpName, number>> = {};
  for (const { params } of built.tensors) operations[params.op] = (operations[params.op] ?? 0) + 1;
  const { shards } = built.layout;
  return {
    method: parsed.method,
    tensors: shards.flatMap(({ fileName, placed }) =>
      placed.map(({ tensor }) => describe(built.tensors[tensor] as DraftTensor, fileName)),
    ),
    files: plannedFiles(prepared),
    operations,
    unmatched: built.unmatched,
    warnings,
    estimate,
  };
}

/** The tensor files of an output, and their index. */
export function plannedFiles({ built: { tensors, layout } }: Prepared): PlannedFile[] {
  const index = shardIndex(tensors.map(outputTensor), layout);
  return [
    ...layout.shards.map(({ fileName, size }) => ({ path: fileName, bytes: size })),
    ...(index === undefined ? [] : [{ path: INDEX_FILE, bytes: Buffer.byteLength(index) }]),
  ];
}

/** The tensor as its file's header has it. */
export function outputTensor({ name, outDtype, shape }: DraftTensor): OutputTensor {
  return { name, dtype: outDtype, shape };
}

function describe({ name, params, outDtype, form, shape, models }: DraftTensor, file: string): PlannedTensor {
  return { name, op: params.op, dtype: form?.blocks ?? outDtype, shape, inputs: models, file };
}
