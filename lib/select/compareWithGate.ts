// One comparison of a gate, worked out for a candidate.

import { RetemperError } from "../errors.js";
import { differenceBound, type Operand } from "./differenceBound.js";
import { isSafetyBound } from "./gateVerdict.js";
import { quotedName } from "./names.js";
import { pointOfSeed, seedsOf } from "./seedPoints.js";
import { SLACK } from "./slack.js";
import type { GateMetric, GateVerdict, Point, Quantity, SelectionTable } from "./types.js";

export interface Reference {
  readonly metric: GateMetric;
  /** Of a skill: which; undefined: the worst of all. */
  readonly skill?: string | undefined;
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
  /** Whether it asks to keep a share of a skill, which is the other way round where less is better. */
  readonly keeps?: boolean | undefined;
  /** Its own words, and those of the whole gate. */
  readonly text: string;
  readonly gate: string;
}

/** Categories of fewer items say too little of themselves. */
export const FEWEST_OF_CATEGORY = 20;

export interface ComparisonOptions {
  /** One-sided confidence of the bounds; 0.95 by default. */
  readonly level?: number | undefined;
  /** Whether each tuning's own bound must hold too, of all but scores; false by default. */
  readonly everySeed?: boolean | undefined;
}

/**
 * Of several parts or tunings the one that comes out worst.
 * @throws RetemperError USAGE where a number that it names was not measured
 */
export function compareWithGate(
  comparison: Comparison,
  candidate: Point,
  table: SelectionTable,
  { level = 0.95, everySeed = false }: ComparisonOptions = {},
): GateVerdict {
  const parts = partsOf(comparison, candidate, table);
  const of = (point: Point, of: SelectionTable) =>
    worstOf(parts.map((part) => compared(comparison, point, of, level, part)));
  const whole = of(candidate, table);
  if (!everySeed || !isSafetyBound(whole.verdict)) return whole.verdict;
  const { aligned, tuned } = table;
  const names = seedsOf(candidate);
  const seeds = names.map((seed, at): Compared => {
    const own = <P extends Point>(point: P) => pointOfSeed(point, at, names.length);
    const { verdict, excess } = of(own(candidate), {
      ...table,
      ...{ aligned: own(aligned), tuned: tuned && own(tuned) },
    });
    return { verdict: { ...verdict, seed }, excess };
  });
  return worstOf([whole, ...seeds]).verdict;
}

type Part = Pick<GateVerdict, "category" | "skill">;

function partsOf(comparison: Comparison, candidate: Point, table: SelectionTable): Part[] {
  const { metric, skill } = comparison.left;
  if (metric === "worstCategory") {
    return categoriesOf(comparison, candidate, table).map((category) => ({ category }));
  }
  const all = metric === "skill" && skill === undefined;
  return all ? skillsOf(comparison, table).map((name) => ({ skill: name })) : [{ skill }];
}

/** The one that is farthest on the wrong side, or nearest to it; what does not hold first, since a bound may be no number. */
function worstOf(all: readonly Compared[]): Compared {
  const failed = all.filter(({ verdict }) => !verdict.holds);
  return (failed.length > 0 ? failed : all).reduce((most, one) => (one.excess > most.excess ? one : most));
}

interface Compared {
  readonly verdict: GateVerdict;
  /** How far it is on the wrong side. */
  readonly excess: number;
}

function compared(
  comparison: Comparison,
  candidate: Point,
  table: SelectionTable,
  level: number,
  part: Part,
): Compared {
  const { left, right, text, gate, keeps } = comparison;
  const { category, skill } = part;
  const less = keeps === true && table.skills?.[skill as string]?.better === "low";
  const operator = less ? "<=" : comparison.operator;
  const read = (of: Reference & { readonly model?: "aligned" | "tuned" }) => {
    const point = of.model === undefined ? candidate : table[of.model];
    if (!point) {
      const missing = `The gate ${JSON.stringify(gate)} names the ${of.model} model, which is not there.`;
      throw new RetemperError("USAGE", missing, {
        hint: "compare with a number, or with a model that was evaluated",
      });
    }
    return quantityOf(point, { ...of, skill: of.skill ?? skill }, gate, category);
  };
  const number = (of: Parameters<typeof read>[0]) => endOf(read(of), of, gate);
  const names = left.end !== undefined;
  // where what is lost leads away from 0, as of a loss or of a log-likelihood, a share of it is kept by what it is divided by
  const factorOf = (share: number, { value }: Quantity) => (keeps && less !== value < 0 ? 1 / share : share);
  let limit = 0;
  const others: Operand[] = [];
  for (const { factor, of } of right) {
    if (!of) limit += factor;
    else if (names || of.end !== undefined) limit += factor * number(of);
    else {
      const quantity = read(of);
      others.push(operand(quantity, { ...of, skill: of.skill ?? skill }, factorOf(factor, quantity)));
    }
  }
  const side = operator.startsWith("<") ? "upper" : "lower";
  const own = read(left);
  const { bound, basis } = names
    ? { bound: endOf(own, left, gate), basis: "named" as const }
    : differenceBound(operand(own, { ...left, skill }, 1), others, { level, side });
  const found = { text, metric: left.metric, holds: holds(bound, operator, limit), compared: bound, limit, basis };
  return { verdict: { ...found, ...part }, excess: operator.startsWith("<") ? bound - limit : limit - bound };
}

function operand(quantity: Quantity, { metric, skill }: Reference, factor: number): Operand {
  const isScore = metric === "score" || metric === "skill";
  return { quantity, factor, items: metric === "skill" ? `skill ${skill}` : metric, rate: !isScore };
}

/** All that the aligned model was measured on. */
function skillsOf({ gate }: Comparison, { aligned }: SelectionTable): string[] {
  const names = Object.keys(aligned.skills ?? {});
  if (names.length > 0) return names;
  throw new RetemperError("USAGE", `The gate ${JSON.stringify(gate)} asks for skills, and none was measured.`, {
    hint: "give sets as skills of the experiment, or leave skills out",
  });
}

function holds(value: number, operator: Comparison["operator"], limit: number): boolean {
  if (operator === "<=") return value <= limit + SLACK;
  if (operator === ">=") return value >= limit - SLACK;
  return operator === "<" ? value < limit - SLACK : value > limit + SLACK;
}

function quantityOf(point: Point, of: Reference, gate: string, category?: string): Quantity {
  const { metric, skill } = of;
  const found =
    metric === "worstCategory"
      ? point.categories?.[category as string]
      : metric === "skill"
        ? point.skills?.[skill as string]
        : point[metric];
  if (found) return found;
  const hint = { overRefusal: "give a set of harmless requests, such as xstest, or leave overRefusal out" };
  const name = wordOf(of);
  throw new RetemperError("USAGE", `The gate ${JSON.stringify(gate)} asks for ${name}, which was not measured.`, {
    hint: metric === "overRefusal" ? hint.overRefusal : `measure ${name} of every model, or leave it out`,
  });
}

function wordOf({ metric, skill = "skills" }: Reference): string {
  return metric === "skill" ? quotedName(skill) : metric;
}

function endOf(quantity: Quantity, of: Reference, gate: string): number {
  const { end = "point" } = of;
  const value = end === "point" ? quantity.value : quantity[end];
  if (value !== undefined) return value;
  const missing = `The gate ${JSON.stringify(gate)} asks for ${wordOf(of)}.${end}, which was not measured.`;
  throw new RetemperError("USAGE", missing, { hint: `write ${wordOf(of)}.point to compare the value itself` });
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
