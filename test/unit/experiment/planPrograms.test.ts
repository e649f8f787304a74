// A machine that cannot contain programs is found out before anything is evaluated. This machine may well contain them, so what
// tries it is stood for by what it throws elsewhere.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { long } from "../../long.js";

vi.mock(import("../../../lib/evaluate/sandbox/openSandbox.js"), async (original) => ({
  ...(await original()),
  openSandbox: async () => {
    throw new RetemperError("SANDBOX", "Programs cannot be contained on this machine.", { hint: "install bubblewrap" });
  },
}));

const folder = mkdtempSync(join(tmpdir(), "retemper-plan-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.runIf(long)("the plan finds that programs cannot be contained, where a task runs them", async () => {
  const problem = { task_id: "HumanEval/0", prompt: "def one():\n", test: "def check(f): pass", entry_point: "one" };
  const data = join(folder, "humaneval.jsonl");
  writeFileSync(data, JSON.stringify(problem));
  const experiment = {
    aligned: "demo/model",
    tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }],
    methods: ["linear" as const],
    safety: { sets: ["safety:demo/unsafe.jsonl"] },
    task: { validation: ["exact:demo/task_valid.jsonl"], test: [`humaneval:${data}`] },
    decoding: { maxNewTokens: 8 },
    allowCodeExecution: true,
  };
  await expect(planRun(experiment, join(folder, "out"))).rejects.toMatchObject({
    code: "SANDBOX",
    message: "Programs cannot be contained on this machine.",
    hint: "install bubblewrap",
  });
  const without = { ...experiment, task: { ...experiment.task, test: ["exact:demo/task_test.jsonl"] } };
  expect((await planRun(without, join(folder, "out"))).steps.length).toBeGreaterThan(3);
});
