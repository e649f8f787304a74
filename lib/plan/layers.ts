// Which tensors the output has, in which order, and which tensor of which input each is made from.

import { layerOf, layerStacks, mainStack } from "../checkpoint/families.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { METHODS } from "../recipe/methods.js";
import type { ModelReference, ParsedRecipe, RecipeModule, RecipeSlice, RecipeSource } from "../recipe/types.js";

/** One input of a slice: a source of the recipe, or the base model where it had to be appended. */
export interface SliceInput {
  /** Position in the slice: the "model" in the key of the random masks. */
  readonly key: number;
  readonly source: RecipeSource;
  readonly checkpoint: Checkpoint;
  readonly isBase: boolean;
}

export interface OutputSlot {
  readonly name: string;
  readonly module: RecipeModule;
  readonly slice: RecipeSlice;
  readonly inputs: readonly SliceInput[];
  /** The name that each input knows the tensor by. */
  readonly inputNames: readonly string[];
  /** Place of the tensor's layer in its slice, 0 to 1; 0 for tensors that belong to no layer. */
  readonly t: number;
}

export interface ModuleLayout {
  readonly slots: readonly OutputSlot[];
  /**
   * For each layer of the output, the layer of the slice's first source that it comes from; undefined when the module
   * is merged whole and keeps its layers.
   */
  readonly layers: readonly number[] | undefined;
}

/** Tensors of `checkpoint` with those that its adapter adds, in the order of their places in the files. */
export function tensorNames(checkpoint: Checkpoint): string[] {
  const stored = [...checkpoint.tensors.values()].sort((a, b) => a.file - b.file || a.offset - b.offset);
  return [...stored.map(({ name }) => name), ...(checkpoint.adapter?.added.keys() ?? [])];
}

/** The tensors of each checkpoint that belong to a module, in the order of their places. */
export type OwnedNames = ReadonlyMap<Checkpoint, readonly string[]>;

/** Lays out one module of the recipe. */
export function layOutModule(
  recipe: ParsedRecipe,
  module: RecipeModule,
  checkpoints: ReadonlyMap<string, Checkpoint>,
  owned: OwnedNames,
): ModuleLayout {
  const slices = module.slices.map((slice) => ({ slice, inputs: sliceInputs(recipe, slice, checkpoints) }));
  const [first] = slices;
  if (!first) return { slots: [], layers: undefined };
  if (module.whole) return { slots: wholeModels(module, first.slice, first.inputs, owned), layers: undefined };
  return stackedSlices(recipe, module, slices, owned);
}

function sliceInputs(
  recipe: ParsedRecipe,
  slice: RecipeSlice,
  checkpoints: ReadonlyMap<string, Checkpoint>,
): SliceInput[] {
  const base = slice.baseModel ?? recipe.baseModel;
  const sources = [...slice.sources];
  const baseAt = base === undefined ? -1 : sources.findIndex(({ model }) => model.text === base.text);
  if (base && baseAt < 0) {
    if (sources.some(({ layerRange }) => layerRange !== undefined)) {
      // A method without a base takes only configuration and tokenizer from it: it need not give layers.
      if (METHODS[recipe.method].base === "ignored") return asInputs(sources, checkpoints, -1);
      throw new RetemperError("BAD_RECIPE", `the base model ${base.text} is no source of one of the slices`, {
        file: recipe.file,
        hint: "add the base model to the sources of every slice, with the layers it contributes",
      });
    }
    sources.push({ model: base, parameters: {} });
  }
  return asInputs(sources, checkpoints, base && baseAt < 0 ? sources.length - 1 : baseAt);
}

function asInputs(
  sources: readonly RecipeSource[],
  checkpoints: ReadonlyMap<string, Checkpoint>,
  baseAt: number,
): SliceInput[] {
  return sources.map((source, key) => ({
    key,
    source,
    checkpoint: find(checkpoints, source.model),
    isBase: key === baseAt,
  }));
}

function find(checkpoints: ReadonlyMap<string, Checkpoint>, model: ModelReference): Checkpoint {
  const checkpoint = checkpoints.get(model.text);
  if (!checkpoint) throw new RetemperError("INTERNAL", `the model ${model.text} was not opened`);
  return checkpoint;
}

function wholeModels(
  module: RecipeModule,
  slice: RecipeSlice,
  inputs: readonly SliceInput[],
  owned: OwnedNames,
): OutputSlot[] {
  const depths = stackDepths(inputs, owned);
  // The base's order, or the first model's: its files are then read from front to back.
  const leader = inputs.find(({ isBase }) => isBase) ?? inputs[0];
  const names = new Set([leader, ...inputs].flatMap((input) => (input ? (owned.get(input.checkpoint) ?? []) : [])));
  return [...names].map((name) => {
    const layer = layerOf(name);
    const t = layer ? place(layer.index, depths.get(layer.prefix) ?? 0) : 0;
    return { name, module, slice, inputs, inputNames: inputs.map(() => name), t };
  });
}

/** Layers of each stack, which the models must agree on; a model without any stack is found later. */
function stackDepths(inputs: readonly SliceInput[], owned: OwnedNames): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const whole = inputs.filter(({ source }) => source.optional !== "partial");
  const counts = whole.map(({ checkpoint }) => {
    return new Map(layerStacks(owned.get(checkpoint) ?? []).map(({ prefix, layers }) => [prefix, layers]));
  });
  for (const count of counts) {
    for (const [stack, layers] of count) {
      const known = depths.get(stack);
      if (known !== undefined && known !== layers) {
        const list = whole.map(({ source }, at) => `${source.model.text} has ${counts[at]?.get(stack) ?? 0}`);
        throw new RetemperError("INCOMPATIBLE", `the models have different numbers of layers: ${list.join(", ")}`, {
          hint: "merge models of the same shape, or pick layers of each with slices and layer_range",
        });
      }
      depths.set(stack, layers);
    }
  }
  return depths;
}

interface SlicePlan {
  readonly slice: RecipeSlice;
  readonly inputs: readonly SliceInput[];
}

function stackedSlices(
  recipe: ParsedRecipe,
  module: RecipeModule,
  slices: readonly SlicePlan[],
  owned: OwnedNames,
): ModuleLayout {
  const stacks = new Map<Checkpoint, { readonly prefix: string; readonly layers: number }>();
  for (const [checkpoint, names] of owned) stacks.set(checkpoint, mainStack(names) ?? { prefix: "", layers: 0 });
  const isLoose = (name: string, { checkpoint }: SliceInput) =>
    layerOf(name)?.prefix !== stacks.get(checkpoint)?.prefix;

  const before: OutputSlot[] = [];
  const layered: OutputSlot[] = [];
  const after: OutputSlot[] = [];
  const layers: number[] = [];
  slices.forEach(({ slice, inputs }, at) => {
    const depth = sliceDepth(recipe, inputs, stacks);
    const names = inputs.map((input) => owned.get(input.checkpoint) ?? []);
    const begins = inputs.map(({ source }) => source.layerRange?.[0] ?? 0);

    // Layer of the slice -> the suffixes of its tensors, over all inputs.
    const suffixes = Array.from({ length: depth }, () => new Map<string, readonly string[]>());
    inputs.forEach((input, key) => {
      for (const name of names[key] ?? []) {
        if (isLoose(name, input)) continue;
        const layer = layerOf(name) as NonNullable<ReturnType<typeof layerOf>>;
        const found = suffixes[layer.index - (begins[key] ?? 0)];
        if (!found || found.has(layer.suffix)) continue;
        const index = layer.index - (begins[key] ?? 0);
        found.set(
          layer.suffix,
          inputs.map((other, k) => nameIn(stacks, other, (begins[k] ?? 0) + index, layer.suffix)),
        );
      }
    });
    const [leader] = inputs;
    if (leader) {
      suffixes.forEach((found, index) => {
        for (const [suffix, inputNames] of found) {
          const name = nameIn(stacks, leader, layers.length + index, suffix);
          layered.push({ name, module, slice, inputs, inputNames, t: place(index, depth) });
        }
      });
    }

    const loose = new Set(inputs.flatMap((input, key) => (names[key] ?? []).filter((name) => isLoose(name, input))));
    for (const name of loose) {
      const leads = comesFirst(name);
      if (at !== (leads ? 0 : slices.length - 1)) continue;
      (leads ? before : after).push({ name, module, slice, inputs, inputNames: inputs.map(() => name), t: 0 });
    }
    for (let index = 0; index < depth; index++) layers.push((begins[0] ?? 0) + index);
  });
  return { slots: [...before, ...layered, ...after], layers };
}

function nameIn(
  stacks: ReadonlyMap<Checkpoint, { readonly prefix: string }>,
  { checkpoint }: SliceInput,
  layer: number,
  suffix: string,
): string {
  return `${stacks.get(checkpoint)?.prefix ?? ""}${layer}.${suffix}`;
}

/** The number of layers of a slice, which its sources must agree on and have. */
function sliceDepth(
  recipe: ParsedRecipe,
  inputs: readonly SliceInput[],
  stacks: ReadonlyMap<Checkpoint, { readonly layers: number }>,
): number {
  const depths = inputs.map(({ source, checkpoint }) => {
    const available = stacks.get(checkpoint)?.layers ?? 0;
    const [begin, end] = source.layerRange ?? [0, available];
    if (end > available) {
      throw new RetemperError(
        "BAD_RECIPE",
        `layer_range [${begin}, ${end}] of ${source.model.text} goes past its ${available} layers`,
        { file: recipe.file, hint: `layers count from 0 and the end is left out: at most [${begin}, ${available}]` },
      );
    }
    return end - begin;
  });
  if (depths.some((depth) => depth !== depths[0])) {
    const list = inputs.map(({ source }, at) => `${source.model.text} ${depths[at]}`).join(", ");
    throw new RetemperError("BAD_RECIPE", `the sources of a slice have different numbers of layers: ${list}`, {
      file: recipe.file,
      hint: "give all sources of one slice layer_ranges of the same length",
    });
  }
  return depths[0] ?? 0;
}

/** t of a gradient: a slice of one layer takes the gradient's end. */
function place(index: number, layers: number): number {
  return layers > 1 ? index / (layers - 1) : 1;
}

/** Embeddings and whole towers beside the layers stand before the first layer; the final norm and the head after. */
function comesFirst(name: string): boolean {
  return (
    layerOf(name) !== null || /(^|[._])(\w{0,99}embed(?!_out)\w{0,99}|shared|wte|wpe|rotary_emb)([._]|$)/i.test(name)
  );
}
