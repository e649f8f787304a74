// What both kinds of replies are made of: choices, which are answers or parts of them, in the one form or the other.

import type { TokenLogprob } from "../../generate/types.js";

/** Part of an answer, or all of it. */
export interface ChoicePart {
  /** Its number: the prompt's place times `n`, plus the sample. */
  readonly place: number;
  readonly text: string;
  readonly ids: readonly number[];
  /** As many as ids; undefined where none were asked for. */
  readonly logprobs: readonly number[] | undefined;
  /** Likewise, the most probable tokens in the place of each. */
  readonly topLogprobs: readonly (readonly TokenLogprob[])[] | undefined;
  readonly finish: "stop" | "length" | undefined;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** How a kind of reply writes choices. */
export interface ReplyShape {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  /** A whole answer. */
  whole(part: ChoicePart): object;
  /** What comes before the first part of a choice in a stream; undefined: nothing. */
  opening(place: number): object | undefined;
  /** A part of a stream. */
  part(part: ChoicePart): object;
}

/** The text of one token, special ones too. */
export type TokenText = (id: number) => string;
