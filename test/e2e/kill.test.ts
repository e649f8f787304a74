// A short run of kill.mjs; `node test/e2e/kill.mjs 200` is the long one. Which moments a kill must not miss, and what each of
// them leaves, is the matter of test/faults/killEach.test.ts, where they are system calls.

import { expect, it } from "vitest";
import { long } from "../long.js";
import { killMerges } from "./kill.mjs";

it.runIf(long)(
  "leaves the output absent, old or complete when killed at random moments, and nothing beside it in the end",
  async () => {
    // It throws where so many kills, a quarter of them in the middle of writing, are not met by running merges.
    const { problems } = await killMerges({ kills: 4, megabytes: 10 });
    expect(problems).toEqual([]);
  },
  120_000,
);
