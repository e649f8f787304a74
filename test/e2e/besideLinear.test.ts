// An experiment that asks what its methods are worth beside the plain lambda, on the demo's models.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planRun } from "../../lib/experiment/plan/planRun.js";
import { run as runExperiment } from "../../lib/experiment/run.js";
import type { Experiment } from "../../lib/experiment/settings/schema.js";
import { differenceAtEqualScore } from "../../lib/statistics/differenceAtEqualScore.js";
import { long } from "../long.js";
import { demoAdapter, demoModel, root, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const rows = (name: string) => join(root, "demo", name);

/** Of the demo's requests those at even places, or at odd ones. */
function half(odd: number): string[] {
  const lines = readFileSync(rows("unsafe.jsonl"), "utf8").trim().split("\n");
  const file = join(folder, `unsafe-${odd}.jsonl`);
  writeFileSync(file, lines.filter((_, at) => at % 2 === odd).join("\n"));
  return [`safety:${file}`];
}

const experiment: Experiment = {
  aligned: demoModel,
  tuned: [{ seed: 42, adapter: demoAdapter }],
  besideLinear: true,
  methods: [
    { method: "linear", lambda: [0.2, 0.4, 0.6] },
    { method: "slerp", lambda: [0.3, 0.5] },
    { method: "dare_linear", lambda: [0.4] },
  ],
  safety: { sets: half(0), test: half(1), judges: [{ keyword: ["can't help"] }] },
  task: { validation: [`exact:${rows("task_valid.jsonl")}`], test: [`exact:${rows("task_test.jsonl")}`] },
  limit: 60,
  decoding: { maxNewTokens: 20 },
  select: { rule: "constrained", margin: 0.9, by: "point" },
};

describe.runIf(long)("an experiment with besideLinear", { timeout: 600_000 }, () => {
  const out = join(folder, "beside");

  it("compares each method twice, and tells of each the merge, the line and the difference, or why not", async () => {
    const { besideLinear, test } = await runExperiment(experiment, out);
    const { rows: told = [], sentence } = besideLinear ?? {};
    expect(told.map(({ method, equal }) => [method, equal])).toEqual([
      ...[
        ["slerp", "score"],
        ["slerp", "safety"],
      ],
      ...[
        ["dare_linear", "score"],
        ["dare_linear", "safety"],
      ],
    ]);
    const [slerp] = told;
    expect(slerp?.point).toMatch(/^slerp at lambda 0\.[35]$/);
    expect(slerp?.difference).toBeCloseTo((slerp?.merged as number) - (slerp?.line as number), 12);
    expect(slerp?.newP).toBeUndefined(); // of one tuning
    for (const { why, difference } of told) expect((why === undefined) === (difference !== undefined)).toBe(true);
    expect(sentence).toMatch(/^At equal exact.* slerp/);
    expect(test.chosen.length).toBe(3); // what else was asked is in no table of choices
    const report = readFileSync(join(out, "report.md"), "utf8");
    expect(report).toContain("## Beside the plain lambda");
    expect(report).toContain(`| slerp | ${slerp?.point} | ${slerp?.between?.join(" and ")} |`);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("Beside the plain lambda");
  });

  it("is the difference between the merge and the line, measured apart", async () => {
    const { besideLinear } = JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as Awaited<
      ReturnType<typeof runExperiment>
    >;
    const row = besideLinear?.rows[0];
    const lambdas = [row?.point, ...(row?.between ?? [])].map((name) =>
      Number(/lambda ([\d.]+)/.exec(name ?? "")?.[1]),
    );
    const swapped: Experiment = {
      ...{ ...experiment, besideLinear: false },
      methods: [
        { method: "linear", lambda: lambdas.slice(1) },
        { method: "slerp", lambda: lambdas.slice(0, 1) },
      ],
      safety: { ...experiment.safety, sets: half(1), test: half(0) },
      task: { validation: experiment.task.test, test: experiment.task.validation },
    };
    const { validation } = await runExperiment(swapped, join(folder, "swapped"));
    const [lower, upper, merged] = [lambdas[1], lambdas[2], lambdas[0]].map((lambda, at) =>
      validation.candidates.find((one) => one.lambda === lambda && one.method === (at === 2 ? "slerp" : "linear")),
    );
    const of = (number: "score" | "asr") => {
      const values = (one: typeof lower) => one?.[number].values ?? [];
      return { merged: values(merged), lower: values(lower), upper: values(upper) };
    };
    const found = differenceAtEqualScore({ score: of("score"), compared: of("asr") });
    expect(row?.difference).toBeCloseTo(found?.value as number, 12);
    expect(row?.p).toBeCloseTo(found?.p as number, 12);
  });

  it("has nothing left to do after it, and a plan says so", async () => {
    const { steps } = await planRun(experiment, out);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.every(({ done, total }) => done === total)).toBe(true);
  });
});
