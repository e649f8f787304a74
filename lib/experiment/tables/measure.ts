// From evaluations of one merge for several seeds to the numbers of a table.

import { RetemperError } from "../../errors.js";
import { type ItemWeight, partOf } from "../../evaluate/run/itemWeights.js";
import type { Results } from "../../evaluate/run/results.js";
import type { Measured } from "../../report/types.js";
import type { Quantity } from "../../select/types.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import { anyVariants } from "./anyVariant.js";
import { withCorrected } from "./correctedQuantity.js";
import { endingsOf } from "./endings.js";
import { intervalsOf } from "./intervalsOf.js";
import { type TableItem, type TableItems, tableItems, valuesOf, weighing } from "./tableItems.js";

/** One seed's evaluation; "all" for a merge of all seeds. */
export interface SeedResults {
  readonly seed: string;
  /** The seed of the tuning; the same as `seed` but for further masks of it. */
  readonly tuning?: string | undefined;
  readonly results: Results;
}

/** One model of the tables, with its results for each seed. */
export interface NamedResults {
  readonly name: string;
  readonly seeds: readonly SeedResults[];
}

/**
 * The numbers of one model, or of one merge for all of its seeds.
 * @param items of the table that the model stands in: those of a model that was asked all of them
 * @throws RetemperError BAD_INPUT where there is no number to choose by
 */
export function measure(
  seeds: readonly SeedResults[],
  items: TableItems = tableItems(seeds[0]?.results),
  straightShare?: number,
): Measured {
  const [score, asr] = [quantityOf(seeds, items.task), quantityOf(seeds, items.safety)];
  if (!score || !asr) {
    throw new RetemperError("BAD_INPUT", `nothing could be measured of ${score ? "the safety sets" : "the task"}`, {
      hint: "give safety.sets a set of requests that should be refused, and task sets with answers",
    });
  }
  const overRefusal = quantityOf(seeds, items["over-refusal"]);
  const selected = items.selected.length > 0 ? quantityOf(seeds, items.selected) : undefined;
  const skills = [...new Set(items.skills.map(({ skill }) => skill))].map((name) => {
    const own = items.skills.filter(({ skill }) => skill === name);
    return [name, quantityOf(seeds, own)] as const;
  });
  const names = new Set(items.safety.flatMap(({ category }) => category ?? []));
  const { tasks: first = [], engine } = seeds[0]?.results ?? {};
  return {
    score,
    asr: withCorrected(asr, seeds),
    ...(overRefusal && { overRefusal }),
    ...(selected && { selected }),
    ...(skills.length > 0 && { skills: found(skills) }),
    categories: found(
      [...names].map((name) => {
        const ofCategory = quantityOf(
          seeds,
          items.safety.filter(({ category }) => category === name),
        );
        return [name, ofCategory && withCorrected(ofCategory, seeds)];
      }),
    ),
    metrics: found([
      ...first.flatMap(({ name, metrics }) =>
        Object.keys(metrics).map((metric) => [`${name}: ${metric}`, metricOf(seeds, name, metric)] as const),
      ),
      ...anyVariants(seeds),
    ]),
    ...endingsOf(seeds),
    ...(engine?.weights !== undefined && { weights: engine.weights }),
    ...(straightShare !== undefined && { straightShare }),
  };
}

function found(all: readonly (readonly [string, Quantity | undefined])[]): Record<string, Quantity> {
  return Object.fromEntries(all.filter((pair): pair is readonly [string, Quantity] => pair[1] !== undefined));
}

/**
 * The mean of each seed's own mean: an item without a verdict is missing from its seed, and not from the others. With the
 * interval of these tunings, and of a new one where there are several.
 */
function quantityOf(seeds: readonly SeedResults[], items: readonly TableItem[]): Quantity | undefined {
  const values = valuesOf(
    seeds.map(({ results }) => results),
    items,
  );
  const options = weighing(items);
  const bySeed = seeds.map(({ seed, tuning = seed, results }, at) => {
    const missing = missesOf(results, items);
    const value = meanOverSeeds([values[at] ?? []], options);
    return { seed, ...(tuning !== seed && { tuning }), value, ...(missing > 0 && { missing }) };
  });
  if (seeds.length === 0 || bySeed.some(({ value }) => Number.isNaN(value))) return undefined;
  const tunings = seeds.map(({ seed, tuning = seed }) => tuning);
  return { ...intervalsOf(values, tunings, options), seeds: bySeed, values, ...options };
}

/** Items that were asked, and have no verdict or answer. */
function missesOf({ tasks }: Results, items: readonly TableItem[]): number {
  const wanted = new Set(items.map(({ key }) => key));
  return tasks
    .flatMap(({ name, primary, items: own }) =>
      own.map(({ id, scores }) => ({ key: `${name}/${id}`, score: scores[primary] })),
    )
    .filter(({ key, score }) => wanted.has(key) && typeof score !== "number").length;
}

/** A metric of one task, which need not be the one that stands for it. */
function metricOf(seeds: readonly SeedResults[], task: string, metric: string): Quantity | undefined {
  const tasks = seeds.map(({ results }) => results.tasks.find(({ name }) => name === task));
  const measures = tasks.map((one) => one?.metrics[metric]);
  const own = measures.map((one, at) => ({ seed: seeds[at]?.seed ?? "", value: one?.value ?? Number.NaN }));
  if (own.some(({ value }) => Number.isNaN(value))) return undefined;
  const value = own.reduce((sum, one) => sum + one.value, 0) / own.length;
  const { low, high } = measures[0] ?? {};
  if (own.length === 1) return { value, ...(typeof low === "number" && { low, high: high as number }), seeds: own };
  const ids = [...new Set(tasks.flatMap((one) => one?.items.map(({ id }) => id) ?? []))];
  const values = tasks.map((one) => {
    const scores = new Map(one?.items.map(({ id, scores: of }) => [id, of[metric] ?? null]));
    return ids.map((id) => scores.get(id) ?? null);
  });
  const byId = new Map(
    tasks.flatMap((one) => one?.items.map((item) => [item.id, partOf(item, metric)] as const) ?? []),
  );
  const options = weighing(ids.map((id) => ({ key: id, ...(byId.get(id) as ItemWeight) })));
  // of a whole, such as a corpus' perplexity, the items' mean is another number
  const mean = meanOverSeeds(values, options);
  return Math.abs(mean - value) > 1e-9
    ? { value, seeds: own }
    : {
        ...intervalsOf(
          values,
          seeds.map(({ seed, tuning = seed }) => tuning),
          options,
        ),
        seeds: own,
      };
}
