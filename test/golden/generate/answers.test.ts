// Answers of open models against transformers', token for token, on every engine: in one batch, alone, with penalty, with
// stops; and draws that do not depend on the batch.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Generation, GenerateOptions, Model, Prompt } from "../../../lib/generate/types.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { casesOf, long } from "../../long.js";
import { casesOn, ENGINES, MODELS_FOLDER } from "./engines.js";
import { expectedOf, MODEL_NAMES, modelFolder, promptsOf } from "./modelFolders.js";
import { distance } from "./steps.js";

const LOGITS = 2e-4;
/** Of most kinds; models.test.ts has every family. */
const FEW = casesOf<(typeof MODEL_NAMES)[number]>(MODEL_NAMES, ["llama", "qwen3", "gemma2", "phi3", "gpt2"]);

async function all(model: Model, prompts: readonly Prompt[], options: GenerateOptions): Promise<Generation[]> {
  const answers: Generation[] = [];
  for await (const answer of model.generate(prompts, { maxNewTokens: 32, ignoreEos: true, ...options })) answers.push(answer);
  return answers.sort((a, b) => a.index - b.index || a.sample - b.sample);
}

const idsOf = (answers: readonly Generation[]) => answers.map(({ ids }) => ids);

for (const [engine, missing] of ENGINES) {
  // The reference computes the same, a hundred times more slowly: one model shows that the way to it is right.
  const models = engine === "reference" ? (["llama"] as const) : casesOn<(typeof MODEL_NAMES)[number]>(engine, FEW, ["llama"]);
  describe.skipIf(missing)(`${engine}${missing ? `: ${missing}` : ""}`, () => {
    describe.each(models)("%s", (name) => {
      const prompts = promptsOf(name);
      const expected = expectedOf(name);
      let model: Model;
      beforeAll(async () => {
        model = await openModel(modelFolder(name), { engine });
      });
      afterAll(() => model?.close());

      it("answers greedily as transformers does, in one batch and alone, with and without a penalty", async () => {
        for (const batch of casesOn(engine, [undefined, 1], [undefined])) {
          expect(idsOf(await all(model, prompts, { batch }))).toEqual(expected.greedy);
          expect(idsOf(await all(model, prompts, { batch, repetitionPenalty: 1.2 }))).toEqual(expected.greedy_rep12);
        }
      });

      it("stops where it should, and keeps the stop token", async () => {
        const stopTokens = [expected.greedy_stop_token];
        expect(idsOf(await all(model, prompts, { stopTokens }))).toEqual(expected.greedy_stopped);
      });

      it.runIf(long || engine === "native")("draws the same answers for the same seed, alone or in any batch", async () => {
        const settings = { temperature: 0.8, topK: 50, topP: 0.9, n: 3, seed: 7, maxNewTokens: 12 };
        const together = await all(model, prompts, settings);
        expect(new Set(together.map(({ ids }) => String(ids))).size).toBeGreaterThan(10);
        for (const batch of [1, 2, 4]) expect(await all(model, prompts, { ...settings, batch })).toEqual(together);
        const skip = ({ index, sample }: { index: number; sample: number }) => index !== 3 || sample !== 1;
        expect(await all(model, prompts, { ...settings, skip })).toEqual([together[10]]);
        expect(idsOf(await all(model, prompts, { ...settings, seed: 8 }))).not.toEqual(idsOf(together));
      });

      it("gives transformers' logits and log-probabilities of given tokens", async () => {
        const tensors = readCheckpoint(join(MODELS_FOLDER, name), "expected.safetensors");
        const tensor = (key: string) => tensors.get(key)?.values ?? [];
        const logits = await model.logits(prompts);
        expect(distance(logits[4] as Float32Array, tensor("all_logits_p4"))).toBeLessThan(LOGITS);
        const vocabulary = (logits[0] as Float32Array).length;
        const last = logits.flatMap((rows) => [...rows.subarray(rows.length - vocabulary)]);
        expect(distance(last, tensor("last_logits"))).toBeLessThan(LOGITS);
        const logprobs = await model.logprobs(prompts);
        for (let i = 1; i < 5; i++) {
          expect(distance(logprobs[i] as Float32Array, tensor(`logprobs_p${i}`))).toBeLessThan(LOGITS);
        }
      });
    });
  });
}
