// Merges and sweeps that are aborted at many moments from the first to the last: in every phase they reject with the
// signal's reason and leave nothing, or were faster and are whole.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { merge } from "../../lib/merge/merge.js";
import type { MergeOptions, MergePhase } from "../../lib/merge/options.js";
import { sweep } from "../../lib/merge/sweep.js";
import { verify } from "../../lib/merge/verify.js";
import type { Recipe } from "../../lib/recipe/types.js";
import { long } from "../long.js";

const demo = join(import.meta.dirname, "..", "..", "demo", "model");
const MOMENTS = long ? 30 : 10;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-abort-"));
  for (const name of ["aligned", "tuned"]) cpSync(demo, join(folder, name), { recursive: true });
  mkdirSync(join(folder, "outputs"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ways: readonly [string, MergeOptions][] = [
  ["through the page cache", { writing: "cached", reading: "map" }],
  ["past the page cache", { writing: "direct", reading: "direct" }],
];
const recipe = (): Recipe => ({
  merge_method: "ties",
  base_model: join(folder, "aligned"),
  models: [{ model: join(folder, "tuned"), parameters: { weight: 0.5, density: 0.5 } }],
  dtype: "float32",
});
const outputs = () => join(folder, "outputs");
const left = () => readdirSync(outputs());
/** Open files of this process; the count of threads is left to the native tests, since Node starts some of its own. */
const files = () => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0);

/**
 * Aborts `run` at moments spread over the time that it takes, and once in each phase that it reports.
 * @param whole looks at what an undisturbed run made, and removes it
 * @param rest the same of what an aborted one may leave
 */
async function abortEverywhere(
  run: (options: MergeOptions) => Promise<unknown>,
  whole: () => Promise<void>,
  rest?: () => Promise<void>,
): Promise<void> {
  const started = performance.now();
  const phases = new Set<MergePhase>();
  await run({ onProgress: ({ phase }) => phases.add(phase) });
  await whole();
  const all = performance.now() - started;
  const open = files();
  const before = left();
  const stops: ((abort: () => void) => MergeOptions)[] = [];
  for (const stop of phases) stops.push((abort) => ({ onProgress: ({ phase }) => phase === stop && abort() }));
  for (let moment = 0; moment < MOMENTS; moment++) {
    stops.push((abort) => {
      void sleep((all * moment) / (MOMENTS - 1)).then(abort);
      return {};
    });
  }
  let stopped = 0;
  for (const stop of stops) {
    const controller = new AbortController();
    const reason = new Error("enough");
    const running = run({ ...stop(() => controller.abort(reason)), signal: controller.signal });
    const outcome = await running.then(
      () => "whole",
      (error) => error,
    );
    if (outcome === "whole") await whole();
    else {
      expect(outcome).toBe(reason);
      stopped++;
      await rest?.();
    }
    expect(left()).toEqual(before);
    await expect.poll(files, { timeout: 20_000 }).toBe(open);
  }
  expect(stopped).toBeGreaterThanOrEqual(phases.size);
}

describe.each(ways)("an abort of a merge %s", (_, way) => {
  it("is its reason, whenever it comes, and leaves nothing", async () => {
    const out = join(outputs(), "out");
    await abortEverywhere(
      (options) => merge(recipe(), out, { ...way, hashInputs: true, verify: true, ...options }),
      async () => {
        expect((await verify(out)).ok).toBe(true);
        rmSync(out, { recursive: true });
      },
    );
  });
});

it("leaves an output that was to be replaced as it was, or replaces it whole", async () => {
  const out = join(outputs(), "replaced");
  await merge({ ...recipe(), dtype: "bfloat16" }, out);
  const old = readFileSync(join(out, "model.safetensors"));
  const bytes = () => readFileSync(join(out, "model.safetensors"));
  await abortEverywhere(
    (options) =>
      merge(recipe(), out, { force: true, ...options }).catch((error) => {
        expect(bytes().equals(old)).toBe(true);
        throw error;
      }),
    async () => {
      expect((await verify(out)).ok).toBe(true);
      expect(bytes().equals(old)).toBe(false);
      await merge({ ...recipe(), dtype: "bfloat16" }, out, { force: true });
    },
  );
  rmSync(out, { recursive: true });
});

it("leaves of a sweep the points that were whole by then, and nothing else", async () => {
  const out = join(outputs(), "sweep");
  const points = () => (existsSync(out) ? readdirSync(out) : []);
  const checkPoints = async () => {
    for (const name of points()) expect((await verify(join(out, name))).ok).toBe(true);
    rmSync(out, { recursive: true, force: true });
  };
  await abortEverywhere(
    (options) => sweep(recipe(), { lambdas: [0.2, 0.4, 0.6] }, out, options),
    async () => {
      expect(points()).toHaveLength(3);
      await checkPoints();
    },
    checkPoints,
  );
});
