// The port of generation: what a model, wherever it runs, takes and gives. Evaluation and serving know only this file's
// names, never how an engine computes.

import type { NativeVirtualTensor } from "../addon/nativeRuntime.js";
import type { DownloadOptions } from "../checkpoint/obtain.js";
import type { RetemperError } from "../errors.js";
import type {
  CacheElements,
  EngineFacts,
  EngineName,
  EngineOptions,
  Fidelity,
  Precision,
  WeightsForm,
} from "../nn/engines/engineTypes.js";
import type { Recipe } from "../recipe/types.js";
import type { ChatMessage, Tokenizer } from "../tokenizer/types.js";
import type { ChosenVariants, WhichVariant } from "./variantTypes.js";

export type { ChosenVariants, ModelWeights, WhichVariant } from "./variantTypes.js";
export type { CacheElements, ChatMessage, EngineFacts, EngineName, Fidelity, Precision, Tokenizer, WeightsForm };

/**
 * Text (encoded with the tokenizer's special tokens), token ids (taken as they are), or chat messages (rendered by the
 * model's own template with the generation prompt on, encoded without adding special tokens). Where the last message is the
 * assistant's with `prefix: true`, its turn is gone on with instead, and the answer is what follows it.
 */
export type Prompt = string | readonly number[] | readonly ChatMessage[];

export interface GenerateOptions extends ChosenVariants {
  /** New tokens at most; 256 by default. */
  readonly maxNewTokens?: number | undefined;
  /** Whether `maxNewTokens` gives way to the model's longest context, as its default does; false by default. */
  readonly fitContext?: boolean | undefined;
  /** 0 (the default) is greedy; ties go to the lowest id. */
  readonly temperature?: number | undefined;
  /** 0 (the default): all tokens. */
  readonly topK?: number | undefined;
  /** 1 (the default): all tokens. */
  readonly topP?: number | undefined;
  /** Over prompt and generated tokens; positive logits divided, negative multiplied. 1 (the default): none. */
  readonly repetitionPenalty?: number | undefined;
  /** Samples of each prompt; 1 by default. A prompt is read once for all its samples. */
  readonly n?: number | undefined;
  /** The same seed, prompt index and sample give the same answer, alone or in any batch. 0 by default. */
  readonly seed?: number | undefined;
  /**
   * Of each prompt: the whole number from 0 to 2^53 - 1 that its draws are made from instead of its index, so that an answer
   * does not depend on what else is asked.
   */
  readonly draws?: readonly number[] | undefined;
  /** Texts that end an answer; they are cut off from `text`. */
  readonly stop?: readonly string[] | undefined;
  /** Ids that end an answer, beside the model's own. */
  readonly stopTokens?: readonly number[] | undefined;
  /** Leaves the model's own stop tokens out. */
  readonly ignoreEos?: boolean | undefined;
  /** Whether to give each new token's log-probability (of the model's distribution, before sampling's settings). */
  readonly logprobs?: boolean | undefined;
  /**
   * With `logprobs`: how many of the most probable tokens to give in each new token's place, 0 (the default) to 100. A model
   * behind a server tells those of one place only, by `nextLogprobs`.
   */
  readonly topLogprobs?: number | undefined;
  /** Sequences in work at once; by default chosen by the memory that is free. */
  readonly batch?: number | undefined;
  /** Answers that are there already: those for which it gives true are not made. Called before work starts. */
  readonly skip?:
    | ((answer: Pick<Generation, "index" | "sample" | "lambda" | "weights" | "variant">) => boolean)
    | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for each piece of text as it becomes certain (whole characters, no stop text). */
  readonly onToken?: ((piece: GenerationPiece) => void) | undefined;
  readonly onProgress?: ((progress: GenerateProgress) => void) | undefined;
  /**
   * Called for an answer that an endpoint could not give after its retries; the others go on. Without it the first such
   * failure ends the iteration. Failures that concern every prompt (a wrong key, an unknown model) always end it.
   */
  readonly onFailure?: ((failure: GenerationFailure) => void) | undefined;
}

export interface GenerationFailure {
  readonly index: number;
  /** The first one that is missing; those after it are missing too. */
  readonly sample: number;
  readonly error: RetemperError;
}

export interface GenerationPiece extends WhichVariant {
  readonly index: number;
  readonly sample: number;
  /** The new token, and the text that it made certain ("" while a character is incomplete). */
  readonly id: number;
  readonly text: string;
  /** Of the new token, with `logprobs`. Endpoints tell it with the whole answer only. */
  readonly logprob?: number | undefined;
  /** The most probable tokens in its place, with `topLogprobs`. */
  readonly topLogprobs?: readonly TokenLogprob[] | undefined;
}

/** A token that a model may say, and how probable it is: a natural logarithm. */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

export interface GenerateProgress {
  /** Finished answers, and all of them. */
  readonly done: number;
  readonly total: number;
  readonly promptTokens: number;
  readonly newTokens: number;
}

export interface Generation extends WhichVariant {
  /** Of the prompt. */
  readonly index: number;
  /** 0 … n - 1. */
  readonly sample: number;
  /** The new ids; a stop token is kept. Empty where an endpoint does not tell them. */
  readonly ids: readonly number[];
  /** Without special tokens and without the stop text. */
  readonly text: string;
  readonly finish: "stop" | "length";
  readonly logprobs?: readonly number[] | undefined;
  /** In the place of each new token, the most probable ones, the most probable first; with `topLogprobs`. */
  readonly topLogprobs?: readonly (readonly TokenLogprob[])[] | undefined;
  /** Tokens of the prompt; for usage figures. */
  readonly promptTokens: number;
}

/**
 * A token by its id, or by the text that it adds in the middle of a text: " yes" and "yes" are two tokens of most models.
 * A server behind an endpoint is asked by texts.
 */
export type TokenName = number | string;

export interface NextLogprobsOptions
  extends ChosenVariants,
    Pick<GenerateOptions, "batch" | "signal" | "onProgress" | "onFailure"> {}

/** What a model expects after a prompt. */
export interface NextLogprobs extends WhichVariant {
  /** Of the prompt. */
  readonly index: number;
  /** Natural logarithms, in the order of the tokens that were asked for; of "all", by id. */
  readonly logprobs: Float32Array;
  readonly promptTokens: number;
}

/** Tokens of which those from `from` (1 or more) on are scored. It may say by which variant; by default the call says it. */
export interface ContinuedInput extends WhichVariant {
  readonly ids: readonly number[];
  readonly from: number;
}

/** What scoring is told: of several models that were opened at once, which one is meant. */
export interface ScoringOptions extends WhichVariant {
  readonly signal?: AbortSignal | undefined;
}

/** How likely a continuation is. */
export interface ContinuationScore {
  /** Of each token from `from` on, given all before it; natural logarithms. */
  readonly logprobs: Float32Array;
  /** Whether each of them is the likeliest: what greedy decoding would write. */
  readonly greedy: boolean;
}

/** What evaluations need of a model or of an endpoint. Results come in any order; `index` says whose they are. */
export interface TextGenerator {
  /** What it is and where it runs, for results. */
  readonly facts: EngineFacts;
  generate(prompts: readonly Prompt[], options?: GenerateOptions): AsyncIterable<Generation>;
  /**
   * Log-probabilities of tokens at the place after each prompt: one forward pass a prompt, and what prompts begin with in
   * common is read once. Absent where something only writes.
   * @param tokens of each prompt, the tokens that are asked for; "all" (the default): every token of the vocabulary, which
   *   an endpoint cannot tell
   * @throws RetemperError USAGE for lists of tokens that are not one a prompt; INCOMPATIBLE for a text that is no single
   *   token of this model, and for an endpoint that gives no log-probabilities
   */
  nextLogprobs?(
    prompts: readonly Prompt[],
    tokens?: readonly (readonly TokenName[])[] | "all",
    options?: NextLogprobsOptions,
  ): AsyncIterable<NextLogprobs>;
  close(): Promise<void>;
}

export interface ModelOptions extends EngineOptions {
  /** For a recipe: each value takes the place of the recipe's own lambda. Calls may name others. */
  readonly lambdas?: readonly number[] | undefined;
  /**
   * For a recipe, in place of `lambdas`: recipes that differ from it in parameters alone, such as weights by layer. They answer
   * in one batch, and a call names them by their places in this list. The recipe itself may leave weights out.
   */
  readonly variants?: readonly (string | Recipe)[] | undefined;
  readonly fidelity?: Fidelity | undefined;
  /**
   * For a recipe: makes all weights when it opens, for every lambda, and keeps them in memory. For a model whose weights are
   * decoded (GGUF, quantised safetensors): by default where they take at most half of the memory that it may have. The answers are the same.
   */
  readonly hold?: boolean | undefined;
  /**
   * For a GGUF file: "asStored" multiplies its blocks as the file has them, by activations rounded to 8 bits (as llama.cpp
   * does), and keeps no other weights in memory. "decoded" (the default): by the float32 weights that the file decodes to.
   *
   * For any model and recipe whose family GGUF files have: "q8_0", "q4_k_m" and the other quantisations in blocks put the
   * matrices into the blocks that the GGUF file of this quantisation has, when the model is opened and by the code that writes
   * such files, and keep them in memory. With `fidelity: "exact"` (the default for one lambda) the answers are those of the
   * written GGUF file, opened with "asStored", and each lambda takes memory of its own. With "linear" (the default for several)
   * the matrices of the inputs are put into blocks once, and adapters' terms are added as they are.
   *
   * "int8" (a scale for each output), "int4", "int4_64" and "int4_128" (one for each 32, 64 or 128 inputs of an output) do the same
   * with whole numbers that no file has, made of what the checkpoint or the written merge has: with "exact" the answers are those of
   * the written merge, opened with the same weights.
   */
  readonly weights?: WeightsForm | undefined;
  /**
   * With `weights` in blocks that are made: a folder in which they are kept, under a digest of all that they are made of, and from
   * which the next opening maps them. Inputs count by their places, sizes and times of change.
   */
  readonly weightsCache?: string | undefined;
  /** For a recipe: of its method's random masks; 0 by default. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How a model is downloaded that is not on this machine; by default the environment says it. */
  readonly hub?: DownloadOptions | undefined;
}

/** How a model's tensors are evaluated. */
export interface ModelDescription {
  /** The recipe's method; absent for a model that was written. */
  readonly method?: string | undefined;
  readonly fidelity?: Fidelity | undefined;
  readonly lambdas?: readonly number[] | undefined;
  readonly variants?: number | undefined;
  readonly tensors: readonly TensorDescription[];
}

export interface TensorDescription {
  readonly name: string;
  /** As it is stored; of a merge, as it would be written. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /**
   * "stored": used where it lies. Of a virtual merge: "summed": products with stored matrices and low-rank
   * terms are summed, by factors of each row's lambda; "made": pieces of it are made, and with `exact` rounded, for each
   * product; "made in blocks": likewise, in the blocks in which a merge is written, since the method's thresholds, which
   * were found when the model was opened, count equal values by block; "combined": made once when the model was opened;
   * "held": likewise, and kept as a matrix, with `hold`; "blocks": multiplied in blocks, as they are stored or
   * were made when the model was opened, with `weights`.
   */
  readonly how: NativeVirtualTensor["how"];
  /** Of methods that may take a straight line instead of an arc: vectors of the tensor that do, and all of them. */
  readonly straight?: number | undefined;
  readonly vectors?: number | undefined;
  /** Of a tensor that was put into blocks when the model was opened: their format. */
  readonly blocks?: string | undefined;
  /** The merge's operation, and the models it is made from. */
  readonly op?: string | undefined;
  readonly models?: readonly string[] | undefined;
}

/** An open model. Methods may be called at once from several places; they share the model's worker. */
export interface Model extends TextGenerator {
  readonly tokenizer: Tokenizer;
  /** The ids that end the model's own answers; none where its configuration names none. */
  readonly stopTokens: readonly number[];
  /** Tokens of a prompt and its answer at most. */
  readonly contextLength: number;
  nextLogprobs(
    prompts: readonly Prompt[],
    tokens?: readonly (readonly TokenName[])[] | "all",
    options?: NextLogprobsOptions,
  ): AsyncIterable<NextLogprobs>;
  /**
   * Scores continuations. What inputs begin with in common, before what is scored, is read once, and only what is scored
   * costs a distribution over the vocabulary: endings of one context are cheap. Inputs of several variants share steps, and
   * beginnings each with those of its own variant.
   */
  continuations(inputs: readonly ContinuedInput[], options?: ScoringOptions): Promise<ContinuationScore[]>;
  /**
   * Adds a LoRA adapter of the base model to a merge whose models have a weight each (`facts.weightNames`, which then names it too).
   * Its weight is 0 until a call says another one; what is in work goes on.
   * @param path folder of the adapter
   * @returns its name in `weights`
   * @throws RetemperError USAGE for a model that is no such merge; what opening an adapter throws, also where it does not fit the base model
   */
  addAdapter(path: string): Promise<string>;
  /** How each tensor is evaluated, with what it was opened with. */
  describe(): ModelDescription;
  /** One array an input, [length x vocabulary] row-major: row i is the distribution after token i, before softmax. */
  logits(ids: readonly (readonly number[])[], options?: ScoringOptions): Promise<Float32Array[]>;
  /** Of tokens 1 … length - 1, each given those before it: one array of length - 1 an input. */
  logprobs(ids: readonly (readonly number[])[], options?: ScoringOptions): Promise<Float32Array[]>;
}
