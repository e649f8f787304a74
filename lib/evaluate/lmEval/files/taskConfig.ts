// What a task's file says, checked: every key is known here, or the user is told which one is not.

import { RetemperError } from "../../../errors.js";
import { FunctionName, type TaskFile } from "./readTaskFile.js";

const OUTPUT_TYPES = ["generate_until", "multiple_choice", "loglikelihood", "loglikelihood_rolling"] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/** A column's name, a template, a value that is the same for every row, or a function. */
export type Field = string | number | readonly unknown[] | Readonly<Record<string, unknown>> | FunctionName;

export interface FewshotConfig {
  readonly sampler: "default" | "first_n";
  readonly split: string | undefined;
  /** Examples that stand in the file. */
  readonly samples: readonly Readonly<Record<string, unknown>>[] | FunctionName | undefined;
  readonly processDocs: FunctionName | undefined;
  readonly docToText: Field | undefined;
  readonly docToTarget: Field | undefined;
  readonly docToChoice: Field | undefined;
  readonly genPrefix: string | undefined;
  readonly fewshotDelimiter: string;
  readonly targetDelimiter: string;
}

export interface MetricConfig {
  readonly metric: string | FunctionName;
  readonly aggregation: string | FunctionName | undefined;
  readonly better: "high" | "low" | undefined;
  /** What else stands beside it, such as ignore_case. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface FilterConfig {
  readonly name: string;
  readonly steps: readonly Readonly<Record<string, unknown>>[];
}

export interface TaskConfig {
  readonly name: string;
  readonly file: string;
  readonly outputType: OutputType;
  readonly datasetPath: string | undefined;
  readonly datasetName: string | undefined;
  readonly datasetKwargs: Readonly<Record<string, unknown>>;
  readonly trainingSplit: string | undefined;
  readonly validationSplit: string | undefined;
  readonly testSplit: string | undefined;
  readonly processDocs: FunctionName | undefined;
  readonly docToText: Field | undefined;
  readonly docToTarget: Field | undefined;
  readonly docToChoice: Field | undefined;
  readonly processResults: FunctionName | undefined;
  readonly description: string;
  readonly targetDelimiter: string;
  readonly fewshot: FewshotConfig;
  readonly numFewshot: number;
  /** Whether the task itself says how many. */
  readonly saysFewshot: boolean;
  readonly metrics: readonly MetricConfig[] | undefined;
  readonly filters: readonly FilterConfig[];
  readonly generation: Readonly<Record<string, unknown>>;
  readonly repeats: number;
  readonly genPrefix: string | undefined;
  readonly version: unknown;
}

const KNOWN = new Set([
  ...["task", "task_alias", "tag", "group", "group_alias", "task_list", "dataset_path", "dataset_name"],
  ...["dataset_kwargs", "training_split", "validation_split", "test_split", "fewshot_split", "process_docs"],
  ...["doc_to_text", "doc_to_target", "doc_to_choice", "process_results", "description", "target_delimiter"],
  ...["fewshot_delimiter", "fewshot_config", "num_fewshot", "metric_list", "output_type", "generation_kwargs"],
  ...["repeats", "filter_list", "should_decontaminate", "doc_to_decontamination_query", "gen_prefix"],
  ...["metadata", "unsafe_code", "aggregate_metric_list"],
]);
const FEWSHOT_KNOWN = new Set([
  ...["sampler", "split", "process_docs", "fewshot_indices", "samples", "doc_to_text", "doc_to_choice"],
  ...["doc_to_target", "gen_prefix", "fewshot_delimiter", "target_delimiter"],
]);

/** @throws RetemperError INCOMPATIBLE that names the key which is not supported; BAD_INPUT for values that are none */
export function taskConfig(read: TaskFile, file: string): TaskConfig {
  const name = typeof read.task === "string" ? read.task : "";
  const bad = (key: string, what: string) =>
    new RetemperError("BAD_INPUT", `${name || "this task"}: ${key} ${what}`, { file });
  if (name === "") throw bad("task", "names no task");
  for (const key of Object.keys(read)) {
    if (KNOWN.has(key) || read[key] === null) continue;
    throw unsupported({ name, file }, key, "");
  }
  const text = (key: string, from: Readonly<Record<string, unknown>> = read): string | undefined => {
    const value = from[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string") throw bad(key, "is no text");
    return value;
  };
  const aFunction = (key: string, from: Readonly<Record<string, unknown>> = read) => {
    const value = from[key];
    if (value === undefined || value === null) return undefined;
    if (!(value instanceof FunctionName)) throw unsupported({ name, file }, key, "that is no !function");
    return value;
  };
  const whole = (key: string, otherwise: number) => {
    const value = read[key] ?? otherwise;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw bad(key, "is no whole number");
    return value as number;
  };
  const said = text("output_type") ?? "generate_until";
  const outputType = OUTPUT_TYPES.find((type) => type === said);
  if (outputType === undefined) throw unsupported({ name, file }, "output_type", said);
  const field = (key: string, from: Readonly<Record<string, unknown>> = read) =>
    from[key] === null || from[key] === undefined ? undefined : (from[key] as Field);
  const fewshotDelimiter = text("fewshot_delimiter") ?? "\n\n";
  const common = {
    processDocs: aFunction("process_docs"),
    docToText: field("doc_to_text"),
    docToTarget: field("doc_to_target"),
    docToChoice: field("doc_to_choice"),
    genPrefix: text("gen_prefix"),
    targetDelimiter: text("target_delimiter") ?? " ",
  };
  const own = asObject(read.fewshot_config ?? {}, () => bad("fewshot_config", "holds no keys"));
  for (const key of Object.keys(own)) {
    if (!FEWSHOT_KNOWN.has(key) && own[key] !== null) throw unsupported({ name, file }, `fewshot_config.${key}`, "");
  }
  const sampler = own.sampler ?? "default";
  if (sampler !== "default" && sampler !== "first_n") {
    throw unsupported({ name, file }, "fewshot_config.sampler", String(sampler));
  }
  const { samples } = own;
  if (samples !== undefined && samples !== null && !Array.isArray(samples) && !(samples instanceof FunctionName)) {
    throw bad("fewshot_config.samples", "is no list");
  }
  return {
    name,
    file,
    outputType,
    datasetPath: text("dataset_path"),
    datasetName: read.dataset_name === undefined || read.dataset_name === null ? undefined : String(read.dataset_name),
    datasetKwargs: asObject(read.dataset_kwargs ?? {}, () => bad("dataset_kwargs", "holds no keys")),
    trainingSplit: text("training_split"),
    validationSplit: text("validation_split"),
    testSplit: text("test_split"),
    ...common,
    processResults: aFunction("process_results"),
    description: text("description") ?? "",
    fewshot: {
      ...common,
      sampler,
      split: text("split", own) ?? text("fewshot_split"),
      samples: (samples ?? undefined) as FewshotConfig["samples"],
      ...("process_docs" in own && { processDocs: aFunction("process_docs", own) }),
      ...(own.doc_to_text != null && { docToText: field("doc_to_text", own) }),
      ...(own.doc_to_target != null && { docToTarget: field("doc_to_target", own) }),
      ...("doc_to_choice" in own && { docToChoice: field("doc_to_choice", own) }),
      ...("gen_prefix" in own && { genPrefix: text("gen_prefix", own) }),
      fewshotDelimiter: text("fewshot_delimiter", own) ?? fewshotDelimiter,
      targetDelimiter: text("target_delimiter", own) ?? common.targetDelimiter,
    },
    numFewshot: whole("num_fewshot", 0),
    saysFewshot: typeof read.num_fewshot === "number",
    metrics: metricsOf(read.metric_list, bad),
    filters: filtersOf(read.filter_list, bad),
    generation: generationOf(read.generation_kwargs, fewshotDelimiter, bad),
    repeats: repeatsOf(whole("repeats", 1), bad),
    version: (read.metadata as { version?: unknown } | null | undefined)?.version,
  };
}

type Bad = (key: string, what: string) => RetemperError;

/** More answers to one question than any published task asks for. */
const MOST_REPEATS = 1000;

function repeatsOf(repeats: number, bad: Bad): number {
  if (repeats > MOST_REPEATS) throw bad("repeats", `is above ${MOST_REPEATS}`);
  return Math.max(1, repeats);
}

function metricsOf(list: unknown, bad: Bad): MetricConfig[] | undefined {
  if (list === undefined || list === null) return undefined;
  if (!Array.isArray(list)) throw bad("metric_list", "is no list");
  return list.map((entry) => {
    const { metric, aggregation, higher_is_better, ...settings } = asObject(entry, () =>
      bad("metric_list", "holds no keys"),
    );
    if (typeof metric !== "string" && !(metric instanceof FunctionName))
      throw bad("metric_list", "has an entry without metric");
    return {
      metric,
      aggregation: (aggregation ?? undefined) as MetricConfig["aggregation"],
      better: typeof higher_is_better === "boolean" ? (higher_is_better ? "high" : "low") : undefined,
      settings,
    };
  });
}

function filtersOf(list: unknown, bad: Bad): FilterConfig[] {
  if (list === undefined || list === null) return [{ name: "none", steps: [{ function: "take_first" }] }];
  if (!Array.isArray(list)) throw bad("filter_list", "is no list");
  return list.map((entry) => {
    const { name, filter } = asObject(entry, () => bad("filter_list", "holds no keys"));
    if (typeof name !== "string" || !Array.isArray(filter))
      throw bad("filter_list", "has an entry without name and filter");
    return { name, steps: filter.map((step) => asObject(step, () => bad("filter_list", "holds no keys"))) };
  });
}

function generationOf(read: unknown, delimiter: string, bad: Bad): Readonly<Record<string, unknown>> {
  if (read === undefined || read === null) return { until: [delimiter], do_sample: false };
  return { until: [delimiter], ...asObject(read, () => bad("generation_kwargs", "holds no keys")) };
}

function asObject(value: unknown, wrong: () => RetemperError): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw wrong();
}

/** The key that is not supported, and what of it. */
export function unsupported({ name, file }: { name: string; file: string }, key: string, what: string): RetemperError {
  return new RetemperError("INCOMPATIBLE", `${name}: ${key}${what && `: ${what}`} is not supported`, {
    file,
    hint: "docs/evaluate.md lists what of lm-evaluation-harness's tasks is; this one runs in lm_eval itself",
  });
}
