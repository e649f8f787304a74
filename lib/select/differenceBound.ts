// One-sided bounds of what a comparison compares: a candidate's number less those of other models.

import { crossedInterval } from "../statistics/crossedInterval.js";
import { itemMeans } from "../statistics/itemMeans.js";
import { normalQuantile } from "../statistics/normalQuantile.js";
import { pairedDifference } from "../statistics/pairedDifference.js";
import { wilson } from "../statistics/wilson.js";
import type { BoundBasis, Quantity } from "./types.js";

type Values = NonNullable<Quantity["values"]>;

/** A number of a model in a comparison. */
export interface Operand {
  readonly quantity: Quantity;
  /** 1 for the candidate's own; that of another model is subtracted so many times. */
  readonly factor: number;
  /** Which items it was measured on, such as "asr": those of one name are the same for every model of a table. */
  readonly items: string;
  /** Whether it is a share of its items. */
  readonly rate: boolean;
}

export interface DifferenceBound {
  readonly value: number;
  readonly bound: number;
  readonly basis: BoundBasis;
  /** Items that were paired. */
  readonly n?: number | undefined;
}

/** A summand with its one-sided lower and upper bounds; they are its value where nothing is known of its error. */
interface Part {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly known: boolean;
  readonly paired?: number | undefined;
}

/**
 * The bound of `left` less the others. Numbers of the same items are compared item by item (pairedDifference); what is not
 * of the same items, or has none, by the intervals that there are, whose squared distances add up (MOVER: Zou and Donner,
 * Statistics in Medicine 27, 2008). That is wider than a paired bound where models agree on most items.
 * @param level one-sided confidence, above 0.5
 */
export function differenceBound(
  left: Operand,
  others: readonly Operand[],
  { level, side }: { readonly level: number; readonly side: "upper" | "lower" },
): DifferenceBound {
  const paired = others.filter((one) => one.items === left.items && one.quantity.values && left.quantity.values);
  const apart = others.filter((one) => !paired.includes(one));
  const parts = [
    paired.length > 0 ? pairedPart(left, paired, { level, side }) : singlePart(left, level),
    ...apart.map((one) => scaled(singlePart(one, level), -one.factor)),
  ];
  const value = parts.reduce((sum, part) => sum + part.value, 0);
  const squares = parts.reduce((sum, part) => sum + ((side === "upper" ? part.high : part.low) - part.value) ** 2, 0);
  const known = parts.filter((part) => part.known).length;
  const basis =
    known === 0
      ? "values"
      : apart.length === 0 && paired.length > 0
        ? "paired"
        : known === parts.length && known > 1
          ? "intervals"
          : "interval";
  const distance = Math.sqrt(squares);
  const { paired: n } = parts[0] as Part;
  return { value, bound: side === "upper" ? value + distance : value - distance, basis, ...(n !== undefined && { n }) };
}

function pairedPart(
  { quantity }: Operand,
  others: readonly Operand[],
  of: { level: number; side: "upper" | "lower" },
): Part {
  const { values, weights, groups } = quantity;
  const [only] = others.length === 1 && (others[0] as Operand).factor > 0 ? others : [];
  const [other, factor] = only ? [only.quantity.values as Values, only.factor] : [combined(others), 1];
  // its other end is infinitely far, and is not asked for
  const { value, low, high, n } = pairedDifference(other, values as Values, { ...of, weights, groups, factor });
  return { value, low, high, known: true, paired: n };
}

/** The weighted sum of other models, item by item: seed by seed where they have as many, else of the items' means. */
function combined(others: readonly Operand[]): (number | null)[][] {
  const all = others.map(({ quantity, factor }) => ({ rows: quantity.values as Values, factor }));
  const most = Math.max(...all.map(({ rows }) => rows.length));
  const fit = all.map(({ rows, factor }) => ({ factor, rows: rows.length === most ? rows : [itemMeans(rows)] }));
  return Array.from({ length: most }, (_, seed) =>
    (fit[0]?.rows[0] ?? []).map((_value, item) => {
      let sum = 0;
      for (const { rows, factor } of fit) {
        const value = (rows[seed] ?? rows[0])?.[item] ?? null;
        if (value === null) return null;
        sum += factor === 1 ? value : factor * value;
      }
      return sum;
    }),
  );
}

function singlePart({ quantity, rate }: Operand, level: number): Part {
  const { value, values, weights, groups, n, low, high } = quantity;
  const both = 2 * level - 1; // a one-sided bound is an end of this two-sided interval
  if (values) {
    const found = crossedInterval(values, { level: both, over: "these", weights, groups });
    if (found) return { value, low: Math.min(value, found.low), high: Math.max(value, found.high), known: true };
  }
  if (rate && n !== undefined) {
    const [least, most] = wilson(Math.min(n, value * n), n, 1 - both);
    return { value, low: least, high: most, known: true };
  }
  if (low === undefined || high === undefined) return { value, low: value, high: value, known: false };
  // the table's intervals are two-sided, of 95 %
  const scale = normalQuantile(level) / normalQuantile(0.975);
  const ends = [value - scale * Math.max(0, value - low), value + scale * Math.max(0, high - value)] as const;
  const [least, most] = rate ? [Math.max(0, ends[0]), Math.min(1, ends[1])] : ends;
  return { value, low: least, high: most, known: true };
}

function scaled(part: Part, factor: number): Part {
  const [low, high] = factor < 0 ? [part.high, part.low] : [part.low, part.high];
  return { ...part, value: factor * part.value, low: factor * low, high: factor * high };
}
