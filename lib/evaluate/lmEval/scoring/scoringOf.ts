// Scorers and metrics of a task, or of a group's tasks together: each item is measured as its own task says.

import { passAtK } from "../../metrics/passAtK.js";
import type { TaskContext } from "../../tasks/context.js";
import { executionScorer } from "../../tasks/scorers.js";
import type { MetricOfItem, ScoredItem, Scorer, Task, Values } from "../../types.js";
import { FunctionName } from "../files/readTaskFile.js";
import type { Document } from "../functions/types.js";
import type { Leaf } from "../loadLeaf.js";
import type { Filter } from "./filters.js";
import type { ItemValues } from "./itemValues.js";
import type { TaskMetric } from "./metrics.js";

interface Known {
  readonly leaf: Leaf;
  readonly document: Document;
}

/** By metric; undefined for an item without an answer. */
type ValuesOf = (record: ScoredItem) => ItemValues | undefined;

/** A metric's name; where answers are filtered in several ways, with the filter's. */
export function metricName(metric: string, filter: Filter, filters: readonly Filter[]): string {
  return filters.length > 1 ? `${metric}[${filter.name}]` : metric;
}

/** @throws RetemperError USAGE for programs that may not run */
export function scoringOf(leaves: readonly Leaf[], context: TaskContext): Pick<Task, "scorers" | "metrics"> {
  const known = new Map<string, Known>();
  for (const leaf of leaves) for (const [id, document] of leaf.documents) known.set(id, { leaf, document });
  const { filters, metrics, runs, config } = leaves[0] as Leaf;
  if (runs) {
    const scorer = executionScorer(context.code, { filters: described(config.filters) });
    return { scorers: [scorer], metrics: metrics.map(passMetric) };
  }
  const of = known.get.bind(known);
  return {
    scorers: config.outputType === "generate_until" ? [filteredScorer(leaves[0] as Leaf, of)] : [],
    metrics: filters.flatMap((filter, at) => {
      const valuesOf = valuesBy(at, of);
      return metrics.map((metric) => itemMetric(metric, metricName(metric.name, filter, filters), valuesOf));
    }),
  };
}

/** What an item's answers are worth, by metric, once they went through a filter; computed once for all metrics of a record. */
function valuesBy(filter: number, of: (id: string) => Known | undefined): ValuesOf {
  const known = new WeakMap<ScoredItem, ItemValues>();
  const valuesOf: ValuesOf = ({ item, answers }) => {
    const found = of(item.id);
    const [first] = answers;
    if (!found || !first) return undefined;
    const { leaf, document } = found;
    const texts = answers.map(({ text }) => text);
    return leaf.valuesOf(document, {
      response:
        leaf.config.outputType === "generate_until" ? (leaf.filters[filter] as Filter).apply(texts, document) : "",
      logLikelihoods: first.logLikelihoods ?? [],
      greedy: first.greedy ?? [],
    });
  };
  return (record) => {
    const values = known.get(record) ?? valuesOf(record);
    if (values) known.set(record, values);
    return values;
  };
}

function itemMetric({ name: key, better, total, each }: TaskMetric, name: string, valuesOf: ValuesOf): MetricOfItem {
  return {
    name,
    better,
    of: (record) => {
      const value = valuesOf(record)?.[key];
      if (value === undefined) return null;
      return each ? each(value) : total ? total([value]) : (value as number);
    },
    ...(total && {
      ofAll: true,
      total: (records) => {
        const values = records.flatMap((record) => {
          const value = valuesOf(record)?.[key];
          return value === undefined ? [] : [value];
        });
        return values.length === 0 ? null : total(values);
      },
    }),
  };
}

/** What each filter leaves of an answer, for results: how a text was read. */
function filteredScorer({ config, filters }: Leaf, of: (id: string) => Known | undefined): Scorer {
  return {
    name: "filtered",
    facts: { filters: described(config.filters) },
    async *score(exchanges, { signal }) {
      for (const [index, { item, answer }] of exchanges.entries()) {
        signal?.throwIfAborted();
        const { leaf, document } = of(item.id) as Known;
        const values = filters.map(({ name }, at): [string, string | null] => {
          const left = (leaf.filters[at] as Filter).apply(enough(answer.text, config.repeats), document);
          const text = Array.isArray(left) ? left[0] : left;
          return [name, text === null || text === undefined ? null : String(text)];
        });
        yield { index, values: Object.fromEntries(values) as Values };
      }
    },
  };
}

/** As many answers as a filter may ask for: of one answer, what becomes of it. */
function enough(text: string, repeats: number): string[] {
  return Array.from({ length: repeats }, () => text);
}

function passMetric({ name, better, config }: TaskMetric): MetricOfItem {
  const { k } = config.settings;
  const of = Array.isArray(k) || typeof k === "number" ? Number(name.replace("pass@", "")) : 1;
  return {
    name,
    better,
    of: ({ values }) => {
      const passed = (values.execution ?? []).flatMap((value) => value?.passed ?? []);
      return passed.length < of ? null : passAtK(passed.length, passed.filter((one) => one === true).length, of);
    },
  };
}

/** Settings without the places of files on this machine. */
function described(value: unknown): unknown {
  if (value instanceof FunctionName) return `!function ${value.name}`;
  if (Array.isArray(value)) return value.map(described);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, described(one)]));
}
