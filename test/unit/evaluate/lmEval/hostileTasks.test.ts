// Task files of anybody: what is in them must neither keep the program busy nor count twice.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { decodingOfTask } from "../../../../lib/evaluate/lmEval/asking/generation.js";
import { TaskTemplates } from "../../../../lib/evaluate/lmEval/asking/renderTemplate.js";
import { parseTaskFile, readTaskFile } from "../../../../lib/evaluate/lmEval/files/readTaskFile.js";
import { resolveTasks } from "../../../../lib/evaluate/lmEval/files/resolveTasks.js";
import { taskConfig } from "../../../../lib/evaluate/lmEval/files/taskConfig.js";
import { TaskIndex } from "../../../../lib/evaluate/lmEval/files/taskIndex.js";

const root = mkdtempSync(join(tmpdir(), "retemper-lm-eval-hostile-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

const group = (text: string) =>
  resolveTasks({ file: file("group.yaml", `group: both\n${text}`) }, async () => new TaskIndex(root));

describe("a task file", () => {
  it("that includes two files, each of which includes two, is not read for ever", async () => {
    for (let at = 0; at < 24; at++) file(`f${at}.yaml`, `include: [f${at + 1}.yaml, f${at + 1}.yaml]\n`);
    file("f24.yaml", "task: last\n");
    await expect(readTaskFile(join(root, "f0.yaml"))).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("more than 256 files"),
      file: join(root, "f0.yaml"),
    });
  });

  it.each(["utils.(a+)+", "utils.(", "utils", "../x.y"])("names no function like this: %s", (name) => {
    const text = `task: a\ndoc_to_text: !function ${name}\n`;
    expect(() => parseTaskFile(text, "a.yaml")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", file: "a.yaml", line: 2 }),
    );
  });

  it.each(["max_gen_toks: many", "temperature: [1]", "top_p: .nan"])("has numbers for %s", (line) => {
    const config = taskConfig(parseTaskFile(`task: a\ngeneration_kwargs: {${line}}\n`, "a.yaml"), "a.yaml");
    expect(() => decodingOfTask(config)).toThrow(/a: generation_kwargs\.\w+ is no number/);
  });

  it("cannot ask for a thousand million answers to each question", () => {
    const text = "task: a\nrepeats: 1000000000\n";
    expect(() => taskConfig(parseTaskFile(text, "a.yaml"), "a.yaml")).toThrow(/repeats is above 1000/);
  });

  it("may say null where it means nothing", () => {
    const text = "task: a\ngeneration_kwargs: {top_p: null, top_k: null, temperature: null, do_sample: true}\n";
    expect(decodingOfTask(taskConfig(parseTaskFile(text, "a.yaml"), "a.yaml"))).not.toHaveProperty("topP");
  });
});

describe("regex_replace in a template", () => {
  const templates = new TaskTemplates("a.yaml");
  const replaced = (pattern: string, by: string) =>
    templates.render("{{ text | regex_replace(pattern, by) }}", { text: "ab ".repeat(1000), pattern, by });

  it("is stopped before it has made a text that is too long", () => {
    const tooLong = /makes a text of more than 16777216 characters/;
    // 16,000 million characters, more than any text may have
    expect(() => replaced("[ab]", "x".repeat(8_000_000))).toThrow(tooLong);
    // 24 million of one match
    expect(() => replaced("^(.*)$", "\\1".repeat(8000))).toThrow(tooLong);
  });

  it("replaces what Python's re.sub replaces", () => {
    expect(replaced("(a)(b)", "\\2\\g<1>")).toBe("ba ".repeat(1000));
  });
});

describe("a group's file", () => {
  it("that names a task twice has it once, and two tasks of one name are refused", async () => {
    const same = "task:\n- {task: a, dataset_path: x/y}\n- {task: a, dataset_path: x/y}\n- {task: b}\n";
    expect((await group(same)).configs.map(({ name }) => name)).toEqual(["a", "b"]);
    await expect(group("task:\n- {task: a}\n- {task: a, num_fewshot: 3}\n")).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("the group both has two tasks that are called a"),
    });
  });

  it("of groups that name each other twice is not looked at for ever", async () => {
    for (let at = 0; at < 14; at++) file(`g${at}.yaml`, `group: g${at}\ntask: [g${at + 1}, g${at + 1}]\n`);
    file("g14.yaml", "task: leaf\n");
    const visited = group("task: [g0]\n");
    await expect(visited).rejects.toMatchObject({ code: "BAD_INPUT" });
  });

  it("whose numbers hold no keys is told so", async () => {
    await expect(group("task:\n- {task: a}\naggregate_metric_list: [null]\n")).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("aggregate_metric_list"),
    });
  });
});
