// What a model expects after a prompt: log-probabilities of named tokens. The threads run the compiled package.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GenerationLoop } from "../../../lib/generate/loop/generationLoop.js";
import { alikeTogether } from "../../../lib/generate/loop/preparePrompts.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model, NextLogprobs, Prompt, TokenName } from "../../../lib/generate/types.js";
import type { Decoder } from "../../../lib/nn/decoder.js";
import { modelFolder, promptsOf } from "../../golden/generate/modelFolders.js";
import { failure } from "../checkpoint/fixtures.js";
import { loopOver, openGolden, watch } from "./loop/loop.js";

const prompts = promptsOf("llama");
let model: Model;

beforeAll(async () => {
  model = await openModel(modelFolder("llama"), { engine: "native" });
});
afterAll(() => model.close());

async function next(
  of: Model,
  asked: readonly Prompt[],
  tokens?: readonly (readonly TokenName[])[] | "all",
  lambda?: number[],
): Promise<NextLogprobs[]> {
  const found: NextLogprobs[] = [];
  for await (const one of of.nextLogprobs(asked, tokens, { lambda })) found.push(one);
  return found.sort((a, b) => a.index - b.index || (a.lambda ?? 0) - (b.lambda ?? 0));
}

/** By its definition, in float64. */
function logSoftmax(row: Float32Array): number[] {
  const most = Math.max(...row);
  const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
  return Array.from(row, (value) => value - most - Math.log(sum));
}

describe("log-probabilities after a prompt", () => {
  it("are the softmax of the logits after its last token, of all tokens or of those that are named", async () => {
    const logits = await model.logits(prompts);
    const vocabulary = (logits[0] as Float32Array).length / (prompts[0] as number[]).length;
    const expected = logits.map((rows) => logSoftmax(rows.subarray(-vocabulary)));
    const all = await next(model, prompts);
    const named = prompts.map((_, at) => [at, 7 * at + 3, 5]);
    const some = await next(model, prompts, named);
    for (const [at, row] of expected.entries()) {
      expect(all[at]).toMatchObject({ index: at, promptTokens: prompts[at]?.length });
      const found = all[at]?.logprobs as Float32Array;
      expect(found.length).toBe(vocabulary);
      for (const [id, value] of row.entries()) expect(Math.abs((found[id] as number) - value)).toBeLessThan(2e-6);
      expect([...(some[at]?.logprobs ?? [])]).toEqual(named[at]?.map((id) => found[id]));
    }
  });

  it("name a token by the text that it adds, with and without a space", async () => {
    const { tokenizer } = model;
    const [start, ...ids] = tokenizer.encode("a\nby the end", { addSpecialTokens: false }) as [number, ...number[]];
    const before = tokenizer.decode([start]).length;
    const texts = ids.map((id) => tokenizer.decode([start, id]).slice(before));
    expect(texts.join("")).toBe("\nby the end");
    const [byText] = await next(model, ["Hello"], [texts]);
    const [byId] = await next(model, ["Hello"], [ids]);
    expect(byText?.logprobs).toEqual(byId?.logprobs);
  });

  it("come for every lambda of a merge", async () => {
    const models = join(import.meta.dirname, "../../golden/merge/models");
    const recipe = {
      merge_method: "linear",
      models: [{ model: join(models, "base") }, { model: join(models, "ft1") }],
    };
    const merge = await openModel({ ...recipe, dtype: "float32" } as never, { lambdas: [0.2, 0.7] });
    const found = await next(merge, [[1, 2, 3]], [[4, 5]]);
    expect(found.map(({ lambda }) => lambda)).toEqual([0.2, 0.7]);
    for (const { lambda, logprobs } of found) {
      const [rows] = await merge.logits([[1, 2, 3]], { lambda });
      const row = logSoftmax((rows as Float32Array).subarray(-((rows as Float32Array).length / 3)));
      expect([...logprobs]).toEqual([4, 5].map((id) => expect.closeTo(row[id] as number, 5)));
    }
    await merge.close();
  });

  it("are refused with the reason: no such token, an id that the model does not have, lists that are not one a prompt", async () => {
    expect(await failure(next(model, ["a"], [["no single token at all"]]))).toMatchObject({
      code: "INCOMPATIBLE",
      message: '"no single token at all" is no single token of this model',
    });
    expect(await failure(next(model, ["a"], [[999_999]]))).toMatchObject({ code: "BAD_INPUT" });
    expect(await failure(next(model, ["a", "b"], [[1]]))).toMatchObject({ code: "USAGE" });
    expect(await failure(next(model, [[]]))).toMatchObject({ code: "BAD_INPUT" });
  });

  it("end when the caller does, and leave the model to others", async () => {
    for await (const { index } of model.nextLogprobs(Array.from({ length: 64 }, () => prompts[3] as number[]))) {
      expect(index).toBe(0);
      break;
    }
    expect(await next(model, [prompts[1] as number[]], [[1]])).toHaveLength(1);
  });
});

describe("what prompts begin with in common", () => {
  let decoder: Decoder;
  beforeAll(async () => {
    decoder = await openGolden("llama");
  });
  afterAll(() => decoder.dispose());

  it("is read once, and each of the other tokens too: one forward pass a prompt", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { batch: 4, stepRows: 64 });
    const common = Array.from({ length: 60 }, (_, at) => 3 + ((at * 37) % 400));
    const asked = Array.from({ length: 9 }, (_, at) => [...common, 10 + at, 50 + at, 90 + at]);
    expect(askNext(loop, asked)).toBe(9);
    expect(steps.reduce((sum, { rows }) => sum + rows, 0)).toBe(60 + 9 * 3);
    expect(steps.reduce((sum, { wanted }) => sum + wanted, 0)).toBe(9);
    loop.dispose();
  });

  it("is read once where there are far more questions than places, each with endings of two lengths", () => {
    const { decoder: watched, steps } = watch(decoder);
    const loop = loopOver(watched, { batch: 6, stepRows: 64 });
    const questions = Array.from({ length: 20 }, (_, at) =>
      Array.from({ length: 40 }, (_, place) => 3 + ((at * 53 + place * 37 + at * place) % 400)),
    );
    // The endings of a question: one token, or the same one and three more.
    const asked = questions.flatMap((question) => [
      [...question, 5, 6, 7, 8],
      [...question, 5],
      [...question, 9, 6, 7, 8],
    ]);
    expect(askNext(loop, asked)).toBe(60);
    expect(steps.reduce((sum, { rows }) => sum + rows, 0)).toBe(20 * (40 + 1 + 3 + 4));
    loop.dispose();
  });
});

/** Asks for the logits after prompts, in the order in which the model's thread begins them; how many came. */
function askNext(loop: GenerationLoop, asked: readonly (readonly number[])[]): number {
  const found = new Map<number, number>();
  const prompts = asked.map((ids, index) => ({
    ...{ index, ids: Int32Array.from(ids), variant: 0, samples: [0], maxNewTokens: 0 },
  }));
  alikeTogether(prompts);
  loop.submit({
    kind: "next",
    prompts,
    batch: undefined,
    wanting: () => true,
    events: {
      last: ({ index }, logits) => found.set(index, logits.indexOf(Math.max(...logits))),
      end: () => undefined,
      failed: (error) => {
        throw error;
      },
    },
  });
  while (loop.step());
  return found.size;
}
