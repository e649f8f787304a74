// Only in the long form of the tests (npm run test:long): a short run of killBatch.mjs; `node test/e2e/killBatch.mjs 50` is the long one.

import { expect, it } from "vitest";
import { killBatch } from "./killBatch.mjs";

it("ends complete, every output verified and nothing beside them, when killed at random and started again", async () => {
  const { kills, passes, skipped, problems } = await killBatch({ kills: 5, entries: 20, megabytes: 1 });
  expect(problems).toEqual([]);
  expect(kills).toBe(5);
  expect(passes).toBeGreaterThan(0);
  expect(skipped).toBeGreaterThan(0);
}, 240_000);
