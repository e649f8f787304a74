import { describe, expect, it } from "vitest";
import type { EntryJob, Job } from "../../../lib/batch/graph.js";
import { partOf } from "../../../lib/batch/partOf.js";
import fc from "../../properties.js";

function entryJob(index: number, stages: readonly Job[] = [], waitsFor: readonly EntryJob[] = []): EntryJob {
  const job = { waitsFor: new Set(waitsFor) } as unknown as Job;
  return { index, job, stages, out: `/out/${index}` } as unknown as EntryJob;
}
const stage = (): Job => ({ waitsFor: new Set() }) as unknown as Job;
const indices = (entries: readonly EntryJob[], index: number, count: number) => {
  return partOf(entries, { index, count }).map((entry) => entry.index);
};

describe("the parts of a batch", () => {
  it("deal independent entries out in turn", () => {
    const entries = [0, 1, 2, 3, 4].map((index) => entryJob(index));
    expect(indices(entries, 0, 2)).toEqual([0, 2, 4]);
    expect(indices(entries, 1, 2)).toEqual([1, 3]);
  });

  it("keep entries together that share a stage or read each other's outputs", () => {
    const shared = stage();
    const first = entryJob(0);
    const entries = [first, entryJob(1, [shared]), entryJob(2), entryJob(3, [shared]), entryJob(4, [], [first])];
    const parts = [0, 1, 2].map((index) => indices(entries, index, 3));
    expect(parts).toEqual([[0, 4], [1, 3], [2]]);
  });

  it("may be empty when there are more parts than entries", () => {
    expect(indices([entryJob(0)], 5, 6)).toEqual([]);
  });

  it("cover every entry exactly once, with those that belong together in one", () => {
    const edges = fc.array(fc.tuple(fc.nat(29), fc.nat(29)), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 12 }), edges, (size, count, pairs) => {
        const entries: EntryJob[] = [];
        for (let index = 0; index < size; index++) {
          const needed = pairs.filter(([from, to]) => from === index && to < index).map(([, to]) => entries[to]);
          entries.push(entryJob(index, [], needed as EntryJob[]));
        }
        const parts = Array.from({ length: count }, (_, index) => partOf(entries, { index, count }));
        expect(parts.flat().sort((x, y) => x.index - y.index)).toEqual(entries);
        for (const part of parts) {
          for (const entry of part) {
            for (const needed of entry.job?.waitsFor ?? []) expect(part).toContain(needed);
          }
        }
      }),
    );
  });
});
