// What a plan counts of disk and preparations where little of a run remains.

import { expect, it } from "vitest";
import { tunedModels } from "../../../lib/experiment/candidates/tunedModels.js";
import type { Checked } from "../../../lib/experiment/checks/checked.js";
import { bytesOfShipped } from "../../../lib/experiment/checks/checkShip.js";
import { plannedPreparations } from "../../../lib/experiment/plan/plannedPreparations.js";
import { readExperiment } from "../../../lib/experiment/settings/load.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { WRITTEN } from "../../../lib/experiment/steps/writeStage.js";

const experiment: Experiment = {
  aligned: "demo/model",
  tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }],
  methods: ["linear"],
  safety: { sets: ["safety:demo/unsafe.jsonl"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  decoding: { maxNewTokens: 8 },
};

it("counts what a method prepares where nothing but the written merge is missing", async () => {
  const { settings } = await readExperiment(experiment);
  const checked = { preparations: new Map([[0, { bytes: 10, tokens: 3 }]]) } as unknown as Checked;
  const after = (missing: number) => ({ seen: [{ part: WRITTEN, units: 1, missing, remains: [] }], isOver: true });
  expect(plannedPreparations(settings, tunedModels(settings), checked, after(0))).toEqual([]);
  const [prepared] = plannedPreparations(settings, tunedModels(settings), checked, after(1));
  expect(prepared).toMatchObject({ units: 1, missing: 1, remains: [{ bytes: 10, prepared: { tokens: 3 } }] });
});

it("counts the copy of another model that is measured in a form, one at a time", async () => {
  const ship: Experiment["ship"] = [
    { format: "gguf", quantise: "q8_0", allModels: true },
    { format: "gguf", quantise: "q4_0", allModels: true },
    { format: "fp8" },
  ];
  const bytes = new Map([
    ["gguf q8_0", 40],
    ["gguf q4_0", 20],
    ["fp8", 50],
  ]);
  const { settings } = await readExperiment({ ...experiment, ship });
  expect(bytesOfShipped(settings, bytes)).toBe(110 + 40);
});
