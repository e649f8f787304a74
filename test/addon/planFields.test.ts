// A plan that is not as lib/addon's types say is refused with the field and what it must be: native code does not rely on
// the types of TypeScript.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { meanPlan } from "./fixtures/plan.mjs";

const folder = mkdtempSync(join(tmpdir(), "retemper-plan-fields-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const merge = loadAddon().merge as unknown as (plan: unknown, onProgress: () => void) => unknown;
const LARGEST = "9007199254740991";

/** The plan of a mean with another value at a path such as "tensors.0.shape"; undefined takes the field away. */
function planWith(path: string, value: unknown): unknown {
  const plan = meanPlan(folder) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop() as string;
  let at = plan;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = value;
  return plan;
}

const part = "tensors.0.sources.0.parts.0";
const params = "tensors.0.variants.0.params";
const sparse = {
  ...{ op: "task_arithmetic", sparsifier: "none", rescale: "none", election: false, normalize: false, lambda: 1 },
  ...{ weights: [1], densities: [1], gammas: [0], epsilons: [0] },
};

describe("a field of a plan", () => {
  it.each([
    ["inputs", {}, "inputs must be an array"],
    ["inputs.0", 1, "input must be an object"],
    ["inputs.0.path", 1, "path must be a string"],
    ["inputs.0.size", 1.5, `size must be a whole number from 0 to ${LARGEST}`],
    ["inputs.0.inode", "-1", "inode must be decimal digits"],
    ["inputs.0.inode", "18446744073709551616", "inode must be decimal digits"],
    ["threads", 2 ** 32, "threads must be a whole number from 0 to 4294967295"],
    ["outputs.0.header", new Int8Array(4), "header must be a Uint8Array"],
    ["tensors", undefined, "tensors must be an array"],
    ["tensors.0", null, "tensor must be an object"],
    ["tensors.0.shape", [2, "3"], `shape must be a whole number from 0 to ${LARGEST}`],
    ["tensors.0.outDtype", "F8", "outDtype must be a dtype"],
    ["tensors.0.modelKeys", [-1], "modelKeys must be a whole number from 0 to 4294967295"],
    [`${part}.dtype`, "F12", "dtype must be a dtype"],
    [`${part}.offset`, -4, `offset must be a whole number from 0 to ${LARGEST}`],
    [`${part}.castTo`, "I4", "castTo must be a dtype"],
    [`${part}.lowRank`, 1, "lowRank must be an object"],
    [`${part}.add`, { scale: 1 }, "range must be an object"],
    ["tensors.0.sources.0.gather", { start: [0] }, "start must be a Uint32Array"],
    [params, { op: "mean" }, "op must be an operation of the engine"],
    [`${params}.weights`, [1, "1"], "weights must be a number"],
    [`${params}.normalize`, 1, "normalize must be a boolean"],
    [params, { ...sparse, sparsifier: "rank" }, "sparsifier must be none, magnitude, random, outliers or ranked"],
    [params, { ...sparse, rescale: "l2" }, "rescale must be none, l1 or inverse_density"],
    [params, { op: "nuslerp", weights: [1, 1], hasBase: false, axis: "middle" }, "axis must be flat, last or first"],
    ["reading", "fast", "reading must be auto, map, pread, direct or uncached"],
    ["writing", "fast", "writing must be auto, cached or direct"],
    ["device", "tpu", "device must be auto, cpu or cuda"],
    ["fsync", undefined, "fsync must be a boolean"],
    ["multiGpu", 2, "multiGpu must be a boolean"],
  ])("%s = %j is refused by its name", (path, value, said) => {
    const refused = expect.objectContaining({ code: "USAGE", message: `the plan's ${said}` });
    expect(() => merge(planWith(path, value), () => {})).toThrowError(refused);
  });

  it("is looked for in an object only", () => {
    const refused = expect.objectContaining({ code: "USAGE", message: "the plan must be an object" });
    expect(() => merge("plan", () => {})).toThrowError(refused);
  });
});
