// What a model's thread and the thread that opened it tell each other: plain data, one channel, in order.

import type { NativePlan } from "../../addon/nativePlan.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";
import type { WireError } from "../../threads/wireError.js";
import type { AskedPrompt } from "../loop/preparePrompts.js";
import type { GenerateSettings } from "../settings.js";
import type {
  EngineFacts,
  Generation,
  GenerationPiece,
  Model,
  ModelDescription,
  ModelOptions,
  NextLogprobs,
} from "../types.js";

/** Given to the thread when it starts. */
export interface ThreadRequest {
  /** As the user wrote it, and the folder that it means. */
  readonly source: string;
  readonly folder: string;
  readonly options: Omit<ModelOptions, "signal">;
  /** Where the source is a recipe; `folder` then holds its side files. */
  readonly merge?: VirtualMerge | undefined;
  /** The merge's weights are held where they take no large part of the memory; else `options.hold` decides. */
  readonly holdsWithRoom?: boolean | undefined;
}

export interface GenerateRequest {
  readonly type: "generate";
  readonly call: number;
  readonly prompts: readonly AskedPrompt[];
  readonly settings: GenerateSettings;
  /** Whether pieces of text, and counts of tokens, are to be told on the way. */
  readonly pieces: boolean;
  readonly counts: boolean;
}

export interface ScoreRequest {
  readonly type: "score";
  readonly call: number;
  /** Of continuations each array has the log-probabilities first, and then for each token 1 where it is the likeliest. */
  readonly what: "logits" | "logprobs" | "continuations";
  /** Of each input. */
  readonly variants: readonly number[];
  readonly inputs: readonly (readonly number[])[];
  /** Of continuations: the first token of each that is scored. */
  readonly from: readonly (number | undefined)[];
}

export interface NextRequest {
  readonly type: "next";
  readonly call: number;
  readonly prompts: readonly AskedPrompt[];
  /** By the prompts' indices. */
  readonly tokens: readonly (readonly number[])[] | "all";
  readonly batch: number | undefined;
  readonly counts: boolean;
}

/** Sets a variant of a virtual merge, of which nothing is in work, before the calls that want it. */
export interface VariantRequest {
  readonly type: "variant";
  readonly call: number;
  readonly variant: number;
  readonly plan: NativePlan;
}

export type ToThread =
  | GenerateRequest
  | VariantRequest
  | NextRequest
  | ScoreRequest
  /** The caller took so many answers: others may follow. */
  | { readonly type: "taken"; readonly call: number; readonly count: number }
  | { readonly type: "cancel"; readonly call: number }
  | { readonly type: "close" };

export type ThreadEvent =
  | { readonly type: "answer"; readonly call: number; readonly answer: Generation }
  | ({ readonly type: "piece"; readonly call: number } & GenerationPiece)
  | { readonly type: "counts"; readonly call: number; readonly promptTokens: number; readonly newTokens: number }
  | { readonly type: "next"; readonly call: number; readonly next: NextLogprobs }
  | { readonly type: "scores"; readonly call: number; readonly scores: readonly Float32Array[] }
  /** The last one of a call. */
  | { readonly type: "end"; readonly call: number; readonly error?: WireError };

export type FromThread =
  | {
      readonly type: "opened";
      readonly facts: EngineFacts;
      readonly bounds: Pick<Model, "stopTokens" | "contextLength">;
      readonly description: ModelDescription;
    }
  | { readonly type: "refused"; readonly error: WireError }
  /** What a step brought about. */
  | { readonly type: "events"; readonly events: readonly ThreadEvent[] }
  | { readonly type: "closed" };
