// The decoder as data: what each fused operation of a layer computes, over which stored tensors. Built once when a model
// is opened (families/), read by every engine: compositions of ordinary TensorFlow.js ops and native kernels alike.
//
// All activations are flattened: one row a token of any sequence, [rows, features], float32. There is no padding; `Rows`
// says whose token each row is, so a row's result never depends on what else is in the batch.

import type { StoredTensor } from "../../checkpoint/types.js";

/** A tensor of the model, as its operations see it: whole, or rows [begin, end) of one that holds several (phi3). */
export interface Weight {
  readonly name: string;
  /** What remains after `rows` was taken. */
  readonly shape: readonly number[];
  readonly stored: StoredTensor;
  readonly rows?: readonly [begin: number, end: number] | undefined;
}

/** y = x W^T + bias. `layout` is how W lies in the file: [out, in], or [in, out] (GPT-2's Conv1D). */
export interface Matrix {
  readonly weight: Weight;
  readonly layout: "out-in" | "in-out";
  readonly out: number;
  readonly in: number;
  readonly bias?: Weight | undefined;
}

/** rms: x / sqrt(mean(x^2) + epsilon) * (weight + (plusOne ? 1 : 0)); layer: with mean, and bias. In float32. */
export interface Norm {
  readonly kind: "rms" | "layer";
  readonly weight: Weight;
  readonly bias?: Weight | undefined;
  readonly epsilon: number;
  /** Gemma's stored weights are offsets from 1. */
  readonly plusOne: boolean;
}

/** "silu"; "gelu" (erf); "gelu_tanh"; "relu". */
export type Activation = "silu" | "gelu" | "gelu_tanh" | "relu";

/** [rows] ids -> [rows, hidden]: table[id] * scale + positions[position]. */
export interface EmbedSpec {
  readonly table: Weight;
  /** Learned positions (GPT-2). */
  readonly positions?: Weight | undefined;
  /** sqrt(hidden) for Gemma, in float32, else 1. */
  readonly scale: number;
}

/** [rows, in] -> [rows, sum of out]: the norm, then each matrix, results side by side (q, k, v: three, or one fused). */
export interface ProjectSpec {
  readonly norm?: Norm | undefined;
  readonly matrices: readonly Matrix[];
}

/**
 * Layers that turn alike share one object. An angle is the float32 product of position and inverse frequency, as
 * transformers has it: rounding it otherwise shows at long contexts. Dimensions beyond `rotary` of a head stay as they are.
 */
export interface Rope {
  /** One a pair of rotated dimensions: [rotary / 2]; dimension i turns with i + rotary / 2. Scaling is already in it. */
  readonly inverseFrequencies: Float32Array;
  /** Multiplies cosine and sine (the attention factor of long rope and yarn), else 1. */
  readonly magnitude: number;
  /** For rows whose `Rows.contexts` is beyond `from` tokens (long rope): other frequencies. */
  readonly long?: { readonly from: number; readonly inverseFrequencies: Float32Array } | undefined;
}

/**
 * [rows, (heads + 2 kvHeads) * headDim] (q, k, v side by side) -> [rows, heads * headDim]: q/k norms, rope, appends k and
 * v to the cache, attends causally to the row's own sequence.
 */
export interface AttendSpec {
  readonly layer: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Multiplies q k. */
  readonly scale: number;
  /** cap * tanh(score / cap) (Gemma 2). */
  readonly softcap?: number | undefined;
  /** A row sees positions > position - window (sliding window attention). */
  readonly window?: number | undefined;
  readonly rope?: Rope | undefined;
  /** On each head by itself, over headDim (Qwen 3, Gemma 3). */
  readonly queryNorm?: Norm | undefined;
  readonly keyNorm?: Norm | undefined;
}

/** [rows, in], residual [rows, hidden] -> residual + postNorm(x W). */
export interface OutputSpec {
  readonly matrix: Matrix;
  readonly postNorm?: Norm | undefined;
}

/** residual [rows, hidden] -> residual + postNorm(down(act(gate n) * up n)), n = norm(residual); without gate: down(act(up n)). */
export interface MlpSpec {
  readonly norm: Norm;
  readonly gate?: Matrix | undefined;
  readonly up: Matrix;
  readonly down: Matrix;
  readonly activation: Activation;
  readonly postNorm?: Norm | undefined;
}

/** [rows, hidden] -> [rows, vocabulary]: norm, matrix, then cap * tanh(x / cap) where capped. */
export interface HeadSpec {
  readonly norm: Norm;
  readonly matrix: Matrix;
  readonly softcap?: number | undefined;
}

export interface LayerSpec {
  readonly project: ProjectSpec;
  readonly attend: AttendSpec;
  readonly output: OutputSpec;
  readonly mlp: MlpSpec;
}

/** A whole step, from ids to logits. */
export interface StepSpec {
  readonly embed: EmbedSpec;
  readonly layers: readonly LayerSpec[];
  readonly head: HeadSpec;
}

export interface DecoderSpec extends StepSpec {
  readonly family: string;
  readonly vocabulary: number;
  readonly hidden: number;
  /** The longest context that the model was made for, in tokens. */
  readonly maxPositions: number;
  /** From generation_config.json, else config.json. */
  readonly stopTokens: readonly number[];
}

/**
 * The tokens of one step. Rows of one slot lie side by side, positions ascending without gaps; the slot's cache already
 * holds every earlier position.
 */
export interface Rows {
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  /** Which sequence of the cache each row belongs to. */
  readonly slots: Int32Array;
  /** Which lambda of a virtual merge; all 0 for a plain model. A slot keeps its variant. */
  readonly variants: Int32Array;
  /**
   * Tokens that each row's sequence will have once all of it that is known now is read; its last position here + 1 unless
   * told. Only `Rope.long` looks at it: all of a sequence turns with the frequencies of its length, so a prompt that is read
   * in pieces says its whole length from the start, and a sequence that grows beyond `long.from` is read anew.
   */
  readonly contexts?: Int32Array | undefined;
}

export interface CacheShape {
  readonly layers: readonly { readonly kvHeads: number; readonly headDim: number }[];
  /** Sequences at once. */
  readonly slots: number;
  /** Tokens of all sequences together that fit. */
  readonly tokens: number;
}

/** Keys and values of the sequences in work. Positions are appended by `attend`. */
export interface Cache {
  readonly bytes: number;
  /** Makes `to` (which must be empty) begin with the first `length` positions of `from`, sharing what can be shared. */
  fork(from: number, to: number, length: number): void;
  /** Forgets a sequence, so that its slot and memory can be used again. */
  release(slot: number): void;
  dispose(): void;
}
