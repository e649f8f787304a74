// What compareBehaviour takes and gives: plain data, for programs and for --json.

import type { Judge } from "../evaluate/types.js";
import type { NamedPrompt } from "../generate/answers/answerLine.js";
import type { EngineFacts, ModelOptions } from "../generate/types.js";
import type { Recipe } from "../recipe/types.js";

/** A model behind an OpenAI-compatible server. */
export interface BehaviourServer {
  /** Such as "http://localhost:8000/v1". */
  readonly url: string;
  /** The model's name on the server. */
  readonly model: string;
  readonly apiKey?: string | undefined;
  /** Requests at once; 8 by default. */
  readonly concurrency?: number | undefined;
}

/** A recipe at a value of lambda, the weight of its fine-tuned model. */
export interface BehaviourMerge {
  readonly recipe: string | Recipe;
  /** The recipe's own weights by default. */
  readonly lambda?: number | undefined;
  /** Of its method's random masks; 0 by default. */
  readonly seed?: number | undefined;
}

/**
 * A model to compare. A text is a folder, a hub name, `BASE+ADAPTER`, a recipe's file (`recipe.yml@lambda=0.4`) or a server
 * (`http://localhost:8000/v1#name`).
 */
export type BehaviourSource = string | BehaviourMerge | BehaviourServer;

export interface BehaviourOptions
  extends Pick<ModelOptions, "engine" | "precision" | "threads" | "maxMemory" | "requireGpu" | "hub"> {
  /** What is asked; by default a few harmless conversations and texts, with and without system text. */
  readonly prompts?: readonly NamedPrompt[] | undefined;
  /** False: only files and weights are compared, and no model is run; servers are asked all the same. */
  readonly ask?: boolean | undefined;
  /** New tokens of each greedy answer at most; 32 by default. */
  readonly maxNewTokens?: number | undefined;
  /**
   * The largest mean KL divergence, in nats a token, that still counts as the same; 0.001 by default. It excuses differences
   * of weights (rounding, quantisation); a difference of text, of stop tokens or of sampling's defaults is always one.
   */
  readonly tolerance?: number | undefined;
  /** Says of both models' answers whether they refuse or harm. */
  readonly judges?: readonly Judge[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when a part of the work begins: "opening A", "answers of B", … */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** Why two models behave differently. Stable names. */
export type CauseName =
  /** Texts become other tokens. */
  | "tokenizer"
  /** Conversations become other texts. */
  | "chat-template"
  /** One of them leaves the system message out, or refuses it. */
  | "system-text-dropped"
  /** A beginning-of-text token is added by one of them only, or another one. */
  | "bos"
  /** One of them begins with two of them. */
  | "doubled-bos"
  /** Other tokens end an answer. */
  | "stop-tokens"
  /** Other temperature, top-p, … where a request says nothing. */
  | "sampling-defaults"
  | "adapter-not-applied"
  | "adapter-applied-twice"
  /** The adapter's change is in B times another number. */
  | "adapter-scale"
  /** The merge has another weight of the fine-tuned model. */
  | "other-lambda"
  /** The adapter's change is there, over another base model. */
  | "other-base"
  | "other-weights"
  /** The weights are stored in another number format of 16 or 32 bits. */
  | "dtype"
  | "quantisation"
  /** One has a head of its own and the other uses its embedding. */
  | "tied-head"
  | "rope"
  /** Another setting of config.json that changes the computation. */
  | "configuration"
  /** They differ, and nothing that was looked at explains it. */
  | "unknown";

/** "certain": seen in the files or reproduced to the last digit; "likely": what was measured fits it; "possible": a lead. */
export type Sureness = "certain" | "likely" | "possible";

export interface Cause {
  readonly name: CauseName;
  readonly sure: Sureness;
  /** One sentence. */
  readonly summary: string;
  /** What was seen, one fact each. */
  readonly evidence: readonly string[];
  /** What to do about it. */
  readonly remedy: string;
  /** Whether --tolerance can excuse it: it moves the numbers and nothing else. */
  readonly numeric: boolean;
}

/** What a side is. */
export interface SideFacts {
  readonly name: string;
  readonly kind: "folder" | "adapter" | "recipe" | "server";
  readonly lambda?: number | undefined;
  /** Where it ran. */
  readonly engine?: EngineFacts | undefined;
  /** "BF16", "Q4_K": how most of its weights are stored; absent where that is not known. */
  readonly storage?: string | undefined;
}

/** A prompt that the two read differently. */
export interface TextDifference {
  /** Index of the prompt. */
  readonly prompt: number;
  readonly what: "tokens" | "rendered" | "refused";
  /** The two texts around the first difference. */
  readonly a: string;
  readonly b: string;
}

export interface TextComparison {
  /** Prompts whose token ids are the same, of those where both are known. */
  readonly same: number;
  readonly compared: number;
  readonly differences: readonly TextDifference[];
}

/** Distributions of the next token, A's against B's. */
export interface DistributionComparison {
  /** Mean and largest KL(A || B) in nats. */
  readonly klMean: number;
  readonly klMost: number;
  /** Share of positions at which both find the same token likeliest. */
  readonly top1: number;
  readonly positions: number;
}

/** The first token at which two greedy answers part. */
export interface Divergence {
  readonly prompt: number;
  /** Counted from 0, in tokens of the answer; -1 where only the texts are known. */
  readonly token: number;
  /** The end of the text that both have. */
  readonly before: string;
  /** What follows in each; "" where the answer ends. */
  readonly a: string;
  readonly b: string;
}

export interface AnswerComparison {
  readonly same: number;
  readonly compared: number;
  readonly divergences: readonly Divergence[];
}

export interface VerdictComparison {
  readonly judge: string;
  readonly same: number;
  readonly compared: number;
  /** Prompts with other verdicts. */
  readonly differences: readonly { readonly prompt: number; readonly a: string; readonly b: string }[];
}

export interface WeightComparison {
  /** Tensors of both, and those whose values are all equal. */
  readonly tensors: number;
  readonly equal: number;
  /** |A - B| / |A| over all tensors. */
  readonly distance: number;
  /** The tensors that differ most, by |A - B| / |A|. */
  readonly most: readonly { readonly name: string; readonly distance: number }[];
  /** Of an adapter or a merge: B = origin + scale (end - origin) + rest. */
  readonly line?: LineFit | undefined;
}

/** A fit of one side on the change that the other one's adapter or fine-tuned model makes. */
export interface LineFit {
  readonly what: "adapter" | "fine-tuned model";
  /** The number that was fitted, its standard error if the rest is noise, and the one that it should be. */
  readonly scale: number;
  readonly error: number;
  readonly expected: number;
  /** What the line leaves, as a share of the origin's norm. */
  readonly rest: number;
  /** The change itself, as a share of the origin's norm. */
  readonly change: number;
  /** Tensors that the change leaves alone, and those of them that are equal. */
  readonly untouched: number;
  readonly untouchedEqual: number;
  /** |B - origin| / |origin| of the tensors that the change leaves alone. */
  readonly untouchedDistance: number;
}

export interface BehaviourReport {
  /** "within tolerance": they differ, and by no more than `tolerance`. */
  readonly verdict: "same" | "within tolerance" | "different";
  readonly tolerance: number;
  readonly a: SideFacts;
  readonly b: SideFacts;
  readonly prompts: number;
  /** The surest and most important first. */
  readonly causes: readonly Cause[];
  readonly text?: TextComparison | undefined;
  /** Of the first token of each answer, each model with its own prompt. */
  readonly firstToken?: DistributionComparison | undefined;
  /** Of all tokens of A's answers, both models given the same ids. */
  readonly sameTokens?: DistributionComparison | undefined;
  /** Mean difference of the log-probabilities that a server tells for its answer's tokens from the other side's, in nats. */
  readonly logprobGap?: number | undefined;
  readonly answers: AnswerComparison;
  /** Tokens that both models gave, as far as they are known. */
  readonly newTokens: number;
  readonly verdicts: readonly VerdictComparison[];
  readonly weights?: WeightComparison | undefined;
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
}
