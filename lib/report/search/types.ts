// What a search found: the shape of search.json.

import type { Labels } from "../../select/types.js";
import type { Measured, PairedTest } from "../types.js";

export const SEARCH_FORMAT = "retemper-search/1";

/** Ways to search: one coefficient for all (the plain lambda), CMA-ES, by gradient, points at random. */
export type SearchWay = "lambda" | "cma-es" | "gradient" | "random";

/** What they are called. */
export const WAYS: Readonly<Record<SearchWay, string>> = {
  lambda: "the plain lambda",
  "cma-es": "CMA-ES",
  gradient: "the gradient",
  random: "points at random",
};

/** A candidate as a picture of all needs it. */
export type SearchedPoint = Pick<SearchedCandidate, "way" | "number" | "score" | "asr" | "bound">;

/** What is found so far, on the set that is searched by. */
export interface SearchFront {
  readonly labels: Labels;
  readonly better?: "high" | "low" | undefined;
  readonly margin: number;
  readonly points: readonly SearchedPoint[];
  readonly aligned?: { readonly asr: number; readonly score: number } | undefined;
  readonly tuned?: { readonly asr: number; readonly score: number } | undefined;
  /** Of the points, where they are known. */
  readonly finalists?: readonly SearchedPoint[] | undefined;
  readonly choices?: readonly SearchedPoint[] | undefined;
}

/** Tensors that share a coefficient. */
export interface SearchedGroup {
  readonly name: string;
  /** What the names of its tensors hold; of the group of all else none. */
  readonly filters: readonly string[];
  /** Its place in a picture of layers and modules. */
  readonly layers?: readonly number[] | undefined;
  readonly module?: string | undefined;
}

/** What was measured of a merge on one of the sets. */
export interface SearchNumbers extends Pick<Measured, "score" | "asr" | "overRefusal" | "skills"> {
  /** One-sided upper bound of how far its attack success rate is above the aligned model's. */
  readonly bound: number;
  /** Share of the fine-tuned model's gain; absent where that has none. */
  readonly kept?: number | undefined;
}

export interface SearchedCandidate {
  readonly way: SearchWay;
  /** From 0: in the order in which they were measured. */
  readonly number: number;
  /** One a group. */
  readonly coefficients: readonly number[];
  /** On the set that is searched by: score, rate, and bound at the level that the choice will be made with. */
  readonly score: number;
  readonly asr: number;
  readonly bound: number;
  /** Share of the fine-tuned model's gain; absent where that has none. */
  readonly kept?: number | undefined;
}

/** A candidate that was measured on the second set. */
export interface Finalist extends Pick<SearchedCandidate, "way" | "number" | "coefficients"> {
  readonly choose: SearchNumbers;
  /** Why the rule does not take it; absent where it does. */
  readonly reason?: string | undefined;
}

/** The choice of one way to search. */
export interface SearchChoice extends Pick<SearchedCandidate, "way" | "number" | "coefficients"> {
  readonly search: SearchNumbers;
  readonly choose: SearchNumbers;
  readonly confirm: SearchNumbers;
  /** Whether it is as safe as the aligned model on the confirming set, within the margin, and passes the gate. */
  readonly holds: boolean;
  /** How much better it looked where it was searched for than where it was confirmed: score, so that more is better, and rate. */
  readonly optimism: { readonly score: number; readonly asr: number };
  /** A recipe for each tuning, relative to the folder. */
  readonly recipes: readonly { readonly seed: string; readonly path: string }[];
}

export interface WayCosts {
  readonly candidates: number;
  readonly newTokens: number;
  /** By gradient: tokens of prompts and answers that passes forward and back read. */
  readonly learnedTokens?: number | undefined;
}

export interface SearchResults {
  readonly format: typeof SEARCH_FORMAT;
  readonly name: string;
  readonly labels: Labels;
  readonly better: "high" | "low";
  readonly rule: { readonly margin: number; readonly level: number; readonly minGain: number };
  readonly groups: readonly SearchedGroup[];
  readonly seeds: readonly string[];
  /** Items of each set. */
  readonly items: Readonly<Record<"search" | "choose" | "confirm", { readonly safety: number; readonly task: number }>>;
  readonly aligned: Readonly<Record<"search" | "choose" | "confirm", Pick<Measured, "score" | "asr">>>;
  readonly tuned: Readonly<Record<"search" | "choose" | "confirm", Pick<Measured, "score" | "asr">>>;
  readonly candidates: readonly SearchedCandidate[];
  readonly finalists: readonly Finalist[];
  /** Of each way at most one; none where nothing of it qualifies. */
  readonly choices: readonly SearchChoice[];
  /** Between the choices and the aligned model, on the confirming set; Holm's p over all of them. */
  readonly tests: readonly PairedTest[];
  /** The choice with the best score of those that hold. */
  readonly best?: SearchWay | undefined;
  /** Of each way that was gone: what was asked for its candidates, on the set that is searched by. */
  readonly costs: Readonly<Partial<Record<SearchWay, WayCosts>>>;
  /** Why no search by gradient was made. */
  readonly noGradient?: string | undefined;
}
