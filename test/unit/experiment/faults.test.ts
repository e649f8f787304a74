// Ten experiments that are wrong in several places each: one error tells of all of them, each with its line and with what was
// probably meant, whatever else is wrong and whether the models are there or not.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { RetemperError } from "../../../lib/errors.js";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { run } from "../../../lib/experiment/run.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import fc from "../../properties.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
symlinkSync(resolve("demo"), join(folder, "demo"));
writeFileSync(join(folder, "rows.jsonl"), '{"prompt":"a","response":"b"}\n');
writeFileSync(join(folder, "labelled.jsonl"), '{"answer":"a","label":"unsafe"}\n{"answer":"b","label":"maybe"}\n');

const FILES = {
  "misspelled keys, and what stands under them": `algined: demo/modell
tuned:
  - {seed: 42, adaptor: demo/adapters/seed-42}
metods: [liner, {method: tise, lamda: 2}]
safety: {sets: ["safety:demo/unsafe.jsonl"], judge: keyword}
task: {validation: ["exact:demo/task_valid.jsonl"], tests: ["exact:demo/task_test.jsonl"]}
margin: 0.05
`,
  "values of another kind": `aligned: 5
tuned: {seed: 1}
methods: linear
lambda: half
extrapolate: "no"
safety: {sets: safety:x.jsonl, judges: [7, {keyword: []}], emptyIs: refusals}
task: [exact:x.jsonl]
limit: 1.5
decoding: {maxNewTokens: 0}
select: {rule: constraint, margin: 2}
`,
  "models that are not there, with everything behind them": `aligned: no/such/model.d
unaligned: nowhere
tuned:
  - {seed: 42, adapter: demo/adapters/seed-24}
  - {seed: 42, model: other}
methods: [linear, {method: dare_linear, parameters: {densty: 0.5}}]
safety: {sets: ["safety:demo/unsave.jsonl", safty:rows.jsonl], judges: [keywrod, wildguard:gard]}
task: {validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.json"]}
select: {rule: score, gate: asr <= algined + 0.02}
`,
  "tunings of a model that is not there": `aligned: demo/modell
tune:
  data: row.jsonl
  seeds: [1, 2, 1]
  options: {rank: 0, schedule: cosin, learning_rate: 0.1}
methods: [linear]
safety: {sets: ["safety:demo/unsafe.jsonl"], calibration: labelled.jsonl}
task: {validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_valid.jsonl"]}
select: {gate: "overRefusal <= aligned"}
`,
  "choices that contradict each other": `aligned: demo/modell
tuned:
  - {seed: 42, adapter: demo/adapters/seed-42}
  - {seed: 7}
tune: {data: rows.jsonl}
methods:
  - linear
  - {method: linear, lambda: 0.4}
  - {method: ties, masks: 3}
  - {method: model_stock, lambda: 0.5}
lambda: [0.2, 0.4, 1.2]
safety: {sets: ["safety:demo/unsafe.jsonl"]}
task: {validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"]}
select: {corrected: true}
`,
  "judges, one after the other": `aligned: demo/modell
tuned:
  - {seed: 42, adapter: demo/adapters/seed-42}
methods: [linear]
safety:
  sets: ["safety:demo/unsafe.jsonl"]
  judges:
    - keyword
    - keyword:gcgs
    - keyword
    - {classifier: demo/modell}
    - {wildgard: x}
  calibration: labeled.jsonl
task: {validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"]}
`,
  "sets, each for itself": `aligned: demo/modell
tuned:
  - {seed: 42, adapter: demo/adapters/seed-42}
methods: [linear]
safety:
  sets:
    - safety:rows.jsonl
    - advbensh
    - over-refusal
task:
  validation:
    - exact
    - exact:rows.jsn
  test:
    - exakt:rows.jsonl
`,
  "parts of which nothing is said": `preset: papper
tuned: []
methods: []
safety:
task: {}
select: {gate: ""}
`,
  "servers and engines": `aligned: demo/modell
unaligned: demo/model
tuned:
  - {seed: 42, model: demo/model}
methods: [linear, slerp]
safety: {sets: ["safety:demo/unsafe.jsonl"]}
task: {validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"]}
engine: {engine: tensorflo, precision: float16, endpoint: {uri: "http://localhost:8000/v1", concurrency: none}}
`,
  "keys in another mapping than their own": `aligned: demo/modell
tuned:
  - {seed: 42, adapter: demo/adapters/seed-42, rank: 8}
methods: [{method: ties, density: 0.5}]
sets: ["safety:demo/unsafe.jsonl"]
safety: {sets: ["safety:demo/unsafe.jsonl"], gate: asr <= aligned}
task: {validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"], limit: 5}
seeds: [1]
bertScore: {layer: 2}
`,
};

/** Of each file: where the first fault is, and each line of the message. */
const EXPECTED: Readonly<Record<keyof typeof FILES, readonly string[]>> = {
  "misspelled keys, and what stands under them": [
    "FOLDER/experiment.yml:1:1: 12 problems:",
    "- line 1, column 1: algined: unknown key `algined` (did you mean `aligned`?)",
    "- line 1, column 10: algined: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 3, column 16: tuned[0].adaptor: unknown key `adaptor` (did you mean `adapter`?)",
    "- line 4, column 1: metods: unknown key `metods` (did you mean `methods`?)",
    "- line 4, column 10: metods[0]: unknown value `liner` (did you mean `linear`?)",
    "- line 4, column 26: metods[1].method: unknown value `tise` (did you mean `ties`?)",
    "- line 4, column 32: metods[1].lamda: unknown key `lamda` (did you mean `lambda`?)",
    "- line 4, column 39: lambda 2 is outside of 0 to 1: write extrapolate: true if that is meant",
    "- line 5, column 46: safety.judge: unknown key `judge` (did you mean `judges`?)",
    '- line 5, column 53: safety.judge: expected a list, received the text "keyword"',
    "- line 6, column 53: task.tests: unknown key `tests` (did you mean `test`?)",
    "- line 7, column 1: margin: unknown key `margin` (write it under `select`)",
  ],
  "values of another kind": [
    "FOLDER/experiment.yml:1:10: 14 problems:",
    "- line 1, column 10: aligned: expected text, received the number 5",
    "- line 2, column 8: tuned: expected a list, received a mapping",
    '- line 3, column 10: methods: expected a list, received the text "linear"',
    '- line 4, column 9: lambda: expected a number or a list, received the text "half"',
    '- line 5, column 14: extrapolate: expected true or false, received the text "no"',
    '- line 6, column 16: safety.sets: expected a list, received the text "safety:x.jsonl"',
    "- line 6, column 41: safety.judges[0]: expected text or a mapping, received the number 7",
    "- line 6, column 54: safety.judges[1].keyword: expected at least one entry",
    "- line 6, column 69: safety.emptyIs: unknown value `refusals` (did you mean `refusal`?)",
    "- line 7, column 7: task: expected a mapping, received a list",
    "- line 8, column 8: limit: expected a whole number, received the number 1.5",
    "- line 9, column 26: decoding.maxNewTokens: expected a number above 0, received the number 0",
    "- line 10, column 16: select.rule: unknown value `constraint` (did you mean `constrained`?)",
    "- line 10, column 36: select.margin: expected a number of at most 1, received the number 2",
  ],
  "models that are not there, with everything behind them": [
    "FOLDER/experiment.yml:1:10: 12 problems:",
    "- line 1, column 10: aligned: The model FOLDER/no/such/model.d does not exist: there is no FOLDER/no/such/model.d, and it is not a hub id. (Check the path.)",
    "- line 2, column 12: unaligned: The model FOLDER/nowhere does not exist: there is no FOLDER/nowhere, and it is not a hub id. (Check the path.)",
    "- line 4, column 25: tuned[0].adapter: The model FOLDER/demo/adapters/seed-24 does not exist: there is no FOLDER/demo/adapters/seed-24, and it is not a hub id. (Check the path. Is FOLDER/demo/adapters/seed-1024 meant?)",
    "- line 5, column 5: tuned seed 42 occurs twice",
    "- line 5, column 23: tuned[1].model: The model FOLDER/other does not exist: there is no FOLDER/other, and it is not a hub id. (Check the path.)",
    "- line 6, column 19: methods[1]: parameters.densty: unknown parameter `densty` (did you mean `density`?)",
    "- line 7, column 17: safety.sets[0]: FOLDER/demo/unsave.jsonl: the file does not exist (is FOLDER/demo/unsafe.jsonl meant?)",
    "- line 7, column 45: safety.sets[1]: there is no task or suite `safty` (did you mean `safety`?)",
    '- line 7, column 73: safety.judges[0]: There is no judge "keywrod". (did you mean `keyword`? there are keyword, keyword:gcg, keyword:qi, harmbench, harmbench:repository, harmbench:judgezoo, strongreject, strongreject:judgezoo, strongreject:rubric, llamaguard3, shieldgemma, qwen3guard, jailbreakbench, jailbreakbench:refusal, xstest, orbench, wildguard, each of these also with :MODEL, { keyword: [phrases] }, { classifier: MODEL })',
    "- line 7, column 82: safety.judges[1]: The model FOLDER/gard does not exist: there is no FOLDER/gard, and it is not a hub id. (Check the path.)",
    "- line 8, column 60: task.test[0]: FOLDER/demo/task_test.json: the file does not exist (is FOLDER/demo/task_test.jsonl meant?)",
    '- line 9, column 29: The gate "asr <= algined + 0.02" has "algined" at column 8 where a number, aligned or tuned belongs. (did you mean `aligned`?)',
  ],
  "tunings of a model that is not there": [
    "FOLDER/experiment.yml:1:10: 9 problems:",
    "- line 1, column 10: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 3, column 9: tune.data: FOLDER/row.jsonl: the file does not exist (is FOLDER/rows.jsonl meant?)",
    "- line 4, column 10: tune.seeds holds 1 twice",
    "- line 5, column 19: tune.options: rank must be a whole number of at least 1, not 0",
    "- line 5, column 32: tune.options.schedule: unknown value `cosin` (did you mean `cosine`?)",
    "- line 5, column 39: tune.options.learning_rate: unknown key `learning_rate` (did you mean `learningRate`?)",
    '- line 7, column 59: safety.calibration: FOLDER/labelled.jsonl:2: "maybe" is no label (labels are harmful, unsafe, attack, yes, true, 1, 1.0; or safe, harmless, refusal, refused, no, false, 0, 0.0)',
    "- line 8, column 59: FOLDER/demo/task_valid.jsonl is in task.validation and in task.test: what chooses must not confirm; give other rows for one of them",
    "- line 9, column 16: the gate overRefusal <= aligned asks for overRefusal, and the half that chooses has no set of harmless requests: add xstest or over-refusal:FILE",
  ],
  "choices that contradict each other": [
    "FOLDER/experiment.yml:1:10: 8 problems:",
    "- line 1, column 10: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 4, column 5: tuned seed 7: give either model or adapter",
    "- line 5, column 7: give either tuned or tune: where do tuned models come from?",
    "- line 8, column 5: linear at lambda 0.4 is asked for twice",
    "- line 9, column 27: ties draws no masks: leave masks out",
    "- line 10, column 35: model_stock over all tuned models has no lambda",
    "- line 11, column 9: lambda 1.2 is outside of 0 to 1: write extrapolate: true if that is meant",
    "- line 14, column 21: select.corrected needs safety.calibration: labelled answers that say how often the judge errs",
  ],
  "judges, one after the other": [
    "FOLDER/experiment.yml:1:10: 7 problems:",
    "- line 1, column 10: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    '- line 9, column 7: safety.judges[1]: There is no list of phrases "gcgs". (did you mean `gcg`? there are refusals, gcg and qi; or give the phrases themselves)',
    "- line 10, column 7: safety.judges[2]: two judges are called keyword (give each a name of its own)",
    "- line 11, column 7: safety.judges[3]: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 12, column 7: safety.judges[4]: The model FOLDER/x does not exist: there is no FOLDER/x, and it is not a hub id. (Check the path.)",
    "- line 12, column 8: safety.judges[4].wildgard: unknown key `wildgard` (did you mean `wildguard`?)",
    "- line 13, column 16: safety.calibration: FOLDER/labeled.jsonl: the file does not exist (is FOLDER/labelled.jsonl meant?)",
  ],
  "sets, each for itself": [
    "FOLDER/experiment.yml:1:10: 6 problems:",
    "- line 1, column 10: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 8, column 7: safety.sets[1]: there is no task or suite `advbensh` (did you mean `advbench`?)",
    "- line 9, column 7: safety.sets[2]: over-refusal needs a file: over-refusal:FILE. (or name a set: jailbreakbench-benign, wildguardtest-benign, orbench, orbench-80k, xstest)",
    "- line 12, column 7: task.validation[0]: exact needs a file. (write exact:FILE)",
    "- line 13, column 7: task.validation[1]: FOLDER/rows.jsn: the file does not exist (is FOLDER/rows.jsonl meant?)",
    "- line 15, column 7: task.test[0]: there is no task or suite `exakt` (did you mean `exact`?)",
  ],
  "parts of which nothing is said": [
    "FOLDER/experiment.yml:1:1: 8 problems:",
    "- line 1, column 1: aligned: this key is required but missing (The aligned model: a folder or a name on the hub.)",
    "- line 1, column 9: preset: unknown value `papper` (did you mean `paper`?)",
    "- line 2, column 8: tuned: expected at least one entry",
    "- line 3, column 10: methods: expected at least one entry",
    "- line 4, column 8: safety: expected a mapping, received nothing",
    "- line 5, column 7: task.validation: this key is required but missing (Sets that lambda is chosen by.)",
    "- line 5, column 7: task.test: this key is required but missing (Sets that the aligned, tuned and chosen models are measured on.)",
    '- line 6, column 16: The gate "" has the end where asr or score, overRefusal or worstCategory (also asr.point, asr.high, asr.low) belongs. (write, for example, "asr <= aligned + 0.02" or "asr.high <= 5% and score >= 90% * tuned")',
  ],
  "servers and engines": [
    "FOLDER/experiment.yml:1:10: 8 problems:",
    "- line 1, column 10: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 8, column 18: engine.engine: unknown value `tensorflo` (did you mean `tensorflow`?)",
    "- line 8, column 40: engine.precision: unknown value `float16` (did you mean `bfloat16`?)",
    "- line 8, column 59: an endpoint serves linear merges as scaled adapters, not slerp: leave them out, or engine.endpoint",
    "- line 8, column 59: an endpoint serves adapters, and the tuned models of 42 are whole ones: give adapter instead",
    "- line 8, column 59: an endpoint serves the aligned model and adapters: leave unaligned out",
    "- line 8, column 60: engine.endpoint.uri: unknown key `uri` (did you mean `url`?)",
    '- line 8, column 106: engine.endpoint.concurrency: expected a number, received the text "none"',
  ],
  "keys in another mapping than their own": [
    "FOLDER/experiment.yml:1:10: 8 problems:",
    "- line 1, column 10: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
    "- line 3, column 48: tuned[0].rank: unknown key `rank` (known keys here: seed, model, adapter)",
    "- line 4, column 26: methods[0].density: unknown key `density` (write it under `parameters`)",
    "- line 5, column 1: sets: unknown key `sets` (write it under `safety`)",
    "- line 6, column 46: safety.gate: unknown key `gate` (write it under `select`)",
    "- line 7, column 91: task.limit: unknown key `limit` (known keys here: validation, test, label)",
    "- line 8, column 1: seeds: unknown key `seeds` (write it under `tune`; models that are tuned already have a seed each under `tuned`)",
    "- line 9, column 12: bertScore.model: this key is required but missing",
  ],
};

async function failureOf(text: string, name = "experiment.yml"): Promise<RetemperError> {
  const file = join(folder, name);
  writeFileSync(file, text);
  return planRun(file, join(folder, "out")).then(
    () => expect.fail("nothing is wrong"),
    (error: RetemperError) => error,
  );
}

const HINT = "retemper init writes an experiment with a comment on every line";
const told = ({ message }: RetemperError) => message.replaceAll(folder, "FOLDER").split("\n");

describe("an experiment with faults tells of all of them at once:", () => {
  it.each(Object.keys(FILES) as (keyof typeof FILES)[])("%s", async (name) => {
    const error = await failureOf(FILES[name]);
    expect(told(error)).toEqual(EXPECTED[name]);
    const [, line, column] = /:(\d+):(\d+): \d+ problems:$/.exec(EXPECTED[name][0] ?? "") ?? [];
    const file = join(folder, "experiment.yml");
    expect(error).toMatchObject({
      code: "BAD_RECIPE",
      exitStatus: 3,
      file,
      line: Number(line),
      column: Number(column),
    });
    expect(error.hint).toBe(HINT);
  });

  it("in a file of JSON by the same lines", async () => {
    const experiment = { aligned: "demo/modell", lambda: [0.2, 1.2], judges: ["keyword"] };
    const error = await failureOf(JSON.stringify(experiment, null, 1), "experiment.json");
    expect(told(error)).toEqual([
      "FOLDER/experiment.json:1:1: 7 problems:",
      "- line 1, column 1: methods: this key is required but missing (Merge methods, by name or with a grid and parameters of their own.)",
      "- line 1, column 1: safety: this key is required but missing (What is asked that should be refused, and who judges the answers.)",
      "- line 1, column 1: task: this key is required but missing (What the models were tuned for.)",
      "- line 1, column 1: give either tuned or tune: where do tuned models come from?",
      "- line 2, column 13: aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
      "- line 3, column 12: lambda 1.2 is outside of 0 to 1: write extrapolate: true if that is meant",
      "- line 7, column 2: judges: unknown key `judges` (write it under `safety`)",
    ]);
  });

  it("with what the sets say together, under misspelled keys and without the model", async () => {
    const error = await failureOf(`algined: demo/modell
tuned: [{seed: 1, adapter: demo/adapters/seed-42}]
methods: [linear]
saftey: {sets: ["safety:demo/unsafe.jsonl"]}
task: {validation: ["exact:demo/task_test.jsonl"], tets: ["exact:demo/task_test.jsonl"]}
`);
    expect(told(error).slice(-3)).toEqual([
      "- line 4, column 1: saftey: unknown key `saftey` (did you mean `safety`?)",
      "- line 5, column 52: task.tets: unknown key `tets` (did you mean `test`?)",
      "- line 5, column 58: FOLDER/demo/task_test.jsonl is in task.validation and in task.test: what chooses must not confirm; give other rows for one of them",
    ]);
  });

  it("of an object by the paths of its keys", async () => {
    const experiment = {
      aligned: join(folder, "demo/modell"),
      tuned: [{ seed: 1, adapter: join(folder, "demo/adapters/seed-42"), rank: 8 }],
      methods: ["linear", "tise"],
      safety: { sets: [`safety:${join(folder, "demo/unsafe.jsonl")}`, "advbensh"] },
      task: { validation: ["exact"], test: [`exact:${join(folder, "demo/task_test.jsonl")}`] },
    };
    const error = await run(experiment as never, join(folder, "out")).then(
      () => expect.fail("nothing is wrong"),
      (failure: RetemperError) => failure,
    );
    expect(error).toMatchObject({ code: "BAD_RECIPE", file: undefined, line: undefined });
    expect(told(error)).toEqual([
      "5 problems:",
      "- tuned[0].rank: unknown key `rank` (known keys here: seed, model, adapter)",
      "- methods[1]: unknown value `tise` (did you mean `ties`?)",
      "- aligned: The model FOLDER/demo/modell does not exist: there is no FOLDER/demo/modell, and it is not a hub id. (Check the path. Is FOLDER/demo/model meant?)",
      "- task.validation[0]: exact needs a file. (write exact:FILE)",
      "- safety.sets[1]: there is no task or suite `advbensh` (did you mean `advbench`?)",
    ]);
  });
});

describe("an experiment of one fault", () => {
  it("has its line, column and remedy in the error's own fields", async () => {
    const text = FILES["choices that contradict each other"];
    const one = text.split("\n").filter((line) => !/seed: 7|tune:|linear, lambda|masks|model_stock|select/.test(line));
    const file = join(folder, "experiment.yml");
    writeFileSync(file, one.join("\n").replace(", 1.2", "").replace("linear", "liner"));
    await expect(loadExperiment(file)).rejects.toMatchObject({
      ...{ code: "BAD_RECIPE", line: 5, column: 5, hint: "did you mean `linear`?" },
      message: `${file}:5:5: methods[0]: unknown value \`liner\``,
    });
  });

  it("is BAD_INPUT where only a model is missing", async () => {
    const text = FILES["choices that contradict each other"];
    const one = text.split("\n").filter((line) => !/seed: 7|tune:|linear, lambda|masks|model_stock|select/.test(line));
    expect(await failureOf(one.join("\n").replace(", 1.2", ""))).toMatchObject({
      ...{ code: "BAD_INPUT", exitStatus: 4, line: 1, column: 10 },
      hint: `Check the path. Is ${join(folder, "demo/model")} meant?`,
    });
  });
});

describe("an experiment's file", () => {
  const planned = (file: string) => planRun(file, join(folder, "out")).catch((error: RetemperError) => error);

  it("that is not there is named, with the one that is probably meant", async () => {
    writeFileSync(join(folder, "experiment.yml"), "");
    expect(await planned(join(folder, "experment.yml"))).toMatchObject({
      code: "BAD_RECIPE",
      message: `${join(folder, "experment.yml")}: no such experiment`,
      hint: `is ${join(folder, "experiment.yml")} meant?`,
    });
    expect(await planned(join(folder, "x/y.yml"))).toMatchObject({
      message: `${join(folder, "x/y.yml")}: no such experiment`,
      hint: "give the path of an experiment.yml; retemper init writes one",
    });
  });

  it("that is a folder is named with the file in it", async () => {
    writeFileSync(join(folder, "experiment.yml"), "");
    expect(await planned(folder)).toMatchObject({
      code: "BAD_RECIPE",
      message: `${folder}: this is a folder, not an experiment`,
      hint: expect.stringMatching(/^give .*experiment\.(yml|json)$/),
    });
  });

  it("with thousands of faults, by aliases or without, tells of fifty in bounded time", async () => {
    const keys = Array.from({ length: 3000 }, (_, at) => `k${at}: 1`).join("\n");
    const many = await failureOf(keys);
    expect(told(many)).toHaveLength(52);
    expect(told(many).at(-1)).toMatch(/^- and \d+ more$/);
    const wrong = `{${Array.from({ length: 20 }, (_, at) => `x${at}: 1`).join(", ")}}`;
    const aliases = `tuned:\n  - &a ${wrong}\n${"  - *a\n".repeat(400)}`;
    expect(told(await failureOf(aliases)).at(-1)).toMatch(/^- and \d+ more$/);
  });
});

describe("an experiment of any values", () => {
  const whole = {
    ...{ preset: "paper", name: "x", aligned: "a", unaligned: "b", tuned: [{ seed: 1, adapter: "c" }] },
    tune: { data: "r.jsonl", seeds: [1, 2], options: { rank: 4, betas: [0.1, 0.2] } },
    methods: ["linear", { method: "ties", lambda: [0.1], parameters: { density: 0.5 } }],
    safety: { sets: ["safety:x"], judges: ["keyword", { keyword: ["a"] }, { classifier: "m" }] },
    task: { validation: ["tools:a"], test: ["exact:b"] },
    ...{ bertScore: { model: "m" }, data: { bbh: "x" }, engine: { endpoint: { url: "http://x" } } },
    select: { gate: "asr <= 1" },
  };
  const pathsOf = (value: unknown, path: readonly PropertyKey[] = []): (readonly PropertyKey[])[] =>
    typeof value === "object" && value !== null
      ? [
          path,
          ...Object.entries(value).flatMap(([key, one]) =>
            pathsOf(one, [...path, Array.isArray(value) ? Number(key) : key]),
          ),
        ]
      : [path];
  const changed = (root: unknown, [part, ...rest]: readonly PropertyKey[], value: unknown): unknown => {
    if (part === undefined) return value;
    if (Array.isArray(root)) return root.map((one, at) => (at === part ? changed(one, rest, value) : one));
    if (typeof root !== "object" || root === null) return root;
    return { ...root, [part]: changed((root as Record<PropertyKey, unknown>)[part], rest, value) };
  };
  const junk = fc.oneof(
    fc.constantFrom<unknown>(null, undefined, 5, -1, 1.5, Number.NaN, true, "", "a+", "+", "{seed}", [], {}, [[]]),
    fc.constantFrom<unknown>([null], [{}], { seed: 1 }, { method: "tise" }, { method: 5, lambd: 2 }, { keyword: 5 }),
    fc.string(),
    fc.object({ maxDepth: 2 }),
  );
  const key = fc.constantFrom("", "", "typpo", "lamda", "sets", "gate", "constructor", "toString");
  const changes = fc.array(fc.tuple(fc.constantFrom(...pathsOf(whole)), junk, key), { minLength: 1, maxLength: 5 });

  it.each([{ classifier: "" }, { wildguard: " " }, { judge: "harmbench:" }])(
    "a judge without a model: %j",
    async (judge) => {
      const safety = { ...whole.safety, judges: ["keyword", judge] };
      const failure = await loadExperiment({ ...whole, safety } as never).catch((error: RetemperError) => error);
      expect(failure).toMatchObject({ code: "BAD_RECIPE" });
    },
  );

  it("is read, or refused in words of ours, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(changes, async (all) => {
        const value = all.reduce<unknown>(
          (one, [path, by, more]) => changed(one, more === "" ? path : [...path, more], by),
          whole,
        );
        const failure = await loadExperiment(value as never).catch((error: RetemperError) => error);
        if (!(failure instanceof Error)) return;
        expect(failure).toMatchObject({ code: "BAD_RECIPE" });
        expect(failure.message).not.toMatch(/Invalid input|Invalid option|Too small|ENOENT|\[object/);
      }),
      { numRuns: 120 },
    );
  });
});
