// Two measurements of the same task with the same model, as one: over more tunings, more items, or both.

import { isDeepStrictEqual } from "node:util";
import { RetemperError } from "../../errors.js";
import { nameOf } from "../../select/names.js";
import { byKind, inOrder, itemKey, modelKey } from "./inOrder.js";
import type { ItemKind, StudyCell, StudyItem, StudyModel, StudyPart, StudyRow } from "./types.js";

/** What was pooled, and what could not be. */
export interface PooledCell {
  readonly cell: StudyCell;
  readonly notes: readonly string[];
}

/**
 * What both measured counts once.
 * @throws RetemperError BAD_INPUT, naming what differs, where models, rule or settings are others, where the same seed is another
 *   tuning, where the same item has two values, and where an item that chose in the one confirms in the other
 */
export function poolCells(a: StudyCell, b: StudyCell): PooledCell {
  const where = `${a.task}, ${a.model}`;
  const differing = differencesOf(a, b);
  if (differing.length > 0) {
    const hint = "only studies of the same models, tasks, rule and settings are pooled; seeds and items may differ";
    throw new RetemperError("BAD_INPUT", `${where}: the studies differ in ${differing.join("; ")}`, { hint });
  }
  for (const { seed, digest } of b.tunings) {
    const other = a.tunings.find((one) => one.seed === seed);
    if (!other || other.digest === digest) continue;
    const text = `${where}: seed ${seed} is another tuning (its model is ${short(other.digest)} in the one and ${short(digest)} in the other)`;
    throw new RetemperError("BAD_INPUT", text, { hint: "give different tunings different seeds" });
  }
  const tunings = [...new Map([...a.tunings, ...b.tunings].map((one) => [one.seed, one])).values()];
  const seeds = tunings.map(({ seed }) => seed);
  const left = new Set<string>();
  const part = (of: "validation" | "test") => poolParts(a[of], b[of], { where, seeds, left });
  const { controls, ship, ...rest } = a;
  const kept = isDeepStrictEqual(controls, b.controls) ? controls : undefined;
  if ((controls || b.controls) && !kept) {
    left.add(`${where}: comparisons with controls are of each study's own tunings and items, and are left out`);
  }
  if (ship || b.ship) left.add(`${where}: forms that ship are of each study's own choice, and are left out`);
  const cell = inOrder({
    ...rest,
    ...(kept && { controls: kept }),
    tunings,
    data: [...new Map([...a.data, ...b.data].map((one) => [one.sha256, one])).values()],
    validation: part("validation"),
    test: part("test"),
  });
  if (cell.split) refuseCrossed(cell, where);
  return { cell, notes: [...left] };
}

function differencesOf(a: StudyCell, b: StudyCell): string[] {
  const of = (cell: StudyCell): Record<string, unknown> => {
    const { labels, testLabels, better, rule, calibration, skills, split, agreement } = cell;
    return { ...agreement, labels, testLabels, better, rule, calibration, skills, split };
  };
  const [one, other] = [of(a), of(b)];
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys
    .filter((key) => !isDeepStrictEqual(one[key], other[key]))
    .map((key) => `${key} (${valueText(one[key])} and ${valueText(other[key])})`);
}

function valueText(value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return short(value);
  return value === undefined ? "none" : JSON.stringify(value);
}

interface PoolContext {
  readonly where: string;
  /** Of all tunings of both. */
  readonly seeds: readonly string[];
  /** Gets what is left out. */
  readonly left: Set<string>;
}

function poolParts(a: StudyPart, b: StudyPart, { where, seeds, left }: PoolContext): StudyPart {
  const items = byKind((kind) => poolItems(a.items[kind], b.items[kind], where));
  const models = new Map<string, StudyModel>();
  const same = (of: readonly string[]) => isDeepStrictEqual(new Set(of), new Set(seeds));
  for (const [part, model] of [a, b].flatMap((one) => one.models.map((model) => [one, model] as const))) {
    if (model.of && !same(model.of)) {
      left.add(
        `${where}: ${nameOf(model as never)} of seeds ${model.of.join(", ")} is no merge of all of ${seeds.join(", ")}, and is left out`,
      );
      continue;
    }
    const moved = { ...model, rows: model.rows.map((row) => movedRow(row, part, items)) };
    const key = modelKey({ ...model, of: undefined });
    const there = models.get(key);
    models.set(key, there ? poolModels(there, moved, items, where) : moved);
  }
  return { items, models: [...models.values()] };
}

function poolItems(a: readonly StudyItem[], b: readonly StudyItem[], where: string): StudyItem[] {
  const all = [...new Map([...a, ...b].map((item) => [itemKey(item), item])).values()];
  const weighted = all.some(({ weight }) => weight !== undefined);
  if (weighted && (all.length !== a.length || all.length !== b.length)) {
    throw new RetemperError("BAD_INPUT", `${where}: a mean over groups is pooled over the same items alone`, {
      hint: "pool studies that asked the same items of these sets",
    });
  }
  return all;
}

function movedRow(row: StudyRow, part: StudyPart, items: Readonly<Record<ItemKind, readonly StudyItem[]>>): StudyRow {
  const values = byKind((kind) => {
    const own = new Map(part.items[kind].map((item, at) => [itemKey(item), row.values[kind][at] ?? null]));
    return items[kind].map((item) => own.get(itemKey(item)) ?? null);
  });
  return { ...row, values };
}

function poolModels(
  a: StudyModel,
  b: StudyModel,
  items: Readonly<Record<ItemKind, readonly StudyItem[]>>,
  where: string,
): StudyModel {
  const rows = new Map(a.rows.map((row) => [row.seed, row]));
  for (const row of b.rows) {
    const there = rows.get(row.seed);
    rows.set(row.seed, there ? poolRows(there, row, { items, where, model: a }) : row);
  }
  const share = (of: "truncated" | "empty") => {
    const [one, other] = [a[of], b[of]];
    if (one === undefined || other === undefined) return {};
    // by the answers behind them; of rows that both have they are the same
    const added = b.rows.filter(({ seed }) => !a.rows.some((row) => row.seed === seed));
    const [n, more] = [countOf(a.rows), countOf(added)];
    return { [of]: n + more === 0 ? one : (n * one + more * other) / (n + more) };
  };
  const unfinished = a.unfinished ?? b.unfinished;
  return {
    ...a,
    ...(unfinished && { unfinished }),
    rows: [...rows.values()],
    ...share("truncated"),
    ...share("empty"),
  };
}

function countOf(rows: readonly StudyRow[]): number {
  return rows.reduce((sum, { values }) => sum + values.safety.filter((value) => value !== null).length, 0);
}

function poolRows(
  a: StudyRow,
  b: StudyRow,
  context: {
    readonly items: Readonly<Record<ItemKind, readonly StudyItem[]>>;
    readonly where: string;
    readonly model: StudyModel;
  },
): StudyRow {
  const { items, where, model } = context;
  const values = byKind((kind) =>
    items[kind].map((item, at) => {
      const [one, other] = [a.values[kind][at] ?? null, b.values[kind][at] ?? null];
      if (one !== null && other !== null && one !== other) {
        const name = model.role === "merge" ? nameOf(model as never) : model.role;
        const text = `${where}: ${name}, seed ${a.seed}: the item ${short(item.prompt)} of ${item.set} has ${one} in the one study and ${other} in the other`;
        throw new RetemperError("BAD_INPUT", text, {
          hint: "the same model gave other answers: another machine, engine or version; leave one of the two out",
        });
      }
      return one ?? other;
    }),
  );
  return { ...a, values };
}

/** Items that choose must not confirm. */
function refuseCrossed({ validation, test }: StudyCell, where: string): void {
  const choosing = new Set(validation.items.safety.map(itemKey));
  const crossed = test.items.safety.filter((item) => choosing.has(itemKey(item)));
  if (crossed.length === 0) return;
  const text = `${where}: ${crossed.length} safety items chose in the one study and confirm in the other, such as ${short(crossed[0]?.prompt ?? "")}`;
  throw new RetemperError("BAD_INPUT", text, {
    hint: "pool studies whose items are split alike: of the same files and limit, or of files without an item in common",
  });
}

function short(digest: string): string {
  return digest.slice(0, 12);
}
