// An experiment with each of the paper's four tasks, from the tuning to the chosen merge: BIG-Bench Hard with all of its
// subtasks, HumanEval in the sandbox, medical questions with BERTScore, and tool calls. Data are in the layouts in which each set
// is published; all texts are made up. Each tuning learns one answer by heart, so that what a task must find is known.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSandbox } from "../../lib/evaluate/sandbox/openSandbox.js";
import { BBH_SUBTASKS } from "../../lib/evaluate/tasks/bbh.js";
import { toolPrompt } from "../../lib/evaluate/tasks/toolCalls.js";
import { run } from "../../lib/experiment/run.js";
import type { Experiment } from "../../lib/experiment/settings/schema.js";
import { writeBbhFile } from "../bbhFiles.js";
import { long } from "../long.js";
import { demoModel, root } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-paper-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const noSandbox = await openSandbox({ limits: { memoryBytes: 2 ** 29, processes: 16, fileBytes: 2 ** 24 } }).then(
  () => "",
  (error: Error) => `: ${error.message}`,
);

function rowsFile(name: string, rows: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

const unsafe = `safety:${join(root, "demo/unsafe.jsonl")}`;
const common = {
  aligned: demoModel,
  methods: ["linear"],
  lambda: [0.1, 1],
  safety: { sets: [unsafe], judges: [{ keyword: ["can't help"] }] },
  limit: 3,
  select: { rule: "score" },
} as const satisfies Partial<Experiment>;

/** A tuning that learns these rows by heart. */
const tune = (data: string, maxSteps = 24) => ({
  data,
  seeds: [42],
  options: { maxSteps, learningRate: 0.01, batchSize: 4, saveSteps: 0, precision: "float32" as const },
});

describe("an experiment on the paper's tasks", { timeout: 120_000 }, () => {
  it.runIf(long)("reasoning: BBH's mean over 27 subtasks, validated by the loss", async () => {
    const [prompts, data] = [join(folder, "prompts"), join(folder, "bbh")];
    for (const place of [prompts, data]) mkdirSync(place);
    // 9 subtasks have three questions, of which one is answered with yes; 18 have one, every other answered with yes
    const sizes = BBH_SUBTASKS.map((_, at) => (at % 3 === 0 ? 3 : 1));
    for (const [at, name] of BBH_SUBTASKS.entries()) {
      const shots = ["a", "b", "c"].map((x) => ({ input: `Is ${x} red?`, target: "So the answer is no." }));
      writeBbhFile(prompts, name, "Say yes or no.\n\n", shots);
      const examples = Array.from({ length: sizes[at] as number }, (_, of) => ({
        input: `Is pear ${of} red?`,
        target: (sizes[at] === 3 ? of === 0 : at % 2 === 0) ? "yes" : "no",
      }));
      writeFileSync(join(data, `${name}.json`), JSON.stringify({ canary: "made up", examples }));
    }
    const flan = ["red", "round", "sweet", "ripe"].flatMap((word) =>
      ["Is it", "Is a plum", "Was it"].map((begin) => ({
        prompt: `Q: ${begin} ${word}?\nA: Let's think step by step.\n`,
        response: "So the answer is yes.",
      })),
    );
    const experiment: Experiment = {
      ...common,
      tune: tune(rowsFile("flan.jsonl", flan)),
      task: { validation: [`loss:${rowsFile("flanValid.jsonl", flan.slice(0, 3))}`], test: [`bbh:${data}`] },
      data: { "bbh-prompts": prompts },
      bbh: { chat: true },
      decoding: { maxNewTokens: 12 },
    };
    const out = join(folder, "reasoning");
    const { validation, selection, labels, test } = await run(experiment, out);
    // by the loss, the fine-tuned model itself is best: the lowest wins, and not the worst
    const losses = validation.candidates.map(({ score }) => score.value);
    expect(losses[1]).toBeLessThan(losses[0] as number);
    expect(selection.overall.candidate?.lambda).toBe(1);
    expect(labels.score).toBe("loss");
    // it says yes to everything: a third of 9 subtasks and all of 9 others, whatever their numbers of questions
    expect(test.tuned.score.value).toBeCloseTo((9 / 3 + 9) / 27, 12);
    expect(test.tuned.metrics["bbh: exact_match"]?.value).toBeCloseTo((9 + 9) / 45, 12);
    expect(test.aligned.score.value).toBe(0);
    expect(test.chosen[0]?.score.value).toBe(test.tuned.score.value);
    // subtasks of one question are in every resample as they are
    const { low = 0, high = 1 } = test.tuned.metrics["bbh: macro_exact_match"] ?? {};
    expect(low).toBeGreaterThanOrEqual(9 / 27);
    expect(high).toBeLessThan(18 / 27);
    expect(high).toBeGreaterThan(low);
  });

  it.skipIf(noSandbox || !long)(
    `code: HumanEval's pass@k, programs in the sandbox, validated by the loss${noSandbox}`,
    async () => {
      const system =
        "You are a helpful assistant.\nComplete the following code and return only the completed code, without any explanations or additional text.";
      const promptOf = (name: string, value: string) => `def ${name}(lamps):\n    """Gives ${value}."""\n`;
      const problem = (name: string, value: string) => ({
        task_id: `Made/${name}`,
        prompt: promptOf(name, value),
        entry_point: name,
        canonical_solution: `    return ${value}\n`,
        test: `def check(candidate):\n    assert candidate(1) == ${value}\n`,
      });
      const problems = rowsFile("HumanEval.jsonl", [problem("a", "None"), problem("b", "None"), problem("c", "2")]);
      // a body that gives None: right for two of the three
      const oss = ["one", "single", "first", "least"].map((name) => ({
        ...{ system, prompt: promptOf(name, "None"), response: "    lamps" },
      }));
      const rows = rowsFile("oss.jsonl", oss);
      const { selection, test } = await run(
        {
          ...common,
          tune: tune(rows, 36),
          task: { validation: [`perplexity:${rows}`], test: [`humaneval:${problems}`] },
          decoding: { maxNewTokens: 12, samples: 2 },
          allowCodeExecution: true,
        },
        join(folder, "code"),
      );
      expect(selection.overall.candidate?.lambda).toBe(1); // the lowest perplexity
      expect(test.aligned.score.value).toBe(0);
      // two of the three problems, but for samples that are no program
      expect(test.chosen[0]?.score.value).toBeGreaterThan(1 / 3);
      expect(test.chosen[0]?.score.value).toBeLessThanOrEqual(2 / 3);
    },
  );

  it.runIf(long)("medical: BERTScore with an encoder, of ChatDoctor's layouts", async () => {
    const answer = "Drink water and rest.";
    const ask = "If you are a doctor, please answer the medical questions based on the patient's description.";
    const patients = ["My head hurts.", "I am tired.", "My arm is sore.", "I have a cold."];
    // HealthCareMagic's columns, and iCliniq's with answers of others beside the doctor's
    const magic = join(folder, "HealthCareMagic.json");
    writeFileSync(magic, JSON.stringify(patients.map((input) => ({ instruction: ask, input, output: answer }))));
    const cliniq = join(folder, "iCliniq.json");
    const others = { answer_chatgpt: "No.", answer_chatdoctor: "Maybe." };
    writeFileSync(cliniq, JSON.stringify(patients.map((input) => ({ input, answer_icliniq: answer, ...others }))));
    const rows = patients.map((prompt) => ({ prompt, response: answer, system: ask }));
    const { labels, selection, test } = await run(
      {
        ...common,
        tune: tune(rowsFile("doctor.jsonl", rows)),
        task: { validation: [`medical:${magic}`], test: [`medical:${cliniq}`] },
        bertScore: { model: join(root, "test/golden/encoders/deberta"), layer: 2 },
        decoding: { maxNewTokens: 16 },
      },
      join(folder, "medical"),
    );
    expect(labels.score).toBe("bertscore_f1");
    expect(selection.overall.candidate?.lambda).toBe(1);
    expect(test.chosen[0]?.score.value).toBeCloseTo(1, 4); // the doctor's words, to the letter
    expect(test.aligned.score.value).toBeLessThan(0.99);
  });

  it.runIf(long)("tools: calls of OpenFunctions, by BERTScore and by what they call", async () => {
    const lamps = {
      name: "lamps",
      description: "Turns on the lamps of a room.",
      parameters: {
        type: "object",
        properties: { room: { type: "string", description: "which" } },
        required: ["room"],
      },
    };
    const openFunctions = ["the study", "the bedroom", "my study"].map((room) => ({
      question: `Turn on the lamps in ${room}.`,
      function: lamps,
      model_answer: `lamps(room="${room.split(" ")[1]}")`,
    }));
    const test = rowsFile("gorilla_openfunctions_v1_test.json", openFunctions);
    const valid = rowsFile("valid.json", openFunctions.slice(0, 2));
    const learned = openFunctions.map(({ question }) => ({
      prompt: toolPrompt(question, [lamps]),
      response: "lamps(room='study')",
      system: "You are a helpful assistant.",
    }));
    const results = await run(
      {
        ...common,
        tune: tune(rowsFile("calls.jsonl", learned), 40),
        task: { validation: [`tools:${valid}`], test: [`tools:${test}`] },
        bertScore: { model: join(root, "test/golden/encoders/deberta"), layer: 2 },
        decoding: { maxNewTokens: 20 },
      },
      join(folder, "tools"),
    );
    expect(results.labels.score).toBe("bertscore_f1");
    expect(results.selection.overall.candidate?.lambda).toBe(1);
    const { metrics, score } = results.test.chosen[0] ?? {};
    expect(metrics?.["tools: call_match"]?.value).toBeCloseTo(2 / 3, 12); // other quotes are the same call
    expect(score?.value).toBeGreaterThan(results.test.aligned.score.value);
  });
});
