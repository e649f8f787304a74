// Studies that are wrong in several places each: one error tells of all, each once, with its line in study.yml, also what is only
// wrong in the experiments that the study is made of.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { RetemperError } from "../../../lib/errors.js";
import type { Problems } from "../../../lib/experiment/settings/problems.js";
import { runStudy } from "../../../lib/study/runStudy.js";
import { readStudy } from "../../../lib/study/settings/readStudy.js";
import { STUDY_TEMPLATE } from "../../../lib/study/settings/template.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-study-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
symlinkSync(resolve("demo"), join(folder, "demo"));

const FILES = {
  "misspelled keys, and what stands under them": `modles:
  town: { algined: demo/modell }
tasks:
  calls: { validation: ["exact:demo/task_valid.jsonl"], tests: ["exact:demo/task_test.jsonl"] }
  words: { validation: ["exat:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"], decodng: {} }
sedes: [42]
tuned: { adaptor: "demo/adapters/seed-{seed}" }
metods: [liner, { method: tise, lamda: 2 }]
safety: { sets: ["safety:demo/unsafe.jsonl"], judge: keyword }
margin: 0.05
`,
  "values of another kind": `models: { town: demo/model }
tasks: [calls]
seeds: 42
tuned: demo/adapters
methods: linear
safety: { sets: safety:x.jsonl }
select: { rule: constraint, margin: 2 }
`,
  "names, patterns and files that are not there": `models:
  town: { aligned: demo/modell }
  again: { aligned: demo/model, engine: { precision: float16 } }
tasks:
  a/b: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] }
  words: { validation: ["exact:demo/nothing.jsonl"], test: ["exact:demo/task_test.jsonl"], select: { margin: 3 } }
seeds: [42, 42]
tuned: { adapter: "demo/adapters/{taks}/seed-{seed}" }
methods: [linear]
safety: { sets: ["safety:demo/unsave.jsonl"], judges: [keywrod] }
`,
  "a pattern that would take one tuning for several": `models:
  town: { aligned: demo/model }
tasks:
  calls: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] }
  words: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] }
seeds: [42, 1024]
tuned: { adapter: demo/adapters/seed-42 }
methods: [linear]
safety: { sets: ["safety:demo/unsafe.jsonl"] }
`,
} as const;

async function faultsOf(text: string): Promise<RetemperError> {
  const file = join(folder, "study.yml");
  writeFileSync(file, text);
  return runStudy(file, join(folder, "out")).then(
    () => expect.fail("nothing is wrong"),
    (error: RetemperError) => error,
  );
}

function told(problems: Problems): RetemperError {
  try {
    problems.throwIfAny();
  } catch (error) {
    return error as RetemperError;
  }
  return expect.fail("nothing is wrong");
}

/** Without where this test lies. */
function linesIn({ code, message }: RetemperError): string[] {
  expect(code).toBe("BAD_RECIPE");
  return message.replaceAll(`${folder}/`, "").split("\n- ").slice(1);
}

async function linesOf(name: keyof typeof FILES): Promise<string[]> {
  return linesIn(await faultsOf(FILES[name]));
}

describe("a study.yml that is wrong", () => {
  it("is told of misspelled keys and of what stands under them", async () => {
    expect(await linesOf("misspelled keys, and what stands under them")).toEqual([
      "line 1, column 1: modles: unknown key `modles` (did you mean `models`?)",
      "line 2, column 11: modles.town.algined: unknown key `algined` (did you mean `aligned`?)",
      expect.stringMatching(
        /^line 2, column 20: modles\.town\.algined: .* does not exist.* \(.*Is demo\/model meant\?\)$/,
      ),
      "line 4, column 57: tasks.calls.tests: unknown key `tests` (did you mean `test`?)",
      "line 5, column 25: tasks.words.validation[0]: there is no task or suite `exat` (did you mean `exact`?)",
      "line 5, column 94: tasks.words.decodng: unknown key `decodng` (did you mean `decoding`?)",
      "line 6, column 1: sedes: unknown key `sedes` (did you mean `seeds`?)",
      "line 7, column 10: tuned.adaptor: unknown key `adaptor` (did you mean `adapter`?)",
      "line 7, column 19: tuned.adapter has no {task}: all 2 tasks would have the same",
      "line 8, column 1: metods: unknown key `metods` (did you mean `methods`?)",
      "line 8, column 10: metods[0]: unknown value `liner` (did you mean `linear`?)",
      "line 8, column 27: metods[1].method: unknown value `tise` (did you mean `ties`?)",
      "line 8, column 33: metods[1].lamda: unknown key `lamda` (did you mean `lambda`?)",
      "line 8, column 40: lambda 2 is outside of 0 to 1: write extrapolate: true if that is meant",
      "line 9, column 47: safety.judge: unknown key `judge` (did you mean `judges`?)",
      'line 9, column 54: safety.judge: expected a list, received the text "keyword"',
      "line 10, column 1: margin: unknown key `margin` (write it under `select`)",
    ]);
  });

  it("is told of values of another kind", async () => {
    expect(await linesOf("values of another kind")).toEqual([
      'line 1, column 17: models.town: expected a mapping, received the text "demo/model"',
      "line 2, column 8: tasks: expected a mapping, received a list",
      "line 3, column 8: seeds: expected a list, received the number 42",
      'line 4, column 8: tuned: expected a mapping, received the text "demo/adapters"',
      'line 5, column 10: methods: expected a list, received the text "linear"',
      'line 6, column 17: safety.sets: expected a list, received the text "safety:x.jsonl"',
      "line 7, column 17: select.rule: unknown value `constraint` (did you mean `constrained`?)",
      "line 7, column 37: select.margin: expected a number of at most 1, received the number 2",
    ]);
  });

  it("is told of names, patterns and files that are not there, of each task and model in its own lines", async () => {
    expect(await linesOf("names, patterns and files that are not there")).toEqual([
      expect.stringMatching(
        /^line 2, column 20: models\.town\.aligned: .* does not exist.* \(.*Is demo\/model meant\?\)$/,
      ),
      "line 3, column 54: models.again.engine.precision: unknown value `float16` (did you mean `bfloat16`?)",
      "line 5, column 8: tasks: `a/b` cannot be the name of a folder (use letters, digits, _, . and -)",
      "line 6, column 25: tasks.words.validation[0]: demo/nothing.jsonl: the file does not exist (check the path)",
      "line 6, column 110: tasks.words.select.margin: expected a number of at most 1, received the number 3",
      "line 7, column 8: seeds holds one of them twice",
      "line 8, column 19: tuned.adapter: unknown name {taks} (did you mean {task}?)",
      "line 10, column 18: safety.sets[0]: demo/unsave.jsonl: the file does not exist (is demo/unsafe.jsonl meant?)",
      expect.stringMatching(
        /^line 10, column 56: safety\.judges\[0\]: There is no judge "keywrod"\. \(did you mean `keyword`\?/,
      ),
    ]);
  });

  it("is told where a pattern would take one tuning for several", async () => {
    writeFileSync(join(folder, "study.yml"), FILES["a pattern that would take one tuning for several"]);
    const { problems } = await readStudy(join(folder, "study.yml")); // no model needs to be opened for it
    expect(linesIn(told(problems))).toEqual([
      "line 7, column 19: tuned.adapter has no {task}: all 2 tasks would have the same",
      "line 7, column 19: tuned.adapter has no {seed}: all 2 seeds would have the same",
    ]);
  });

  it("is no file, or a folder, or empty", async () => {
    const wrong = (study: string) => runStudy(study, join(folder, "out")).catch((error: RetemperError) => error);
    expect(await wrong(join(folder, "none.yml"))).toMatchObject({
      code: "BAD_RECIPE",
      hint: expect.stringContaining("init --study"),
    });
    expect(await wrong(folder)).toMatchObject({ message: expect.stringContaining("this is a folder, not a study") });
    writeFileSync(join(folder, "empty.yml"), "name: nothing\n");
    const { message } = (await wrong(join(folder, "empty.yml"))) as RetemperError;
    for (const key of ["models", "tasks", "methods", "safety"])
      expect(message).toContain(`${key}: this key is required`);
  });
});

describe("a study.yml that is right by itself", () => {
  it("is the template, but for its files", async () => {
    const file = join(folder, "template.yml");
    writeFileSync(file, STUDY_TEMPLATE);
    const { experiments, problems } = await readStudy(file);
    expect(() => problems.throwIfAny()).not.toThrow();
    expect(experiments.map(({ task, model }) => `${task} ${model}`)).toEqual(["calls small", "names small"]);
    expect(experiments[1]?.settings.tuned?.map(({ adapter }) => adapter)).toEqual(
      [42, 1024, 48763].map((seed) => join(folder, `adapters/small/names/seed-${seed}`)),
    );
  });
});
