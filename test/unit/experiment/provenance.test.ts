// Reports name files from where the experiment lies, so that a copy of it elsewhere gives the same results.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { settingsDigest, shownPath } from "../../../lib/experiment/results/provenance.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-provenance-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function copyOfExperiment(name: string, lambda: number): { folder: string; file: string } {
  const place = join(folder, name);
  mkdirSync(join(place, "model"), { recursive: true });
  mkdirSync(join(place, "adapter"));
  writeFileSync(join(place, "rows.jsonl"), "{}\n");
  const file = join(place, "experiment.yml");
  writeFileSync(
    file,
    `aligned: model
tuned: [{ seed: 42, adapter: adapter }]
lambda: [${lambda}]
methods: [linear]
safety: { sets: ["safety:rows.jsonl"] }
task: { validation: ["exact:rows.jsonl"], test: ["exact:rows.jsonl"] }
`,
  );
  return { folder: place, file };
}

it("names files from the first folder that they lie in", () => {
  expect(shownPath("/runs/one/steps/a", ["/runs/one", "/runs"])).toBe("steps/a");
  expect(shownPath("/runs/model", ["/runs/one", "/runs"])).toBe("model");
  expect(shownPath("/runs/one", ["/runs/one"])).toBe("/runs/one");
  expect(shownPath("/runs/other", ["/runs/o"])).toBe("/runs/other");
  expect(shownPath("hf://datasets/a/b", ["/runs"])).toBe("hf://datasets/a/b");
});

it("digests settings alike wherever the experiment lies", async () => {
  const digest = async (one: { folder: string; file: string }) =>
    settingsDigest(await loadExperiment(one.file), one.folder);
  const first = await digest(copyOfExperiment("first", 0.4));
  expect(await digest(copyOfExperiment("second", 0.4))).toBe(first);
  expect(await digest(copyOfExperiment("third", 0.5))).not.toBe(first);
});
