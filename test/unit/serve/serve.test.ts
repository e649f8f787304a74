// A server asked by OpenAI's own client, whose answers must be those of the model that is served.

import type OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { openEndpoint } from "../../../lib/endpoint/openEndpoint.js";
import type { GenerateOptions, Generation, Model, Prompt } from "../../../lib/generate/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { promptsOf } from "../../golden/generate/modelFolders.js";
import { answers, clientOf, golden, metricsOf, served, until } from "./servers.js";

const messages = [{ role: "user" as const, content: "Hello there" }];
let model: Model;
let server: ModelServer;
let client: OpenAI;

beforeAll(async () => {
  model = await golden("llama");
  server = await served(model);
  client = clientOf(server);
});

/** Fields that OpenAI's types do not have. */
function extra<T extends object>(fields: T, more: object): T {
  return { ...fields, ...more };
}

async function answer(prompt: Prompt, options: GenerateOptions): Promise<Generation> {
  return (await answers(model, [prompt], options))[0] as Generation;
}

describe("chat completions", () => {
  it("are the model's own answers, with their usage", async () => {
    const expected = await answer(messages, { maxNewTokens: 12 });
    const reply = await client.chat.completions.create({ model: "tiny", messages, max_tokens: 12, temperature: 0 });
    expect(reply).toMatchObject({ object: "chat.completion", model: "tiny" });
    expect(reply.id).toMatch(/^chatcmpl-/);
    expect(Math.abs(reply.created - Date.now() / 1000)).toBeLessThan(600);
    expect(reply.choices).toEqual([
      {
        index: 0,
        message: { role: "assistant", content: expected.text, refusal: null },
        logprobs: null,
        finish_reason: expected.finish,
      },
    ]);
    const [prompt, completion] = [expected.promptTokens, expected.ids.length];
    expect(reply.usage).toEqual({
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
    });
  });

  it("come as streams that make the same answers, with usage where it is asked for", async () => {
    const seeded = { model: "tiny", messages, max_completion_tokens: 12, temperature: 0.8, seed: 5, n: 3 };
    const whole = await client.chat.completions.create(seeded);
    const stream = await client.chat.completions.create({
      ...seeded,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ["", "", ""];
    const roles: unknown[] = [];
    const finishes: unknown[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      expect(chunk).toMatchObject({ object: "chat.completion.chunk", model: "tiny" });
      for (const { index, delta, finish_reason } of chunk.choices) {
        if (delta.role) roles[index] = delta.role;
        texts[index] += delta.content ?? "";
        if (finish_reason) finishes[index] = finish_reason;
      }
      if (chunk.usage) usage = chunk.usage;
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
    expect(new Set(texts).size).toBe(3);
    expect(roles).toEqual(["assistant", "assistant", "assistant"]);
    expect(finishes).toEqual(whole.choices.map(({ finish_reason }) => finish_reason));
    expect(usage).toEqual(whole.usage);
  });

  it("take messages in parts, and developers as systems", async () => {
    const parts = [
      { role: "developer" as const, content: "Be brief." },
      {
        role: "user" as const,
        content: [
          { type: "text" as const, text: "Hello " },
          { type: "text" as const, text: "there" },
        ],
      },
    ];
    const plain = [{ role: "system", content: "Be brief." }, messages[0] as { role: string; content: string }];
    const reply = await client.chat.completions.create({
      model: "tiny",
      messages: parts,
      max_tokens: 8,
      temperature: 0,
    });
    expect(reply.choices[0]?.message.content).toBe((await answer(plain, { maxNewTokens: 8 })).text);
  });

  it("give log-probabilities of the tokens, whole and as streams", async () => {
    const expected = await answer(messages, { maxNewTokens: 10, logprobs: true, ignoreEos: true });
    const asked = extra(
      { model: "tiny", messages, max_tokens: 10, temperature: 0, logprobs: true },
      { ignore_eos: true },
    );
    const reply = await client.chat.completions.create(asked);
    const content = reply.choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ logprob }) => logprob)).toEqual(expected.logprobs);
    // what each adds in the middle of a text, with its space
    const { tokenizer } = model;
    const before = tokenizer.encode("a", { addSpecialTokens: false });
    const added = (id: number) => tokenizer.decode([...before, id]).slice("a".length);
    expect(content.map(({ token }) => token)).toEqual(expected.ids.map(added));
    const streamed: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    }
    expect(streamed).toEqual(content);
  });

  it("end at the context where no number of tokens is asked for", async () => {
    const reply = await client.chat.completions.create(
      extra({ model: "tiny", messages }, { ignore_eos: true, seed: 1 }),
    );
    expect(reply.usage?.total_tokens).toBe(128);
    expect(reply.choices[0]?.finish_reason).toBe("length");
  });

  it("differ from request to request unless they have a seed or are greedy", async () => {
    const ask = async (fields: object) => {
      const reply = await client.chat.completions.create(extra({ model: "tiny", messages, max_tokens: 40 }, fields));
      return reply.choices[0]?.message.content;
    };
    expect(await ask({})).not.toBe(await ask({}));
    expect(await ask({ seed: 7 })).toBe(await ask({ seed: 7 }));
    expect(await ask({ seed: -7 })).toBe(await ask({ seed: -7 }));
    expect(await ask({ seed: -7 })).not.toBe(await ask({ seed: 7 }));
    expect(await ask({ top_k: 1 })).toBe(await ask({ temperature: 0 }));
  });
});

describe("completions", () => {
  it("continue texts and token ids, several at once, each n times, in order", async () => {
    const prompts = ["The sea", ...promptsOf("llama").slice(1, 3)];
    const options = { maxNewTokens: 9, temperature: 1.2, topK: 40, topP: 0.95, repetitionPenalty: 1.1, n: 2, seed: 3 };
    const expected = await answers(model, prompts, options);
    const asked = extra(
      { model: "tiny", prompt: prompts as string[], max_tokens: 9, temperature: 1.2, top_p: 0.95, n: 2, seed: 3 },
      { top_k: 40, repetition_penalty: 1.1 },
    );
    const reply = await client.completions.create(asked);
    expect(reply.object).toBe("text_completion");
    expect(reply.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(reply.choices.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
    expect(reply.choices.map(({ finish_reason }) => finish_reason)).toEqual(expected.map(({ finish }) => finish));
    const promptTokens = [0, 2, 4].reduce((sum, at) => sum + (expected[at]?.promptTokens as number), 0);
    expect(reply.usage?.prompt_tokens).toBe(promptTokens);
    const texts: string[] = Array(6).fill("");
    for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
      for (const { index, text } of choices) texts[index] += text;
    }
    expect(texts).toEqual(reply.choices.map(({ text }) => text));
  });

  it("continue a single prompt of either kind, with 16 tokens by default", async () => {
    const ids = promptsOf("llama")[2] as number[];
    for (const prompt of ["The sea", ids]) {
      const asked = extra({ model: "tiny", prompt, temperature: 0 }, { ignore_eos: true });
      const reply = await client.completions.create(asked);
      const expected = await answer(prompt, { maxNewTokens: 16, ignoreEos: true });
      expect(reply.choices.map(({ text }) => text)).toEqual([expected.text]);
      expect(reply.usage?.completion_tokens).toBe(16);
    }
  });

  it("end at stop texts and stop tokens", async () => {
    const { text, ids } = await answer("The sea", { maxNewTokens: 20, ignoreEos: true });
    const stop = text.slice(6, 9);
    const asked = extra(
      { model: "tiny", prompt: "The sea", max_tokens: 20, temperature: 0, stop },
      { ignore_eos: true },
    );
    const stopped = await client.completions.create(asked);
    expect(stopped.choices[0]).toMatchObject({ text: text.slice(0, text.indexOf(stop)), finish_reason: "stop" });
    const token = ids[3] as number;
    const fields = { ignore_eos: true, stop_token_ids: [token], return_token_ids: true };
    const byToken = await client.completions.create(
      extra({ model: "tiny", prompt: "The sea", max_tokens: 20, temperature: 0 }, fields),
    );
    expect(byToken.choices[0]).toMatchObject({
      token_ids: ids.slice(0, ids.indexOf(token) + 1),
      finish_reason: "stop",
    });
  });

  it("give log-probabilities in their own form", async () => {
    const expected = await answer("The sea", { maxNewTokens: 6, logprobs: true });
    const asked = { model: "tiny", prompt: "The sea", max_tokens: 6, temperature: 0, logprobs: 1 };
    const { choices } = await client.completions.create(asked);
    expect(choices[0]?.logprobs?.token_logprobs).toEqual(expected.logprobs);
    expect(choices[0]?.logprobs?.tokens).toHaveLength(expected.ids.length);
    const offsets: number[] = [];
    for await (const chunk of await client.completions.create({ ...asked, stream: true })) {
      offsets.push(...(chunk.choices[0]?.logprobs?.text_offset ?? []));
    }
    expect(offsets).toEqual(choices[0]?.logprobs?.text_offset);
  });
});

describe("a server", () => {
  it("lists its models, and has each of them", async () => {
    const { data } = await client.models.list();
    expect(data.map(({ id, object }) => [id, object])).toEqual([["tiny", "model"]]);
    expect(await client.models.retrieve("tiny")).toEqual(data[0]);
  });

  it("takes the model that there is where a request names none", async () => {
    const body = JSON.stringify({ messages, max_tokens: 2 });
    const headers = { "content-type": "application/json" };
    const reply = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", headers, body });
    expect(await reply.json()).toMatchObject({ model: "tiny" });
  });

  it("gives an endpoint of ours what the model itself would", async () => {
    const options = { maxNewTokens: 12, repetitionPenalty: 1.2, ignoreEos: true, logprobs: true };
    const prompts: Prompt[] = ["The sea", promptsOf("llama")[1] as number[], messages];
    const endpoint = openEndpoint(server.url, { model: "tiny", extraBody: { return_token_ids: true } });
    const told: Generation[] = [];
    for await (const found of endpoint.generate(prompts, options)) told.push(found);
    told.sort((a, b) => a.index - b.index);
    expect(told).toEqual(await answers(model, prompts, options));
    const pieces: string[] = [];
    const streamed: Generation[] = [];
    const onToken = ({ text }: { text: string }) => pieces.push(text);
    for await (const found of endpoint.generate([messages], { ...options, onToken })) streamed.push(found);
    expect(streamed).toEqual([{ ...told[2], index: 0 }]);
    expect(pieces.join("")).toBe(told[2]?.text);
  });

  it("goes on with an answer that has begun, for endpoints of ours, vLLM's fields and Mistral's", async () => {
    const begun: Prompt = [...messages, { role: "assistant", content: "The sea", prefix: true }];
    const options = { maxNewTokens: 6, ignoreEos: true };
    const [wanted] = await answers(model, [begun], options);
    const [other] = await answers(model, [messages], options);
    expect(wanted?.ids).not.toEqual(other?.ids);
    const endpoint = openEndpoint(server.url, { model: "tiny", extraBody: { return_token_ids: true } });
    const told: Generation[] = [];
    for await (const found of endpoint.generate([begun], options)) told.push(found);
    expect(told).toEqual([wanted]);
    const ask = async (body: object) => {
      const reply = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ max_tokens: 6, ignore_eos: true, temperature: 0, ...body }),
      });
      const { choices, error } = (await reply.json()) as {
        choices?: { message: { content: string } }[];
        error?: { message: string; param: string };
      };
      return choices?.[0]?.message.content ?? error;
    };
    const plain = [...messages, { role: "assistant", content: "The sea" }];
    const fields = { continue_final_message: true, add_generation_prompt: false };
    expect(await ask({ messages: plain, ...fields })).toBe(wanted?.text);
    expect(await ask({ messages: begun })).toBe(wanted?.text);
    expect(await ask({ messages: plain, continue_final_message: true })).toMatchObject({
      param: "add_generation_prompt",
    });
    expect(await ask({ messages: plain, add_generation_prompt: false })).toMatchObject({
      param: "add_generation_prompt",
    });
    expect(await ask({ messages, ...fields })).toMatchObject({ param: "messages" });
  });

  it("is healthy, and counts requests and tokens", async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: "ok" });
    const counted = await served(model);
    const reply = await clientOf(counted).completions.create({ model: "tiny", prompt: "The sea", n: 2, max_tokens: 5 });
    await until(counted, { requests_in_flight: 0, slots_in_use: 0, queue_length: 0 });
    const metrics = await metricsOf(counted);
    expect(metrics['retemper_requests_total{route="/v1/completions",status="200"}']).toBe(1);
    expect(metrics['retemper_prompt_tokens_total{model="tiny"}']).toBe(reply.usage?.prompt_tokens);
    expect(metrics['retemper_generated_tokens_total{model="tiny"}']).toBe(reply.usage?.completion_tokens);
    expect(metrics.retemper_queue_seconds_count).toBe(1);
  });

  it("listens on this machine only by default", () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });
});
