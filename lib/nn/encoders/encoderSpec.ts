// Encoders for metrics as data: BERT, RoBERTa and DeBERTa (v1), from config.json and the names and shapes of tensors. Heads
// of the checkpoint are left alone.

import { join } from "node:path";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { activationOf } from "../families/activation.js";
import { ConfigReader } from "../families/configReader.js";
import { WeightFinder } from "../families/weightFinder.js";
import type { Activation, Matrix, Norm, Weight } from "../ops/specs.js";

/** Positions relative to each other (He et al. 2021): what a token's content says to a distance, and the reverse. */
export interface Disentangled {
  /** [2 * span, hidden]: row span + d is for distance d = query - key; distances are cut off at span. */
  readonly table: Weight;
  readonly span: number;
}

export interface EncoderLayerSpec {
  /** q, k and v: three matrices, or one in which each head has its q, k and v side by side. */
  readonly projections: readonly Matrix[];
  /** Of the fused projection, [hidden] each. */
  readonly queryBias?: Weight | undefined;
  readonly valueBias?: Weight | undefined;
  readonly contentToPosition?: Matrix | undefined;
  readonly positionToContent?: Matrix | undefined;
  readonly output: Matrix;
  readonly attentionNorm: Norm;
  readonly up: Matrix;
  readonly down: Matrix;
  readonly mlpNorm: Norm;
}

export interface EncoderSpec {
  readonly family: string;
  readonly vocabulary: number;
  readonly hidden: number;
  readonly heads: number;
  /** Tokens of the longest input. */
  readonly maxLength: number;
  readonly words: Weight;
  readonly positions?: Weight | undefined;
  /** Position of an input's first token; and the id whose tokens stay at the position before it (RoBERTa's padding). */
  readonly firstPosition: number;
  readonly paddingId?: number | undefined;
  /** Row 0 is added to every token. */
  readonly types?: Weight | undefined;
  /** From the embeddings' width to the hidden one, where they differ. */
  readonly widen?: Matrix | undefined;
  readonly norm: Norm;
  readonly activation: Activation;
  readonly disentangled?: Disentangled | undefined;
  readonly layers: readonly EncoderLayerSpec[];
}

const SHARED = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  hidden_act: "gelu",
};
const BERT = {
  ...{ ...SHARED, vocab_size: 30522, max_position_embeddings: 512, type_vocab_size: 2, layer_norm_eps: 1e-12 },
  pad_token_id: 0,
};
const ROBERTA = { ...BERT, vocab_size: 50265, pad_token_id: 1 };
const DEBERTA = {
  ...{ ...SHARED, vocab_size: 50265, max_position_embeddings: 512, type_vocab_size: 0, layer_norm_eps: 1e-7 },
  position_biased_input: true,
};

/** transformers' defaults, by model_type. XLM-RoBERTa and CamemBERT are RoBERTa with other vocabularies. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  bert: BERT,
  roberta: ROBERTA,
  "xlm-roberta": ROBERTA,
  camembert: ROBERTA,
  deberta: DEBERTA,
};

/**
 * The encoder that a checkpoint holds.
 * @throws RetemperError BAD_INPUT for an unknown family, settings that cannot be, and missing or wrong tensors (all named).
 */
export function encoderSpec(checkpoint: Checkpoint): EncoderSpec {
  const file = join(checkpoint.folder, "config.json");
  const type = checkpoint.config.model_type;
  if (typeof type !== "string" || !Object.hasOwn(DEFAULTS, type)) {
    const said = typeof type === "string" ? `The encoder ${type.slice(0, 60)} is not known` : "model_type is missing";
    throw new RetemperError("BAD_INPUT", said, { file, hint: `Known are ${Object.keys(DEFAULTS).join(", ")}.` });
  }
  const settings = new ConfigReader(checkpoint.config, file, DEFAULTS[type]);
  for (const key of ["is_decoder", "talking_head"]) {
    if (settings.flag(key)) throw settings.error(key, "is true, which is not known here");
  }
  const kind = settings.optionalText("position_embedding_type") ?? "absolute";
  if (kind !== "absolute") throw settings.error("position_embedding_type", `is ${kind}, which is not known here`);
  return type === "deberta" ? debertaSpec(checkpoint, settings) : bertSpec(checkpoint, settings, type);
}

function bertSpec(checkpoint: Checkpoint, settings: ConfigReader, family: string): EncoderSpec {
  const builder = new Builder(checkpoint, settings);
  const { hidden } = builder;
  const isBert = family === "bert";
  const paddingId = isBert ? undefined : (settings.optionalNumber("pad_token_id") ?? 1);
  const firstPosition = paddingId === undefined ? 0 : paddingId + 1;
  const positions = settings.size("max_position_embeddings");
  const layers = builder.layers((at) => ({
    projections: ["query", "key", "value"].map((name) => builder.matrix(at(`attention.self.${name}`), hidden, hidden)),
  }));
  const spec: EncoderSpec = {
    ...builder.build(family, hidden, layers),
    maxLength: positions - firstPosition,
    positions: builder.weight("embeddings.position_embeddings.weight", [positions, hidden]),
    firstPosition,
    paddingId,
  };
  builder.report(family);
  return spec;
}

function debertaSpec(checkpoint: Checkpoint, settings: ConfigReader): EncoderSpec {
  const builder = new Builder(checkpoint, settings);
  const { hidden } = builder;
  const width = settings.optionalSize("embedding_size") ?? hidden;
  const maxLength = settings.size("max_position_embeddings");
  const said = settings.value("pos_att_type");
  const terms =
    typeof said === "string" ? said.toLowerCase().split("|") : (settings.optionalList("pos_att_type") ?? []);
  const kinds = terms.map((term) => String(term).trim());
  const unknown = kinds.find((term) => term !== "c2p" && term !== "p2c");
  if (unknown !== undefined) throw settings.error("pos_att_type", `holds ${unknown}; known are c2p and p2c`);
  const isRelative = settings.flag("relative_attention");
  const given = settings.optionalNumber("max_relative_positions") ?? -1;
  const span = given < 1 ? maxLength : given;
  const layers = builder.layers((at) => ({
    projections: [builder.matrix(at("attention.self.in_proj"), 3 * hidden, hidden, false)],
    queryBias: builder.weight(at("attention.self.q_bias"), [hidden]),
    valueBias: builder.weight(at("attention.self.v_bias"), [hidden]),
    contentToPosition:
      isRelative && kinds.includes("c2p")
        ? builder.matrix(at("attention.self.pos_proj"), hidden, hidden, false)
        : undefined,
    positionToContent:
      isRelative && kinds.includes("p2c") ? builder.matrix(at("attention.self.pos_q_proj"), hidden, hidden) : undefined,
  }));
  const spec: EncoderSpec = {
    ...builder.build("deberta", width, layers),
    maxLength,
    positions: settings.flag("position_biased_input")
      ? builder.weight("embeddings.position_embeddings.weight", [maxLength, width])
      : undefined,
    firstPosition: 0,
    widen: width === hidden ? undefined : builder.matrix("embeddings.embed_proj", hidden, width, false),
    disentangled: isRelative
      ? { table: builder.weight("encoder.rel_embeddings.weight", [2 * span, hidden]), span }
      : undefined,
  };
  builder.report("deberta");
  return spec;
}

type Attention = Pick<
  EncoderLayerSpec,
  "projections" | "queryBias" | "valueBias" | "contentToPosition" | "positionToContent"
>;

/** What the families share. */
class Builder {
  readonly hidden: number;
  private readonly settings: ConfigReader;
  private readonly finder: WeightFinder;
  private readonly checkpoint: Checkpoint;
  private readonly prefix: string;

  constructor(checkpoint: Checkpoint, settings: ConfigReader) {
    const leaf = "embeddings.word_embeddings.weight";
    const found = [...checkpoint.tensors.keys()].filter((name) => name === leaf || name.endsWith(`.${leaf}`));
    const shortest = found.sort((a, b) => a.length - b.length)[0];
    this.prefix = shortest?.slice(0, -leaf.length) ?? "";
    this.checkpoint = checkpoint;
    this.settings = settings;
    this.finder = new WeightFinder(checkpoint, this.prefix);
    this.hidden = settings.size("hidden_size");
  }

  weight(name: string, shape: readonly number[]): Weight {
    return this.finder.weight(name, shape);
  }

  matrix(name: string, out: number, inputs: number, hasBias = true): Matrix {
    return this.finder.matrix(name, out, inputs, "out-in", hasBias);
  }

  layers(attention: (at: (name: string) => string) => Attention): EncoderLayerSpec[] {
    const { settings, hidden } = this;
    const inner = settings.size("intermediate_size");
    const count = settings.size("num_hidden_layers");
    if (count > 10_000) throw settings.error("num_hidden_layers", `is ${count}, more than any model has`);
    return Array.from({ length: count }, (_, layer) => {
      const at = (name: string) => `encoder.layer.${layer}.${name}`;
      return {
        ...attention(at),
        output: this.matrix(at("attention.output.dense"), hidden, hidden),
        attentionNorm: this.norm(at("attention.output.LayerNorm")),
        up: this.matrix(at("intermediate.dense"), inner, hidden),
        down: this.matrix(at("output.dense"), hidden, inner),
        mlpNorm: this.norm(at("output.LayerNorm")),
      };
    });
  }

  build(family: string, width: number, layers: readonly EncoderLayerSpec[]) {
    const { settings, hidden } = this;
    const heads = settings.size("num_attention_heads");
    if (hidden % heads !== 0)
      throw settings.error("num_attention_heads", `is ${heads}, which does not divide ${hidden}`);
    const vocabulary = settings.size("vocab_size");
    const types = settings.optionalNumber("type_vocab_size") ?? 0;
    return {
      family,
      vocabulary,
      hidden,
      heads,
      words: this.weight("embeddings.word_embeddings.weight", [vocabulary, width]),
      types: types > 0 ? this.weight("embeddings.token_type_embeddings.weight", [types, width]) : undefined,
      norm: this.norm("embeddings.LayerNorm"),
      activation: activationOf(settings, "hidden_act"),
      layers,
    };
  }

  report(family: string): void {
    this.finder.report(family);
  }

  /** The oldest checkpoints call a norm's weight and bias gamma and beta. */
  private norm(name: string): Norm {
    const isOld = this.checkpoint.tensors.has(`${this.prefix}${name}.gamma`);
    return {
      kind: "layer",
      weight: this.weight(`${name}.${isOld ? "gamma" : "weight"}`, [this.hidden]),
      bias: this.weight(`${name}.${isOld ? "beta" : "bias"}`, [this.hidden]),
      epsilon: this.settings.positive("layer_norm_eps"),
      plusOne: false,
    };
  }
}
