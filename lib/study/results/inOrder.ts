// One order for the items and models of a cell, however it came about, so that the same numbers are the same bytes.

import { compareTexts } from "../../select/names.js";
import {
  type ItemKind,
  KINDS,
  type StudyCell,
  type StudyItem,
  type StudyModel,
  type StudyPart,
  type StudyRow,
} from "./types.js";

/** As numbers where both are; else by code units, the same in every language. */
function byText(a: string, b: string): number {
  const isNumber = (text: string) => /^\d{1,15}$/.test(text);
  return isNumber(a) && isNumber(b) ? Number(a) - Number(b) : compareTexts(a, b);
}

const ROLES: readonly StudyModel["role"][] = ["aligned", "unaligned", "tuned", "merge"];
/** A share is rounded to this, because the order of its sum is not kept. */
const DIGITS = 9;

/** What a set's item is called in all of a study. */
export function itemKey({ set, prompt }: Pick<StudyItem, "set" | "prompt">): string {
  return `${set}/${prompt}`;
}

/** What a model is called in its part. */
export function modelKey({ role, method = "", lambda, parameters = {}, of = [] }: Omit<StudyModel, "rows">): string {
  const named = Object.entries(parameters).sort(([a], [b]) => byText(a, b));
  return JSON.stringify([role, method, named, lambda ?? null, of]);
}

export function inOrder(cell: StudyCell): StudyCell {
  return {
    ...cell,
    tunings: [...cell.tunings].sort((a, b) => byText(a.seed, b.seed)),
    data: [...cell.data].sort((a, b) => byText(a.source, b.source) || byText(a.sha256, b.sha256)),
    validation: partInOrder(cell.validation),
    test: partInOrder(cell.test),
  };
}

function partInOrder({ items, models }: StudyPart): StudyPart {
  const orders = Object.fromEntries(
    KINDS.map((kind) => {
      const keys = items[kind].map(itemKey);
      return [kind, [...keys.keys()].sort((a, b) => byText(keys[a] as string, keys[b] as string))];
    }),
  ) as Record<ItemKind, number[]>;
  const sorted = <T>(kind: ItemKind, all: readonly T[]) => orders[kind].map((at) => all[at] as T);
  const rowInOrder = ({ values, ...row }: StudyRow): StudyRow => ({
    ...row,
    values: byKind((kind) => sorted(kind, values[kind])),
  });
  const place = ({ role }: StudyModel) => ROLES.indexOf(role);
  return {
    items: byKind((kind) => sorted(kind, items[kind])),
    models: models
      .map(({ rows, truncated, empty, ...model }) => ({
        ...model,
        rows: rows.map(rowInOrder).sort((a, b) => byText(a.seed, b.seed)),
        ...(truncated !== undefined && { truncated: rounded(truncated) }),
        ...(empty !== undefined && { empty: rounded(empty) }),
      }))
      .sort((a, b) => place(a) - place(b) || byText(modelKey(a), modelKey(b))),
  };
}

export function byKind<T>(of: (kind: ItemKind) => T): Record<ItemKind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<ItemKind, T>;
}

function rounded(share: number): number {
  return Number(share.toFixed(DIGITS));
}
