// What was found of two models of this machine, from which causes are named.

import type { NamedPrompt } from "../../generate/answers/answerLine.js";
import type { Generation } from "../../generate/types.js";
import type { LocalSide } from "../sides/side.js";
import type { ReadPrompt } from "../text/compareText.js";
import type { WeightFindings } from "../weights/compareWeights.js";
import type { Mark } from "../weights/storedAs.js";

export interface Pair<T> {
  readonly a: T;
  readonly b: T;
}

export interface Findings extends Pair<LocalSide> {
  readonly prompts: readonly NamedPrompt[];
  /** By prompt. */
  readonly reads: Pair<readonly ReadPrompt[]>;
  readonly answers: Pair<readonly (Generation | undefined)[]>;
  readonly weights: WeightFindings;
  readonly marks: Pair<Mark | undefined>;
}

/** The other one's letter. */
export function otherOf(letter: "a" | "b"): "a" | "b" {
  return letter === "a" ? "b" : "a";
}

/** A number with as many digits as mean something to a reader. */
export function shortNumber(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

/** "0.35 %" */
export function percent(value: number): string {
  return `${shortNumber(value * 100)} %`;
}
