// From a checkpoint to a decoder as data: config.json and the names and shapes of tensors, nothing of their contents.

import { join } from "node:path";
import { textConfig } from "../../checkpoint/families.js";
import type { JsonObject } from "../../checkpoint/json.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import type { AttendSpec, DecoderSpec, LayerSpec, Matrix, MlpSpec, Norm, Rope, Weight } from "../ops/specs.js";
import { activationOf } from "./activation.js";
import { ConfigReader } from "./configReader.js";
import { FAMILIES, type Family } from "./families.js";
import { ropeOf } from "./rope.js";
import { rowsOf, WeightFinder } from "./weightFinder.js";

/**
 * The decoder that a checkpoint holds: of a model of several modules, its language model.
 * @param stopTokens as stopTokens.ts finds them
 * @throws RetemperError BAD_INPUT for an unknown family, settings that cannot be, and missing or wrong tensors (all named).
 */
export function decoderSpec(checkpoint: Checkpoint, stopTokens: readonly number[]): DecoderSpec {
  const file = join(checkpoint.folder, "config.json");
  const config = textConfig(checkpoint.config);
  const { type, family } = familyOf(config, file);
  const settings = new ConfigReader(config, file, family.defaults, family.aliases);
  for (const [key, effect] of Object.entries(family.refused ?? {})) {
    if (settings.flag(key)) throw settings.error(key, `is true: it ${effect}`);
  }
  return new Builder(checkpoint, type, family, settings).build(stopTokens);
}

function familyOf(config: JsonObject, file: string): { type: string; family: Family } {
  const type = config.model_type;
  const family = typeof type === "string" ? FAMILIES.get(type) : undefined;
  if (family) return { type: type as string, family };
  const said =
    typeof type === "string" ? `The model family ${type.slice(0, 60)} is not known` : "model_type is missing";
  throw new RetemperError("BAD_INPUT", `${said}: such a model cannot be run here`, {
    file,
    hint: `Known are ${[...FAMILIES.keys()].join(", ")}. Others run behind an OpenAI-compatible server: --engine endpoint.`,
  });
}

class Builder {
  private readonly checkpoint: Checkpoint;
  private readonly type: string;
  private readonly family: Family;
  private readonly settings: ConfigReader;
  private readonly finder: WeightFinder;
  private readonly prefix: string;
  private readonly hidden: number;
  private readonly heads: number;
  private readonly kvHeads: number;
  private readonly headDim: number;
  private readonly maxPositions: number;
  private readonly ropes = new Map<string, Rope>();

  constructor(checkpoint: Checkpoint, type: string, family: Family, settings: ConfigReader) {
    this.checkpoint = checkpoint;
    this.type = type;
    this.family = family;
    this.settings = settings;
    this.prefix = prefixOf(checkpoint, family);
    this.finder = new WeightFinder(checkpoint, this.prefix);
    this.hidden = settings.size("hidden_size");
    this.heads = settings.size("num_attention_heads");
    this.kvHeads = settings.optionalSize("num_key_value_heads") ?? this.heads;
    this.headDim = settings.optionalSize("head_dim") ?? Math.floor(this.hidden / this.heads);
    this.maxPositions = settings.size("max_position_embeddings");
    if (this.heads % this.kvHeads !== 0) {
      throw settings.error("num_key_value_heads", `is ${this.kvHeads}, which does not divide ${this.heads} heads`);
    }
  }

  build(stopTokens: readonly number[]): DecoderSpec {
    const { settings, family, hidden, finder, maxPositions } = this;
    const { names } = family;
    const vocabulary = settings.size("vocab_size");
    const table = finder.weight(`${names.embedding}.weight`, [vocabulary, hidden]);
    const positions =
      names.positions === undefined ? undefined : finder.weight(`${names.positions}.weight`, [maxPositions, hidden]);
    const count = settings.size("num_hidden_layers");
    if (count > 10_000) throw settings.error("num_hidden_layers", `is ${count}, more than any model has`);
    const layers = Array.from({ length: count }, (_, layer) => this.layer(layer));
    const norm = this.norm(names.finalNorm, hidden);
    const matrix: Matrix = { weight: this.head(table, vocabulary), layout: "out-in", out: vocabulary, in: hidden };
    finder.report(this.type);
    return {
      family: this.type,
      vocabulary,
      hidden,
      maxPositions,
      embed: { table, positions, scale: family.scalesEmbeddings ? Math.fround(Math.sqrt(hidden)) : 1 },
      layers,
      head: { norm, matrix, softcap: family.logitCapKey ? settings.optionalPositive(family.logitCapKey) : undefined },
      stopTokens,
    };
  }

  private layer(layer: number): LayerSpec {
    const { family, settings, heads, kvHeads, headDim, hidden } = this;
    const { names, layout } = family;
    const at = (name: string) => `${names.layers}.${layer}.${name}`;
    const biases = family.biases(settings);
    const inner = heads * headDim;
    const kv = kvHeads * headDim;
    const outs = names.qkv.length === 1 ? [inner + 2 * kv] : [inner, kv, kv];
    const matrices = names.qkv.map((name, i) =>
      this.finder.matrix(at(name), outs[i] as number, hidden, layout, biases.qkv),
    );
    const optionalNorm = (name: string | undefined, size: number) =>
      name === undefined ? undefined : this.norm(at(name), size);
    const attend: AttendSpec = {
      layer,
      heads,
      kvHeads,
      headDim,
      scale: family.attentionScale?.(settings, layer, headDim) ?? headDim ** -0.5,
      softcap: family.attentionCapKey ? settings.optionalPositive(family.attentionCapKey) : undefined,
      window: family.window?.(settings, layer),
      rope: this.rope(layer),
      queryNorm: optionalNorm(names.queryNorm, headDim),
      keyNorm: optionalNorm(names.keyNorm, headDim),
    };
    return {
      project: { norm: this.norm(at(names.inputNorm), hidden), matrices },
      attend,
      output: {
        matrix: this.finder.matrix(at(names.output), hidden, inner, layout, biases.output),
        postNorm: optionalNorm(names.postAttentionNorm, hidden),
      },
      mlp: this.mlp(at, biases.mlp),
    };
  }

  private mlp(at: (name: string) => string, hasBias: boolean): MlpSpec {
    const { family, finder, hidden, settings } = this;
    const { names, layout } = family;
    // GPT-2 leaves it unsaid
    const inner = settings.optionalSize("intermediate_size") ?? 4 * hidden;
    const of = (name: string, out: number) => finder.matrix(at(name), out, hidden, layout, hasBias);
    const fused = names.gateUp === undefined ? undefined : of(names.gateUp, 2 * inner);
    const gate = fused ? rowsOf(fused, 0, inner) : names.gate === undefined ? undefined : of(names.gate, inner);
    const up = fused ? rowsOf(fused, inner, 2 * inner) : of(names.up as string, inner);
    return {
      norm: this.norm(at(names.mlpNorm), hidden),
      gate,
      up,
      down: finder.matrix(at(names.down), hidden, inner, layout, hasBias),
      activation: activationOf(settings, family.activationKey, family.activations),
      postNorm: names.postMlpNorm === undefined ? undefined : this.norm(at(names.postMlpNorm), hidden),
    };
  }

  private norm(name: string, size: number): Norm {
    const { kind, plusOne, epsilonKey } = this.family.norm;
    return {
      kind,
      weight: this.finder.weight(`${name}.weight`, [size]),
      bias: kind === "layer" ? this.finder.weight(`${name}.bias`, [size]) : undefined,
      epsilon: this.settings.positive(epsilonKey),
      plusOne,
    };
  }

  /** Layers that turn alike share one object. */
  private rope(layer: number): Rope | undefined {
    const request = this.family.rope(this.settings, layer);
    if (!request) return undefined;
    const { headDim, maxPositions, ropes } = this;
    const rope = ropes.get(request.layerType) ?? ropeOf(this.settings, { ...request, headDim, maxPositions });
    ropes.set(request.layerType, rope);
    return rope;
  }

  /** The head: what is stored decides; without one it is the embedding, unless the configuration denies that. */
  private head(table: Weight, vocabulary: number): Weight {
    const shape = [vocabulary, this.hidden];
    const outer = this.prefix.replace(/(^|\.)(model|transformer)\.$/, "$1");
    const names = [...new Set(["lm_head.weight", `${outer}lm_head.weight`, `${this.prefix}lm_head.weight`])];
    const stored = names.find((name) => this.checkpoint.tensors.has(name));
    if (stored !== undefined) return this.finder.named(stored, shape);
    const { config } = this.checkpoint;
    const declared = textConfig(config).tie_word_embeddings ?? config.tie_word_embeddings;
    return declared === false ? this.finder.named("lm_head.weight", shape) : table;
  }
}

/** What stands before the names of the language model: "model." usually, "language_model.model." beside a vision tower. */
function prefixOf({ tensors }: Checkpoint, { names }: Family): string {
  const leaf = `${names.embedding}.weight`;
  const prefixes = [...tensors.keys()]
    .filter((name) => name === leaf || name.endsWith(`.${leaf}`))
    .map((name) => name.slice(0, -leaf.length));
  const first = (prefix: string) => tensors.has(`${prefix}${names.layers}.0.${names.inputNorm}.weight`);
  const found = prefixes.filter(first).sort((a, b) => a.length - b.length)[0];
  return found ?? (names.embedding === "wte" ? "transformer." : "model.");
}
