// `plan`: what a merge would do, from headers and configuration alone. Only a method with gates reads its models, where they are
// on this machine: its gates are what the plan is asked for. An adapter of any method that is prepared is planned over what was
// made: its ranks are those of the parts that the method makes, and how many singular values hold a share of the entropy, or
// which modules are gated, no header tells.

import { loadAddon } from "../addon/load.js";
import type { OpName } from "../addon/nativePlan.js";
import { ownedFolder } from "../output/ownedFolder.js";
import { INDEX_FILE, outputTensor, shardIndex } from "../plan/shards.js";
import type { DraftTensor } from "../plan/tensors.js";
import { METHODS } from "../recipe/methods.js";
import type { ParsedRecipe, Recipe } from "../recipe/types.js";
import { ADAPTER_FILE } from "./adapter/adapterFile.js";
import { foreseenAdapter } from "./adapter/foreseenAdapter.js";
import type { AdapterPlan } from "./adapter/plannedAdapter.js";
import { prepareAdapter } from "./adapter/prepareAdapter.js";
import { inputsAreHere, withInputHeaders } from "./obtainInputs.js";
import type { PlanOptions } from "./options.js";
import { type Prepared, prepare, readRecipe } from "./prepare.js";
import { readingCost } from "./prepared/diskOfMade.js";
import { type InTwo, prepareInTwo } from "./prepared/prepareInTwo.js";
import type { MergePlan, PlannedFile, PlannedTensor } from "./report.js";

export interface PlanOnlyOptions extends PlanOptions {
  /**
   * Read no tensors, also where the recipe's method has gates (safe_lora, safemerge), which the plan then has not; nor for an
   * adapter of a method that reads its models before it merges, whose ranks follow from what it makes: without that they are
   * those of the models' adapters alone. Default false.
   */
  readonly headersOnly?: boolean | undefined;
}

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
export async function plan(recipe: string | Recipe, options: PlanOnlyOptions = {}): Promise<MergePlan> {
  const parsed = await readRecipe(recipe, options);
  const { prepared: preparedAs } = METHODS[parsed.method];
  const prepareAs = options.format === "adapter" ? prepareAdapter : prepare;
  const asked = preparedAs !== undefined && (preparedAs.gates || options.format === "adapter");
  const reads = asked && !options.headersOnly;
  const isHere = preparedAs !== undefined && (await inputsAreHere(parsed, options));
  const prepared = await withInputHeaders(parsed, options, async (models) => {
    const steps = await prepareInTwo(parsed, { ...options, models }, loadAddon(), prepareAs);
    return reads && isHere ? inTemporaryFolder(steps) : steps.outline;
  });
  const { built, estimate, adapterPlan, gates, bytesMade } = prepared;
  const reading = isHere
    ? await readingCost(parsed, built.tensors, prepared.models, { ...options, addon: loadAddon() })
    : undefined;
  const warnings = reads && !isHere ? [...prepared.warnings, unread(parsed)] : prepared.warnings;
  const tensors = adapterPlan ? changedTensors(adapterPlan) : writtenTensors(prepared);
  const operations: Partial<Record<OpName, number>> = {};
  for (const { op } of tensors) operations[op] = (operations[op] ?? 0) + 1;
  return {
    method: parsed.method,
    tensors,
    files: adapterPlan ? [{ path: ADAPTER_FILE, bytes: estimate.bytesWritten }] : plannedFiles(prepared),
    operations,
    unmatched: built.unmatched,
    warnings,
    ...(adapterPlan && { adapter: foreseenAdapter(adapterPlan, options) }),
    ...(gates && { gates }),
    ...(bytesMade !== undefined && { preparation: { bytes: bytesMade, ...reading } }),
    estimate,
  };
}

/** What is made for a plan is of no use to anyone else. */
async function inTemporaryFolder({ whole }: InTwo): Promise<Prepared> {
  const folder = await ownedFolder("retemper-plan-");
  try {
    return await whole(folder.path);
  } finally {
    await folder.remove().catch(() => {});
  }
}

function unread({ method }: ParsedRecipe): string {
  return `${method} reads its models before it merges, and not all of them are on this machine: the plan has no gates`;
}

function writtenTensors({ built: { tensors, layout } }: Prepared): PlannedTensor[] {
  return layout.shards.flatMap(({ fileName, placed }) =>
    placed.map(({ tensor }) => describe(tensors[tensor] as DraftTensor, fileName)),
  );
}

/** The base's tensors that an adapter changes. */
function changedTensors({ lowRank, whole }: AdapterPlan): PlannedTensor[] {
  return [...lowRank, ...whole].map(({ draft }) => describe({ ...draft, outDtype: "F32" }, ADAPTER_FILE));
}

/** The tensor files of an output, and their index. */
export function plannedFiles({ built: { tensors, layout } }: Prepared): PlannedFile[] {
  const index = shardIndex(tensors.map(outputTensor), layout);
  return [
    ...layout.shards.map(({ fileName, size }) => ({ path: fileName, bytes: size })),
    ...(index === undefined ? [] : [{ path: INDEX_FILE, bytes: Buffer.byteLength(index) }]),
  ];
}

function describe({ name, params, outDtype, form, shape, models }: DraftTensor, file: string): PlannedTensor {
  return { name, op: params.op, dtype: form?.blocks ?? form?.codes ?? outDtype, shape, inputs: models, file };
}
