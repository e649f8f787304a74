// What a server refuses, and how: OpenAI's client must recognise each failure.

import OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model } from "../../../lib/generate/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { modelFolder } from "../../golden/generate/modelFolders.js";
import { clientOf, ENDLESS, endless, golden, metricsOf, served, until } from "./servers.js";

const messages = [{ role: "user" as const, content: "Hello" }];
let model: Model;
let server: ModelServer;

beforeAll(async () => {
  model = await golden("llama");
  server = await served(model, { apiKey: "right" });
});

interface Refusal {
  readonly status: number;
  readonly headers: Headers;
  readonly error: { readonly message: string; readonly type: string; readonly param: unknown; readonly code: unknown };
}

async function post(
  to: ModelServer,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Refusal> {
  const all = { "content-type": "application/json", authorization: "Bearer right", ...headers };
  const reply = await fetch(`${to.url}/v1/${path}`, { method: "POST", headers: all, body });
  const { error } = (await reply.json()) as Pick<Refusal, "error">;
  expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
  return { status: reply.status, headers: reply.headers, error };
}

async function failure(work: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error: unknown = await work.then(
    () => new Error("it did not fail"),
    (reason) => reason,
  );
  if (error instanceof OpenAI.APIError) return error;
  throw error;
}

describe("a server's refusals", () => {
  it("name what is wrong with a body that is no request", async () => {
    for (const body of ["{", "", '{"messages": [], "__proto__": {}}', "\u0000"]) {
      expect(await post(server, "chat/completions", body)).toMatchObject({
        status: 400,
        error: { type: "invalid_request_error" },
      });
    }
    const wrong = await post(server, "chat/completions", "{}", { "content-type": "text/plain" });
    expect(wrong.status).toBe(415);
    expect(wrong.error.message).toContain("application/json");
    const large = await post(server, "completions", JSON.stringify({ prompt: "x".repeat(5 * 2 ** 20) }));
    expect(large).toMatchObject({ status: 413, error: { code: "request_too_large" } });
  });

  it("name the field that is at fault", async () => {
    const user = { role: "user", content: "x" };
    const wrong: [path: string, fields: object, param: string][] = [
      ["chat/completions", {}, "messages"],
      ["chat/completions", { messages: [] }, "messages"],
      ["chat/completions", { messages: [user, { role: "user" }] }, "messages[1].content"],
      ["chat/completions", { messages: [{ ...user, content: [{ type: "image_url" }] }] }, "messages[0].content"],
      ["chat/completions", { messages: [user], temperature: -1 }, "temperature"],
      ["chat/completions", { messages: [user], temperature: "hot" }, "temperature"],
      ["chat/completions", { messages: [user], top_p: 0 }, "top_p"],
      ["chat/completions", { messages: [user], max_tokens: 0 }, "max_tokens"],
      ["chat/completions", { messages: [user], max_completion_tokens: 150_001 }, "max_completion_tokens"],
      ["chat/completions", { messages: [user], n: 129 }, "n"],
      ["chat/completions", { messages: [user], n: 1.5 }, "n"],
      ["chat/completions", { messages: [user], stop: ["a", ""] }, "stop[1]"],
      ["chat/completions", { messages: [user], stop: Array(17).fill("a") }, "stop"],
      ["chat/completions", { messages: [user], stream_options: { include_usage: true } }, "stream_options"],
      ["chat/completions", { messages: [user], tools: [{ type: "function" }] }, "tools"],
      ["chat/completions", { messages: [user], response_format: { type: "json_object" } }, "response_format"],
      ["chat/completions", { messages: [user], presence_penalty: 1 }, "presence_penalty"],
      ["chat/completions", { messages: [user], top_logprobs: 3 }, "top_logprobs"],
      ["chat/completions", { messages: [user], logprobs: true, top_logprobs: 21 }, "top_logprobs"],
      ["completions", {}, "prompt"],
      ["completions", { prompt: [] }, "prompt"],
      ["completions", { prompt: [[]] }, "prompt"],
      ["completions", { prompt: [1, "x"] }, "prompt"],
      ["completions", { prompt: "x", echo: true }, "echo"],
      ["completions", { prompt: "x", logprobs: 21 }, "logprobs"],
      ["completions", { prompt: Array(65).fill("x"), n: 2 }, "n"],
    ];
    for (const [path, fields, param] of wrong) {
      const { status, error } = await post(server, path, JSON.stringify({ model: "tiny", ...fields }));
      expect({ fields, status, param: error.param }).toEqual({ fields, status: 400, param });
      expect(error.message).toContain(param);
    }
  });

  it("let what asks for nothing pass, as clients send it", async () => {
    const nothing = { tools: [], logit_bias: {}, presence_penalty: 0, response_format: { type: "text" }, stop: null };
    const fields = { ...nothing, user: "somebody", tool_choice: "auto", top_logprobs: null, seed: null, n: null };
    const reply = await clientOf(server, "right").chat.completions.create({
      ...{ model: "tiny", messages, max_tokens: 2 },
      ...(fields as object),
    });
    expect(reply.choices).toHaveLength(1);
  });

  it("are 404 for an unknown model, with the list of those there are, and for an unknown address", async () => {
    const client = clientOf(server, "right");
    for (const name of ["gpt-4", "tiny@lambda=0.5", "tiny@", ""]) {
      const error = await failure(client.chat.completions.create({ model: name, messages }));
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error).toMatchObject({ code: "model_not_found", param: "model" });
      expect(error.message).toContain("there is: tiny");
    }
    expect(await failure(client.models.retrieve("other"))).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await post(server, "embeddings", "{}")).toMatchObject({ status: 404, error: { type: "not_found_error" } });
  });

  it("are 400 for a prompt that is too long, also when it would be a stream", async () => {
    const client = clientOf(server, "right");
    const long = { model: "tiny", prompt: Array(129).fill(7) as number[] };
    for (const asked of [long, { ...long, stream: true as const }, { model: "tiny", prompt: [7], max_tokens: 128 }]) {
      const error = await failure(client.completions.create(asked));
      expect(error).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error.code).toBe("context_length_exceeded");
    }
    const many = await failure(client.completions.create({ model: "tiny", prompt: [7], max_tokens: 128 }));
    expect(many.message).toContain("at most 127 new tokens fit (max_tokens)");
    const unknown = await failure(client.completions.create({ model: "tiny", prompt: [459] }));
    expect(unknown.message).toContain("the id 459");
  });

  it("are 400 for more tokens than memory has room for, and say what fits", async () => {
    const folder = modelFolder("llama", { config: { max_position_embeddings: 1_000_000 } });
    const small = await openModel(folder, { engine: "native", maxMemory: 8e6 });
    const client = clientOf(await served(small, { maxTokens: 500_000 }));
    const error = await failure(client.completions.create({ model: "tiny", prompt: [7], max_tokens: 500_000 }));
    expect(error).toMatchObject({ status: 400, code: "out_of_memory" });
    expect(error.message).toMatch(/at most \d+ new tokens fit/);
    const reply = await client.completions.create({ model: "tiny", prompt: [7], max_tokens: 2 });
    expect(reply.choices).toHaveLength(1);
    await small.close();
  });

  it("tell a chat template's own words, and not where the model lies", async () => {
    const gemma = await golden("gemma");
    const system = [{ role: "system" as const, content: "x" }, ...messages];
    const error = await failure(
      clientOf(await served(gemma)).chat.completions.create({ model: "tiny", messages: system }),
    );
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error.message).toContain("System role not supported");
    expect(error.message).not.toContain(gemma.facts.model);
  });

  it("are 401 without the key and with a wrong one, before anything is read", async () => {
    for (const key of ["wrong", "righ", "rightt", "Right"]) {
      const error = await failure(clientOf(server, key).models.list());
      expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
      expect(error.code).toBe("invalid_api_key");
      expect(error.message).not.toContain("right");
    }
    for (const authorization of ["", "right", "Basic right", "Bearer"]) {
      expect((await post(server, "chat/completions", "{", { authorization })).status).toBe(401);
    }
    expect((await clientOf(server, "right").models.list()).data).toHaveLength(1);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it("are 429 with Retry-After when the queue is full; those that wait get their turn", async () => {
    const busy = await served(await endless(), { slots: 1, queue: 1 });
    const client = clientOf(busy);
    const asked = { ...ENDLESS, model: "tiny", messages, stream: true as const };
    const first = await client.chat.completions.create(asked);
    const second = client.chat.completions.create({ model: "tiny", messages, max_tokens: 3 });
    await until(busy, { slots_in_use: 1, queue_length: 1 });
    const error = await failure(client.chat.completions.create({ model: "tiny", messages, max_tokens: 3 }));
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error.code).toBe("queue_full");
    expect(Number(error.headers?.get("retry-after"))).toBeGreaterThanOrEqual(1);
    first.controller.abort();
    expect((await second).choices).toHaveLength(1);
    await until(busy, { slots_in_use: 0, queue_length: 0, requests_in_flight: 0 });
    const metrics = await metricsOf(busy);
    expect(metrics['retemper_requests_total{route="/v1/chat/completions",status="429"}']).toBe(1);
    expect(metrics['retemper_requests_total{route="/v1/chat/completions",status="499"}']).toBe(1);
  });
});

describe("serve", () => {
  it("refuses wrong options, and an address that is taken, before it serves", async () => {
    const { port } = new URL(server.url);
    await expect(served(model, { port: Number(port) })).rejects.toMatchObject({ code: "IO" });
    for (const options of [
      ...[{ port: 70_000 }, { slots: 0 }, { queue: -1 }, { maxTokens: 0 }, { apiKey: " " }, { name: "a@b" }],
      ...["kлюч", "two\nlines", "after ", " before"].map((apiKey) => ({ apiKey })),
      ...[{ name: "" }, { bodyLimit: 0.5 }, { defaults: { temperature: -1 } }, { defaults: { topP: 2 } }],
      { maxTokens: 10, defaults: { maxNewTokens: 20 } },
    ]) {
      await expect(served(model, options)).rejects.toMatchObject({ code: "USAGE" });
    }
  });
});
