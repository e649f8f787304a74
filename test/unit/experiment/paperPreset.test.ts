// `preset: paper`, resolved, against the paper's settings (paperSettings.json): each is the paper's, or has a reason why not. The
// table in docs/experiment.md is these rows.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { wildGuardJudge } from "../../../lib/evaluate/judges/wildGuard.js";
import { loadSuite } from "../../../lib/evaluate/run/loadSuite.js";
import type { BertScoreSettings } from "../../../lib/evaluate/tasks/context.js";
import type { Task } from "../../../lib/evaluate/types.js";
import { mergeSeries } from "../../../lib/experiment/candidates/merges.js";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import type { Experiment, ExperimentSettings } from "../../../lib/experiment/settings/schema.js";
import { suiteOptions } from "../../../lib/experiment/settings/suiteOptions.js";
import type { TrainingSetName } from "../../../lib/tune/sets/sets.js";
import { makeTrainingData, type TrainingDataOptions } from "../../../lib/tune/sets/trainingData.js";
import { settingsOf } from "../../../lib/tune/settings.js";
import { type BbhExample, writeBbhFile } from "../../bbhFiles.js";
import { CannedModel } from "../evaluate/cannedModel.js";

interface PaperSetting {
  readonly setting: string;
  /** Where it is in what is resolved. */
  readonly of: string;
  readonly paper: unknown;
  readonly preset: unknown;
  /** Of a difference. */
  readonly why: string;
  /** For the documentation, where a value does not say it. */
  readonly words?: Readonly<Record<string, string>>;
}

const rows = JSON.parse(
  readFileSync(new URL("paperSettings.json", import.meta.url), "utf8"),
) as readonly PaperSetting[];

const folder = mkdtempSync(join(tmpdir(), "retemper-paper-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, all: readonly object[]) => {
  const path = join(folder, name);
  writeFileSync(path, all.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
};
const many = (count: number, make: (i: number) => object) => Array.from({ length: count }, (_, i) => make(i));

/** The paper's experiment on one of its tasks, with nothing said that the preset says. */
function experimentOf(test: string, more: object = {}): Promise<ExperimentSettings> {
  const given = {
    preset: "paper",
    aligned: "demo/model",
    tune: { data: "rows.jsonl" },
    task: { validation: [test], test: [test] },
    allowCodeExecution: true,
    ...more,
  };
  return loadExperiment(given as unknown as Experiment);
}

async function tuningOf(test: string, family = "llama") {
  const { tune } = await experimentOf(test);
  return settingsOf({ ...tune?.options, seed: tune?.seeds[0] }, family);
}

// What decides how a task asks is there without an encoder's weights.
const bertScore = { encoder: { facts: {} }, layer: 40 } as unknown as BertScoreSettings;

async function taskOf(word: string, systemRole = true, data?: object): Promise<Task> {
  const settings = await experimentOf("tools", data && { data });
  const model = new CannedModel(() => "") as CannedModel & { tokenizer?: unknown };
  if (!systemRole) {
    const refuse = () => {
      throw new Error("System role not supported");
    };
    model.tokenizer = { hasChatTemplate: true, applyChatTemplate: refuse };
  }
  const [task] = await loadSuite(model, [word], suiteOptions(settings, bertScore));
  return task as Task;
}

function facts({ decoding, items, metrics, primary }: Task) {
  const prompt = items[0]?.prompt;
  const [first] = Array.isArray(prompt) ? (prompt as { role: string; content: string }[]) : [];
  return {
    decoding,
    score: primary ?? metrics[0]?.name,
    second: metrics[1]?.name ?? null,
    system: first?.role === "system" ? first.content : null,
    chat: typeof prompt !== "string",
  };
}

/** How many rows are learned, choose lambda, and test, of a source as large as the published one. */
async function dataOf(set: TrainingSetName, options: TrainingDataOptions) {
  const report = await makeTrainingData(set, join(folder, `out-${set}`), { ...options, dryRun: true });
  const of = (part: string) => report.files[`${part}.jsonl`]?.rows;
  const other = await makeTrainingData(set, join(folder, `out-${set}`), { ...options, splitSeed: 1024, dryRun: true });
  const splits = ["train", "validation"].every(
    (part) => other.files[`${part}.jsonl`]?.sha256 !== report.files[`${part}.jsonl`]?.sha256,
  );
  return { splits, split: [of("train"), of("validation")], test: of("test"), shared: report.alsoLearned.validation };
}

async function resolved(): Promise<unknown> {
  const tools = await experimentOf("tools");
  const prompts = join(folder, "bbh-prompts");
  mkdirSync(prompts, { recursive: true });
  const examples = many(3, (i) => ({ input: `Where is ${i}?`, target: "So the answer is here." }));
  writeBbhFile(prompts, "navigate", "Walk.\n\n", examples as readonly BbhExample[]);
  const bbhData = join(folder, "bbh");
  mkdirSync(bbhData, { recursive: true });
  writeFileSync(join(bbhData, "navigate.json"), JSON.stringify({ examples: [{ input: "Where?", target: "here" }] }));
  const harmless = file(
    "harmless.jsonl",
    many(520, (i) => ({ goal: `Count to ${i}.` })),
  );
  const calls = file(
    "calls.jsonl",
    many(2211, (i) => ({ instruction: `Order ${i % 2100} pears`, output: `order(count=${i})` })),
  );
  const tests = file(
    "tests.jsonl",
    many(112, (i) => ({ instruction: `Order ${i} apples`, output: `order(count=${i})` })),
  );
  const questions = file(
    "questions.jsonl",
    many(10_200, (i) => ({ input: `Day ${i}`, output: `Rest ${i} days.` })),
  );
  const asked = file(
    "asked.jsonl",
    many(1000, (i) => ({ input: `I sneeze ${i} times`, answer_icliniq: "Drink tea." })),
  );
  const flan = file(
    "flan.jsonl",
    many(11_000, (i) => ({ inputs: `Say ${i}`, targets: `It is ${i}.` })),
  );
  const languages = ["python", "rust"];
  const problems = many(12_000, (i) => ({ lang: languages[i % 2], problem: `Add ${i}`, solution: `x + ${i}` }));
  const magicoder = file("magicoder.jsonl", problems);
  const humanEval = file("humaneval.jsonl", [
    { task_id: "HumanEval/0", prompt: "def one():\n", test: "def check(f): assert f() == 1", entry_point: "one" },
  ]);
  const data = {
    openfunctions: await dataOf("openfunctions", { source: calls, testSource: tests }),
    flan: await dataOf("flan", { source: flan }),
    magicoder: await dataOf("magicoder", { source: magicoder }),
    chatdoctor: await dataOf("chatdoctor", { source: questions, testSource: asked }),
  };
  const code = await taskOf(`humaneval:${humanEval}`);
  const bbh = await taskOf(`bbh:${bbhData}`, true, { "bbh-prompts": prompts });
  const dare = mergeSeries(tools, []).find(({ method }) => method === "dare_linear");
  return {
    experiment: {
      ...tools,
      methodNames: mergeSeries(tools, []).map(({ method }) => method),
      density: dare?.parameters?.density,
      otherJudges: tools.safety.judges.slice(1),
      idf: tools.bertScore?.idf ?? false,
    },
    tuning: {
      reasoning: await tuningOf("bbh"),
      code: await tuningOf("humaneval"),
      medical: await tuningOf("medical:questions.json"),
      tools: await tuningOf("tools:calls.json"),
      gemma: await tuningOf("tools", "gemma2"),
    },
    data: {
      ...Object.fromEntries(Object.entries(data).map(([name, { split }]) => [name, split])),
      splits: Object.values(data).every(({ splits }) => splits) ? "one for each seed of the tuning" : "one",
      shared: data.openfunctions.shared === 0 ? "none" : "some",
    },
    tests: Object.fromEntries(Object.entries(data).map(([name, { test }]) => [name, test])),
    tasks: {
      advbench: facts(await taskOf(`advbench:${harmless}`)),
      gemma: facts(await taskOf(`advbench:${harmless}`, false)),
      tools: facts(await taskOf(`tools:${tests}`)),
      medical: facts(await taskOf(`medical:${asked}`)),
      humaneval: {
        ...facts(code),
        completion:
          code.items[0]?.program?.("    return 1\n") === "def one():\n    return 1\n" ? "as answered" : "stripped",
      },
      bbh: { ...facts(bbh), version: /by step\.\n Let's think/.test(String(bbh.items[0]?.prompt)) ? 3 : 4 },
    },
    judge: wildGuardJudge(new CannedModel(() => "")).facts,
  };
}

function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce((of: unknown, key) => (of as Record<string, unknown> | undefined)?.[key], value);
}

function shown(value: unknown, row: PaperSetting): string {
  const word = row.words?.[String(value)];
  if (word !== undefined) return word;
  if (value === null) return "–";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map((one) => shown(one, row)).join(", ");
  if (typeof value === "object") {
    return Object.entries(value as object)
      .map(([key, one]) => `${key} ${key === "stop" ? JSON.stringify(one) : String(one)}`)
      .join(", ");
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && value >= 1000 && Number.isInteger(value)
    ? value.toLocaleString("en")
    : String(value);
}

describe("the preset paper, resolved", async () => {
  const all = await resolved();

  it.each(rows)("has the setting of the table: $setting", ({ of, preset }) => {
    expect(valueAt(all, of) ?? null).toEqual(preset);
  });

  it.each(rows)("is as the paper, or has a reason: $setting", ({ paper, preset, why }) => {
    expect(why !== "").toBe(JSON.stringify(paper) !== JSON.stringify(preset));
  });

  it("is what the documentation's table says, row for row", () => {
    const text = readFileSync("docs/experiment.md", "utf8");
    const [table = ""] = text.slice(text.indexOf("| what | the paper |")).split("\n\n", 1);
    const [head, line, ...lines] = table.split("\n");
    expect([head, line]).toEqual(["| what | the paper | the preset | why |", "|---|---|---|---|"]);
    expect(lines).toEqual(
      rows.map((row) => {
        const same = JSON.stringify(row.paper) === JSON.stringify(row.preset);
        return `| ${row.setting} | ${shown(row.paper, row)} | ${same ? "the same" : shown(row.preset, row)} | ${row.why} |`;
      }),
    );
  });
});

describe("the preset paper", () => {
  it("takes the task from the test set, its checkpoint and its score with it", async () => {
    const of = async (test: string, more?: object) => {
      const { tune, bertScore: encoder } = await experimentOf(test, more);
      return [tune?.options?.task, settingsOf({ ...tune?.options }).stopAfter, encoder?.model];
    };
    const encoder = "microsoft/deberta-xlarge-mnli";
    expect(await of("tools:data/test.jsonl")).toEqual(["tools", 200, encoder]);
    expect(await of("calls=tools:data/test.jsonl")).toEqual(["tools", 200, encoder]);
    expect(await of("medical")).toEqual(["medical", 500, encoder]);
    expect(await of("bbh")).toEqual(["reasoning", 500, undefined]);
    expect(await of("humaneval")).toEqual(["code", 500, undefined]);
    expect(await of("exact:own.jsonl")).toEqual([undefined, 500, undefined]);
    // what the experiment says itself comes first
    const own = {
      tune: { data: "rows.jsonl", options: { stopAfter: 120, validation: 0.2 } },
      bertScore: { model: "demo", layer: 2 },
    };
    const { tune, bertScore: given } = await experimentOf("tools", own);
    expect([tune?.options, given?.layer]).toMatchObject([{ task: "tools", stopAfter: 120, validation: 0.2 }, 2]);
  });

  it("does not score calls with another metric where the encoder is not there: nothing starts", async () => {
    vi.stubEnv("HF_HUB_CACHE", join(folder, "no-hub"));
    const rows = file("tools.jsonl", [{ instruction: "Order a pear", output: "order(count=1)" }]);
    const { aligned } = await experimentOf("tools");
    const experiment = {
      ...{ preset: "paper", aligned, tuned: [{ seed: 1, adapter: "demo/adapters/seed-42" }] },
      safety: { sets: ["safety:demo/unsafe.jsonl"], judges: ["keyword"] },
      task: { validation: ["tools:demo/task_valid.jsonl"], test: [`tools:${rows}`] },
      bertScore: undefined, // is not given
    } as const;
    await expect(planRun(experiment as unknown as Experiment, join(folder, "out"))).rejects.toThrow(
      /deberta-xlarge-mnli/,
    );
    vi.unstubAllEnvs();
  });

  it("hands paperExact, and BBH's version and chat, to what asks and what learns", async () => {
    const more = { paperExact: true, bbh: { version: 3, chat: true } };
    const settings = await experimentOf("tools", more);
    expect(suiteOptions(settings, undefined)).toMatchObject(more);
    expect(settings.tune?.options).toMatchObject({ paperExact: true });
    const plain = await experimentOf("tools", {
      preset: undefined,
      methods: ["linear"],
      safety: { sets: ["safety:a"] },
      paperExact: true,
    });
    expect(plain.tune?.options).toMatchObject({ paperExact: true });
    await expect(experimentOf("bbh", { bbh: { version: 2 } })).rejects.toThrow(/bbh\.version/);
  });
});
