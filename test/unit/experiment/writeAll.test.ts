// Which merges a run writes, by default and with `write: all`.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Experiment, type ExperimentResults, run } from "../../../lib/index.js";
import { temporaryFolder } from "../../e2e/command.js";
import { long } from "../../long.js";

const folder = temporaryFolder();
const adapter = (seed: number) => ({ seed, adapter: `demo/adapters/seed-${seed}` });
const experiment: Experiment = {
  aligned: "demo/model",
  tuned: [adapter(42), adapter(1024)],
  methods: ["linear", "slerp"],
  lambda: [0.4],
  safety: { sets: ["safety:demo/unsafe.jsonl"], judges: [{ keyword: ["i can't help with that"], ignoreCase: true }] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  decoding: { maxNewTokens: 12 },
  limit: 4,
  select: { rule: "score" },
};

it.runIf(long)(
  "writes what is chosen of every method with write: all, else the model to ship alone; the rest becomes obsolete",
  async () => {
    const out = join(folder, "out");
    const measured = ({ test }: ExperimentResults) =>
      test.chosen.map(({ method, asr, score }) => [method, asr.seeds?.length, score.seeds?.length]);
    const all = await run({ ...experiment, write: "all" }, out);
    const names = ["linear-0.4-seed-42", "linear-0.4-seed-1024", "slerp-0.4-seed-42", "slerp-0.4-seed-1024"];
    expect(all.outputs.map(({ path }) => path)).toEqual(names.map((name) => `models/${name}`));

    const notes: string[] = [];
    const chosen = await run(experiment, out, { onNote: (text) => notes.push(text) });
    const shipped = chosen.shipped?.path as string;
    expect(chosen.shipped).toEqual(all.shipped);
    expect(chosen.shipped?.why).toMatch(/^Seed \d+ /);
    expect(chosen.outputs.map(({ path }) => path)).toEqual([shipped]);
    expect(measured(chosen)).toEqual([
      ["linear", 2, 2],
      ["slerp", 2, 2],
    ]);
    expect(measured(all)).toEqual(measured(chosen));
    const obsolete = names.filter((name) => `models/${name}` !== shipped);
    expect(notes.join()).toContain("marked as obsolete: models/");
    for (const name of names) {
      expect(existsSync(join(out, "models", `${name}.obsolete.md`))).toBe(obsolete.includes(name));
    }
  },
  240_000,
);
