// Every family against transformers' outputs on tiny models (float32 arithmetic on the stored weights), on every engine.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AssembledDecoder } from "../../../lib/nn/ops/assembleDecoder.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { casesOn, ENGINES, MODELS_FOLDER, openOn } from "./engines.js";
import { allLogits, distance, greedy, lastLogits, logprobsOf, rowsOf, wholePrompts } from "./steps.js";

const LOGITS = 2e-4;
const HIDDEN = 5e-4;
const MODELS = ["llama", "llama3", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2"];

const json = (model: string, file: string) => JSON.parse(readFileSync(join(MODELS_FOLDER, model, file), "utf8"));

for (const [engine, missing] of ENGINES) {
  describe.skipIf(missing)(`${engine}${missing ? `: ${missing}` : ""}`, () => {
    describe.each(casesOn(engine, MODELS, ["gemma2", "gpt2"]))("%s", (model) => {
      const prompts: number[][] = json(model, "prompts.json");
      const expected = json(model, "expected.json");
      const tensors = readCheckpoint(join(MODELS_FOLDER, model), "expected.safetensors");
      const tensor = (name: string) => tensors.get(name)?.values ?? [];
      const longest = prompts[4] as number[];
      let decoder: AssembledDecoder;
      let vocabulary: number;
      beforeAll(async () => {
        decoder = await openOn(engine, join(MODELS_FOLDER, model));
        vocabulary = decoder.spec.vocabulary;
      });
      afterAll(() => decoder?.dispose());

      it("gives the logits of prompts of all lengths in one batch", () => {
        const cache = decoder.createCache({ slots: 5, tokens: 100 });
        const logits = lastLogits(decoder, cache, wholePrompts(prompts));
        cache.dispose();
        expect(distance(logits, tensor("last_logits"))).toBeLessThan(LOGITS);
        expect(distance(logits, tensor("last_logits_f64"))).toBeLessThan(LOGITS);
      });

      it("gives the same with the configuration that transformers 5 writes", async () => {
        const other = await openOn(engine, join(MODELS_FOLDER, model), json(model, "config.v5.json"));
        const cache = other.createCache({ slots: 5, tokens: 100 });
        const logits = lastLogits(other, cache, wholePrompts(prompts));
        cache.dispose();
        other.dispose();
        expect(distance(logits, tensor("last_logits"))).toBeLessThan(LOGITS);
      });

      it("gives logits and log-probabilities of every position", () => {
        for (const [i, ids] of prompts.entries()) {
          const cache = decoder.createCache({ slots: 1, tokens: ids.length });
          const logits = allLogits(decoder, cache, [{ slot: 0, ids, start: 0 }]);
          cache.dispose();
          if (i === 4) expect(distance(logits, tensor("all_logits_p4"))).toBeLessThan(LOGITS);
          if (i === 0) continue;
          const logprobs = logprobsOf(logits, vocabulary, ids);
          expect(distance(logprobs, tensor(`logprobs_p${i}`))).toBeLessThan(LOGITS);
        }
      });

      it("gives the hidden states of every layer", () => {
        const cache = decoder.createCache({ slots: 1, tokens: 20 });
        const states = decoder.hiddenStates(rowsOf([{ slot: 0, ids: prompts[3] as number[], start: 0 }]), cache);
        cache.dispose();
        expect(states).toHaveLength(decoder.spec.layers.length + 1);
        for (const [i, state] of states.entries()) {
          expect(distance(state, tensor(`hidden_p3_${i}`)), `hidden state ${i}`).toBeLessThan(HIDDEN);
        }
      });

      it("answers greedily, token for token, alone and in a batch", () => {
        const answers = greedy(decoder, prompts, 32);
        expect(answers).toEqual(expected.greedy);
        expect(answers).toEqual(expected.left_padded_greedy);
        expect(greedy(decoder, [prompts[2] as number[]], 32)).toEqual([expected.greedy[2]]);
      });

      it("answers greedily with a repetition penalty, token for token", () => {
        expect(greedy(decoder, prompts, 32, 1.2)).toEqual(expected.greedy_rep12);
      });

      it("gives the same logits token by token, in pieces, and after a fork", () => {
        const cache = decoder.createCache({ slots: 4, tokens: 200 });
        const logits: number[] = [];
        for (const [position, id] of longest.entries()) {
          logits.push(...allLogits(decoder, cache, [{ slot: 0, ids: [id], start: position }]));
        }
        expect(distance(logits, tensor("all_logits_p4"))).toBeLessThan(LOGITS);

        const pieces: number[] = [];
        for (const [start, end] of [
          [0, 7],
          [7, 8],
          [8, 20],
          [20, 33],
        ] as const) {
          // another sequence is read beside it
          const other = { slot: 2, ids: longest.slice(start, end).reverse(), start };
          const own = { slot: 1, ids: longest.slice(start, end), start };
          const both = start === 7 ? [own, other] : [other, own];
          const all = allLogits(decoder, cache, both);
          const begin = start === 7 ? 0 : all.length / 2;
          pieces.push(...all.subarray(begin, begin + all.length / 2));
        }
        expect(distance(pieces, tensor("all_logits_p4"))).toBeLessThan(LOGITS);

        cache.release(2);
        cache.fork(1, 3, 20);
        cache.release(0);
        cache.fork(1, 0, 20);
        const rest = [0, 3].map((slot) => ({ slot, ids: longest.slice(20), start: 20 }));
        const forked = allLogits(decoder, cache, rest);
        cache.dispose();
        const half = forked.length / 2;
        const want = tensor("all_logits_p4").slice(20 * vocabulary);
        expect(distance(forked.subarray(0, half), want)).toBeLessThan(LOGITS);
        expect(distance(forked.subarray(half), want)).toBeLessThan(LOGITS);
      });
    });
  });
}
