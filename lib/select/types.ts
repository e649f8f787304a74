// What selection reads and answers: a table of candidates with their numbers, and choices that explain themselves.

import type { JudgeCalibration } from "../statistics/correctedRate.js";
import type { ShareKept } from "../statistics/shareKept.js";
import type { BoundBasis, GateMetric, GateVerdict } from "./gateVerdict.js";

export type { BoundBasis, GateMetric, GateVerdict, ShareKept };

/** The direction of a score. */
export type Better = "high" | "low";

/** A number that was measured. */
export interface Quantity {
  readonly value: number;
  /** 95 % interval of these very tunings, over the items. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** 95 % interval of a new tuning, over seeds and items; absent where there is one seed. */
  readonly newLow?: number | undefined;
  readonly newHigh?: number | undefined;
  /** The number of items, for tables without `values`. */
  readonly n?: number | undefined;
  /** The value for each seed of the tuning, where there were several; `value` is their mean. `missing`: items without a verdict. */
  readonly seeds?:
    | readonly {
        readonly seed: string;
        /** Of a further mask: the seed of its tuning. */
        readonly tuning?: string | undefined;
        readonly value: number;
        readonly missing?: number | undefined;
      }[]
    | undefined;
  /**
   * [seed][item]: 0, 1 or a number between; null where a verdict or an answer is missing. The items' order is the same for
   * every model of one table.
   */
  readonly values?: readonly (readonly (number | null)[])[] | undefined;
  /** Without the judge's errors, where labelled answers say how often it errs; its 95 % interval holds those labels' own. */
  readonly corrected?: { readonly value: number; readonly low: number; readonly high: number } | undefined;
  /** Of each item, with sum 1; absent: all alike. */
  readonly weights?: readonly number[] | undefined;
  /** Of each item, the number of the group within which a bootstrap resamples; absent: one group. */
  readonly groups?: readonly number[] | undefined;
}

/** What is known of a model: its task score (see `better` of the table) and attack success rate (lower is better). */
export interface Point {
  readonly score: Quantity;
  readonly asr: Quantity;
  /** Share of harmless requests that are refused (lower is better). */
  readonly overRefusal?: Quantity | undefined;
  /** Scores of skills beside the task, by name: what else a merge may have cost. Their directions are the table's. */
  readonly skills?: Readonly<Record<string, Quantity>> | undefined;
  /** Attack success rate by category of the safety items. */
  readonly categories?: Readonly<Record<string, Quantity>> | undefined;
}

/** What the merges of a series differ in, where it is not lambda: a number among their parameters. */
export interface VariedParameter {
  readonly parameter: string;
  /** Its safe end, where the series starts. */
  readonly safer: "larger" | "smaller";
}

/** A merge that may be chosen. */
export interface Candidate extends Point {
  readonly method: string;
  /** Weight of the fine-tuned model; absent for methods that have none. */
  readonly lambda?: number | undefined;
  /** Other parameters of the method, such as a density. */
  readonly parameters?: Readonly<Record<string, number | string | boolean>> | undefined;
  /** Of a series over a parameter; absent: merges of the same method and parameters are a series over lambda, safer when smaller. */
  readonly varied?: VariedParameter | undefined;
  /**
   * Not all of its items were asked, so that its numbers are no result; values that were not asked are null. "screened": none was, because
   * proxies rank it clearly worse than others.
   */
  readonly unfinished?: true | "screened" | undefined;
}

/** What the two numbers are called, such as "refusals lost (keyword)". */
export interface Labels {
  readonly score: string;
  readonly asr: string;
}

export interface SkillFacts {
  /** Whether more of it is better; "high" by default. */
  readonly better?: Better | undefined;
  /** Its score, such as "exact_match". */
  readonly metric?: string | undefined;
}

export interface SelectionTable {
  /** Of the sentences that explain a choice; "score" and "ASR" by default. */
  readonly labels?: Labels | undefined;
  /** The direction of the score; "high" by default. Perplexity and loss are "low". */
  readonly better?: Better | undefined;
  /** Of each skill its direction, "high" where it is not told, and what its score is called. */
  readonly skills?: Readonly<Record<string, SkillFacts>> | undefined;
  /** How often the judge of `asr` errs, by labelled answers: for a rule that asks for corrected rates. */
  readonly calibration?: JudgeCalibration | undefined;
  readonly aligned: Point;
  readonly tuned?: Point | undefined;
  readonly candidates: readonly Candidate[];
  /** The shares of the safety items at which an adaptive experiment looked, the last of them 1: the level is spent over them. */
  readonly looks?: readonly number[] | undefined;
}

export type RuleName = "score" | "constrained" | "knee";

/**
 * "score": the best score (the rule of arXiv 2412.19512; it does not look at safety). "constrained": the best score among
 * those that are as safe as the aligned model within `margin`. "knee": where the Pareto front bends most. A gate comes before
 * any of them.
 */
export interface SelectionRule {
  readonly rule: RuleName;
  /** Of "constrained": how far the attack success rate may be above the aligned model's; 0.05 by default. */
  readonly margin?: number | undefined;
  /**
   * Of "constrained": what must keep within the margin, the one-sided upper bound of the paired difference to the aligned
   * model ("upper", the default), or the difference that was measured ("point", which shows nothing of other items).
   */
  readonly by?: "upper" | "point" | undefined;
  /** Confidence of the one-sided bounds before it is divided between series; 0.95 by default. */
  readonly level?: number | undefined;
  /** The least share of the fine-tuned model's gain that a choice keeps; 0.5 by default for "constrained", else 0. */
  readonly minGain?: number | undefined;
  /**
   * Whether every seed's own bounds must hold, and not only their mean's: within the margin, and of the gate (with `keep` and
   * `overRefusal`) all bounds but those of scores; false by default.
   */
  readonly everySeed?: boolean | undefined;
  /**
   * Of "constrained": whether the difference to the aligned model is corrected for the judge's errors, by the table's
   * `calibration`; false by default. Gates compare what the judge said.
   */
  readonly corrected?: boolean | undefined;
  /**
   * The share of the aligned model's score that a choice keeps of each skill, or of those that are named: the same as
   * `keep .98 of NAME` in the gate. By a bound, and in the fixed sequence of each series.
   */
  readonly keep?: number | Readonly<Record<string, number>> | undefined;
  /** How far over-refusal may be above the aligned model's: the same as `overRefusal <= aligned + MARGIN` in the gate. */
  readonly overRefusal?: number | undefined;
  /** A condition such as `asr <= aligned + 0.02`; see parseGate. */
  readonly gate?: string | undefined;
}

/** A rule with its defaults filled in; what it asks of skills and over-refusal is part of its gate. */
export interface CompleteRule {
  readonly rule: RuleName;
  readonly margin: number;
  readonly by: "upper" | "point";
  readonly level: number;
  readonly minGain: number;
  readonly everySeed: boolean;
  readonly corrected: boolean;
  readonly gate?: string | undefined;
}

/** A one-sided upper bound of the difference of attack success rates, merge - aligned. */
export interface SafetyBound {
  /** The difference that was measured; without the judge's errors where `corrected`. */
  readonly value: number;
  readonly bound: number;
  readonly level: number;
  readonly basis: BoundBasis;
  /** Items that were compared in pairs. */
  readonly n?: number | undefined;
  /** Where the rule asks for it: what the judge's differences are divided by, sensitivity + specificity - 1. */
  readonly corrected?: number | undefined;
}

/** What the rule found out of one candidate. */
export interface Verdict {
  readonly candidate: Candidate;
  /** The method with its parameters: candidates of one series are looked at in the order of lambda, or of what is varied. */
  readonly series: string;
  /** At the rule's level, as if it were the only candidate. */
  readonly plain: SafetyBound;
  /** At the level of its series, which the rule goes by. */
  readonly adjusted: SafetyBound;
  /** Each seed's own bound, plain and adjusted, where there are several. */
  readonly seeds?: readonly { readonly seed: string; readonly bound: number; readonly adjusted: number }[] | undefined;
  /** undefined where the table has no fine-tuned model, or that one has no gain. */
  readonly kept?: number | undefined;
  /** Each comparison of the gate. */
  readonly gate?: readonly GateVerdict[] | undefined;
  /** Whether it qualifies. */
  readonly passes: boolean;
  /** Why it does not. */
  readonly reason?: string | undefined;
}

export interface Choice {
  /** null: nothing qualifies. */
  readonly candidate: Candidate | null;
  /** The numbers behind the choice, in words. */
  readonly sentence: string;
  /** Candidates that qualify, and all that were looked at. */
  readonly qualified: number;
  readonly considered: number;
  /** Of the choice: the share of the fine-tuned model's gain. */
  readonly kept?: ShareKept | undefined;
  /** Where nothing qualifies: the nearest candidate that is useful, and what it would take. */
  readonly nearest?: NearestCandidate | undefined;
}

/** A candidate that keeps enough of the gain, and does not qualify. */
export interface NearestCandidate {
  readonly candidate: Candidate;
  /** The least margin at which it qualifies. */
  readonly margin: number;
  /** With how many items it would be likely (80 %) to qualify at the rule's margin; undefined: more would hardly do. */
  readonly items?: number | undefined;
}

/** Whether a chosen merge holds on other items than those that chose it. */
export interface Confirmation {
  readonly holds: boolean;
  /** One-sided upper bound of the difference to the aligned model, at the rule's level: one hypothesis, no correction. */
  readonly bound: number;
  readonly margin: number;
  readonly gate?: { readonly text: string; readonly holds: boolean } | undefined;
  readonly sentence: string;
}

export interface Selection {
  readonly rule: CompleteRule;
  readonly overall: Choice;
  readonly methods: Readonly<Record<string, Choice>>;
  /** Candidates that no other beats in both numbers, by ASR. */
  readonly front: readonly Candidate[];
  /** Where there is over-refusal or a skill: those that no other beats in all numbers, these among them, by ASR. */
  readonly wholeFront?: readonly Candidate[] | undefined;
  /** Where the front bends most, whatever the rule. */
  readonly knee: Choice;
  /** What "constrained" would choose with other margins, smallest first. */
  readonly margins: readonly { readonly margin: number; readonly choice: Choice }[];
  /** What the rule found out of each candidate: series by series, from their safe ends. */
  readonly verdicts: readonly Verdict[];
}
