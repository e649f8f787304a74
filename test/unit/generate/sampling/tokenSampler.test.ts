// Draws: which token comes, that it depends on the seed and the answer's place alone, and that many have the right shares.

import { describe, expect, it } from "vitest";
import { likeliest, type SamplerSettings, TokenSampler } from "../../../../lib/generate/sampling/tokenSampler.js";
import { warp } from "../../../../lib/generate/sampling/warp.js";
import { uniformAt } from "../../../../lib/random/philox.js";

const plain: SamplerSettings = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, seed: 0 };

/** Logits like a model's: a function of the place. */
function logitsAt(position: number, size = 300): Float32Array {
  return Float32Array.from({ length: size }, (_, id) => 6 * Math.sin(id * 12.9898 + position * 78.233));
}

function tokens(settings: SamplerSettings, index: number, sample: number, count = 20, prompt: number[] = []): number[] {
  const sampler = new TokenSampler(settings, { index, sample }, prompt);
  return Array.from({ length: count }, (_, position) => sampler.next(logitsAt(position)));
}

describe("a greedy sampler", () => {
  it("takes the likeliest token, of equals the one with the lowest id", () => {
    const sampler = new TokenSampler({ ...plain, temperature: 0 }, { index: 0, sample: 0 }, []);
    expect(sampler.next(Float32Array.of(1, 3, 2, 3))).toBe(1);
    expect(likeliest(Float32Array.of(Number.NaN, -1, -1))).toBe(1);
  });

  it("penalises the prompt's tokens and its own, each once however often it occurs", () => {
    const settings = { ...plain, temperature: 0, repetitionPenalty: 1.5 };
    const sampler = new TokenSampler(settings, { index: 0, sample: 0 }, [1, 1, 1]);
    const logits = Float32Array.of(2, 3.2, 2.5, 1);
    // 3.2 / 1.5 = 2.13 < 2.5, then 2.5 / 1.5 = 1.67 < 2.13, then 2.13 stays ahead of 2 for good.
    expect([sampler.next(logits), sampler.next(logits), sampler.next(logits)]).toEqual([2, 1, 1]);
    expect(logits).toEqual(Float32Array.of(2, 3.2, 2.5, 1));
  });

  it("makes negative logits of repeated tokens smaller still", () => {
    const settings = { ...plain, temperature: 0, repetitionPenalty: 2 };
    const sampler = new TokenSampler(settings, { index: 0, sample: 0 }, [0]);
    expect(sampler.next(Float32Array.of(-1, -1.5))).toBe(1);
  });

  it("refuses logits that are not finite", () => {
    const sampler = new TokenSampler({ ...plain, temperature: 0 }, { index: 0, sample: 0 }, []);
    for (const bad of [[Number.NaN], [Number.NEGATIVE_INFINITY], [0, Number.POSITIVE_INFINITY], []]) {
      expect(() => sampler.next(Float32Array.from(bad))).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
    }
  });
});

describe("a drawing sampler", () => {
  it("gives the same tokens whatever is drawn beside it", () => {
    const alone = tokens(plain, 3, 1);
    const samplers = Array.from({ length: 5 }, (_, sample) => new TokenSampler(plain, { index: 3, sample }, []));
    const together = samplers.map(() => [] as number[]);
    for (let position = 0; position < 20; position += 1) {
      for (const [row, sampler] of samplers.toReversed().entries()) {
        together[4 - row]?.push(sampler.next(logitsAt(position)));
      }
    }
    expect(together[1]).toEqual(alone);
  });

  it("gives other tokens for another seed, prompt or sample", () => {
    const runs = [tokens(plain, 0, 0), tokens({ ...plain, seed: 1 }, 0, 0), tokens(plain, 1, 0), tokens(plain, 0, 1)];
    expect(new Set(runs.map(String)).size).toBe(4);
    expect(tokens(plain, 0, 0)).toEqual(runs[0]);
  });

  it("stays the same from version to version", () => {
    expect(tokens({ ...plain, seed: 42, temperature: 0.6, topK: 50, topP: 0.9 }, 2, 7, 8)).toMatchInlineSnapshot(`
      [
        93,
        279,
        228,
        192,
        230,
        149,
        82,
        223,
      ]
    `);
  });

  it("draws each token as often as its probability says", () => {
    const settings = { ...plain, temperature: 0.8, topK: 6, topP: 0.9 };
    const logits = Float32Array.of(1, 0, 2, -1, 1.5, 0.5, -3, 2.2);
    const draws = 20_000;
    const counts = new Array<number>(logits.length).fill(0);
    for (let index = 0; index < draws; index += 1) {
      const id = new TokenSampler(settings, { index, sample: 0 }, []).next(logits);
      counts[id] = (counts[id] as number) + 1;
    }
    const { ids, weights, count: candidates, total } = warp(logits, settings);
    const shares = new Map(
      [...ids.subarray(0, candidates)].map((id, place) => [id, (weights[place] as number) / total]),
    );
    let chiSquare = 0;
    for (const [id, count] of counts.entries()) {
      const share = shares.get(id) ?? 0;
      if (share === 0) expect(count).toBe(0);
      else chiSquare += (count - share * draws) ** 2 / (share * draws);
    }
    // Far beyond the 0.1 % point of any number of tokens here; the draws are always the same ones.
    expect(chiSquare).toBeLessThan(25);
  });

  it("never chooses a token of probability 0, not even at the ends of the range", () => {
    const logits = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
    for (let index = 0; index < 50; index += 1) {
      expect(new TokenSampler(plain, { index, sample: 0 }, []).next(logits)).toBe(1);
    }
  });

  it("leaves the logits as they are", () => {
    const logits = logitsAt(0);
    new TokenSampler({ ...plain, temperature: 0.5, repetitionPenalty: 1.3 }, { index: 0, sample: 0 }, [5]).next(logits);
    expect(logits).toEqual(logitsAt(0));
  });
});

describe("random numbers", () => {
  it("are spread evenly, and differ at every place", () => {
    const numbers = Array.from({ length: 4096 }, (_, at) =>
      uniformAt({ seed: at % 2, index: (at >> 1) % 16, sample: (at >> 5) % 16, position: at >> 9 }),
    );
    expect(new Set(numbers).size).toBe(4096);
    const bins = new Array<number>(16).fill(0);
    for (const number of numbers) bins[Math.floor(number * 16)] = (bins[Math.floor(number * 16)] as number) + 1;
    expect(Math.min(...bins)).toBeGreaterThan(200);
    expect(Math.max(...bins)).toBeLessThan(312);
  });

  it("use all bits of the seed and of the index", () => {
    const base = { seed: 5, index: 5, sample: 0, position: 0 };
    const numbers = [base, { ...base, seed: 5 + 2 ** 40 }, { ...base, index: 5 + 2 ** 40 }].map(uniformAt);
    expect(new Set(numbers).size).toBe(3);
  });
});
