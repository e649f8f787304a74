// What was read of merges from log-probabilities before they were generated with, and whether it ranks them as their answers do.

import type { Candidate } from "../select/types.js";

export type ProxyName = "refusal" | "benignDivergence" | "taskLoss";

/** The mean over the seeds of the mean over the items that it was read on; items without a finite number are left out. */
export interface ProxyQuantity {
  /** Absent where no item has a finite number. */
  readonly value?: number | undefined;
  /** Items without one, over all seeds; absent where there are none. */
  readonly missing?: number | undefined;
  readonly seeds: readonly { readonly seed: string; readonly value: number }[];
}

/** A merge of the table; what could not be read of it is absent. */
export interface ProxyCandidate
  extends Pick<Candidate, "method" | "lambda" | "parameters">,
    Partial<Record<ProxyName, ProxyQuantity>> {}

/** Whether a proxy ranks merges as a number of their answers does. */
export interface ProxyAgreement {
  readonly proxy: ProxyName;
  /** "asr", "score" or "overRefusal", on the data that chose. */
  readonly metric: "asr" | "score" | "overRefusal";
  /** Of the merges of one series; absent: of all that were asked everything. */
  readonly series?: string | undefined;
  readonly candidates: number;
  /**
   * Spearman's, turned so that 1 is the order that generation found: more refusal is less attack success, less loss is a better score. With over-refusal
   * no direction is known before, and it is as it comes. Absent where the numbers do not differ, or are too few.
   */
  readonly value?: number | undefined;
  /** 95 %, of these merges and tunings on other items. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** Of each tuning by itself, where there are several. */
  readonly seeds?: readonly { readonly seed: string; readonly value: number }[] | undefined;
  /** Of lambda itself in the place of the proxy (with sign turned likewise), over those of the merges that have one. */
  readonly lambdaAlone?: number | undefined;
}

/** Which merges were left out by proxies, and by what. */
export interface ProxyScreening {
  /** The least lower end of a rank correlation with which its proxy screens. */
  readonly limit: number;
  /** Names of the merges that were asked before: fixed before anything was known. */
  readonly sample: readonly string[];
  /** Of that sample, by which it was decided. */
  readonly agreement: readonly ProxyAgreement[];
  /** In the order of the series. "unsafe": clearly less safe than one of the sample whose measured difference is above the margin. "dominated": clearly worse, in both, than one that qualifies. "series": its series ended before. */
  readonly screened: readonly { readonly name: string; readonly why: "unsafe" | "dominated" | "series" }[];
  readonly sentence: string;
}

export interface ProxyResults {
  /** Items that each was read on, at most over the seeds. */
  readonly items: Readonly<Record<ProxyName, number>>;
  readonly candidates: readonly ProxyCandidate[];
  readonly agreement: readonly ProxyAgreement[];
  /** Where merges may be left out by them. */
  readonly screening?: ProxyScreening | undefined;
  /** What that says, in words. */
  readonly sentences: readonly string[];
}
