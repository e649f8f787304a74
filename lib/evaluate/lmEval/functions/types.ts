// What a function of a task takes and gives.

import type { ProgramCheck } from "../../sandbox/supervisor.js";

/** A row of a task's data. */
export type Document = Readonly<Record<string, unknown>>;

/** What one filter left of an item's answers: a text, or a list of them; of choices their log-likelihoods. */
export interface Outcome {
  readonly response: unknown;
  readonly logLikelihoods: readonly number[];
  /** Whether the choice is what the model would write. */
  readonly greedy: readonly boolean[];
}

/** A number, or what an aggregation of its own takes. */
export type MetricValue = number | readonly number[];

/** How an answer becomes a program that passes or does not. */
export interface ProgramMetric {
  /** What the metric is called, by the settings that stand beside it. */
  names(settings: Readonly<Record<string, unknown>>): readonly { readonly name: string; readonly k: number }[];
  /** The whole program of an answer, and what checks it; without a check it tells its own outcome. */
  program(
    answer: string,
    target: string,
    document: Document,
  ): { readonly source: string; readonly check?: ProgramCheck | undefined };
}

export interface BuiltIn {
  /** Of the file in lm-eval 0.4.13. */
  readonly sha256: string;
  /** process_docs. */
  readonly documents?: ((rows: readonly Document[]) => readonly Document[]) | undefined;
  /** doc_to_text, doc_to_target, doc_to_choice. */
  readonly field?: ((document: Document) => unknown) | undefined;
  /** process_results: values by metric. */
  readonly results?: ((document: Document, outcome: Outcome) => Readonly<Record<string, MetricValue>>) | undefined;
  /** An entry of metric_list. */
  readonly metric?: ProgramMetric | undefined;
  /** filter_fn. */
  readonly filter?: ((responses: readonly string[], document: Document) => unknown[]) | undefined;
  /** aggregation. */
  readonly aggregation?: ((values: readonly MetricValue[]) => number) | undefined;
}
