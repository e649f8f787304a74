// Models whose long contexts turn by other frequencies (long rope): a sequence that grows beyond the border is read anew.

import { afterAll, beforeAll, expect, it } from "vitest";
import { loadAddon } from "../../../../lib/addon/load.js";
import { openCheckpoint } from "../../../../lib/checkpoint/open.js";
import type { Decoder } from "../../../../lib/nn/decoder.js";
import { openDecoder } from "../../../../lib/nn/openDecoder.js";
import { ask, finish, golden, idsOf, loopOver, readJson, watch } from "./loop.js";

const BORDER = 24;
const prompts = readJson("phi3", "prompts.json") as number[][];
let decoder: Decoder;

beforeAll(async () => {
  const checkpoint = await openCheckpoint(golden("phi3"), { addon: loadAddon() });
  const factors = (by: number) => Array.from({ length: 8 }, (_, i) => 1 + by * i);
  const rope_scaling = { type: "longrope", short_factor: factors(0.1), long_factor: factors(3) };
  const config = { ...checkpoint.config, rope_scaling, original_max_position_embeddings: BORDER };
  decoder = await openDecoder({ ...checkpoint, config }, "native");
});
afterAll(() => decoder.dispose());

/** Greedy decoding that reads everything anew for every token. */
function plainly(prompt: readonly number[], count: number): number[] {
  const ids = [...prompt];
  for (let i = 0; i < count; i++) {
    const cache = decoder.createCache({ slots: 1, tokens: ids.length });
    const zeros = new Int32Array(ids.length);
    const rows = { ids: Int32Array.from(ids), positions: zeros.map((_, at) => at), slots: zeros, variants: zeros };
    const contexts = zeros.map(() => ids.length);
    const logits = decoder.forward({ ...rows, contexts }, cache, Int32Array.of(ids.length - 1));
    ids.push(logits.indexOf(logits.reduce((most, x) => Math.max(most, x))));
    cache.dispose();
  }
  return ids.slice(prompt.length);
}

it("answers as if everything were read anew for every token, on either side of the border", () => {
  expect(decoder.spec.layers[0]?.attend.rope?.long?.from).toBe(BORDER);
  const exact = (prompts[2] as number[]).concat(prompts[3] as number[]).slice(0, BORDER);
  const all = [...prompts, exact];
  const { decoder: watched, taken } = watch(decoder);
  const loop = loopOver(watched, { stepRows: 7, batch: 4 });
  const asked = ask(loop, all, { maxNewTokens: 10 });
  finish(loop);
  expect(idsOf(asked)).toEqual(all.map((prompt) => plainly(prompt, 10)));
  expect(taken.size).toBe(loop.kept);
  loop.dispose();
});

it("does so for samples that were forked from one prompt", () => {
  const prompt = prompts[3] as number[];
  const loop = loopOver(decoder, { stepRows: 7, batch: 4 });
  const asked = ask(loop, [prompt], { maxNewTokens: 12, n: 3 });
  finish(loop);
  const wanted = plainly(prompt, 12);
  expect(asked.answers.map(({ ids }) => [...ids])).toEqual([wanted, wanted, wanted]);
  loop.dispose();
});
