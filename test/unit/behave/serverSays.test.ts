// What servers tell of their models: answers in the forms of llama.cpp, vLLM and Ollama, as their documentation has them.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { askServerSays } from "../../../lib/endpoint/serverSays.js";

// biome-ignore lint/suspicious/noExplicitAny: bodies are what the client sends
type Answers = Readonly<Record<string, (body: any) => unknown>>;

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
}

/** A server with these paths; its address, and what it was asked. */
async function speaking(answers: Answers): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const path = `${request.method} ${request.url}`;
      asked.push({ path, key: request.headers.authorization });
      const answer = answers[path];
      const text = Buffer.concat(parts).toString();
      response.statusCode = answer ? 200 : 404;
      response.end(JSON.stringify(answer ? answer(text === "" ? {} : JSON.parse(text)) : { error: "no such path" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}

const messages = [{ role: "user", content: "Hi" }];

describe("a server says", () => {
  it("as llama.cpp its template, type, tokens and sampling, and how it reads a conversation", async () => {
    const { url, asked } = await speaking({
      "GET /props": () => ({
        default_generation_settings: { n_ctx: 512, params: { temperature: 0.8, top_k: 40, repeat_penalty: 1.1 } },
        chat_template: "{{ messages }}",
        bos_token: "<s>",
        eos_token: "</s>",
        model_path: "/models/tiny-Q4_K_M.gguf",
      }),
      "POST /apply-template": ({ messages: [{ content }] }) => ({ prompt: `<s>[${content}]` }),
      "POST /tokenize": ({ content, add_special }) => ({ tokens: [add_special ? 1 : 0, String(content).length] }),
    });
    const says = await askServerSays({ url, model: "tiny", apiKey: "secret" });
    expect(says).toMatchObject({
      program: "llama.cpp",
      template: "{{ messages }}",
      storage: "Q4_K_M",
      sampling: { temperature: 0.8, top_k: 40, repetition_penalty: 1.1 },
      bosToken: "<s>",
    });
    expect(await says.promptIds(messages)).toEqual([1, 7]);
    expect(await says.promptIds([3, 4])).toEqual([3, 4]);
    expect(asked[0]).toEqual({ path: "GET /props", key: "Bearer secret" });
  });

  it("as vLLM the ids of texts and conversations", async () => {
    const { url } = await speaking({
      "POST /tokenize": ({ prompt, messages: of }) => ({ count: 2, tokens: of ? [1, 2, 3] : [String(prompt).length] }),
    });
    const says = await askServerSays({ url, model: "tiny" });
    expect(says.program).toBe("vllm");
    expect([await says.promptIds("four"), await says.promptIds(messages)]).toEqual([[4], [1, 2, 3]]);
  });

  it("as Ollama how it is quantised, and the parameters of its Modelfile", async () => {
    const { url } = await speaking({
      "POST /api/show": () => ({
        parameters: 'temperature                    0.6\nstop                           "<|im_end|>"\ntop_p 0.9',
        details: { format: "gguf", family: "llama", quantization_level: "Q8_0" },
      }),
    });
    const says = await askServerSays({ url, model: "tiny" });
    expect(says).toMatchObject({ program: "ollama", storage: "Q8_0", sampling: { temperature: 0.6, top_p: 0.9 } });
    expect(await says.promptIds(messages)).toBeUndefined();
  });

  it("nothing where it offers none of it, or nobody answers", async () => {
    const { url } = await speaking({});
    for (const address of [url, "http://127.0.0.1:9/v1"]) {
      expect(await askServerSays({ url: address, model: "tiny" })).toMatchObject({
        program: undefined,
        storage: undefined,
      });
    }
  });
});
