// Continuations: their log-probabilities, with what they share read once. The threads run the compiled package.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ContinuedInput, Model } from "../../../lib/generate/types.js";
import { modelFolder } from "../../golden/generate/modelFolders.js";
import { failure } from "../checkpoint/fixtures.js";

let model: Model;
beforeAll(async () => {
  model = await openModel(modelFolder("llama"), { engine: "native" });
});
afterAll(() => model.close());

/** Ids that look drawn, and are the same in every run. */
const ids = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, at) => (seed * 31 + at * at * 7 + at * seed) % 90);

/** Contexts of several lengths, each with four endings. */
const inputs: ContinuedInput[] = [3, 34, 70, 90].flatMap((length, at) => {
  const context = ids(length, at + 1);
  return [1, 2, 5, 9].map((ending, seed) => ({ ids: [...context, ...ids(ending, seed + 3)], from: length }));
});

describe("continuations", () => {
  it("have the log-probabilities that the whole text has, to the bit", async () => {
    const whole = await model.logprobs(inputs.map((input) => input.ids));
    const scores = await model.continuations(inputs);
    for (const [at, { from }] of inputs.entries()) {
      expect([...(scores[at]?.logprobs ?? [])], `input ${at}`).toEqual([
        ...(whole[at] as Float32Array).subarray(from - 1),
      ]);
    }
  });

  it("are greedy where every token is the likeliest", async () => {
    const context = ids(40, 5);
    const written: number[][] = [];
    for await (const answer of model.generate([context], { maxNewTokens: 4, ignoreEos: true }))
      written.push([...answer.ids]);
    const own = written[0] as number[];
    const other = [...own.slice(0, 3), ((own[3] as number) + 1) % 90];
    const scores = await model.continuations(
      [own, other, own.slice(0, 1)].map((ending) => ({ ids: [...context, ...ending], from: 40 })),
    );
    expect(scores.map(({ greedy }) => greedy)).toEqual([true, false, true]);
  });

  it("may be one token longer than the context, whose last token is not read", async () => {
    const { contextLength } = model;
    const long = ids(contextLength + 1, 2);
    const [score] = await model.continuations([{ ids: long, from: contextLength }]);
    expect(score?.logprobs).toHaveLength(1);
    expect((await failure(model.continuations([{ ids: [...long, 1], from: 5 }]))).message).toContain("input 0");
  });

  it("refuse what has nothing to score", async () => {
    for (const from of [0, 3, 4, 1.5]) {
      expect((await failure(model.continuations([{ ids: [1, 2, 3], from }]))).message).toContain("none to score");
    }
  });
});
