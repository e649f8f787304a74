// What an item's answers are worth, by metric, and how the items' values become one number, as lm-evaluation-harness has them.

import { FunctionName } from "../files/readTaskFile.js";
import { type MetricConfig, type OutputType, type TaskConfig, unsupported } from "../files/taskConfig.js";
import type { Functions } from "../functions/functions.js";
import type { MetricValue } from "../functions/types.js";
import { AGGREGATIONS, type Aggregation } from "./aggregations.js";

/** A metric of a task, ready to be used. */
export interface TaskMetric {
  readonly name: string;
  readonly better: "high" | "low";
  /** Of the items' values; absent where it is their mean. */
  readonly total?: ((values: readonly MetricValue[]) => number) | undefined;
  /** An item's own number, where that is not what the total says of it alone. */
  readonly each?: ((value: MetricValue) => number) | undefined;
  readonly config: MetricConfig;
}

interface KnownMetric {
  readonly of: readonly OutputType[];
  readonly better: "high" | "low";
  readonly aggregation: Aggregation;
}

const CHOICE: KnownMetric = { of: ["multiple_choice"], better: "high", aggregation: "mean" };
const ROLLING: KnownMetric = { of: ["loglikelihood_rolling"], better: "low", aggregation: "weighted_perplexity" };
const KNOWN: Readonly<Record<string, KnownMetric>> = {
  acc: { ...CHOICE, of: ["multiple_choice", "loglikelihood"] },
  acc_norm: CHOICE,
  acc_bytes: CHOICE,
  acc_mutual_info: CHOICE,
  exact_match: { ...CHOICE, of: ["multiple_choice", "generate_until"] },
  brier_score: { ...CHOICE, better: "low", aggregation: "brier_score" },
  f1: { ...CHOICE, aggregation: "f1" },
  mcc: { ...CHOICE, aggregation: "matthews_corrcoef" },
  perplexity: { of: ["loglikelihood"], better: "low", aggregation: "perplexity" },
  word_perplexity: ROLLING,
  byte_perplexity: ROLLING,
  bits_per_byte: { ...ROLLING, aggregation: "bits_per_byte" },
};

const MEAN = AGGREGATIONS.get("mean");
/** Of pairs of a right and a given label. */
const PAIRED = new Set([AGGREGATIONS.get("f1"), AGGREGATIONS.get("matthews_corrcoef")]);

/** What is measured where a task names no metric. */
const DEFAULTS: Readonly<Record<OutputType, readonly string[]>> = {
  generate_until: ["exact_match"],
  multiple_choice: ["acc", "acc_norm"],
  loglikelihood: ["perplexity", "acc"],
  loglikelihood_rolling: ["word_perplexity", "byte_perplexity", "bits_per_byte"],
};

/** @throws RetemperError INCOMPATIBLE for a metric or an aggregation that is not known here */
export function metricsOf(config: TaskConfig, functions: Functions): TaskMetric[] {
  const defaults = () =>
    DEFAULTS[config.outputType].map(
      (metric): MetricConfig => ({ metric, aggregation: undefined, better: undefined, settings: {} }),
    );
  return (config.metrics ?? defaults()).flatMap((one) => {
    const { metric, aggregation, better, settings } = one;
    if (metric instanceof FunctionName) {
      const { names } = functions.metric(metric, "metric_list");
      return names(settings).map(({ name }) => ({ name, better: better ?? ("high" as const), config: one }));
    }
    const known = Object.hasOwn(KNOWN, metric) ? KNOWN[metric] : undefined;
    if (settings.hf_evaluate === true) throw unsupported(config, "metric_list", `${metric} with hf_evaluate`);
    if (config.processResults === undefined && !known?.of.includes(config.outputType)) {
      throw unsupported(config, "metric_list", `${metric} of ${config.outputType}`);
    }
    const total =
      aggregation instanceof FunctionName
        ? functions.aggregation(aggregation, "aggregation")
        : AGGREGATIONS.get((aggregation as string | undefined) ?? known?.aggregation ?? "mean");
    if (total === undefined) throw unsupported(config, "aggregation", String(aggregation));
    return [
      {
        name: metric,
        better: better ?? known?.better ?? "high",
        ...(total !== MEAN && { total }),
        ...(PAIRED.has(total) && {
          each: (value: MetricValue) => Number((value as number[])[0] === (value as number[])[1]),
        }),
        config: one,
      },
    ];
  });
}
