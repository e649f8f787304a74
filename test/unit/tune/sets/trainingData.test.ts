// Training data from small files of the published forms: counts, draws, splits, records, and what is refused.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { loadToolCalls } from "../../../../lib/evaluate/tasks/toolCalls.js";
import { readSamples } from "../../../../lib/tune/data/readRows.js";
import { SETS } from "../../../../lib/tune/sets/sets.js";
import { makeTrainingData } from "../../../../lib/tune/sets/trainingData.js";
import { mockHub } from "../../hub/mockHub.js";

const folder = mkdtempSync(join(tmpdir(), "training-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

let places = 0;
const place = () => join(folder, `out-${++places}`);
const file = (name: string, content: string | Buffer) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const rowsOf = (out: string, part: string) =>
  readFileSync(join(out, `${part}.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const prompts = (out: string, part: string) => rowsOf(out, part).map(({ prompt }) => prompt);
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

const LANGUAGES = ["python", "cpp", "rust"];
const code = (sizes: readonly number[]) =>
  sizes.flatMap((size, at) =>
    range(size).map((i) => ({ lang: LANGUAGES[at], problem: `Add ${i} in ${LANGUAGES[at]}`, solution: `x + ${i}` })),
  );
const medical = file(
  "HealthCareMagic.json",
  JSON.stringify(
    range(60).map((i) => ({
      instruction: "If you are a doctor, please answer the medical questions based on the patient's description.",
      input: `My knee hurts since day ${i}.`,
      output: `Rest it for ${i} days.`,
    })),
  ),
);
const cliniq = file(
  "iCliniq.json",
  JSON.stringify(
    range(20).map((i) => ({
      input: `I sneeze ${i} times a day.`,
      answer_icliniq: `Drink ${i} cups of tea.`,
      answer_chatgpt: "Please see a doctor.",
    })),
  ),
);
// as published: lines under a name that ends in .json, functions as JSON in strings, parameters in a list
const functions = [
  JSON.stringify({
    name: "Order fruit",
    api_name: "fruit.order",
    description: "Orders fruit",
    parameters: [{ name: "count", description: "how many" }, { name: "kind" }],
  }),
];
const toolsTrain = file(
  "openfunctions_train.json",
  lines(
    range(40).map((i) => ({
      Instruction: `Order ${i} pears`,
      Functions: functions,
      Output: [`fruit.order(count=${i})`],
    })),
  ),
);
const toolsTest = file(
  "openfunctions_test.json",
  JSON.stringify(
    range(12).map((i) => ({
      question: `Order ${i} apples`,
      function: {
        name: "Order fruit",
        api_call: "fruit.order",
        description: "Orders fruit",
        parameters: {
          type: "object",
          properties: { count: { type: "integer", description: "how many" } },
          required: ["count"],
        },
      },
      model_answer: i === 3 ? ["fruit.order(count=3)", "fruit.order(3)"] : `fruit.order(count=${i})`,
    })),
  ),
);

describe("training data", () => {
  it("of Flan are the zero-shot rows with a chain of thought, each once", async () => {
    const row = (i: number, template: string, task = "cot_gsm8k") => ({
      inputs: `How many are ${i} and ${i}? Think step by step.`,
      targets: `${i} and ${i} are ${2 * i}. The answer is ${2 * i}.`,
      _template_type: template,
      _task_source: task,
    });
    const source = file(
      "flan.jsonl.gz",
      gzipSync(
        lines([
          ...range(20).map((i) => row(i, i % 2 ? "zs_opt" : "zs_noopt")),
          row(3, "zs_noopt"),
          row(50, "fs_opt"),
          row(51, "zs_opt", "NIv2"),
        ]),
      ),
    );
    const out = place();
    const report = await makeTrainingData("flan", out, { source, rows: 15 });
    expect(report.leftOut).toEqual({ otherKind: 2, duplicates: 1, bad: 0 });
    expect(report.files["train.jsonl"]?.rows).toBe(15);
    expect(report.files["validation.jsonl"]?.rows).toBe(2);
    expect(new Set([...prompts(out, "train"), ...prompts(out, "validation")]).size).toBe(17);
    expect(readdirSync(out).sort()).toEqual(["data.json", "train.jsonl", "validation.jsonl"]);
  });

  it("of Magicoder have as many rows of each language, and what one lacks the others share", async () => {
    const source = file("magicoder.jsonl", lines(code([40, 30, 5])));
    const even = await makeTrainingData("magicoder", place(), { source, rows: 12, validation: 3 });
    expect(even.groups).toEqual({ cpp: 4, python: 4, rust: 4 });
    const out = place();
    const uneven = await makeTrainingData("magicoder", out, { source, rows: 30, validation: 0 });
    expect(uneven.groups?.rust).toBe(5);
    expect([uneven.groups?.cpp, uneven.groups?.python].sort()).toEqual([12, 13]);
    expect(existsSync(join(out, "validation.jsonl"))).toBe(false);
  });

  it("of ChatDoctor learn from one site and test on another, with the instruction as system prompt", async () => {
    const out = place();
    const options = { source: medical, testSource: cliniq, rows: 40, validation: 10, test: 8 };
    const report = await makeTrainingData("chatdoctor", out, options);
    expect(Object.values(report.files).map(({ rows }) => rows)).toEqual([40, 10, 8]);
    expect(rowsOf(out, "test")[0]).toMatchObject({
      system: "If you are a doctor, please answer the medical questions based on the patient's description.",
      prompt: expect.stringContaining("I sneeze"),
      response: expect.stringContaining("cups of tea"),
    });
    expect(report.alsoLearned).toEqual({ validation: 0, test: 0 });
  });

  it("of OpenFunctions are instructions that tuning learns and the task asks as it asks the published rows", async () => {
    const out = place();
    const options = { source: toolsTrain, testSource: toolsTest, rows: 30, validation: 10, test: 12 };
    await makeTrainingData("openfunctions", out, options);
    const [learned] = rowsOf(out, "train");
    expect(learned?.prompt).toContain("Function to be used: fruit.order\nDescription: Orders fruit\nParameters:\n");
    expect(learned?.prompt).toContain("1. count (type: any) - how many\n2. kind (type: any) - ");
    const [sample] = await readSamples(join(out, "train.jsonl"), undefined);
    expect(sample).toMatchObject({
      messages: [
        { role: "system", content: "You are a helpful assistant." },
        { role: "user", content: learned?.prompt },
        { role: "assistant", content: learned?.response },
      ],
    });
    const model = { systemRole: true, chatTemplate: true };
    const ours = await loadToolCalls({ data: { tools: join(out, "test.jsonl") }, model });
    const theirs = await loadToolCalls({ data: { tools: toolsTest }, model });
    expect(ours.items.map(({ prompt, references }) => [prompt, references])).toEqual(
      theirs.items.map(({ prompt, references }) => [prompt, references]),
    );
    expect(ours.items[3]?.references).toHaveLength(2);
    expect(rowsOf(out, "validation").every(({ answer }) => Array.isArray(answer))).toBe(true);
    expect(rowsOf(out, "train").some((row) => "answer" in row)).toBe(false);
  });

  it("hold the validation out of the rows to learn where there are too few for both, and say so", async () => {
    const options = { source: toolsTrain, rows: 40, validation: 4, test: 0 };
    const report = await makeTrainingData("openfunctions", place(), options);
    expect(report.files["train.jsonl"]?.rows).toBe(36);
    expect(report.files["validation.jsonl"]?.rows).toBe(4);
    expect(report.heldOut).toBe(true);
    expect(report.warnings.join()).toContain("4 of the 40 to learn are held out");
  });

  it("have no prompt of the validation among the rows to learn, however often the source repeats it", async () => {
    const repeated = range(40).map((i) => ({
      Instruction: `Order ${i % 25} pears`,
      Functions: functions,
      Output: [`fruit.order(count=${i})`],
    }));
    const source = file("openfunctions_repeated.json", lines(repeated));
    for (const seed of [42, 1024, 48763]) {
      const out = place();
      const report = await makeTrainingData("openfunctions", out, { source, rows: 40, test: 0, seed });
      expect([prompts(out, "train").length, prompts(out, "validation").length]).toEqual([36, 4]);
      const learned = new Set(prompts(out, "train"));
      expect(prompts(out, "validation").filter((prompt) => learned.has(prompt))).toEqual([]);
      expect(report.alsoLearned.validation).toBe(0);
    }
  });

  it("can have a split for each tuning: the same rows, of which others choose lambda, and the same test", async () => {
    const options = { source: toolsTrain, testSource: toolsTest, rows: 40, validation: 4, test: 6 };
    const outs: string[] = [];
    for (const splitSeed of [42, 1024]) {
      const out = place();
      const report = await makeTrainingData("openfunctions", out, { ...options, splitSeed });
      expect(report).toMatchObject({ seed: 42, splitSeed, heldOut: true });
      outs.push(out);
    }
    const parts = (part: string) => outs.map((out) => prompts(out, part));
    const [first, second] = parts("validation");
    expect(first).not.toEqual(second);
    expect([first?.length, second?.length]).toEqual([4, 4]);
    const whole = outs.map((out) => [...prompts(out, "train"), ...prompts(out, "validation")].sort());
    expect(whole[0]).toEqual(whole[1]);
    expect(parts("test")[0]).toEqual(parts("test")[1]);

    // beside the rows to learn too, where there are enough for both
    const source = file("splits.jsonl", lines(code([40, 30, 20])));
    const beside = [place(), place()];
    for (const [at, out] of beside.entries()) {
      await makeTrainingData("magicoder", out, { source, rows: 30, validation: 6, splitSeed: at });
    }
    const all = beside.map((out) => [...prompts(out, "train"), ...prompts(out, "validation")].sort());
    expect(all[0]).toEqual(all[1]);
    expect(all[0]).toHaveLength(36);
    expect(prompts(beside[0] as string, "validation")).not.toEqual(prompts(beside[1] as string, "validation"));
  });

  it("are the same bytes for a seed, other rows for another, and have digests that hold", async () => {
    const source = file("seeds.jsonl", lines(code([40, 30, 20])));
    const [a, b, c] = [place(), place(), place()];
    const report = await makeTrainingData("magicoder", a, { source, rows: 12, seed: 7 });
    await makeTrainingData("magicoder", b, { source, rows: 12, seed: 7 });
    await makeTrainingData("magicoder", c, { source, rows: 12, seed: 8 });
    for (const name of readdirSync(a)) {
      expect(readFileSync(join(a, name))).toEqual(readFileSync(join(b, name)));
    }
    expect(prompts(c, "train")).not.toEqual(prompts(a, "train"));
    const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
    expect(report.files["train.jsonl"]?.sha256).toBe(digest(join(a, "train.jsonl")));
    expect(report.sources[0]?.files[0]?.sha256).toBe(digest(source));
    expect(JSON.parse(readFileSync(join(a, "data.json"), "utf8"))).toEqual(report);
  });

  it("end at a row that is empty, with its line, unless such rows are to be left out", async () => {
    const rows = code([20, 20, 20]);
    const source = file("empty.jsonl", lines(rows.map((row, i) => (i === 33 ? { ...row, solution: " " } : row))));
    const out = place();
    await expect(makeTrainingData("magicoder", out, { source, rows: 6 })).rejects.toMatchObject({
      code: "BAD_INPUT",
      file: source,
      line: 34,
      message: expect.stringContaining('"solution" is empty'),
      hint: expect.stringContaining("--skip-bad-rows"),
    });
    expect(existsSync(out)).toBe(false);
    const report = await makeTrainingData("magicoder", out, { source, rows: 6, skipBadRows: true });
    expect(report.leftOut.bad).toBe(1);
    expect(report.warnings.join()).toContain("1 rows were empty or malformed");
  });

  it("refuse wrong columns, broken lines, too few rows, and sets that have no test", async () => {
    const wrong = file("wrong.jsonl", lines([{ lang: "c", task: "Add" }]));
    await expect(makeTrainingData("magicoder", place(), { source: wrong })).rejects.toMatchObject({
      code: "BAD_INPUT",
      hint: 'the file has "lang", "task"',
    });
    const broken = file("broken.jsonl", `${lines(code([1]))}{"lang": `);
    await expect(makeTrainingData("magicoder", place(), { source: broken })).rejects.toMatchObject({
      code: "BAD_INPUT",
      line: 2,
    });
    const few = makeTrainingData("chatdoctor", place(), { source: medical, testSource: cliniq });
    await expect(few).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("There are 60 rows"),
    });
    await expect(makeTrainingData("magicoder", place(), { source: wrong, test: 5 })).rejects.toMatchObject({
      code: "USAGE",
    });
    await expect(makeTrainingData("openfunctions", place())).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("--source FILE"),
    });
  });

  it("replace a data set on request only, and nothing else ever", async () => {
    const source = file("force.jsonl", lines(code([20, 20, 20])));
    const out = place();
    await makeTrainingData("magicoder", out, { source, rows: 6 });
    await expect(makeTrainingData("magicoder", out, { source, rows: 9 })).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
    });
    await makeTrainingData("magicoder", out, { source, rows: 9, force: true });
    expect(prompts(out, "train")).toHaveLength(9);
    writeFileSync(join(out, "notes.txt"), "mine");
    await expect(makeTrainingData("magicoder", out, { source, force: true })).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
    });
    expect(readFileSync(join(out, "notes.txt"), "utf8")).toBe("mine");
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("are drawn without being written for a dry run", async () => {
    const source = file("dry.jsonl", lines(code([20, 20, 20])));
    const [out, written] = [place(), place()];
    mkdirSync(written);
    const report = await makeTrainingData("magicoder", out, { source, rows: 6, dryRun: true });
    expect(existsSync(out)).toBe(false);
    expect(await makeTrainingData("magicoder", written, { source, rows: 6 })).toEqual(report);
  });

  it("come from the hub at the commit that the set names, and offline from its cache", async () => {
    const server = await mockHub();
    const rows = range(30).map((i) => ({ inputs: `Say ${i}`, targets: `The answer is ${i}.`, task: "cot" }));
    for (const [name, part] of [
      ["cot_zs_noopt_train.jsonl.gz", rows.slice(0, 20)],
      ["cot_zs_opt_train.jsonl.gz", rows.slice(10)],
      ["cot_fs_opt_train.jsonl.gz", rows],
    ] as const) {
      server.files.set(`SirNeural/flan_v2/${name}`, { content: gzipSync(lines(part)), lfs: true });
    }
    server.commit = /@([0-9a-f]{40})/.exec(SETS.flan.train.reference ?? "")?.[1] ?? "";
    const hub = { endpoint: server.endpoint, cache: join(folder, "hub"), env: {}, retryDelayMs: 1 };
    const [a, b] = [place(), place()];
    const report = await makeTrainingData("flan", a, { rows: 20, hub });
    expect(report.sources[0]).toMatchObject({
      commit: server.commit,
      files: [
        { name: "cot_zs_noopt_train.jsonl.gz", rows: 20 },
        { name: "cot_zs_opt_train.jsonl.gz", rows: 20 },
      ],
    });
    expect(report.leftOut.duplicates).toBe(10);
    await makeTrainingData("flan", b, { rows: 20, hub: { ...hub, offline: true } });
    expect(readFileSync(join(b, "data.json"))).toEqual(readFileSync(join(a, "data.json")));
  });

  it("name commits, not branches, where they come from the hub", () => {
    const references = Object.values(SETS).flatMap(({ train, test }) => [train.reference, test?.reference]);
    for (const reference of references) {
      if (reference !== undefined) expect(reference).toMatch(/^hf:\/\/datasets\/[\w-]+\/[\w.-]+@[0-9a-f]{40}/);
    }
  });
});
