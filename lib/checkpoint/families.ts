// What the names of tensors say about a model, for any architecture: layers, stacks of layers, embeddings, head.

import type { JsonObject } from "./json.js";

/** `model.layers.3.mlp.up_proj.weight` = prefix "model.layers.", index 3, suffix "mlp.up_proj.weight". */
export interface LayerName {
  readonly prefix: string;
  readonly index: number;
  readonly suffix: string;
}

/**
 * The layer that a tensor belongs to: the first number after a segment that names a list of layers (`layers`, `layer`,
 * `h`, `blocks`, `block`, `resblocks`, `decoder_layers`, …). Numbers further on (experts, T5's sub-layers) and numbers of
 * other lists (`projector.0`) are not layers. Linear in the length of the name.
 */
export function layerOf(name: string): LayerName | null {
  let start = 0;
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", start)) {
    const isList = isLayerList(name, start, dot);
    start = dot + 1;
    if (!isList) continue;
    const end = name.indexOf(".", start);
    if (end < 0) return null;
    const digits = name.slice(start, end);
    if (/^(0|[1-9]\d{0,5})$/.test(digits)) {
      return { prefix: name.slice(0, start), index: Number(digits), suffix: name.slice(end + 1) };
    }
  }
  return null;
}

function isLayerList(name: string, start: number, end: number): boolean {
  const segment = end - start > 40 ? "" : name.slice(start, end);
  return segment === "h" || /(^|_|res)(layers?|blocks?)$/.test(segment);
}

/** The same tensor of another layer; names that belong to no layer stay as they are. */
export function renumberLayer(name: string, newIndex: number): string {
  const layer = layerOf(name);
  return layer ? `${layer.prefix}${newIndex}.${layer.suffix}` : name;
}

/** A stack of layers: what its tensors' names start with, and how many layers it has (highest index + 1). */
export interface LayerStack {
  readonly prefix: string;
  readonly layers: number;
  /** Tensors in it. */
  readonly tensors: number;
}

/** All stacks, in the order of their prefixes: one for a language model, more with an encoder or a vision tower. */
export function layerStacks(names: Iterable<string>): LayerStack[] {
  const stacks = new Map<string, { layers: number; tensors: number }>();
  for (const name of names) {
    const layer = layerOf(name);
    if (!layer) continue;
    const stack = stacks.get(layer.prefix) ?? { layers: 0, tensors: 0 };
    stack.layers = Math.max(stack.layers, layer.index + 1);
    stack.tensors++;
    stacks.set(layer.prefix, stack);
  }
  return [...stacks].map(([prefix, stack]) => ({ prefix, ...stack })).sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

/** Names of towers beside the language model, as a segment of a tensor's name. */
const OTHER_TOWER = /(^|\.|_)(vision|visual|image|audio|speech|vit|clip|sam|qformer|perceiver)/i;

/** Whether a tensor belongs to a tower of images or sound, by its name. */
export function inOtherTower(name: string): boolean {
  return OTHER_TOWER.test(name);
}

/**
 * The stack of the language model: of those that belong to no vision or audio tower the one with the most layers; a
 * decoder before its encoder.
 */
export function mainStack(names: Iterable<string>): LayerStack | undefined {
  const stacks = layerStacks(names);
  const text = stacks.filter(({ prefix }) => !OTHER_TOWER.test(prefix));
  const rank = (stack: LayerStack) => stack.layers * 2 + (stack.prefix.includes("decoder") ? 1 : 0);
  return (text.length > 0 ? text : stacks).sort((a, b) => rank(b) - rank(a) || (a.prefix < b.prefix ? -1 : 1))[0];
}

/** Number of layers of the language model's stack; 0 when no name has a layer. */
export function layerCount(names: Iterable<string>): number {
  return mainStack(names)?.layers ?? 0;
}

/** Last segments (before `.weight`) of input embeddings and output heads, the usual ones first. */
const EMBEDDINGS = [
  ...["shared", "embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings", "embedding", "embeddings"],
  ...["token_embedding", "word_embedding", "embed"],
];
const HEADS = ["lm_head", "embed_out", "output_layer", "output", "head"];

export interface EmbeddingNames {
  /** Input embedding [vocabulary, hidden]. */
  readonly embedding?: string;
  /** Output head [vocabulary, hidden]; absent when tied. */
  readonly head?: string;
}

/** The input embedding and the output head of the language model. */
export function embeddingNames(tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): EmbeddingNames {
  const embedding = pick(tensors, EMBEDDINGS);
  const head = pick(tensors, HEADS);
  return { ...(embedding === undefined ? {} : { embedding }), ...(head === undefined ? {} : { head }) };
}

function pick(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  leaves: readonly string[],
): string | undefined {
  let best: { name: string; rank: number } | undefined;
  for (const [name, { shape }] of tensors) {
    if (shape.length !== 2 || !name.endsWith(".weight") || layerOf(name) || OTHER_TOWER.test(name)) continue;
    const leaf = name.slice(0, -".weight".length).split(".").at(-1) as string;
    const rank = leaves.indexOf(leaf);
    if (rank >= 0 && (!best || rank < best.rank || (rank === best.rank && name.length < best.name.length))) {
      best = { name, rank };
    }
  }
  return best?.name;
}

/**
 * True when the head is the embedding: the checkpoint stores an embedding, no head, and its configuration does not deny
 * it. What is stored decides, because a stored head is a tensor of its own to a merge.
 */
export function isTied(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  config: JsonObject,
): boolean {
  const { embedding, head } = embeddingNames(tensors);
  const declared = textConfig(config).tie_word_embeddings ?? config.tie_word_embeddings;
  return embedding !== undefined && head === undefined && declared !== false;
}

/** The configuration of the language model: nested in models of several modules, else the whole. */
export function textConfig(config: JsonObject): JsonObject {
  for (const key of ["text_config", "llm_config", "language_config"]) {
    const nested = config[key];
    if (typeof nested === "object" && nested !== null && !Array.isArray(nested)) return nested as JsonObject;
  }
  return config;
}

/** Architecture and model type for display: "LlamaForCausalLM (llama)". */
export function family(config: JsonObject): string {
  const { architectures, model_type: type } = config;
  const architecture =
    Array.isArray(architectures) && typeof architectures[0] === "string" ? architectures[0] : undefined;
  const kind = typeof type === "string" ? type : undefined;
  if (architecture !== undefined && kind !== undefined) return `${architecture} (${kind})`;
  return architecture ?? kind ?? "unknown";
}
