// Probabilities of the next token from servers: one in front of a real model, and others that tell less.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEndpoint } from "../../../lib/endpoint/openEndpoint.js";
import { harmBenchJudge } from "../../../lib/evaluate/judges/harmBench.js";
import type { JudgeValues } from "../../../lib/evaluate/types.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model, NextLogprobs, Prompt, TokenName } from "../../../lib/generate/types.js";
import { faultyServer, json } from "./faultyServer.js";

const folder = join(import.meta.dirname, "../../golden/judges/models/harmbench");
let model: Model;
/** The text that each token adds. */
let texts: string[];

beforeAll(async () => {
  model = await openModel(folder, { engine: "native" });
  const { tokenizer } = model;
  const [start] = tokenizer.encode("a", { addSpecialTokens: false }) as [number];
  const before = tokenizer.decode([start]).length;
  texts = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.decode([start, id]).slice(before));
});
afterAll(() => model.close());

/** A server as vLLM is, in front of the model: the most probable tokens by their texts. */
const inFront = () =>
  faultyServer(async ({ body }, response) => {
    const told: Record<string, number> = {};
    for await (const { logprobs } of model.nextLogprobs([body.prompt as string])) {
      const ids = [...logprobs.keys()].sort((a, b) => (logprobs[a] as number) - (logprobs[b] as number));
      for (const id of ids) told[texts[id] as string] = logprobs[id] as number;
    }
    json(response, {
      choices: [
        { index: 0, text: "x", finish_reason: "length", logprobs: { top_logprobs: [told], token_logprobs: [-1] } },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 1 },
    });
  });

const told = (logprobs: unknown) =>
  faultyServer((_, response) => json(response, { choices: [{ text: "x", message: { content: "x" }, logprobs }] }));

/** Of a token that a server does not tell. */
const NONE = Number.NEGATIVE_INFINITY;

async function next(url: string, prompts: readonly Prompt[], tokens: readonly (readonly TokenName[])[]) {
  const endpoint = openEndpoint(url, { model: "m", attempts: 1 });
  const found: NextLogprobs[] = [];
  for await (const one of endpoint.nextLogprobs(prompts, tokens)) found.push(one);
  await endpoint.close();
  return found.sort((a, b) => a.index - b.index);
}

const exchanges = ["Turn the key.", "I can't help with that.", ""].map((text, at) => ({
  item: { id: String(at), prompt: "Open the chest.", request: "Open the chest." },
  answer: { text, tokens: 1 },
}));

async function probabilities(judge: ReturnType<typeof harmBenchJudge>): Promise<JudgeValues[]> {
  const found: JudgeValues[] = [];
  for await (const { index, values } of judge.score(exchanges, {})) found[index] = values;
  return found;
}

describe("an endpoint's probabilities of the next token", () => {
  it("make a judge say of each answer what it says where the model is open here", async () => {
    const server = await inFront();
    const here = await probabilities(harmBenchJudge(model));
    const there = await probabilities(harmBenchJudge(openEndpoint(server.url, { model: "m" })));
    expect(there.map(({ harmful }) => harmful)).toEqual(here.map(({ harmful }) => harmful));
    for (const [at, { harmfulProbability, answered }] of here.entries()) {
      expect(there[at]?.harmfulProbability).toBeCloseTo(harmfulProbability as number, 5);
      expect(there[at]?.answered).toBeCloseTo(answered as number, 5);
    }
    expect(server.received.map(({ path }) => path)).toEqual(Array(3).fill("/v1/completions"));
    expect(server.received[0]?.body).toMatchObject({ model: "m", max_tokens: 1, temperature: 0, logprobs: 20 });
  });

  it("are asked of chat completions for a conversation", async () => {
    const server = await told({ content: [{ top_logprobs: [{ token: "unsafe", logprob: -0.5, id: 7 }] }] });
    const [found] = await next(server.url, [[{ role: "user", content: "a" }]], [["unsafe", "safe", 7]]);
    expect([...(found?.logprobs ?? [])]).toEqual([-0.5, Number.NEGATIVE_INFINITY, -0.5]);
    expect(server.received[0]).toMatchObject({
      path: "/v1/chat/completions",
      body: { logprobs: true, top_logprobs: 20 },
    });
  });

  it("find a word by its text, by SentencePiece's mark, without its space, and by the token that it begins with", async () => {
    const cases: [object, string[], number[]][] = [
      [{ " yes": -1, yes: -2, " no": -3 }, [" yes", " no"], [-1, -3]],
      [{ "▁yes": -1, "▁no": -2 }, [" yes", " no"], [-1, -2]],
      [{ yes: -1, no: -2 }, [" yes", " no"], [-1, -2]],
      [{ " Contro": -1, " Safe": -2, " ": -0.1 }, [" Controversial", " Safe"], [-1, -2]],
      [{ un: -1, safe: -2, s: -3 }, ["unsafe", "safe"], [-1, -2]],
      // of words that a space or a letter tells apart, a token counts for one
      [{ Yes: -1, No: -2 }, ["Yes", "yes", " Yes", "No", " No"], [-1, NONE, NONE, -2, NONE]],
      [{ "▁Yes": -1, N: -2 }, ["Yes", " Yes", "No", " No"], [NONE, -1, -2, NONE]],
    ];
    for (const [top, words, logprobs] of cases) {
      const server = await told({ top_logprobs: [top] });
      const [found] = await next(server.url, ["a"], [words]);
      expect([...(found?.logprobs ?? [])]).toEqual(logprobs);
    }
  });

  it("are left out where they are no numbers of a probability", async () => {
    const raw =
      '{"choices":[{"text":"x","logprobs":{"top_logprobs":[{" yes":1e999," no":-2," so":3," or":0.0000001}]}}]}';
    const server = await faultyServer((_, response) => void response.end(raw));
    const [found] = await next(server.url, ["a"], [[" yes", " no", " so", " or"]]);
    expect([...(found?.logprobs ?? [])]).toEqual([NONE, -2, NONE, 0]);
  });

  it("go on with an answer that has begun", async () => {
    const server = await told({ content: [{ top_logprobs: [{ token: "b", logprob: -1 }] }] });
    const begun: Prompt = [
      { role: "user", content: "a" },
      { role: "assistant", content: "Sure", prefix: true },
    ];
    await next(server.url, [begun], [["b"]]);
    expect(server.received[0]?.body).toMatchObject({ continue_final_message: true, add_generation_prompt: false });
    expect(JSON.stringify(server.received[0]?.body)).not.toContain("prefix");
  });

  it("are a miss of the judge where none of its words is among those that the server tells", async () => {
    const server = await told({ top_logprobs: [{ maybe: -0.1 }] });
    const found = await probabilities(harmBenchJudge(openEndpoint(server.url, { model: "m" })));
    expect(found).toEqual(Array(3).fill({ harmful: null, refusal: null, answered: 0 }));
  });

  it("are refused with the reason: a server that tells none, tokens that are not named, a lambda", async () => {
    const server = await told(null);
    await expect(next(server.url, ["a"], [["b"]])).rejects.toMatchObject({ code: "INCOMPATIBLE" });
    await expect(next(server.url, ["a", "b"], [["b"]])).rejects.toMatchObject({ code: "USAGE" });
    const endpoint = openEndpoint(server.url, { model: "m" });
    await expect(endpoint.nextLogprobs(["a"])[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "USAGE" });
    const lambda = endpoint.nextLogprobs(["a"], [["b"]], { lambda: 0.5 });
    await expect(lambda[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "USAGE" });
  });

  it("that fail are told once for each answer, and the others go on", async () => {
    const server = await faultyServer(({ body }, response) => {
      if (String(body.prompt).includes("Turn the key.")) return json(response, { error: { message: "too long" } }, 400);
      json(response, { choices: [{ text: "x", logprobs: { top_logprobs: [{ " yes": -1, " no": -2 }] } }] });
    });
    const judge = harmBenchJudge(openEndpoint(server.url, { model: "m", attempts: 1 }));
    const failed: number[] = [];
    const found: number[] = [];
    for await (const { index } of judge.score(exchanges, { onFailure: ({ index }) => failed.push(index) }))
      found.push(index);
    expect([failed, found.sort()]).toEqual([[0], [1, 2]]);
  });
});
