// What a model is, from its headers and configuration alone: for `inspect`, for plans and for error reports.

import { basename } from "node:path";
import { RetemperError } from "../errors.js";
import { openAdapter } from "./adapter.js";
import { findAdapterFile, readAdapterFile } from "./adapterFile.js";
import { elementsOf } from "./elementsOf.js";
import { embeddingNames, family, isTied, type LayerStack, layerStacks, mainStack, textConfig } from "./families.js";
import { dequantise } from "./formats/quantised/dequantise.js";
import { type JsonObject, readJsonObject } from "./json.js";
import { locate } from "./locate.js";
import { type ModelFolder, openFolder, optionalFileOf } from "./modelFolder.js";
import { modulesOf } from "./modules.js";
import { type CheckpointReference, type OpenOptions, readConfig, referenceOf } from "./open.js";
import { quantisation, refuseQuantised } from "./quantised.js";
import { readSmall } from "./readSmall.js";
import { withoutSharedHead } from "./sharedHead.js";
import type { Adapter, Checkpoint } from "./types.js";
import { hasWeights, type RawTensor, readWeights, type Weights } from "./weights.js";

export interface TensorFacts {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Name of the file that holds it. */
  readonly file: string;
}

export interface DtypeFacts {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

export interface AdapterFacts {
  readonly folder: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly rank?: number;
  readonly alpha?: number;
  readonly rsLora: boolean;
  readonly dora: boolean;
  /** As adapter_config.json names it. */
  readonly baseModel?: string;
  /** Tensors of the base that change, by kind; absent where the adapter was looked at without its base. */
  readonly effects?: { readonly lowRank: number; readonly replace: number; readonly add: number };
  /** Tensors that it adds. */
  readonly added?: readonly string[];
  readonly warnings: readonly string[];
}

export interface ModelFacts {
  readonly reference: string;
  readonly folder: string;
  /** "adapter": the folder of an adapter, looked at by itself. */
  readonly kind: "model" | "adapter";
  readonly family: string;
  /** Elements of all tensors (codes, where the model is quantised). */
  readonly parameters: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  readonly dtypes: Readonly<Record<string, DtypeFacts>>;
  readonly tensors: readonly TensorFacts[];
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** Layers of the language model. */
  readonly layers: number;
  readonly stacks: readonly LayerStack[];
  readonly modules: readonly string[];
  /** Rows of the embedding, else what the configuration says. */
  readonly vocabulary?: number;
  readonly hiddenSize?: number;
  readonly tied: boolean;
  /** Scheme, where the weights are codes. */
  readonly quantisation?: string;
  /** What precision was lost before the model came here, or why it can be neither merged nor run. */
  readonly notes: readonly string[];
  readonly adapter?: AdapterFacts;
}

/**
 * Looks at a model without reading a tensor. Quantised models and adapters by themselves are described too, not refused.
 * @throws RetemperError BAD_INPUT or INCOMPATIBLE as opening does.
 */
export async function inspectModel(reference: CheckpointReference | string, options: OpenOptions): Promise<ModelFacts> {
  const { text, path, revision, lora } = referenceOf(reference);
  const folder = await openFolder(await locate({ path, revision }, options));
  const loneAdapter = lora ? undefined : await adapterFileOf(folder);
  const weights = loneAdapter
    ? await readAdapterFile(loneAdapter, options.addon)
    : await readWeights(folder, options.addon);
  const { config } = await readConfig(folder);
  const own = { ...weights, tensors: withoutSharedHead(weights.tensors, config) };
  const notes = loneAdapter ? [] : notesOf(own, config, folder, options);
  const facts = { ...factsOf(text, folder, own, config), notes };
  if (loneAdapter) {
    const adapterConfig = await optionalFileOf(folder, "adapter_config.json");
    const read = adapterConfig === undefined ? {} : await readJsonObject(adapterConfig);
    return { ...facts, kind: "adapter", adapter: adapterFacts(folder.path, read, weights.tensors.values()) };
  }
  if (!lora) return facts;
  // dtypes do not matter to an adapter's effects, so a quantised base can be looked at as well
  const base = { reference: text, folder: folder.path, files: weights.files, tensors: weights.tensors, config };
  const adapter = await openAdapter(await locate(lora, options), base as unknown as Checkpoint, options);
  return { ...facts, adapter: await effectsOf(adapter, options) };
}

/** The adapter file of a folder that has no model. */
async function adapterFileOf(folder: ModelFolder): Promise<string | undefined> {
  return (await hasWeights(folder)) ? undefined : findAdapterFile(folder);
}

function notesOf(
  { files, tensors, notes = [] }: Weights,
  config: JsonObject,
  { path: folder }: ModelFolder,
  { addon, named = {} }: OpenOptions,
): string[] {
  try {
    const plain = dequantise({ folder, tensors, config, read: (tensor) => readSmall(tensor, files, addon) });
    refuseQuantised({ folder, tensors: plain.tensors, config: plain.config });
    return [...notes, ...plain.notes];
  } catch (error) {
    if (!(error instanceof RetemperError)) throw error;
    // Of a model that is looked at from afar, the small tensors that say how others are read are not here.
    if (Object.values(named).includes(folder)) return [...notes];
    return [...notes, `it can be neither merged nor run: ${error.message}`];
  }
}

function factsOf(
  reference: string,
  folder: ModelFolder,
  { files, tensors }: Weights,
  config: JsonObject,
): Omit<ModelFacts, "notes"> {
  const dtypes: Record<string, DtypeFacts> = {};
  const list: TensorFacts[] = [];
  const names = files.map((file) => basename(file.path));
  for (const { name, dtype: decoded, shape, bytes, file, encoding } of tensors.values()) {
    const dtype = encoding?.blocks ?? decoded;
    const sum = dtypes[dtype] ?? { tensors: 0, parameters: 0, bytes: 0 };
    const parameters = elementsOf({ shape });
    dtypes[dtype] = { tensors: sum.tensors + 1, parameters: sum.parameters + parameters, bytes: sum.bytes + bytes };
    list.push({ name, dtype, shape, bytes, file: names[file] as string });
  }
  const text = textConfig(config);
  const { embedding } = embeddingNames(tensors);
  const rows = embedding === undefined ? undefined : tensors.get(embedding)?.shape[0];
  const vocabulary = rows ?? numeric(text.vocab_size);
  const hiddenSize = numeric(text.hidden_size) ?? numeric(text.n_embd) ?? numeric(text.d_model);
  const scheme = quantisation(tensors, config)?.scheme;
  return {
    reference,
    folder: folder.path,
    kind: "model",
    family: family(config),
    parameters: total(dtypes, "parameters"),
    bytes: total(dtypes, "bytes"),
    dtypes,
    tensors: list,
    files: files.map(({ size }, i) => ({ name: names[i] as string, bytes: size })),
    layers: mainStack(tensors.keys())?.layers ?? 0,
    stacks: layerStacks(tensors.keys()),
    modules: modulesOf(tensors.keys()),
    tied: isTied(tensors, config),
    ...(vocabulary === undefined ? {} : { vocabulary }),
    ...(hiddenSize === undefined ? {} : { hiddenSize }),
    ...(scheme === undefined ? {} : { quantisation: scheme }),
  };
}

async function effectsOf(adapter: Adapter, { addon }: OpenOptions): Promise<AdapterFacts> {
  const effects = { lowRank: 0, replace: 0, add: 0 };
  for (const { kind } of adapter.effects.values()) effects[kind]++;
  const path = await findAdapterFile(await openFolder(adapter.folder));
  const tensors = path === undefined ? [] : (await readAdapterFile(path, addon)).tensors.values();
  return {
    ...adapterFacts(adapter.folder, adapter.config, tensors),
    effects,
    added: [...adapter.added.keys()],
    warnings: adapter.warnings ?? [],
  };
}

function adapterFacts(folder: string, config: JsonObject, tensors: Iterable<RawTensor>): AdapterFacts {
  let parameters = 0;
  let bytes = 0;
  for (const tensor of tensors) {
    parameters += elementsOf(tensor);
    bytes += tensor.bytes;
  }
  const rank = numeric(config.r);
  const alpha = numeric(config.lora_alpha);
  const base = config.base_model_name_or_path;
  return {
    folder,
    parameters,
    bytes,
    rsLora: config.use_rslora === true,
    dora: config.use_dora === true,
    warnings: [],
    ...(rank === undefined ? {} : { rank }),
    ...(alpha === undefined ? {} : { alpha }),
    ...(typeof base === "string" ? { baseModel: base } : {}),
  };
}

function numeric(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function total(dtypes: Readonly<Record<string, DtypeFacts>>, key: "parameters" | "bytes"): number {
  return Object.values(dtypes).reduce((sum, facts) => sum + facts[key], 0);
}
