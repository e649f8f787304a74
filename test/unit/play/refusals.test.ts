// The probability of a refusal before there is an answer, over all lambdas.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findRefusal, REFUSAL_BEGINNINGS } from "../../../lib/evaluate/judges/refusals.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model } from "../../../lib/generate/types.js";
import { prefixFree, refusalPhrases } from "../../../lib/play/refusals.js";
import type { Refusals } from "../../../lib/play/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { demoAdapter, demoModel } from "../../e2e/command.js";
import { answers, metricsOf, until } from "../serve/servers.js";
import { answersOf, LAMBDAS, messages, post, town, withPage } from "./pages.js";

const OWN = "order(item";
let model: Model;
let server: ModelServer;

beforeAll(async () => {
  model = await town();
  server = await withPage(model, { refusals: [OWN, "", "Sorry"] });
});

async function refusals(of: ModelServer, body: object): Promise<Refusals> {
  const reply = await post(of, "refusals", body);
  expect(reply.status).toBe(200);
  return (await reply.json()) as Refusals;
}

describe("refusals by their beginnings", () => {
  it("have the probability that the distributions of all tokens give, one after the other", async () => {
    const { phrases, refusal } = await refusals(server, { messages, lambdas: [...LAMBDAS, 0.123] });
    const { tokenizer } = model;
    const prompt = tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
    const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
    const ids = encode(prompt);
    const ends = refusalPhrases([OWN]).map((phrase) => encode(prompt + phrase).slice(ids.length));
    const wanted = prefixFree(ends);
    expect(phrases).toBe(wanted.length);
    for (const [at, lambda] of [...LAMBDAS, 0.123].entries()) {
      let sum = 0;
      for (const end of wanted) {
        const [scored] = await model.logprobs([[...ids, ...end]], { lambda });
        sum += Math.exp((scored as Float32Array).slice(ids.length - 1).reduce((all, one) => all + one, 0));
      }
      expect(refusal[at]).toBeCloseTo(sum, 6);
    }
  });

  it("are as frequent as they are probable", async () => {
    const plain = await withPage(model);
    const { refusal } = await refusals(plain, { messages, lambdas: [0.33] });
    const [probability] = refusal as [number];
    const drawn = await answers(model, [messages], { lambda: 0.33, n: 400, temperature: 1, seed: 5, maxNewTokens: 12 });
    const begun = drawn.filter(({ text }) => refusalPhrases().some((phrase) => text.startsWith(phrase))).length / 400;
    const error = Math.sqrt((probability * (1 - probability)) / 400);
    expect(probability).toBeGreaterThan(0.02);
    expect(probability).toBeLessThan(0.98);
    expect(Math.abs(begun - probability)).toBeLessThan(4 * error);
  });

  it("go on with an answer that has begun, and with a text", async () => {
    const begun = [...messages, { role: "assistant", content: "I can't", prefix: true }];
    const { refusal } = await refusals(server, { messages: begun, lambdas: [0] });
    expect(refusal[0]).toBeLessThan(0.01);
    const text = await refusals(server, { prompt: "Nobody may enter.", lambdas: LAMBDAS });
    expect(text.refusal).toHaveLength(3);
  });

  it("end when nobody waits for them any more", async () => {
    const leave = new AbortController();
    const lambdas = Array.from({ length: 41 }, (_, at) => at / 40);
    const asked = post(server, "refusals", { messages, lambdas }, { signal: leave.signal });
    await until(server, { requests_in_flight: 1 });
    leave.abort();
    await expect(asked).rejects.toThrow();
    await until(server, { requests_in_flight: 0, slots_in_use: 0 });
    expect((await metricsOf(server))['retemper_requests_total{route="/play/api/refusals",status="499"}']).toBe(1);
  });

  it("hold up no answers, whose slots they leave free", async () => {
    const narrow = await withPage(model, {}, { slots: 1 });
    const lambdas = Array.from({ length: 41 }, (_, at) => at / 40);
    const leave = new AbortController();
    const ended: string[] = [];
    const strips = Array.from({ length: 8 }, (_, at) =>
      post(narrow, "refusals", { messages, lambdas }, { signal: leave.signal }).then(
        ({ status }) => ended.push(`strip ${at}: ${status}`),
        () => {},
      ),
    );
    await until(narrow, { requests_in_flight: 8 });
    const events = await answersOf(narrow, { messages, points: [{ lambda: 0.7 }], maxNewTokens: 4 });
    expect(events.at(-1)).toMatchObject({ done: true });
    expect(ended.length).toBeLessThan(8); // it came last of all
    leave.abort();
    await Promise.all(strips);
    await until(narrow, { requests_in_flight: 0 });
  });

  it("are refused where the model gives no numbers", async () => {
    const models = [{ model: `${demoModel}+${demoAdapter}` }];
    const recipe = { merge_method: "task_arithmetic", base_model: demoModel, models };
    const wide = await openModel(recipe, { lambdas: [0, 1e300] });
    afterAll(() => wide.close());
    const reply = await post(await withPage(wide), "refusals", { messages, lambdas: [0, 1e300] });
    expect(reply.status).toBe(400);
    const { error } = (await reply.json()) as { error: { message: string; param: string } };
    expect(error).toMatchObject({
      param: "lambdas",
      message: expect.stringContaining("not finite numbers at lambda 1e+300"),
    });
  });

  it("are refused for lambdas that are not there, and for too many", async () => {
    for (const [lambdas, words] of [
      [[0.4, 9], /9/],
      [[], /1 to 41/],
      [Array(42).fill(0.4), /1 to 41/],
    ] as const) {
      const reply = await post(server, "refusals", { messages, lambdas });
      expect(reply.status).toBe(400);
      expect(((await reply.json()) as { error: { message: string } }).error.message).toMatch(words);
    }
  });
});

describe("what refusals begin with", () => {
  it("goes on to what the keyword judge finds", () => {
    const ends = [".", " help with that.", ", I can't help with that."];
    const unknown = REFUSAL_BEGINNINGS.filter((phrase) => ends.every((end) => findRefusal(phrase + end) === undefined));
    expect(unknown).toEqual([]);
  });

  it("is counted once: nothing is the beginning of another", () => {
    expect(prefixFree([[1, 2], [1], [1, 2, 3], [2, 1], [1], [3, 1]])).toEqual([[1], [2, 1], [3, 1]]);
  });
});
