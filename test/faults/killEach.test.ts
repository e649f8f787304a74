// A part of killEach.mjs, which kills before every call: `node test/faults/killEach.mjs`; CI kills each command 20 times.

import { describe, expect, it } from "vitest";
import { casesOf } from "../long.js";
import { cannotInterrupt } from "./interrupt.mjs";
import { killEach } from "./killEach.mjs";

const reason = cannotInterrupt();

describe.skipIf(reason !== undefined)(
  `killed before a system call that changes the disk${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    const commands: [string, number][] = [
      ["merge", 2],
      ["replace", 2],
      ["tune", 1],
      ["run", 1],
    ];
    it.each(casesOf(commands, commands.slice(0, 1)))(
      "%s leaves each output absent, old or complete, and its next run the same bytes",
      async (name, most) => {
        const { calls, kills, complete, problems } = await killEach(name, { most });
        expect(problems).toEqual([]);
        expect(calls).toBeGreaterThan(10);
        expect(kills).toBe(most);
        // One before the call that gives an output its name, one after it.
        if (name === "merge" || name === "replace") expect(complete).toBe(1);
      },
    );
  },
);
