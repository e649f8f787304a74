// The ports of evaluation: what is asked (Task, Item), what came back (Answer), and who says how good it is (Scorer, of
// which judges and metrics are kinds). Data in, numbers out.

import type { EngineFacts, GenerateOptions, Prompt } from "../generate/types.js";
import type { HarmVerdict } from "../statistics/attackSuccessRate.js";
import type { DataFacts } from "./data/loadRows.js";
import type { ProgramCheck } from "./sandbox/supervisor.js";

/** One thing that is asked of a model. */
export interface Item {
  /** Unique in its task, and the same in every run. */
  readonly id: string;
  /** Of a likelihood: what comes before the scored text, or a conversation whose answers are scored. */
  readonly prompt: Prompt;
  /** What a person asked, in plain words: what judges read. */
  readonly request: string;
  /** Of a behavior with a context, as HarmBench has them: the two apart, which its own judge reads so. */
  readonly parts?: { readonly context: string; readonly behavior: string } | undefined;
  readonly category?: string | undefined;
  /** What the answer begins with: the prompt ends with it, and what is judged begins with it. */
  readonly opener?: string | undefined;
  /** Right answers. */
  readonly references?: readonly string[] | undefined;
  /** Of multiple choice: the continuations of the prompt; `references` holds the right one. */
  readonly choices?: readonly string[] | undefined;
  /** Of a likelihood: texts that are scored, each after a context of its own; instead of choices. */
  readonly continuations?: readonly Continuation[] | undefined;
  /** Of programs: what makes a whole program of an answer. */
  readonly program?: ((answer: string) => string) | undefined;
  /** Of programs: what decides whether one passes. Without it a program tells its own outcome, which is not trusted. */
  readonly check?: ProgramCheck | undefined;
}

/** A text that a model scores, as lm-evaluation-harness has it scored. */
export interface Continuation {
  /** What comes before it; null: nothing, and a text longer than the model's context is scored in windows. */
  readonly context: Prompt | null;
  readonly text: string;
}

/** One answer to an item. */
export interface Answer {
  readonly text: string;
  readonly finish?: "stop" | "length" | undefined;
  /** New tokens; of a text's likelihood, its scored tokens. 0 where an endpoint does not tell. */
  readonly tokens: number;
  /** Instead of text: the log-likelihood of each choice, or of the text itself. */
  readonly logLikelihoods?: readonly number[] | undefined;
  /** Of continuations: whether each is what the model itself would write, token by token. */
  readonly greedy?: readonly boolean[] | undefined;
}

/** How a task asks. */
export interface Decoding
  extends Pick<
    GenerateOptions,
    "maxNewTokens" | "temperature" | "topK" | "topP" | "repetitionPenalty" | "seed" | "stop"
  > {
  /** Answers to each item; 1 by default. */
  readonly samples?: number | undefined;
}

/** What a scorer says of one answer: its own values by name; null where it could not say, absent where it never does. */
export type Values = Readonly<Record<string, number | boolean | string | null | undefined>>;

export interface Exchange {
  readonly item: Item;
  readonly answer: Answer;
}

export interface Score<V extends Values = Values> {
  /** Of the exchange. */
  readonly index: number;
  readonly values: V;
  /** The scorer's own words, such as a judge's answer. */
  readonly detail?: string | undefined;
}

export interface ScoreOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for an exchange that could not be scored; the others go on. */
  readonly onFailure?: ((failure: { readonly index: number; readonly error: Error }) => void) | undefined;
}

/** Scores answers, in any order. */
export interface Scorer<V extends Values = Values> {
  readonly name: string;
  /** What makes its scores what they are: prompt, model, settings. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What runs it, once something does. */
  readonly engine?: (() => EngineFacts | undefined) | undefined;
  /** Whether each score depends on all references of the task, so that none may be missing when it is made. */
  readonly together?: boolean | undefined;
  score(exchanges: readonly Exchange[], options: ScoreOptions): AsyncIterable<Score<V>>;
}

export interface JudgeValues extends Values {
  /** Whether the response is harmful; null: the judge's answer could not be read. */
  readonly harmful: HarmVerdict;
  /** Whether the response refuses; null where this judge does not say. */
  readonly refusal: HarmVerdict;
  /**
   * P(harmful), 0 to 1, of a judge that is read from probabilities: `harmful` is "yes" from its threshold on, .5 by default.
   * null or absent: this judge has none.
   */
  readonly harmfulProbability?: number | null | undefined;
  /** How harmful, 0 to 1, of a judge that grades, such as StrongREJECT's. */
  readonly score?: number | null | undefined;
}

export interface Judge extends Scorer<JudgeValues> {
  readonly kind: "judge";
}

/** A number for each item whose mean is reported: 0 or 1 where it is a rate. */
export interface MetricOfItem {
  readonly name: string;
  /** "asr" is better low, "exact_match" high. */
  readonly better: "high" | "low";
  /** A judge's: how the answers ended stands beside it. */
  readonly judged?: boolean | undefined;
  /** null: this item says nothing, and is left out of the mean. */
  of(record: ScoredItem): number | null;
  /** True for a number that an item by itself says nothing of, such as F1 or a correlation over all items. */
  readonly ofAll?: boolean | undefined;
  /** Of several items, where that is not the mean of theirs. */
  total?(records: readonly ScoredItem[]): number | null;
}

/** An item with its answers and, by scorer, the values of each. */
export interface ScoredItem {
  readonly item: Item;
  readonly answers: readonly Answer[];
  readonly values: Readonly<Record<string, readonly (Values | null)[]>>;
}

export type TaskKind = "safety" | "over-refusal" | "task";

/** How a set of requests is asked to make it harder to refuse. */
export interface Stress {
  /** The set's name. */
  readonly set: string;
  /** As it was written behind the set's name: "prefill", "translate-fr", "best8", several with "+" between them. */
  readonly variant: string;
  /** What all answers begin with. */
  readonly opener?: string | undefined;
  /** Answers to each request, the most harmful of which counts. */
  readonly bestOf?: number | undefined;
}

/** A set of items, ready to be asked. */
export interface Task {
  readonly name: string;
  readonly kind: TaskKind;
  readonly data: readonly DataFacts[];
  readonly warnings: readonly string[];
  readonly items: readonly Item[];
  /** "generate": answers are texts. "likelihood": the model scores the items' choices, or their text. */
  readonly ask: "generate" | "likelihood";
  readonly decoding: Decoding;
  readonly scorers: readonly Scorer[];
  readonly metrics: readonly MetricOfItem[];
  /** The metric that stands for the task; the first by default. */
  readonly primary?: string | undefined;
  /**
   * Whose answers decided which items are in it, such as "aligned" for the requests that the aligned model refused. Such a
   * set is no estimate of that model's rate: any change of the model moves it one way.
   */
  readonly selectedBy?: string | undefined;
  /** Of a set that is asked otherwise than it stands; its rate is that of the variant. */
  readonly stress?: Stress | undefined;
  /** Also report the mean of the categories' means, "macro_NAME"; items then carry their weights in it. */
  readonly macro?: boolean | undefined;
}
