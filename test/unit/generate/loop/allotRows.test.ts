import { expect, it } from "vitest";
import { allotRows } from "../../../../lib/generate/loop/allotRows.js";
import fc from "../../../properties.js";

const plain = (rows: number) => ({ rows, scored: false });
const scored = (rows: number) => ({ rows, scored: true });

it("gives a single prompt the whole step", () => {
  expect(allotRows([plain(1000)], 256, 8)).toEqual([256]);
  expect(allotRows([plain(100)], 256, 8)).toEqual([100]);
  expect(allotRows([], 256, 8)).toEqual([]);
});

it("gives the oldest half of the step, and short prompts the other half before long ones", () => {
  expect(allotRows([plain(8000), plain(500), plain(20)], 256, 8)).toEqual([128, 108, 20]);
  expect(allotRows([plain(8000), plain(20)], 256, 8)).toEqual([236, 20]);
  expect(allotRows([plain(50), plain(500)], 256, 8)).toEqual([50, 206]);
});

it("bounds the rows that give logits, and reads others beside them", () => {
  expect(allotRows([scored(100), scored(5), plain(70)], 64, 8)).toEqual([8, 0, 56]);
  expect(allotRows([plain(10), scored(5), scored(30)], 64, 8)).toEqual([10, 5, 3]);
});

it("counts the rows of a scored one that come first, and give no logits, as others", () => {
  expect(allotRows([{ rows: 100, scored: true, unscored: 90 }], 64, 8)).toEqual([64]);
  expect(allotRows([{ rows: 40, scored: true, unscored: 30 }, scored(5)], 64, 8)).toEqual([33, 5]);
  expect(allotRows([{ rows: 40, scored: true, unscored: 38 }, scored(9)], 64, 8)).toEqual([38, 8]);
});

it("never gives more than there is, and leaves nothing of the step that anyone could use", () => {
  const reading = fc.record({ rows: fc.integer({ min: 1, max: 300 }), scored: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(reading, { maxLength: 8 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 200 }),
      (readings, most, mostScored) => {
        const rows = allotRows(readings, most, mostScored);
        const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);
        const given = sum(rows);
        const givenScored = sum(rows.filter((_, i) => readings[i]?.scored));
        expect(given).toBeLessThanOrEqual(most);
        expect(givenScored).toBeLessThanOrEqual(mostScored);
        readings.forEach(({ rows: wanted, scored: isScored }, i) => {
          expect(rows[i]).toBeLessThanOrEqual(wanted);
          const full = rows[i] === wanted || given === most || (isScored && givenScored === mostScored);
          expect(full).toBe(true);
        });
        if (readings.length > 0) expect(rows[0]).toBeGreaterThan(0);
      },
    ),
  );
});
