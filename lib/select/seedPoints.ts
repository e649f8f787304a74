// The numbers of one tuning alone, of a merge that was measured for several: one tuning's model is what is written.

import { meanOverSeeds } from "../statistics/meanOverSeeds.js";
import type { Point, Quantity } from "./types.js";

/** The seeds of a point's numbers; none where there are not several. */
export function seedsOf({ score, asr, overRefusal, skills, categories }: Point): string[] {
  const all = [asr, score, ...(overRefusal ? [overRefusal] : []), ...Object.values({ ...skills, ...categories })];
  const most = all.reduce((a, b) => (rowsOf(b) > rowsOf(a) ? b : a));
  const count = rowsOf(most);
  return count < 2 ? [] : Array.from({ length: count }, (_, at) => most.seeds?.[at]?.seed ?? String(at));
}

/** The point with the numbers of its `at`-th seed; what was not measured for `count` seeds, as the aligned model, stays as it is. */
export function pointOfSeed<P extends Point>(point: P, at: number, count: number): P {
  const of = (quantity: Quantity) => (rowsOf(quantity) === count ? quantityOfSeed(quantity, at) : quantity);
  const each = (all: Readonly<Record<string, Quantity>>) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, of(one)]));
  const { score, asr, overRefusal, skills, categories } = point;
  return {
    ...point,
    ...{ score: of(score), asr: of(asr) },
    ...(overRefusal && { overRefusal: of(overRefusal) }),
    ...(skills && { skills: each(skills) }),
    ...(categories && { categories: each(categories) }),
  };
}

/** By its items, where they are known; else the seed's value, of as many items. */
export function quantityOfSeed({ values, seeds, n, weights, groups }: Quantity, at: number): Quantity {
  const row = values?.[at];
  if (!row) return { value: seeds?.[at]?.value ?? Number.NaN, n };
  return { value: meanOverSeeds([row], { weights, groups }), values: [row], weights, groups };
}

export function rowsOf({ values, seeds = [] }: Quantity): number {
  return values?.length ?? seeds.length;
}
