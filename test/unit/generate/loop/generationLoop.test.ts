import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScoreEvents } from "../../../../lib/generate/loop/job.js";
import type { Decoder } from "../../../../lib/nn/decoder.js";
import { ask, finish, idsOf, limitFor, loopOver, openGolden, readJson, watch } from "./loop.js";

const prompts = readJson("llama", "prompts.json") as number[][];
const expected = readJson("llama", "expected.json") as {
  greedy: number[][];
  greedy_stopped: number[][];
  greedy_stop_token: number;
};
let decoder: Decoder;

beforeAll(async () => {
  decoder = await openGolden("llama");
});
afterAll(() => decoder.dispose());

describe("the generation loop", () => {
  it.each([
    { stepRows: 64, batch: 8 },
    { stepRows: 3, batch: 8 },
    { stepRows: 16, batch: 1 },
    { stepRows: 5, batch: 2 },
  ])("answers as transformers does, with $stepRows rows a step and $batch sequences at once", (settings) => {
    const loop = loopOver(decoder, settings);
    const asked = ask(loop, prompts, { maxNewTokens: 32 });
    finish(loop);
    expect(asked.ended).toBe(true);
    expect(idsOf(asked)).toEqual(expected.greedy);
    expect(asked.answers.every((answer) => answer.finish === "length")).toBe(true);
    expect(asked.counts).toEqual([prompts.flat().length, 5 * 32]);
    loop.dispose();
  });

  it("ends an answer at a stop token, which it keeps", () => {
    const loop = loopOver(decoder);
    const asked = ask(loop, prompts, { maxNewTokens: 32, stopIds: [expected.greedy_stop_token] });
    finish(loop);
    expect(idsOf(asked)).toEqual(expected.greedy_stopped);
    for (const { ids, finish: how } of asked.answers) {
      expect(how).toBe(ids.at(-1) === expected.greedy_stop_token ? "stop" : "length");
    }
    loop.dispose();
  });

  it("never reads more rows of prompts in a step than it may, and continues all sequences meanwhile", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { stepRows: 4, batch: 3 });
    ask(loop, prompts, { maxNewTokens: 8 });
    finish(loop);
    expect(Math.max(...steps.map(({ rows }) => rows))).toBeLessThanOrEqual(4 + 3);
    expect(Math.max(...steps.map(({ slots }) => slots))).toBe(3);
    loop.dispose();
  });

  it("reads a prompt once for all of its samples", () => {
    const { decoder: watched, steps, taken } = watch(decoder);
    const loop = loopOver(watched, { batch: 50 });
    const prompt = prompts[4] as number[];
    const asked = ask(loop, [prompt], { n: 50, maxNewTokens: 4 });
    finish(loop);
    expect(asked.answers.map(({ sample }) => sample).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
    for (const { ids } of asked.answers) expect([...ids]).toEqual(expected.greedy[4]?.slice(0, 4));
    // The first token comes from the prompt's logits, the last one is not read again.
    expect(steps.reduce((sum, { rows }) => sum + rows, 0)).toBe(prompt.length + 50 * 3);
    expect(asked.counts).toEqual([prompt.length, 50 * 4]);
    expect(taken.size).toBe(loop.kept);
    loop.dispose();
  });

  it.each([1, 2, 3, 7])("gives many samples of many prompts with %i sequences at once", (batch) => {
    const { decoder: watched, steps, taken } = watch(decoder);
    const loop = loopOver(watched, { batch, stepRows: 7 });
    const asked = ask(loop, prompts, { n: 3, maxNewTokens: 5, batch });
    finish(loop);
    expect(asked.answers).toHaveLength(15);
    for (const { prompt, ids } of asked.answers) expect([...ids]).toEqual(expected.greedy[prompt.index]?.slice(0, 5));
    expect(steps.reduce((sum, { rows }) => sum + rows, 0)).toBe(prompts.flat().length + 15 * 4);
    expect(Math.max(...steps.map(({ slots }) => slots))).toBeLessThanOrEqual(batch);
    expect(taken.size).toBe(loop.kept);
    loop.dispose();
  });

  it("takes jobs while others run, and lets each have its turn", () => {
    const loop = loopOver(decoder, { batch: 2 });
    const long = ask(
      loop,
      Array.from({ length: 12 }, () => prompts[2] as number[]),
      { maxNewTokens: 10 },
    );
    for (let i = 0; i < 5; i++) loop.step();
    const short = ask(loop, [prompts[1] as number[]], { maxNewTokens: 3 });
    while (!short.ended && loop.step());
    expect(short.answers[0]?.ids).toEqual(expected.greedy[1]?.slice(0, 3));
    expect(long.ended).toBe(false);
    finish(loop);
    expect(long.answers).toHaveLength(12);
    loop.dispose();
  });

  it.each(["waiting", "being read", "being continued", "with samples waiting"])(
    "forgets a job that is cancelled %s, and frees its slots at once",
    (phase) => {
      const { decoder: watched, taken } = watch(decoder);
      const loop = loopOver(watched, { batch: 2, stepRows: 8 });
      const other =
        phase === "waiting" ? ask(loop, [prompts[1], prompts[2]] as number[][], { maxNewTokens: 9 }) : undefined;
      if (other) loop.step();
      const asked = ask(loop, [prompts[4]] as number[][], {
        maxNewTokens: 20,
        n: phase === "with samples waiting" ? 6 : 1,
      });
      const steps = { waiting: 1, "being read": 2, "being continued": 8, "with samples waiting": 8 }[phase] as number;
      for (let i = 0; i < steps; i++) loop.step();
      const before = asked.answers.length;
      loop.cancel(asked.job);
      if (!other) expect(taken.size).toBe(loop.kept);
      finish(loop);
      expect(loop.busy).toBe(false);
      expect(asked.answers).toHaveLength(before);
      expect(asked.ended).toBe(false);
      expect(taken.size).toBe(loop.kept);
      if (other) expect(idsOf(other)).toEqual([1, 2].map((i) => expected.greedy[i]?.slice(0, 9)));
      const again = ask(loop, prompts, { maxNewTokens: 6 });
      finish(loop);
      expect(idsOf(again)).toEqual(expected.greedy.map((ids) => ids.slice(0, 6)));
      loop.dispose();
    },
  );

  it("begins nothing for a job whose caller does not take its answers, and goes on when it does", () => {
    const loop = loopOver(decoder, { batch: 2 });
    let wanting = false;
    const asked = ask(loop, prompts, { maxNewTokens: 3, wanting: () => wanting });
    expect(loop.step()).toBe(false);
    expect(loop.busy).toBe(true);
    wanting = true;
    loop.step();
    wanting = false;
    finish(loop);
    expect(asked.answers).toHaveLength(2);
    wanting = true;
    finish(loop);
    expect(asked.answers).toHaveLength(5);
    loop.dispose();
  });

  it("waits for the cache to be empty when a job needs a larger one", () => {
    const { decoder: watched, caches } = watch(decoder);
    const loop = loopOver(watched, { batch: 2, stepRows: 8, limit: limitFor(decoder, 8, 2, 160) });
    const first = ask(loop, [prompts[0], prompts[1]] as number[][], { maxNewTokens: 4 });
    loop.step();
    const second = ask(loop, [prompts[4], prompts[4]] as number[][], { maxNewTokens: 32 });
    finish(loop);
    expect(idsOf(first)).toEqual([0, 1].map((i) => expected.greedy[i]?.slice(0, 4)));
    expect(idsOf(second)).toEqual([4, 4].map((i) => expected.greedy[i]));
    expect(caches).toHaveLength(2);
    expect(caches[1]?.tokens).toBeGreaterThanOrEqual(2 * 65);
    loop.dispose();
  });

  it("never sets more of the cache aside than there is", () => {
    const { decoder: watched, caches, steps } = watch(decoder);
    // AdmissionControl for one of the long sequences and a little more, although eight could run.
    const loop = loopOver(watched, { batch: 8, stepRows: 8, limit: limitFor(decoder, 8, 8, 100) });
    const asked = ask(loop, prompts, { maxNewTokens: 32 });
    finish(loop);
    expect(idsOf(asked)).toEqual(expected.greedy);
    expect(caches[0]?.tokens).toBeLessThanOrEqual(100);
    expect(Math.max(...steps.map(({ slots }) => slots))).toBeLessThan(4);
    loop.dispose();
  });

  it("ends the jobs that were begun when the decoder fails, and serves others", () => {
    let fails = true;
    const loop = loopOver({
      ...decoder,
      forward: (rows, cache, wanted) => {
        if (fails) throw new Error("the device is gone");
        return decoder.forward(rows, cache, wanted);
      },
    });
    const asked = ask(loop, prompts);
    finish(loop);
    expect(asked.error).toMatchObject({ message: "the device is gone" });
    expect(loop.busy).toBe(false);
    fails = false;
    const again = ask(loop, prompts, { maxNewTokens: 6 });
    finish(loop);
    expect(idsOf(again)).toEqual(expected.greedy.map((ids) => ids.slice(0, 6)));
    loop.dispose();
  });

  it("ends the job whose token cannot be chosen, and leaves the others alone", () => {
    const { decoder: watched, taken } = watch(decoder);
    const loop = loopOver(watched);
    const bad = ask(loop, [prompts[2], prompts[3]] as number[][], { maxNewTokens: 8, failsAt: 4 });
    const good = ask(loop, prompts, { maxNewTokens: 8 });
    finish(loop);
    expect(bad.error).toMatchObject({ message: "no token" });
    expect(bad.ended).toBe(false);
    expect(idsOf(good)).toEqual(expected.greedy.map((ids) => ids.slice(0, 8)));
    expect(taken.size).toBe(loop.kept);
    const never = ask(loop, prompts, { maxNewTokens: 8, failsAt: 0 });
    finish(loop);
    expect(never.error).toMatchObject({ message: "no token" });
    expect(loop.busy).toBe(false);
    expect(taken.size).toBe(loop.kept);
    loop.dispose();
  });

  it("gives the logits of every row of inputs, beside answers that are being made", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { stepRows: 7 });
    const { vocabulary } = decoder.spec;
    const got = prompts.map((ids) => new Float32Array(ids.length * vocabulary));
    let ended = false;
    const events: ScoreEvents = {
      rows: (index, first, logits) => got[index]?.set(logits, first * vocabulary),
      end: () => {
        ended = true;
      },
      failed: (error) => {
        throw error;
      },
    };
    const asked = ask(loop, [prompts[2]] as number[][], { maxNewTokens: 10 });
    loop.step();
    const works = prompts.map((ids, index) => {
      return { index, ids: Int32Array.from(ids), variant: 0, samples: [0], maxNewTokens: 0 };
    });
    loop.submit({ kind: "score", prompts: works, batch: undefined, wanting: () => true, events });
    finish(loop);
    expect(ended).toBe(true);
    expect(idsOf(asked)).toEqual([expected.greedy[2]?.slice(0, 10)]);
    expect(Math.max(...steps.map(({ rows }) => rows))).toBeLessThanOrEqual(8);
    for (const [index, ids] of prompts.entries()) {
      const cache = decoder.createCache({ slots: 1, tokens: ids.length });
      const zeros = new Int32Array(ids.length);
      const every = Int32Array.from(ids, (_, i) => i);
      const rows = { ids: Int32Array.from(ids), positions: every, slots: zeros, variants: zeros };
      const whole = decoder.forward(rows, cache, every);
      const largest = whole.reduce((most, x, i) => Math.max(most, Math.abs(x - (got[index]?.[i] as number))), 0);
      expect(largest).toBeLessThan(1e-4);
      cache.dispose();
    }
    loop.dispose();
  });

  it("ends a job without prompts", () => {
    const loop = loopOver(decoder);
    const asked = ask(loop, []);
    expect(loop.step()).toBe(false);
    expect(asked.ended).toBe(true);
    expect(loop.busy).toBe(false);
  });
});
