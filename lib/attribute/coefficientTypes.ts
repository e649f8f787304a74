// What derivatives by coefficients take and give.

import type { DownloadOptions } from "../checkpoint/obtain.js";

export interface CoefficientOptions {
  /** Where derivatives are taken: all coefficients have this value. 1 by default: the fine-tuned model. */
  readonly at?: number | undefined;
  /** Rows that are computed at once; 4 by default. */
  readonly batchSize?: number | undefined;
  /** Tokens of a row at most; its end is cut off. 1024 by default. */
  readonly cutoff?: number | undefined;
  /** A system message for rows that have none. */
  readonly system?: string | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How models are downloaded that are not on this machine. */
  readonly hub?: DownloadOptions | undefined;
  /** Told how many rows are done. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** The derivative of the loss by one tensor's coefficient. */
export interface CoefficientGradient {
  readonly name: string;
  /** Of a tensor inside of a layer: which, and its name in there. */
  readonly layer?: number;
  readonly module?: string;
  /** Of the mean loss of an answer's token. Below 0: more of this change makes the answers likelier. */
  readonly gradient: number;
}

export interface CoefficientGradients {
  /** The mean of -log p over the answers' tokens, natural logarithms, at the point where derivatives are taken. */
  readonly loss: number;
  /** Answers' tokens. */
  readonly tokens: number;
  readonly tensors: readonly CoefficientGradient[];
}
