// Signals during a merge: it stops, cleans up, and ends with the status of the signal.

import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { makeLargeModels } from "../../scripts/makeLargeModel.mjs";
import { jsonLines, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const results = join(folder, "results");
const slow = join(folder, "slow.json");

beforeAll(() => {
  const shape = { layers: 4, hidden: 512, intermediate: 1024, kv: 128, vocab: 8000, seed: 1 };
  const [base, tuned] = makeLargeModels(join(folder, "models"), shape, 1);
  // An iteration that never meets its tolerance: the merge is still running whenever the signal comes.
  const parameters = { max_iter: 100_000, tol: 0 };
  const models = [{ model: base }, { model: tuned }];
  writeFileSync(slow, JSON.stringify({ merge_method: "karcher", models, parameters }));
});

function startMerge(name: string) {
  const merge = start(["merge", slow, join(results, name), "--json", "--threads", "1"]);
  return { ...merge, underWay: merge.line((line) => line.includes('"phase":"merge"')) };
}

describe("signals", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s stops a merge, removes what was staged and ends with %i", async (signal, expected) => {
    const merge = startMerge(signal);
    await merge.underWay;
    expect(readdirSync(results).length).toBeGreaterThan(0); // the staging folder
    merge.process.kill(signal);
    const { status, stdout } = await merge.finished;
    expect(status).toBe(expected);
    const last = jsonLines(stdout).at(-1);
    expect(last).toMatchObject({ ok: false, error: { code: "CANCELLED", exitStatus: expected } });
    expect(existsSync(results) ? readdirSync(results) : []).toEqual([]);
  });

  it("a second SIGINT ends at once", async () => {
    const merge = startMerge("twice");
    await merge.underWay;
    merge.process.kill("SIGINT");
    merge.process.kill("SIGINT");
    expect((await merge.finished).status).toBe(130);
    expect(existsSync(join(results, "twice"))).toBe(false);
  });
});
