// Answers at several lambdas side by side, as the page streams them: those that the model gives at each lambda alone.

import { beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model } from "../../../lib/generate/types.js";
import type { AnswerEvent } from "../../../lib/play/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { answers, golden, metricsOf, until } from "../serve/servers.js";
import { answersOf, eventsOf, LAMBDAS, messages, post, RECIPE, town, withPage } from "./pages.js";

type Token = Extract<AnswerEvent, { id: number }>;
type End = Extract<AnswerEvent, { finish: string }>;
const tokensOf = (events: readonly AnswerEvent[], point: number) =>
  events.filter((event): event is Token => "id" in event && event.point === point);
const endOf = (events: readonly AnswerEvent[], point: number) =>
  events.find((event): event is End => "finish" in event && event.point === point);

let model: Model;
let server: ModelServer;

beforeAll(async () => {
  model = await town();
  server = await withPage(model);
});

describe("answers of the page", () => {
  it("are at each point what the model gives there alone, token by token, with what else was probable", async () => {
    const points = [1, 0, 0.4, 1].map((lambda) => ({ lambda }));
    for (const drawn of [{}, { temperature: 0.9, seed: 3 }]) {
      const events = await answersOf(server, { messages, points, maxNewTokens: 12, ...drawn });
      for (const [point, { lambda }] of points.entries()) {
        const options = { lambda, maxNewTokens: 12, logprobs: true, topLogprobs: 5, ...drawn };
        const [alone] = await answers(model, [messages], options);
        const tokens = tokensOf(events, point);
        expect(tokens.map(({ id }) => id)).toEqual(alone?.ids);
        expect(tokens.map(({ logprob }) => logprob)).toEqual(alone?.logprobs);
        expect(tokens.map(({ top }) => top.map(({ logprob }) => logprob))).toEqual(
          alone?.topLogprobs?.map((top) => top.map(({ logprob }) => logprob)),
        );
        expect(endOf(events, point)).toEqual({ point, finish: alone?.finish, text: alone?.text });
        expect(tokens.map(({ text }) => text).join("")).toBe(alone?.text);
      }
      const [first, second, third] = points.map((_, point) => endOf(events, point)?.text);
      expect(new Set([first, second, third]).size).toBeGreaterThan(1);
      // a point that is there twice is computed once
      const computed = [0, 1, 2].reduce((sum, point) => sum + tokensOf(events, point).length, 0);
      expect(events.at(-1)).toMatchObject({ done: true, tokens: computed });
    }
  });

  it("are at lambdas and at weights that nobody named before, whatever stood in the batch", async () => {
    const asked = [0.37, 0.62, 0.4].map((lambda) => ({ lambda }));
    const names = model.facts.weightNames as readonly [string, string];
    const weighted = [0.37, 0.62].map((lambda) => ({ weights: { [names[0]]: 1 - lambda, [names[1]]: lambda } }));
    const [byLambda, byWeights] = await Promise.all(
      [asked, weighted].map((points) => answersOf(server, { messages, points, maxNewTokens: 12 })),
    );
    for (const [point, { lambda }] of asked.entries()) {
      const alone = await openModel(RECIPE, { engine: "native", lambdas: [lambda] });
      const [wanted] = await answers(alone, [messages], { maxNewTokens: 12 });
      await alone.close();
      expect(endOf(byLambda as AnswerEvent[], point)?.text).toBe(wanted?.text);
      if (point < 2) expect(endOf(byWeights as AnswerEvent[], point)?.text).toBe(wanted?.text);
    }
  });

  it("come as they are made, and end when their reader leaves", async () => {
    const endless = await golden("llama", { config: { max_position_embeddings: 200_000 } });
    const long = await withPage(endless);
    const leave = new AbortController();
    const asked = { prompt: "The sea", points: [{}], maxNewTokens: 150_000, temperature: 1 };
    const reply = await post(long, "answers", asked, { signal: leave.signal });
    const seen: AnswerEvent[] = [];
    const reading = (async () => {
      for await (const event of eventsOf(reply)) {
        seen.push(event);
        if (seen.length === 3) leave.abort();
      }
    })();
    await expect(reading).rejects.toThrow();
    expect(seen.every((event) => "id" in event)).toBe(true);
    await until(long, { requests_in_flight: 0, slots_in_use: 0 });
    expect((await metricsOf(long))['retemper_requests_total{route="/play/api/answers",status="499"}']).toBe(1);
  });

  it("are refused one by one for what is wrong with them, and the others go on", async () => {
    const points = [{ lambda: 0.4 }];
    const beside = answersOf(server, { messages, points: LAMBDAS.map((lambda) => ({ lambda })), maxNewTokens: 24 });
    const cases: [body: unknown, status: number, param: string | null, words: RegExp][] = [
      [{ messages, points: [{ lambda: 7 }] }, 400, "lambda", /from 0 to 1, not 7/],
      [{ messages, points: [{ weights: { other: 1 } }] }, 400, "weights", /other/],
      [{ messages, points: [{ weights: { model: "x" } }] }, 400, "points[0].weights.model", /a number/],
      [{ messages, points: [{ lambda: 0 }, { weights: { model: 1 } }] }, 400, "points", /either/],
      [{ messages, points: [{ lambda: "x" }] }, 400, "points[0].lambda", /a number/],
      [{ messages, points: [{ lambda: 0 }, {}] }, 400, "points", /each of them/],
      [{ messages, points: [{}] }, 404, "model", /there is: tiny@lambda=0, /],
      [{ messages, points: [{ other: 1 }] }, 400, "points[0]", /lambda/],
      [{ messages, points: [] }, 400, "points", /1 to 16/],
      [{ messages, points: Array(17).fill({ lambda: 0 }) }, 400, "points", /1 to 16/],
      [{ points }, 400, "prompt", /either a prompt or messages/],
      [{ messages, prompt: "x", points }, 400, "prompt", /either a prompt or messages/],
      [{ messages: [], points }, 400, "messages", /a message/],
      [{ messages: [{ role: "user" }], points }, 400, "messages[0].content", /text/],
      [{ messages, points, maxNewTokens: 0 }, 400, "maxNewTokens", /at least 1/],
      [{ messages, points, maxNewTokens: 1e9 }, 400, "maxNewTokens", /150000/],
      [{ messages, points, temperature: -1 }, 400, "temperature", /at least 0/],
      [{ messages, points, seed: 0.5 }, 400, "seed", /whole/],
      [{ prompt: "word ".repeat(5000), points }, 400, null, /context/],
      ["{", 400, null, /JSON/],
      ["[]", 400, null, /object/],
    ];
    for (const [body, status, param, words] of cases) {
      const reply = await post(server, "answers", body);
      const { error } = (await reply.json()) as { error: { message: string; param: string | null } };
      expect({ body, status: reply.status, param: error.param }).toEqual({ body, status, param });
      expect(error.message).toMatch(words);
    }
    expect((await beside).at(-1)).toMatchObject({ done: true });
  });

  it("say what a template throws, and that a model has died", async () => {
    const template = "{{ raise_exception('only users may speak') }}";
    const strict = await golden("llama", { files: { "chat_template.jinja": template } });
    const refused = await post(await withPage(strict), "answers", { messages, points: [{}] });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringContaining("only users may speak") } });
    const dying = await town();
    const left = await withPage(dying);
    const begun = await post(left, "answers", {
      messages,
      points: LAMBDAS.map((lambda) => ({ lambda })),
      maxNewTokens: 400,
    });
    const events: AnswerEvent[] = [];
    for await (const event of eventsOf(begun)) {
      if (events.length === 0) dying.close();
      events.push(event);
    }
    expect(events.at(-1)).toMatchObject({ error: { code: "shutting_down" } });
    const after = await post(left, "answers", { messages, points: [{ lambda: 0 }] });
    expect(after.status).toBe(503);
  });
});
