// A virtual merge: checked and planned as one that is written, for each of its lambdas, with its side files in a
// folder of their own. What generates from it makes the weights when it needs them.

import type { Dtype } from "../addon/dtype.js";
import { loadAddon } from "../addon/load.js";
import type { NativePlan, OpName, WrittenBlocks } from "../addon/nativePlan.js";
import type { StoredFile } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import type { BuiltPlan } from "../plan/build.js";
import { storedBytes } from "../plan/gguf/ggufPlan.js";
import { InputFiles } from "../plan/inputFiles.js";
import { INDEX_FILE } from "../plan/shards.js";
import type { DraftTensor } from "../plan/tensors.js";
import { virtualPlan } from "../plan/virtualPlan.js";
import { loadRecipe } from "../recipe/load.js";
import { METHODS } from "../recipe/methods.js";
import { type ModelWeights, weightNames, withAdapter, withWeights } from "../recipe/modelWeights.js";
import { requireVariant } from "../recipe/requireVariant.js";
import type { ParsedRecipe, Recipe } from "../recipe/types.js";
import { checkSettings, LAMBDAS, lambdaFault, suppliedBy, withSettings } from "../recipe/vary.js";
import { type BlockQuantisation, inBlocks } from "./formats/gguf/inBlocks.js";
import { refuseDifferentBuffers } from "./identical.js";
import { inputFiles } from "./inputs.js";
import { openModels } from "./models.js";
import { obtainInputs } from "./obtainInputs.js";
import type { PlanOptions } from "./options.js";
import { gridPoints } from "./points.js";
import { buildOn, openInputs, type Prepared, planOn, prepare } from "./prepare.js";
import { outlineOf } from "./prepared/outlineOf.js";
import { prepareVariants } from "./prepared/prepareVariants.js";
import type { Gate } from "./prepared/types.js";
import { sideFiles, writeSideFiles } from "./sideFiles.js";

export interface VirtualMergeOptions
  extends Pick<PlanOptions, "signal" | "seed" | "threads" | "loraMergeDtype" | "hub"> {
  /** Each takes the place of the recipe's own lambda. By default the recipe is taken as it is. */
  readonly lambdas?: readonly number[] | undefined;
  /** In place of lambdas: recipes that differ from the first in parameters alone. */
  readonly variants?: readonly (string | Recipe)[] | undefined;
  /** By default "exact" where the recipe stores 16 bits, else "linear". */
  readonly fidelity?: "exact" | "linear" | undefined;
  /**
   * The blocks of this quantisation in place of the recipe's dtypes: of the result ("exact", the default for one
   * lambda), or of the matrices whose products are summed ("linear", the default for several).
   */
  readonly quantise?: BlockQuantisation | undefined;
}

/** Plain data. */
export interface VirtualMerge {
  readonly method: string;
  /** Without the values that were given twice; undefined where the recipe is taken as it is. */
  readonly lambdas: readonly number[] | undefined;
  /** How many, where it was given variants; their recipes' texts are in `recipes`. */
  readonly variants?: number | undefined;
  /** Values that it takes beside those; absent where it has no lambda, or no further variants. */
  readonly lambdaRange?: readonly [number, number] | undefined;
  /** Models that have a weight each, likewise. */
  readonly weightNames?: readonly string[] | undefined;
  readonly fidelity: "exact" | "linear";
  readonly quantised?: BlockQuantisation | undefined;
  /** One output a lambda or variant, without files. */
  readonly plan: NativePlan;
  readonly tensors: readonly VirtualTensor[];
  /** Holds what a written merge has beside its tensors; the caller's. */
  readonly folder: string;
  readonly files: readonly StoredFile[];
  readonly recipe: string;
  readonly recipes?: readonly string[] | undefined;
  /** Of a method with gates: what they decided. */
  readonly gates?: readonly Gate[];
  readonly warnings: readonly string[];
}

export interface VirtualTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** As a written merge stores it. */
  readonly dtype: Dtype;
  /** What it takes there; of a tensor in blocks, what these take. */
  readonly bytes: number;
  readonly blocks?: WrittenBlocks | undefined;
  readonly op: OpName;
  readonly models: readonly string[];
}

/** A merge of the same models with other weights. */
export type MergePoint = { readonly lambda: number } | { readonly weights: ModelWeights };

export interface OpenVirtualMerge {
  readonly merge: VirtualMerge;
  /**
   * The plan of one more variant: one output, over the inputs of `merge`, to which it may add some.
   * @throws RetemperError BAD_RECIPE where the numbers have no meaning for the method
   */
  planAt(point: MergePoint): NativePlan;
  /**
   * Opens an adapter of the base model, as one more model of weight 0: points may name it from then on. One call at a time.
   * @returns its name in the weights of points
   * @throws RetemperError USAGE where the method has no place for it; what opening an adapter throws, also where it does not fit
   */
  addAdapter(path: string): Promise<string>;
}

/** Of a method that has a lambda: from the aligned model to the fine-tuned one, and as far as lambdas that were named. */
const RANGE = [0, 1] as const;

/** `openVirtualMerge` where no further variants are wanted. */
export async function virtualMerge(
  recipe: string | Recipe,
  folder: string,
  options: VirtualMergeOptions = {},
): Promise<VirtualMerge> {
  return (await openVirtualMerge(recipe, folder, options)).merge;
}

/**
 * Checks a recipe against its models, headers and configuration only, and plans it for every lambda or variant.
 * @param folder an empty one of the caller's, for what a written merge has beside its tensors
 * @throws RetemperError as `sweep` does; USAGE for lambdas that the recipe has no use for, and for variants that differ in more than
 *   parameters
 */
export async function openVirtualMerge(
  recipe: string | Recipe,
  folder: string,
  { lambdas, variants, fidelity, quantise, ...options }: VirtualMergeOptions = {},
): Promise<OpenVirtualMerge> {
  const { signal } = options;
  signal?.throwIfAborted();
  const { parsed, recipes, values } = await recipesOf(recipe, lambdas, variants);
  const addon = loadAddon();
  const [written] = recipes as [ParsedRecipe];
  // What headers tell is refused before anything is made.
  const outline = METHODS[written.method].prepared && outlineOf(written);
  await obtainInputs(written, options);
  if (outline) await prepare(outline, options, addon);
  const made = await prepareVariants(recipes, folder, options, addon);
  const [start] = made.recipes as [ParsedRecipe];
  const opened = await openInputs(start, { ...options, models: made.models }, addon);
  const inputs = new InputFiles();
  const prepared = made.recipes.map((one) => planOn(opened, one, options, addon, inputs)) as [Prepared, ...Prepared[]];
  const [first] = prepared;
  await refuseDifferentBuffers(first.built.tensors, addon, signal);
  const rounds = quantise ? prepared.length === 1 : ["bfloat16", "float16"].includes(first.built.config.dtype ?? "");
  const used = fidelity ?? (rounds ? "exact" : "linear");
  const formed = (built: BuiltPlan) => (quantise ? inBlocks(built, opened.models, quantise) : built);
  const builds = prepared.map(({ built }) => formed(built));
  const { seed = 0, threads = 0 } = options;
  await fillFolder(folder, first, addon.describe().version, signal);
  // Results in blocks are made when the merge is opened.
  const varies = variants === undefined && !(quantise && used === "exact");
  const merge = {
    method: parsed.method,
    lambdas: values,
    ...(varies && variationOf(parsed, values)),
    ...(variants && { variants: recipes.length, recipes: recipes.map(({ text }) => text) }),
    fidelity: used,
    ...(quantise && { quantised: quantise }),
    plan: virtualPlan(builds, used === "linear", { seed, threads }),
    tensors: first.built.tensors.map(({ name, shape, outDtype, params, models }, at) => {
      // Where lambda is 0 or 1 an operation is a copy; the other lambdas say what it is.
      const ops = builds.map(({ tensors }) => tensors[at]?.params.op);
      const most = builds.reduce((all, { tensors }) => {
        const own = tensors[at]?.models ?? [];
        return own.length > all.length ? own : all;
      }, models);
      const made = builds[0]?.tensors[at] as DraftTensor;
      return {
        name,
        shape,
        dtype: outDtype,
        bytes: storedBytes(made),
        ...(made.form?.blocks && { blocks: made.form.blocks }),
        op: ops.find((op) => op !== "copy") ?? params.op,
        models: most,
      };
    }),
    folder,
    files: inputFiles(opened.models.checkpoints),
    recipe: parsed.text,
    ...(made.gates && { gates: made.gates }),
    warnings: [...new Set([...made.warnings, ...prepared.flatMap(({ warnings }) => warnings)])],
  };
  let now = { parsed, opened };
  const buildAt = (point: MergePoint, of = now) => {
    const varied =
      "lambda" in point ? withSettings(of.parsed, { [LAMBDAS]: point.lambda }) : withWeights(of.parsed, point.weights);
    return formed(buildOn(of.opened, made.ordinary(varied), options, inputs));
  };
  const planAt = (point: MergePoint) => virtualPlan([buildAt(point)], used === "linear", { seed, threads });
  const addAdapter = async (path: string) => {
    if (!varies)
      throw new RetemperError("USAGE", "the weights of this model cannot be changed, so no adapter can be added");
    const { recipe: next, name, alone } = withAdapter(now.parsed, path);
    const added = await openModels(alone, { addon, named: made.models });
    const models = {
      ...now.opened.models,
      checkpoints: new Map([...added.checkpoints, ...now.opened.models.checkpoints]),
      references: new Map([...added.references, ...now.opened.models.references]),
    };
    const wider = { parsed: next, opened: { ...now.opened, models } };
    buildAt({ weights: { [name]: 1 } }, wider); // what does not fit is told now
    now = wider;
    return name;
  };
  return { merge, planAt, addAdapter };
}

function variationOf(
  recipe: ParsedRecipe,
  values: readonly number[] = [],
): Pick<VirtualMerge, "lambdaRange" | "weightNames"> {
  const names = weightNames(recipe);
  return {
    ...(!lambdaFault(recipe) && {
      lambdaRange: [Math.min(RANGE[0], ...values), Math.max(RANGE[1], ...values)] as const,
    }),
    ...(names && { weightNames: names }),
  };
}

/** The recipe, and what is made of it: itself, itself at each lambda (`values`), or its variants. */
async function recipesOf(
  recipe: string | Recipe,
  lambdas: readonly number[] | undefined,
  variants: readonly (string | Recipe)[] | undefined,
): Promise<{ parsed: ParsedRecipe; recipes: readonly ParsedRecipe[]; values?: readonly number[] | undefined }> {
  if (lambdas && variants)
    throw new RetemperError("USAGE", "a model is opened with lambdas or with variants, not both");
  const varied = lambdas === undefined ? [] : [LAMBDAS];
  const parsed = await loadRecipe(recipe, { supplied: suppliedBy(variants ? [LAMBDAS] : varied) });
  checkSettings(parsed, varied);
  if (variants) {
    if (!Array.isArray(variants) || variants.length === 0) {
      throw new RetemperError("USAGE", "variants must be a list of recipes, at least one");
    }
    const recipes: ParsedRecipe[] = [];
    for (const [place, variant] of variants.entries()) {
      const own = await loadRecipe(variant);
      requireVariant(parsed, own, place);
      recipes.push(own);
    }
    return { parsed, recipes };
  }
  if (lambdas === undefined) return { parsed, recipes: [parsed], values: undefined };
  const values = gridPoints({ [LAMBDAS]: lambdas }).map(({ settings }) => settings[LAMBDAS] as number);
  return { parsed, recipes: values.map((value) => withSettings(parsed, { [LAMBDAS]: value }, {})), values };
}

/** Configuration and tokenizer, by the code that writes them for a merge. */
async function fillFolder(
  folder: string,
  prepared: Prepared,
  version: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const files = new Map(await sideFiles(prepared, "virtual merge", { writeModelCard: false }, version));
  files.delete(INDEX_FILE);
  await writeSideFiles(folder, files, signal);
}
