// What prompts have in common at their beginning is read once, wherever it is in the cache; answers do not show it.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Decoder } from "../../../../lib/nn/decoder.js";
import { ask, finish, idsOf, limitFor, loopOver, openGolden, watch } from "./loop.js";

let decoder: Decoder;

beforeAll(async () => {
  decoder = await openGolden("llama");
});
afterAll(() => decoder.dispose());

/** Random numbers below 1, the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const tokens = (count: number, seed: number) => {
  const random = generator(seed);
  return Array.from({ length: count }, () => 3 + Math.floor(random() * 400));
};

/** The answer to a prompt by itself. */
function alone(prompt: readonly number[], maxNewTokens: number): number[] {
  const loop = loopOver(decoder, { batch: 1, stepRows: 64 });
  const asked = ask(loop, [prompt], { maxNewTokens });
  finish(loop);
  loop.dispose();
  return idsOf(asked)[0] as number[];
}

const rowsOf = (steps: readonly { readonly rows: number }[]) => steps.reduce((sum, { rows }) => sum + rows, 0);

describe("a beginning in common", () => {
  it("is read once for prompts that are begun together", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { batch: 8, stepRows: 16 });
    const common = tokens(50, 1);
    const prompts = [1, 2, 3, 4].map((i) => [...common, 10 * i, ...tokens(4, 10 + i)]);
    const asked = ask(loop, prompts, { maxNewTokens: 3 });
    finish(loop);
    expect(rowsOf(steps)).toBe(50 + 4 * 5 + 4 * 2);
    expect(asked.counts).toEqual([4 * 55, 4 * 3]);
    expect(idsOf(asked)).toEqual(prompts.map((prompt) => alone(prompt, 3)));
    loop.dispose();
  });

  it("of a conversation is read once, with the answers that were made", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { batch: 2, stepRows: 64 });
    let talk = tokens(40, 2);
    let known = 0;
    for (let turn = 0; turn < 3; turn++) {
      steps.length = 0;
      const asked = ask(loop, [talk], { maxNewTokens: 4 });
      finish(loop);
      const [answer] = idsOf(asked) as [number[]];
      expect(answer).toEqual(alone(talk, 4));
      // The last new token was never read.
      expect(rowsOf(steps)).toBe(talk.length - known + 3);
      known = talk.length + 3;
      talk = [...talk, ...answer, ...tokens(6, 20 + turn)];
    }
    expect(loop.kept).toBe(1);
    loop.dispose();
  });

  it("of the same prompt again leaves its last token to be read", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { batch: 1, stepRows: 64 });
    const prompt = tokens(45, 3);
    const first = ask(loop, [prompt], { maxNewTokens: 2 });
    finish(loop);
    steps.length = 0;
    const second = ask(loop, [prompt], { maxNewTokens: 2 });
    finish(loop);
    expect(rowsOf(steps)).toBe(1 + 1);
    expect(idsOf(second)).toEqual(idsOf(first));
    loop.dispose();
  });

  it("with a prompt that is cancelled while it is read, is read by the next one", () => {
    const { decoder: watched } = watch(decoder);
    const loop = loopOver(watched, { batch: 4, stepRows: 8 });
    const common = tokens(60, 4);
    const leader = ask(loop, [[...common, 5]], { maxNewTokens: 2 });
    const follower = ask(loop, [[...common, 6, 7]], { maxNewTokens: 4 });
    const third = ask(loop, [[...common, 6, 8]], { maxNewTokens: 4 });
    for (let i = 0; i < 3; i++) loop.step();
    loop.cancel(leader.job);
    finish(loop);
    expect(idsOf(follower)).toEqual([alone([...common, 6, 7], 4)]);
    expect(idsOf(third)).toEqual([alone([...common, 6, 8], 4)]);
    loop.dispose();
  });

  it("is forgotten where its place in the cache is needed", () => {
    const { decoder: watched, taken } = watch(decoder);
    const loop = loopOver(watched, { batch: 2, stepRows: 32, limit: limitFor(decoder, 32, 2, 150) });
    for (let i = 0; i < 6; i++) {
      const prompt = tokens(60, 30 + i);
      const asked = ask(loop, [prompt], { maxNewTokens: 4 });
      finish(loop);
      expect(idsOf(asked)).toEqual([alone(prompt, 4)]);
      expect(loop.kept).toBeLessThanOrEqual(2);
      expect(taken.size).toBe(loop.kept);
    }
    loop.dispose();
  });

  it("is not used for logits of given tokens, which are all wanted", () => {
    const loop = loopOver(decoder, { stepRows: 64 });
    const prompt = tokens(50, 5);
    ask(loop, [prompt], { maxNewTokens: 2 });
    finish(loop);
    const firsts: number[] = [];
    const work = { index: 0, ids: Int32Array.from(prompt), variant: 0, samples: [0], maxNewTokens: 0 };
    loop.submit({
      kind: "score",
      prompts: [work],
      batch: undefined,
      wanting: () => true,
      events: { rows: (_, first) => firsts.push(first), end: () => {}, failed: () => {} },
    });
    finish(loop);
    expect(firsts).toEqual([0]);
    loop.dispose();
  });
});

it.each(Array.from({ length: 20 }, (_, i) => i))(
  "gives the answers that each prompt has alone, whatever happens (seed %i)",
  (seed) => {
    const random = generator(seed);
    const below = (count: number) => Math.floor(random() * count);
    const batch = 1 + below(4);
    const stepRows = 4 + below(40);
    const limit = limitFor(decoder, stepRows, batch, 140 + below(200));
    const { decoder: watched, taken } = watch(decoder);
    const loop = loopOver(watched, { batch, stepRows, limit });
    const beginnings = [tokens(45, seed + 50), tokens(38, seed + 60)];
    const going: { prompts: number[][]; count: number; asked: ReturnType<typeof ask> }[] = [];
    for (let i = 0; i < 12; i++) {
      const prompts = Array.from({ length: 1 + below(3) }, (_, at) => {
        const beginning = (beginnings[below(2)] as number[]).slice(0, 30 + below(20));
        return random() < 0.8
          ? [...beginning, ...tokens(1 + below(8), seed * 100 + i * 10 + at)]
          : tokens(1 + below(9), i);
      });
      const count = 1 + below(4);
      const asked = ask(loop, prompts, { maxNewTokens: count, n: 1 + below(3), batch: random() < 0.3 ? 1 : undefined });
      going.push({ prompts, count, asked });
      for (let steps = below(5); steps > 0; steps--) loop.step();
      if (random() < 0.25) loop.cancel((going[below(going.length)] as (typeof going)[number]).asked.job);
    }
    finish(loop);
    expect(loop.busy).toBe(false);
    expect(taken.size).toBe(loop.kept);
    for (const { prompts, count, asked } of going) {
      expect(asked.error).toBeUndefined();
      for (const { prompt, ids } of asked.answers)
        expect([...ids]).toEqual(alone(prompts[prompt.index] as number[], count));
    }
    loop.dispose();
  },
);
