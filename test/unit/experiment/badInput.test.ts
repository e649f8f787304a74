// What is wrong with models, sets, judges, engines and the disk is found before anything is done, all at once, each with what
// helps.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { RetemperError } from "../../../lib/errors.js";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { run } from "../../../lib/experiment/run.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-bad-input-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "out");

const whole: Experiment = {
  aligned: "demo/model",
  tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }],
  methods: ["linear"],
  safety: { sets: ["safety:demo/unsafe.jsonl"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  decoding: { maxNewTokens: 24 }, // the demo's context has 512
};

async function failureOf(experiment: Experiment): Promise<RetemperError> {
  const failure = await run(experiment, out).then(
    () => undefined,
    (error: RetemperError) => error,
  );
  expect(existsSync(out)).toBe(false);
  expect(failure).toBeDefined();
  return failure as RetemperError;
}

/** A copy of a folder with one of its JSON files changed. */
function changed(source: string, name: string, file: string, change: object): string {
  const place = join(folder, name);
  cpSync(source, place, { recursive: true });
  writeFileSync(
    join(place, file),
    JSON.stringify({ ...JSON.parse(readFileSync(join(place, file), "utf8")), ...change }),
  );
  return place;
}

/** Each line of the list, with its remedy in brackets at the end. */
function problemsOf({ message }: RetemperError): string[] {
  const [head, ...lines] = message.split("\n- ");
  expect(head).toBe(`${lines.length} problems:`);
  return lines;
}

it("adapters that do not fit, sets without rows, models and judges that are not there", async () => {
  const adapter = changed("demo/adapters/seed-42", "misfit", "adapter_config.json", { r: 4 });
  const empty = join(folder, "empty.jsonl");
  writeFileSync(empty, "");
  const failure = await failureOf({
    ...whole,
    unaligned: join(folder, "no-unaligned"),
    tuned: [...(whole.tuned ?? []), { seed: 7, adapter }],
    safety: { sets: [`safety:${empty}`], judges: [`wildguard:${join(folder, "no-judge")}`] },
  });
  const problems = problemsOf(failure);
  for (const part of [/misfit/, /empty\.jsonl/, /no-unaligned/, /no-judge/]) {
    const found = problems.filter((text) => part.test(text));
    expect(found, String(part)).toHaveLength(1);
    expect(found[0]).toMatch(/\(.+\)$/s);
  }
});

it("an engine that cannot run the model, together with the rest", async () => {
  const change = { model_type: "mamba", architectures: ["MambaForCausalLM"] };
  const aligned = changed("demo/model", "mamba", "config.json", change);
  const failure = await failureOf({ ...whole, aligned, safety: { ...whole.safety, judges: ["oracle"] } });
  const problems = problemsOf(failure);
  expect(problems.find((text) => /mamba/i.test(text))).toMatch(/\(.+\)$/s);
  expect(problems.find((text) => text.includes("oracle"))).toMatch(/\(.+\)$/s);
});

it("a disk too small for what may be chosen", async () => {
  const { bavail, bsize } = statfsSync(folder);
  const one = statSync("demo/model/model.safetensors").size;
  // as many methods and seeds as would fill it
  const methods: Experiment["methods"] = ["linear", "slerp", "task_arithmetic", "dare_linear", "ties", "della"];
  const count = Math.ceil((1.2 * bavail * bsize) / one / methods.length);
  const seeds = Array.from({ length: count }, (_, seed) => seed);
  const { tuned: _, ...rest } = whole;
  const failure = await failureOf({ ...rest, write: "all", methods, tune: { data: "demo/task_train.jsonl", seeds } });
  expect(failure).toMatchObject({ code: "NO_SPACE", message: expect.stringMatching(/bytes.*are free \(choose/s) });
});

it("what the plan says of a run is what the run would say", async () => {
  const wrong = { ...whole, safety: { ...whole.safety, judges: ["oracle"] } };
  const planned = await planRun(wrong, out).catch((error: RetemperError) => error);
  expect((planned as RetemperError).message).toBe((await failureOf(wrong)).message);
});

it.each([
  [2, 2],
  [-1, 2],
  [0.5, 2],
  [0, 0],
])("a share that is none: part %s of %s", async (index, count) => {
  const failure = await run(whole, out, { partition: { index, count } }).catch((error: RetemperError) => error);
  expect(failure).toMatchObject({ code: "USAGE", message: `there is no part ${index} of ${count}` });
  expect(existsSync(out)).toBe(false);
});
