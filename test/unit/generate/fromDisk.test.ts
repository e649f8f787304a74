// Models whose weights are more than the memory allowed: read from disk at each step, with the same bits.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { convert } from "../../../lib/merge/convert.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { run } from "../../e2e/command.js";

const demo = join(import.meta.dirname, "../../../demo/model");
const folder = mkdtempSync(join(tmpdir(), "retemper-from-disk-"));
const gguf = join(folder, "q8_0", "model-Q8_0.gguf");
beforeAll(() => convert(demo, join(folder, "q8_0"), { format: "gguf", quantise: "q8_0" }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recipe: Recipe = {
  merge_method: "linear",
  models: [{ model: demo }, { model: demo }],
  dtype: "bfloat16",
};
const INPUTS = [[1, 2, 3, 400, 5], [700, 8], Array.from({ length: 90 }, (_, i) => (i * 37) % 900)];

async function seen(source: string | Recipe, options: ModelOptions) {
  const model = await openModel(source, { threads: 1, engine: "native", ...options });
  try {
    const lambda = options.lambdas?.at(-1);
    const logits = await model.logits(INPUTS, { lambda });
    const answers = [];
    for await (const { ids } of model.generate(INPUTS, { maxNewTokens: 5, ignoreEos: true, lambda })) answers.push(ids);
    return { facts: model.facts, logits, answers };
  } finally {
    await model.close();
  }
}

/** Less than all weights and a step take, by a fifth of a megabyte. */
async function tooLittle(source: string | Recipe, options: ModelOptions): Promise<number> {
  const error = await seen(source, { ...options, maxMemory: 5e6 }).catch((reason: Error) => reason);
  return 1e6 * Number(/needs ([\d.]+) MB of memory for weights and one step/.exec(String(error))?.[1]) - 2e5;
}

describe("a model that is larger than the memory allowed", () => {
  it.each<[string, () => string | Recipe, ModelOptions]>([
    ["a checkpoint", () => demo, {}],
    ["the blocks of a GGUF file", () => gguf, { weights: "asStored" }],
    ["a virtual merge that is rounded", () => recipe, { lambdas: [0.3], fidelity: "exact" }],
    ["a virtual merge that is summed", () => recipe, { lambdas: [0.3], fidelity: "linear" }],
  ])("answers from disk with the same bits, and says so: %s", async (_, source, options) => {
    const inMemory = await seen(source(), options);
    expect(inMemory.facts.fromDisk).toBeUndefined();
    for (const threads of [1, 3]) {
      const maxMemory = await tooLittle(source(), { ...options, threads });
      const fromDisk = await seen(source(), { ...options, threads, maxMemory });
      expect(fromDisk.facts.fromDisk?.bytes).toBeGreaterThan(1e5);
      expect(fromDisk.facts.fromDisk?.bytes).toBeLessThan(2.1e6); // all weights in bfloat16
      expect([fromDisk.logits, fromDisk.answers]).toEqual([inMemory.logits, inMemory.answers]);
    }
  });

  it.each<[string, string | Recipe, ModelOptions]>([
    ["with weights that are held", recipe, { lambdas: [0.3], hold: true }],
    ["with blocks that are made when it is opened", demo, { weights: "q8_0" }],
    ["on an engine that loads its weights", demo, { engine: "reference" }],
  ])("is refused %s", async (_, source, options) => {
    const maxMemory = await tooLittle(source, options);
    await expect(seen(source, { ...options, maxMemory })).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
      message: expect.stringContaining("for weights and one step"),
    });
  });

  it("warns once, with the figure, and files of answers are those in memory", async () => {
    const maxMemory = String(await tooLittle(demo, {}));
    const asked = [
      "generate",
      demo,
      "--prompt",
      "Good day",
      "--max-new-tokens",
      "3",
      "--threads",
      "1",
      "--engine",
      "native",
    ];
    const outs = ["memory", "disk"].map((name) => join(folder, name));
    await run([...asked, "--out", outs[0] as string]);
    const { stderr, status } = await run([...asked, "--out", outs[1] as string, "--max-memory", maxMemory]);
    expect(status).toBe(0);
    expect(stderr.match(/does not fit into memory: each step may read [\d.]+ [kM]B from disk/g)).toHaveLength(1);
    for (const more of ["", ".facts.json"]) {
      const [inMemory, fromDisk] = outs.map((out) => readFileSync(`${out}${more}`, "utf8"));
      expect(fromDisk).toBe(inMemory);
    }
  });
});
