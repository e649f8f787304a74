// Requests at weights of their own: each is answered as the merge that is written at its weights, beside all others.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it, vi } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Fidelity, Generation, Model } from "../../../lib/generate/types.js";
import { type Recipe, sweep } from "../../../lib/index.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { casesOf } from "../../long.js";
import { answers, clientOf, served, until } from "./servers.js";

/** Told of the thread that is asked for answers, so that a test can end it as a crash would. */
const asking = vi.hoisted((): { hears?: ((thread: Worker) => void) | undefined } => ({}));
vi.mock("node:worker_threads", async (original) => {
  const real = await original<typeof import("node:worker_threads")>();
  return {
    ...real,
    Worker: class extends real.Worker {
      override postMessage(...args: Parameters<Worker["postMessage"]>) {
        super.postMessage(...args);
        if (args[0]?.type === "generate") asking.hears?.(this);
      }
    },
  };
});

const golden = join(import.meta.dirname, "..", "..", "golden", "merge", "models");
const [base, tuned] = [join(golden, "base"), join(golden, "ft1")];
const prompt = [1, 17, 93, 4];
const messages = [{ role: "user", content: "Hello" }];
const LENGTH = 8;
const lambdas = Array.from({ length: 64 }, (_, at) => (at + 0.5) / 64);

const folder = mkdtempSync(join(tmpdir(), "retemper-request-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recipeOf(dtype: string): Recipe {
  const models = [base, tuned].map((model) => ({ model, parameters: { weight: 0.5 } }));
  return { merge_method: "linear", models, dtype: "float32", out_dtype: dtype, parameters: { normalize: true } };
}

interface Reply {
  readonly status: number;
  readonly model: string;
  readonly ids: readonly number[];
  readonly logprobs: readonly number[];
  readonly error?: { readonly message: string; readonly type: string; readonly param: unknown };
}

async function ask({ url }: ModelServer, fields: object): Promise<Reply> {
  const asked = { prompt, max_tokens: LENGTH, temperature: 0, logprobs: 0, ignore_eos: true, return_token_ids: true };
  const reply = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...asked, ...fields }),
  });
  const { model, choices, error } = (await reply.json()) as {
    readonly model: string;
    readonly choices?: readonly { readonly token_ids: number[]; readonly logprobs: { token_logprobs: number[] } }[];
    readonly error?: Reply["error"];
  };
  const [choice] = choices ?? [];
  const found = { status: reply.status, model, ids: choice?.token_ids ?? [] };
  return { ...found, logprobs: choice?.logprobs.token_logprobs ?? [], ...(error && { error }) };
}

/** Milliseconds for 64 merges that are written, opened and asked, also where every line is counted. */
const LONG_TIME = 300_000;

/** Places of the lambdas whose merges are written. */
const compared = casesOf([...lambdas.keys()], [0, 9, 22, 37, 50, 63]);

/** What the merge that is written at each of these lambdas answers. */
async function written(dtype: string): Promise<Generation[]> {
  const out = join(folder, dtype);
  const points = compared.map((at) => lambdas[at] as number);
  await sweep(recipeOf(dtype), { lambdas: points }, out);
  const found: Generation[] = [];
  for (const lambda of points) {
    const model = await openModel(join(out, `lambda-${lambda}`), { engine: "native" });
    found.push(...(await answers(model, [prompt], { maxNewTokens: LENGTH, logprobs: true, ignoreEos: true })));
    await model.close();
  }
  return found;
}

async function opened(
  fidelity: Fidelity,
  recipe = recipeOf(fidelity === "exact" ? "bfloat16" : "float32"),
): Promise<Model> {
  const model = await openModel(recipe, { fidelity });
  afterAll(() => model.close());
  return model;
}

describe("64 requests at once, at 64 lambdas", { timeout: LONG_TIME }, () => {
  it("are, to the bit, the answers of 64 written merges, with exact fidelity", async () => {
    const server = await served(await opened("exact"), { slots: 64 });
    const replies = await Promise.all(lambdas.map((lambda) => ask(server, { lambda })));
    const wanted = await written("bfloat16");
    const same = compared.map((at) => replies[at] as Reply);
    expect(same.map(({ ids }) => ids)).toEqual(wanted.map(({ ids }) => ids));
    expect(same.map(({ logprobs }) => logprobs)).toEqual(wanted.map(({ logprobs }) => logprobs));
    expect(replies.map(({ model }) => model)).toEqual(lambdas.map((lambda) => `tiny@lambda=${lambda}`));
    expect(new Set(replies.map(({ logprobs }) => String(logprobs))).size).toBe(64);
  });

  it("are within 2e-4 of those of 64 written merges, with linear fidelity", async () => {
    const server = await served(await opened("linear"), { slots: 64 });
    const replies = await Promise.all(lambdas.map((lambda) => ask(server, { model: `tiny@lambda=${lambda}` })));
    const wanted = await written("float32");
    for (const [at, { ids, logprobs }] of compared.map((place) => replies[place] as Reply).entries()) {
      expect(ids).toEqual(wanted[at]?.ids);
      const far = logprobs.map((one, place) => Math.abs(one - (wanted[at]?.logprobs?.[place] as number)));
      expect(Math.max(...far)).toBeLessThan(2e-4);
    }
  });
});

describe("a request", () => {
  it("has weights of several models in place of lambda, and none of either is the recipe as it is written", async () => {
    const model = await opened("exact");
    const server = await served(model);
    const options = { maxNewTokens: LENGTH, ignoreEos: true, logprobs: true };
    for (const [fields, which, id] of [
      [{ weights: { base: 0.3, ft1: 0.5 } }, { weights: { base: 0.3, ft1: 0.5 } }, "tiny"],
      [{ weights: { ft1: 1 } }, { lambda: 1 }, "tiny"],
      [{ model: "tiny@lambda=0.3125" }, { lambda: 0.3125 }, "tiny@lambda=0.3125"],
      [{}, {}, "tiny"],
      [{}, { lambda: 0.5 }, "tiny"],
    ] as const) {
      const [wanted] = await answers(model, [prompt], { ...options, ...which });
      const reply = await ask(server, fields);
      expect({ fields, model: reply.model, logprobs: reply.logprobs }).toEqual({
        fields,
        model: id,
        logprobs: wanted?.logprobs,
      });
    }
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: object[] };
    expect(data).toMatchObject([{ id: "tiny", lambda_range: [0, 1], weight_names: ["base", "ft1"] }]);
    const one = await fetch(`${server.url}/v1/models/${encodeURIComponent("tiny@lambda=0.37")}`);
    expect(await one.json()).toMatchObject({ id: "tiny@lambda=0.37", lambda: 0.37 });
  });
});

describe("what is wrong with a request's weights", () => {
  const wrong: [fields: object, status: number, param: string][] = [
    [{ lambda: 1.01 }, 400, "lambda"],
    [{ lambda: -0.01 }, 400, "lambda"],
    [{ lambda: "0.3" }, 400, "lambda"],
    [{ lambda: [0.3] }, 400, "lambda"],
    [{ lambda: true }, 400, "lambda"],
    [{ model: "tiny@lambda=1.01" }, 404, "model"],
    [{ model: "tiny@lambda=NaN" }, 404, "model"],
    [{ model: `tiny@lambda=${lambdas[0]}`, lambda: 0.4 }, 400, "lambda"],
    [{ weights: { nobody: 0.3 } }, 400, "weights"],
    [{ weights: { ft1: "0.3" } }, 400, "weights.ft1"],
    [{ weights: [0.3] }, 400, "weights"],
    [{ weights: 0.3 }, 400, "weights"],
    [{ weights: { ft1: 0.3 }, lambda: 0.3 }, 400, "weights"],
  ];

  it("is said in OpenAI's form, before a stream begins too, and disturbs nothing else in the batch", async () => {
    const server = await served(await opened("exact"), { slots: 64 });
    const good = lambdas.slice(0, 8);
    const alone: Reply[] = [];
    for (const lambda of good) alone.push(await ask(server, { lambda, max_tokens: 60 }));
    const beside = good.map((lambda) => ask(server, { lambda, max_tokens: 60 }));
    for (const [fields, status, param] of wrong) {
      for (const stream of [false, true]) {
        const { error, ...reply } = await ask(server, { ...fields, stream });
        expect({ fields, status: reply.status, param: error?.param }).toEqual({ fields, status, param });
        expect(error?.type).toBe(status === 404 ? "not_found_error" : "invalid_request_error");
      }
    }
    expect(await Promise.all(beside)).toEqual(alone);
  });

  it.each(["exact", "linear"] as const)(
    "is said of weights whose results are no numbers, beside others: %s",
    async (fidelity) => {
      const models = [{ model: tuned, parameters: { weight: 0.5 } }];
      const recipe = { merge_method: "task_arithmetic", base_model: base, models, dtype: "float32" };
      const server = await served(await opened(fidelity, recipe), { slots: 64 });
      const good = lambdas.slice(0, 8);
      const alone: Reply[] = [];
      for (const lambda of good) alone.push(await ask(server, { lambda, max_tokens: 60 }));
      const beside = good.map((lambda) => ask(server, { lambda, max_tokens: 60 }));
      for (const weight of [1e39, 1e308, -1e308]) {
        for (const fields of [{}, { stream: true }, { logprobs: undefined }, { temperature: 1 }]) {
          const { error, ...reply } = await ask(server, { weights: { ft1: weight }, ...fields });
          expect({ weight, fields, status: reply.status, type: error?.type }).toEqual({
            ...{ weight, fields },
            ...{ status: 400, type: "invalid_request_error" },
          });
          expect(error?.message).toMatch(/not finite.*weights that were asked for/);
        }
      }
      expect(await Promise.all(beside)).toEqual(alone);
      await until(server, { slots_in_use: 0, queue_length: 0, requests_in_flight: 0 });
    },
  );

  it("goes for chats as for completions; a template that refuses a conversation disturbs no other", async () => {
    const template =
      "{% if messages[0].role == 'system' %}{{ raise_exception('no systems') }}{% endif %}{{ messages[0].content }}";
    const model = await opened("linear", { ...recipeOf("float32"), chat_template: template });
    const server = await served(model);
    const chat = async (fields: object) => {
      const body = JSON.stringify({ messages, max_tokens: 20, temperature: 0, ...fields });
      const headers = { "content-type": "application/json" };
      const reply = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", headers, body });
      const { choices, error } = (await reply.json()) as Record<"choices" | "error", unknown>;
      return { status: reply.status, choices, error };
    };
    const alone = await chat({ lambda: 0.37 });
    expect(alone.status).toBe(200);
    const [beside, refused, beyond] = await Promise.all([
      chat({ lambda: 0.37 }),
      chat({ lambda: 0.38, messages: [{ role: "system", content: "x" }] }),
      chat({ lambda: 2 }),
    ]);
    expect(beside).toEqual(alone);
    expect(refused).toMatchObject({ status: 400, error: { message: expect.stringContaining("no systems") } });
    expect(beyond).toMatchObject({ status: 400, error: { param: "lambda" } });
  });
});

describe("clients that leave and models that die", () => {
  it("leave the answers at other lambdas as they are, and no slot taken", async () => {
    const server = await served(await opened("exact"), { slots: 64 });
    const alone: Reply[] = [];
    const stay = lambdas.slice(0, 6);
    for (const lambda of stay) alone.push(await ask(server, { lambda, max_tokens: 60 }));
    const leaving = lambdas.slice(6, 18).map(async (lambda, at) => {
      const stream = await clientOf(server).completions.create({
        ...{ model: "tiny", prompt, max_tokens: 400, stream: true as const },
        ...{ lambda, ignore_eos: true },
      });
      let chunks = 0;
      for await (const _ of stream) if (++chunks > at % 4) break;
    });
    const staying = stay.map((lambda) => ask(server, { lambda, max_tokens: 60 }));
    await Promise.all(leaving);
    expect(await Promise.all(staying)).toEqual(alone);
    await until(server, { slots_in_use: 0, queue_length: 0, requests_in_flight: 0 });
  });

  it("are told to every request that was in work, in OpenAI's form", async () => {
    const server = await served(await opened("exact"), { slots: 64 });
    // one after the other, of which the thread ends when it is asked for the first ones
    const thread = new Promise<Worker>((resolve) => {
      asking.hears = resolve;
    });
    const asked = { max_tokens: 400, n: 60, temperature: 1 };
    const work = lambdas.slice(0, 16).map((lambda) => ask(server, { lambda, ...asked }));
    await (await thread).terminate();
    asking.hears = undefined;
    const unanswered = (await Promise.all(work)).filter(({ status }) => status !== 200);
    expect(unanswered.length).toBeGreaterThan(0);
    for (const { status, error } of unanswered) {
      expect({ status, type: error?.type }).toEqual({ status: 500, type: "server_error" });
    }
    expect(await ask(server, { lambda: lambdas[0] })).toMatchObject({ status: 500 });
    expect((await fetch(`${server.url}/health`)).status).toBe(503);
    await until(server, { slots_in_use: 0, queue_length: 0, requests_in_flight: 0 });
  });
});
