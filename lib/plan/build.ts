// From a recipe and opened checkpoints to a plan: every tensor of the output, its place, and everything left over.
// Pure: no disk, no clock, no randomness; the same input gives the same plan.

import type { Dtype } from "../addon/dtype.js";
import type { NativeInput, NativePlan, NativeTensor } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import type { JsonObject } from "../checkpoint/json.js";
import { moduleTest } from "../checkpoint/modules.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { createParameterReader } from "../recipe/parameters.js";
import type { RecipeModule } from "../recipe/types.js";
import { Misfits } from "./checks.js";
import { dtypeName, isFloat, storageDtype } from "./dtypes.js";
import { numberScales } from "./fp8/numberScales.js";
import { InputFiles } from "./inputFiles.js";
import { layOutModule, type OutputSlot, type OwnedNames, type SliceInput, tensorNames } from "./layers.js";
import { findHeads, findOperands, type Heads, type Operand } from "./operands.js";
import { SlotParameters } from "./params.js";
import type { PlanRequest, UnmatchedTensor } from "./request.js";
import { packShards, type ShardLayout } from "./shards.js";
import { spellAlike } from "./spellings.js";
import { type DraftTensor, draftTensor, type TensorContext } from "./tensors.js";

/** What config.json of the output must say differently; undefined keeps the key. */
export interface PlannedConfig {
  readonly dtype: string | undefined;
  readonly layers: readonly number[] | undefined;
  readonly vocabSize: number | undefined;
  readonly tieWordEmbeddings: boolean | undefined;
  /** How the written weights are quantised; absent: they are numbers. */
  readonly quantization?: JsonObject | undefined;
}

export interface BuiltPlan {
  readonly tensors: readonly DraftTensor[];
  readonly inputs: readonly NativeInput[];
  readonly layout: ShardLayout;
  readonly unmatched: readonly UnmatchedTensor[];
  readonly warnings: readonly string[];
  readonly config: PlannedConfig;
}

/**
 * Builds the plan of a merge.
 * @throws RetemperError INCOMPATIBLE with everything that does not fit; BAD_RECIPE for layer ranges and parameters.
 */
export function buildPlan(request: PlanRequest): BuiltPlan {
  const { recipe, vocabulary } = request;
  const checkpoints = spellAlike(recipe, request.checkpoints);
  const heads = findHeads(neededModels(recipe, checkpoints));
  const warnings = new Set<string>();
  const misfits = new Misfits();
  const used = new Map<string, Set<string>>();
  const slots: { readonly slot: OutputSlot; readonly operands: readonly (Operand | undefined)[] }[] = [];
  let layers: readonly number[] | undefined;

  for (const module of recipe.modules) {
    const layout = layOutModule(recipe, module, checkpoints, ownedNames(module, checkpoints));
    layers ??= layout.layers;
    for (const slot of withHead(layout.slots, heads)) {
      if (heads.head.has(slot.name) && !heads.write) continue;
      slots.push({ slot, operands: findOperands(slot, heads) });
    }
  }
  refuseDuplicates(slots.map(({ slot }) => slot.name));

  const context: TensorContext = {
    method: recipe.method,
    files: request.files ?? new InputFiles(),
    rules: {
      dtype: recipe.dtype && storageDtype(recipe.dtype),
      outDtype: recipe.outDtype && storageDtype(recipe.outDtype),
      loraMergeDtype: request.loraMergeDtype,
    },
    vocabulary,
    vocabularyNames: heads.vocabulary,
    truncateTo: request.unsafeTruncateEmbeddings && !vocabulary ? commonRows(slots, heads) : undefined,
    misfits,
    warn: (text) => warnings.add(text),
  };
  const readers = new Map<OutputSlot["slice"], ReturnType<typeof createParameterReader>>();
  const tensors = slots.flatMap(({ slot, operands }) => {
    for (const operand of operands) if (operand) use(used, operand);
    const reader = readers.get(slot.slice) ?? createParameterReader(recipe, slot.module, slot.slice);
    readers.set(slot.slice, reader);
    const elsewhere =
      heads.vocabulary.has(slot.name) && vocabulary ? operandsElsewhere(slot, checkpoints, heads) : none;
    return draftTensor(slot, operands, elsewhere, new SlotParameters(reader, slot), context) ?? [];
  });
  misfits.refuse();
  const rows = refuseUnequalVocabularies(tensors, heads, checkpoints);
  if (tensors.length === 0) throw new RetemperError("BAD_INPUT", "the models have no tensors in common to merge");

  const files = tensors.map(({ name, outDtype, shape }) => ({ name, dtype: outDtype, shape }));
  return {
    tensors,
    inputs: context.files.list,
    layout: packShards(files, request.outShardSize),
    unmatched: leftOver(recipe, checkpoints, used, heads, warnings),
    warnings: [...warnings],
    config: {
      dtype: mainDtype(tensors),
      layers,
      vocabSize: vocabulary || context.truncateTo !== undefined ? rows : undefined,
      tieWordEmbeddings: heads.write ? heads.tie : undefined,
    },
  };
}

/** The engine's plan: tensors in the order of their places, files in `folder`. */
export function nativePlan(
  { tensors, inputs, layout }: Pick<BuiltPlan, "tensors" | "inputs" | "layout">,
  folder: string,
  run: Pick<NativePlan, "seed" | "threads" | "maxMemory" | "reading" | "writing" | "fsync" | "device" | "multiGpu">,
): NativePlan {
  return {
    inputs,
    outputs: layout.shards.map(({ fileName, size, header }) => ({ path: `${folder}/${fileName}`, size, header })),
    tensors: numberScales(
      layout.shards.flatMap(({ placed }, output) =>
        placed.map(({ tensor, offset }) => {
          const { params, models: _models, identical: _identical, ...draft } = tensors[tensor] as DraftTensor;
          const native: NativeTensor = { ...draft, variants: [{ output, offset, params }] };
          return { draft: tensor, parts: [native] };
        }),
      ),
    ),
    ...run,
  };
}

const none: ReadonlyMap<string, Operand> = new Map();

/** Without those that the recipe has as optional sources: they decide nothing. */
function neededModels(recipe: PlanRequest["recipe"], checkpoints: ReadonlyMap<string, Checkpoint>): Checkpoint[] {
  const sources = recipe.modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const optional = new Set(sources.flatMap(({ model, optional: is }) => (is ? [model.text] : [])));
  return [...checkpoints].flatMap(([text, checkpoint]) => (optional.has(text) ? [] : [checkpoint]));
}

function ownedNames(module: RecipeModule, checkpoints: ReadonlyMap<string, Checkpoint>): OwnedNames {
  const references = new Set(module.slices.flatMap(({ sources }) => sources.map(({ model }) => model.text)));
  const owned = new Map<Checkpoint, readonly string[]>();
  for (const [text, checkpoint] of checkpoints) {
    const names = tensorNames(checkpoint);
    const belongs = module.name === "" ? () => true : moduleTest(module.name, names);
    if (!belongs && references.has(text)) {
      throw new RetemperError("INCOMPATIBLE", `${text} has no tensors that belong to the module ${module.name}`, {
        hint: "name the module by the prefix of its tensors' names, for example language_model or vision_tower",
      });
    }
    owned.set(checkpoint, belongs ? names.filter(belongs) : []);
  }
  return owned;
}

/** Where the last slice's models are all tied but another model is not, the head is written from their embeddings. */
function withHead(slots: readonly OutputSlot[], heads: Heads): readonly OutputSlot[] {
  const [name] = heads.head;
  const embeds = slots.some((slot) => heads.embedding.has(slot.name));
  if (heads.tie !== false || name === undefined || !embeds || slots.some((slot) => heads.head.has(slot.name)))
    return slots;
  const last = slots.at(-1) as OutputSlot;
  return [...slots, { ...last, name, inputNames: last.inputs.map(() => name), t: 0 }];
}

function operandsElsewhere(slot: OutputSlot, checkpoints: ReadonlyMap<string, Checkpoint>, heads: Heads) {
  const inputs = [...checkpoints].map(([text, checkpoint]): SliceInput => {
    return { key: -1, source: { model: { text, path: text }, parameters: {} }, checkpoint, isBase: false };
  });
  const found = findOperands({ ...slot, inputs, inputNames: inputs.map(() => slot.name) }, heads);
  return new Map(found.flatMap((operand) => (operand ? [[operand.input.source.model.text, operand] as const] : [])));
}

function commonRows(
  slots: readonly { readonly slot: OutputSlot; readonly operands: readonly (Operand | undefined)[] }[],
  heads: Heads,
): number | undefined {
  const rows = slots
    .filter(({ slot }) => heads.vocabulary.has(slot.name))
    .flatMap(({ operands }) => operands.flatMap((operand) => operand?.tensor.stored.shape[0] ?? []));
  return new Set(rows).size > 1 ? Math.min(...rows) : undefined;
}

/** The output's embedding and head must have the same rows where they come from models of different vocabularies. */
function refuseUnequalVocabularies(
  tensors: readonly DraftTensor[],
  heads: Heads,
  checkpoints: ReadonlyMap<string, Checkpoint>,
): number | undefined {
  const embedding = tensors.find(({ name }) => heads.embedding.has(name));
  const head = tensors.find(({ name }) => heads.head.has(name));
  const rows = embedding?.shape[0];
  if (!embedding || !head || rows === head.shape[0]) return rows;
  const sameInAll = [...checkpoints.values()].every(({ tensors: stored }) => {
    const [a, b] = [stored.get(embedding.name), stored.get(head.name)];
    return !a || !b || a.shape[0] === b.shape[0];
  });
  if (!sameInAll) return rows;
  throw new RetemperError(
    "INCOMPATIBLE",
    `the vocabularies differ: ${embedding.name} of ${embedding.models.join(", ")} has ${rows} rows, ${head.name} of ${head.models.join(", ")} has ${head.shape[0]}`,
    {
      hint: "give the recipe a tokenizer, for example tokenizer: {source: base}, or cut to the common rows with --unsafe-truncate-embeddings",
    },
  );
}

function refuseDuplicates(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      throw new RetemperError("BAD_RECIPE", `the tensor ${name} belongs to two modules of the recipe`, {
        tensor: name,
        hint: "make the modules' names prefixes that exclude each other",
      });
    }
    seen.add(name);
  }
}

function use(used: Map<string, Set<string>>, { input, tensor, name }: Operand): void {
  const names = used.get(input.source.model.text) ?? new Set<string>();
  used.set(input.source.model.text, names);
  names.add(tensor.stored.name).add(name);
}

/** Every tensor of every input that no output tensor is made from, with the reason. */
function leftOver(
  recipe: PlanRequest["recipe"],
  checkpoints: ReadonlyMap<string, Checkpoint>,
  used: ReadonlyMap<string, ReadonlySet<string>>,
  heads: Heads,
  warnings: Set<string>,
): UnmatchedTensor[] {
  const modular = recipe.modules.some(({ name }) => name !== "");
  const left: UnmatchedTensor[] = [];
  for (const [model, checkpoint] of checkpoints) {
    const uses = used.get(model);
    for (const tensor of tensorNames(checkpoint)) {
      if (uses?.has(tensor)) continue;
      if (heads.head.has(tensor) && !heads.write)
        left.push({ model, tensor, reason: "the head is tied to the embedding" });
      else if (!uses) left.push({ model, tensor, reason: "the model only gives configuration or tokens" });
      else left.push({ model, tensor, reason: modular ? "in no module of the recipe" : "in no slice of the recipe" });
    }
  }
  if (modular) refuseForgottenModules(recipe.modules, checkpoints, left);
  if (left.some(({ reason }) => reason.startsWith("the head"))) {
    warnings.add("a stored head that the configuration ties to the embedding is left out; the output stays tied");
  }
  return left;
}

/** A model without one of its modules is broken: the recipe has to say where each one comes from. */
function refuseForgottenModules(
  modules: readonly RecipeModule[],
  checkpoints: ReadonlyMap<string, Checkpoint>,
  left: readonly UnmatchedTensor[],
): void {
  const tests = [...checkpoints].map(([text, checkpoint]) => {
    const names = tensorNames(checkpoint);
    return [text, modules.flatMap(({ name }) => moduleTest(name, names) ?? [])] as const;
  });
  const covered = new Map(tests);
  const forgotten = left.filter(({ model, tensor }) => !covered.get(model)?.some((belongs) => belongs(tensor)));
  if (forgotten.length === 0) return;
  const list = [...new Set(forgotten.map(({ tensor }) => tensor))];
  throw new RetemperError(
    "INCOMPATIBLE",
    `${list.length} tensors are in no module of the recipe:\n  ${list.join("\n  ")}`,
    {
      hint: "add the modules that they belong to, for example vision_tower: {models: [{model: ...}]}",
    },
  );
}

/** The dtype that most values have, which is what config.json declares. */
function mainDtype(tensors: readonly DraftTensor[]): string | undefined {
  const counts = new Map<Dtype, number>();
  for (const { outDtype, shape } of tensors) {
    if (isFloat(outDtype)) counts.set(outDtype, (counts.get(outDtype) ?? 0) + elementsOf({ shape }));
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most && dtypeName(most[0]);
}
