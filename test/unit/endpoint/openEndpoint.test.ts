// Endpoints against a real server on this machine: what is asked, what is made of answers, and what of every way to fail.

import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { EndpointOptions } from "../../../lib/endpoint/endpoint.js";
import { openEndpoint } from "../../../lib/endpoint/openEndpoint.js";
import { RetemperError } from "../../../lib/errors.js";
import type {
  GenerateOptions,
  Generation,
  GenerationFailure,
  GenerationPiece,
  Prompt,
} from "../../../lib/generate/types.js";
import { closeServers, delta, event, faultyServer, json, shout, stream, textOf } from "./faultyServer.js";

const KEY = "sk-not-a-real-key-42";
const quick = { model: "m", retryDelayMs: 1 };
const user = (content: string): Prompt => [{ role: "user", content }];

async function ask(
  url: string,
  prompts: readonly Prompt[],
  options: GenerateOptions = {},
  endpoint: Partial<EndpointOptions> = {},
): Promise<Generation[]> {
  const found: Generation[] = [];
  for await (const answer of openEndpoint(url, { ...quick, ...endpoint }).generate(prompts, options))
    found.push(answer);
  return found.sort((x, y) => x.index - y.index || x.sample - y.sample);
}

async function failureOf(work: Promise<unknown>): Promise<RetemperError> {
  const error: unknown = await work.then(
    () => new Error("it did not fail"),
    (reason) => reason,
  );
  if (error instanceof RetemperError) return error;
  throw error;
}

const texts = (answers: readonly Generation[]): string[] => answers.map(({ text }) => text);

describe("an endpoint's questions", () => {
  it("are chat completions for conversations and completions for texts and ids", async () => {
    const server = await faultyServer(shout);
    const answers = await ask(server.url, [user("hi"), "some text", [1, 2, 3]], {}, { apiKey: KEY });
    expect(texts(answers)).toEqual(["HI", "SOME TEXT", "IDS 1,2,3"]);
    expect(server.received.map(({ path }) => path).sort()).toEqual([
      ...["/v1/chat/completions", "/v1/completions", "/v1/completions"],
    ]);
    const chat = server.received.find(({ body }) => body.messages)?.body;
    expect(chat).toEqual({ model: "m", messages: user("hi"), max_tokens: 256, temperature: 0 });
    for (const { headers } of server.received) expect(headers.authorization).toBe(`Bearer ${KEY}`);
  });

  it("have the fields of vLLM and llama.cpp where they are needed", async () => {
    const server = await faultyServer((request, response) => {
      const logprobs = { content: [{ logprob: -0.5 }] };
      json(response, { choices: [{ message: { content: textOf(request.body) }, logprobs }] });
    });
    const options: GenerateOptions = {
      ...{ temperature: 0.6, topK: 50, topP: 0.9, repetitionPenalty: 1.2, maxNewTokens: 12, seed: 9 },
      ...{ stop: ["\n\n"], stopTokens: [7], ignoreEos: true, logprobs: true },
    };
    const extraBody = { min_p: 0, max_tokens: 13 };
    const [answer] = await ask(server.url, [user("x")], options, { extraBody, headers: { "x-team": "blue" } });
    expect(answer?.logprobs).toEqual([-0.5]);
    const [{ body, headers }] = server.received as [(typeof server.received)[0]];
    expect(body).toEqual({
      ...{ model: "m", messages: user("x"), max_tokens: 13, temperature: 0.6, top_k: 50, top_p: 0.9 },
      ...{ repetition_penalty: 1.2, repeat_penalty: 1.2, repeat_last_n: -1, seed: expect.any(Number) },
      ...{ stop: ["\n\n"], stop_token_ids: [7], ignore_eos: true, logprobs: true, min_p: 0 },
    });
    expect(headers["x-team"]).toBe("blue");
  });

  it("ask for all samples at once, and again for those that a server without n left out", async () => {
    const server = await faultyServer(shout);
    const one = await faultyServer(({ body }, response) => json(response, { choices: [{ text: `${body.seed}` }] }));
    const options = { n: 3, temperature: 1, seed: 5 };
    const answers = await ask(server.url, ["a"], options);
    expect(answers.map(({ sample, text }) => [sample, text])).toEqual([0, 1, 2].map((sample) => [sample, "A"]));
    expect(server.received.map(({ body }) => body.n)).toEqual([3]);
    const singly = await ask(one.url, ["a"], options);
    expect(one.received.map(({ body }) => body.n)).toEqual([3, 2, undefined]);
    // Sample i has the first one's seed plus i, as vLLM gives it itself.
    const [first] = one.received as [(typeof one.received)[0]];
    expect(texts(singly)).toEqual([0, 1, 2].map((sample) => `${(first.body.seed as number) + sample}`));
    expect(first.body.seed).toBe(server.received[0]?.body.seed);
  });

  it("ask once for greedy samples, which are all the same", async () => {
    const server = await faultyServer(shout);
    const answers = await ask(server.url, ["a"], { n: 3 });
    expect(answers.map(({ sample, text }) => [sample, text])).toEqual([0, 1, 2].map((sample) => [sample, "A"]));
    expect(server.received).toHaveLength(1);
    expect(server.received[0]?.body).not.toHaveProperty("n");
  });

  it("leave out what is there already, and keep the seeds of the others", async () => {
    const server = await faultyServer(({ body }, response) => {
      const { n = 1, seed } = body as { n?: number; seed: number };
      json(response, { choices: Array.from({ length: n }, (_, index) => ({ index, text: `${seed + index}` })) });
    });
    const options = { n: 4, temperature: 1 };
    const all = await ask(server.url, ["a", "b"], options);
    const some = await ask(server.url, ["a", "b"], {
      ...options,
      skip: ({ index, sample }) => index === 0 || sample === 1,
    });
    expect(some).toEqual(all.filter(({ index, sample }) => index === 1 && sample !== 1));
  });

  it("are so many at once as told, over all calls", async () => {
    const server = await faultyServer(async (request, response) => {
      await sleep(20);
      await shout(request, response, 0);
    });
    const endpoint = openEndpoint(server.url, { ...quick, concurrency: 3 });
    const all = async () => {
      let count = 0;
      for await (const _ of endpoint.generate(Array.from({ length: 7 }, (_, at) => `${at}`))) count += 1;
      return count;
    };
    expect(await Promise.all([all(), all()])).toEqual([7, 7]);
    expect(server.mostAtOnce()).toBe(3);
  });

  it("are more than ten at once without a warning of Node", async () => {
    const warnings: string[] = [];
    const hear = (warning: Error) => warnings.push(warning.name);
    process.on("warning", hear);
    const server = await faultyServer(shout);
    await ask(
      server.url,
      Array.from({ length: 40 }, (_, at) => `${at}`),
      {},
      { concurrency: 40 },
    );
    await sleep(10);
    process.off("warning", hear);
    expect(warnings).toEqual([]);
  });

  it.each<[string, unknown, unknown, RegExp]>([
    ["an address that is none", "localhost:8000", { model: "m" }, /http or https/],
    ["an address with a password", `http://me:${KEY}@host`, { model: "m" }, /must not hold a name or password/],
    ["no model", "http://host", {}, /needs the model's name/],
    ["no options", "http://host", undefined, /needs the model's name/],
    ["a key with a line break", "http://host", { model: "m", apiKey: `${KEY}\n` }, /a header cannot hold/],
    ["no concurrency", "http://host", { model: "m", concurrency: 0 }, /concurrency must be a whole number from 1/],
  ])("are not asked with %s", async (_, url, options, message) => {
    const error = await failureOf((async () => openEndpoint(url as string, options as EndpointOptions))());
    expect(error).toMatchObject({ code: "USAGE", message: expect.stringMatching(message) });
    expect(inspect(error)).not.toContain(KEY);
  });

  it.each<[string, readonly Prompt[], GenerateOptions]>([
    ["an empty list", [[]], {}],
    ["ids that are none", [[1.5]], {}],
    ["messages without a role", [[{ content: "x" }] as unknown as Prompt], {}],
    ["a lambda", ["x"], { lambda: 0.4 }],
    ["a wrong temperature", ["x"], { temperature: -1 }],
  ])("are not asked of %s", async (_, prompts, options) => {
    const server = await faultyServer(shout);
    expect(await failureOf(ask(server.url, prompts, options))).toMatchObject({ code: "USAGE" });
    expect(server.received).toEqual([]);
  });

  it("go to /v1 where the address has no path, and to the path that it has", async () => {
    const server = await faultyServer(shout);
    const origin = server.url.replace("/v1", "");
    for (const path of ["", "/", "/api/v3/", "/v1/chat/completions"]) await ask(`${origin}${path}`, ["x"]);
    expect(server.received.map(({ path }) => path)).toEqual([
      ...["/v1/completions", "/v1/completions", "/api/v3/completions", "/v1/completions"],
    ]);
  });
});

describe("an endpoint's answers", () => {
  it("say what the server tells, and nothing where it does not", async () => {
    const server = await faultyServer(({ body }, response) => {
      const more = body.prompt === "told" ? { token_ids: [5, 6], finish_reason: "length" } : {};
      json(response, {
        choices: [{ text: "a", ...more }],
        ...(body.prompt === "told" && { usage: { prompt_tokens: 4 } }),
      });
    });
    expect(await ask(server.url, ["told", "untold"])).toEqual([
      { index: 0, sample: 0, text: "a", finish: "length", ids: [5, 6], promptTokens: 4 },
      { index: 1, sample: 0, text: "a", finish: "stop", ids: [], promptTokens: 0 },
    ]);
  });

  it("are cut at a stop text that the server did not know", async () => {
    const server = await faultyServer((_, response) => {
      json(response, { choices: [{ text: "one\n\ntwo", finish_reason: "length" }] });
    });
    expect(await ask(server.url, ["x"], { stop: ["\n\n"] })).toMatchObject([{ text: "one", finish: "stop" }]);
  });

  it("are refused without the log-probabilities that were asked for", async () => {
    const server = await faultyServer(shout);
    const error = await failureOf(ask(server.url, ["x"], { logprobs: true, onFailure: () => {} }));
    expect(error).toMatchObject({ code: "INCOMPATIBLE", message: expect.stringContaining("log-probabilities") });
  });

  it("count up", async () => {
    const server = await faultyServer(shout);
    const seen: string[] = [];
    await ask(server.url, ["a", "b"], {
      onProgress: ({ done, total, promptTokens, newTokens }) =>
        seen.push(`${done}/${total} ${promptTokens} ${newTokens}`),
    });
    expect(seen).toEqual(["1/2 3 2", "2/2 6 4"]);
  });
});

describe("an endpoint that streams", () => {
  const collect = async (url: string, options: GenerateOptions = {}, endpoint: Partial<EndpointOptions> = {}) => {
    const pieces: GenerationPiece[] = [];
    const answers = await ask(url, [user("x")], { ...options, onToken: (piece) => pieces.push(piece) }, endpoint);
    return { pieces, answers, text: pieces.map(({ text }) => text).join("") };
  };

  it("gives pieces as they come, whatever the pieces of the connection", async () => {
    const bytes = Buffer.from(`: hello\r\n\r\n${delta("né")}${delta("😀 ")}${delta("", "stop")}data: [DONE]\n\n`);
    const server = await faultyServer(async (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const byte of bytes) {
        response.write(Buffer.of(byte));
        if (byte > 0x7f) await sleep(1);
      }
      response.end();
    });
    const { pieces, answers } = await collect(server.url);
    expect(pieces.map(({ text }) => text)).toEqual(["né", "😀 "]);
    expect(answers).toMatchObject([{ text: "né😀 ", finish: "stop" }]);
    expect(server.received[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it("gives several samples, usage, ids and log-probabilities", async () => {
    const choice = (index: number, text: string, id: number) =>
      event({ choices: [{ index, text, token_ids: [id], logprobs: { token_logprobs: [-id] } }] });
    const end = event({ choices: [0, 1].map((index) => ({ index, text: "", finish_reason: "length" })) });
    const usage = event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } });
    const server = await faultyServer((_, response) => {
      stream(response, choice(0, "a", 1), choice(1, "b", 2), choice(0, "c", 3), choice(1, "d", 4), end, usage);
      response.end(event("[DONE]"));
    });
    const pieces: GenerationPiece[] = [];
    const options = { n: 2, temperature: 1, logprobs: true, onToken: (piece: GenerationPiece) => pieces.push(piece) };
    const answers = await ask(server.url, ["x"], options);
    expect(answers).toEqual([
      { index: 0, sample: 0, text: "ac", finish: "length", ids: [1, 3], logprobs: [-1, -3], promptTokens: 9 },
      { index: 0, sample: 1, text: "bd", finish: "length", ids: [2, 4], logprobs: [-2, -4], promptTokens: 9 },
    ]);
    expect(pieces.map(({ sample, text, id }) => [sample, text, id])).toEqual([
      ...[
        [0, "a", 1],
        [1, "b", 2],
        [0, "c", 3],
        [1, "d", 4],
      ],
    ]);
  });

  it("holds back what may be the beginning of a stop text", async () => {
    const server = await faultyServer((_, response) => {
      stream(response, delta("one\n"), delta("\ntwo"), delta("", "length"));
      response.end(event("[DONE]"));
    });
    const { pieces, answers } = await collect(server.url, { stop: ["\n\n"] });
    expect(pieces.map(({ text }) => text)).toEqual(["one"]);
    expect(answers).toMatchObject([{ text: "one", finish: "stop" }]);
  });

  it("asks again when the connection breaks, and gives no text twice", async () => {
    const server = await faultyServer((_, response, number) => {
      stream(response, delta("one "), ...(number === 0 ? [] : [delta("two"), delta("", "stop")]));
      if (number === 0) setTimeout(() => response.destroy(), 20);
      else response.end(event("[DONE]"));
    });
    const { pieces, answers } = await collect(server.url);
    expect(pieces.map(({ text }) => text)).toEqual(["one ", "two"]);
    expect(texts(answers)).toEqual(["one two"]);
    expect(server.received).toHaveLength(2);
  });

  it("fails when the answer after a broken connection is another one", async () => {
    const server = await faultyServer((_, response, number) => {
      stream(response, delta(`${number} `), delta("two"));
      setTimeout(() => response.destroy(), 20);
    });
    const error = await failureOf(collect(server.url, {}, { attempts: 3 }));
    expect(error).toMatchObject({ code: "NETWORK", message: expect.stringContaining("another one") });
  });

  it.each<[string, readonly string[], RegExp]>([
    ["ends before it is finished", [delta("one")], /ends before the answer does/],
    ["has an error in it", [delta("one"), event({ error: { message: "no more memory" } })], /no more memory/],
    ["has events that are no JSON", [event("{oops")], /not JSON/],
    ["has nothing in it", [event("[DONE]")], /ends before the answer does/],
  ])("fails, after its tries, when its stream %s", async (_, parts, message) => {
    const server = await faultyServer((_request, response) => {
      stream(response, ...parts);
      response.end();
    });
    const error = await failureOf(collect(server.url, {}, { attempts: 2 }));
    expect(error).toMatchObject({ code: "NETWORK", message: expect.stringMatching(message) });
    expect(server.received).toHaveLength(2);
  });

  it("ends with an error of the caller's own function, and is not asked again", async () => {
    const server = await faultyServer((_, response) => {
      stream(response, delta("one"), delta("", "stop"));
      response.end(event("[DONE]"));
    });
    const mine = new Error("mine");
    const onToken = () => {
      throw mine;
    };
    await expect(ask(server.url, [user("x")], { onToken })).rejects.toBe(mine);
    expect(server.received).toHaveLength(1);
  });
});

describe("a server that is busy or broken", () => {
  it.each([429, 500, 502, 503, 408])("is asked again after %i", async (status) => {
    const server = await faultyServer((request, response, number) => {
      if (number < 3) json(response, { error: { message: "not now" } }, status);
      else shout(request, response, number);
    });
    expect(texts(await ask(server.url, ["x"]))).toEqual(["X"]);
    expect(server.received).toHaveLength(4);
  });

  it("is left alone by all requests for as long as it asks", async () => {
    const times: number[] = [];
    const server = await faultyServer((request, response, number) => {
      times.push(performance.now());
      if (number === 0) json(response, {}, 429, { "retry-after": "0.3" });
      else shout(request, response, number);
    });
    expect(texts(await ask(server.url, ["a", "b", "c"], {}, { concurrency: 1 }))).toEqual(["A", "B", "C"]);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(290);
  });

  it("is asked again when it breaks off, says nothing, or answers nonsense", async () => {
    const server = await faultyServer((request, response, number) => {
      if (number === 0) response.destroy();
      else if (number === 1) response.writeHead(200, { "content-length": "500" }).end('{"choices": [');
      else if (number === 2) response.writeHead(200, { "content-type": "text/html" }).end("<html>a proxy</html>");
      else if (number === 3) json(response, { choices: [] });
      else if (number === 4) json(response, { choices: [{ message: { content: 5 } }] });
      else if (number === 5) return;
      else shout(request, response, number);
    });
    expect(texts(await ask(server.url, ["x"], {}, { attempts: 8, timeoutMs: 1500 }))).toEqual(["X"]);
    expect(server.received.length).toBeGreaterThanOrEqual(7);
  });

  it("fails after its tries, with what it said", async () => {
    const server = await faultyServer((_, response) => json(response, { detail: "out of memory" }, 500));
    const error = await failureOf(ask(server.url, ["x"], {}, { attempts: 3 }));
    expect(error).toMatchObject({
      code: "NETWORK",
      message: `${server.url} answers 500: out of memory (tried 3 times)`,
    });
    expect(server.received).toHaveLength(3);
  });

  it("fails alone for the prompts that it cannot answer, where the caller hears of them", async () => {
    const server = await faultyServer((request, response, number) => {
      if (request.body.prompt === "long") json(response, { error: { message: "maximum context length" } }, 400);
      else if (request.body.prompt === "bad") json(response, {}, 500);
      else shout(request, response, number);
    });
    const failures: GenerationFailure[] = [];
    const answers = await ask(
      server.url,
      ["a", "long", "b", "bad"],
      { onFailure: (one) => failures.push(one) },
      { attempts: 2 },
    );
    expect(answers.map(({ index, text }) => [index, text])).toEqual([
      [0, "A"],
      [2, "B"],
    ]);
    expect(failures.sort((x, y) => x.index - y.index)).toEqual([
      {
        index: 1,
        sample: 0,
        error: expect.objectContaining({
          code: "BAD_INPUT",
          message: expect.stringContaining("maximum context length"),
        }),
      },
      { index: 3, sample: 0, error: expect.objectContaining({ code: "NETWORK" }) },
    ]);
    const error = await failureOf(ask(server.url, ["a", "long", "b"]));
    expect(error.message).toContain("maximum context length");
  });

  it("keeps the samples that it gave before it failed", async () => {
    const server = await faultyServer((_, response, number) => {
      if (number === 0) json(response, { choices: [{ text: "one" }] });
      else json(response, {}, 400);
    });
    const failures: GenerationFailure[] = [];
    const answers = await ask(server.url, ["x"], { n: 3, temperature: 1, onFailure: (one) => failures.push(one) });
    expect(texts(answers)).toEqual(["one"]);
    expect(failures).toMatchObject([{ index: 0, sample: 1 }]);
  });

  it("ends everything when it cannot be reached at all", async () => {
    // The port of a server that has just been closed.
    const closed = (await faultyServer(shout)).url;
    await closeServers();
    const failures: GenerationFailure[] = [];
    const error = await failureOf(ask(closed, ["a", "b"], { onFailure: (one) => failures.push(one) }, { attempts: 2 }));
    expect(error).toMatchObject({ code: "NETWORK", message: expect.stringContaining("ECONNREFUSED") });
    expect(failures).toEqual([]);
  });
});

describe("a server that refuses", () => {
  it.each<[number, RegExp, RegExp]>([
    [401, /refuses the API key/, /apiKey/],
    [403, /forbids/, /account/],
    [404, /does not know the model m/, /models/],
    [307, /leads elsewhere/, /example\.org\/v2/],
  ])("with %i is not asked again, and ends everything", async (status, message, hint) => {
    const server = await faultyServer((_, response) => {
      json(response, { error: { message: "because" } }, status, { location: "https://example.org/v2?token=x" });
    });
    const failures: GenerationFailure[] = [];
    const options = { onFailure: (one: GenerationFailure) => failures.push(one) };
    const error = await failureOf(ask(server.url, ["a", "b"], options, { apiKey: KEY, concurrency: 1 }));
    expect(error).toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(error.message).toContain("because");
    expect(failures).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  it("for want of a key says so", async () => {
    const server = await faultyServer((_, response) => json(response, {}, 401));
    expect((await failureOf(ask(server.url, ["a"]))).message).toMatch(/wants an API key/);
  });

  it("never gets the key into an error, even where it repeats it", async () => {
    const said = `Incorrect API key provided: ${KEY}.`;
    for (const status of [400, 401, 403, 404, 500]) {
      const server = await faultyServer((_, response) => json(response, { error: { message: said } }, status));
      const error = await failureOf(ask(server.url, ["a"], {}, { apiKey: KEY, attempts: 1 }));
      expect(inspect(error, { depth: 10 })).not.toContain(KEY);
      expect(error.message).toContain("Incorrect API key provided: ***");
    }
    const server = await faultyServer((_, response) => {
      response.writeHead(200).end(`${KEY} is no JSON`);
    });
    const error = await failureOf(ask(server.url, ["a"], {}, { apiKey: KEY, attempts: 1 }));
    expect(inspect(error, { depth: 10 })).not.toContain(KEY);
  });
});

describe("an endpoint that is stopped", () => {
  const silent = () => faultyServer(() => {});

  it("rejects with the caller's reason, at once", async () => {
    const server = await silent();
    const controller = new AbortController();
    const reason = new Error("enough");
    const asked = ask(server.url, ["a", "b"], { signal: controller.signal });
    while (server.received.length < 2) await sleep(5);
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await expect(ask(server.url, ["a"], { signal: controller.signal })).rejects.toBe(reason);
  });

  it("rejects in the middle of a pause between tries", async () => {
    const server = await faultyServer((_, response) => json(response, {}, 503));
    const controller = new AbortController();
    const asked = ask(server.url, ["a"], { signal: controller.signal }, { retryDelayMs: 60_000 });
    while (server.received.length < 1) await sleep(5);
    await sleep(20);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
  });

  it("ends its requests when the iteration is left", async () => {
    let closed = 0;
    const server = await faultyServer((request, response, number) => {
      response.on("close", () => {
        if (!response.writableFinished) closed += 1;
      });
      if (request.body.prompt === "0") shout(request, response, number);
    });
    for await (const { text } of openEndpoint(server.url, quick).generate(["0", "1", "2"])) {
      expect(text).toBe("0");
      break;
    }
    while (closed < server.received.length - 1) await sleep(5);
    expect(server.received.length).toBeGreaterThan(0);
  });

  it("ends everything when it is closed, and is not asked any more", async () => {
    const server = await silent();
    const endpoint = openEndpoint(server.url, quick);
    const asked = (async () => {
      for await (const _ of endpoint.generate(["a"]));
    })();
    while (server.received.length < 1) await sleep(5);
    await endpoint.close();
    expect(await failureOf(asked)).toMatchObject({ code: "USAGE", message: "the endpoint is closed" });
    expect(await failureOf(endpoint.generate(["a"])[Symbol.asyncIterator]().next())).toMatchObject({ code: "USAGE" });
  });

  it("says what it is", () => {
    const { facts } = openEndpoint("https://host.example/v1?api-version=3", { model: "big" });
    expect(facts).toEqual({
      engine: "endpoint",
      model: "big",
      versions: {},
      device: "https://host.example/v1",
      gpu: false,
    });
  });
});
