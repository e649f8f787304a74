// What a search says of the size of its sets before the first candidate.

import { expect, it } from "vitest";
import { itemsNote } from "../../../lib/search/itemsNote.js";

const rule = { margin: 0.1, by: "upper" as const, level: 0.95 };
const note = (items: readonly [number, number, number], rate = 0.2, more: Partial<typeof rule> = {}) => {
  const [search, choose, confirm] = items.map((one) => ({ items: one, rate }));
  if (!search || !choose || !confirm) throw new Error("three sets");
  return itemsNote({ search, choose, confirm }, { ...rule, ...more }, 3);
};

it("says that sets are too small where no merge can pass, also where only one of them is", () => {
  expect(note([20, 20, 40])).toMatch(/20 to search by \(at 98\.3 %: at least 41,.*Too few: no merge can pass/);
  expect(note([900, 900, 24])).toMatch(/24 to confirm by \(at 95 %: at least 25,.*Too few/);
});

it("says whether an equally safe merge may fail for want of items", () => {
  expect(note([41, 41, 25])).toContain("An equally safe merge may fail for want of items.");
  expect(note([900, 900, 900])).toContain("These are enough.");
});

it("says nothing where no bound is compared, and where no rate is known", () => {
  expect(note([20, 20, 40], 0.2, { margin: 0 })).toBeUndefined();
  expect(note([0, 0, 0], Number.NaN)).toBeUndefined();
  expect(note([20, 20, 40], 0.2, { by: "point" as never })).toBeUndefined();
});
