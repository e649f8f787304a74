// What the page and its server say to each other, as JSON. Types only: the page is bundled, and takes nothing else from here.

import type { ChatMessage } from "../generate/types.js";

/** Which merge is asked: its lambda, its weights by name, or neither, of a model that has none. */
export interface PlayPoint {
  readonly lambda?: number | undefined;
  readonly weights?: Readonly<Record<string, number>> | undefined;
}

/** GET api/facts */
export interface PlayFacts {
  readonly model: string;
  /** Of a recipe. */
  readonly method?: string | undefined;
  readonly fidelity?: "exact" | "linear" | undefined;
  /** The least and the greatest lambda; absent where the model has none. */
  readonly lambdaRange?: readonly [number, number] | undefined;
  /** Those that were named at the start. */
  readonly lambdas?: readonly number[] | undefined;
  readonly weightNames?: readonly string[] | undefined;
  /** Whether there is a recipe to give at a point: not of a model, nor of one with adapters that requests load. */
  readonly recipe: boolean;
  /** Whether the model has a chat template: without one, a prompt is a text that it goes on with. */
  readonly chat: boolean;
  /** The name of the judge of `verdicts`. */
  readonly judge: string;
  /** The name of the file that `measure` adds to; absent where none was given. */
  readonly set?: string | undefined;
  /** To flip through. */
  readonly prompts: readonly string[];
  /** Tokens of a prompt and its answer at most. */
  readonly contextLength: number;
  /** What a request may ask for. */
  readonly maxNewTokens: number;
  readonly results?: PlayResults | undefined;
}

/** One of the two: a conversation, or a text that is gone on with. */
export interface PlayPrompt {
  readonly messages?: readonly ChatMessage[] | undefined;
  readonly prompt?: string | undefined;
}

/** POST api/answers */
export interface AnswersRequest extends PlayPrompt {
  /** 1 to 16, all of them by lambda or all of them by weights. */
  readonly points: readonly PlayPoint[];
  /** 256 by default. */
  readonly maxNewTokens?: number | undefined;
  /** 0 by default: greedy. */
  readonly temperature?: number | undefined;
  /** Of the draws, which are the same at all points; 0 by default. */
  readonly seed?: number | undefined;
}

/** An event of the stream that answers it. */
export type AnswerEvent =
  | {
      /** The place in `points`. */
      readonly point: number;
      readonly id: number;
      /** What the token made certain: "" while a character is incomplete. */
      readonly text: string;
      readonly logprob: number;
      /** The most probable tokens in its place. */
      readonly top: readonly { readonly text: string; readonly logprob: number }[];
    }
  | { readonly point: number; readonly finish: "stop" | "length"; readonly text: string }
  | { readonly done: true; readonly tokens: number; readonly seconds: number }
  | { readonly error: ErrorBody };

export interface ErrorBody {
  readonly message: string;
  readonly param?: string | null | undefined;
  readonly code?: string | null | undefined;
}

/** POST api/refusals */
export interface RefusalsRequest extends PlayPrompt {
  /** 1 to 41. */
  readonly lambdas: readonly number[];
}

export interface Refusals {
  /** With how many beginnings a refusal may begin here. */
  readonly phrases: number;
  /** Of each lambda, the probability that the answer begins with one of them. */
  readonly refusal: readonly number[];
}

/** POST api/verdicts */
export interface VerdictsRequest {
  readonly prompt: string;
  /** 1 to 16. */
  readonly answers: readonly string[];
}

export interface Verdict {
  /** Absent where the judge does not say. */
  readonly refused?: boolean | undefined;
  readonly harmful?: boolean | undefined;
  /** For people. */
  readonly label: string;
}

export interface Verdicts {
  readonly verdicts: readonly Verdict[];
}

/** POST api/recipe: the reply is YAML. */
export interface RecipeRequest {
  readonly point: PlayPoint;
}

/** POST api/measure */
export interface MeasureRequest {
  readonly prompt: string;
}

export interface Measured {
  /** Whether it was not there before. */
  readonly added: boolean;
  /** Prompts of the file now. */
  readonly count: number;
}

/** A rate or score with its interval. */
export interface PlayEstimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface PlayCandidate {
  readonly point: PlayPoint;
  readonly label: string;
  readonly chosen: boolean;
  readonly attackSuccessRate?: PlayEstimate | undefined;
  readonly task?: (PlayEstimate & { readonly name: string }) | undefined;
}

/** What an experiment measured of the merges that can be talked with. */
export interface PlayResults {
  readonly title: string;
  readonly x: "lambda";
  readonly candidates: readonly PlayCandidate[];
  readonly aligned?: PlayCandidate | undefined;
  readonly fineTuned?: PlayCandidate | undefined;
}
