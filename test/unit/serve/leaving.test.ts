// Clients that leave, and servers that stop: nothing is left behind, and nothing is cut off that could have ended.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import type { Model } from "../../../lib/generate/types.js";
import { answers, clientOf, ENDLESS, endless, metricsOf, served, until } from "./servers.js";

const messages = [{ role: "user" as const, content: "Hello" }];
const asked = { model: "tiny", messages };
const IDLE = { slots_in_use: 0, queue_length: 0, requests_in_flight: 0 };
let model: Model;

beforeAll(async () => {
  model = await endless();
});

/** Connections, servers and timers of this process. */
function openHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|Timeout)/.test(name)).length;
}

/** The failure's class, or "none". */
async function outcome(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "none",
    (error: unknown) => (error as Error).constructor,
  );
}

describe("clients that leave", () => {
  it("leave no slot taken, 50 at once, wherever they were", async () => {
    const server = await served(model, { slots: 4, queue: 50 });
    const client = clientOf(server);
    const expected = (await answers(model, [messages], { maxNewTokens: 6 }))[0]?.text;
    const before = openHandles();
    for (let round = 0; round < 2; round += 1) {
      const work = Array.from({ length: 50 }, async (_, i) => {
        const leave = new AbortController();
        const { signal } = leave;
        if (i % 5 === 0) {
          const reply = await client.chat.completions.create({ ...asked, max_tokens: 6, temperature: 0 });
          return reply.choices[0]?.message.content;
        }
        if (i % 5 === 1) {
          // In the middle of a stream that would never end.
          const stream = await client.chat.completions.create({ ...ENDLESS, ...asked, stream: true }, { signal });
          let chunks = 0;
          for await (const _ of stream) {
            chunks += 1;
            if (chunks > i % 7) break;
          }
          return undefined;
        }
        if (i % 5 === 2) {
          // While its answer is being made, or waits for its turn: as it comes.
          const work = client.completions.create({ ...ENDLESS, model: "tiny", prompt: "The sea", n: 3 }, { signal });
          setTimeout(() => leave.abort(), i * 3);
          expect(await outcome(work)).toBe(OpenAI.APIUserAbortError);
          return undefined;
        }
        if (i % 5 === 3) {
          // At once.
          const work = client.chat.completions.create({ ...ENDLESS, ...asked }, { signal });
          setImmediate(() => leave.abort());
          expect(await outcome(work)).toBe(OpenAI.APIUserAbortError);
          return undefined;
        }
        // In the middle of its request.
        const { port } = new URL(server.url);
        const socket = connect(Number(port), "127.0.0.1");
        socket.write("POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
        socket.write('content-length: 1000\r\n\r\n{"prompt": "The', () => socket.destroy());
        return new Promise((resolve) => socket.on("close", () => resolve(undefined)));
      });
      const texts = (await Promise.all(work)).filter((text) => text !== undefined);
      expect(texts).toEqual(Array(10).fill(expected));
      await until(server, IDLE);
      const next = await client.chat.completions.create({ ...asked, max_tokens: 6, temperature: 0 });
      expect(next.choices[0]?.message.content).toBe(expected);
    }
    await server.close();
    while (openHandles() > before) await sleep(5); // the client's ends of connections close when it hears of it
  });

  it("stop their answer: no token is made for nobody", async () => {
    const server = await served(model, { slots: 1 });
    const stream = await clientOf(server).chat.completions.create({ ...ENDLESS, ...asked, stream: true });
    for await (const _ of stream) break;
    await until(server, IDLE);
    const made = (await metricsOf(server))['retemper_generated_tokens_total{model="tiny"}'];
    await answers(model, [messages], { maxNewTokens: 50 });
    expect((await metricsOf(server))['retemper_generated_tokens_total{model="tiny"}']).toBe(made);
    expect(made).toBeLessThan(ENDLESS.max_tokens);
  });
});

describe("a server that is stopped", () => {
  it("lets requests in flight end, and refuses new ones", async () => {
    const server = await served(model, { graceMs: 60_000, slots: 1 });
    const client = clientOf(server);
    const long = { ...asked, max_tokens: 3000, temperature: 0, ignore_eos: true };
    const stream = await client.chat.completions.create({ ...long, stream: true });
    const waiting = client.chat.completions.create({ ...asked, max_tokens: 4 });
    await until(server, { slots_in_use: 1, queue_length: 1 });
    const closing = server.close();
    expect(server.close()).toBe(closing);
    const refused = await client.chat.completions.create(asked).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.InternalServerError);
    expect(refused).toMatchObject({ status: 503, code: "shutting_down" });
    expect((refused as InstanceType<typeof OpenAI.APIError>).headers?.get("retry-after")).not.toBeNull();
    const health = await fetch(`${server.url}/health`);
    expect([health.status, await health.json()]).toMatchObject([503, { status: "shutting down" }]);
    let finish: unknown;
    let text = "";
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? "";
      finish = choices[0]?.finish_reason ?? finish;
    }
    expect(finish).toBe("length");
    const [whole] = await answers(model, [messages], { maxNewTokens: 3000, ignoreEos: true });
    expect(text).toBe(whole?.text);
    expect((await waiting).choices[0]?.finish_reason).toMatch(/stop|length/);
    await closing;
    await expect(fetch(`${server.url}/health`)).rejects.toThrow("fetch failed");
  });

  it("tells clients when it waits for them no longer", async () => {
    const server = await served(model, { graceMs: 50, slots: 1 });
    const client = clientOf(server);
    const stream = await client.chat.completions.create({ ...ENDLESS, ...asked, stream: true });
    const whole = client.chat.completions.create({ ...ENDLESS, ...asked }).catch((error: unknown) => error);
    await until(server, { slots_in_use: 1, queue_length: 1 });
    const closing = server.close();
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: "shutting_down" });
    expect(await whole).toMatchObject({ status: 503, code: "shutting_down" });
    await closing;
    const [next] = await answers(model, [messages], { maxNewTokens: 4 }); // the model is the caller's, and open
    expect(next?.ids.length).toBeGreaterThan(0);
  });

  it("says so when its model is gone", async () => {
    const own = await endless();
    const errors: unknown[] = [];
    const server = await served(own, { onRequest: ({ error }) => error && errors.push(error) });
    const working = clientOf(server)
      .chat.completions.create({ ...ENDLESS, ...asked })
      .catch((error: unknown) => error);
    await until(server, { slots_in_use: 1 });
    await own.close();
    expect(await working).toMatchObject({ status: 503 });
    expect((await fetch(`${server.url}/health`)).status).toBe(503);
    await until(server, IDLE);
  });
});
