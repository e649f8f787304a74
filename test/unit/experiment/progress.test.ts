// What a run tells while it goes on, with a clock that the test moves: to its caller, and in status.json.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type EndedStep, Progress, type RunProgress } from "../../../lib/experiment/steps/progress.js";
import type { ExperimentStatus } from "../../../lib/report/status.js";
import { temporaryFolder } from "../../e2e/command.js";

const out = temporaryFolder();
const BEGUN = Date.parse("2026-01-02T03:04:05.000Z");

it("says which step of how many goes on, tokens a second and the time left, and keeps it in status.json", async () => {
  let now = BEGUN;
  const [told, ended]: [RunProgress[], EndedStep[]] = [[], []];
  const listeners = {
    onProgress: (one: RunProgress) => told.push(one),
    onStepEnd: (one: EndedStep) => ended.push(one),
  };
  const about = { name: "Calls", labels: { asr: "ASR", score: "score" } };
  const progress = new Progress(out, about, listeners, () => now);
  progress.planned([
    { key: "a", name: "ask aligned", work: 400 },
    { key: "b", name: "ask merges", work: 800 },
    { key: "c", name: "ask what was there", work: 800 },
  ]);
  progress.ended("c");
  expect(ended).toEqual([]); // an earlier run's

  progress.begin("a", "ask aligned");
  const answers = { phase: "answers", perSecond: 1, secondsLeft: undefined } as const;
  progress.evaluating({ ...answers, task: "safety", done: 0, total: 4, tokens: 0 });
  expect(told.at(-1)).toEqual({ step: "ask aligned", k: 2, n: 3, what: "answers, safety", done: 0, total: 4 });
  now += 5000;
  progress.evaluating({ ...answers, task: "safety", done: 4, total: 4, tokens: 200 });
  expect(told.at(-1)).toMatchObject({ tokensPerSecond: 40, secondsLeft: expect.closeTo(25, 5) });
  progress.evaluating({
    phase: "scores",
    task: "safety",
    scorer: "keyword",
    done: 4,
    total: 4,
    perSecond: 9,
    secondsLeft: 0,
  });
  expect(told.at(-1)).not.toHaveProperty("tokensPerSecond"); // nothing is generated
  progress.evaluating({ ...answers, task: "exact", done: 0, total: 2, tokens: 0 });
  now += 5000;
  progress.evaluating({ ...answers, task: "exact", done: 1, total: 2, tokens: 200 });
  expect(told.at(-1)).toMatchObject({ secondsLeft: expect.closeTo(20, 5) }); // the tokens of both tasks count
  progress.ended("a");
  expect(ended).toEqual([
    { step: "ask aligned", k: 2, n: 3, seconds: 10, tokens: 400, secondsLeft: expect.closeTo(20, 5) },
  ]);

  progress.begin("b", "ask merges");
  await progress.end("stopped", "by hand");
  const status = JSON.parse(readFileSync(join(out, "status.json"), "utf8")) as ExperimentStatus;
  expect(status).toMatchObject({
    state: "stopped",
    message: "by hand",
    startedAt: "2026-01-02T03:04:05.000Z",
    elapsedSeconds: 10,
    steps: ["ask what was there", "ask aligned"],
  });
  expect(status).not.toHaveProperty("secondsLeft");
  expect(readdirSync(out)).toEqual(["status.json"]);
});

it("has place, speed and time left in the status while a step goes on", async () => {
  let now = BEGUN;
  const progress = new Progress(out, { name: "Calls", labels: { asr: "ASR", score: "score" } }, {}, () => now);
  progress.planned([{ key: "t", name: "tune seed 1", work: 1000 }]);
  progress.begin("t", "tune seed 1");
  for (let step = 1; step <= 3; step++) {
    now += 2000;
    progress.tell("steps", step, 10, 100 * step, 0.5);
  }
  const read = () => JSON.parse(readFileSync(join(out, "status.json"), "utf8")) as ExperimentStatus;
  await expect.poll(() => read().elapsedSeconds).toBe(6);
  expect(read()).toMatchObject({
    state: "running",
    step: { k: 1, n: 1, name: "tune seed 1" },
    current: { step: "tune seed 1", what: "steps", done: 3, total: 10 },
    tokensPerSecond: expect.closeTo(50, 5),
    secondsLeft: expect.closeTo(14, 5),
  });
});
