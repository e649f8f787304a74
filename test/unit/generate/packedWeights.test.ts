// Weights in blocks that are packed when a model is opened, into the order in which products read them: the bits of stored ones,
// which an opening with a limit of memory keeps.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions, WeightsForm } from "../../../lib/generate/types.js";
import { convert } from "../../../lib/merge/convert.js";
import type { GgufQuantisation } from "../../../lib/plan/gguf/quantise.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { type GoldenModel, modelFolder } from "../../golden/generate/modelFolders.js";
import { casesOf } from "../../long.js";

const demo = join(import.meta.dirname, "../../../demo");
const model = join(demo, "model");
const tuned = `${model}+${join(demo, "adapters/seed-42")}`;
const merge: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }] };
const folder = mkdtempSync(join(tmpdir(), "retemper-packed-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INPUTS = [[1, 2, 3, 40, 5], [70, 8], Array.from({ length: 90 }, (_, i) => (i * 37) % 250)];

/** Logits of every lambda that is asked for, in turn. */
async function logitsOf(source: string | Recipe, options: ModelOptions, lambdas: readonly (number | undefined)[]) {
  const opened = await openModel(source, options);
  try {
    const all = [];
    for (const lambda of lambdas) all.push(await opened.logits(INPUTS, { lambda }));
    return all;
  } finally {
    await opened.close();
  }
}

/** The logits of weights as they are stored. */
async function sameAsStored(
  source: string | Recipe,
  options: ModelOptions,
  lambdas: readonly (number | undefined)[] = [undefined],
) {
  const stored = await logitsOf(source, { ...options, maxMemory: 2e9 }, lambdas);
  expect(await logitsOf(source, options, lambdas)).toEqual(stored);
  return stored;
}

async function fileOf(source: string, quantise: GgufQuantisation): Promise<string> {
  const out = mkdtempSync(join(folder, "file-"));
  await convert(source, join(out, "gguf"), { format: "gguf", quantise });
  const name = readdirSync(join(out, "gguf")).find((one) => one.endsWith(".gguf"));
  return join(out, "gguf", name as string);
}

/** The demo has an embedding that is its head too; gpt2 lies the other way round, and phi3 has matrices of several in one. */
describe.each(casesOf<GoldenModel | "demo">(["demo", "llama", "gpt2", "phi3", "qwen2"], ["demo", "phi3"]))(
  "packed weights of %s",
  (name) => {
    const source = name === "demo" ? model : modelFolder(name);

    it.each(casesOf<GgufQuantisation>(["q8_0", "q4_0", "q4_k_m", "q5_k_m", "q6_k"], ["q4_k_m"]))(
      "have the bits of stored ones in a file of %s",
      async (quantise) => {
        await sameAsStored(await fileOf(source, quantise), { weights: "asStored" });
      },
    );

    it.each(casesOf<WeightsForm>(["q8_0", "q4_0", "q4_k_m", "q6_k", "int8", "int4"], ["int8"]))(
      "have the bits of stored ones, made as %s when opened and read from the cache",
      async (weights) => {
        const weightsCache = join(folder, `${name}-${weights}`);
        const stored = await sameAsStored(source, { weights });
        for (const _ of ["written", "read"])
          expect(await sameAsStored(source, { weights, weightsCache })).toEqual(stored);
      },
    );
  },
);

describe("packed weights of a merge", () => {
  it.each(["linear", "exact"] as const)(
    "have the bits of stored ones at several lambdas, with fidelity %s",
    async (fidelity) => {
      const lambdas = [0, 0.4, 1];
      await sameAsStored(merge, { weights: "q8_0", lambdas, fidelity }, lambdas);
    },
  );

  it("have the bits of stored ones at lambdas that are added", async () => {
    const options: ModelOptions = { weights: "q4_k_m", lambdas: [0, 1], fidelity: "linear" };
    await sameAsStored(merge, options, [0, 0.3, 1, 0.7, 0.3]);
  });
});
