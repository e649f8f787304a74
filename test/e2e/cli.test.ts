// The command line as users meet it: help, exit statuses, what goes to stdout and stderr, mergekit's options.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { demoAdapter, demoModel, jsonLines, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
let counter = 0;

function recipe(value: object): string {
  const path = join(folder, `recipe-${counter++}.json`);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

function newOut(): string {
  return join(folder, `out-${counter++}`);
}

const linear = recipe({
  merge_method: "linear",
  models: [
    { model: demoModel, parameters: { weight: 0.6 } },
    { model: `${demoModel}+${demoAdapter}`, parameters: { weight: 0.4 } },
  ],
});

describe("help and version", () => {
  it("lists the commands and exit codes on stdout", async () => {
    const { status, stdout, stderr } = await run(["--help"]);
    expect(status).toBe(0);
    expect(stderr).toBe("");
    for (const word of ["merge", "plan", "inspect", "verify", "Exit codes", "Examples"]) expect(stdout).toContain(word);
  });

  it.each(["merge", "plan", "inspect", "verify"])("explains %s with examples", async (command) => {
    const { status, stdout } = await run([command, "--help"]);
    expect(status).toBe(0);
    expect(stdout).toContain(`retemper ${command}`);
    expect(stdout).toContain("Examples:");
    expect(stdout).toContain("--json");
  });

  it("explains a command, or a part of one, after help as after its name", async () => {
    for (const names of [["merge"], ["data", "magicoder"]]) {
      const [after, before] = [await run([...names, "--help"]), await run(["help", ...names])];
      expect(before).toEqual(after);
    }
    expect(await run(["help"])).toEqual(await run(["--help"]));
  });

  it("prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await run(["--version"])).stdout).toBe(`${version}\n`);
  });

  it("shows help on stderr and ends with 2 when no command is given", async () => {
    const { status, stdout, stderr } = await run([]);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: retemper");
  });
});

describe("wrong command lines end with 2", () => {
  it.each([
    ["an unknown command", ["mrege", "a", "b"], "unknown command"],
    ["help for an unknown command", ["help", "mrege"], "(Did you mean merge?)"],
    ["help of an unknown command", ["mrege", "--help"], "(Did you mean merge?)"],
    ["help for what is like no command", ["help", "nothing-like-it"], "unknown command 'nothing-like-it'"],
    ["an unknown option", ["merge", linear, "out", "--thread", "2"], "--threads"],
    ["a missing output", ["merge", linear], "out"],
    ["a missing argument", ["inspect"], "model"],
    ["too many arguments", ["select", "a", "b"], "too many arguments"],
    ["a seed that is no number", ["merge", linear, "out", "--random-seed", "x"], "--random-seed"],
    ["threads below one", ["merge", linear, "out", "-j", "0"], "at least 1"],
    ["a size without meaning", ["merge", linear, "out", "--out-shard-size", "5Q"], "--out-shard-size"],
    ["an unknown way of reading", ["merge", linear, "out", "--reading", "guess"], "pread"],
    ["an unknown dtype for adapters", ["merge", linear, "out", "--lora-merge-dtype", "int4"], "bfloat16"],
  ])("%s", async (_, args, word) => {
    const { status, stdout, stderr } = await run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(word);
  });
});

describe("failures end with the status of their code", () => {
  it("3 for a recipe that is wrong by itself, with line and column", async () => {
    const path = join(folder, "wrong.yml");
    writeFileSync(path, "merge_method: linaer\nmodels:\n  - model: a\n");
    const { status, stderr } = await run(["merge", path, newOut()]);
    expect(status).toBe(3);
    expect(stderr).toContain(`${path}:1:`);
    expect(stderr).toContain("linear");
  });

  it("3 for a recipe that is not there", async () => {
    const { status, stderr } = await run(["merge", join(folder, "absent.yml"), newOut()]);
    expect(stderr).toContain("no such recipe");
    expect(status).toBe(3);
  });

  it("4 for a model that does not exist", async () => {
    const path = recipe({ merge_method: "passthrough", models: [{ model: join(folder, "nowhere") }] });
    const out = newOut();
    const { status, stderr } = await run(["merge", path, out]);
    expect(status).toBe(4);
    expect(stderr).toContain("nowhere");
    expect(existsSync(out)).toBe(false);
  });

  it("5 for models that do not fit each other", async () => {
    const other = join(folder, "other-shape");
    mkdirSync(other);
    writeModel(join(other, "model.safetensors"), "model.norm.weight", [64]);
    const path = recipe({
      merge_method: "linear",
      models: [demoModel, other].map((model) => ({ model, parameters: { weight: 1 } })),
    });
    const { status, stderr } = await run(["merge", path, newOut()]);
    expect(status).toBe(5);
    expect(stderr).toContain("model.norm.weight");
  });

  it("12 for an output that exists, and replaces it with --force", async () => {
    const out = newOut();
    mkdirSync(out);
    writeFileSync(join(out, "mine.txt"), "keep");
    const refused = await run(["merge", linear, out]);
    expect(refused.status).toBe(12);
    expect(refused.stderr).toContain("--force");
    expect(readdirSync(out)).toEqual(["mine.txt"]);

    const forced = await run(["merge", linear, out, "--force"]);
    expect(forced).toMatchObject({ status: 0 });
    expect(existsSync(join(out, "mine.txt"))).toBe(false);
    expect(existsSync(join(out, "model.safetensors"))).toBe(true);
  });

  it("takes an empty folder as absent", async () => {
    const out = newOut();
    mkdirSync(out);
    expect((await run(["merge", linear, out])).status).toBe(0);
  });

  it("shows where it happened only with -v", async () => {
    const args = ["merge", recipe({ merge_method: "passthrough", models: [{ model: "nowhere/at/all" }] }), newOut()];
    expect((await run(args)).stderr).not.toMatch(/\n\s+at /);
    expect((await run([...args, "-v"])).stderr).toMatch(/\n\s+at /);
  });
});

describe("output", () => {
  it("puts the answer on stdout, and nothing on stderr when it is no terminal", async () => {
    const out = newOut();
    const { status, stdout, stderr } = await run(["merge", linear, out]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(out);
    expect(stdout).toContain("GB/s");
  });

  it("says nothing but the result with --quiet", async () => {
    const out = newOut();
    const { status, stdout, stderr } = await run(["merge", linear, out, "--quiet"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(`${out}: `);
    const verified = await run(["verify", out, "--quiet"]);
    expect(verified).toMatchObject({ status: 0, stderr: "" });
    expect(verified.stdout).not.toBe("");
  });

  it("writes JSON lines with exactly one result, the last, with --json", async () => {
    const out = newOut();
    const { status, stdout, stderr } = await run(["merge", linear, out, "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = jsonLines(stdout);
    expect(lines.filter(({ event }) => event === "result")).toEqual([lines.at(-1)]);
    expect(lines.at(-1)).toMatchObject({ ok: true, result: { out, method: "linear" } });
    const progress = lines.filter(({ event }) => event === "progress");
    expect(progress.length).toBeGreaterThan(0);
    for (const line of progress) expect(line).toMatchObject({ phase: expect.any(String), done: expect.any(Number) });
  });

  it.each([
    ["a failed merge", ["merge", join(folder, "absent.yml"), "out", "--json"]],
    ["a wrong command line", ["merge", "--json", "--nonsense"]],
  ])("writes the error of %s as the one last JSON line", async (_, args) => {
    const { status, stdout } = await run(args);
    const lines = jsonLines(stdout);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ event: "result", ok: false, error: { exitStatus: status } });
    expect(lines[0]?.error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
  });

  it("colours only when asked to, or on a terminal", async () => {
    const args = ["inspect", join(folder, "nowhere")];
    const colour = String.fromCharCode(27);
    expect((await run(args, { NO_COLOR: "" })).stderr).not.toContain(colour);
    expect((await run(args, { NO_COLOR: "", FORCE_COLOR: "1" })).stderr).toContain(colour);
  });
});

describe("mergekit-yaml's options", () => {
  const booleans = [
    ...["allow-crimes", "unsafe-truncate-embeddings", "trust-remote-code", "quiet", "cuda", "low-cpu-memory"],
    ...["lazy-unpickle", "read-to-gpu", "multi-gpu", "async-write", "copy-tokenizer", "clone-tensors"],
    ...["write-model-card", "safe-serialization"],
  ];
  const valued = [
    ...["--transformers-cache", join(folder, "cache"), "--lora-merge-cache", join(folder, "lora")],
    ...["--lora-merge-dtype", "float32", "--random-seed", "3", "--device", "cpu", "-j", "2", "--num-threads", "2"],
    ...["--write-threads", "2", "--out-shard-size", "5B", "--gpu-rich", "-v", "-vv"],
  ];

  it("are all accepted, each boolean with its --no- form", async () => {
    const on = await run(["merge", linear, newOut(), ...booleans.map((name) => `--${name}`), ...valued]);
    expect(on).toMatchObject({ status: 0 });
    const off = await run(["merge", linear, newOut(), ...booleans.map((name) => `--no-${name}`)]);
    expect(off).toMatchObject({ status: 0 });
  });

  it("say once when they have no effect", async () => {
    const { status, stderr } = await run([
      "merge",
      linear,
      newOut(),
      "--read-to-gpu",
      "--low-cpu-memory",
      "--no-async-write",
    ]);
    expect(status).toBe(0);
    expect(stderr.match(/--read-to-gpu has no effect/g)).toHaveLength(1);
    expect(stderr.match(/--low-cpu-memory has no effect/g)).toHaveLength(1);
    expect(stderr).not.toContain("async-write");
  });

  it("merge on a GPU with --cuda, or end with status 9 where there is none", async () => {
    const { cuda } = loadAddon().describe();
    const out = newOut();
    const { status, stderr } = await run(["merge", linear, out, "--cuda"]);
    if (cuda.startsWith("none: ")) {
      expect(status).toBe(9);
      expect(stderr).toContain(cuda.slice("none: ".length));
      expect(stderr).toContain("--device cpu");
      expect(existsSync(out)).toBe(false);
    } else {
      expect(status).toBe(0);
    }
    expect((await run(["merge", linear, newOut(), "--device", "cpu", "--cuda"])).status).toBe(0);
    expect((await run(["merge", linear, newOut(), "--device", "tpu"])).status).toBe(2);
  });

  it("leave out what they say", async () => {
    const out = newOut();
    expect((await run(["merge", linear, out, "--no-copy-tokenizer", "--no-write-model-card"])).status).toBe(0);
    const files = readdirSync(out);
    expect(files).toContain("model.safetensors");
    expect(files).not.toContain("tokenizer.json");
    expect(files).not.toContain("README.md");
  });

  it("cut the output into shards of the size asked for", async () => {
    const out = newOut();
    expect((await run(["merge", linear, out, "--out-shard-size", "1M"])).status).toBe(0);
    expect(readdirSync(out).filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name)).length).toBeGreaterThan(
      1,
    );
    expect(readdirSync(out)).toContain("model.safetensors.index.json");
  });
});

describe("plan, inspect and verify", () => {
  it("plan shows what a merge would do and writes nothing", async () => {
    const out = newOut();
    const plan = await run(["plan", linear, out]);
    const dryRun = await run(["merge", linear, out, "--dry-run"]);
    expect(plan).toMatchObject({ status: 0, stderr: "" });
    expect(plan.stdout).toMatch(/method\s+linear/);
    expect(plan.stdout).toMatch(/unmatched\s+0/);
    expect(dryRun.stdout.replace(/of .* free/, "")).toBe(plan.stdout.replace(/of .* free/, ""));
    expect(existsSync(out)).toBe(false);
  });

  it("plan needs no output folder and answers in JSON", async () => {
    const { status, stdout } = await run(["plan", linear, "--json"]);
    expect(status).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ ok: true, result: { method: "linear", unmatched: [] } });
  });

  it("inspect shows every tensor, the dtypes and the family", async () => {
    const { status, stdout, stderr } = await run(["inspect", demoModel]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^model\.layers\.3\.mlp\.up_proj\.weight\s+BF16\s+\[384, 128\]\s+98\.30 kB$/m);
    expect(stdout).toMatch(/^family\s+LlamaForCausalLM \(llama\)$/m);
    expect(stdout).toMatch(/^layers\s+4$/m);
  });

  it("inspect gives the same facts in JSON", async () => {
    const [line] = jsonLines((await run(["inspect", demoModel, "--json"])).stdout);
    expect(line).toMatchObject({ ok: true, result: { family: "LlamaForCausalLM (llama)", layers: 4, tied: true } });
  });

  it("verify accepts an output as written and names the file in which one bit flipped", async () => {
    const out = newOut();
    expect((await run(["merge", linear, out])).status).toBe(0);
    expect(await run(["verify", out])).toMatchObject({ status: 0, stderr: "" });

    const file = join(out, "model.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(file, bytes);
    const flipped = await run(["verify", out, "--json"]);
    expect(flipped.status).toBe(4);
    expect(flipped.stderr).toContain("model.safetensors");
    expect(jsonLines(flipped.stdout).at(-1)).toMatchObject({
      ok: false,
      result: { ok: false },
      error: { code: "BAD_INPUT" },
    });
  });
});

describe("a reader that goes away", () => {
  it("is no failure", async () => {
    const { spawnSync } = await import("node:child_process");
    const { main } = await import("./command.js");
    const script = `"${process.execPath}" "${main}" inspect "${demoModel}" | head -1; exit \${PIPESTATUS[0]}`;
    const { status, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("ends what is computed for it alone, as a closed pipe ends other tools, and without a word", async () => {
    const prompts = join(folder, "many.txt");
    writeFileSync(prompts, "The sea\n".repeat(5000));
    const args = [
      "generate",
      demoModel,
      "--engine",
      "native",
      "--prompts",
      prompts,
      "--quiet",
      "--max-new-tokens",
      "4",
    ];
    const generating = start([...args, "--batch", "2"]);
    await generating.line((line) => line.includes('"index"'));
    generating.process.stdout?.destroy();
    const { status, stdout, stderr } = await generating.finished;
    expect({ status, stderr }).toEqual({ status: 141, stderr: "" });
    expect(stdout.split("\n").length).toBeLessThan(4000);
  });
});

/** A one-tensor float32 checkpoint of zeros. */
function writeModel(path: string, name: string, shape: readonly number[]): void {
  const bytes = 4 * shape.reduce((a, b) => a * b, 1);
  const json = Buffer.from(JSON.stringify({ [name]: { dtype: "F32", shape, data_offsets: [0, bytes] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(bytes)]));
}
