// Several processes run one experiment in one folder.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { lockAlone } from "../../lib/experiment/sharing/lockAlone.js";
import { long } from "../long.js";
import { demoAdapter, demoModel, jsonLines, main, root, run, runProcess, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const file = join(folder, "experiment.yml");
const demo = join(root, "demo");
writeFileSync(
  file,
  `aligned: ${demoModel}
tuned: [{ seed: 42, adapter: ${demoAdapter} }]
methods: [linear]
lambda: ${long ? "[0.2, 0.4, 0.6]" : "0.4"}
safety: { sets: ["safety:${demo}/unsafe.jsonl"], judges: [{ keyword: ["can't help"] }] }
task: { validation: ["exact:${demo}/task_valid.jsonl"], test: ["exact:${demo}/task_test.jsonl"] }
limit: 4
decoding: { maxNewTokens: 4 }
select: { rule: score }
`,
);
const results = (out: string) => readFileSync(join(out, "results.json"), "utf8");
const recordsOf = (out: string) =>
  new Map(
    readdirSync(join(out, "steps")).map((name) => [name, readFileSync(join(out, "steps", name, "step.json"), "utf8")]),
  );
const workersOf = (out: string) =>
  new Set([...recordsOf(out).values()].map((text) => (JSON.parse(text) as { worker: string }).worker));

describe("runs that share a folder", () => {
  it.runIf(long)(
    "do the share of those that never start, in a Slurm array, and leave nothing to do to one that comes late",
    async () => {
      const bin = join(folder, "bin");
      mkdirSync(bin);
      writeFileSync(join(bin, "retemper"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
      chmodSync(join(bin, "retemper"), 0o755);
      const out = join(folder, "results");
      const cluster = { PATH: `${bin}:${process.env.PATH}`, SLURM_ARRAY_TASK_ID: "5" };
      const script = join(root, "examples/slurm/experiment-array.sbatch");
      execFileSync("bash", [script, file, out], { env: { ...process.env, ...cluster }, stdio: "pipe" });
      const [text, records] = [results(out), recordsOf(out)];
      expect(workersOf(out).size).toBe(1);

      // as the example for Kubernetes says
      const { spec } = parse(readFileSync(join(root, "examples/kubernetes/experiment-job.yml"), "utf8"));
      const [container] = spec.template.spec.containers;
      expect(container.args).toContain(`auto/${spec.completions}`);
      const paths: Record<string, string> = { "/work/experiment.yml": file, "/work/results": out };
      const args = (container.args as string[]).map((arg) => paths[arg] ?? arg);
      const late = await run(args, { JOB_COMPLETION_INDEX: "3" });
      expect(late.status).toBe(0);
      expect(jsonLines(late.stdout).filter(({ event }) => event === "note" || event === "step")).toEqual([]);
      expect(jsonLines(late.stdout).at(-1)).toMatchObject({ ok: true });

      const alone = await run(["run", file, "--out", out]); // and by itself again
      expect(alone).toMatchObject({ status: 0 });
      expect(alone.stderr).not.toMatch(/note: /);
      expect(results(out)).toBe(text);
      expect(recordsOf(out)).toEqual(records);
      expect(readdirSync(out)).not.toContain(".workers");
    },
  );

  it.runIf(long)(
    "write, compare and measure each form of what ships once, with the results and the exit code of one run",
    { timeout: 240_000 },
    async () => {
      const shipping = join(folder, "shipping.yml");
      const ship = "ship: [{ format: adapter, test: false }, { format: gguf, quantise: q8_0, tolerance: 0 }]";
      writeFileSync(shipping, `${readFileSync(file, "utf8").replace(/lambda: .*/, "lambda: 0.4")}${ship}\n`);
      const [alone, out] = [join(folder, "ships-alone"), join(folder, "ships")];
      const only = await run(["run", shipping, "--out", alone]);
      expect([only.status, only.stderr]).toEqual([15, expect.stringContaining("gguf q8_0: different")]);
      const all = await Promise.all(
        [0, 1].map((i) => runProcess(["run", shipping, "--out", out, "--partition", `${i}/2`])),
      );
      expect(all.map(({ status }) => status)).toEqual([15, 15]);
      expect(results(out)).toBe(results(alone));
      expect(JSON.parse(results(out)).ship.forms).toMatchObject([
        { name: "adapter", holds: true },
        { name: "gguf q8_0", holds: false },
      ]);
      expect(readdirSync(join(out, "models")).sort()).toEqual(readdirSync(join(alone, "models")).sort());
      expect([...recordsOf(out).keys()].sort()).toEqual([...recordsOf(alone).keys()].sort());
    },
  );

  it("are refused beside one that does not share, which says so at once", async () => {
    const out = join(folder, "held");
    const lock = await lockAlone(out);
    for (const more of [[], ["--partition", "0/2"]]) {
      const { status, stderr } = await run(["run", file, "--out", out, ...more]);
      expect(status).toBe(12);
      expect(stderr).toMatch(/process \d+ on .*start every run of it with --partition/s);
    }
    lock.release();
  });

  it("are refused a partition that cannot be", async () => {
    const { status, stderr } = await run(["run", file, "--out", join(folder, "none"), "--partition", "4/4"]);
    expect(status).toBe(2);
    expect(stderr).toContain("there is no part 4 of 4");
  });

  it.runIf(long)("do each step once, and all end with the result of one", { timeout: 240_000 }, async () => {
    const [alone, out] = [join(folder, "alone"), join(folder, "three")];
    const only = await run(["run", file, "--out", alone]);
    const all = await Promise.all(
      [0, 1, 2].map((i) => runProcess(["run", file, "--out", out, "--partition", `${i}/3`])),
    );
    expect(all.map(({ status }) => status)).toEqual([0, 0, 0]);
    for (const { stdout } of all) expect(stdout.replaceAll(out, alone)).toBe(only.stdout);
    expect(results(out)).toBe(results(alone));
    expect(readdirSync(out).sort()).toEqual(readdirSync(alone).sort());
    expect([...recordsOf(out).keys()].sort()).toEqual([...recordsOf(alone).keys()].sort());
    expect(workersOf(out).size).toBeGreaterThan(1);
  });
});
