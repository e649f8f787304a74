// The command `retemper sweep`, as users run it.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type SweepPlan, type SweepReport, verify } from "../../lib/index.js";
import { demoAdapter, demoModel, jsonLines, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
let count = 0;
let out: string;
let recipe: string;

beforeEach(() => {
  const own = join(folder, `test-${++count}`);
  mkdirSync(own);
  recipe = join(own, "recipe.yml");
  writeFileSync(
    recipe,
    `merge_method: linear\nmodels:\n  - model: ${demoModel}\n  - model: ${demoModel}+${demoAdapter}\n`,
  );
  out = join(own, "out");
});

describe("retemper sweep", () => {
  it("writes one folder for each value of a range", async () => {
    const { status, stdout } = await run(["sweep", recipe, "--lambda", "0.1:0.5:0.2", out]);
    expect(status).toBe(0);
    expect(readdirSync(out).sort()).toEqual(["lambda-0.1", "lambda-0.3", "lambda-0.5"]);
    for (const name of readdirSync(out)) expect(stdout).toContain(name);
  });

  it("says with --dry-run what it would write, and writes nothing", async () => {
    const grid = ["--lambda", "0.1:0.5:0.2", "--vary", "weight=.3"];
    const refused = await run(["sweep", recipe, ...grid, "--dry-run"]);
    expect(refused.status).toBe(2); // both set the weights

    const dry = await run(["sweep", recipe, out, "--lambda", "0.1:0.5:0.2", "--dry-run", "--json"]);
    expect(dry.status).toBe(0);
    expect(existsSync(out)).toBe(false);
    const planned = jsonLines(dry.stdout).at(-1)?.result as SweepPlan;
    const made = await run(["sweep", recipe, out, "--lambda", "0.1:0.5:0.2", "--json"]);
    const report = jsonLines(made.stdout).at(-1)?.result as SweepReport;
    expect(planned.points.map(({ name, parameters }) => [name, parameters])).toEqual(
      report.points.map(({ name, parameters }) => [name, parameters]),
    );
    expect(planned.passes).toBe(report.passes);
    expect(planned.estimate.bytesWritten).toBe(report.bytesWritten);
    expect(planned.estimate.bytesRead).toBe(report.bytesRead);

    const shown = await run(["sweep", recipe, "--lambda", "0.1:0.5:0.2", "--dry-run"]);
    expect(shown.stdout).toMatch(/lambda-0\.3 +1 +[\d.]+ MB/);
    expect(shown.stdout).toMatch(/outputs +3 of \d+ tensors/);
  });

  it("needs its output folder unless it only plans", async () => {
    const { status, stderr } = await run(["sweep", recipe, "--lambda", "0.1"]);
    expect(status).toBe(2);
    expect(stderr).toContain("missing required argument 'out'");
  });

  it("ends with one JSON line that holds the points, the seconds and the bytes", async () => {
    const { status, stdout } = await run([
      "sweep",
      recipe,
      out,
      "--lambdas",
      ".2,.4",
      "--vary",
      "normalize=1",
      "--json",
    ]);
    expect(status).toBe(2); // normalize is no number
    expect(jsonLines(stdout).at(-1)).toMatchObject({ event: "result", ok: false, error: { code: "USAGE" } });

    const second = await run(["sweep", recipe, out, "--lambdas", ".2,.4", "--json"]);
    expect(second.status).toBe(0);
    const results = jsonLines(second.stdout).filter(({ event }) => event === "result");
    expect(results).toHaveLength(1);
    const report = results[0]?.result as SweepReport;
    expect(report.points.map(({ name, parameters }) => [name, parameters])).toEqual([
      ["lambda-0.2", { lambdas: 0.2 }],
      ["lambda-0.4", { lambdas: 0.4 }],
    ]);
    expect(report.passes).toBe(1);
    expect(report.seconds).toBeGreaterThan(0);
    const sizes = report.points.flatMap(({ files }) => files.filter(({ path }) => path.endsWith(".safetensors")));
    expect(report.bytesWritten).toBe(sizes.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it("makes every combination of several variations", async () => {
    writeFileSync(
      recipe,
      `merge_method: dare_ties\nbase_model: ${demoModel}\nmodels: [{model: ${demoModel}+${demoAdapter}}]\n`,
    );
    const variations = ["--vary", "density=.5,1", "--vary", "lambda=1,0.5"];
    const { status } = await run(["sweep", recipe, out, "--lambda", "0.4", ...variations]);
    expect(status).toBe(0);
    expect(readdirSync(out).sort()).toEqual([
      "lambda-0.4_density-0.5_global-lambda-0.5",
      "lambda-0.4_density-0.5_global-lambda-1",
      "lambda-0.4_density-1_global-lambda-0.5",
      "lambda-0.4_density-1_global-lambda-1",
    ]);
  });

  it("writes adapters on request", async () => {
    const { status } = await run(["sweep", recipe, out, "--lambda", "0.3,0.6", "--out-adapter"]);
    expect(status).toBe(0);
    expect(readdirSync(join(out, "lambda-0.6"))).toContain("adapter_model.safetensors");
    expect(readdirSync(join(out, "lambda-0.6"))).not.toContain("model.safetensors");
  });

  it("refuses points that exist, and replaces them with --force", async () => {
    expect((await run(["sweep", recipe, out, "--lambda", "0.3"])).status).toBe(0);
    const refused = await run(["sweep", recipe, out, "--lambda", "0.3,0.5"]);
    expect(refused.status).toBe(12);
    expect(refused.stderr).toContain("lambda-0.3");
    expect(readdirSync(out)).toEqual(["lambda-0.3"]);
    expect((await run(["sweep", recipe, out, "--lambda", "0.3,0.5", "--force"])).status).toBe(0);
  });

  it.each([
    ["without values", [], /--lambda 0\.1:0\.9:0\.1/],
    ["for a range without a step", ["--lambda", "0:1"], /range such as/],
    ["for a variation without a name", ["--vary", "0.5"], /NAME=values/],
  ])("ends with 2 and says what to give, %s", async (_, args, message) => {
    const { status, stderr } = await run(["sweep", recipe, out, ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("points to --vary where there are several tuned models", async () => {
    writeFileSync(recipe, `${readFileSync(recipe, "utf8")}  - model: ${demoModel}\n`);
    const { status, stderr } = await run(["sweep", recipe, out, "--lambda", "0.5"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--vary weight=");
  });

  it("leaves complete points and nothing else when it is killed, and the next run cleans up", async () => {
    const lambdas = ["--lambda", "0.1:0.9:0.1"];
    for (const phase of ["merge", "finish"]) {
      const running = start(["sweep", recipe, out, ...lambdas, "--json", "--force"]);
      await running.line((line) => line.includes(`"phase":"${phase}"`));
      running.process.kill("SIGKILL");
      await running.finished;
      for (const name of readdirSync(out).filter((entry) => !entry.startsWith("."))) {
        expect((await verify(join(out, name))).problems).toEqual([]);
      }
    }
    expect((await run(["sweep", recipe, out, ...lambdas, "--force"])).status).toBe(0);
    expect(readdirSync(out)).toHaveLength(9);
    expect(readdirSync(join(out, "..")).sort()).toEqual(["out", "recipe.yml"]);
    for (const name of readdirSync(out)) expect((await verify(join(out, name))).ok).toBe(true);
  });
});

describe("--lambda of a merge and a plan", () => {
  it("makes the output of that point", async () => {
    expect((await run(["sweep", recipe, join(folder, "swept"), "--lambda", "0.4"])).status).toBe(0);
    expect((await run(["merge", recipe, out, "--lambda", ".4"])).status).toBe(0);
    const tensors = (path: string) => readFileSync(join(path, "model.safetensors"));
    expect(tensors(out).equals(tensors(join(folder, "swept", "lambda-0.4")))).toBe(true);
    expect((await run(["plan", recipe, "--lambda", ".4"])).status).toBe(0);
  });

  it("is one value; several are a sweep's", async () => {
    const { status, stderr } = await run(["merge", recipe, out, "--lambda", ".4,.5"]);
    expect(status).toBe(2);
    expect(stderr).toContain("retemper sweep");
  });
});
