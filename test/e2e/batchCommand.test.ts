// `retemper batch` as users run it: the table, the JSON lines, the exit codes, the parts of a cluster.

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { BatchPlan } from "../../lib/index.js";
import { long } from "../long.js";
import { demoAdapter, demoModel, jsonLines, main, root, run, temporaryFolder } from "./command.js";
import { languageModel, writeModel } from "./mergeModels.js";

const folder = temporaryFolder();
const manifest = join(folder, "manifest.json");
let models: string[];

beforeAll(() => {
  models = [1, 2].map((seed) => writeModel(join(folder, "models", `m${seed}`), languageModel(seed)));
  const entries = [0.2, 0.4, 0.6].map((weight) => ({ recipe: linear(weight), out: `w${weight}` }));
  writeFileSync(manifest, JSON.stringify(entries));
});

const linear = (weight: number) => ({
  merge_method: "linear",
  models: models.map((model, at) => ({ model, parameters: { weight: at === 0 ? 1 - weight : weight } })),
});
const write = (name: string, recipe: object) => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(recipe));
  return path;
};
const env = { XDG_CACHE_HOME: join(folder, "cache") };

describe("retemper batch", () => {
  it("shows a table of what it did, and skips it all the second time", async () => {
    const out = join(folder, "table");
    const first = await run(["batch", manifest, "--out", out, "--jobs", "2"], env);
    expect(first).toMatchObject({ status: 0 });
    expect(first.stdout).toMatch(/output +state +written +time/);
    expect(first.stdout).toMatch(/w0\.4 +made +[\d.]+ kB/);
    expect(first.stdout).toMatch(/3 entries: 3 made; /);
    const second = await run(["batch", manifest, "--out", out], env);
    expect(second.stdout).toMatch(/3 entries: 3 skipped; 0 B/);
    expect(readdirSync(out).sort()).toEqual(["w0.2", "w0.4", "w0.6"]);
  });

  it("writes GGUF files, each as a conversion of its merge does, and skips those of the same types alone", async () => {
    const out = join(folder, "gguf");
    const demo = [{ model: demoModel }, { model: `${demoModel}+${demoAdapter}` }];
    const recipe = { merge_method: "linear", models: demo };
    const entries = [
      { recipe, out: "half", options: { lambda: 0.5 } },
      { recipe, out: "own", options: { lambda: 0.5, format: "gguf", quantise: "q4_0" } },
    ];
    const path = join(folder, "gguf.json");
    writeFileSync(path, JSON.stringify(entries));
    const args = ["batch", path, "--out", out, "--format", "gguf", "--quantise"];
    const first = await run([...args, "q8_0"], env);
    expect(first.status, first.stderr).toBe(0);
    for (const [name, types] of [
      ["half", "Q8_0"],
      ["own", "Q4_0"],
    ] as const) {
      const alone = join(folder, `gguf-${name}`);
      const one = ["--format", "gguf", "--quantise", types.toLowerCase()];
      expect((await run(["merge", write("demo.json", recipe), alone, "--lambda", "0.5", ...one], env)).status).toBe(0);
      const [batched, merged] = [join(out, name), alone].map((at) => readFileSync(join(at, `model-${types}.gguf`)));
      expect(batched?.equals(merged as Buffer), name).toBe(true);
    }
    expect((await run([...args, "q8_0"], env)).stdout).toMatch(/2 entries: 2 skipped; 0 B/);
    const other = await run([...args, "q6_k"], env);
    expect([other.status, other.stdout]).toEqual([12, expect.stringMatching(/2 entries: 1 skipped, 1 failed/)]);
    expect(other.stderr).toMatch(/gguf\/half exists and would become another: it was made with other options/);
    expect((await run([...args, "q6_k", "--force"], env)).stdout).toMatch(/2 entries: 1 made, 1 skipped/);
    expect(readdirSync(join(out, "half")).filter((name) => name.endsWith(".gguf"))).toEqual(["model-Q6_K.gguf"]);
  });

  it("says with --dry-run what is complete, what it would make and what cannot be made", async () => {
    const out = join(folder, "dry");
    const dry = ["batch", manifest, "--out", out, "--dry-run"];
    const before = await run(dry, env);
    expect(before.status).toBe(0);
    expect(before.stdout).toMatch(/w0\.4 +to make +[\d.]+ kB/);
    expect(before.stdout).toMatch(/3 entries: 3 to make, 0 complete, 0 failed/);
    expect(existsSync(out)).toBe(false);

    await run(["merge", write("one.json", linear(0.4)), join(out, "w0.4")], env);
    await run(["merge", write("other.json", linear(0.5)), join(out, "w0.6")], env);
    const { status, stdout } = await run([...dry, "--json"], env);
    expect(status).toBe(12);
    const planned = jsonLines(stdout).at(-1)?.result as BatchPlan;
    expect(planned.entries.map((entry) => entry.status)).toEqual(["toMake", "complete", "failed"]);
    expect(planned.entries[2]?.error?.code).toBe("OUTPUT_EXISTS");
    expect(planned.bytesWritten).toBe(planned.entries[0]?.estimate?.bytesWritten);

    const forced = await run([...dry, "--force", "--json"], env);
    expect(forced.status).toBe(0);
    expect(jsonLines(forced.stdout).at(-1)).toMatchObject({ result: { counts: { toMake: 2, complete: 1 } } });
  });

  it("plans stages, and says which merges it cannot estimate before others are made", async () => {
    const stages = [
      { name: "first", ...linear(0.3) },
      { merge_method: "linear", models: ["first", models[1]].map((model) => ({ model, parameters: { weight: 0.5 } })) },
    ];
    const own = join(folder, "stages.json");
    writeFileSync(own, JSON.stringify([{ recipe: stages, out: "staged" }]));
    const { status, stdout } = await run(["batch", own, "--out", join(folder, "planned"), "--dry-run", "--json"], env);
    expect(status).toBe(0);
    const planned = jsonLines(stdout).at(-1)?.result as BatchPlan;
    expect(planned).toMatchObject({ unknown: 1, counts: { toMake: 1 } });
    expect(planned.entries[0]?.estimate).toBeUndefined();
    expect(planned.entries[0]?.stages).toMatchObject([{ name: "first", status: "toMake" }]);
    expect(planned.bytesWritten).toBeGreaterThan(0); // of the stage
  });

  it("gives a JSON line an entry and one result, the last", async () => {
    const { status, stdout } = await run(["batch", manifest, "--out", join(folder, "json"), "--json"], env);
    expect(status).toBe(0);
    const lines = jsonLines(stdout);
    const entries = lines.filter(({ event }) => event === "entry");
    expect(entries.map(({ index, status: state }) => [index, state])).toEqual([
      [0, "made"],
      [1, "made"],
      [2, "made"],
    ]);
    expect(lines.filter(({ event }) => event === "result")).toHaveLength(1);
    expect(lines.at(-1)).toMatchObject({ event: "result", ok: true, result: { counts: { made: 3, failed: 0 } } });
  });

  it("goes on after failures and ends with the exit code of the first, in the order of the manifest", async () => {
    const bad = join(folder, "bad.json");
    const missing = { merge_method: "passthrough", models: [{ model: "/no/such/model" }] };
    const entries = [
      { recipe: linear(0.1), out: "x" },
      { recipe: missing, out: "y" },
      { recipe: { merge_method: "nothing" }, out: "z" },
      { recipe: linear(0.3), out: "last" },
    ];
    writeFileSync(bad, JSON.stringify(entries));
    const out = join(folder, "bad");
    const { status, stdout, stderr } = await run(["batch", bad, "--out", out], env);
    expect(status).toBe(4);
    expect(stdout).toMatch(/y +failed .*BAD_INPUT: .*\/no\/such\/model/);
    expect(stdout).toMatch(/z +failed .*BAD_RECIPE/);
    expect(stdout).toMatch(/4 entries: 2 made, 2 failed/);
    expect(stderr).toMatch(/error: 2 of 4 entries failed; the first: .*\/no\/such\/model/);
    expect(readdirSync(out).sort()).toEqual(["last", "x"]);

    const json = await run(["batch", bad, "--out", out, "--json"], env);
    const last = jsonLines(json.stdout).at(-1);
    expect(last).toMatchObject({ ok: false, error: { code: "BAD_INPUT", exitStatus: 4 } });
    expect(last).toMatchObject({ result: { counts: { failed: 2, skipped: 2 }, firstError: { code: "BAD_INPUT" } } });
  });

  it("starts nothing with --fail-fast when a recipe cannot be read", async () => {
    const bad = join(folder, "unreadable.json");
    const entries = [
      { recipe: linear(0.1), out: "x" },
      { recipe: { merge_method: "nothing" }, out: "z" },
    ];
    writeFileSync(bad, JSON.stringify(entries));
    const { status, stdout } = await run(["batch", bad, "--out", join(folder, "none"), "--fail-fast"], env);
    expect(status).toBe(3);
    expect(stdout).toMatch(/2 entries: 1 failed, 1 not run/);
  });

  it("does the part of its task in a Slurm array and in an Indexed Job", async () => {
    const out = join(folder, "parts");
    const slurm = { SLURM_ARRAY_TASK_ID: "1", SLURM_ARRAY_TASK_MIN: "1", SLURM_ARRAY_TASK_COUNT: "3" };
    const args = ["batch", manifest, "--out", out, "--quiet", "--partition"];
    expect((await run([...args, "auto"], { ...env, ...slurm })).status).toBe(0);
    expect(readdirSync(out)).toEqual(["w0.2"]);
    expect((await run([...args, "auto/3"], { ...env, JOB_COMPLETION_INDEX: "2" })).status).toBe(0);
    expect(readdirSync(out)).toEqual(["w0.2", "w0.6"]);
    const wrong = await run([...args, "3/3"], env);
    expect(wrong).toMatchObject({ status: 2, stdout: "" });
    expect(wrong.stderr).toMatch(/there is no part 3 of 3[\s\S]*0\/3 to 2\/3/);
  });

  it("takes over from `merge` for recipes of several documents", async () => {
    const recipe = join(folder, "stages.yml");
    const last = { merge_method: "passthrough", models: [{ model: "half" }] };
    writeFileSync(recipe, `${JSON.stringify({ name: "half", ...linear(0.5) })}\n---\n${JSON.stringify(last)}\n`);
    const single = await run(["merge", recipe, join(folder, "single")], env);
    expect(single.status).toBe(3);
    expect(single.stderr).toMatch(/retemper batch/);
    mkdirSync(join(folder, "stages"));
    const { status, stdout } = await run(["batch", recipe, "--out", join(folder, "stages/out")], env);
    expect(status).toBe(0);
    expect(stdout).toMatch(/1 entry: 1 made/);
    expect(readdirSync(join(folder, "stages"))).toEqual(["out"]);
  });

  it("names the line of a manifest that is wrong, before any work", async () => {
    const path = join(folder, "wrong.yml");
    writeFileSync(path, "- recipe: r.yml\n  ouT: x\n");
    const { status, stderr } = await run(["batch", path], env);
    expect(status).toBe(3);
    expect(stderr).toMatch(/wrong\.yml:\d+:\d+: /);
    expect(stderr).toMatch(/unknown key `ouT`/);
  });
});

describe("the examples for clusters", () => {
  it.runIf(long)("do every entry once in a Slurm array", () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "retemper"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    chmodSync(join(bin, "retemper"), 0o755);
    const out = join(folder, "slurm");
    const script = join(root, "examples/slurm/merge-array.sbatch");
    const seen = [0, 1, 2, 3, 7].map((task) => {
      const cluster = {
        PATH: `${bin}:${process.env.PATH}`,
        SLURM_ARRAY_TASK_ID: String(task),
        SLURM_CPUS_PER_TASK: "2",
      };
      execFileSync("bash", [script, manifest, out], { env: { ...process.env, ...env, ...cluster }, stdio: "pipe" });
      return readdirSync(out).length;
    });
    expect(seen).toEqual([1, 2, 3, 3, 3]);
  });

  it("run as an Indexed Job says", async () => {
    const { spec } = parse(readFileSync(join(root, "examples/kubernetes/indexed-job.yml"), "utf8"));
    const [container] = spec.template.spec.containers;
    expect(container.args).toContain(`auto/${spec.completions}`);
    const paths: Record<string, string> = {
      "/work/manifest.yml": manifest,
      "/work/outputs": join(folder, "kubernetes"),
    };
    const args = (container.args as string[]).map((arg) => paths[arg] ?? arg);
    const { status, stdout } = await run(args, { ...env, JOB_COMPLETION_INDEX: "1" });
    expect(status).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({
      ok: true,
      result: { partition: { index: 1, count: 8 }, counts: { made: 1 } },
    });
  });
});
