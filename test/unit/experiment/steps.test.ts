// Which steps of a whole run are done again: those whose inputs hold something else, and no others.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { run } from "../../../lib/experiment/run.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { casesOf, long } from "../../long.js";

const root = join(import.meta.dirname, "..", "..", "..");
const folder = mkdtempSync(join(tmpdir(), "retemper-steps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const place = (name: string) => join(folder, name);
for (const [from, to] of [
  ["demo/model", "model"],
  ["test/golden/encoders/roberta", "encoder"],
  ["test/golden/encoders/roberta", "classifier"],
  ["test/golden/classifiers/roberta", "classifier"],
] as const)
  cpSync(join(root, from), place(to), { recursive: true });
mkdirSync(place("rows"));
const rows = readFileSync(join(root, "demo/task_train.jsonl"), "utf8").split("\n").slice(0, 40);
writeFileSync(place("rows/a.jsonl"), `${rows.slice(0, 20).join("\n")}\n`);
writeFileSync(place("rows/b.jsonl"), `${rows.slice(20).join("\n")}\n`);

const experiment: Experiment = {
  aligned: place("model"),
  tune: { data: place("rows"), seeds: [7], options: { maxSteps: 2, batchSize: 2 } },
  methods: ["linear"],
  lambda: 0.5,
  safety: { sets: [`safety:${root}/demo/unsafe.jsonl`], judges: [{ classifier: place("classifier") }] },
  task: {
    validation: [`bertscore:${root}/demo/task_valid.jsonl`],
    test: [`bertscore:${root}/demo/task_test.jsonl`],
  },
  bertScore: { model: place("encoder"), layer: 1 },
  limit: 2,
  decoding: { maxNewTokens: 4 },
  select: { rule: "score" },
};

/** The steps that a run does. */
async function steps(): Promise<string[]> {
  const done: string[] = [];
  await run(experiment, place("out"), { onStep: (step) => done.push(step) });
  return done;
}

/** Changes the last byte of a file, which is one of a tensor's. */
function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8((bytes.at(-1) as number) ^ 1, bytes.length - 1);
  writeFileSync(file, bytes);
}

it.runIf(long)(
  "does again what depends on a judge, an encoder or training data that changed",
  {
    timeout: 300_000,
  },
  async () => {
    const all = await steps();
    expect(all).toContain("tune seed 7");
    const judged = all.filter((step) => step.startsWith("verdicts "));
    expect(judged).toHaveLength(6); // aligned and fine-tuned on both, the merge, and what was written

    utimesSync(place("classifier/model.safetensors"), 1, 1);
    utimesSync(place("model/model.safetensors"), 1, 1);
    utimesSync(place("rows/b.jsonl"), 1, 1);
    expect(await steps()).toEqual([]); // times do not count

    for (const changed of casesOf(["classifier", "encoder"], [])) {
      flip(place(`${changed}/model.safetensors`));
      expect(await steps()).toEqual(judged); // no model is asked again
      flip(place(`${changed}/model.safetensors`));
      expect(await steps()).toEqual([]); // all is as at first
    }

    writeFileSync(place("rows/b.jsonl"), `${rows.slice(21).join("\n")}\n`);
    const other = await steps();
    expect(other).toContain("tune seed 7");
    expect(other).not.toContain("aligned, validation");
  },
);
