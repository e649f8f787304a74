// A real model against transformers: the answers to twelve prompts, with and without a repetition penalty, and the logits
// after them. Runs where RETEMPER_REAL_MODEL names the folder that makeModel.py makes (npm run test:real).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model } from "../../../lib/generate/types.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { ENGINES } from "../generate/engines.js";
import { distance } from "../generate/steps.js";

interface RealPrompt {
  readonly prompt: string;
  readonly chat_text: string;
  readonly ids: number[];
  readonly greedy64: { readonly ids: number[]; readonly text: string };
  readonly "greedy64_repetition_penalty_1.2": { readonly ids: number[]; readonly text: string };
}

const folder = process.env.RETEMPER_REAL_MODEL;
const { prompts } = JSON.parse(readFileSync(join(import.meta.dirname, "prompts.json"), "utf8")) as {
  prompts: RealPrompt[];
};

describe.skipIf(folder === undefined)("SmolLM2-135M-Instruct (RETEMPER_REAL_MODEL names its folder)", () => {
  for (const [engine, missing] of ENGINES) {
    if (engine === "reference") continue; // minutes a token
    describe.skipIf(missing)(`on ${engine}${missing ? `: ${missing}` : ""}`, { timeout: 600_000 }, () => {
      let model: Model;
      beforeAll(async () => {
        model = await openModel(folder as string, { engine });
      });
      afterAll(() => model?.close());

      it("reads conversations as transformers does", () => {
        for (const { prompt, chat_text, ids } of prompts) {
          const text = model.tokenizer.applyChatTemplate([{ role: "user", content: prompt }], { addGenerationPrompt: true });
          expect(text).toBe(chat_text);
          expect(model.tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
        }
      });

      it("gives its logits after each prompt", async () => {
        const expected = readCheckpoint(import.meta.dirname, "last_logits.safetensors");
        const logits = await model.logits(prompts.map(({ ids }) => ids));
        logits.forEach((rows, i) => {
          const last = rows.subarray(rows.length - 49_152);
          const wanted = expected.get(`logits.${String(i).padStart(2, "0")}`)?.values ?? [];
          expect(distance(last, wanted)).toBeLessThan(5e-4);
        });
      });

      // Where two tokens are equally likely to the last digits, sums in another order may choose the other one.
      it("gives at least 23 of its 24 greedy answers, token for token", async () => {
        const conversations = prompts.map(({ prompt }) => [{ role: "user", content: prompt }]);
        let equal = 0;
        for (const key of ["greedy64", "greedy64_repetition_penalty_1.2"] as const) {
          const repetitionPenalty = key === "greedy64" ? 1 : 1.2;
          for await (const { index, ids, text } of model.generate(conversations, { maxNewTokens: 64, repetitionPenalty })) {
            const wanted = prompts[index]?.[key];
            if (String(ids) !== String(wanted?.ids)) continue;
            expect(text).toBe(wanted?.text);
            equal += 1;
          }
        }
        expect(equal).toBeGreaterThanOrEqual(23);
      });
    });
  }
});
