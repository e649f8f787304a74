// A part of killEach.mjs, which kills before every call: `node test/faults/killEach.mjs`.

import { describe, expect, it } from "vitest";
import { cannotInterrupt } from "./interrupt.mjs";
import { killEach } from "./killEach.mjs";

const reason = cannotInterrupt();

describe.skipIf(reason !== undefined)(
  `killed before a system call that changes the disk${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    it.each([
      ["merge", 3],
      ["replace", 4],
      ["sweep", 2],
      ["batch", 2],
      ["tune", 2],
      ["retune", 2],
      ["redata", 3],
      ["generate", 2],
      ["evaluate", 2],
    ])("%s leaves each output absent, old or complete, and its next run the same bytes", async (name, most) => {
      // Every run of the long form meets all calls; these are the ones that give the outputs their names, and others evenly.
      const { calls, kills, problems } = await killEach(name, { most });
      expect(problems).toEqual([]);
      expect(calls).toBeGreaterThan(10);
      expect(kills).toBe(most);
    });
  },
);
