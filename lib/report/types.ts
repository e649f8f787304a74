// What a report is made of: the shape of an experiment's results.json and costs.json.

import type { JudgeDisagreement } from "../evaluate/run/judgeDisagreements.js";
import type { JudgeAlarm } from "../evaluate/run/results.js";
import type { Stress } from "../evaluate/types.js";
import type { Confirmation, Labels, Selection, SelectionTable, ShareKept } from "../select/types.js";
import type { AreaUnderCurve } from "../statistics/areaUnderCurve.js";
import type { ReliabilityCurve } from "../statistics/reliabilityCurve.js";
import type { BesideLinearResults } from "./besideLinearTypes.js";
import type { ControlResults } from "./controlTypes.js";
import type { ItemName, ItemNames } from "./itemNames.js";
import type { Measured, MeasuredCandidate, PairedTest } from "./measured.js";
import type { ProxyResults } from "./proxyTypes.js";
import type { ShipResults } from "./shipTypes.js";

export type { BesideLinear, BesideLinearResults } from "./besideLinearTypes.js";
export type { ControlComparison, ControlCurve, ControlResults } from "./controlTypes.js";
export type {
  ProxyAgreement,
  ProxyCandidate,
  ProxyName,
  ProxyQuantity,
  ProxyResults,
  ProxyScreening,
} from "./proxyTypes.js";
export type {
  FormBehaviour,
  FormInShort,
  Requantised,
  ShippedForm,
  ShipResults,
  ShortNumbers,
  TurnedRefusals,
} from "./shipTypes.js";
export type { ItemName, ItemNames, Measured, MeasuredCandidate, PairedTest };

export const EXPERIMENT_FORMAT = "retemper-experiment/1";

/** Whether a number rises with lambda, over the lambdas strictly between the aligned and the fine-tuned model. */
export interface Trend {
  readonly method: string;
  /** "asr", "score", "overRefusal", or the name of a skill. */
  readonly metric: string;
  /** The mean of the items' slopes: how much it rises from lambda 0 to 1, with its 95 % interval over the items. */
  readonly slope: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided, by flipping the signs of the items' slopes. */
  readonly p: number;
  /** Holm's, over all trends of the table. */
  readonly pHolm: number;
  /** Items with a value at every lambda. */
  readonly items: number;
  /** How many there were. */
  readonly lambdas: number;
}

export interface ExampleAnswers {
  readonly task: string;
  readonly id: string;
  /** What was asked, in plain words; older results have none. Long texts are cut, and say so. */
  readonly request?: string | undefined;
  /** Right answers; absent where a refusal, or any answer, is what is wanted. */
  readonly expected?: readonly string[] | undefined;
  readonly category?: string | undefined;
  /** Answers to requests that should be refused stay folded until somebody opens them. */
  readonly sensitive: boolean;
  readonly answers: readonly { readonly model: string; readonly text: string }[];
}

/** A written merge beside the one that was measured unwritten. */
export interface WrittenAgreement {
  /** Greedy answers that were compared, and those that are the same. */
  readonly questions: number;
  readonly same: number;
  /** After some prompts: the largest difference of logits, and the root of the mean square one in their deviations. */
  readonly logits: { readonly prompts: number; readonly largest: number; readonly relative: number };
  /** Why it does not behave as what was measured, as `compareBehaviour` names it; absent where nothing was found. */
  readonly causes?: readonly { readonly name: string; readonly sure: string; readonly summary: string }[] | undefined;
}

export interface WrittenModel {
  /** For people. */
  readonly name: string;
  /** Of the table's candidate that it is: see candidateId. */
  readonly candidate: string;
  readonly seed?: string | undefined;
  /** Relative to the experiment's folder. */
  readonly path: string;
  /** Of the weights. */
  readonly bytes: number;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  /** Of the choice: whether it held on the data that confirm; absent for other methods' choices, and where nothing is confirmed. */
  readonly confirmed?: boolean | undefined;
  readonly agreement?: WrittenAgreement | undefined;
}

/** The one model to ship. */
export interface ShippedModel {
  /** "models/chosen", a relative link to `path`; absent on a file system without links. Both are relative to the experiment's folder. */
  readonly link?: string | undefined;
  readonly path: string;
  /** Absent where the merge is of all seeds. */
  readonly seed?: string | undefined;
  /** Where there are several seeds: why this one. */
  readonly why?: string | undefined;
}

/** A set and what was asked of it. */
export interface AskedSet {
  readonly name: string;
  readonly kind: "safety" | "over-refusal" | "task";
  readonly part: "validation" | "test";
  /** Of a set that is a skill's and not the task's: which skill. */
  readonly skill?: string | undefined;
  /** Of a set that was asked otherwise than it stands: of which, and how. */
  readonly stress?: Stress | undefined;
  /** Items that were asked in this part. */
  readonly items: number;
  /** Items that were asked in both parts together, where the set is halved; else the same. */
  readonly asked: number;
  /** Rows that the set has. */
  readonly rows: number;
  readonly halved?: true | undefined;
  /** Where it left rows out: how many of each set, or of each of its groups, were asked. */
  readonly limit?: number | undefined;
}

/** Items that chose (validation) and that confirmed (test). */
export interface DataParts {
  /** Whether the safety items are two halves of the same sets. */
  readonly split: boolean;
  /** Sets that were selected by the aligned model's own answers: shown, and in no rule or test. */
  readonly selected: readonly string[];
  /** Variants of sets that are harder to refuse: shown, and in no rule or test. Older files have none. */
  readonly stressed?: readonly string[] | undefined;
  readonly validation: { readonly safety: number; readonly task: number };
  readonly test: { readonly safety: number; readonly task: number };
  /** Each set apart; older results have none. */
  readonly sets?: readonly AskedSet[] | undefined;
}

/** Lambdas between the grid's choice and the next one, which were asked once that choice was known: exploratory until they confirm. */
export interface RefinedResults {
  /** The grid's choice. */
  readonly from: string;
  /** Its lambda, and the next of its grid. */
  readonly between: readonly [number, number];
  /** All that were to be asked, on the items that choose. */
  readonly points: readonly MeasuredCandidate[];
  /** The one that the rule takes instead of the grid's choice, if it takes one. */
  readonly better?: string | undefined;
  /** On the items that confirm, one after the other: the grid's choice, and where it holds, the better one. */
  readonly confirmations: readonly Confirmation[];
  /** Whether the better one is the experiment's choice: both hold. */
  readonly taken: boolean;
  readonly sentence: string;
}

export interface ExperimentResults {
  readonly format: typeof EXPERIMENT_FORMAT;
  readonly name: string;
  /** What the two numbers are called here, such as "refusals lost (keyword)". */
  readonly labels: Labels;
  /** Of the test's tables, where they are called otherwise. */
  readonly testLabels?: Labels | undefined;
  /** Which data chose, and which confirmed. */
  readonly parts?: DataParts | undefined;
  /** What the values of the tables' quantities are of; older runs have none. */
  readonly items?: { readonly validation: ItemNames; readonly test: ItemNames } | undefined;
  readonly validation: {
    /** The direction of the score; "high" by default. */
    readonly better?: "high" | "low" | undefined;
    readonly calibration?: SelectionTable["calibration"];
    readonly skills?: SelectionTable["skills"];
    readonly unaligned?: Measured | undefined;
    readonly aligned: Measured;
    readonly tuned: Measured;
    readonly candidates: readonly MeasuredCandidate[];
    /** Of an adaptive experiment: the shares of the safety items at which it looked. */
    readonly looks?: readonly number[] | undefined;
  };
  readonly selection: Selection;
  /** Of an adaptive experiment that refines its grid. */
  readonly refined?: RefinedResults | undefined;
  readonly test: {
    readonly better?: "high" | "low" | undefined;
    readonly calibration?: SelectionTable["calibration"];
    readonly skills?: SelectionTable["skills"];
    readonly unaligned?: Measured | undefined;
    readonly aligned: Measured;
    readonly tuned: Measured;
    /** The chosen merge of each method, measured from its written files. */
    readonly chosen: readonly MeasuredCandidate[];
  };
  /** Whether the choice holds on the test data, where the rule or its gate has something to hold. */
  readonly confirmation?: Confirmation | undefined;
  /** Of the choice: the share of the fine-tuned model's gain on the test data. */
  readonly kept?: ShareKept | undefined;
  readonly paired: readonly PairedTest[];
  /** Where the experiment asks for controls. */
  readonly controls?: ControlResults | undefined;
  /** Where the experiment asks for it: every method beside the plain lambda. */
  readonly besideLinear?: BesideLinearResults | undefined;
  /** Where the experiment asks for proxies. */
  readonly proxies?: ProxyResults | undefined;
  readonly trends: readonly Trend[];
  readonly outputs: readonly WrittenModel[];
  /** Absent where nothing qualifies, and where the choice is not confirmed. */
  readonly shipped?: ShippedModel | undefined;
  /** Of an experiment that says in which forms it ships (`ship`); absent where nothing is shipped. */
  readonly ship?: ShipResults | undefined;
  readonly examples: readonly ExampleAnswers[];
  readonly provenance: {
    readonly version: string;
    readonly engine: string;
    /** How merges that were only measured were evaluated. */
    readonly unwritten: string;
    readonly platform: string;
    readonly seeds: readonly string[];
    readonly models: readonly { readonly role: string; readonly path: string; readonly digest: string }[];
    readonly data: readonly { readonly source: string; readonly sha256: string; readonly rows: number }[];
    /** sha256 of the experiment's settings. */
    readonly experiment: string;
  };
  readonly notes: readonly string[];
  /** Why the choice says little, where a quick look had too few requests. */
  readonly exploratory?: string | undefined;
  /** Why the judges' verdicts may be no result, with answers to look at; older runs have none. */
  readonly alarms?: readonly JudgeAlarm[] | undefined;
  /** Of every two judges, how often they contradict each other on the data that chose; absent where there is one judge. */
  readonly disagreements?: readonly JudgeDisagreement[] | undefined;
  /** Of the judges that say probabilities, what these were worth on the labelled answers; absent without such. */
  readonly reliability?: readonly JudgeReliability[] | undefined;
}

/** A judge's probabilities against the labels of people. */
export interface JudgeReliability extends ReliabilityCurve {
  readonly name: string;
  /** Labelled answers that it gave a probability. */
  readonly n: number;
  readonly auc: AreaUnderCurve;
}

/** What it took; apart from the results, which do not depend on it. */
export interface ExperimentCosts {
  /** All that were ever done in the folder. */
  readonly steps: readonly {
    /** What it does: "tune", "answer", "score", …; absent in older files. */
    readonly kind?: string | undefined;
    readonly step: string;
    readonly seconds: number;
    readonly newTokens: number;
    readonly tunedTokens?: number | undefined;
    readonly bytesWritten: number;
  }[];
}
