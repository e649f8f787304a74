// Sampled answers of a whole model. Its thread runs the compiled package: npm run build.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../../lib/generate/openModel.js";
import type { GenerateOptions, Generation, Model, Prompt } from "../../../../lib/generate/types.js";
import { modelFolder, promptsOf } from "../../../golden/generate/modelFolders.js";

const prompts = promptsOf("llama");
const options: GenerateOptions = {
  ...{ temperature: 0.8, topK: 50, topP: 0.9, repetitionPenalty: 1.1 },
  ...{ n: 3, seed: 7, maxNewTokens: 12, ignoreEos: true },
};
let model: Model;

beforeAll(async () => {
  model = await openModel(modelFolder("llama"), { engine: "reference" });
});
afterAll(() => model.close());

async function answers(asked: readonly Prompt[], more: GenerateOptions = {}): Promise<Map<string, readonly number[]>> {
  const found = new Map<string, readonly number[]>();
  for await (const { index, sample, ids } of model.generate(asked, { ...options, ...more })) {
    found.set(`${index}/${sample}`, ids);
  }
  return new Map([...found].sort(([x], [y]) => (x < y ? -1 : 1)));
}

describe("sampled answers", () => {
  it("are the same one at a time and all at once", async () => {
    const together = await answers(prompts, { batch: 15 });
    expect(together.size).toBe(15);
    expect(await answers(prompts, { batch: 1 })).toEqual(together);
  });

  it("are the same when others are left out", async () => {
    const all = await answers(prompts);
    const some = await answers(prompts, {
      skip: ({ index, sample }: Pick<Generation, "index" | "sample">) => (index + sample) % 2 === 0,
    });
    expect(some.size).toBe(7);
    for (const [place, ids] of some) expect(ids).toEqual(all.get(place));
  });

  it("differ between samples and seeds", async () => {
    const one = await answers(prompts.slice(0, 1));
    const other = await answers(prompts.slice(0, 1), { seed: 8 });
    expect(new Set([...one.values(), ...other.values()].map(String)).size).toBe(6);
  });
});
