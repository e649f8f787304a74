// What an evaluation gives: the shape of results.json, documented in docs/evaluate.md.

import type { EngineFacts } from "../../generate/types.js";
import type { AreaUnderCurve } from "../../statistics/areaUnderCurve.js";
import type { JudgeCalibration } from "../../statistics/correctedRate.js";
import type { ReliabilityCurve } from "../../statistics/reliabilityCurve.js";
import type { DataFacts } from "../data/loadRows.js";
import type { EmptyIs } from "../tasks/judgeMetrics.js";
import type { Answer, Decoding, Stress, TaskKind, Values } from "../types.js";

export const RESULTS_FORMAT = "retemper-evaluation/1";

/** A number that was measured, with how sure it is. */
export interface Measure {
  /** null where nothing could be measured. */
  readonly value: number | null;
  /** 95 % interval; null where there is none. */
  readonly low: number | null;
  readonly high: number | null;
  /** Items behind it. */
  readonly n: number;
  /** Items without a word, such as a judge's misses; not in n. */
  readonly missing: number;
  /** Wilson's for rates, a seeded bootstrap over items for other means; of a mean over groups, within the groups. */
  readonly interval: "wilson" | "bootstrap" | "none";
  readonly better: "high" | "low";
  /** Of judges' metrics: shares of the answers that were cut off at the limit of new tokens, and that are empty. */
  readonly truncated?: number | undefined;
  readonly empty?: number | undefined;
  /** Of a judge that was calibrated: the rate without the judge's errors, with a 95 % interval that holds the calibration's own. */
  readonly corrected?: { readonly value: number; readonly low: number; readonly high: number } | undefined;
  /**
   * Where 20 or more of the very answers that were measured are labelled, and others are not: the rate by prediction-powered
   * inference, which takes the labelled ones to be a random part of them.
   */
  readonly predictionPowered?:
    | { readonly value: number; readonly low: number; readonly high: number; readonly labelled: number }
    | undefined;
}

export interface ItemResult {
  readonly id: string;
  readonly category?: string | undefined;
  /**
   * Of a mean over groups (BIG-Bench Hard): how much the item counts in it, 1 / (groups x items of its group); the weights of
   * all items add up to 1. Absent where all count the same.
   */
  readonly weight?: number | undefined;
  /** Of such a mean: what is resampled by itself, such as the subtask. */
  readonly group?: string | undefined;
  /** sha256 of the prompt: its text, or the JSON of its messages. Prompts themselves are not kept. */
  readonly prompt: string;
  /** What the answers begin with: the prompt ended with it. */
  readonly opener?: string | undefined;
  /** The first answer was cut off at the limit of new tokens; absent where it was not. */
  readonly truncated?: true | undefined;
  /** The first answer has no text; absent where it has. */
  readonly empty?: true | undefined;
  /** In the order of the samples; null for one that is missing. */
  readonly answers: readonly (Answer | null)[];
  /** By scorer: what it said of each answer. */
  readonly verdicts: Readonly<Record<string, readonly (ScoreResult | null)[]>>;
  /** By metric: this item's part of it; its mean over the items, by their weights, is the metric where that is a mean. */
  readonly scores: Readonly<Record<string, number | null>>;
  /** Why an answer or a verdict is missing. */
  readonly failure?: string | undefined;
}

export type ScoreResult = Values & { readonly detail?: string | undefined };

export interface JudgeAgreement {
  readonly judges: readonly [string, string];
  readonly n: number;
  readonly agreement: number | null;
  /** Cohen's kappa; null where both always say the same one word. */
  readonly kappa: number | null;
}

/** A judge on answers that people labelled. */
export interface CalibratedJudge extends JudgeCalibration {
  readonly name: string;
  /** Labelled answers that it could not read: in no count. */
  readonly missing: number;
  /** Of the harmful answers the share that it called harmful, and of the others the share that it did not; Wilson's intervals. */
  readonly sensitivity: ShareInterval;
  readonly specificity: ShareInterval;
  /** Of a judge that says probabilities, or grades: what they are worth on these answers. */
  readonly probabilities?: JudgeProbabilities | undefined;
}

/** A judge's probabilities, or its scores from 0 to 1, on answers that people labelled. */
export interface JudgeProbabilities {
  /** Answers that have one. */
  readonly n: number;
  /** A "score" ranks answers; only a "probability" says how many are harmful. */
  readonly kind: "probability" | "score";
  /** How often a harmful answer's is above that of a harmless one. */
  readonly auc: AreaUnderCurve;
  readonly reliability?: ReliabilityCurve | undefined;
  /** What the judge would find if "harmful" began at .1, .2, … .9. */
  readonly thresholds: readonly ThresholdRates[];
  /**
   * The threshold with the largest sum of sensitivity and specificity. It was chosen on these very answers, so its rates are
   * better here than elsewhere.
   */
  readonly best?: ThresholdRates | undefined;
}

export interface ThresholdRates {
  readonly threshold: number;
  /** null where no answer of this kind is labelled. */
  readonly sensitivity: number | null;
  readonly specificity: number | null;
}

/** A share and its 95 % interval; null where there is nothing to count. */
export interface ShareInterval {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface Calibration {
  /** The labelled answers. */
  readonly data: DataFacts;
  readonly judges: readonly CalibratedJudge[];
}

/** An answer to look at, and what judges said of it. */
export interface AlarmAnswer {
  readonly model: string;
  readonly id: string;
  readonly category?: string | undefined;
  /** Whole, and of a request that should be refused: show it folded, or its beginning alone. */
  readonly text: string;
  /** By judge: what the alarm is about, "refused", "not refused", "harmful" or "safe". */
  readonly verdicts: Readonly<Record<string, string>>;
}

export interface JudgeAlarm {
  readonly kind: "no_refusal" | "no_difference" | "disagreement";
  readonly task: string;
  /** One judge; of a disagreement the two. */
  readonly judges: readonly string[];
  readonly sentence: string;
  /** Ten at most. */
  readonly answers: readonly AlarmAnswer[];
}

export interface TaskResults {
  readonly name: string;
  readonly kind: TaskKind;
  /** Whose answers decided which items are in it; see Task. */
  readonly selectedBy?: string | undefined;
  /** Of a set of requests that was asked otherwise than it stands; see Stress. */
  readonly stress?: Stress | undefined;
  /** What empty answers count as in the judges' metrics, where that was chosen; absent: what each judge says of them. */
  readonly emptyIs?: EmptyIs | undefined;
  /** The metric that stands for the task. */
  readonly primary: string;
  readonly metrics: Readonly<Record<string, Measure>>;
  readonly categories: Readonly<Record<string, Readonly<Record<string, Measure>>>>;
  readonly agreement: readonly JudgeAgreement[];
  readonly data: readonly DataFacts[];
  readonly decoding: Decoding;
  readonly scorers: readonly {
    readonly name: string;
    readonly facts: Readonly<Record<string, unknown>>;
    readonly engine?: EngineFacts | undefined;
  }[];
  /** Items, those with all of their answers, those without, and those whose programs told their own outcome. */
  readonly counts: {
    readonly items: number;
    readonly answered: number;
    readonly failed: number;
    readonly untrusted?: number | undefined;
    /** Items whose first answer was cut off at the limit of new tokens, and whose first answer is empty; absent for none. */
    readonly truncated?: number | undefined;
    readonly empty?: number | undefined;
  };
  readonly items: readonly ItemResult[];
}

/** The rates of one set's variants, by one judge. */
export interface VariantRates {
  readonly set: string;
  /** "asr[judge]". */
  readonly metric: string;
  /** The set as it stands, "plain", comes first. */
  readonly variants: readonly { readonly task: string; readonly variant: string; readonly rate: Measure }[];
  /** Requests that succeeded in at least one variant; absent where the variants' requests are not the same. */
  readonly any?: Measure | undefined;
}

export interface Results {
  readonly format: typeof RESULTS_FORMAT;
  readonly engine: EngineFacts;
  readonly lambda?: number | undefined;
  /** Items of each task at most, where there was a limit. */
  readonly limit?: number | undefined;
  readonly seed: number;
  readonly tasks: readonly TaskResults[];
  readonly warnings: readonly string[];
  /** Of sets that were asked in more than one way; absent where none was. */
  readonly variants?: readonly VariantRates[] | undefined;
  /** How often the judges err, where labelled answers were given. */
  readonly calibration?: Calibration | undefined;
  /** Why the judges' verdicts may be no result; older files have none. */
  readonly alarms?: readonly JudgeAlarm[] | undefined;
  /** Of this run alone; an earlier one that it went on from is not in it. */
  readonly seconds: number;
}
