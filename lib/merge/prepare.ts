// Everything that a merge knows before it reads tensors: recipe, models, tokenizer, plan. `plan` ends here.

import { stat } from "node:fs/promises";
import type { Addon } from "../addon/surface.js";
import { type BuiltPlan, buildPlan } from "../plan/build.js";
import { storageDtype } from "../plan/dtypes.js";
import { type Estimate, estimate } from "../plan/estimate.js";
import type { InputFiles } from "../plan/inputFiles.js";
import { loadRecipe } from "../recipe/load.js";
import type { ParsedRecipe, Recipe } from "../recipe/types.js";
import { checkSettings, LAMBDAS, suppliedBy, withSettings } from "../recipe/vary.js";
import type { AdapterPlan } from "./adapter/plannedAdapter.js";
import { checkFormat } from "./formats/checkFormat.js";
import { fp8Output } from "./formats/fp8/fp8Output.js";
import { type GgufWords, ggufOutput, ggufWords } from "./formats/gguf/ggufOutput.js";
import { type OpenModels, openModels } from "./models.js";
import type { PlanOptions } from "./options.js";
import { gridPoints, type Point } from "./points.js";
import type { Gate } from "./prepared/types.js";
import { type SideInput, sideInputs } from "./sideInputs.js";
import { type OutputVocabulary, outputVocabulary } from "./vocabulary.js";

export interface Prepared {
  readonly recipe: ParsedRecipe;
  readonly models: OpenModels;
  readonly vocabulary: OutputVocabulary;
  readonly built: BuiltPlan;
  readonly estimate: Estimate;
  readonly warnings: readonly string[];
  /** adapter_config.json of an output that is an adapter and no checkpoint. */
  readonly adapterConfig?: Readonly<Record<string, unknown>> | undefined;
  /** Of an output that is made an adapter (`format: "adapter"`). */
  readonly adapterPlan?: AdapterPlan | undefined;
  /** Bytes at most of what a method makes before the merge; they are in the estimate's `diskNeeded`. */
  readonly bytesMade?: number | undefined;
  /** What the gates of a method decided that has some. */
  readonly gates?: readonly Gate[] | undefined;
  /** True where one file holds everything that a model needs to be loaded (GGUF). */
  readonly oneFile?: boolean | undefined;
  /** Configuration, tokenizers and the like, as they were when the models were opened. */
  readonly sideInputs: readonly SideInput[];
}

/** What the plans of a sweep have in common: everything but the numbers of the recipe. */
export interface Opened {
  readonly models: OpenModels;
  readonly vocabulary: OutputVocabulary;
  readonly tokenizerBytes: number;
  readonly sideInputs: readonly SideInput[];
  /** Where a GGUF file is written. */
  readonly words?: GgufWords | undefined;
}

/** Reads the recipe alone, so that what is wrong with it is reported before anything else. */
export async function readRecipe(recipe: string | Recipe, options: PlanOptions): Promise<ParsedRecipe> {
  options.signal?.throwIfAborted();
  checkFormat(options);
  const { lambda, lenient } = options;
  return withLambda(await loadRecipe(recipe, { lenient, supplied: suppliedByLambda(lambda) }), options);
}

/** Parameters that a recipe may leave out when there is a lambda. */
export function suppliedByLambda(lambda: number | undefined): string[] {
  return lambda === undefined ? [] : suppliedBy([LAMBDAS]);
}

/** The recipe with the caller's lambda in it, if there is one. @throws RetemperError USAGE where it has no meaning */
export async function withLambda(parsed: ParsedRecipe, { lambda, lenient }: PlanOptions): Promise<ParsedRecipe> {
  if (lambda === undefined) return parsed;
  const [point] = gridPoints({ [LAMBDAS]: [lambda] }) as [Point];
  checkSettings(parsed, [LAMBDAS]);
  return withSettings(parsed, point.settings, { lenient });
}

export async function prepare(recipe: ParsedRecipe, options: PlanOptions, addon: Addon): Promise<Prepared> {
  return planOn(await openInputs(recipe, options, addon), recipe, options, addon);
}

/** Opens the models and puts the vocabulary together. */
export async function openInputs(recipe: ParsedRecipe, options: PlanOptions, addon: Addon): Promise<Opened> {
  const { signal, transformersCache: cache, models: named } = options;
  // Before they are read: what changes in between must not be recorded as what the output was made from.
  const words = await sideInputs(recipe, { cache, named, signal });
  const models = await openModels(recipe, { addon, signal, cache, named });
  signal?.throwIfAborted();
  const vocabulary = await outputVocabulary(recipe, models, cache, named);
  signal?.throwIfAborted();
  const gguf = options.format === "gguf" ? await ggufWords(vocabulary, models) : undefined;
  return { models, vocabulary, tokenizerBytes: await bytesOf(vocabulary), sideInputs: words, words: gguf };
}

/** What a recipe makes of models that are open. */
export function buildOn(
  { models, vocabulary }: Pick<Opened, "models" | "vocabulary">,
  recipe: ParsedRecipe,
  options: PlanOptions,
  files?: InputFiles,
): BuiltPlan {
  return buildPlan({
    recipe,
    checkpoints: models.checkpoints,
    vocabulary: vocabulary.plan,
    unsafeTruncateEmbeddings: options.unsafeTruncateEmbeddings,
    loraMergeDtype: options.loraMergeDtype && storageDtype(options.loraMergeDtype),
    outShardSize: options.outShardSize,
    files,
  });
}

/** Plans a recipe on models that are open. */
export function planOn(
  opened: Opened,
  recipe: ParsedRecipe,
  options: PlanOptions,
  addon: Addon,
  files?: InputFiles,
): Prepared {
  const { models, vocabulary, tokenizerBytes, sideInputs: listed, words } = opened;
  const merged = buildOn(opened, recipe, options, files);
  const built = words
    ? ggufOutput(merged, models, words, nameOf(recipe, models), options.quantise)
    : options.format === "fp8"
      ? fp8Output(merged, options.outShardSize)
      : merged;
  const threads = options.threads || addon.describe().threads;
  return {
    recipe,
    models,
    vocabulary,
    built,
    estimate: estimate(built, { threads, maxMemory: options.maxMemory ?? 0, tokenizerBytes }),
    warnings: [...new Set([...recipe.warnings, ...models.warnings, ...vocabulary.warnings, ...built.warnings])],
    sideInputs: listed,
    ...(words && { oneFile: true }),
  };
}

/** What a file calls its model: by the model that gives the configuration, and by what was done to it. */
function nameOf({ method }: ParsedRecipe, { leader, checkpoints }: OpenModels): string {
  const own = leader.reference.replace(/\/+$/, "").split(/[/\\]/).at(-1) ?? "model";
  return method === "passthrough" && checkpoints.size === 1 ? own : `${own} ${method}`;
}

async function bytesOf({ files }: OutputVocabulary): Promise<number> {
  let bytes = 0;
  for (const { content } of files) {
    if (typeof content === "string") bytes += Buffer.byteLength(content);
    else bytes += await sizeOf(content.copyFrom);
  }
  return bytes;
}

/** A file that cannot be looked at is reported when it is copied. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
