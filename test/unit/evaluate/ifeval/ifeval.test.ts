import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { followed } from "../../../../lib/evaluate/ifeval/followed.js";
import { loadIfeval } from "../../../../lib/evaluate/ifeval/ifeval.js";
import { makeCheck } from "../../../../lib/evaluate/ifeval/instructions.js";
import { countSentences } from "../../../../lib/evaluate/ifeval/sentences.js";
import { evaluate } from "../../../../lib/evaluate/run/evaluate.js";
import { long } from "../../../long.js";
import { CannedModel } from "../cannedModel.js";

const root = mkdtempSync(join(tmpdir(), "retemper-ifeval-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, rows: readonly object[]): string {
  const path = join(root, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

const row = (key: number, instructions: Readonly<Record<string, object>>) => ({
  key,
  prompt: `Question ${key}`,
  instruction_id_list: Object.keys(instructions),
  kwargs: Object.values(instructions),
});

describe("the task ifeval", () => {
  it("counts prompts whose instructions are all followed, and single instructions over all prompts", async () => {
    const path = file("rows.jsonl", [
      // every column, as the parquet files have them: null where the instruction has no such argument
      row(7, {
        "punctuation:no_comma": { num_words: null },
        "length_constraints:number_words": { num_words: 3, relation: "at least", keyword: null },
        "startend:quotation": {},
      }),
      row(9, { "detectable_format:title": {} }),
    ]);
    const model = new CannedModel((prompt) => (prompt.endsWith("7") ? "* one two three" : "Sure:\n<<A *title*>>"));
    const { tasks, warnings } = await evaluate(model, `ifeval:${path}`);
    const values = Object.fromEntries(
      Object.entries(tasks[0]?.metrics ?? {}).map(([name, { value }]) => [name, value]),
    );
    expect(values).toMatchObject({
      prompt_level_strict_acc: 0.5,
      inst_level_strict_acc: 3 / 4,
      prompt_level_loose_acc: 0.5,
      inst_level_loose_acc: 3 / 4,
    });
    expect(warnings.join()).toMatch(/2 prompts, and IFEval 541/);
    expect(model.asked[0]?.options).toMatchObject({ maxNewTokens: 1280, temperature: 0 });
  });

  it("is another scorer where the instructions of a prompt change, so that no verdict of before is taken", async () => {
    const factsOf = async (name: string, words: number) => {
      const instructions = { "length_constraints:number_words": { num_words: words, relation: "at least" } };
      const context = {
        data: { ifeval: file(name, [row(1, instructions)]) },
        model: { systemRole: true, chatTemplate: true },
      };
      return (await loadIfeval(context)).scorers.map(({ facts }) => facts);
    };
    const [one, same, other] = [await factsOf("a.jsonl", 3), await factsOf("b.jsonl", 3), await factsOf("c.jsonl", 4)];
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it.runIf(long)("stops at a keyword of the data that goes back and forth without end", () => {
    const check = makeCheck("keywords:existence", { keywords: ["^(?:\\w+)+$"] });
    expect(() => followed([check], `${"a".repeat(60)}!`)).toThrow(/a check of instructions takes too long/);
  });

  it("counts the sentences of a row of marks at once", () => {
    expect(countSentences("!".repeat(100_000))).toBe(1);
    expect(
      countSentences(`${"?!".repeat(50_000)} So. "Dr. J. Smith came (late.)" He left... slowly, e.g. by bus.`),
    ).toBe(4);
  });

  it("follows loosely what a first line, a last line or asterisks stand in the way of", () => {
    const check = makeCheck("startend:quotation", {});
    expect(followed([check], 'Here you are:\n"Yes."')).toEqual({ strict: [false], loose: [true] });
    expect(followed([check], '**"Yes."**')).toEqual({ strict: [false], loose: [true] });
    expect(followed([check], " \n")).toEqual({ strict: [false], loose: [false] });
  });

  it.each([
    [row(1, { "poetry:rhyme": {} }), /row 1: poetry:rhyme: the instruction "poetry:rhyme" is not known/],
    [row(1, { "length_constraints:number_words": { relation: "about" } }), /argument relation is "about"/],
    [row(1, { "detectable_format:number_bullet_lists": {} }), /argument num_bullets is missing/],
    [{ ...row(1, {}), instruction_id_list: "punctuation:no_comma" }, /instruction_id_list is no list/],
    [{ ...row(1, { "punctuation:no_comma": {} }), kwargs: [] }, /kwargs is no list of 1/],
  ])("refuses a row that it cannot check, with its place", async (bad, message) => {
    const path = file("bad.jsonl", [bad]);
    await expect(evaluate(new CannedModel(() => ""), `ifeval:${path}`)).rejects.toMatchObject({
      code: "BAD_INPUT",
      file: path,
      message: expect.stringMatching(message),
    });
  });
});
