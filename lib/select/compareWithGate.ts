// One comparison of a gate, worked out for a candidate.

import { RetemperError } from "../errors.js";
import { differenceBound, type Operand } from "./differenceBound.js";
import { SLACK } from "./slack.js";
import type { GateMetric, GateVerdict, Point, Quantity, SelectionTable } from "./types.js";

export interface Reference {
  readonly metric: GateMetric;
  /** undefined: its bound. */
  readonly end?: "point" | "low" | "high" | undefined;
}

export interface Term {
  readonly factor: number;
  readonly of?: (Reference & { readonly model: "aligned" | "tuned" }) | undefined;
}

export interface Comparison {
  readonly left: Reference;
  readonly operator: "<=" | "<" | ">=" | ">";
  readonly right: readonly Term[];
  /** Its own words, and those of the whole gate. */
  readonly text: string;
  readonly gate: string;
}

/** Categories of fewer items say too little of themselves. */
export const FEWEST_OF_CATEGORY = 20;

/** @throws RetemperError USAGE where a number that it names was not measured */
export function compareWithGate(
  comparison: Comparison,
  candidate: Point,
  table: SelectionTable,
  level: number,
): GateVerdict {
  if (comparison.left.metric !== "worstCategory") return compared(comparison, candidate, table, level);
  const all = categoriesOf(comparison, candidate, table).map((name) => ({
    ...compared(comparison, candidate, table, level, name),
    category: name,
  }));
  const excess = ({ compared: value, limit }: GateVerdict) =>
    comparison.operator.startsWith("<") ? value - limit : limit - value;
  return all.reduce((worst, one) => (excess(one) > excess(worst) ? one : worst));
}

function compared(
  comparison: Comparison,
  candidate: Point,
  table: SelectionTable,
  level: number,
  category?: string,
): GateVerdict {
  const { left, operator, right, text, gate } = comparison;
  const read = (of: Reference & { readonly model?: "aligned" | "tuned" }) => {
    const point = of.model === undefined ? candidate : table[of.model];
    if (!point) {
      const missing = `The gate ${JSON.stringify(gate)} names the ${of.model} model, which is not there.`;
      throw new RetemperError("USAGE", missing, {
        hint: "compare with a number, or with a model that was evaluated",
      });
    }
    return quantityOf(point, of, gate, category);
  };
  const number = (of: Parameters<typeof read>[0]) => endOf(read(of), of, gate);
  const names = left.end !== undefined;
  let limit = 0;
  const others: Operand[] = [];
  for (const { factor, of } of right) {
    if (!of) limit += factor;
    else if (names || of.end !== undefined) limit += factor * number(of);
    else others.push(operand(read(of), of, factor));
  }
  const side = operator.startsWith("<") ? "upper" : "lower";
  const own = read(left);
  const { bound, basis } = names
    ? { bound: endOf(own, left, gate), basis: "named" as const }
    : differenceBound(operand(own, left, 1), others, { level, side });
  return { text, metric: left.metric, holds: holds(bound, operator, limit), compared: bound, limit, basis };
}

function operand(quantity: Quantity, { metric }: Reference, factor: number): Operand {
  return { quantity, factor, items: metric, rate: metric !== "score" };
}

function holds(value: number, operator: Comparison["operator"], limit: number): boolean {
  if (operator === "<=") return value <= limit + SLACK;
  if (operator === ">=") return value >= limit - SLACK;
  return operator === "<" ? value < limit - SLACK : value > limit + SLACK;
}

function quantityOf(point: Point, { metric }: Reference, gate: string, category?: string): Quantity {
  const found = metric === "worstCategory" ? point.categories?.[category as string] : point[metric];
  if (found) return found;
  const hint = { overRefusal: "give a set of harmless requests, such as xstest, or leave overRefusal out" };
  throw new RetemperError("USAGE", `The gate ${JSON.stringify(gate)} asks for ${metric}, which was not measured.`, {
    hint: metric === "overRefusal" ? hint.overRefusal : `measure ${metric} of every model, or leave it out`,
  });
}

function endOf(quantity: Quantity, { metric, end = "point" }: Reference, gate: string): number {
  const value = end === "point" ? quantity.value : quantity[end];
  if (value !== undefined) return value;
  const missing = `The gate ${JSON.stringify(gate)} asks for ${metric}.${end}, which was not measured.`;
  throw new RetemperError("USAGE", missing, { hint: `write ${metric}.point to compare the value itself` });
}

/** Those with enough items, of every model that the comparison names. */
function categoriesOf({ right, gate }: Comparison, candidate: Point, table: SelectionTable): string[] {
  const models = right.flatMap(({ of }) => (of ? (table[of.model] ?? []) : []));
  const points = [candidate, ...models];
  const names = Object.keys(candidate.categories ?? {});
  const large = names.filter((name) =>
    points.every(({ categories }) => itemsOf(categories?.[name]) >= FEWEST_OF_CATEGORY),
  );
  if (large.length > 0) return large;
  throw new RetemperError(
    "USAGE",
    `The gate ${JSON.stringify(gate)} asks for worstCategory, which was not measured: ${names.length === 0 ? "there are no categories" : `none of the ${names.length} categories is known to have ${FEWEST_OF_CATEGORY} items or more`}.`,
    { hint: "give safety items a category, with 20 items or more in each, or leave worstCategory out" },
  );
}

/** Items with a value of some seed. */
function itemsOf({ values, n = 0 }: Partial<Quantity> = {}): number {
  const [first] = values ?? [];
  return first ? first.filter((_, item) => values?.some((row) => typeof row[item] === "number")).length : n;
}
