// Models in threads of their own. The threads run the compiled package: npm run build.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { GenerateOptions, Generation, Model, Prompt } from "../../../lib/generate/types.js";
import { expectedOf, modelFolder, promptsOf } from "../../golden/generate/modelFolders.js";

const engine = "native";
const prompts = promptsOf("llama");
const expected = expectedOf("llama");
const folder = modelFolder("llama");
let model: Model;

beforeAll(async () => {
  model = await openModel(folder, { engine });
});
afterAll(() => model.close());

async function all(from: Model, asked: readonly Prompt[], options?: GenerateOptions): Promise<Generation[]> {
  const answers: Generation[] = [];
  for await (const answer of from.generate(asked, options)) answers.push(answer);
  return answers.sort((a, b) => a.index - b.index || a.sample - b.sample);
}

async function failure(work: Promise<unknown>): Promise<RetemperError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RetemperError)) throw error;
  return error;
}

describe("an open model", () => {
  it("says what ends its answers, and how long prompt and answer may be", () => {
    const { max_position_embeddings: context, eos_token_id: end } = JSON.parse(
      readFileSync(join(folder, "config.json"), "utf8"),
    ) as { max_position_embeddings: number; eos_token_id: number };
    expect([model.stopTokens, model.contextLength]).toEqual([[end], context]);
  });

  it("says what it is and where it runs", () => {
    expect(model.facts).toMatchObject({ engine, model: folder, gpu: false, precision: "float32" });
    expect(model.facts.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(model.tokenizer.hasChatTemplate).toBe(true);
  });

  it("answers ids as transformers does", async () => {
    const answers = await all(model, prompts, { maxNewTokens: 32, ignoreEos: true });
    expect(answers.map(({ ids }) => ids)).toEqual(expected.greedy);
    expect(answers.map(({ promptTokens }) => promptTokens)).toEqual([1, 4, 11, 20, 33]);
    for (const { ids, text, finish } of answers) {
      expect(finish).toBe("length");
      expect(text).toBe(model.tokenizer.decode(ids, { skipSpecialTokens: true }));
    }
  });

  it("takes texts, ids and conversations, and gives the same for the same tokens", async () => {
    const text = "Hello there";
    const messages = [{ role: "user", content: text }];
    const rendered = model.tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true });
    const answers = await all(
      model,
      [text, model.tokenizer.encode(text), messages, model.tokenizer.encode(rendered, { addSpecialTokens: false })],
      { maxNewTokens: 8, ignoreEos: true },
    );
    expect(answers[1]).toEqual({ ...answers[0], index: 1 });
    expect(answers[3]).toEqual({ ...answers[2], index: 3 });
    expect(answers[2]?.ids).not.toEqual(answers[0]?.ids);
  });

  it("tells pieces of text that are the answer when put together, and how far it is", async () => {
    const pieces = new Map<number, { ids: number[]; text: string }>();
    const progress: unknown[] = [];
    const answers = await all(model, prompts, {
      maxNewTokens: 12,
      ignoreEos: true,
      onToken({ index, sample, id, text }) {
        expect(sample).toBe(0);
        const so = pieces.get(index) ?? { ids: [], text: "" };
        pieces.set(index, { ids: [...so.ids, id], text: so.text + text });
      },
      onProgress: (now) => progress.push(now),
    });
    for (const { index, ids, text } of answers) expect(pieces.get(index)).toEqual({ ids, text });
    expect(progress.at(-1)).toEqual({ done: 5, total: 5, promptTokens: prompts.flat().length, newTokens: 60 });
  });

  it("ends answers at texts that lie across tokens, and leaves them out of the text", async () => {
    const [whole] = await all(model, [prompts[4] as number[]], { maxNewTokens: 32, ignoreEos: true });
    const text = (whole as Generation).text;
    // The end of one token's text and the beginning of the next one's.
    const before = model.tokenizer.decode((whole as Generation).ids.slice(0, 10), { skipSpecialTokens: true });
    const stop = text.slice(before.length - 1, before.length + 1);
    const at = text.indexOf(stop);
    expect(at).toBeGreaterThanOrEqual(0);
    let streamed = "";
    const [cut] = await all(model, [prompts[4] as number[]], {
      maxNewTokens: 32,
      ignoreEos: true,
      stop: ["never to be seen", stop],
      onToken: (piece) => {
        streamed += piece.text;
      },
    });
    expect(cut).toMatchObject({ finish: "stop", text: text.slice(0, at) });
    expect(streamed).toBe(text.slice(0, at));
    expect(cut?.ids).toEqual((whole as Generation).ids.slice(0, cut?.ids.length));
  });

  it("ends answers at the model's own stop token by default, and at those that are named", async () => {
    const token = expected.greedy_stop_token;
    const named = await all(model, prompts, { maxNewTokens: 32, ignoreEos: true, stopTokens: [token] });
    expect(named.map(({ ids }) => ids)).toEqual(expected.greedy_stopped);
    const own = await openModel(
      modelFolder("llama", { files: { "generation_config.json": `{"eos_token_id": ${token}}` } }),
      {
        engine,
      },
    );
    expect((await all(own, prompts, { maxNewTokens: 32 })).map(({ ids }) => ids)).toEqual(expected.greedy_stopped);
    expect((await all(own, prompts, { maxNewTokens: 32, ignoreEos: true })).map(({ ids }) => ids)).toEqual(
      expected.greedy,
    );
    await own.close();
  });

  it("makes only the answers that are not there", async () => {
    const skip = ({ index, sample }: { index: number; sample: number }) => index !== 3 || sample === 1;
    const totals: number[] = [];
    const answers = await all(model, prompts, {
      n: 3,
      maxNewTokens: 2,
      skip,
      onProgress: ({ total }) => totals.push(total),
    });
    expect(answers.map(({ index, sample }) => [index, sample])).toEqual([
      [3, 0],
      [3, 2],
    ]);
    expect(new Set(totals)).toEqual(new Set([2]));
    expect(await all(model, prompts, { skip: () => true })).toEqual([]);
    expect(await all(model, [])).toEqual([]);
  });

  it("gives log-probabilities of new tokens and of given ones, from the model's own distribution", async () => {
    const prompt = prompts[2] as number[];
    const options = { maxNewTokens: 6, ignoreEos: true, logprobs: true, repetitionPenalty: 1.2 };
    const [answer] = await all(model, [prompt], options);
    const ids = [...prompt, ...(answer as Generation).ids];
    const [logprobs] = await model.logprobs([ids]);
    expect(logprobs).toHaveLength(ids.length - 1);
    answer?.logprobs?.forEach((logprob, i) => {
      expect(logprob).toBeCloseTo(logprobs?.[prompt.length - 1 + i] as number, 4);
    });
    const [logits] = await model.logits([ids]);
    const vocabulary = (logits as Float32Array).length / ids.length;
    expect(vocabulary).toBe(459);
    const row = (logits as Float32Array).subarray(0, vocabulary);
    const sum = row.reduce((total, x) => total + Math.exp(x), 0);
    expect(logprobs?.[0]).toBeCloseTo((row[ids[1] as number] as number) - Math.log(sum), 4);
  });

  it("serves several calls at once", async () => {
    const results = await Promise.all([
      all(model, prompts, { maxNewTokens: 9, ignoreEos: true }),
      model.logprobs(prompts),
      all(model, [prompts[1], prompts[3]] as number[][], { maxNewTokens: 5, ignoreEos: true, batch: 1 }),
      model.logits([prompts[0] as number[]]),
    ]);
    expect(results[0].map(({ ids }) => ids)).toEqual(expected.greedy.map((ids) => ids.slice(0, 9)));
    expect(results[1].map(({ length }) => length)).toEqual([0, 3, 10, 19, 32]);
    expect(results[2].map(({ ids }) => ids)).toEqual([1, 3].map((i) => expected.greedy[i]?.slice(0, 5)));
    expect(results[3][0]).toHaveLength(459);
  });
});

describe("many calls", () => {
  it("one after the other are all served: none is lost where the thread has just run out of work", async () => {
    for (let i = 0; i < 150; i++) expect(await model.logprobs([[1, 2 + i]])).toHaveLength(1);
  });
});

describe("an answer's log-probabilities", () => {
  it("are the same to the last bit alone, in any batch, and beside prompts that begin alike", async () => {
    const common = Array.from({ length: 50 }, (_, i) => 3 + ((i * 37) % 400));
    const asked = [...prompts, ...[1, 2, 3].map((i) => [...common, 10 * i])];
    const options = { maxNewTokens: 12, ignoreEos: true, logprobs: true, temperature: 0.7, n: 2 };
    const together = await all(model, asked, options);
    for (const batch of [1, 3]) expect(await all(model, asked, { ...options, batch })).toEqual(together);
    const fresh = await openModel(folder, { engine });
    const skip = ({ index }: { index: number }) => index !== 6;
    expect(await all(fresh, asked, { ...options, skip })).toEqual(together.filter(({ index }) => index === 6));
    await fresh.close();
  });
});

describe("wrong requests", () => {
  it.each([
    ["an empty prompt", [[1, 2], []], {}, "BAD_INPUT", "prompt 1 is empty"],
    ["an id outside the vocabulary", [[1], [2, 459]], {}, "BAD_INPUT", "prompt 1 holds the id 459"],
    ["a negative id", [[-1]], {}, "BAD_INPUT", "prompt 0 holds the id -1"],
    ["a prompt that fills the context", [[1], Array(128).fill(5)], {}, "BAD_INPUT", "prompt 1 has 128 tokens"],
    [
      "more new tokens than the context has",
      [[1, 2]],
      { maxNewTokens: 127 },
      "BAD_INPUT",
      "prompt 0 has 2 tokens with 127 new ones",
    ],
    ["a message without text", [[{ role: "user" }]], {}, "BAD_INPUT", "prompt 0 has a message"],
    ["something that is no prompt", [{ text: "a" }], {}, "BAD_INPUT", "prompt 0 is neither"],
    ["a temperature below zero", [[1]], { temperature: -1 }, "USAGE", "temperature"],
    ["half a sample", [[1]], { n: 0.5 }, "USAGE", "n must be a whole number"],
    ["topP of zero", [[1]], { topP: 0 }, "USAGE", "topP"],
    ["an empty stop text", [[1]], { stop: [""] }, "USAGE", "stop"],
    ["a lambda", [[1]], { lambda: 0.4 }, "USAGE", "lambda"],
  ])("are refused before work starts: %s", async (_, asked, options, code, message) => {
    let told = 0;
    const error = await failure(
      all(model, asked as Prompt[], { ...options, onToken: () => told++ } as GenerateOptions),
    );
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(told).toBe(0);
  });

  it("say whose the tokenizer's own failure is", async () => {
    const plain = await openModel(modelFolder("gpt2"), { engine });
    const error = await failure(all(plain, ["one", [{ role: "user", content: "two" }]]));
    expect(error.message).toMatch(/prompt 1:.*no chat template/);
    await plain.close();
  });

  it("name the input of logits and logprobs", async () => {
    expect((await failure(model.logits([[1], []]))).message).toContain("input 1 is empty");
    expect((await failure(model.logprobs([Array(129).fill(1)]))).message).toContain("input 0 has 129 tokens");
    expect((await failure(model.logits([[1]], { lambda: 1 }))).code).toBe("USAGE");
  });

  it("have the stack of the caller, and the thread's as cause", async () => {
    const error = await failure(all(model, [[]]));
    expect(error.stack).toContain("openModel.test.ts");
    expect((error.cause as Error).stack).toContain("preparePrompt");
  });
});

describe("models that cannot be opened", () => {
  it.each([
    ["that do not exist", () => "nowhere/to be found", {}, "BAD_INPUT", "does not exist"],
    ["of an unknown family", () => modelFolder("llama", { config: { model_type: "mamba" } }), {}, "BAD_INPUT", "mamba"],
    [
      "without tensors that the family has",
      () => modelFolder("llama", { config: { num_hidden_layers: 3 } }),
      {},
      "BAD_INPUT",
      "layers.2",
    ],
    [
      "with tokenizer.model only",
      () => modelFolder("llama", { without: ["tokenizer.json"], files: { "tokenizer.model": "x" } }),
      {},
      "BAD_INPUT",
      "tokenizer",
    ],
    ["that are larger than the memory allowed", () => folder, { maxMemory: 100_000 }, "OUT_OF_MEMORY", "weights"],
    ["on a GPU that is not there", () => folder, { requireGpu: true }, "DEVICE", "GPU"],
    ["on an engine that does not exist", () => folder, { engine: "abacus" }, "USAGE", "abacus"],
    ["with half a thread", () => folder, { threads: 0.5 }, "USAGE", "threads"],
    ["with lambdas", () => folder, { lambdas: [0.5] }, "USAGE", "lambdas"],
  ])("are refused: %s", async (_, path, options, code, message) => {
    const error = await failure(openModel(path(), { engine, ...(options as object) }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.hint ?? "").not.toBe(undefined);
  });

  it("keep file and hint on their way out of the thread", async () => {
    const broken = modelFolder("llama", { config: { hidden_act: "tanhshrink" } });
    const error = await failure(openModel(broken, { engine }));
    expect(error).toMatchObject({ name: "RetemperError", code: "BAD_INPUT", file: `${broken}/config.json` });
    expect(error.hint).toContain("silu");
    expect(error.stack).toContain("openModel.test.ts");
  });
});

describe("memory", () => {
  it("is worked out before answers are made: what does not fit is refused, and what fits is said", async () => {
    const long = modelFolder("llama", { config: { max_position_embeddings: 1_000_000 } });
    const small = await openModel(long, { engine, maxMemory: 8e6 });
    const error = await failure(all(small, prompts, { maxNewTokens: 500_000 }));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toContain("prompt 4 needs");
    const fits = Number(/at most (\d+) new tokens fit/.exec(error.hint ?? "")?.[1]);
    expect(fits).toBeGreaterThan(100);
    const many = await failure(all(small, prompts, { maxNewTokens: fits, batch: 3 }));
    expect(many.message).toContain("3 sequences at once");
    expect(many.hint).toContain("1 at once fit");
    const answers = await all(small, prompts, {
      maxNewTokens: fits,
      stopTokens: expected.greedy.map((ids) => ids[1] as number),
    });
    expect(answers.map(({ finish }) => finish)).toEqual(Array(5).fill("stop"));
    await small.close();
  });
});

describe("an AbortSignal", () => {
  it("stops opening", async () => {
    const reason = new Error("enough");
    await expect(openModel(folder, { engine, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const wait of [Promise.resolve(), new Promise((next) => setImmediate(next))]) {
      const controller = new AbortController();
      const opening = openModel(folder, { engine, signal: controller.signal });
      await wait; // its thread has not come up by then
      controller.abort(reason);
      await expect(opening).rejects.toBe(reason);
    }
  });

  it("stops answers before the first, while a prompt is read, and in the middle", async () => {
    const reason = new Error("enough");
    await expect(all(model, prompts, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const early = new AbortController();
    const asked = all(model, prompts, { signal: early.signal, maxNewTokens: 90 });
    early.abort(reason);
    await expect(asked).rejects.toBe(reason);
    const later = new AbortController();
    const going = all(model, prompts, { signal: later.signal, maxNewTokens: 90, onToken: () => later.abort(reason) });
    await expect(going).rejects.toBe(reason);
    expect((await all(model, prompts, { maxNewTokens: 2 })).length).toBe(5);
  });

  it("stops logits", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const work = model.logits(
      Array.from({ length: 50 }, () => prompts[4] as number[]),
      { signal: controller.signal },
    );
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
    await expect(model.logprobs(prompts, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("an iteration", () => {
  it("that is left cancels what it asked for", async () => {
    const many = Array.from({ length: 400 }, () => prompts[4] as number[]);
    let heard = 0;
    for await (const _ of model.generate(many, { maxNewTokens: 3, onToken: () => heard++ })) break;
    const before = heard;
    // Another call is served at once, and not after the 400 prompts.
    expect(await all(model, [prompts[0] as number[]], { maxNewTokens: 1 })).toHaveLength(1);
    expect(heard).toBe(before);
  });

  it("rejects with what the caller's own function throws, and stops", async () => {
    const mine = new TypeError("mine");
    const onToken = () => {
      throw mine;
    };
    await expect(all(model, prompts, { onToken })).rejects.toBe(mine);
    const onProgress = () => {
      throw mine;
    };
    await expect(all(model, prompts, { onProgress })).rejects.toBe(mine);
    expect(await all(model, [prompts[0] as number[]], { maxNewTokens: 1 })).toHaveLength(1);
  });

  it("that takes answers slowly gets all of them", async () => {
    const many = Array.from({ length: 700 }, (_, i) => [1, 5 + (i % 300)]);
    let answers = 0;
    for await (const _ of model.generate(many, { maxNewTokens: 1 })) {
      answers += 1;
      if (answers % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(answers).toBe(700);
  });
});

describe("closing", () => {
  it("ends what is unfinished with an error, and may be repeated", async () => {
    const own = await openModel(folder, { engine });
    const pending = [failure(all(own, prompts, { maxNewTokens: 90 })), failure(own.logits(prompts))];
    const closed = own.close();
    expect(own.close()).toBe(closed);
    for (const error of await Promise.all(pending)) {
      expect(error.code).toBe("CANCELLED");
      expect(error.message).toContain("closed");
    }
    await closed;
    expect((await failure(all(own, prompts))).message).toContain("closed");
    expect((await failure(own.logprobs(prompts))).message).toContain("closed");
    expect(own.tokenizer.encode("still there").length).toBeGreaterThan(0);
  });

  it("of one model leaves another one alone", async () => {
    const [one, two] = await Promise.all([openModel(folder, { engine }), openModel(modelFolder("gemma2"), { engine })]);
    const going = all(two, promptsOf("gemma2"), { maxNewTokens: 16, ignoreEos: true });
    await one.close();
    expect((await going).map(({ ids }) => ids)).toEqual(expectedOf("gemma2").greedy.map((ids) => ids.slice(0, 16)));
    await two.close();
  });
});

describe("threads", () => {
  it("of the caller's own may open models too", async () => {
    const worker = new Worker(new URL("fixtures/openInThread.mjs", import.meta.url), {
      workerData: { folder, prompts },
    });
    // Both from the start: a thread's last message and its end may come in one turn.
    const [message, status] = await Promise.all([
      new Promise((resolve, reject) => {
        worker.once("message", resolve).once("error", reject);
      }),
      new Promise((resolve) => {
        worker.once("exit", resolve);
      }),
    ]);
    expect(message).toEqual(expected.greedy.map((ids) => ids.slice(0, 6)));
    expect(status).toBe(0);
  });

  it("compute while the caller's event loop goes on", async () => {
    const long = await openModel(modelFolder("llama", { config: { max_position_embeddings: 16_384 } }), { engine });
    const prompt = Array.from({ length: 8_000 }, (_, i) => 3 + ((i * 7) % 400));
    const before = performance.eventLoopUtilization();
    await all(long, [prompt], { maxNewTokens: 1 });
    const { utilization } = performance.eventLoopUtilization(before);
    // Almost all of the time, this thread waited. Single delays say nothing: machines are shared.
    expect(utilization).toBeLessThan(0.5);
    await long.close();
  });
});
