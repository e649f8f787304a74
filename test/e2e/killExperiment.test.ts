// An experiment that is killed with SIGKILL again and again, and goes on each time: its results are those of a run that was
// left alone, and no step is done twice.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { root, run, start, temporaryFolder } from "./command.js";

const KILLS = 5;
const folder = temporaryFolder();
const file = join(folder, "experiment.yml");
const demo = join(root, "demo");
writeFileSync(
  file,
  `aligned: ${demo}/model
tune: { data: ${demo}/task_train.jsonl, seeds: [42, 1024], options: { maxSteps: 40, learningRate: 0.003, batchSize: 4 } }
methods: [{ method: linear, lambda: [0.3, 0.6] }, slerp, model_stock]
lambda: 0.5
safety: { sets: ["safety:${demo}/unsafe.jsonl"], judges: [{ keyword: ["can't help"] }] }
task: { validation: ["exact:${demo}/task_valid.jsonl"], test: ["exact:${demo}/task_test.jsonl"] }
limit: 12
decoding: { maxNewTokens: 20 }
select: { rule: score }
`,
);

it("gives the same results, killed or not", { timeout: 600_000 }, async () => {
  const alone = join(folder, "alone");
  const { status, stdout, stderr } = await run(["run", file, "--out", alone]);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("has the best validation exact_match of 4 candidates");
  const killed = join(folder, "killed");
  for (let kill = 0; kill < KILLS; kill++) {
    const running = start(["run", file, "--out", killed]);
    await Promise.race([running.finished, wait(900 + Math.random() * 2500)]);
    running.process.kill("SIGKILL");
    await running.finished;
  }
  expect((await run(["run", file, "--out", killed])).status).toBe(0);
  const read = (out: string) => readFileSync(join(out, "results.json"), "utf8");
  expect(read(killed)).toBe(read(alone));
  expect(readdirSync(join(killed, "steps")).sort()).toEqual(readdirSync(join(alone, "steps")).sort());
  expect(readdirSync(join(killed, "models")).sort()).toEqual(readdirSync(join(alone, "models")).sort());

  const again = await run(["run", file, "--out", killed]);
  expect(again.status).toBe(0);
  expect(again.stderr).not.toMatch(/note: /); // nothing was left to do
  const { outputs } = JSON.parse(read(alone)) as { outputs: { agreement: { questions: number; same: number } }[] };
  expect(outputs.length).toBeGreaterThan(0);
  const questions = outputs.reduce((sum, { agreement }) => sum + agreement.questions, 0);
  const same = outputs.reduce((sum, { agreement }) => sum + agreement.same, 0);
  expect(same / questions).toBeGreaterThan(0.95);
});
