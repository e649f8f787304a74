// A part of killEach.mjs, which kills before every call: `node test/faults/killEach.mjs`.

import { describe, expect, it } from "vitest";
import { cannotInterrupt } from "./interrupt.mjs";
import { killEach } from "./killEach.mjs";

const reason = cannotInterrupt();

describe.skipIf(reason !== undefined)(
  `killed before a system call that changes the disk${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    it.each([
      ["merge", 4],
      ["replace", 5],
      ["sweep", 3],
      ["batch", 3],
      ["tune", 3],
      ["retune", 3],
      ["data", 2],
      ["redata", 4],
      ["generate", 3],
      ["evaluate", 3],
    ])("%s leaves each output absent, old or complete, and its next run the same bytes", async (name, most) => {
      // Every run of the long form meets all calls; these are the ones that give the outputs their names, and others evenly.
      const { calls, kills, problems } = await killEach(name, { most });
      expect(problems).toEqual([]);
      expect(calls).toBeGreaterThan(10);
      expect(kills).toBe(most);
    });
  },
);
