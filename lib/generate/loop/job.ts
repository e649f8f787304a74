// What the loop is asked to do: answers to prompts, or logits of given tokens. A job is one call of a model's method.

import type { CacheShare } from "../../nn/memory/memoryBudget.js";
import type { GenerateSettings } from "../settings.js";
import type { GenerationPiece, TokenLogprob, WhichVariant } from "../types.js";

/** A prompt with the samples that are wanted of it: it is read once for all of them. Or an input that is only read. */
export interface PromptWork {
  /** Its place in the caller's list. */
  readonly index: number;
  /** With the sample's number it keys the random draws; the index by default. */
  readonly draw?: number | undefined;
  /** At least one id. */
  readonly ids: Int32Array;
  /** Which lambda of a virtual merge; 0 for a plain model. */
  readonly variant: number;
  /** How results say that they are of this variant. */
  readonly whose?: WhichVariant | undefined;
  /** [0] for an input. */
  readonly samples: readonly number[];
  /** New tokens at most, within the model's context; 0 for an input. */
  readonly maxNewTokens: number;
  /** Of an input: the first row whose logits are wanted; 0 by default. What comes before it may be shared with others. */
  readonly scoredFrom?: number | undefined;
}

/** A finished answer. */
export interface FinishedAnswer {
  readonly prompt: PromptWork;
  readonly sample: number;
  readonly ids: readonly number[];
  readonly text: string;
  readonly finish: "stop" | "length";
  readonly logprobs: readonly number[] | undefined;
  readonly topLogprobs: readonly (readonly TokenLogprob[])[] | undefined;
}

/** What a job hears while the loop steps; nothing after `end` or `failed`. */
interface JobEvents {
  /** Everything is done. */
  end(): void;
  failed(error: unknown): void;
  /** After each step in which the job had a part. */
  counted?(promptTokens: number, newTokens: number): void;
}

/** How probable a new token was, and what else was probable, as far as that is asked for. */
export type TokenChance = Pick<GenerationPiece, "logprob" | "topLogprobs">;

export interface GenerateEvents extends JobEvents {
  answer(answer: FinishedAnswer): void;
  /** A new token, and the text that it made certain. Where it is absent, text is only made when an answer ends. */
  piece?(prompt: PromptWork, sample: number, id: number, text: string, told: TokenChance): void;
}

export interface ScoreEvents extends JobEvents {
  /** Logits of an input's rows from `first` on: [rows x vocabulary]. The array is valid during the call only. */
  rows(index: number, first: number, logits: Float32Array): void;
}

export interface NextEvents extends JobEvents {
  /** Logits after a prompt's last token. The array is valid during the call only. */
  last(prompt: PromptWork, logits: Float32Array): void;
}

interface Work {
  /** In the order in which they are begun. */
  readonly prompts: readonly PromptWork[];
  /** Sequences of this job in work at once, at most; undefined: as many as the loop has room for. */
  readonly batch: number | undefined;
  /** False while the caller takes results slower than they come: nothing new is begun then. */
  wanting(): boolean;
}

export interface GenerateWork extends Work {
  readonly kind: "generate";
  readonly settings: GenerateSettings;
  /** Ids that end an answer. */
  readonly stopTokens: ReadonlySet<number>;
  readonly events: GenerateEvents;
}

/** The rows of the prompts give logits: all of them, or those from `scoredFrom` on. */
export interface ScoreWork extends Work {
  readonly kind: "score";
  readonly events: ScoreEvents;
}

/** A prompt's last row gives logits; nothing follows it. What prompts begin with in common is read once. */
export interface NextWork extends Work {
  readonly kind: "next";
  readonly events: NextEvents;
}

/** A job as the loop keeps it: how far it is. */
export class Job {
  readonly work: GenerateWork | ScoreWork | NextWork;
  readonly share: CacheShare;
  /** Prompts that were begun. */
  begun = 0;
  /** Samples that are not finished, of all prompts. */
  left: number;
  /** Those of them whose prompt was begun. */
  expected = 0;
  /** Its sequences that are being read or continued. */
  active = 0;
  promptTokens = 0;
  newTokens = 0;
  /** Whether the counts changed since they were told. */
  moved = false;

  constructor(work: GenerateWork | ScoreWork | NextWork, share: CacheShare) {
    this.work = work;
    this.share = share;
    this.left = work.prompts.reduce((count, { samples }) => count + samples.length, 0);
  }

  /** The prompt that begins next; undefined when all were begun. */
  get next(): PromptWork | undefined {
    return this.work.prompts[this.begun];
  }
}
