import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadAddon } from "../../../../lib/addon/load.js";
import type { RetemperError } from "../../../../lib/errors.js";
import type { NamedPrompt } from "../../../../lib/generate/answers/answerLine.js";
import { type GenerateFileOptions, generateFile } from "../../../../lib/generate/answers/generateFile.js";
import { openModel } from "../../../../lib/generate/openModel.js";
import type { Model } from "../../../../lib/generate/types.js";
import { modelFolder, promptsOf } from "../../../golden/generate/modelFolders.js";

const prompts: NamedPrompt[] = promptsOf("llama").map((prompt, i) => ({ prompt, id: `p${i}` }));
const settings = { maxNewTokens: 4, n: 2, ignoreEos: true };
const root = mkdtempSync(join(tmpdir(), "retemper-answers-"));
let model: Model;
/** The file of a run that nothing disturbed. */
let whole = "";
let folder = "";
let out = "";

beforeAll(async () => {
  model = await openModel(modelFolder("llama"), { engine: "native" });
  const file = join(root, "whole.jsonl");
  await generateFile(model, prompts, file, settings);
  whole = readFileSync(file, "utf8");
});
afterAll(async () => {
  await model.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
  out = join(folder, "answers.jsonl");
});

const run = (options: GenerateFileOptions = {}, asked = prompts) =>
  generateFile(model, asked, out, { ...settings, ...options });

const refusal = async (work: Promise<unknown>): Promise<RetemperError> =>
  work.then(
    () => {
      throw new Error("it was accepted");
    },
    (error: unknown) => error as RetemperError,
  );

/** Leaves the file as a run that was stopped after `count` answers. */
async function stopAfter(count: number, rest = ""): Promise<void> {
  const controller = new AbortController();
  let written = 0;
  const onAnswer = () => {
    written += 1;
    if (written === count) controller.abort(new Error("stopped"));
  };
  await expect(run({ signal: controller.signal, onAnswer })).rejects.toThrow("stopped");
  writeFileSync(out, rest, { flag: "a" });
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

describe("generateFile", () => {
  it("writes a line an answer, in the order of prompts and samples, and how they were made beside it", () => {
    const records = linesOf(whole).map((line) => JSON.parse(line));
    expect(records.map(({ index, sample }) => [index, sample])).toEqual(
      prompts.flatMap((_, index) => [
        [index, 0],
        [index, 1],
      ]),
    );
    expect(Object.keys(records[0])).toEqual([
      ...["index", "id", "sample", "text", "finish", "promptTokens", "newTokens", "ids"],
    ]);
    expect(records[9]).toMatchObject({ id: "p4", promptTokens: 33, newTokens: 4, finish: "length" });
    const facts = JSON.parse(readFileSync(join(root, "whole.jsonl.facts.json"), "utf8"));
    expect(facts).toMatchObject({ version: 1, prompts: { count: 5 }, engines: [{ engine: "native", gpu: false }] });
    expect(facts.settings).toMatchObject({ maxNewTokens: 4, temperature: 0, ignoreEos: true });
  });

  it.each([1, 4, 9])("goes on after %i answers, and ends with the same bytes", async (count) => {
    await stopAfter(count);
    expect(linesOf(readFileSync(out, "utf8"))).toHaveLength(count);
    const made: string[] = [];
    const progress: number[] = [];
    const report = await run({
      onAnswer: ({ index, sample }) => made.push(`${index}/${sample}`),
      onProgress: ({ done, total }) => {
        expect(total).toBe(10);
        progress.push(done);
      },
    });
    expect(report).toMatchObject({ answers: 10, kept: count, prompts: 5, newTokens: 4 * (10 - count) });
    expect(made).toHaveLength(10 - count);
    expect(progress.at(-1)).toBe(10);
    expect(Math.min(...progress)).toBeGreaterThanOrEqual(count);
    expect(readFileSync(out, "utf8")).toBe(whole);
    expect(readdirSync(folder).sort()).toEqual(["answers.jsonl", "answers.jsonl.facts.json"]);
  });

  it.each(['{"index":3,"sam', '{"index":0,"sample":0,"text":"a","finish":"stop"}', "\0\0\0"])(
    "drops the beginning of a line at the end: %j",
    async (rest) => {
      await stopAfter(3, rest);
      expect(await run()).toMatchObject({ kept: 3 });
      expect(readFileSync(out, "utf8")).toBe(whole);
    },
  );

  it("does nothing where everything is there", async () => {
    await run();
    expect(await run()).toMatchObject({ answers: 10, kept: 10, newTokens: 0 });
    expect(readFileSync(out, "utf8")).toBe(whole);
  });

  it("goes on with a file that stops before its facts say more: no answers yet", async () => {
    writeFileSync(out, "");
    writeFileSync(`${out}.facts.json`, "{}");
    expect(await run()).toMatchObject({ kept: 0 });
    expect(readFileSync(out, "utf8")).toBe(whole);
  });

  it("takes more prompts, and more samples of each, into a file that has some", async () => {
    await run({ n: 1 }, prompts.slice(0, 3));
    expect(await run()).toMatchObject({ kept: 3, answers: 10 });
    expect(readFileSync(out, "utf8")).toBe(whole);
  });

  it.each([
    ["another setting", { maxNewTokens: 5 }, prompts, "maxNewTokens was 4, now it is 5"],
    ["another stop text", { stop: ["x"] }, prompts, 'stop was [], now it is ["x"]'],
    ["other prompts", {}, [{ prompt: [7] }, ...prompts.slice(1)], "the prompts have changed"],
    ["fewer prompts", {}, prompts.slice(0, 4), "there were 5 prompts, now there are 4"],
  ])("refuses to mix answers: %s", async (_, options, asked, message) => {
    await stopAfter(2);
    const before = readFileSync(out, "utf8");
    const error = await refusal(run(options, asked));
    expect(error).toMatchObject({ code: "OUTPUT_EXISTS", file: out });
    expect(error.message).toContain(message);
    expect(readFileSync(out, "utf8")).toBe(before);
    await run({ ...options, force: true }, asked);
    expect(linesOf(readFileSync(out, "utf8"))).toHaveLength(2 * asked.length);
  });

  it("refuses to go on with another model, even under the same name, but knows the same one under another", async () => {
    await stopAfter(2);
    const other = await openModel(modelFolder("llama", { config: { rope_theta: 9999 } }), { engine: "native" });
    const error = await refusal(generateFile(other, prompts, out, settings));
    expect(error.message).toContain("the files of the model have changed");
    await other.close();
  });

  it("does not touch a file that nobody said how it was made", async () => {
    writeFileSync(out, "mine\n");
    expect(await refusal(run())).toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(readFileSync(out, "utf8")).toBe("mine\n");
    expect(readdirSync(folder)).toEqual(["answers.jsonl"]);
  });

  it("names the line that is no answer", async () => {
    await stopAfter(2);
    writeFileSync(out, `${linesOf(readFileSync(out, "utf8"))[0]}\n{"index": 1}\n`);
    expect(await refusal(run())).toMatchObject({ code: "BAD_INPUT", file: out, line: 2 });
  });

  it("lets one run write at a time", async () => {
    const lock = loadAddon().lockFile(join(folder, ".answers.jsonl.lock"));
    expect(await refusal(run())).toMatchObject({ code: "OUTPUT_EXISTS" });
    lock?.release();
    expect(await run()).toMatchObject({ answers: 10 });
  });

  it("leaves nothing behind where a prompt is wrong", async () => {
    expect(await refusal(run({}, [...prompts, { prompt: [] }]))).toMatchObject({ code: "BAD_INPUT" });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("makes the folder of its file", async () => {
    const deep = join(folder, "a", "b", "answers.jsonl");
    await generateFile(model, prompts, deep, settings);
    expect(readFileSync(deep, "utf8")).toBe(whole);
  });

  it("says where it cannot write", async () => {
    writeFileSync(join(folder, "no"), "a file");
    const nowhere = join(folder, "no", "answers.jsonl");
    expect(await refusal(generateFile(model, prompts, nowhere, settings))).toMatchObject({ code: "IO", file: nowhere });
  });
});
