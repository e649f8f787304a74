// A short run of kill.mjs; `node test/e2e/kill.mjs 200` is the long one.

import { expect, it } from "vitest";
import { killMerges } from "./kill.mjs";

it("leaves the output absent, old or complete when killed at random moments, and nothing beside it in the end", async () => {
  const { kills, writing, problems } = await killMerges({ kills: 12, megabytes: 10 });
  expect(problems).toEqual([]);
  expect(kills).toBeGreaterThanOrEqual(12);
  expect(writing).toBeGreaterThanOrEqual(3);
}, 120_000);
