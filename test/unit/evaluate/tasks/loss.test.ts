// What a model is scored on of conversations, and what it is asked of rows with a system text: as training learns them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "../../../../lib/evaluate/run/evaluate.js";
import { openModel } from "../../../../lib/generate/openModel.js";
import type { Model } from "../../../../lib/generate/types.js";
import { encodeSamples } from "../../../../lib/tune/data/encodeSamples.js";
import { readSamples } from "../../../../lib/tune/data/readRows.js";
import { CannedModel } from "../cannedModel.js";

const DEMO = new URL("../../../../demo/model", import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), "retemper-loss-"));
let model: Model;

beforeAll(async () => {
  model = await openModel(DEMO, { engine: "native" });
});
afterAll(async () => {
  await model.close();
  rmSync(root, { recursive: true, force: true });
});

function file(name: string, rows: readonly object[]): string {
  const path = join(root, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

const call = { prompt: "Write the call: Simon needs eight pears.", response: "order(item: pears, count: 8)" };
const ROWS = [
  call,
  { ...call, system: "You are brief." },
  { messages: [...turns("Hello", "Good morning!"), ...turns("Order pears", "order(item: pears)")] },
];

function turns(question: string, answer: string) {
  return [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ];
}

/** The mean loss of each row as training computes it, and its answer tokens. */
async function trained(path: string): Promise<{ loss: number; tokens: number }[]> {
  const { tokenizer, stopTokens, contextLength: cutoff } = model;
  const encoding = { tokenizer, stopTokens, vocabulary: tokenizer.vocabularySize, cutoff };
  const { examples } = encodeSamples(await readSamples(path, undefined), encoding);
  const all = await model.logprobs(examples.map(({ ids }) => ids));
  return examples.map(({ learned }, at) => {
    const own = [...(all[at] as Float32Array)].filter((_, place) => learned[place + 1]);
    return { loss: -own.reduce((sum, one) => sum + one, 0) / own.length, tokens: own.length };
  });
}

describe("loss", () => {
  it("is the mean loss of the answers as training learns them: the template, the system text, the token that ends each", async () => {
    const rows = file("rows.jsonl", ROWS);
    const { tasks } = await evaluate(model, `loss:${rows}`);
    const wanted = await trained(rows);
    const [task] = tasks;
    expect(task?.items.map(({ scores }) => scores.loss)).toEqual(wanted.map(({ loss }) => expect.closeTo(loss, 6)));
    expect(task?.items.map(({ answers }) => answers[0]?.tokens)).toEqual(wanted.map(({ tokens }) => tokens));
    expect(task?.primary).toBe("loss");
    const mean = wanted.reduce((sum, { loss }) => sum + loss, 0) / wanted.length;
    expect(task?.metrics.loss).toMatchObject({ value: expect.closeTo(mean, 6), better: "low", interval: "bootstrap" });
    const tokens = wanted.reduce((sum, one) => sum + one.tokens, 0);
    const over = wanted.reduce((sum, one) => sum + one.loss * one.tokens, 0) / tokens;
    expect(task?.metrics.token_loss).toMatchObject({ value: expect.closeTo(over, 6), better: "low" });
    // the system text is in what is read, and changes the loss of the same answer
    expect(wanted[0]?.loss).not.toBeCloseTo(wanted[1]?.loss as number, 4);
  });

  it("takes the system text that the user wants, or none, instead of the row's", async () => {
    const [plain, kind] = [file("plain.jsonl", [call]), file("kind.jsonl", [{ ...call, system: "Be kind." }])];
    const lossOf = async (path: string, system?: string | null) =>
      (await evaluate(model, `loss:${path}`, { system })).tasks[0]?.metrics.loss?.value;
    expect(await lossOf(kind, null)).toBe(await lossOf(plain));
    expect(await lossOf(plain, "Be kind.")).toBe(await lossOf(kind));
  });

  it("scores what of a long row is within the model's context, and says that it was cut", async () => {
    const long = { prompt: "x", response: "pears ".repeat(model.contextLength) };
    const { tasks, warnings } = await evaluate(model, `loss:${file("long.jsonl", [long, call])}`);
    expect(warnings).toEqual(["1 of 2 rows of loss are longer than the model's context: their beginning was scored."]);
    const [first, second] = tasks[0]?.items ?? [];
    expect(first?.answers[0]?.finish).toBe("length");
    expect(first?.answers[0]?.tokens).toBeLessThan(model.contextLength);
    expect(first?.scores.loss).toBeGreaterThan(0);
    expect(second?.answers[0]?.finish).toBeUndefined();
  });

  it("names a row without an answer", async () => {
    await expect(evaluate(model, `loss:${file("no.jsonl", [call, { prompt: "x" }])}`)).rejects.toMatchObject({
      code: "BAD_INPUT",
      line: 2,
      message: expect.stringContaining("has no response"),
    });
  });

  it("needs a model in process", async () => {
    const suite = `loss:${file("one.jsonl", [call])}`;
    await expect(evaluate(new CannedModel(() => ""), suite)).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("perplexity", () => {
  it("of prompts with answers is that of the answers, and of texts that of the texts", async () => {
    const rows = file("rows.jsonl", ROWS);
    const { tasks } = await evaluate(model, [`perplexity:${rows}`, `loss:${rows}`]);
    const [perplexity, loss] = tasks;
    expect(perplexity?.metrics.perplexity?.value).toBeCloseTo(Math.exp(loss?.metrics.token_loss?.value as number), 9);
    expect(perplexity?.metrics.perplexity?.better).toBe("low");

    // one row without its answer does not make texts of the prompts
    const lacking = file("lacking.jsonl", [call, { prompt: "x" }]);
    await expect(evaluate(model, `perplexity:${lacking}`)).rejects.toMatchObject({ code: "BAD_INPUT", line: 2 });

    const texts = file("texts.jsonl", [{ prompt: call.prompt }]);
    const own = await evaluate(model, `perplexity:${texts}`);
    const [logprobs] = await model.logprobs([model.tokenizer.encode(call.prompt)]);
    const sum = [...(logprobs as Float32Array)].reduce((all, one) => all + one, 0);
    expect(own.tasks[0]?.metrics.perplexity?.value).toBeCloseTo(Math.exp(-sum / (logprobs as Float32Array).length), 6);
  });
});

describe("tasks with answers to compare", () => {
  const asked = async (row: object, options = {}) => {
    const canned = new CannedModel(() => "Yes");
    const { tasks } = await evaluate(canned, `exact:${file("asked.jsonl", [row])}`, options);
    return { prompt: canned.asked[0]?.prompt, score: tasks[0]?.metrics.exact_match?.value };
  };

  it.each(["exact", "call", "rouge"])("%s sends a row's system text", async (kind) => {
    const canned = new CannedModel(() => "x");
    await evaluate(canned, `${kind}:${file("system.jsonl", [{ ...call, system: "You are brief." }])}`);
    expect(canned.asked[0]?.prompt).toEqual([
      { role: "system", content: "You are brief." },
      { role: "user", content: call.prompt },
    ]);
  });

  it("bertscore sends it too", async () => {
    const canned = new CannedModel(() => "x");
    const encoder = {
      facts: {},
      encode: () => {
        throw new Error("not asked here");
      },
    };
    const suite = `bertscore:${file("bert.jsonl", [{ ...call, system: "You are brief." }])}`;
    const bertScore = { encoder: encoder as never, layer: 1 };
    await evaluate(canned, suite, { bertScore }).catch(() => {});
    expect(canned.asked[0]?.prompt).toContainEqual({ role: "system", content: "You are brief." });
  });

  it("send another system text, or none, where the user wants it", async () => {
    const row = { prompt: "Right?", response: "Yes", system: "You are brief." };
    const user = { role: "user", content: "Right?" };
    expect((await asked(row, { system: null })).prompt).toEqual([user]);
    expect((await asked(row, { system: "Be kind." })).prompt).toEqual([{ role: "system", content: "Be kind." }, user]);
    expect((await asked(row, { chat: false })).prompt).toBe("You are brief.\n\nRight?");
  });

  it("ask Alpaca's input with its instruction, and the last turn of a conversation", async () => {
    const alpaca = await asked({ instruction: "Is it so?", input: "Pears are red.", output: "Yes" });
    expect(alpaca).toEqual({ prompt: [{ role: "user", content: "Is it so?\nPears are red." }], score: 1 });
    const before = [{ role: "system", content: "Be kind." }, ...turns("Hello", "Hi")];
    const messages = [...before, ...turns("Right?", "Yes")];
    expect(await asked({ messages })).toEqual({ prompt: [...before, { role: "user", content: "Right?" }], score: 1 });
  });

  it("put the system text before the question where the template has no system role, as training does", async () => {
    const canned = Object.assign(new CannedModel(() => "Yes"), {
      tokenizer: {
        hasChatTemplate: true,
        applyChatTemplate(messages: readonly { role: string; content: string }[]) {
          if (messages[0]?.role === "system") throw new Error("System role not supported");
          return messages.map(({ content }) => content).join();
        },
      },
    });
    const row = { prompt: "Right?", response: "Yes", system: "You are brief." };
    await evaluate(canned, `exact:${file("gemma.jsonl", [row])}`);
    expect(canned.asked[0]?.prompt).toEqual([{ role: "user", content: "You are brief.\n\nRight?" }]);
  });
});
