// A linear merge of A with A + adapter, written as an adapter: A + lambda scale B A is A with B times lambda. Exact for
// plain LoRA and rsLoRA; whatever else an adapter may hold is refused, because it would not scale.

import type { Dtype } from "../../addon/dtype.js";
import type { Adapter, Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import type { BuiltPlan } from "../../plan/build.js";
import { estimate } from "../../plan/estimate.js";
import { InputFiles } from "../../plan/inputFiles.js";
import { matrixOf } from "../../plan/parts.js";
import { packShards } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { ModelReference, ParsedRecipe, RecipeSource } from "../../recipe/types.js";
import type { Prepared } from "../prepare.js";
import { ADAPTER_FILE } from "./adapterFile.js";

/**
 * The plan of a point as a scaled adapter.
 * @param prepared the same point as a checkpoint, with its weights in the recipe
 * @throws RetemperError USAGE where a scaled adapter would not be the same as the merged model
 */
export function scaledAdapter(prepared: Prepared, threads: number): Prepared {
  const { tuned, base, weight } = pairOf(prepared);
  const checkpoint = prepared.models.checkpoints.get(tuned) as Checkpoint;
  const adapter = checkpoint.adapter as Adapter;
  refuseUnscalable(adapter, tuned);
  const files = new InputFiles();
  const tensors = factorsOf(adapter).map(({ tensor, isB }): DraftTensor => {
    const scales = isB && weight !== 1;
    return {
      name: tensor.name,
      shape: tensor.shape,
      compute: tensor.dtype === "F64" ? "F64" : "F32",
      outDtype: scales ? scaledDtype(tensor.dtype, weight) : tensor.dtype,
      sources: [{ parts: [{ ...files.range(checkpoint, "adapter", tensor), ...matrixOf(tensor.shape) }] }],
      modelKeys: [0],
      params: scales ? { op: "linear", weights: [weight], normalize: false } : { op: "copy" },
      models: [tuned],
      identical: [],
    };
  });
  const outputs = tensors.map(({ name, outDtype, shape }) => ({ name, dtype: outDtype, shape }));
  const { shards, totalSize } = packShards(outputs, Number.MAX_VALUE);
  const built: BuiltPlan = {
    ...prepared.built,
    tensors,
    inputs: files.list,
    layout: { shards: shards.map((shard) => ({ ...shard, fileName: ADAPTER_FILE })), totalSize },
    unmatched: [],
  };
  return {
    ...prepared,
    built,
    estimate: estimate(built, { threads, maxMemory: 0, tokenizerBytes: 0 }),
    adapterConfig: {
      ...adapter.config,
      base_model_name_or_path: base.path,
      ...(base.revision !== undefined && { revision: base.revision }),
    },
  };
}

/** The adapted model of a linear merge of A with A + adapter, A, and the share of the adapted model. */
function pairOf({ recipe }: Prepared): {
  readonly tuned: string;
  readonly base: ModelReference;
  readonly weight: number;
} {
  if (recipe.method === "task_arithmetic" && isPlainSum(recipe)) return addedTo(recipe);
  if (recipe.method !== "linear") throw inexact(`${recipe.method} is not linear in the adapter's change`);
  if (recipe.tokenizer || recipe.chatTemplate) throw inexact("an adapter does not change the tokenizer");
  const [module, ...others] = recipe.modules;
  const sources = module?.whole && others.length === 0 ? (module.slices[0]?.sources ?? []) : [];
  const adapted = sources.find(({ model }) => model.lora);
  const plain = sources.find(({ model }) => !model.lora);
  const same = adapted?.model.path === plain?.model.path && adapted?.model.revision === plain?.model.revision;
  if (!adapted || !plain || sources.length !== 2 || !same) {
    throw inexact("the recipe does not merge one whole model with that model + adapter");
  }
  const [a, b] = [weightOf(adapted), weightOf(plain)];
  if (a === undefined || b === undefined || Math.abs(a + b - 1) > 1e-12) {
    throw inexact("the weights of the two models are not lambda and 1 - lambda for all tensors");
  }
  return { tuned: adapted.model.text, base: plain.model, weight: a };
}

/** True for the base and one model's change, with no other number than its weight. */
function isPlainSum({ baseModel, modules, parameters, tokenizer, chatTemplate }: ParsedRecipe): boolean {
  const sources = modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const others = Object.keys(parameters).length > 0 || tokenizer !== undefined || chatTemplate !== undefined;
  return baseModel !== undefined && sources.length === 1 && modules.length === 1 && !others;
}

/** The base with one adapted model's change: the adapted model, the base, and the weight of the change. */
function addedTo({ baseModel, modules }: ParsedRecipe): ReturnType<typeof pairOf> {
  const [source] = modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const base = baseModel as ModelReference;
  const weight = source && weightOf(source);
  const same = source?.model.path === base.path && source.model.revision === base.revision && !base.lora;
  if (!source?.model.lora || !same || source.layerRange) {
    throw inexact("the recipe does not add the change of one adapter to its own base");
  }
  if (weight === undefined) throw inexact("the weight of the change is not the same for all tensors");
  return { tuned: source.model.text, base, weight };
}

/** The weight that a model has for all of its tensors. */
function weightOf({ parameters }: RecipeSource): number | undefined {
  const [only, ...others] = parameters.weight ?? [];
  const { filter, value } = only ?? {};
  return others.length === 0 && filter === undefined && typeof value === "number" ? value : undefined;
}

function refuseUnscalable({ config, effects, added }: Adapter, model: string): void {
  const all = [...effects.values()];
  const saved = added.size > 0 || all.some(({ kind }) => kind === "replace");
  const bases = all.some((effect) => effect.kind === "lowRank" && effect.base);
  if (all.some((effect) => effect.kind === "lowRank" && effect.term.dora)) {
    throw inexact(`${model} is a DoRA adapter, whose weights are divided by their norms`);
  }
  if (all.some((effect) => effect.kind === "lowRank" && effect.term.experts)) {
    throw inexact(`${model} adapts all experts of a layer as one parameter (target_parameters)`);
  }
  if (all.some(({ kind }) => kind === "add")) throw inexact(`${model} has biases beside its matrices (lora_bias)`);
  const { bias = "none" } = config;
  if (saved && bias !== "none") throw inexact(`${model} has biases of its own (bias: ${String(bias)})`);
  if (saved || bases) throw inexact(`${model} replaces whole tensors of its base (modules_to_save)`);
}

export function inexact(why: string): RetemperError {
  return new RetemperError("USAGE", `an adapter cannot hold this merge exactly: ${why}`, {
    hint: "leave --out-adapter (outAdapter) out to write whole checkpoints",
  });
}

/** All tensors of the adapter's file in its order, B with a mark. */
function factorsOf({ effects }: Adapter): { readonly tensor: StoredTensor; readonly isB: boolean }[] {
  const factors = [...effects.values()].flatMap((effect) => {
    if (effect.kind !== "lowRank") return [];
    const { left, right, leftTransposed } = effect.term;
    return [left, right].map((tensor) => ({ tensor, isB: (tensor === left) !== leftTransposed }));
  });
  return factors.sort((a, b) => a.tensor.offset - b.tensor.offset);
}

/** Powers of two change exponents alone; other products need more digits than 16 bits have. */
function scaledDtype(stored: Dtype, weight: number): Dtype {
  if (stored !== "BF16" && stored !== "F16") return stored;
  const powerOfTwo = Number.isInteger(Math.log2(Math.abs(weight)));
  // float16 has so few exponents that small values would lose digits below its smallest normal number.
  const exact = weight === 0 || Math.abs(weight) === 1 || (powerOfTwo && stored === "BF16");
  return exact ? stored : "F32";
}
