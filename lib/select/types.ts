// What selection reads and answers: a table of candidates with their numbers, and choices that explain themselves.

/** A number that was measured; the interval is of 95 %, over the items. */
export interface Quantity {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** The value for each seed of the tuning, where there were several; `value` is their mean. */
  readonly seeds?: readonly { readonly seed: string; readonly value: number }[] | undefined;
}

/** What is known of a model: its task score (higher is better) and attack success rate (lower is better). */
export interface Point {
  readonly score: Quantity;
  readonly asr: Quantity;
}

/** A merge that may be chosen. */
export interface Candidate extends Point {
  readonly method: string;
  /** Weight of the fine-tuned model; absent for methods that have none. */
  readonly lambda?: number | undefined;
  /** Other parameters of the method, such as a density. */
  readonly parameters?: Readonly<Record<string, number | string | boolean>> | undefined;
}

/** What the two numbers are called, such as "refusals lost (keyword)". */
export interface Labels {
  readonly score: string;
  readonly asr: string;
}

export interface SelectionTable {
  /** Of the sentences that explain a choice; "score" and "ASR" by default. */
  readonly labels?: Labels | undefined;
  readonly aligned: Point;
  readonly tuned?: Point | undefined;
  readonly candidates: readonly Candidate[];
}

export type RuleName = "score" | "constrained" | "knee";

/**
 * "score": the best score (the rule of arXiv 2412.19512). "constrained": the best score among those whose ASR is not above
 * the aligned model's plus `margin`. "knee": where the Pareto front bends most. A gate comes before any of them.
 */
export interface SelectionRule {
  readonly rule: RuleName;
  /** Of "constrained": 0.05 by default. */
  readonly margin?: number | undefined;
  /** Of "constrained": what of a candidate's ASR must keep below; the upper end of its interval ("upper") by default. */
  readonly by?: "upper" | "point" | undefined;
  /** A condition such as `asr <= aligned + 0.02`; see parseGate. */
  readonly gate?: string | undefined;
}

export interface Choice {
  /** null: nothing qualifies. */
  readonly candidate: Candidate | null;
  /** One sentence with the numbers behind the choice. */
  readonly sentence: string;
  /** Candidates that qualify, and all that were looked at. */
  readonly qualified: number;
  readonly considered: number;
}

/** A rule with its defaults filled in. */
export interface CompleteRule {
  readonly rule: RuleName;
  readonly margin: number;
  readonly by: "upper" | "point";
  readonly gate?: string | undefined;
}

export interface Selection {
  readonly rule: CompleteRule;
  readonly overall: Choice;
  readonly methods: Readonly<Record<string, Choice>>;
  /** Candidates that no other beats in both numbers, by ASR. */
  readonly front: readonly Candidate[];
  /** Where the front bends most, whatever the rule. */
  readonly knee: Choice;
  /** What "constrained" would choose with other margins, smallest first. */
  readonly margins: readonly { readonly margin: number; readonly choice: Choice }[];
}
